"""Stripe's Checkout Sessions: https://docs.stripe.com/api/checkout/sessions"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
import stripe

from mandates.core.errors import StripeRefused
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK
from mandates.gateway.checkout_locales import checkout_locale
from mandates.gateway.error_mapping import REFUSED, RequestRejected, ResourceMissing, errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params.checkout import SessionCreateParams


class CheckoutSession(msgspec.Struct, frozen=True):
    """An open session. `expires_at` in epoch seconds. Stripe need not name the SetupIntent yet."""

    checkout_session_id: str
    url: str
    expires_at: int
    setup_intent_id: str | None = None


class SessionNotOpen(Exception):
    """The session was completed or has expired; a webhook says which."""


class StripeCheckoutSessions:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def create(self, params: Mapping[str, Any], *, idempotency_key: str) -> CheckoutSession:
        """Create a Checkout Session from parameters built by `setup_session_params`."""
        with errors_ours():
            session = self._sdk.v1.checkout.sessions.create(
                cast("SessionCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if session.url is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        setup_intent = session.setup_intent
        return CheckoutSession(
            session.id,
            session.url,
            session.expires_at,
            setup_intent if isinstance(setup_intent, str) else None,
        )

    def retrieve(self, checkout_session_id: str) -> Mapping[str, Any]:
        """The session as Stripe has it now, with its SetupIntent.

        Plain values in the shapes of the objects in Stripe's events. Raises ResourceMissing, which says
        nothing about how the session ended: a key of another account does not know it either.
        """
        with errors_ours():
            session = self._sdk.v1.checkout.sessions.retrieve(
                checkout_session_id, {"expand": ["setup_intent"]}
            )
        return session.to_dict()

    def expire(self, checkout_session_id: str) -> None:
        """End an open session, so that nobody can complete it any more.

        Raises SessionNotOpen if it has ended already. After RequestRejected it is still open. After
        ResourceMissing nobody knows.
        """
        sessions = self._sdk.v1.checkout.sessions
        try:
            with errors_ours():
                sessions.expire(checkout_session_id)
        except ResourceMissing:
            raise
        except RequestRejected:
            # Stripe has no code of its own for "not open": only the session can tell.
            with errors_ours():
                found = sessions.retrieve(checkout_session_id)
            if found.status == "open":
                raise
            raise SessionNotOpen from None


def setup_session_params(
    *,
    mandate_id: str,
    owner_mark: str,
    stripe_customer_id: str,
    currency: str,
    success_url: str,
    cancel_url: str,
    locale: str,
    expires_at: int,
) -> "SessionCreateParams":
    """All that Stripe is sent to set up Amazon Pay for later; its page is in the `locale` of the terms shown.

    `allowed_payment_method_types` is a filter over what the account has enabled: Amazon Pay must be on
    in its payment method settings. The metadata is set on both objects, since setup_intent.* events
    carry only the SetupIntent's. https://docs.stripe.com/payments/amazon-pay/set-up-future-payments
    """
    metadata = {METADATA_MANDATE: mandate_id, METADATA_OWNER_MARK: owner_mark}
    return {
        "mode": "setup",
        "allowed_payment_method_types": ["amazon_pay"],
        "currency": currency,
        "customer": stripe_customer_id,
        "client_reference_id": mandate_id,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": cast("Any", checkout_locale(locale)),
        "expires_at": expires_at,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
    }
