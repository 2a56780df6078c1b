"""When a notice covers a charge.

Under terms that promise n hours' notice of a varying amount, a charge needs a notice of exactly its amount
for exactly its local day. Our clock counts: the n hours begin when the notice is recorded here. One notice
covers one charge. It covers retries on later days, too, once Stripe has answered an attempt of that day.
"""

from dataclasses import dataclass
from datetime import date

from mandates.core.charging.calendar import end_of_day, start_of_day
from mandates.core.terms import Terms

HOUR = 3_600


def needs_notice(terms: Terms) -> bool:
    """Whether each charge does. Terms promise notice of varying amounts only (docs/charging.md#notices)."""
    return terms.notice_hours is not None and terms.amount is None


@dataclass(frozen=True, slots=True)
class Cover:
    """The instants `start <= t < end` (epoch seconds) at which a charge's first attempt may begin. There are
    none if `end` is not after `start`."""

    start: int
    end: int

    def __contains__(self, instant: int) -> bool:
        return self.start <= instant < self.end

    @property
    def is_empty(self) -> bool:
        return self.end <= self.start


def cover(day: date, known_from: int, terms: Terms) -> Cover:
    """The cover of a notice for the local `day` that is recorded at `known_from` (epoch seconds): what is
    left of that day once the promised hours have passed."""
    whole_day, hours = cover_of_day(day, terms), terms.notice_hours or 0
    return Cover(max(whole_day.start, known_from + hours * HOUR), whole_day.end)


def cover_of_day(day: date, terms: Terms) -> Cover:
    """The cover of a charge that holds a notice for the local `day`, until its first attempt is begun: all of
    that day. Empty for the last day of the year 9999, whose end no calendar has."""
    start = start_of_day(day, terms.zone)
    return Cover(start, end_of_day(day, terms.zone) or start)
