"""The webhook queue's consumer: applies a batch of Stripe events. Only failed ones come back."""

import os
import time
from typing import Any

import msgspec
from aws_lambda_powertools.metrics import MetricUnit

from mandates.core.formats import NewerFormat
from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import METADATA_MANDATE
from mandates.runtime import settings
from mandates.runtime.telemetry import count, instrumented, logger, measure, well_formed
from mandates.store import tables
from mandates.store.events import APPLIED
from mandates.webhooks.applying import Results, apply_events


class Settings(msgspec.Struct, frozen=True):
    owner_mark: str
    stripe_livemode: bool
    charges_table: str
    events_table: str
    mandates_table: str
    stripe_subjects_table: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("events")


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    events = {record["messageId"]: parsed(record["body"]) for record in event["Records"]}
    results = apply_events(
        [stripe_event for stripe_event in events.values() if stripe_event],
        owner_mark=configured.owner_mark,
        livemode=configured.stripe_livemode,
        clock=time.time,
    )
    failed = [message_id for message_id, stripe_event in events.items() if not done(stripe_event, results)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(event: dict[str, Any] | None, results: Results) -> bool:
    """Whether a message's event is finished. Its outcome is logged and counted."""
    if event is None:
        return False
    result = results[event["id"]]
    about = well_formed({"event_id": event["id"], "mandate_id": mandate_named_by(event)})
    if isinstance(result, Exception):
        logger.warning("event not applied yet", exc_info=result, extra=about)
        return False
    logger.info("event seen", extra={**about, "event_type": event.get("type"), "outcome": result})
    count(f"Events{result.title().replace('_', '')}")
    if result == APPLIED:
        measure("EventLag", max(0.0, time.time() - event["created"]), MetricUnit.Seconds)
    return True


def parsed(body: str) -> dict[str, Any] | None:
    """The queued event. If this release can't read it, that is logged, and this returns None."""
    try:
        event = EVENT.read(body)
    except NewerFormat as newer:
        logger.error(str(newer))
        return None
    if event is None:
        logger.error("the message is not an event that we queued")
        return None
    return event


def mandate_named_by(event: Any) -> Any:
    """The mandate's id in the metadata of the event's object; None without one."""
    for name in ("data", "object", "metadata", METADATA_MANDATE):
        event = event.get(name) if isinstance(event, dict) else None
    return event
