"""Every hour: compares the charges with Stripe's books as they were a day ago, in both directions.

It records what only Stripe knew, cancels intents that no charge needs, and names differences.
"""

import os
import time
from dataclasses import fields
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from mandates.charges.auditing import Audited, Auditor
from mandates.core.errors import StripeUnavailable
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import BACKGROUND_PER_SECOND
from mandates.runtime import settings
from mandates.runtime.telemetry import count, instrumented, logger, measure
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    charges_table: str
    events_table: str
    mandates_table: str
    stripe_livemode: bool
    stripe_subjects_table: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("charges")
stripe = Stripe(configured, per_second=BACKGROUND_PER_SECOND)


@instrumented
def handler(_event: Any, context: Any) -> None:
    """Raises what went wrong, after the metrics. The next run continues where this one stopped."""

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    gateway, mark = stripe.gateway(), configured.owner_mark
    audited = Auditor(gateway, configured.stripe_livemode, mark, time.time, time_left).run()
    if audited.standing is not None:
        count("AuditDifferences", audited.standing)
    if audited.lag_seconds is not None:
        measure("AuditLagSeconds", audited.lag_seconds, MetricUnit.Seconds)
    count("AuditRecovered", audited.recovered)
    count("AuditIntentsCanceled", audited.canceled)
    count("AuditFollowedUp", audited.followed_up)
    count("AuditStrangers", audited.strangers)
    report(audited)
    if audited.error and not isinstance(audited.error, StripeUnavailable):  # Stripe may be back by then
        raise audited.error


def report(audited: Audited) -> None:
    told = {field.name: getattr(audited, field.name) for field in fields(audited)}
    told["error"] = type(audited.error).__name__ if audited.error else None
    log = logger.info if audited.is_complete else logger.warning
    log("charges audited", extra=told)
