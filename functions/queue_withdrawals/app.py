"""Reads the mandates table's stream and queues every withdrawn mandate for release at Stripe.

It reads the stream independently, so that a release waits for nobody: neither for EventBridge, nor for an
entry at which `publish_changes` fails.
"""

import os
from typing import Any

import msgspec

from mandates.core.work_messages import RELEASE
from mandates.ledger.stream import added_entries
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import correlated, count, instrumented, logger


class Settings(msgspec.Struct, frozen=True):
    stripe_work_queue_url: str


configured = settings.read_settings(Settings, os.environ)
queue = Queue(aws.client("sqs"), configured.stripe_work_queue_url)


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Queue each mandate of the batch once. All its messages ask the same; asking twice does no harm."""
    withdrawn = [added for added in added_entries(event["Records"]) if added.is_withdrawn]
    mandate_ids = list(dict.fromkeys(added.mandate_id for added in withdrawn))
    messages = [RELEASE.text({"mandate_id": mandate_id}) for mandate_id in mandate_ids]
    try:
        taken, error = queue.send(messages), None
    except Exception as failed:  # whatever it was, Lambda delivers the batch again
        taken, error = 0, failed
    if taken < len(mandate_ids):
        count("WithdrawalsDelayed")
        logger.warning("withdrawals not queued yet", extra={"taken": taken}, exc_info=error)
        return {"batchItemFailures": [{"itemIdentifier": withdrawn[0].sequence_number}]}
    for mandate_id in mandate_ids:
        with correlated(mandate_id=mandate_id):
            logger.info("withdrawal queued")
        count("WithdrawalsQueued")
    return {"batchItemFailures": []}
