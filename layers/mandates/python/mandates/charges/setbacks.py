"""Counts the disputes that open and the refunds that fail: docs/runbook.md has an alarm for each."""

from mandates.core.charging.change import ChargeChange
from mandates.core.charging.disputes import disputes
from mandates.core.charging.facts import ChargeFacts
from mandates.core.charging.refunds import RefundStatus, refunds
from mandates.runtime.telemetry import count, logger


def count_setbacks(change: ChargeChange) -> None:
    """Each counts once: in the write that records it first, whoever reported it. Call this after the write.

    A dispute that is decided when it is first heard of counts, too: nobody has looked at it yet.
    """
    before, after = change.before.facts, change.after.facts
    about = {"charge_id": change.after.charge_id}
    if disputed := _disputed(after) - _disputed(before):
        count("DisputesOpened", len(disputed))
        logger.warning("a charge is disputed", extra={**about, "disputes": sorted(disputed)})
    if failed := _not_refunded(after) - _not_refunded(before):
        count("RefundsFailed", len(failed))
        logger.warning("a refund failed", extra={**about, "refunds": sorted(failed)})


def _disputed(facts: ChargeFacts) -> set[str]:
    return {dispute.dispute_id for dispute in disputes(facts)}


def _not_refunded(facts: ChargeFacts) -> set[str]:
    return {refund.refund_id for refund in refunds(facts) if refund.status is RefundStatus.FAILED}
