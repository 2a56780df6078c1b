"""Stripe's disputes: https://docs.stripe.com/api/disputes"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import stripe

from mandates.core.charging.disputes import StripeDispute
from mandates.gateway.error_mapping import errors_ours
from mandates.gateway.lists import PER_PAGE

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import DisputeListParams


class StripeDisputes:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def of_intent(self, payment_intent_id: str) -> list[StripeDispute]:
        """All disputes of a PaymentIntent, newest first. https://docs.stripe.com/api/disputes/list"""
        params: DisputeListParams = {"payment_intent": payment_intent_id, "limit": PER_PAGE}
        with errors_ours():
            listed = self._sdk.v1.disputes.list(params)
            return [stripe_dispute(one.to_dict()) for one in listed.auto_paging_iter()]


def stripe_dispute(dispute: Mapping[str, Any]) -> StripeDispute:
    """A dispute in an answer of Stripe's.

    `due_by` is 0 if no evidence is accepted:
    https://docs.stripe.com/api/disputes/object#dispute_object-evidence_details-due_by
    """
    method = dispute.get("payment_method_details") or {}
    evidence = dispute.get("evidence_details") or {}
    return StripeDispute(
        dispute_id=dispute["id"],
        payment_intent_id=dispute.get("payment_intent"),
        status=dispute["status"],
        amount=dispute["amount"],
        currency=dispute["currency"],
        created=dispute["created"],
        charge=dispute.get("charge"),
        reason=dispute.get("reason") or "",
        kind=(method.get("amazon_pay") or {}).get("dispute_type") or "",
        evidence_due_by=evidence.get("due_by") or None,
    )
