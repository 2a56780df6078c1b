"""Stripe's refunds: https://docs.stripe.com/api/refunds

Those of Amazon Pay are asynchronous: https://docs.stripe.com/payments/amazon-pay#refunds
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import stripe

from mandates.core.charging.refunds import StripeRefund
from mandates.core.stripe_events.projection import (
    METADATA_CHARGE,
    METADATA_MANDATE,
    METADATA_OWNER_MARK,
    METADATA_REFUND,
)
from mandates.gateway.error_mapping import errors_ours
from mandates.gateway.lists import PER_PAGE
from mandates.gateway.payment_intents import payment_errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import RefundCreateParams, RefundListParams


class StripeRefunds:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def create(self, params: Mapping[str, Any], *, idempotency_key: str) -> StripeRefund:
        """Give money back, with the parameters of `refund_params`. Raises PaymentRefused.

        The refund that returns has usually not succeeded yet: its `status` is `pending`.
        """
        with payment_errors_ours():
            refund = self._sdk.v1.refunds.create(
                cast("RefundCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        return stripe_refund(refund.to_dict())

    def retrieve(self, stripe_refund_id: str) -> StripeRefund:
        """The refund as Stripe has it now. Raises ResourceMissing, which says nothing about the money: a key
        of another account does not know the refund either."""
        with errors_ours():
            return stripe_refund(self._sdk.v1.refunds.retrieve(stripe_refund_id).to_dict())

    def of_intent(self, payment_intent_id: str) -> list[StripeRefund]:
        """All refunds of a PaymentIntent, newest first, whoever made them. Raises RequestRejected or
        ResourceMissing if Stripe does not know the intent.

        https://docs.stripe.com/api/refunds/list
        """
        params: RefundListParams = {"payment_intent": payment_intent_id, "limit": PER_PAGE}
        with errors_ours():
            listed = self._sdk.v1.refunds.list(params)
            return [stripe_refund(one.to_dict()) for one in listed.auto_paging_iter()]


def stripe_refund(refund: Mapping[str, Any]) -> StripeRefund:
    """A refund in an answer of Stripe's."""
    return StripeRefund(
        stripe_refund_id=refund["id"],
        payment_intent_id=refund.get("payment_intent"),
        status=refund.get("status") or "",
        amount=refund["amount"],
        currency=refund["currency"],
        created=refund["created"],
        refund_id=(refund.get("metadata") or {}).get(METADATA_REFUND, ""),
        reason=refund.get("reason") or "",
        failure_reason=refund.get("failure_reason") or "",
    )


def refund_params(
    *,
    payment_intent_id: str,
    amount: int,
    reason: str | None,
    owner_mark: str,
    mandate_id: str,
    charge_id: str,
    refund_id: str,
) -> "RefundCreateParams":
    """All that Stripe is sent to refund a charge; `amount` in minor units.

    All of it follows from what is stored, so a repeat under the same key has the same parameters. `reason` is
    Stripe's: `duplicate`, `fraudulent` or `requested_by_customer`.
    https://docs.stripe.com/api/refunds/create
    """
    params: RefundCreateParams = {
        "payment_intent": payment_intent_id,
        "amount": amount,
        "metadata": {
            METADATA_OWNER_MARK: owner_mark,
            METADATA_MANDATE: mandate_id,
            METADATA_CHARGE: charge_id,
            METADATA_REFUND: refund_id,
        },
    }
    if reason:
        params["reason"] = reason
    return params
