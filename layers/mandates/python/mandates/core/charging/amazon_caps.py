"""Amazon's own monthly caps on what one permission may be charged.

Amazon Pay's documentation (developer.amazon.com, monthly charge limits) has two kinds of permission with
different caps: recurring, and saved wallet at fifteen times as much (twenty for JPY). Stripe does not say
which kind it asks for. So the lower cap is taken, and only to warn: Amazon enforces its own.
"""

from collections.abc import Iterator, Mapping

from mandates.core.currencies import minor_units
from mandates.core.terms import Period, Terms

LOWER_MONTHLY_CAP: Mapping[str, int] = {
    "aud": 1_000,
    "chf": 1_000,
    "dkk": 10_000,
    "eur": 1_000,
    "gbp": 1_000,
    "hkd": 10_000,
    "jpy": 100_000,
    "nok": 10_000,
    "nzd": 1_000,
    "sek": 10_000,
    "usd": 1_000,
    "zar": 10_000,
}
"""By currency, in whole units."""


def lower_cap(currency: str) -> int:
    """In minor units."""
    return minor_units(LOWER_MONTHLY_CAP[currency], currency)


def limits_above_amazons(terms: Terms) -> Iterator[str]:
    """A sentence for each limit of the terms that promises more than Amazon may let through in a month."""
    limits, cap = terms.limits, lower_cap(terms.limits.currency)
    if limits.per_charge > cap:
        yield _sentence("limits.per_charge", limits.per_charge, limits.currency, cap)
    period = limits.per_period
    months = 12 if period and period.period is Period.YEAR else 1
    if period and period.amount > cap * months:
        yield _sentence("limits.per_period.amount", period.amount, limits.currency, cap * months)


def _sentence(name: str, amount: int, currency: str, cap: int) -> str:
    return f"{name} ({amount}) is above what Amazon's lower monthly cap in {currency} lets through ({cap})"
