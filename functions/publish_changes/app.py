"""Reads the mandates table's stream and publishes every ledger entry on the bus."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from mandates.core.ledger import Entry
from mandates.core.outward import EventType, outward_event
from mandates.ledger.publishing import Publisher, Refused
from mandates.ledger.stream import added_entries
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import correlated, count, instrumented, logger


class Settings(msgspec.Struct, frozen=True):
    event_bus_name: str
    unpublished_entries_url: str


COUNTED: Mapping[str, str] = {
    EventType.ACTIVATED: "MandatesActivated",
    EventType.EXPIRED: "MandatesExpired",
    EventType.SETUP_FAILED: "SetupAttemptsFailed",
    EventType.WITHDRAWN: "MandatesWithdrawn",
}

configured = settings.read_settings(Settings, os.environ)
publisher = Publisher(
    aws.client("events"),
    configured.event_bus_name,
    Queue(aws.client("sqs"), configured.unpublished_entries_url),
)


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    outcome = publisher.publish(added_entries(event["Records"]))
    for entry in outcome.published:
        report(entry)
    for refused in outcome.set_aside:
        report_set_aside(refused)
    if outcome.resume_at is None:
        return {"batchItemFailures": []}
    count("EntriesDelayed")
    logger.warning(
        "entries not published yet", extra={"resume_at": outcome.resume_at}, exc_info=outcome.error
    )
    return {"batchItemFailures": [{"itemIdentifier": outcome.resume_at}]}


def report(entry: Entry) -> None:
    """Log the line that connects an event with a mandate, and count what happened to the mandate.

    A withdrawn mandate's further entries that withdraw nothing are not counted.
    """
    event = outward_event(entry)
    with correlated(mandate_id=entry.mandate_id, event_id=entry.source):
        logger.info("entry published", extra={"ledger_number": entry.number, "told": event.type})
    count("EntriesPublished")
    if event.type in COUNTED and event.detail.get("reasons", True):
        count(COUNTED[event.type])


def report_set_aside(refused: Refused) -> None:
    with correlated(mandate_id=refused.added.mandate_id):
        logger.error("entry set aside", extra={"record": refused.added.record, "code": refused.code})
    count("EntriesSetAside")
