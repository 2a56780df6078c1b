"""Amounts, times and ids as a merchant reads them; and amounts as a merchant writes them."""

import re
from datetime import UTC, date, datetime

from mandates.core.currencies import EXPONENTS, LARGEST_AMOUNT


class NotAnAmount(ValueError):
    """The message says what is wrong, for the person who typed it."""


def money(amount: int, currency: str) -> str:
    """Minor units as `1,299.00 USD`. What left a balance is negative: `−0.47 USD`."""
    sign = "−" if amount < 0 else ""
    if (digits := EXPONENTS.get(currency)) is None:  # a balance can be in a currency that nobody can charge
        return f"{sign}{abs(amount):,} {currency.upper()} (minor units)"
    whole, rest = divmod(abs(amount), 10**digits)
    fraction = f".{rest:0{digits}}" if digits else ""
    return f"{sign}{whole:,}{fraction} {currency.upper()}"


def typed(amount: int, currency: str) -> str:
    """Minor units as somebody would type them into a form: `1299.00`."""
    digits = EXPONENTS[currency]
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


def minor_units(text: str, currency: str) -> int:
    """The reverse of `typed`. Raises NotAnAmount, also for a comma: it could mean thousands or cents."""
    if (digits := EXPONENTS.get(currency)) is None:
        raise NotAnAmount("Choose a currency.")
    example = "12.99" if digits else "1299"
    found = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?", text.strip())
    if not found:
        raise NotAnAmount(f"Enter the amount as a number such as {example}.")
    whole, fraction = found[1], found[2] or ""
    if len(fraction) > digits:
        decimals = f"at most {digits} decimals" if digits else "no decimals"
        raise NotAnAmount(f"An amount in {currency.upper()} has {decimals}, such as {example}.")
    amount = int(whole + fraction.ljust(digits, "0"))
    if not 1 <= amount <= LARGEST_AMOUNT:
        raise NotAnAmount(f"Enter an amount from {money(1, currency)} to {money(LARGEST_AMOUNT, currency)}.")
    return amount


def moment(text: str) -> datetime:
    """A time of the API (RFC 3339, UTC)."""
    return datetime.fromisoformat(text).astimezone(UTC)


def time(text: str) -> str:
    """`27 Nov 2026, 21:30 UTC`"""
    at = moment(text)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def exact_time(text: str) -> str:
    """`27 Nov 2026, 21:30:05 UTC`"""
    at = moment(text)
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"


def day(text: str) -> str:
    """`27 Nov 2026`, of a date of the API."""
    one = date.fromisoformat(text)
    return f"{one.day} {one:%b %Y}"


def short_id(identifier: str) -> str:
    """Its kind and its end, for a table: `chg_…z7qa`. Short ids stay whole."""
    prefix, separator, rest = identifier.partition("_")
    if not separator or len(rest) <= 10 or len(prefix) > 8:
        return identifier if len(identifier) <= 24 else f"{identifier[:12]}…{identifier[-6:]}"
    return f"{prefix}_…{rest[-6:]}"
