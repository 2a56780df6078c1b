"""The terms that govern a mandate, and what its charges hold of the calendar period that they limit."""

from dataclasses import dataclass

from mandates.core.charging.calendar import Span, calendar_period
from mandates.core.terms import Limits, Terms


@dataclass(frozen=True, slots=True)
class Spending:
    """`used` and `left` of the `period`, in minor units of `currency`."""

    currency: str
    used: int
    left: int
    period: Span


@dataclass(frozen=True, slots=True)
class Agreement:
    """The terms that govern a mandate. `spending` is None if they do not limit periods."""

    terms: Terms
    spending: Spending | None


def limited_period(terms: Terms, instant: int) -> Span | None:
    """The calendar period that contains the instant (epoch seconds); None without a limit for periods."""
    limit = terms.limits.per_period
    return calendar_period(limit.period, instant, terms.zone) if limit else None


def spending(limits: Limits, period: Span, used: int) -> Spending:
    """Charges can hold more than the limit: one that succeeds after it was given up counts anyway."""
    most = limits.per_period.amount if limits.per_period else 0
    return Spending(limits.currency, used, max(most - used, 0), period)
