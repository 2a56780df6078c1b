"""The next step of a charge: a pure function of its facts and the time.

Requests, the queue's consumer and releases all ask it, so they go on wherever the last one stopped.
"""

from dataclasses import dataclass

from mandates.core.charging.charge import FINAL, ChargeStatus, charge_status, retry_at
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    ChargeFacts,
    ChargeKind,
    EndReason,
    Finding,
    failure_class,
    found,
    newest_attempt,
    of_attempt,
)
from mandates.core.charging.refunds import pending_refunds
from mandates.core.charging.waits import KEY_SECONDS


@dataclass(frozen=True, slots=True)
class Nothing:
    """The charge is final, or it is not time yet, or only the customer or Stripe can change anything."""


@dataclass(frozen=True, slots=True)
class CreateIntent:
    """Create the intent at Stripe, and record its id. Begin the first attempt with it, if that is permitted
    now."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin the attempt with this number, if it is permitted, and confirm the intent."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ConfirmAgain:
    """Nobody knows how the attempt ended. If it is still permitted, make the same call under the same key."""

    attempt: int


@dataclass(frozen=True, slots=True)
class FindOut:
    """Nobody knows how the attempt ended, and its key is too old. Read the intent; if that proves nothing,
    begin the next attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ReadIntent:
    """Stripe had not decided on the attempt. Read the intent."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Examine:
    """Stripe says that something is wrong with its Mandate, the payment method or the intent. Read them."""

    attempt: int
    failure: ErrorClass


@dataclass(frozen=True, slots=True)
class End:
    reason: EndReason


@dataclass(frozen=True, slots=True)
class CancelIntent:
    """Cancel the intent at Stripe; if Stripe does not, what it says instead is the outcome."""


@dataclass(frozen=True, slots=True)
class FollowRefunds:
    """Stripe has not decided on every refund, or has not said that it has them. Read them at Stripe, and send
    those that it lacks."""


type Step = (
    Nothing
    | CreateIntent
    | Begin
    | ConfirmAgain
    | FindOut
    | ReadIntent
    | Examine
    | End
    | CancelIntent
    | FollowRefunds
)


def next_step(facts: ChargeFacts, now: int) -> Step:
    """The step that is due at `now` (epoch seconds).

    It does not know the mandate. The caller decides whether an attempt may be begun or repeated.
    """
    status = charge_status(facts)
    if status is ChargeStatus.SUCCEEDED:
        return FollowRefunds() if pending_refunds(facts) else Nothing()
    if status in FINAL or ChargeKind.ENDING in facts:
        return CancelIntent() if _may_be_canceled(facts) else Nothing()
    newest = newest_attempt(facts)
    failure = failure_class(facts, newest)
    reason = _why_it_ends(facts, status, now)
    if reason:
        return End(reason)
    match status:
        case ChargeStatus.PENDING:
            return _pending(facts, newest, now)
        case ChargeStatus.RETRYING:
            return Begin(newest + 1) if now >= (retry_at(facts) or 0) else Nothing()
        case ChargeStatus.PROCESSING if failure:
            return Examine(newest, failure)
        case ChargeStatus.PROCESSING:
            return ReadIntent(newest)
    return Nothing()


def not_before(facts: ChargeFacts) -> int:
    """The earliest instant (epoch seconds) at which another attempt may be decided on. A clock that was set
    back must not bring back a period that our own facts have left."""
    return max((fact.at for fact in facts.values() if fact.is_our_own), default=0)


def _why_it_ends(facts: ChargeFacts, status: ChargeStatus, now: int) -> EndReason | None:
    newest = newest_attempt(facts)
    if failure_class(facts, newest) is ErrorClass.FINAL:
        return EndReason.DECLINED
    if found(facts, newest) == Finding.WITHDRAWN:
        return EndReason.WITHDRAWN
    if status is ChargeStatus.RETRYING and retry_at(facts) is None:
        return EndReason.DECLINED
    if now >= int(facts[ChargeKind.RESERVED].detail["charge_by"]):
        return EndReason.OVERDUE
    return None


def _may_be_canceled(facts: ChargeFacts) -> bool:
    """Even if the charge ended before any attempt. Its intent can't take money, but nobody will need it."""
    return ChargeKind.INTENT_CREATED in facts and ChargeKind.INTENT_CANCELED not in facts


def _pending(facts: ChargeFacts, newest: int, now: int) -> Step:
    if ChargeKind.INTENT_CREATED not in facts:
        return CreateIntent()
    if newest == 0:
        return Begin(1)
    begun = of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, newest)
    if begun and now - begun.at < KEY_SECONDS:
        return ConfirmAgain(newest)
    return FindOut(newest)
