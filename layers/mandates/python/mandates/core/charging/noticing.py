"""Whether a notice is recorded. One that no charge could ever use is refused at once, and says why."""

from dataclasses import replace
from datetime import date, timedelta

from mandates.core.charging.calendar import day_of, start_of_day
from mandates.core.charging.cover import HOUR, cover
from mandates.core.charging.decision import ChargeRequest, Standing, Usage, decide
from mandates.core.charging.notice import Notice
from mandates.core.errors import InvalidRequest, NoticeRefused, NoticeTooLate
from mandates.core.mandate import Status
from mandates.core.terms import Terms

MOST_DAYS_AHEAD = 366
"""After the first day for which a notice could be recorded now. A later one must be an error."""


def must_be_of_use(notice: Notice, status: Status, terms: Terms) -> None:
    """Raises NoticeRefused, NoticeTooLate, or an InvalidRequest that names `date`, unless some charge may use
    the notice. Under terms that promise none, `notice` may be for today."""
    on_its_day = max(start_of_day(notice.day, terms.zone), notice.known_from)
    without_notice = replace(terms, notice_hours=None)
    request = ChargeRequest(notice.amount, notice.currency)
    reasons = decide(Standing(status), without_notice, Usage(), request, on_its_day).reasons
    if reasons:
        raise NoticeRefused(
            f"the mandate never permits this charge: {', '.join(reasons)}",
            reasons=[str(reason) for reason in reasons],
            currency=terms.limits.currency,
        )
    earliest = _earliest_day(notice.known_from, terms)
    if earliest and notice.day - earliest > timedelta(days=MOST_DAYS_AHEAD):
        raise InvalidRequest(f"date must be at most {MOST_DAYS_AHEAD} days after {earliest.isoformat()}")
    if earliest is None or cover(notice.day, notice.known_from, terms).is_empty:
        raise NoticeTooLate(
            f"{_promise(terms)}: a notice that is recorded now can't be for {notice.day.isoformat()}",
            earliest_date=earliest.isoformat() if earliest else None,
        )


def _earliest_day(known_from: int, terms: Terms) -> date | None:
    """The first local day that a notice of now can be for; None if it lies beyond the year 9999."""
    permitted_from = known_from + HOUR * (terms.notice_hours or 0)
    if permitted_from >= start_of_day(date.max, terms.zone):
        return None
    return day_of(permitted_from, terms.zone)


def _promise(terms: Terms) -> str:
    if terms.notice_hours is None:
        return "that day is over"
    return f"the terms promise notice {terms.notice_hours} hours before the charge"
