"""Queues the charges that are due, every minute: new attempts, unanswered calls, ends.

It only finds them. The consumer of the queue (advance_charges) looks at each charge itself.
"""

import os
import time
from typing import Any

import msgspec
from aws_lambda_powertools.metrics import MetricUnit

from mandates.charges.queueing import queue_due
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import count, instrumented, measure
from mandates.store import tables
from mandates.store.charging_switch import read_pause


class Settings(msgspec.Struct, frozen=True):
    charges_table: str
    charge_queue_url: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")
queue = Queue(aws.client("sqs"), configured.charge_queue_url)


@instrumented
def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Raises if something failed, after the metrics. The next run goes on where this one stopped."""
    now = int(time.time())
    done = queue_due(queue, now)
    measure("ChargesOverdueFor", 0 if done.longest is None else now - done.longest, MetricUnit.Seconds)
    count("ChargesQueued", done.queued)
    if done.error:
        raise done.error
    count("ChargingPaused", 1 if read_pause() else 0)
    return {"due": done.due, "queued": done.queued}
