"""A charge's status, who holds room, and when somebody looks again: pure functions of its facts."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mandates.core.charging.decision import MOST_ATTEMPTS
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    EndReason,
    attempts,
    counted_attempts,
    failure_class,
    newest_attempt,
    of_attempt,
    succeeded_attempt,
)
from mandates.core.charging.notice import NoticeKey
from mandates.core.charging.refunds import pending_refunds, refunds_due_at
from mandates.core.charging.waits import DAY, LATEST_LOOK, SOON, pause_since


class ChargeStatus(StrEnum):
    PENDING = "pending"
    """Reserved, or an attempt has no outcome yet."""
    PROCESSING = "processing"
    """Stripe has not decided, or we are finding out, or the charge is ending and is not cancelled yet."""
    RETRYING = "retrying"
    NEEDS_CUSTOMER = "needs_customer"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


FINAL = frozenset({ChargeStatus.SUCCEEDED, ChargeStatus.FAILED, ChargeStatus.CANCELED})
HOLD_ROOM = frozenset(ChargeStatus) - {ChargeStatus.FAILED, ChargeStatus.CANCELED}

_OF_REASON = {
    EndReason.DECLINED: ChargeStatus.FAILED,
    EndReason.NOT_PERMITTED: ChargeStatus.FAILED,
    EndReason.OVERDUE: ChargeStatus.FAILED,
    EndReason.WITHDRAWN: ChargeStatus.CANCELED,
    EndReason.CANCELED: ChargeStatus.CANCELED,
}

_OF_CLASS = {
    ErrorClass.SOFT: ChargeStatus.RETRYING,
    ErrorClass.CUSTOMER: ChargeStatus.NEEDS_CUSTOMER,
    ErrorClass.FINAL: ChargeStatus.PROCESSING,
    ErrorClass.MANDATE: ChargeStatus.PROCESSING,
    ErrorClass.STATE: ChargeStatus.PROCESSING,
    ErrorClass.OURS_TO_MEND: ChargeStatus.RETRYING,
}


def charge_status(facts: ChargeFacts) -> ChargeStatus:
    """A success of any attempt beats all. Else the charge is over once Stripe has cancelled its intent, or
    once it ended before any attempt. Else the newest attempt says how it stands."""
    if succeeded_attempt(facts) is not None:
        return ChargeStatus.SUCCEEDED
    ending, newest = facts.get(ChargeKind.ENDING), newest_attempt(facts)
    if ChargeKind.INTENT_CANCELED in facts or (ending and newest == 0):
        return _ended(ending)
    if ending:
        return ChargeStatus.PROCESSING
    if failure := failure_class(facts, newest):
        return _OF_CLASS[failure]
    if of_attempt(facts, ChargeKind.ATTEMPT_NEEDS_ACTION, newest):
        return ChargeStatus.NEEDS_CUSTOMER
    if of_attempt(facts, ChargeKind.ATTEMPT_PROCESSING, newest):
        return ChargeStatus.PROCESSING
    return ChargeStatus.PENDING


def end_reason(facts: ChargeFacts) -> str:
    """Why a charge that failed or was cancelled ended: an EndReason, or a later release's word.

    Without a reason of ours, somebody cancelled the intent at Stripe.
    """
    ending = facts.get(ChargeKind.ENDING)
    return ending.detail["reason"] if ending else str(EndReason.CANCELED)


def is_settled(facts: ChargeFacts) -> bool:
    """Whether nothing more is expected: it is final, no refund is pending and no dispute open."""
    return charge_status(facts) in FINAL and not pending_refunds(facts) and not open_disputes(facts)


def _ended(ending: ChargeFact | None) -> ChargeStatus:
    reason = ending.detail.get("reason", "") if ending else ""
    return _OF_REASON[EndReason(reason)] if reason in set(EndReason) else ChargeStatus.CANCELED


# -------------------------------------------------------------------------------------------------- room


@dataclass(frozen=True, slots=True)
class Room:
    """What a charge holds: `amount` minor units of the period, the window, and the notice. The keys of period
    and window are those of Span."""

    amount: int
    period: str | None
    window: str | None
    notice: NoticeKey | None = None


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What a write does to the items of period, window and notice.

    `late`: the money was taken where room was no longer held. It counts all the same, even above the limit,
    and raises an alarm.
    """

    freed: Room | None
    taken: Room | None
    late: bool


