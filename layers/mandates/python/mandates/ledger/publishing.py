"""From the mandates table's stream to the bus: every ledger entry, at least once, in order per mandate.

A stream has the writes in their order, but those of one transaction in any order
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html), and the events
of one PutEvents call succeed or fail each for itself. So a batch is sorted by ledger number within each
mandate, no call carries two entries of one mandate, and after a failure that will pass nothing more is
sent: Lambda hands over again whatever follows the first entry that was not published.

What will not pass holds up nothing: an entry that can't be read, or that the bus refuses for what is in it,
is set aside in a queue for an operator (`python -m ops unpublished`), and what follows it goes out.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mandates.core.formats import NewerFormat
from mandates.core.ledger import Entry
from mandates.core.messages import UNPUBLISHED
from mandates.core.outward import SOURCE, outward_event
from mandates.ledger.stream import Added, entry_in, must_be_readable
from mandates.runtime import aws
from mandates.runtime.queues import Queue

MAX_EVENTS_PER_CALL = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

MAX_BYTES_PER_CALL = 256 * 1024
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""

_TIME_BYTES = 14  # what an event's time counts for, ibid.

ENTRY_REFUSED = frozenset(
    {"InvalidArgument", "MalformedDetail", "NotAuthorizedForDetailTypeException", "RedactionFailure"}
)
"""What PutEvents says of one entry, among others, when it is that entry's own fault and will always be:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html

Of the codes it calls non-retryable, AccessDeniedException, InvalidAccountIdException and
NotAuthorizedForSourceException are left out: those are of the role or the bus, strike every entry alike, and
pass once somebody mends them. Like InternalFailure, ThrottlingException and any code not known here, they are
waited out."""

CALL_REFUSED = frozenset(
    {
        "413",
        "ParamValidationError",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationError",
        "ValidationException",
    }
)
"""What a call fails with for what is in it, such as an entry too large; botocore's own check included:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html"""

UNREADABLE = "Unreadable"
"""The code of an entry that we can't make an event of."""

_MOST_TOLD = 500


class NotAccepted(Exception):
    """The bus answered, and did not take all events for now. The message has its error codes."""


class NotSetAside(Exception):
    """The queue of unpublished entries did not take all that was to be set aside."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A ledger entry with its event, and its place in the stream."""

    added: Added
    entry: Entry
    event: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that will never be published as it is, and why: a code of EventBridge's, or UNREADABLE."""

    added: Added
    code: str
    message: str = ""

    def to_message(self) -> str:
        """For the queue of unpublished entries. An event holds nothing personal, so no word on it does."""
        return UNPUBLISHED.text(
            {
                "mandate_id": self.added.mandate_id,
                "record": self.added.record,
                "sequence_number": self.added.sequence_number,
                "code": self.code,
                "message": self.message[:_MOST_TOLD],
            }
        )


