"""From the mandates table's stream to the bus: every ledger entry, at least once, in order per mandate.

A stream has the writes in their order, but those of one transaction in any order
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html), and the events
of one PutEvents call succeed or fail each for itself. So a batch is sorted by ledger number within each
mandate, no call carries two entries of one mandate, and after a failure nothing more is sent: Lambda
hands over again whatever follows the first entry that was not published.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mandates.core.ledger import Entry
from mandates.core.outward import SOURCE, is_withdrawn, outward_event

ENTRY_PREFIX = "entry#"
"""What the sort key of a ledger entry begins with; the event source mapping filters by it, too."""

MAX_EVENTS_PER_CALL = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

MAX_BYTES_PER_CALL = 256 * 1024
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""

_TIME_BYTES = 14  # what an event's time counts for, ibid.


class NotAccepted(Exception):
    """The bus answered, and did not take all events. The message has its error codes."""


@dataclass(frozen=True, slots=True)
class Record:
    """A ledger entry, and its place in the stream."""

    sequence_number: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """`resume_at` is the sequence number of the first record not published, None when all are.

    `error` is what stopped it.
    """

    published: Sequence[Entry]
    resume_at: str | None = None
    error: Exception | None = None


class Publisher:
    def __init__(self, events: Any, sqs: Any, bus: str, work_queue_url: str) -> None:
        """`events` and `sqs` are botocore clients."""
        self._events = events
        self._sqs = sqs
        self._bus = bus
        self._work_queue_url = work_queue_url

    def publish(self, records: Iterable[Record]) -> Outcome:
        """Publish entries, given in the stream's order, up to the first that AWS does not take."""
        ordered = in_ledger_order(list(records))
        published: list[Entry] = []
        for call in calls(ordered):
            accepted: list[Record] = []
            error: Exception | None = None
            try:
                self._ask_to_settle(call)
                accepted, error = self._put(call)
            except Exception as failed:  # whatever it was, what is published stays so
                error = failed
            if error:
                left = [record for record in ordered[len(published) :] if record not in accepted]
                first = min((record.sequence_number for record in left), key=int)
                return Outcome([*published, *entries_of(accepted)], first, error)
            published += entries_of(call)
        return Outcome(published)

    def _ask_to_settle(self, call: Sequence[Record]) -> None:
        """Queue the end, at Stripe, of what is withdrawn (withdrawals.py), before anybody hears of it."""
        for record in call:
            if is_withdrawn(record.entry):
                message = json.dumps({"mandate_id": record.entry.mandate_id})
                self._sqs.send_message(QueueUrl=self._work_queue_url, MessageBody=message)

    def _put(self, call: Sequence[Record]) -> tuple[list[Record], NotAccepted | None]:
        """Which of them the bus took, and why not the others."""
        answer = self._events.put_events(
            Entries=[{**event_for(record.entry), "EventBusName": self._bus} for record in call]
        )
        results = list(zip(call, answer["Entries"], strict=True))
        codes = sorted({result["ErrorCode"] for _, result in results if result.get("ErrorCode")})
        accepted = [record for record, result in results if not result.get("ErrorCode")]
        return accepted, NotAccepted(f"not published: {', '.join(codes)}") if codes else None


def entries_of(records: Iterable[Record]) -> list[Entry]:
    return [record.entry for record in records]


def in_ledger_order(records: Sequence[Record]) -> list[Record]:
    """The same records; each mandate's keep the places they have, sorted by ledger number."""
    by_mandate: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.entry.number):
        by_mandate[record.entry.mandate_id].append(record)
    next_of = {mandate_id: iter(of_mandate) for mandate_id, of_mandate in by_mandate.items()}
    return [next(next_of[record.entry.mandate_id]) for record in records]


def calls(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Split into what one PutEvents call may carry, never two entries of one mandate."""
    call: list[Record] = []
    size = 0
    for record in records:
        bytes_more = size_of(event_for(record.entry))
        if call and (
            len(call) == MAX_EVENTS_PER_CALL
            or size + bytes_more > MAX_BYTES_PER_CALL
            or record.entry.mandate_id in {other.entry.mandate_id for other in call}
        ):
            yield call
            call, size = [], 0
        call.append(record)
        size += bytes_more
    if call:
        yield call


def event_for(entry: Entry) -> dict[str, str]:
    """The entry as PutEvents takes it. `Time` is when the entry was recorded, not when it got here."""
    event = outward_event(entry)
    return {
        "Source": SOURCE,
        "DetailType": event.type,
        "Time": entry.recorded_at,
        "Detail": json.dumps(event.detail, separators=(",", ":")),
    }


def size_of(event: Mapping[str, str]) -> int:
    counted = ("Source", "DetailType", "Detail")
    return _TIME_BYTES + sum(len(event[name].encode()) for name in counted)


# ----------------------------------------------------------------------------------------- the stream


def entries_in(stream_records: Iterable[Mapping[str, Any]]) -> list[Record]:
    """The ledger entries added, among the records of a stream batch. Raises KeyError or ValueError if one
    can't be read: then Lambda halves the batch until that one stands alone."""
    return [
        Record(str(change["SequenceNumber"]), entry_of(change["NewImage"]))
        for stream_record in stream_records
        if (change := stream_record["dynamodb"])["Keys"]["record"]["S"].startswith(ENTRY_PREFIX)
        and stream_record["eventName"] == "INSERT"
    ]


def entry_of(image: Mapping[str, Mapping[str, str]]) -> Entry:
    """A ledger entry from its item in DynamoDB's notation, as store/tables.py lays it out."""
    return Entry(
        mandate_id=image["mandate_id"]["S"],
        number=int(image["number"]["N"]),
        recorded_at=image["recorded_at"]["S"],
        source=image["source"]["S"],
        facts=tuple(json.loads(image["facts"]["S"])),
        status=image["status"]["S"],
        text=image["text"]["S"] if "text" in image else None,
        commitments=json.loads(image["commitments"]["S"]),
        previous_hash=image["previous_hash"]["S"],
        hash=image["hash"]["S"],
    )