def room(facts: ChargeFacts) -> Room | None:
    """What the charge holds now; None if nothing.

    An attempt counts in the period in which it was begun. The window and the notice stay those of the
    reservation: a weekly charge that is retried for days must not block the next week.
    """
    reserved = facts.get(ChargeKind.RESERVED)
    if reserved is None or charge_status(facts) not in HOLD_ROOM:
        return None
    counts = succeeded_attempt(facts) or newest_attempt(facts)
    begun = of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, counts) or reserved
    said = reserved.detail
    notice = NoticeKey(date.fromisoformat(said["notice_day"]), said["notice"]) if said.get("notice") else None
    return Room(int(said["amount"]), begun.detail.get("period"), said.get("window"), notice)


def room_change(before: ChargeFacts, after: ChargeFacts) -> RoomChange:
    """What becomes of the room when facts are added. Nothing, if both sides are equal."""
    held, holds = room(before), room(after)
    if held == holds:
        return RoomChange(None, None, late=False)
    late = succeeded_attempt(after) is not None and bool(before)
    return RoomChange(held, holds, late)


# --------------------------------------------------------------------------------------------------- due

MINUTE = 60

RETRIES_APART = DAY // 2
"""The least time from an attempt's begin to its retry, in seconds. Several of the days may have passed while
charging was paused or a limit was used up, and those retries must not follow at once."""


def due_at(facts: ChargeFacts, now: int) -> int | None:
    """When somebody looks at the charge again (epoch seconds); None exactly if it is final and none of its
    refunds is pending.

    To look may mean any step of `next_step` (core/charging/steps.py).
    """
    status = charge_status(facts)
    if status in FINAL:
        of_refunds = refunds_due_at(facts, now)
        return None if of_refunds is None else _whole_minute(of_refunds)
    charge_by = _charge_by(facts)
    match status:
        case ChargeStatus.NEEDS_CUSTOMER:
            due = now + SOON if charge_by is None else charge_by
        case ChargeStatus.RETRYING:
            due = retry_at(facts) or now + SOON
        case _:
            due = _whole_minute(now + _backoff(facts, now))
    return due if ChargeKind.ENDING in facts or charge_by is None else min(due, charge_by)


def retry_at(facts: ChargeFacts) -> int | None:
    """When the attempt after a newest one that failed is due (epoch seconds), without regard to `charge_by`.
    None if there is none any more: the charge has had its retries.

    0 if the newest attempt did not fail. A soft decline is retried on the days after the first attempt that
    the reservation names. Whatever is ours to mend waits twice as long each time, and is not one of these
    retries.
    """
    newest = newest_attempt(facts)
    failed, failure = of_attempt(facts, ChargeKind.ATTEMPT_FAILED, newest), failure_class(facts, newest)
    if failed is None or failure is None:
        return 0
    counted = counted_attempts(facts)
    if failure is ErrorClass.OURS_TO_MEND:
        return failed.at + min(SOON << min(len(attempts(facts)) - counted, 10), LATEST_LOOK)
    days = retry_days(facts)
    if counted > len(days) or counted >= MOST_ATTEMPTS:
        return None
    begun = of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, newest)
    apart = begun.at + RETRIES_APART if begun else 0
    return max(first_attempt_at(facts) + days[counted - 1] * DAY, apart, failed.at)


def retry_days(facts: ChargeFacts) -> list[int]:
    """On which days after the first attempt a soft decline is retried: those of the stack when the charge was
    reserved."""
    reserved = facts.get(ChargeKind.RESERVED)
    said = reserved.detail.get("retries", "") if reserved else ""
    return [int(day) for day in said.split(",") if day]


def first_attempt_at(facts: ChargeFacts) -> int:
    """Epoch seconds; 0 if none was begun."""
    begun = (fact.at for fact in facts.values() if fact.kind == ChargeKind.ATTEMPT_BEGUN)
    return min(begun, default=0)


def _backoff(facts: ChargeFacts, now: int) -> int:
    return pause_since(max((fact.at for fact in facts.values()), default=now), now)


def _whole_minute(at: int) -> int:
    """The end of the minute: charges that are due are looked for once a minute. So what is written a second
    after the reservation leaves the index of due charges alone."""
    return at + -at % MINUTE


def _charge_by(facts: ChargeFacts) -> int | None:
    reserved = facts.get(ChargeKind.RESERVED)
    return int(reserved.detail["charge_by"]) if reserved else None
