"""Entries that were not published: refused permanently, or given up with their part of the stream."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from mandates.charges.charge_chains import ChargeChains
from mandates.core.formats import NewerFormat
from mandates.core.messages import UNPUBLISHED
from mandates.core.work_messages import RELEASE
from mandates.ledger.mandate_chains import MandateChains
from mandates.ledger.publishing import Chains, Publisher
from mandates.ledger.stream import ENTRY_PREFIX, Added, added_entries
from mandates.runtime.queues import Queue
from ops import queues
from ops.arguments import positive
from ops.dlq import Message, each
from ops.dlq import line as beginning
from ops.existing_tables import Table
from ops.printing import complain, say
from ops.stack import Output, Stack


@dataclass(frozen=True)
class OneEntry:
    """What the publisher sets aside (ledger/publishing.py)."""

    mandate_id: str
    record: str
    why: str

    def __str__(self) -> str:
        return f"{self.mandate_id} {self.record}  {self.why}"


@dataclass(frozen=True)
class PartOfStream:
    """What Lambda gives up after six hours, by its position:
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""

    stream: str
    shard: str
    first: str
    last: str
    size: int
    function: str

    @property
    def is_of_withdrawals(self) -> bool:
        """`queue_withdrawals` sees only withdrawals: the entries between them are not its part."""
        return "QueueWithdrawals" in self.function

    def __str__(self) -> str:
        what = "withdrawals" if self.is_of_withdrawals else "entries"
        return f"{self.size} {what} of {self.shard}, from {self.first} on, given up after six hours"


@dataclass(frozen=True)
class Unpublished:
    """The entries of one table: its output, that of its queue, and what makes events of them.

    `withdraws`: whether an entry may say that its mandate is withdrawn.
    """

    table: Table
    queue: Output
    chains: Callable[[], Chains]
    withdraws: bool


MANDATES = Unpublished("MandatesTable", "UnpublishedEntriesUrl", MandateChains, withdraws=True)
CHARGES = Unpublished("ChargesTable", "UnpublishedChargesUrl", ChargeChains, withdraws=False)


class NotThere(Exception):
    """The entry that a message is about can't be found any more. The text says where it was looked for."""


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("unpublished", help="entries that were not published").add_subparsers(
        required=True, metavar="ACTION"
    )
    listing = actions.add_parser("list", help="show them, and why they were not published; they stay")
    listing.set_defaults(run=run_list)
    publishing = actions.add_parser("publish", help="publish them, and queue withdrawn mandates for release")
    publishing.set_defaults(run=run_publish)
    dismissing = actions.add_parser("dismiss", help="delete one that nobody will ever publish")
    dismissing.add_argument("message", metavar="MESSAGE", help="its id, as `list` shows it")
    dismissing.set_defaults(run=run_dismiss, limit=None)
    for action in (listing, publishing):
        action.add_argument("--limit", type=positive, metavar="N", help="at most N (default: all)")
    for action in (listing, publishing, dismissing):
        action.add_argument(
            "--charges",
            action="store_const",
            const=CHARGES,
            default=MANDATES,
            dest="of",
            help="those of charges (default: those of mandates' ledgers)",
        )


def run_list(stack: Stack, chosen: argparse.Namespace) -> int:
    url, sqs = stack.output(chosen.of.queue), queues.client()

    def show(message: Message) -> bool:
        say(_line(message))
        return False

    count, _ = each(sqs, url, chosen.limit, show)
    say(f"{count} shown, about {queues.depth(sqs, url)} there")
    return 0


def run_publish(stack: Stack, chosen: argparse.Namespace) -> int:
    """Publish each, then delete its message: a crash in between publishes it twice. 1 if any stays."""
    of: Unpublished = chosen.of
    url, sqs = stack.output(of.queue), queues.client()
    table = stack.output(of.table)
    stack.use_tables()
    bus = stack.output("OutwardBusName")
    publisher = Publisher(of.chains(), boto3.client("events"), bus, Queue(sqs, url))
    work = Queue(sqs, stack.output("StripeWorkQueueUrl"))

    def publish(message: Message) -> bool:
        try:
            about = _about(message)
            entries = _entries(about, table)
            problem = _release(entries, work) if of.withdraws else None
            if not problem and not (isinstance(about, PartOfStream) and about.is_of_withdrawals):
                problem = _publish(entries, publisher)
        except (NotThere, NewerFormat) as error:
            problem = str(error)
        if problem:
            complain(f"left here, {problem}: {_line(message)}")
            return False
        say(f"published  {_line(message)}")
        return True

    seen, done = each(sqs, url, chosen.limit, publish)
    say(f"{done} of {seen} published")
    return 0 if done == seen else 1


