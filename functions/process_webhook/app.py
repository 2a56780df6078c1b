"""The queue's consumer: apply a batch of Stripe events; only what failed comes back."""

import json
import os
import time
from typing import Any

import msgspec
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from mandates import settings
from mandates.core.stripe_events import is_event_id
from mandates.ingest import apply_events
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
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@instrumented
def handler(event: dict[str, Any], context: Any) -> Any:
    events = [stripe_event for record in event["Records"] if (stripe_event := parsed(record["body"]))]
    results = apply_events(
        events, managed_by=configured.managed_by, livemode=configured.stripe_livemode, clock=time.time
    )

    def report(record: SQSRecord) -> None:
        stripe_event = parsed(record.body)
        if stripe_event is None:
            raise ValueError("the message is not an event that we queued")
        result = results[stripe_event["id"]]
        about = {"event_id": stripe_event["id"], "event_type": stripe_event.get("type")}
        if isinstance(result, Exception):
            logger.warning("event not applied yet", extra=about, exc_info=result)
            raise result
        logger.info("event seen", extra={**about, "outcome": result})
        count(f"Events{result.title().replace('_', '')}")

    return process_partial_response(event=event, record_handler=report, processor=processor, context=context)


def parsed(body: str) -> dict[str, Any] | None:
    """The queued event, None if it is not one: nothing but receive_webhook and ops write to this queue.

    An id that can't be a key must not get among the keys that a batch reads in one call.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and is_event_id(event.get("id")) else None
