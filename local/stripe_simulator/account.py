"""Everything Stripe remembers for one account: its objects, and the events about them."""

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from .errors import resource_missing
from .faults import FaultPlan, FaultState, Verdict
from .ids import NewId
from .objects import Json, previous_values
from .outbox import Outbox
from .payments import MAGIC_AMOUNTS, PaymentPlan, PaymentState
from .refunding import MAGIC_REFUNDS, RefundPlan, RefundState
from .settings import Settings
from .timers import Timers


@dataclass(frozen=True)
class Cause:
    """The API request behind an event. Both are null when the buyer, Amazon or time caused it."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass
class Account:
    """One account's objects and the events about them. It does not lock: the simulator does."""

    settings: Settings
    clock: Callable[[], float]
    new_id: NewId
    plan: FaultPlan = field(default_factory=FaultPlan)
    cause: Cause = field(default_factory=Cause)
    verdict: Verdict = field(default_factory=Verdict)
    """What is to happen to the answer of the present request."""
    expired_keys: set[str] = field(default_factory=set)
    """API keys that were rolled and have expired. Any other key is accepted."""
    timers: Timers = field(default_factory=Timers)
    _objects: dict[str, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))
    _unshown: dict[str, Json] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.faults = FaultState(self.plan)
        self.payments = PaymentState(MAGIC_AMOUNTS if self.settings.magic_amounts else PaymentPlan())
        self.set_refunds(MAGIC_REFUNDS if self.settings.magic_amounts else RefundPlan())
        self.outbox = Outbox(self.settings.retry_delay, self.settings.delivery_attempts)

    def now(self) -> int:
        return int(self.clock())

    def set_faults(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.faults = FaultState(plan)

    def set_payments(self, plan: PaymentPlan) -> None:
        self.payments = PaymentState(plan)

    def set_refunds(self, plan: RefundPlan) -> None:
        self.refunds = RefundState(plan, self.settings.refund_seconds)

    def add(self, thing: Json) -> Json:
        """Keep a new object under its own ``object`` and ``id``."""
        self._objects[thing["object"]][thing["id"]] = thing
        return thing

    def all(self, kind: str) -> list[Json]:
        """Every object of a kind, oldest first."""
        return list(self._objects[kind].values())

    def listed(self, kind: str) -> list[Json]:
        """The objects of a kind that Stripe's lists show by now, oldest first."""
        shown = self.clock() - self.plan.list_lag
        return [thing for thing in self.all(kind) if thing["created"] <= shown]

    def get(self, kind: str, identifier: str) -> Json | None:
        return self._objects[kind].get(identifier)

    def find(self, kind: str, identifier: str, param: str = "id", *, even_deleted: bool = False) -> Json:
        """The object itself, or Stripe's ``resource_missing`` naming ``param``."""
        found = self._objects[kind].get(identifier)
        if found is None or (found.get("deleted") and not even_deleted):
            raise resource_missing(kind, identifier, param)
        return found

    def get_any(self, identifier: str) -> Json | None:
        """The object with this id, of whatever kind."""
        return next((things[identifier] for things in self._objects.values() if identifier in things), None)

    def find_any(self, identifier: str) -> Json:
        found = self.get_any(identifier)
        if found is None:
            raise resource_missing("object", identifier)
        return found

    def unshown(self, thing: Json) -> Json:
        """What Stripe remembers about an object but never shows on it. The caller may change it."""
        return self._unshown[thing["id"]]

    def remove(self, thing: Json) -> None:
        del self._objects[thing["object"]][thing["id"]]
        self._unshown.pop(thing["id"], None)

    def change(self, thing: Json, changes: Json) -> Json:
        """Apply changes without announcing them. Returns the former values of what changed."""
        former = previous_values(thing, changes)
        thing.update(changes)
        return former

    def update(self, thing: Json, changes: Json, event_type: str | None = None) -> None:
        """Apply changes. If anything changed, announce it as ``event_type`` with the former values."""
        former = self.change(thing, changes)
        if event_type and former:
            self.emit(event_type, thing, former)

    def emit(self, event_type: str, thing: Json, former: Json | None = None) -> Json:
        """Announce a change: a snapshot of ``thing`` as it is now, queued for every endpoint that wants it.

        ``former``, the previous values of changed attributes, is for ``*.updated`` only
        (https://docs.stripe.com/api/events/object).
        """
        data = {"object": deepcopy(thing)} | ({} if former is None else {"previous_attributes": former})
        event: Json = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.settings.api_version,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.cause.request, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
        }
        self.add(event)
        self.outbox.enqueue(event, self.all("webhook_endpoint"), self.faults, self.clock())
        return event
