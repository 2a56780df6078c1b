"""Charges, and answers to whether one is permitted, as the API shows them.

Amounts stay in minor units: whoever shows them knows how many digits the currency has.
"""

from collections.abc import Sequence
from typing import Any

from mandates.api.refund_views import dispute_view
from mandates.api.views import span_view, time_view
from mandates.core.charging.charge import ChargeStatus, end_reason
from mandates.core.charging.decision import Decision
from mandates.core.charging.disputes import disputes
from mandates.core.charging.facts import (
    ChargeKind,
    attempts,
    failure_class,
    newest_attempt,
    of_attempt,
)
from mandates.core.charging.head import Charge
from mandates.core.charging.movements import Movement, totals
from mandates.core.charging.refunds import left_to_refund, refunded
from mandates.core.clock import rfc3339

_ENDED = frozenset({ChargeStatus.FAILED, ChargeStatus.CANCELED})


def charge_view(charge: Charge, *, for_service: bool) -> dict[str, Any]:
    """A customer sees how their charge stands. Only a service sees Stripe's ids and words."""
    return {
        "charge_id": charge.charge_id,
        "mandate_id": charge.mandate_id,
        "status": str(charge.status),
        "amount": charge.amount,
        "currency": charge.currency,
        "reference": charge.reference,
        "description": charge.description,
        "created_at": charge.created_at,
        "charge_by": rfc3339(charge.charge_by),
        "attempts": len(attempts(charge.facts)),
        "will_retry_at": _will_retry_at(charge),
        "end_reason": end_reason(charge.facts) if charge.status in _ENDED else None,
        "refunded": refunded(charge.facts),
        "refundable": left_to_refund(charge.facts),
        **(_for_a_service(charge) if for_service else {}),
    }


def _for_a_service(charge: Charge) -> dict[str, Any]:
    return {
        "payment_intent_id": charge.payment_intent_id,
        "failure": failure_view(charge),
        "disputes": [dispute_view(dispute) for dispute in disputes(charge.facts)],
    }


def books_view(movements: Sequence[Movement]) -> dict[str, Any]:
    """For a service: what the charge and its refunds and disputes moved on the Stripe balance, and what they
    cost and left in all. No amounts of two currencies are added."""
    by_currency = totals(movements)
    currency = next(iter(by_currency)) if len(by_currency) == 1 else None
    total = by_currency[currency] if currency else None
    return {
        "fee": total.fee if total else None,
        "net": total.net if total else None,
        "balance_currency": currency,
        "movements": [
            {
                "balance_transaction_id": movement.transaction_id,
                "type": movement.type,
                "source_id": movement.source,
                "amount": movement.amount,
                "fee": movement.fee,
                "net": movement.net,
                "currency": movement.currency,
                "created_at": rfc3339(movement.created),
                "available_on": rfc3339(movement.available_on),
                "exchange_rate": movement.exchange_rate,
                "payout_id": movement.payout,
            }
            for movement in movements
        ],
    }


def failure_view(charge: Charge) -> dict[str, str | None] | None:
    """Why the newest attempt failed; None if it did not, or if the charge succeeded all the same."""
    newest = newest_attempt(charge.facts)
    failed = of_attempt(charge.facts, ChargeKind.ATTEMPT_FAILED, newest)
    if failed is None or charge.status is ChargeStatus.SUCCEEDED:
        return None
    return {
        "class": failure_class(charge.facts, newest),
        "code": failed.detail.get("code"),
        "decline_code": failed.detail.get("decline_code"),
    }


def decision_view(decision: Decision, *, currency: str) -> dict[str, Any]:
    """Whether a charge is permitted. `currency` is that of the limits; `left` is in its minor units."""
    return {
        "permitted": decision.permitted,
        "reasons": [str(reason) for reason in decision.reasons],
        "left": decision.left,
        "currency": currency,
        "earliest": time_view(decision.earliest),
        "period": span_view(decision.period) if decision.period else None,
        "window": span_view(decision.window) if decision.window else None,
    }


def _will_retry_at(charge: Charge) -> str | None:
    """None also where the charge ends before another attempt would be due."""
    if (
        charge.status is not ChargeStatus.RETRYING
        or charge.due_at is None
        or charge.due_at >= charge.charge_by
    ):
        return None
    return rfc3339(charge.due_at)
