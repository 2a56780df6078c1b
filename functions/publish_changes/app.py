"""Reads the mandates table's stream and publishes every ledger entry on the bus."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from mandates.core.outward import EventType, OutwardEvent
from mandates.ledger.consuming import Metrics, consume
from mandates.ledger.mandate_chains import MandateChains
from mandates.ledger.publishing import Publisher
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import instrumented


class Settings(msgspec.Struct, frozen=True):
    event_bus_name: str
    unpublished_entries_url: str


COUNTED: Mapping[str, str] = {
    EventType.ACTIVATED: "MandatesActivated",
    EventType.EXPIRED: "MandatesExpired",
    EventType.SETUP_FAILED: "SetupAttemptsFailed",
    EventType.WITHDRAWN: "MandatesWithdrawn",
}


def counted(event: OutwardEvent) -> str | None:
    """A withdrawn mandate's further entries that withdraw nothing are not counted."""
    return COUNTED.get(event.type) if event.detail.get("reasons", True) else None


METRICS = Metrics(
    published="EntriesPublished", delayed="EntriesDelayed", set_aside="EntriesSetAside", told=counted
)

configured = settings.read_settings(Settings, os.environ)
publisher = Publisher(
    MandateChains(),
    aws.client("events"),
    configured.event_bus_name,
    Queue(aws.client("sqs"), configured.unpublished_entries_url),
)


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return consume(event["Records"], publisher, METRICS)
