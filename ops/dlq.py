"""The dead letters: events that could not even be recorded, and messages that other queues can't use."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mandates.core.charging.messages import read_due
from mandates.core.formats import NewerFormat
from mandates.core.messages import EVENT
from mandates.core.work_messages import read_work
from ops import queues
from ops.arguments import positive
from ops.printing import complain, say
from ops.stack import Output, Stack, StackError

HELD_SECONDS = 600
"""How long received messages stay with this command. At its end it gives back those that it did not move.

If reading a queue takes longer, messages are shown again.
"""

_SHOWN_CHARACTERS = 200

Message = dict[str, Any]


@dataclass(frozen=True)
class DeadLetters:
    """One queue's dead letters: the stack's outputs, and how to tell our own messages from others."""

    name: str
    dead_letters: Output
    queue: Output
    is_ours: Callable[[Message], bool]


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("dlq", help="the dead letters").add_subparsers(
        required=True, metavar="ACTION"
    )
    listing = actions.add_parser("list", help="show the messages and leave them there")
    listing.set_defaults(run=run_list)
    redriving = actions.add_parser("redrive", help="move the messages back to their queue")
    redriving.add_argument("--force", action="store_true", help="also messages that are not ours")
    redriving.set_defaults(run=run_redrive)
    for action in (listing, redriving):
        action.add_argument("--limit", type=positive, metavar="N", help="at most N (default: all)")
        action.add_argument(
            "--stripe-work",
            action="store_const",
            const=STRIPE_WORK,
            default=WEBHOOKS,
            dest="of",
            help="those of the Stripe work queue (default: those of the webhook queue)",
        )
        action.add_argument(
            "--charges", action="store_const", const=CHARGES, dest="of", help="those of the charge queue"
        )


def event_id(message: Message) -> str | None:
    """The event's id; None if receive_webhook does not queue such messages, as far as this version knows."""
    event = _event(message)
    return event["id"] if event else None


def _event(message: Message) -> dict[str, Any] | None:
    try:
        return EVENT.read(message["Body"])
    except NewerFormat:
        return None


def _is_read_by(read: Callable[[str], object]) -> Callable[[Message], bool]:
    """Whether a message is ours, or a newer release's, which the deployed release may be able to read."""

    def is_ours(message: Message) -> bool:
        try:
            return read(message["Body"]) is not None
        except NewerFormat:
            return True

    return is_ours


WEBHOOKS = DeadLetters(
    "webhook queue",
    "WebhookDeadLettersUrl",
    "WebhookQueueUrl",
    _is_read_by(EVENT.read),
)
STRIPE_WORK = DeadLetters(
    "Stripe work queue",
    "StripeWorkDeadLettersUrl",
    "StripeWorkQueueUrl",
    _is_read_by(read_work),
)
CHARGES = DeadLetters(
    "charge queue",
    "ChargeDeadLettersUrl",
    "ChargeQueueUrl",
    _is_read_by(read_due),
)


def run_list(stack: Stack, chosen: argparse.Namespace) -> int:
    url = stack.output(chosen.of.dead_letters)
    sqs = queues.client()

    def show(message: Message) -> bool:
        say(line(message))
        return False

    count, _ = each(sqs, url, chosen.limit, show)
    say(f"{count} shown, about {queues.depth(sqs, url)} there")
    return 0


def run_redrive(stack: Stack, chosen: argparse.Namespace) -> int:
    """Send each to its queue, then delete it here: a crash in between duplicates it but never loses it.

    1 if it had to stop, or left a message that is not ours.
    """
    dead_letters, queue = stack.output(chosen.of.dead_letters), stack.output(chosen.of.queue)
    sqs = queues.client()
    left = 0

    def move(message: Message) -> bool:
        nonlocal left
        if not chosen.of.is_ours(message) and not chosen.force:
            left += 1
            complain(f"left here, not our message (--force moves it): {line(message)}")
            return False
        sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
        say(f"moved  {line(message)}")
        return True

    seen, moved = each(sqs, dead_letters, chosen.limit, move)
    say(f"{moved} of {seen} moved to the {chosen.of.name}")
    return 1 if left else 0


def each(sqs: Any, url: str, limit: int | None, act: Callable[[Message], bool]) -> tuple[int, int]:
    """Pass each message to `act` once, and delete it if that returns True. Returns both counts.

    Messages that are not deleted are given back at the end, even after a failure. Raises StackError.
    """
    held: list[Message] = []
    count = done = 0
    try:
        for message in _received(sqs, url, limit):
            held.append(message)
            count += 1
            if act(message):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                held.remove(message)
                done += 1
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"stopped after {done} of {count}; nothing is lost, run it again: {error}") from None
    finally:
        for message in held:
            with suppress(BotoCoreError, ClientError):
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
    return count, done


def _received(sqs: Any, url: str, limit: int | None) -> Iterator[Message]:
    """Each available message once. It ends when none comes, or when all known messages came twice again."""
    known: set[str] = set()
    again = 0
    while limit is None or len(known) < limit:
        wanted = 10 if limit is None else min(10, limit - len(known))
        # A long poll asks all of SQS's servers. A short poll may find nothing although there are messages.
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=wanted,
            WaitTimeSeconds=1,
            VisibilityTimeout=HELD_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        received = answer.get("Messages", [])
        messages = [one for one in received if one["MessageId"] not in known]
        again = 0 if messages else again + len(received)
        if not received or again > 2 * len(known):
            return
        for message in messages:
            known.add(message["MessageId"])
            yield message


def line(message: Message) -> str:
    """What an operator sees of it. If it is not our event: its beginning, made safe to print."""
    event = _event(message)
    if event:
        return f"{event['id']}  {event.get('type')!s:.60}  message {message['MessageId']}"
    body = message["Body"]
    beginning = json.dumps(body[:_SHOWN_CHARACTERS])
    return f"message {message['MessageId']}  {len(body)} characters  {beginning}"