@dataclass(slots=True)
class Sent:
    """What became of entries: accepted, refused for good, and what stopped the sending of all others."""

    accepted: list[StreamRecord] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    error: Exception | None = None

    def add(self, more: "Sent") -> None:
        self.accepted += more.accepted
        self.refused += more.refused
        self.error = self.error or more.error

    @property
    def done_with(self) -> set[str]:
        """Sequence numbers."""
        added = [record.added for record in self.accepted] + [refused.added for refused in self.refused]
        return {one.sequence_number for one in added}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`resume_at` is the sequence number of the first entry neither published nor set aside, if any.

    `error` is what stopped it.
    """

    published: Sequence[Entry]
    set_aside: Sequence[Refused] = ()
    resume_at: str | None = None
    error: Exception | None = None


class Publisher:
    def __init__(self, events: Any, bus: str, unpublished: Queue) -> None:
        """`events` is a botocore client; `unpublished` is where entries are set aside."""
        self._events = events
        self._bus = bus
        self._unpublished = unpublished

    def publish(self, added: Sequence[Added]) -> Outcome:
        """Publish entries, given in the stream's order, up to the first that AWS does not take for now.

        What is refused behind that one is handed over again with it, and not set aside until then: else each
        of the tries during an outage would set it aside once more.
        """
        sent = self.send(added)
        done = sent.done_with
        resume_at = _first(one for one in added if one.sequence_number not in done)
        aside = [one for one in sent.refused if resume_at is None or _is_before(one.added, resume_at)]
        published = [record.entry for record in sent.accepted]
        try:
            self._set_aside(aside)
        except Exception as error:  # whatever it was, what is published stays so
            return Outcome(published, (), _first(one.added for one in aside), error)
        return Outcome(published, aside, resume_at, sent.error)

    def send(self, added: Iterable[Added]) -> Sent:
        """Send entries to the bus, and set nothing aside.

        An entry of a newer format is not refused for good, but waits for a release that can read it.
        """
        known, newer = before_any_newer(added)
        records, unreadable = readable(known)
        sent = Sent(refused=unreadable)
        for call in calls(in_ledger_order(records)):
            sent.add(self._put(call))
            if sent.error:
                break
        sent.error = sent.error or newer
        return sent

    def _put(self, call: Sequence[StreamRecord]) -> Sent:
        try:
            answer = self._events.put_events(
                Entries=[{**record.event, "EventBusName": self._bus} for record in call]
            )
            return _told(call, answer["Entries"])
        except Exception as error:
            code = aws.error_code(error)
            if code not in CALL_REFUSED:
                return Sent(error=error)
            if len(call) == 1:
                return Sent(refused=[Refused(call[0].added, code, str(error))])
        return self._put_each(call)

    def _put_each(self, call: Sequence[StreamRecord]) -> Sent:
        """One of them is why the call was refused; which one, it did not say."""
        sent = Sent()
        for record in call:
            sent.add(self._put([record]))
            if sent.error:
                break
        return sent

    def _set_aside(self, refused: Sequence[Refused]) -> None:
        taken = self._unpublished.send([one.to_message() for one in refused])
        if taken < len(refused):
            raise NotSetAside(f"{taken} of {len(refused)} were")


def _told(call: Sequence[StreamRecord], results: Sequence[Mapping[str, str]]) -> Sent:
    """What the bus said of each."""
    sent, waiting = Sent(), set()
    for record, result in zip(call, results, strict=True):
        code = result.get("ErrorCode")
        if not code:
            sent.accepted.append(record)
        elif code in ENTRY_REFUSED:
            sent.refused.append(Refused(record.added, code, result.get("ErrorMessage", "")))
        else:
            waiting.add(code)
    if waiting:
        sent.error = NotAccepted(f"not published: {', '.join(sorted(waiting))}")
    return sent


def _first(added: Iterable[Added]) -> str | None:
    return min((one.sequence_number for one in added), key=int, default=None)


def _is_before(added: Added, sequence_number: str) -> bool:
    return int(added.sequence_number) < int(sequence_number)


def before_any_newer(added: Iterable[Added]) -> tuple[list[Added], NewerFormat | None]:
    """The entries before the first of a mandate that has one of a newer format: none may overtake it."""
    entries = list(added)
    newer = {one.mandate_id: error for one in entries if (error := _newer(one))}
    for at, one in enumerate(entries):
        if one.mandate_id in newer:
            return entries[:at], newer[one.mandate_id]
    return entries, None


def _newer(one: Added) -> NewerFormat | None:
    try:
        must_be_readable(one.image)
    except NewerFormat as newer:
        return newer
    except (KeyError, ValueError, TypeError):  # which `readable` tells of
        return None
    return None


def readable(added: Iterable[Added]) -> tuple[list[StreamRecord], list[Refused]]:
    """Entries with their events, and those that can't be read or told: a bug of ours, which will not pass."""
    records: list[StreamRecord] = []
    unreadable: list[Refused] = []
    for one in added:
        try:
            entry = entry_in(one.image)
            records.append(StreamRecord(one, entry, event_for(entry)))
        except Exception as error:  # its text could quote the entry
            unreadable.append(Refused(one, UNREADABLE, type(error).__name__))
    return records, unreadable


def in_ledger_order(records: Sequence[StreamRecord]) -> list[StreamRecord]:
    """The same records; each mandate's keep the places they have, sorted by ledger number."""
    by_mandate: dict[str, list[StreamRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.entry.number):
        by_mandate[record.entry.mandate_id].append(record)
    next_of = {mandate_id: iter(of_mandate) for mandate_id, of_mandate in by_mandate.items()}
    return [next(next_of[record.entry.mandate_id]) for record in records]


def calls(records: Iterable[StreamRecord]) -> Iterator[list[StreamRecord]]:
    """Split into what one PutEvents call may carry, never two entries of one mandate."""
    call: list[StreamRecord] = []
    size = 0
    for record in records:
        bytes_more = size_of(record.event)
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
