"""Every quarter of an hour: queues what Stripe's webhooks did not bring, decides mandates that stayed
pending, and measures how long withdrawals have been unreleased."""

import os
import time
from dataclasses import fields
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from mandates.core.errors import StripeUnavailable
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import BACKGROUND_PER_SECOND
from mandates.runtime import aws, settings
from mandates.runtime.queues import Queue
from mandates.runtime.telemetry import count, instrumented, logger, measure
from mandates.setup.sweep import Sweeper, Swept
from mandates.store import tables
from mandates.store.unreleased import all_unreleased
from mandates.webhooks.reconciling import Found, Reconciler


class Settings(StripeAccess, frozen=True, kw_only=True):
    events_table: str
    mandates_table: str
    stripe_livemode: bool
    stripe_subjects_table: str
    webhook_queue_url: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("events")
stripe = Stripe(configured, per_second=BACKGROUND_PER_SECOND)
queue = Queue(aws.client("sqs"), configured.webhook_queue_url)


@instrumented
def handler(_event: Any, context: Any) -> None:
    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    measure_unreleased()
    gateway = stripe.gateway()
    mark = configured.owner_mark
    found = Reconciler(gateway, queue, configured.stripe_livemode, mark, time.time, time_left).run()
    swept = Sweeper(gateway.checkout_sessions, mark, time.time, time_left).run()
    if found.stopped is None or found.gap:  # the gap of a list that was not read is unknown
        count("EventGap", found.gap)
    if found.lag_seconds is not None:
        measure("ReconciliationLagSeconds", found.lag_seconds, MetricUnit.Seconds)
    count("EventsRecovered", found.queued)
    count("ForeignPaymentsListed", found.foreign)
    count("MandatesSwept", swept.decided)
    count("MandatesStuckPending", stuck(swept))
    if found.out_of_reach:
        logger.error("events may be lost: the cursor is older than Stripe's list, which goes back 30 days")
        count("EventsOutOfReach", found.out_of_reach)
    report("events reconciled", found)
    report("mandates swept", swept)
    for error in (found.error, swept.error):
        if error and not isinstance(error, StripeUnavailable):  # Stripe may be back at the next run
            raise error


def measure_unreleased() -> None:
    """How long the oldest withdrawal has been listed as unreleased. Its message may have expired long ago."""
    for oldest in all_unreleased(1):
        measure("UnreleasedFor", max(0.0, time.time() - oldest.since), MetricUnit.Seconds)


def stuck(swept: Swept) -> int:
    """The number of mandates that stay pending whatever Stripe says. An outage at Stripe does not count."""
    failed = [] if isinstance(swept.error, StripeUnavailable) else swept.failed
    return len(swept.undecided) + len(failed)


def report(what: str, result: Found | Swept) -> None:
    told = {field.name: getattr(result, field.name) for field in fields(result)}
    told["error"] = type(result.error).__name__ if result.error else None
    log = logger.info if result.is_complete else logger.warning
    log(what, extra=told)
