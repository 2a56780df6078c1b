"""One checkout at a time per customer, and what to do with the one there is.

The slot is written, with every parameter Stripe will be sent, before Stripe is called. So a caller who
retries after a crash sends exactly the same under the same idempotency key, and gets the same session.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from mandates.core.mandate import Status

IDEMPOTENCY_WINDOW_SECONDS = 23 * 3600
"""Stripe keeps an idempotency key for at least 24 hours; an hour is left for clocks and slow calls.
https://docs.stripe.com/api/idempotent_requests"""

SESSION_LIFETIME_SECONDS = 23 * 3600 + 45 * 60
"""Stripe allows 30 minutes to 24 hours. The stored expiry must still be 30 minutes ahead when creation
is retried at the end of the idempotency window, and 15 minutes are left for clocks either way."""


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What the front end asked for; equal requests share a session while it is open."""

    terms_version: str
    terms_digest: str
    locale: str
    wording_digest: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stripe does not take the request's `field`, one of its URLs; `stripe_code` says why, if Stripe does."""

    field: str
    stripe_code: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A customer's current checkout. Times are epoch seconds.

    `params` is all that Stripe is sent. The session's id and URL are None until Stripe has answered, and stay
    so if that is a `refusal`.
    """

    mandate_id: str
    request: CheckoutRequest
    params: Mapping[str, Any]
    created_at: int
    expires_at: int
    checkout_session_id: str | None = None
    url: str | None = None
    refusal: Refusal | None = None

    @property
    def idempotency_key(self) -> str:
        return f"checkout-session/{self.mandate_id}"


class Step(Enum):
    """What a request for a checkout has to do about the slot it found."""

    START = auto()  # nothing in the way
    REUSE = auto()  # the same session again
    RESUME = auto()  # creation was begun and its answer never recorded: repeat it
    REPLACE = auto()  # something else is open: end that first
    ABANDON = auto()  # its creation can no longer be repeated safely: leave it behind
    REFUSE = auto()  # Stripe refused exactly this


def next_step(slot: Slot | None, request: CheckoutRequest, mandate: Status | None, now: int) -> Step:
    """`mandate` is the status of the slot's mandate, None if there is none."""
    if slot and slot.refusal and request == slot.request and now < slot.expires_at:
        return Step.REFUSE
    if slot is None or mandate is not Status.PENDING:
        return Step.START
    unresolved = slot.checkout_session_id is None
    if unresolved and now - slot.created_at >= IDEMPOTENCY_WINDOW_SECONDS:
        return Step.ABANDON
    if now >= slot.expires_at:
        return Step.START
    if request != slot.request:
        return Step.REPLACE
    return Step.RESUME if unresolved else Step.REUSE
