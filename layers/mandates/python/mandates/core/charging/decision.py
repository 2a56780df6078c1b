"""Whether a mandate permits a charge at an instant: one pure function, `decide`.

It names every reason that applies, what is left of the period, and the earliest instant from which the charge
would be permitted if nothing else changed. Limits are read as the UK's variable recurring payments read them:
most per payment, most per calendar period in the consent's own zone, first and last date in that zone
(https://standards.openbanking.org.uk, the control parameters of a variable recurring payment).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from mandates.core.charging.calendar import (
    Span,
    calendar_period,
    day_of,
    day_period,
    end_of_day,
    start_of_day,
    window,
)
from mandates.core.charging.cover import Cover, cover, cover_of_day, needs_notice
from mandates.core.charging.notice import Notice
from mandates.core.charging.reasons import Reason
from mandates.core.currencies import CURRENCIES, is_amount
from mandates.core.mandate import Status
from mandates.core.terms import FrequencyKind, Terms

MOST_DECLINES_A_DAY = 10
"""Per mandate and local day; successes don't count. Our own rule: elsewhere, a loop made 486 of them in
4.5 hours (akash-network/console#3756)."""

MOST_ATTEMPTS = 10
"""Per charge."""


@dataclass(frozen=True, slots=True)
class ChargeRules:
    """What the stack's parameters say about charges.

    `return_required`: a mandate is charged only if its customer was seen to come back from the set-up.
    `while_disputed`: a mandate is charged even while one of its charges is disputed. `retry_days`: on which
    days after the first attempt a soft decline is retried, in ascending order.
    """

    return_required: bool = False
    while_disputed: bool = False
    retry_days: tuple[int, ...] = (1, 3, 7)


def days_of(text: str) -> tuple[int, ...]:
    """The days of a list such as "1,3,7"; none of "none". Raises ValueError if it is not a list of days."""
    days = () if text == "none" else tuple(sorted({int(day) for day in text.split(",")}))
    if any(day < 1 for day in days):
        raise ValueError("the first retry is a day after the first attempt, or later")
    return days


@dataclass(frozen=True, slots=True)
class Standing:
    """How the mandate stands, and the stack.

    `activated_at` is when the set-up succeeded (epoch seconds); None if it did not. `returned`: whether the
    customer was seen to come back from it. `disputed`: whether a dispute about one of its charges is open.
    """

    status: Status
    activated_at: int | None = None
    returned: bool = False
    disputed: bool = False
    paused: bool = False
    rules: ChargeRules = ChargeRules()


@dataclass(frozen=True, slots=True)
class Own:
    """What the charge itself holds when another of its attempts is decided on. It does not stand in its own
    way: its amount is taken out of `period`, and it stays in the window of its first attempt.

    `attempts` is how many count so far, `answered` whether Stripe has said anything of any. `noticed` is the
    local day of the notice that it has.
    """

    period: str | None
    window: str | None
    attempts: int
    answered: bool = False
    noticed: date | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """Raises ValueError unless the amount is one in minor units and the currency is in the closed list.

    `own` is None for a charge that holds nothing yet.
    """

    amount: int
    currency: str
    own: Own | None = None

    def __post_init__(self) -> None:
        if not is_amount(self.amount) or self.currency not in CURRENCIES:
            raise ValueError("a charge has an amount from 1 to 99,999,999 and a known currency")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the mandate's charges hold, as read from the store.

    `used`: minor units by the key of a period. `windows`: the keys of those that another charge has.
    `declines`: declined attempts by local day. `anchor`: the local day that windows count from, once the
    first reservation has frozen it. `reference`: why the request's reference is taken (`in_progress` or
    `already_charged`); None if it is free, or if only the charge itself has it. `notices`: those that no
    charge has, for the current local day and later ones. `notice_shared`: another charge has the request's
    own notice, too, because it succeeded after it was given up.
    """

    used: Mapping[str, int] = field(default_factory=dict)
    windows: frozenset[str] = frozenset()
    declines: Mapping[str, int] = field(default_factory=dict)
    anchor: date | None = None
    reference: Reason | None = None
    notices: tuple[Notice, ...] = ()
    notice_shared: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`period`, `window` and `day` are those that an attempt begun now would count in. `notice` is the one
    that a reservation uses: of those that cover it now, the one recorded first.

    `left` is what is left of the period in minor units, before this charge; None without such a limit.
    `earliest` is the first instant (epoch seconds), not before now, at which the charge would be permitted
    with the same usage; None if time alone does not bring it.
    """

    reasons: tuple[Reason, ...]
    period: Span | None
    window: Span | None
    day: str
    left: int | None
    earliest: int | None
    anchor: date | None
    notice: Notice | None = None

    @property
    def permitted(self) -> bool:
        return not self.reasons


