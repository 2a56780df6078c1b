"""Everything Stripe remembers for one account, and the two ways it changes: objects and events."""

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import stripe

from .errors import resource_missing
from .faults import FaultPlan, FaultState
from .ids import NewId
from .webhooks import Outbox

type Json = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What differs between accounts, and the knobs of the simulation. Durations are seconds."""

    base_url: str = "http://127.0.0.1:12111"
    """Where the hosted pages are; the sessions' ``url`` starts with it."""
    business_name: str = "Example business"
    payment_method_types: tuple[str, ...] = ("amazon_pay", "card", "link")
    """What is enabled in the account's Dashboard: a session offers these, narrowed by its own filter."""
    api_version: str = stripe.api_version
    retry_delay: float = 1.0
    """The first pause before a failed webhook is sent again; it doubles each time."""
    delivery_attempts: int = 8
    """Stripe retries for three days in live mode and three times over a few hours in a sandbox."""
    redirect_wait: float = 2.0
    """How long the return from the hosted page waits for ``checkout.session.completed`` to be answered; at
    Stripe up to 10 seconds (https://docs.stripe.com/checkout/fulfillment)."""


@dataclass(frozen=True)
class Cause:
    """The API request behind an event; both null when the buyer, Amazon or time caused it."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass
class World:
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
        previous = _previous(thing, changes)
        thing.update(changes)
        if event_type and previous:
            self.emit(event_type, thing, previous)


def _previous(old: Json, new: Json) -> Json:
    """The former values of what ``new`` changes, down to members of hashes; null where there was none."""
    previous: Json = {}
    for key, value in new.items():
        before = old.get(key)
        if before == value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            gone = dict.fromkeys(before.keys() - value.keys())
            previous[key] = _previous(before, value | gone)
        else:
            previous[key] = deepcopy(before)
    return previous


def merged_metadata(current: dict[str, str], given: dict[str, str] | Literal[""]) -> dict[str, str]:
    """Stripe's update rule: given keys are merged, an empty value unsets its key, ``""`` unsets all."""
    if given == "":
        return {}
    merged = current | given
    return {key: value for key, value in merged.items() if value}
