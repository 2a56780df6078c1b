"""Refunds and disputes of a charge, as the API shows them."""

from typing import Any

from mandates.core.charging.disputes import Dispute
from mandates.core.charging.ids import charge_id_of_refund
from mandates.core.charging.refunds import Refund
from mandates.core.clock import rfc3339


def refund_view(refund: Refund, *, for_service: bool) -> dict[str, Any]:
    """`amount` in minor units. A customer sees how their refund stands. Only a service sees Stripe's id and
    word, and who asked."""
    return {
        "refund_id": refund.refund_id,
        "charge_id": charge_id_of_refund(refund.refund_id),
        "status": str(refund.status),
        "amount": refund.amount,
        "currency": refund.currency,
        "reason": refund.reason or None,
        "requested_at": rfc3339(refund.requested_at),
        **(
            {
                "actor": refund.actor or None,
                "stripe_refund_id": refund.stripe_refund_id,
                "failure": refund.failure or None,
            }
            if for_service
            else {}
        ),
    }


def dispute_view(dispute: Dispute) -> dict[str, Any]:
    """For a service. `amount` in minor units of `currency`; `status` is Stripe's word, `type` Amazon's."""
    due_by = dispute.evidence_due_by
    return {
        "dispute_id": dispute.dispute_id,
        "status": dispute.status,
        "open": dispute.is_open,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "reason": dispute.reason or None,
        "type": dispute.kind or None,
        "opened_at": rfc3339(dispute.opened_at),
        "evidence_due_by": None if due_by is None else rfc3339(due_by),
    }
