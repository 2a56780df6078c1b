"""What happened, oldest first: a mandate's ledger, and a charge with its refunds and disputes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.storefront.console import words
from local.storefront.console.formatting import money
from local.storefront.console.words import Tone

type Json = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """`at` is the API's time. One that is `expected` lies ahead."""

    at: str
    title: str
    text: str = ""
    tone: Tone = "wait"
    source: str = ""
    expected: bool = False


def of_ledger(entries: Iterable[Json]) -> list[Moment]:
    """One for each kind of fact in each entry: an entry may hold several that came together."""
    return [
        _entry(kind, entry["recorded_at"], f"Entry {entry['number']} · {source(entry['source'])}")
        for entry in entries
        for kind in entry["kinds"]
    ]


def _entry(kind: str, at: str, told_by: str) -> Moment:
    entry = words.known(words.LEDGER_ENTRIES, kind)
    return Moment(at, entry.label, entry.meaning, entry.tone, told_by)


def source(text: str) -> str:
    """Where an entry comes from: `api:` and the call, or an event's id."""
    kind, _, rest = text.partition(":")
    if kind == "api":
        return f"API ({rest.replace('_', ' ')})"
    return f"Stripe's event {text}" if text.startswith("evt_") else text


def of_charge(charge: Json, refunds: Iterable[Json]) -> list[Moment]:
    """What is known of a charge with its time; what lies ahead comes last."""
    found = [
        Moment(
            charge["created_at"], "Requested", f"{money(charge['amount'], charge['currency'])} was reserved."
        )
    ]
    found += [_movement(one) for one in charge.get("movements", ())]
    found += [_refund(one) for one in refunds]
    for dispute in charge.get("disputes", ()):
        found += _dispute(dispute)
    found += _ahead(charge)
    return sorted(found, key=lambda moment: (moment.expected, moment.at))


def _refund(refund: Json) -> Moment:
    status = words.known(words.REFUND_STATUSES, refund["status"])
    by = "" if refund.get("actor") else " It was made in Stripe's Dashboard." if "actor" in refund else ""
    amount = money(refund["amount"], refund["currency"])
    return Moment(
        refund["requested_at"],
        f"Refund of {amount}: {status.label.lower()}",
        status.meaning + by,
        status.tone,
    )


def _movement(movement: Json) -> Moment:
    kind = movement["type"].replace("_", " ")
    amount, fee = (
        money(movement["amount"], movement["currency"]),
        money(movement["fee"], movement["currency"]),
    )
    return Moment(movement["created_at"], f"Booked by Stripe: {kind}", f"{amount} on the balance, fee {fee}.")


def _dispute(dispute: Json) -> list[Moment]:
    amount = money(dispute["amount"], dispute["currency"])
    status = dispute["status"].replace("_", " ")
    opened = Moment(dispute["opened_at"], f"Disputed: {amount}", f"Now: {status}.", "bad")
    if not (dispute["open"] and dispute["evidence_due_by"]):
        return [opened]
    due = Moment(
        dispute["evidence_due_by"],
        "Evidence is due",
        "Submit it in Stripe's Dashboard before then.",
        "bad",
        expected=True,
    )
    return [opened, due]


def _ahead(charge: Json) -> list[Moment]:
    ahead = []
    if charge["will_retry_at"]:
        ahead.append(Moment(charge["will_retry_at"], "Next attempt", expected=True))
    if charge["status"] in {"pending", "processing", "retrying", "needs_customer"}:
        ahead.append(
            Moment(charge["charge_by"], "Last time for attempts", "The charge ends then.", expected=True)
        )
    return ahead
