"""The charge queue's consumer: takes the steps of a charge that are due.

If Stripe can't be asked now, the message stays in the queue and is tried again at growing intervals. Even if
it is lost, queue_due_charges finds the charge again. A message that is not ours, and never will be, is
moved to the dead letters here. What stops one message does not stop the next.
"""

import os
import random
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from mandates.charges.advancing import advance_if_due
from mandates.charges.context import Charging
from mandates.charges.rules import rules_of
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.messages import DueMessage, read_due
from mandates.core.errors import MandatesError, StripeRefused
from mandates.core.formats import NewerFormat
from mandates.gateway.access import Stripe, StripeAccess
from mandates.gateway.politeness import BACKGROUND_SECONDS, CHARGES_PER_SECOND, put_off
from mandates.runtime import aws, settings
from mandates.runtime.telemetry import correlated, count, instrumented, logger, measure
from mandates.store import tables


class Settings(StripeAccess, frozen=True, kw_only=True):
    charge_only_after_return: bool
    refuse_charges_while_disputed: bool
    retry_days: str
    charges_table: str
    mandates_table: str
    stripe_subjects_table: str
    events_table: str
    terms_table: str
    charge_queue_url: str
    charge_dead_letters_url: str
    send_stripe_mandate: bool


configured = settings.read_settings(Settings, os.environ)
rules = rules_of(configured)
tables.bind(settings.table_names(configured))
tables.warm("charges")
stripe = Stripe(configured, within=BACKGROUND_SECONDS, per_second=CHARGES_PER_SECOND)
sqs = aws.client("sqs")


Message = Mapping[str, Any]
"""As Lambda hands it over: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = [message["messageId"] for message in event["Records"] if not done(message)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(message: Message) -> bool:
    """Whether the message is finished."""
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
        due = read_due(message["body"])
    except NewerFormat as newer:
        put_off_for_now(message, newer)
        return False
    if due is None:
        set_aside(message)
        return True
    with correlated(mandate_id=mandate_id_of_charge(due.charge_id), charge_id=due.charge_id):
        try:
            advance_charge(due)
        except Exception as error:
            measure("ChargesOverdueFor", max(0.0, time.time() - due.due_at), MetricUnit.Seconds)
            put_off_for_now(message, error)
            return False
    return True


def advance_charge(due: DueMessage) -> None:
    charging = Charging(
        gateway=stripe.gateway(),
        clock=time.time,
        time_left=stripe.time_left,
        owner_mark=configured.owner_mark,
        rules=rules,
        send_stripe_mandate=configured.send_stripe_mandate,
    )
    charge = advance_if_due(due, charging)
    if charge is None:
        return
    count("ChargesAdvanced")
    logger.info("charge advanced", extra={"status": charge.status, "due_at": charge.due_at})


def set_aside(message: Message) -> None:
    """Send it to the dead letters; then it is deleted here. A crash in between duplicates it."""
    sqs.send_message(QueueUrl=configured.charge_dead_letters_url, MessageBody=message["body"])
    logger.error("the message is not a charge that we queued", extra={"message_id": message["messageId"]})
    count("ChargeMessagesSetAside")


def put_off_for_now(message: Message, error: Exception) -> None:
    """Leave the message in the queue, to be received again at growing intervals."""
    pause = put_off(int(message["attributes"]["ApproximateReceiveCount"]), random.random)
    logger.warning(
        "charge not advanced yet",
        extra={"error": type(error).__name__, "again_in_seconds": pause},
        exc_info=None if isinstance(error, MandatesError) else error,  # in full if it was unexpected
    )
    count("ChargesNotAdvanced")
    if isinstance(error, StripeRefused):
        count("ChargesOursToMend")
    sqs.change_message_visibility(
        QueueUrl=configured.charge_queue_url,
        ReceiptHandle=message["receiptHandle"],
        VisibilityTimeout=pause,
    )
