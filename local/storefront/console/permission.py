"""What a customer agreed to, in plain words, from the values of the terms that govern the mandate."""

from collections.abc import Mapping
from typing import Any

from local.storefront.console.formatting import day, money

type Json = Mapping[str, Any]

_CALENDAR = {
    "day": "calendar day",
    "week": "calendar week",
    "month": "calendar month",
    "year": "calendar year",
}


def in_words(permission: Json) -> list[tuple[str, str]]:
    """Pairs of a question and its answer, such as `How much` and `Up to 300.00 USD for each charge`."""
    limits = permission["limits"]
    lines = [
        ("When", when(permission["frequency"])),
        ("How much", how_much(permission["amount"], limits)),
    ]
    if period := limits.get("per_period"):
        zone = period["time_zone"]
        most = money(period["amount"], limits["currency"])
        lines.append(("All together", f"Up to {most} in a {_CALENDAR[period['period']]} ({zone})"))
    if days := between(limits.get("first_date"), limits.get("last_date")):
        lines.append(("Days", days))
    if notice := permission.get("notice"):
        lines.append(("Notice", told_ahead(notice["hours"])))
    return lines


def when(frequency: Json) -> str:
    if frequency["kind"] == "one_time":
        return "Once"
    if frequency["kind"] == "unscheduled":
        return "Whenever it is due, such as for an order; there is no schedule"
    every, interval = frequency["every"], frequency["interval"]
    return f"Once every {interval}" if every == 1 else f"Once every {every} {interval}s"


def how_much(amount: Json, limits: Json) -> str:
    currency = limits["currency"]
    if amount["kind"] == "fixed":
        return f"Exactly {money(amount['amount'], currency)} for each charge"
    return f"Up to {money(limits['per_charge'], currency)} for each charge"


def between(first: str | None, last: str | None) -> str:
    """Both days are included. Empty without any."""
    if first and last:
        return f"From {day(first)} to {day(last)}"
    if first:
        return f"From {day(first)}"
    return f"Until {day(last)}" if last else ""


def told_ahead(hours: int) -> str:
    days, rest = divmod(hours, 24)
    unit = (
        f"{days} day{'s' if days > 1 else ''}"
        if days and not rest
        else f"{hours} hour{'s' if hours > 1 else ''}"
    )
    return f"The customer is told {unit} ahead of each charge of a varying amount"
