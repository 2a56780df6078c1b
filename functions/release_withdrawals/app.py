"""The Stripe work queue's consumer: releases what withdrawn mandates still have at Stripe.

If Stripe can't do it now, the message stays in the queue and is tried again at growing intervals, for as long
as the queue keeps messages: an outage at Stripe fills no dead-letter queue. So the queue itself gives up
nothing. A message that is not ours, and never will be, is moved to the dead letters here. Meanwhile, anything
unreleased is listed (revocation/releasing.py), and it stays listed when its message expires.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from mandates.core.errors import MandatesError, UnknownAtStripe
from mandates.core.formats import NewerFormat
from mandates.core.messages import Content
from mandates.core.work_messages import RELEASE, read_work
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import BACKGROUND_PER_SECOND, BACKGROUND_SECONDS, put_off
from mandates.revocation.releasing import release
from mandates.runtime import aws, settings
from mandates.runtime.telemetry import correlated, count, instrumented, logger, measure
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    mandates_table: str
    charges_table: str
    events_table: str
    stripe_subjects_table: str
    stripe_work_queue_url: str
    stripe_work_dead_letters_url: str


configured = settings.read_settings(Settings, os.environ)
tables.bind(settings.table_names(configured))
tables.warm("mandates")
stripe = Stripe(configured, within=BACKGROUND_SECONDS, per_second=BACKGROUND_PER_SECOND)
sqs = aws.client("sqs")


Message = Mapping[str, Any]
"""As Lambda hands it over: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = [message["messageId"] for message in event["Records"] if not done(message)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(message: Message) -> bool:
    """Whether the message is finished. What stops one message does not stop the next."""
    try:
        return work_on(message)
    except Exception:
        logger.exception(
            "a message was neither worked on nor put off", extra={"message_id": message["messageId"]}
        )
        return False


def work_on(message: Message) -> bool:
    """False if the message was put off."""
    try:
        work = read_work(message["body"])
    except NewerFormat as newer:
        put_off_for_now(message, newer)
        return False
    if work is None:
        set_aside(message)
        return True
    with correlated(mandate_id=work.content.get("mandate_id")):
        try:
            DO[work.kind](work.content)
        except Exception as error:
            put_off_for_now(message, error)
            return False
    return True


def set_aside(message: Message) -> None:
    """Send it to the dead letters; then it is deleted here. A crash in between duplicates it."""
    sqs.send_message(QueueUrl=configured.stripe_work_dead_letters_url, MessageBody=message["body"])
    logger.error("the message is not work that we queued", extra={"message_id": message["messageId"]})
    count("StripeWorkSetAside")


def release_mandate(content: Content) -> None:
    dismissed = release(content["mandate_id"], stripe.gateway(), time.time)
    if dismissed:
        logger.info("left at Stripe, as an operator decided", extra={"stripe_ids": dismissed})
    else:
        count("WithdrawalsReleased")


DO: Mapping[str, Callable[[Content], None]] = {RELEASE.name: release_mandate}
"""What is done for each kind of work. It raises if that must be tried again."""


def put_off_for_now(message: Message, error: Exception) -> None:
    """Leave the message in the queue, to be received again at growing intervals."""
    attributes = message["attributes"]
    pause = put_off(int(attributes["ApproximateReceiveCount"]), random.random)
    logger.warning(
        "not released at Stripe yet",
        extra={"error": type(error).__name__, "again_in_seconds": pause},
        exc_info=None if isinstance(error, MandatesError) else error,  # in full if it was unexpected
    )
    count("WithdrawalsNotReleased")
    if isinstance(error, UnknownAtStripe):
        count("UnknownAtStripe")
    waiting = time.time() - int(attributes["SentTimestamp"]) / 1000
    measure("UnreleasedFor", max(0.0, waiting), MetricUnit.Seconds)
    sqs.change_message_visibility(
        QueueUrl=configured.stripe_work_queue_url,
        ReceiptHandle=message["receiptHandle"],
        VisibilityTimeout=pause,
    )
