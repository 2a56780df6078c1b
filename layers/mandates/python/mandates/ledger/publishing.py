"""Publishes every entry from a table's stream on the bus: at least once, in order per chain.

A chain is a mandate's ledger or a charge's entries; what differs between them is `Chains`.

A stream has writes in their order, but the writes of one transaction in any order
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html). The events of one
PutEvents call succeed or fail separately. So a batch is sorted by number within each chain, and no call
carries two entries of one chain. After a temporary failure nothing more is sent: Lambda delivers again
whatever follows the first unpublished entry.

A permanent failure does not block later entries. An entry that can't be read, or that the bus refuses for its
content, is set aside in a queue for an operator (`python -m ops unpublished`), and later entries go out.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mandates.core.formats import NewerFormat
from mandates.core.messages import UNPUBLISHED
from mandates.core.outward import SOURCE, OutwardEvent
from mandates.ledger.stream import Added
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
class Publication:
    """An entry with the event it makes.

    `chain` and `number` are its chain's id and its place in it, `recorded_at` and `source` its own.
    """

    added: Added
    chain: str
    number: int
    recorded_at: str
    source: str
    event: OutwardEvent

    @property
    def as_put(self) -> dict[str, str]:
        """As PutEvents wants it. `Time` is when the entry was recorded, not when it got here."""
        return {
            "Source": SOURCE,
            "DetailType": self.event.type,
            "Time": self.recorded_at,
            "Detail": json.dumps(self.event.detail, separators=(",", ":")),
        }


type Reader = Callable[[Added], Publication]


class Chains(Protocol):
    """The chains of one table."""

    def chain_of(self, added: Added) -> str:
        """The id of the chain whose order the entry keeps, without reading the entry."""

    def reader(self, added: Sequence[Added]) -> Reader:
        """Reads what the events of these entries need beside them, and returns what makes each event.

        It raises if that can't be read for now. What it returns raises NewerFormat for an entry that waits
        for a later release, and anything else for one that can never be read.
        """


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
class Read:
    """What can be published, what can never be read, and what made the rest wait."""

    readable: list[Publication] = field(default_factory=list)
    unreadable: list[Refused] = field(default_factory=list)
    newer: NewerFormat | None = None


@dataclass(slots=True)
class Sent:
    """What became of the entries: accepted, or refused permanently; and what stopped all others."""

    accepted: list[Publication] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    error: Exception | None = None

    def add(self, more: "Sent") -> None:
        self.accepted += more.accepted
        self.refused += more.refused
        self.error = self.error or more.error

    @property
    def done_with(self) -> set[str]:
        """The sequence numbers."""
        added = [one.added for one in self.accepted] + [refused.added for refused in self.refused]
        return {one.sequence_number for one in added}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`resume_at` is the sequence number of the first entry neither published nor set aside, if any.

    `error` is what stopped it.
    """

    published: Sequence[Publication]
    set_aside: Sequence[Refused] = ()
    resume_at: str | None = None
    error: Exception | None = None


class Publisher:
    def __init__(self, chains: Chains, events: Any, bus: str, unpublished: Queue) -> None:
        """`events` is a botocore client; `unpublished` is where entries are set aside."""
        self._chains = chains
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
        try:
            self._set_aside(aside)
        except Exception as error:  # whatever it was, what is published stays published
            return Outcome(sent.accepted, (), _first(one.added for one in aside), error)
        return Outcome(sent.accepted, aside, resume_at, sent.error)

    def send(self, added: Iterable[Added]) -> Sent:
        """Send entries to the bus, and set nothing aside.

        An entry of a newer format is not refused permanently, but waits for a release that can read it.
        """
        try:
            found = self._read(list(added))
        except Exception as error:  # whatever it was, Lambda delivers all again
            return Sent(error=error)
        sent = Sent(refused=found.unreadable)
        for call in calls(in_order(found.readable)):
            sent.add(self._put(call))
            if sent.error:
                break
        sent.error = sent.error or found.newer
        return sent

    def _read(self, added: Sequence[Added]) -> Read:
        """Stops before the first entry of a chain that has one of a newer format: none may overtake it."""
        reader = self._chains.reader(added)
        results = [(one, self._chains.chain_of(one), _read(one, reader)) for one in added]
        newer = {chain: result for _, chain, result in results if isinstance(result, NewerFormat)}
        read = Read()
        for _, chain, result in results:
            if chain in newer:
                read.newer = newer[chain]
                break
            match result:
                case Publication():
                    read.readable.append(result)
                case Refused():
                    read.unreadable.append(result)
        return read

    def _put(self, call: Sequence[Publication]) -> Sent:
        try:
            answer = self._events.put_events(
                Entries=[{**one.as_put, "EventBusName": self._bus} for one in call]
            )
            return _told(call, answer["Entries"])
        except Exception as error:
            code = aws.error_code(error)
            if code not in CALL_REFUSED:
                return Sent(error=error)
            if len(call) == 1:
                return Sent(refused=[Refused(call[0].added, code, str(error))])
        return self._put_each(call)

    def _put_each(self, call: Sequence[Publication]) -> Sent:
        """One of the entries caused the refusal of the call, which did not say which one."""
        sent = Sent()
        for one in call:
            sent.add(self._put([one]))
            if sent.error:
                break
        return sent

    def _set_aside(self, refused: Sequence[Refused]) -> None:
        taken = self._unpublished.send([one.to_message() for one in refused])
        if taken < len(refused):
            raise NotSetAside(f"{taken} of {len(refused)} were")


def _told(call: Sequence[Publication], results: Sequence[Mapping[str, str]]) -> Sent:
    """What the bus said about each entry."""
    sent, waiting = Sent(), set()
    for one, result in zip(call, results, strict=True):
        code = result.get("ErrorCode")
        if not code:
            sent.accepted.append(one)
        elif code in ENTRY_REFUSED:
            sent.refused.append(Refused(one.added, code, result.get("ErrorMessage", "")))
        else:
            waiting.add(code)
    if waiting:
        sent.error = NotAccepted(f"not published: {', '.join(sorted(waiting))}")
    return sent


def _first(added: Iterable[Added]) -> str | None:
    return min((one.sequence_number for one in added), key=int, default=None)


def _is_before(added: Added, sequence_number: str) -> bool:
    return int(added.sequence_number) < int(sequence_number)


def _read(one: Added, reader: Reader) -> Publication | Refused | NewerFormat:
    try:
        return reader(one)
    except NewerFormat as newer:
        return newer
    except Exception as error:  # our bug, and permanent; its text could quote the entry
        return Refused(one, UNREADABLE, type(error).__name__)


def in_order(publications: Iterable[Publication]) -> list[Publication]:
    """Lower numbers first, so each chain's entries are in order. A stream keeps the order of the changes of
    one item, but each entry is an item of its own."""
    return sorted(publications, key=lambda one: one.number)


def calls(publications: Iterable[Publication]) -> Iterator[list[Publication]]:
    """Split into what one PutEvents call may carry: never two entries of one chain."""
    call: list[Publication] = []
    size = 0
    for one in publications:
        bytes_more = size_of(one.as_put)
        if call and (
            len(call) == MAX_EVENTS_PER_CALL
            or size + bytes_more > MAX_BYTES_PER_CALL
            or one.chain in {other.chain for other in call}
        ):
            yield call
            call, size = [], 0
        call.append(one)
        size += bytes_more
    if call:
        yield call


def size_of(event: Mapping[str, str]) -> int:
    counted = ("Source", "DetailType", "Detail")
    return _TIME_BYTES + sum(len(event[name].encode()) for name in counted)