NEVER = None
"""As the end of a refusal: time alone does not end it."""


def decide(standing: Standing, terms: Terms, usage: Usage, request: ChargeRequest, now: int) -> Decision:
    """Whether the charge, or its next attempt, may begin at `now` (epoch seconds).

    A withdrawal or a pause that is committed later is not known here: whoever reserves or begins makes the
    write conditional on what this was decided from.
    """
    question = _Question(standing, terms, usage, request, terms.zone)
    refusals = question.refusals(now)
    period, left = question.period(now), None
    if period and terms.limits.per_period:
        left = max(0, terms.limits.per_period.amount - question.used(period))
    return Decision(
        reasons=tuple(reason for reason in Reason if reason in refusals),
        period=period,
        window=question.window(now),
        day=day_of(now, question.zone).isoformat(),
        left=left,
        earliest=_earliest(question, now),
        anchor=question.anchor,
        notice=question.notice(now),
    )


def put_off_until(decision: Decision, charge_by: int) -> int | None:
    """When an attempt that is refused now is due; None if it is never permitted before `charge_by`. Then the
    charge ends as not permitted."""
    earliest = decision.earliest
    return earliest if earliest is not None and earliest < charge_by else None


def _earliest(question: "_Question", now: int) -> int | None:
    """Each refusal holds at least until the end it names, so nothing is missed by going to the latest end."""
    instant = now
    while refusals := question.refusals(instant):
        ends = [end for end in refusals.values() if end is not None]
        if len(ends) < len(refusals):
            return None
        instant = max(ends)
    return instant


