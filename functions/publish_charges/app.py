"""Reads the charges table's stream and publishes every entry of a charge on the bus."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from mandates.charges.charge_chains import ChargeChains
from mandates.core.charging.outward import ChargeEventType
from mandates.core.outward import OutwardEvent
from mandates.ledger.consuming import Metrics, consume
from mandates.ledger.publishing import Publisher
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import instrumented
from mandates.store import tables


class Settings(msgspec.Struct, frozen=True):
    charges_table: str
    event_bus_name: str
    unpublished_charges_url: str


COUNTED: Mapping[str, str] = {
    ChargeEventType.SUCCEEDED: "ChargesSucceeded",
    ChargeEventType.FAILED: "ChargesFailed",
    ChargeEventType.CANCELED: "ChargesCanceled",
    ChargeEventType.NEEDS_CUSTOMER: "ChargesNeedCustomer",
}


def counted(event: OutwardEvent) -> str | None:
    return COUNTED.get(event.type)


METRICS = Metrics(
    published="ChargeEntriesPublished",
    delayed="ChargeEntriesDelayed",
    set_aside="ChargeEntriesSetAside",
    told=counted,
)

configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")
publisher = Publisher(
    ChargeChains(),
    aws.client("events"),
    configured.event_bus_name,
    Queue(aws.client("sqs"), configured.unpublished_charges_url),
)


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return consume(event["Records"], publisher, METRICS)
