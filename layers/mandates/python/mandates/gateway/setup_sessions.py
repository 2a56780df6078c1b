"""What Stripe is asked for when a customer sets up Amazon Pay."""

from typing import Any, cast

from stripe.params.checkout import SessionCreateParams

from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK
from mandates.gateway.checkout_locales import checkout_locale


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
) -> SessionCreateParams:
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
