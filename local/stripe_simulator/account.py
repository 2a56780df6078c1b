"""Everything Stripe remembers for one account, and the two ways it changes: objects and events."""

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from .errors import resource_missing
from .faults import FaultPlan, FaultState
from .ids import NewId
from .objects import Json, previous_values
from .outbox import Outbox
from .settings import Settings


@dataclass(frozen=True)
class Cause:
    """The API request behind an event; both null when the buyer, Amazon or time caused it."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass
class Account:
    """One account's objects and what was announced about them. Nothing in here locks: the simulator does."""

    settings: Settings
    clock: Callable[[], float]
    new_id: NewId
    plan: FaultPlan = field(default_factory=FaultPlan)
    cause: Cause = field(default_factory=Cause)
    secrets: dict[str, str] = field(default_factory=dict)
    """The signing secret of each webhook endpoint; Stripe shows it only once."""
    expired_keys: set[str] = field(default_factory=set)
    """API keys that were rolled and have expired. Any other is taken."""
    spent: set[str] = field(default_factory=set)
    """Payment methods that were detached: they can never be attached again."""
    open_sessions: dict[str, int] = field(default_factory=dict)
    """When each open Checkout Session expires."""
    allow_redisplay: dict[str, str] = field(default_factory=dict)
    """What each Checkout Session will set on its payment method; not shown on the session."""
    _objects: dict[str, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.faults = FaultState(self.plan)
        self.outbox = Outbox(self.settings.retry_delay, self.settings.delivery_attempts)

    def now(self) -> int:
        return int(self.clock())

    def set_faults(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.faults = FaultState(plan)

    def add(self, thing: Json) -> Json:
        """Keep a new object under its own ``object`` and ``id``."""
        self._objects[thing["object"]][thing["id"]] = thing
        return thing

    def all(self, kind: str) -> list[Json]:
        """Every object of a kind, the oldest first."""
        return list(self._objects[kind].values())

    def get(self, kind: str, identifier: str) -> Json | None:
        return self._objects[kind].get(identifier)

    def find(self, kind: str, identifier: str, param: str = "id", *, even_deleted: bool = False) -> Json:
        """The object itself, or Stripe's ``resource_missing`` naming ``param``."""
        found = self._objects[kind].get(identifier)
        if found is None or (found.get("deleted") and not even_deleted):
            raise resource_missing(kind, identifier, param)
        return found

    def remove(self, thing: Json) -> None:
        del self._objects[thing["object"]][thing["id"]]

    def emit(self, event_type: str, thing: Json, previous: Json | None = None) -> Json:
        """Announce a change: a snapshot of ``thing`` as it is now, queued for every endpoint that wants it.

        ``previous`` holds the former values of changed attributes and is for ``*.updated`` only
        (https://docs.stripe.com/api/events/object).
        """
        data = {"object": deepcopy(thing)} | ({} if previous is None else {"previous_attributes": previous})
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

    def update(self, thing: Json, changes: Json, event_type: str | None = None) -> None:
        """Apply changes; if anything did change, announce it as ``event_type`` with the previous values."""
        previous = previous_values(thing, changes)
        thing.update(changes)
        if event_type and previous:
            self.emit(event_type, thing, previous)
