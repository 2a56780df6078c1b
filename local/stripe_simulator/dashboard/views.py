"""What the pages show, as values: rows, newest first, made from the simulator's objects."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from local.stripe_simulator.durations import Durations
from local.stripe_simulator.objects import Json
from local.stripe_simulator.resources import ACTIONS
from local.stripe_simulator.simulator import Simulator
from local.trigger.actions import TRIGGERS, Trigger

PAGE = 50

KINDS = {
    "customer": "Customers",
    "checkout.session": "Checkout Sessions",
    "setup_intent": "SetupIntents",
    "payment_method": "Payment methods",
    "mandate": "Mandates",
    "payment_intent": "PaymentIntents",
    "charge": "Charges",
    "refund": "Refunds",
    "dispute": "Disputes",
    "balance_transaction": "Balance transactions",
    "payout": "Payouts",
    "webhook_endpoint": "Webhook endpoints",
}

_GOOD = frozenset({"succeeded", "complete", "active", "attached", "delivered", "paid", "won", "enabled"})
_BAD = frozenset({"failed", "canceled", "expired", "inactive", "deleted", "lost", "stopped", "dropped"})


@dataclass(frozen=True)
class Status:
    """`tone` is good, bad or open."""

    words: str
    tone: str


@dataclass(frozen=True)
class Row:
    """An object in a list."""

    kind: str
    id: str
    created: float | None
    status: Status | None
    facts: tuple[str, ...]


@dataclass(frozen=True)
class EventRow:
    id: str
    type: str
    created: float
    about: str
    status: Status
    attempts: int
    answers: str


@dataclass(frozen=True)
class RequestRow:
    at: float
    method: str
    path: str
    status: Status
    error: str | None
    idempotency_key: str | None
    seconds: float | None
    note: str


@dataclass(frozen=True)
class Page[T]:
    """`number` counts from 1. `last` is the number of the last page."""

    rows: tuple[T, ...]
    number: int
    last: int
    total: int


def page_of[T](things: Sequence[T], number: int) -> Page[T]:
    last = max(1, -(-len(things) // PAGE))
    number = min(max(number, 1), last)
    return Page(tuple(things[(number - 1) * PAGE : number * PAGE]), number, last, len(things))


class Views:
    def __init__(self, simulator: Simulator, durations: Durations) -> None:
        self._simulator = simulator
        self._durations = durations

    def counts(self) -> dict[str, int]:
        return {kind: len(self._simulator.all(kind)) for kind in KINDS}

    def rows(self, kind: str) -> list[Row]:
        return [row_of(kind, thing) for thing in reversed(self._simulator.all(kind))]

    def events(self, about: str | None = None) -> list[EventRow]:
        rows = (event_row(event) for event in reversed(self._simulator.events()))
        return [row for row in rows if about in {None, row.about}]

    def requests(self) -> list[RequestRow]:
        return [
            RequestRow(
                at=line.at,
                method=line.method,
                path=line.path,
                status=Status(str(line.status), "good" if line.status < 400 else "bad"),
                error=line.error,
                idempotency_key=line.idempotency_key,
                seconds=self._durations.of(line.id),
                note=", ".join(_notes(replayed=line.replayed, answered=line.answered)),
            )
            for line in reversed(self._simulator.requests())
        ]

    def referred(self, thing: Json) -> list[tuple[str, str, str]]:
        """The objects that one refers to: the attribute, the kind, the id."""
        return [
            (name, kind, value)
            for name, value in thing.items()
            if isinstance(value, str) and name != "id"
            for kind in KINDS
            if self._simulator.get(kind, value) is not None
        ]


def row_of(kind: str, thing: Json) -> Row:
    facts = []
    if "amount" in thing and "currency" in thing:
        facts.append(f"{thing['amount']} {thing['currency']}")
    facts += [str(thing[name]) for name in ("type", "email", "url", "reason") if thing.get(name)]
    facts += [f"{name}: {value}" for name, value in (thing.get("metadata") or {}).items()]
    return Row(kind, thing["id"], thing.get("created"), status_of(thing), tuple(facts))


def status_of(thing: Json) -> Status | None:
    if thing.get("deleted"):
        return Status("deleted", "bad")
    words = thing.get("status")
    return None if words is None else Status(words, tone_of(words))


def tone_of(words: str) -> str:
    return "good" if words in _GOOD else "bad" if words in _BAD else "open"


def event_row(event: Json) -> EventRow:
    deliveries: list[Json] = event["deliveries"]
    words = deliveries[-1]["status"] if deliveries else "nobody asked for it"
    return EventRow(
        id=event["id"],
        type=event["type"],
        created=event["created"],
        about=event["data"]["object"].get("id", ""),
        status=Status(words, tone_of(words)),
        attempts=sum(delivery["attempts"] for delivery in deliveries),
        answers=", ".join(str(answer) for delivery in deliveries for answer in delivery["answers"]),
    )


def possible(kind: str, thing: Json) -> list[tuple[str, str]]:
    """What can happen to it now without options: the trigger's name, and its words."""
    return [
        (name, trigger.help)
        for name, trigger in TRIGGERS.items()
        if trigger.target
        and trigger.target.kind == kind
        and trigger.target.fits(thing)
        and _complete(trigger)
    ]


def _complete(trigger: Trigger) -> bool:
    try:
        msgspec.convert({}, ACTIONS[f"/{trigger.path}"])
    except msgspec.ValidationError:
        return False
    return True


def _notes(*, replayed: bool, answered: bool) -> Iterator[str]:
    if replayed:
        yield "the kept answer again"
    if not answered:
        yield "the connection was closed without an answer"


def as_json(thing: Any) -> str:
    return json.dumps(msgspec.to_builtins(thing), indent=2, ensure_ascii=False)


def as_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
