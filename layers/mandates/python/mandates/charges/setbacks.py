"""Counts the disputes that open and the refunds that fail: docs/runbook.md has an alarm for each."""

from mandates.core.charging.change import ChargeChange
from mandates.core.charging.disputes import disputes
from mandates.core.charging.facts import ChargeFacts
from mandates.runtime.telemetry import count, logger


def count_setbacks(change: ChargeChange) -> None:
    """Each counts once: in the write that records it first, whoever reported it. Call this after the write.

    A dispute that is decided when it is first heard of counts, too: nobody has looked at it yet.
    """
    about = {"charge_id": change.after.charge_id}
    if disputed := _disputed(change.after.facts) - _disputed(change.before.facts):
        count("DisputesOpened", len(disputed))
        logger.warning("a charge is disputed", extra={**about, "disputes": sorted(disputed)})
    if failed := change.refunds_failed:
        count("RefundsFailed", failed)
        logger.warning("a refund failed", extra=about)


def _disputed(facts: ChargeFacts) -> set[str]:
    return {dispute.dispute_id for dispute in disputes(facts)}
