"""What is kept of a customer's current checkout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What the front end asked for. Equal requests share a session while it is open."""

    terms_version: str
    terms_digest: str
    locale: str
    wording_digest: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stripe does not accept the URL in the request's `field`. `stripe_code` says why, if Stripe does."""

    field: str
    stripe_code: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A customer's current checkout. Times are epoch seconds.

    `params` is everything that Stripe gets. It is empty once the session's id and URL are known. Those are
    None until Stripe has answered, and stay None if the answer is a `refusal`. `starts` says by mandate id
    when this checkout and those of the hour before it were begun, earliest first. Earlier ones are in the
    index of mandates.
    """

    mandate_id: str
    request: CheckoutRequest
    params: Mapping[str, Any]
    created_at: int
    expires_at: int
    starts: Mapping[str, int]
    checkout_session_id: str | None = None
    url: str | None = None
    refusal: Refusal | None = None

    @property
    def idempotency_key(self) -> str:
        return f"checkout-session/{self.mandate_id}"