def run_dismiss(stack: Stack, chosen: argparse.Namespace) -> int:
    """1 if there is no such message. The entry itself stays where it is stored."""
    url, sqs = stack.output(chosen.of.queue), queues.client()

    def is_meant(message: Message) -> bool:
        if message["MessageId"] != chosen.message:
            return False
        say(f"dismissed  {_line(message)}")
        return True

    _, dismissed = each(sqs, url, chosen.limit, is_meant)
    if not dismissed:
        complain(f"there is no message {json.dumps(chosen.message)}")
    return 0 if dismissed else 1


def _release(entries: Sequence[Added], work: Queue) -> str | None:
    """What went wrong; None if all withdrawn mandates among them are queued for release at Stripe."""
    withdrawn = list(dict.fromkeys(one.mandate_id for one in entries if one.is_withdrawn))
    taken = work.send([RELEASE.text({"mandate_id": mandate_id}) for mandate_id in withdrawn])
    return "the Stripe work queue did not accept it" if taken < len(withdrawn) else None


def _publish(entries: Sequence[Added], publisher: Publisher) -> str | None:
    """What went wrong; None if all is published. Nothing is set aside: the message about it stays."""
    sent = publisher.send(entries)
    refused = [f"{one.added.record} is refused again ({one.code} {one.message})" for one in sent.refused]
    stopped = [f"the bus did not accept it for now ({sent.error})"] if sent.error else []
    return "; ".join([*refused, *stopped]) or None


def _about(message: Message) -> OneEntry | PartOfStream | None:
    """What a message is about; None if it has neither form. Raises NewerFormat."""
    try:
        told = json.loads(message["Body"])
        if isinstance(told, Mapping) and "DDBStreamBatchInfo" in told:
            batch = told["DDBStreamBatchInfo"]
            return PartOfStream(
                batch["streamArn"],
                batch["shardId"],
                batch["startSequenceNumber"],
                batch["endSequenceNumber"],
                int(batch["batchSize"]),
                str(told.get("requestContext", {}).get("functionArn", "")),
            )
        told = UNPUBLISHED.read(message["Body"]) or {}
        why = " ".join(json.dumps(told[name])[1:-1] for name in ("code", "message"))
        entry = OneEntry(told["mandate_id"], told["record"], why)
        return entry if entry.mandate_id.isascii() and entry.record.startswith(ENTRY_PREFIX) else None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def _line(message: Message) -> str:
    with suppress(NewerFormat):
        if about := _about(message):
            return f"{about}  message {message['MessageId']}"
    return beginning(message)


def _entries(about: OneEntry | PartOfStream | None, table: str) -> list[Added]:
    match about:
        case OneEntry():
            return [_from_table(about, table)]
        case PartOfStream():
            return added_entries(of_stream(about))
    raise NotThere("this is about no entry")


def _from_table(about: OneEntry, table: str) -> Added:
    """Read it from its table, which keeps every entry unchanged, so there is no hurry."""
    key = {"mandate_id": {"S": about.mandate_id}, "record": {"S": about.record}}
    item = boto3.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        raise NotThere("there is no such entry")
    image: Any = item
    return Added("0", about.mandate_id, about.record, image)


def of_stream(about: PartOfStream) -> Iterator[Mapping[str, Any]]:
    """The records of that part, which the stream keeps for 24 hours."""
    streams: Any = boto3.client("dynamodbstreams")
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=about.stream,
            ShardId=about.shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=about.first,
        )["ShardIterator"]
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                if int(record["dynamodb"]["SequenceNumber"]) > int(about.last):
                    return
                yield record
                if record["dynamodb"]["SequenceNumber"] == about.last:
                    return
            iterator = answer.get("NextShardIterator")
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"TrimmedDataAccessException", "ResourceNotFoundException"}:
            raise
        raise NotThere("the stream no longer has it (docs/events.md)") from None
