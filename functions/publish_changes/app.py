"""The mandates table's stream: tell the bus of every ledger entry, and have withdrawn mandates settled."""

import os
from typing import Any

import msgspec

from mandates import aws, settings
from mandates.publishing import Publisher, entries_in
from mandates.telemetry import count, instrumented, logger


class Settings(msgspec.Struct, frozen=True):
    event_bus_name: str
    stripe_work_queue_url: str


configured = settings.read(Settings, os.environ)
publisher = Publisher(
    aws.client("events"), aws.client("sqs"), configured.event_bus_name, configured.stripe_work_queue_url
)


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    outcome = publisher.publish(entries_in(event["Records"]))
    if outcome.published:
        count("EntriesPublished", outcome.published)
    if outcome.resume_at is None:
        return {"batchItemFailures": []}
    count("EntriesDelayed")
    logger.warning(
        "entries not published yet", extra={"resume_at": outcome.resume_at}, exc_info=outcome.error
    )
    return {"batchItemFailures": [{"itemIdentifier": outcome.resume_at}]}
