"""Invocations that take turns, call by call, in one thread; what can go wrong at each call; the clock.

Every call to AWS or Stripe is a boundary: the invocation hands control back there, and goes on, or meets a
fault, when and as whoever drives the world decides. So one seed decides one whole run.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import greenlet


class ContainerGone(BaseException):
    """The container was killed: nothing in it may catch this, and nothing in it goes on."""


class Fault(enum.Enum):
    """What happens to one call. The value is the word for it in a trace."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    THROTTLED = "throttled"
    UNREACHABLE = "time-out before its effect"
    TIMED_OUT = "time-out after its effect"
    REPEATED = "its answer lost and the call repeated"
    CONFLICT = "transaction conflict"
    PARTLY = "partly refused"
    LOCKED = "lock time-out"
    FAILED = "500"
    FAILED_APPLIED = "500 after its effect"
    UNAVAILABLE = "503"
    UNAVAILABLE_APPLIED = "503 after its effect"
    SLOW = "slow"
    REJECTED = "rejected"
    MISSING = "an object is not known"


CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
_ANY = (*CRASHES, Fault.THROTTLED, Fault.UNREACHABLE, Fault.TIMED_OUT)
_STRIPE = (
    *_ANY,
    Fault.LOCKED,
    Fault.FAILED,
    Fault.FAILED_APPLIED,
    Fault.UNAVAILABLE,
    Fault.UNAVAILABLE_APPLIED,
    Fault.SLOW,
    Fault.REJECTED,
)
_NAMES_AN_OBJECT = re.compile(
    r"\w+ /v1/checkout/sessions.*|\w+ /v1/customers/cus_\w+|\w+ /v1/payment_methods/\w+.*"
    r"|\w+ /v1/payment_intents/pi_\w+.*"
)


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"

    @property
    def writes(self) -> bool:
        return not self.operation.startswith(("GET ", "BatchGet", "Get", "Query"))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All that can happen to this call."""
        match self.service, self.operation:
            case "stripe", operation if _NAMES_AN_OBJECT.fullmatch(operation):
                return (*_STRIPE, Fault.MISSING)
            case "stripe", _:
                return _STRIPE
            case "dynamodb", "TransactWriteItems":
                return (*_ANY, Fault.REPEATED, Fault.CONFLICT)
            case "dynamodb", ("PutItem" | "UpdateItem" | "DeleteItem"):
                return (*_ANY, Fault.REPEATED)
            case "dynamodb", "BatchGetItem":
                return (*_ANY, Fault.PARTLY)
            case "events", _:
                return (*_ANY, Fault.REPEATED, Fault.PARTLY)
            case "sqs", "SendMessageBatch":
                return (*_ANY, Fault.REPEATED, Fault.PARTLY)
            case "sqs", _:
                return (*_ANY, Fault.REPEATED)
        return _ANY


@dataclass
class Clock:
    """Epoch seconds, and moved by the world alone."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Task:
    """One invocation. `call` is what it is about to do; it can't go on before `not_before`."""

    name: str
    run: Callable[[], Any]
    done: Callable[[Any], None] = lambda _: None
    gone: Callable[[], None] = lambda: None
    call: Call | None = None
    not_before: float = 0.0
    started_at: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    timed_out: bool = False
    may_fail: bool = True
    turns: greenlet.greenlet | None = None

    def __str__(self) -> str:
        return self.name


class Tasks:
    """Those under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._driver = greenlet.getcurrent()
        self.under_way: list[Task] = []

    @property
    def current(self) -> Task | None:
        running = greenlet.getcurrent()
        return next((task for task in self.under_way if task.turns is running), None)

    def start(self, task: Task) -> None:
        """Up to its first call."""
        self._driver = greenlet.getcurrent()
        task.turns = greenlet.greenlet(task.run)
        task.started_at = self._clock.now
        self.under_way.append(task)
        self._switch(task)

    def go_on(self, task: Task, fault: Fault | None = None) -> None:
        """Make the call it waits with, and up to the next."""
        self._driver = greenlet.getcurrent()
        if fault:
            task.faults.append(fault)
        self._switch(task, fault)

    def kill(self, task: Task) -> None:
        self._driver = greenlet.getcurrent()
        self._finish(task, ContainerGone())

    def _switch(self, task: Task, *given: Any) -> None:
        assert task.turns is not None
        try:
            waits_with = task.turns.switch(*given)
        except ContainerGone:
            self.under_way.remove(task)
            task.gone()
            return
        if task.turns.dead:
            self.under_way.remove(task)
            task.done(waits_with)
            return
        task.call = waits_with if isinstance(waits_with, Call) else None
        task.not_before = waits_with if isinstance(waits_with, float) else 0.0

    def _finish(self, task: Task, error: BaseException) -> None:
        assert task.turns is not None
        try:
            while not task.turns.dead:
                task.turns.throw(error)
        except ContainerGone:
            pass
        self.under_way.remove(task)
        task.gone()

    # Called by the invocation itself:

    def boundary(self, call: Call) -> Fault | None:
        """Wait for one's turn to make a call; returns what goes wrong with it: outside a task, nothing."""
        if self.current is None:
            return None
        fault: Fault | None = self._driver.switch(call)
        if fault is Fault.CRASH_BEFORE:
            raise ContainerGone
        return fault

    def sleep(self, seconds: float) -> None:
        if self.current is None:
            self._clock.now += seconds
        else:
            self._driver.switch(self._clock.now + seconds)
