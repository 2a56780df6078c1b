"""The queue's consumer: apply a batch of Stripe events; only what failed comes back."""

import json
import os
import time
from typing import Any

import msgspec

from mandates import settings
from mandates.core.stripe_events import is_event_id
from mandates.ingest import Results, apply_events
from mandates.store import tables
from mandates.telemetry import count, instrumented, logger


class Settings(msgspec.Struct, frozen=True):
    managed_by: str
    stripe_livemode: bool
    events_table: str
    mandates_table: str
    stripe_subjects_table: str


configured = settings.read(Settings, os.environ)
tables.bind(
    {
        "events": configured.events_table,
        "mandates": configured.mandates_table,
        "stripe_subjects": configured.stripe_subjects_table,
    }
)
tables.warm("events")


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    events = {record["messageId"]: parsed(record["body"]) for record in event["Records"]}
    results = apply_events(
        [stripe_event for stripe_event in events.values() if stripe_event],
        managed_by=configured.managed_by,
        livemode=configured.stripe_livemode,
        clock=time.time,
    )
    failed = [message_id for message_id, stripe_event in events.items() if not done(stripe_event, results)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(event: dict[str, Any] | None, results: Results) -> bool:
    """Whether a message's event is done with; what came of it is logged and counted."""
    if event is None:
        logger.error("the message is not an event that we queued")
        return False
    result = results[event["id"]]
    about = {"event_id": event["id"], "event_type": event.get("type")}
    if isinstance(result, Exception):
        logger.warning("event not applied yet", extra=about, exc_info=result)
        return False
    logger.info("event seen", extra={**about, "outcome": result})
    count(f"Events{result.title().replace('_', '')}")
    return True


def parsed(body: str) -> dict[str, Any] | None:
    """The queued event, None if it is not one: nothing but receive_webhook and ops write to this queue.

    An id that can't be a key must not get among the keys that a batch reads in one call.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and is_event_id(event.get("id")) else None
