"""One checkout at a time per customer, and what to do with an existing one.

Before Stripe is called, the slot is written with every parameter that Stripe will get. So a caller who
retries after a crash sends exactly the same under the same idempotency key, and gets the same session. Once
the session is recorded, the parameters are deleted: the return token in them is kept nowhere.
"""

from dataclasses import dataclass

from mandates.core.checkout_slot import CheckoutRequest, Refusal, Slot
from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.core.mandate import Status

MOST_STARTS = 10
START_PERIOD_SECONDS = 3600
"""A customer may begin MOST_STARTS checkouts in this time. Each leaves a mandate with a consent, which is
kept forever, and takes one of the 25 sessions a second that Stripe creates for all customers together
(https://docs.stripe.com/rate-limits). Nobody who only changes their mind comes near the limit."""


@dataclass(frozen=True, slots=True)
class Start:
    """Nothing is in the way."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """A session is recorded for the same request: answer with it again if it is still open."""

    slot: Slot
    checkout_session_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Creation was begun for the same request, but its answer was never recorded: repeat it."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Replace:
    """The session of another request may be open: end it first."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Abandon:
    """Creation can no longer be repeated safely: leave it behind."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stripe refused exactly this."""

    refusal: Refusal


CheckoutStep = Start | Reuse | Resume | Replace | Abandon | Refuse
"""What to do about a request for a checkout, given the slot that it found."""


def checkout_step(
    slot: Slot | None, request: CheckoutRequest, mandate: Status | None, now: int
) -> CheckoutStep:
    """`mandate` is the status of the slot's mandate, None if there is none."""
    if slot and slot.refusal and request == slot.request and now < slot.expires_at:
        return Refuse(slot.refusal)
    if slot is None or mandate is not Status.PENDING:
        return Start()
    if slot.checkout_session_id is None and now - slot.created_at >= IDEMPOTENCY_WINDOW_SECONDS:
        return Abandon(slot)
    if now >= slot.expires_at:
        return Start()
    if request != slot.request:
        return Replace(slot)
    if slot.checkout_session_id is None:
        return Resume(slot)
    return Reuse(slot, slot.checkout_session_id, slot.url) if slot.url else Start()


def recent_starts(slot: Slot | None, now: int) -> dict[str, int]:
    """When the customer began the checkouts that count at `now`, by mandate id, earliest first."""
    starts = slot.starts if slot else {}
    recent = [(at, mandate_id) for mandate_id, at in starts.items() if at > now - START_PERIOD_SECONDS]
    return {mandate_id: at for at, mandate_id in sorted(recent)}


def wait_before_another(slot: Slot | None, now: int) -> int:
    """In how many seconds the customer may begin another checkout; 0 if they may now."""
    starts = list(recent_starts(slot, now).values())
    if len(starts) < MOST_STARTS:
        return 0
    return starts[-MOST_STARTS] + START_PERIOD_SECONDS - now