@dataclass(frozen=True, slots=True)
class _Question:
    standing: Standing
    terms: Terms
    usage: Usage
    request: ChargeRequest
    zone: ZoneInfo

    def refusals(self, instant: int) -> dict[Reason, int | None]:
        """By reason: until when it holds, or NEVER."""
        return {
            **dict.fromkeys(self._of_mandate(), NEVER),
            **dict.fromkeys(self._of_amount(), NEVER),
            **dict(self._of_time(instant)),
            **dict(self._of_notice(instant)),
            **dict(self._of_use(instant)),
        }

    @property
    def anchor(self) -> date | None:
        if self.usage.anchor or self.standing.activated_at is None:
            return self.usage.anchor
        return day_of(self.standing.activated_at, self.zone)

    def period(self, instant: int) -> Span | None:
        limit = self.terms.limits.per_period
        return calendar_period(limit.period, instant, self.zone) if limit else None

    def window(self, instant: int) -> Span | None:
        anchor = self.anchor
        return window(self.terms.frequency, anchor, instant, self.zone) if anchor else None

    def used(self, period: Span) -> int:
        """By other charges."""
        used, own = self.usage.used.get(period.key, 0), self.request.own
        return used - self.request.amount if own and own.period == period.key else used

    def notice(self, instant: int) -> Notice | None:
        """The one that a reservation at the instant uses; None if there is none, or none is needed."""
        covering = [notice for notice, of_notice in self._notices() if instant in of_notice]
        return min(covering, key=lambda notice: notice.number, default=None)

    def _notices(self) -> Iterator[tuple[Notice, Cover]]:
        """Those that a reservation may use at some time."""
        if not needs_notice(self.terms) or self.request.own:
            return
        for notice in self.usage.notices:
            of_notice = cover(notice.day, notice.known_from, self.terms)
            said = (notice.amount, notice.currency)
            if said == (self.request.amount, self.request.currency) and not of_notice.is_empty:
                yield notice, of_notice

    def _of_mandate(self) -> Iterator[Reason]:
        standing = self.standing
        if standing.status is Status.REVOKED:
            yield Reason.MANDATE_REVOKED
        elif standing.status is not Status.ACTIVE:
            yield Reason.MANDATE_NOT_ACTIVE
        if standing.disputed and not standing.rules.while_disputed:
            yield Reason.DISPUTED
        if standing.rules.return_required and not standing.returned:
            yield Reason.RETURN_NOT_SEEN
        if standing.paused:
            yield Reason.CHARGING_PAUSED
        if self.usage.reference:
            yield self.usage.reference

    def _of_amount(self) -> Iterator[Reason]:
        amount, terms = self.request.amount, self.terms
        if self.request.currency != terms.limits.currency:
            yield Reason.CURRENCY_NOT_AGREED
            return
        if terms.amount is not None and amount != terms.amount:
            yield Reason.AMOUNT_NOT_AGREED
        if amount > terms.limits.per_charge:
            yield Reason.ABOVE_CHARGE_LIMIT

    def _of_time(self, instant: int) -> Iterator[tuple[Reason, int | None]]:
        limits = self.terms.limits
        if limits.first_date:
            start = start_of_day(date.fromisoformat(limits.first_date), self.zone)
            if instant < start:
                yield Reason.BEFORE_START, start
        if limits.last_date:
            end = end_of_day(date.fromisoformat(limits.last_date), self.zone)
            if end is not None and instant >= end:
                yield Reason.AFTER_END, NEVER

    def _of_notice(self, instant: int) -> Iterator[tuple[Reason, int | None]]:
        """A charge is covered for good once Stripe has answered an attempt that was begun on the day of its
        notice. A charge that was given up may still succeed: then the one that has its notice is refused."""
        own = self.request.own
        if not needs_notice(self.terms):
            return
        if own and self.usage.notice_shared:
            yield Reason.NOTICE_REQUIRED, NEVER
            return
        if own and own.answered:
            return
        covers = [of_notice for _, of_notice in self._notices()]
        if own and own.noticed:
            covers = [cover_of_day(own.noticed, self.terms)]
        if not any(instant in one for one in covers):
            later = [one.start for one in covers if one.start > instant]
            yield Reason.NOTICE_REQUIRED, min(later, default=NEVER)

    def _of_use(self, instant: int) -> Iterator[tuple[Reason, int | None]]:
        limit, period = self.terms.limits.per_period, self.period(instant)
        if limit and period and self.request.currency == self.terms.limits.currency:
            if self.request.amount > limit.amount:
                yield Reason.ABOVE_PERIOD_LIMIT, NEVER
            elif self.used(period) + self.request.amount > limit.amount:
                yield Reason.ABOVE_PERIOD_LIMIT, period.end
        yield from self._of_windows(instant)
        own = self.request.own
        if own and own.attempts >= MOST_ATTEMPTS:
            yield Reason.TOO_MANY_ATTEMPTS, NEVER
        else:
            today = day_period(instant, self.zone)
            if self.usage.declines.get(today.key, 0) >= MOST_DECLINES_A_DAY:
                yield Reason.TOO_MANY_ATTEMPTS, today.end

    def _of_windows(self, instant: int) -> Iterator[tuple[Reason, int | None]]:
        """A charge that was given up may still succeed. Then the one that has its window now is refused."""
        once = self.terms.frequency.kind is FrequencyKind.ONE_TIME
        reason = Reason.ONE_TIME_ALREADY_USED if once else Reason.TOO_FREQUENT
        own, window_ = self.request.own, self.window(instant)
        if own and own.window:
            if own.window in self.usage.windows:
                yield reason, NEVER
        elif window_ and window_.key in self.usage.windows:
            yield reason, window_.end
