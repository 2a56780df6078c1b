"""Publishes every ledger entry from the mandates table's stream on the bus: at least once, in order per
mandate.

A stream has writes in their order, but the writes of one transaction in any order
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html). The events of one
PutEvents call succeed or fail separately. So a batch is sorted by ledger number within each mandate, and no
call carries two entries of one mandate. After a temporary failure nothing more is sent: Lambda delivers again
whatever follows the first unpublished entry.

A permanent failure does not block later entries. An entry that can't be read, or that the bus refuses for its
content, is set aside in a queue for an operator (`python -m ops unpublished`), and later entries go out.
"""

import json
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

_TIME_BYTES = 14  # the size of an event's time: the same page

ENTRY_REFUSED = frozenset(
    {"InvalidArgument", "MalformedDetail", "NotAuthorizedForDetailTypeException", "RedactionFailure"}
)
"""PutEvents' codes for one entry of several if the entry itself is at fault, permanently:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html

Of the codes called non-retryable there, AccessDeniedException, InvalidAccountIdException and
NotAuthorizedForSourceException are left out. They are about the role or the bus, affect every entry alike,
and end once somebody fixes them. They are waited out, like InternalFailure, ThrottlingException and any
unknown code."""

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
"""The errors of a call whose content is at fault, such as too large an entry; botocore's own check included:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html"""

UNREADABLE = "Unreadable"
"""The code of an entry from which we can't make an event."""

_MOST_TOLD = 500


class NotAccepted(Exception):
    """The bus answered, but did not accept all events for now. The message has its error codes."""


class NotSetAside(Exception):
    """The queue of unpublished entries did not accept everything that was to be set aside."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A ledger entry with its event, and its place in the stream."""

    added: Added
    entry: Entry
    event: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that can never be published as it is, and why: EventBridge's code, or UNREADABLE."""

    added: Added
    code: str
    message: str = ""

    def to_message(self) -> str:
        """For the queue of unpublished entries. Like an event, it holds nothing personal."""
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
    """What became of the entries: accepted, or refused permanently; and what stopped all others."""

    accepted: list[StreamRecord] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    error: Exception | None = None

    def add(self, more: "Sent") -> None:
        self.accepted += more.accepted
        self.refused += more.refused
        self.error = self.error or more.error

    @property
    def done_with(self) -> set[str]:
        """The sequence numbers."""
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
        """Publish entries, given in the stream's order, up to the first that AWS does not accept for now.

        Refused entries after that one are delivered again with it, and are not set aside before then.
        Otherwise each attempt during an outage would set them aside once more.
        """
        sent = self.send(added)
        done = sent.done_with
        resume_at = _first(one for one in added if one.sequence_number not in done)
        aside = [one for one in sent.refused if resume_at is None or _is_before(one.added, resume_at)]
        published = [record.entry for record in sent.accepted]
        try:
            self._set_aside(aside)
        except Exception as error:  # whatever it was, what is published stays published
            return Outcome(published, (), _first(one.added for one in aside), error)
        return Outcome(published, aside, resume_at, sent.error)

    def send(self, added: Iterable[Added]) -> Sent:
        """Send entries to the bus, and set nothing aside.

        An entry of a newer format is not refused permanently, but waits for a release that can read it.
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
        """One of the entries caused the refusal of the call, which did not say which one."""
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
    """What the bus said about each entry."""
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
    """The entries before a mandate's first entry of a newer format: none may overtake it."""
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
    except (KeyError, ValueError, TypeError):  # `readable` reports it
        return None
    return None


def readable(added: Iterable[Added]) -> tuple[list[StreamRecord], list[Refused]]:
    """Entries with their events, and those that can't be read or published: our bug, and permanent."""
    records: list[StreamRecord] = []
    unreadable: list[Refused] = []
    for one in added:
        try:
            entry = entry_in(one.image)
            records.append(StreamRecord(one, entry, event_for(entry)))
        except Exception as error:  # its text could quote the entry
            unreadable.append(Refused(one, UNREADABLE, type(error).__name__))
    return records, unreadable


def in_ledger_order(records: Iterable[StreamRecord]) -> list[StreamRecord]:
    """Lower numbers first, so each mandate's entries are in order. A stream keeps the order of the changes of
    one item, but each entry is an item of its own."""
    return sorted(records, key=lambda record: record.entry.number)


def calls(records: Iterable[StreamRecord]) -> Iterator[list[StreamRecord]]:
    """The records, split into what one PutEvents call may carry: never two entries of one mandate."""
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
    """The entry as PutEvents wants it. `Time` is when the entry was recorded, not when it got here."""
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
