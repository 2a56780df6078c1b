"""The simulator without a network: Stripe's API, the world outside, and the webhooks to deliver.

Everything is synchronous, takes one lock, and depends on nothing but the clock, ids and randomness given to
it. HTTP is one way to reach it (``server``). A test under a virtual clock calls it directly or puts it under
the SDK (``sdk.DirectClient``), delivers its webhooks itself with ``take_due`` and ``record``, and so replays
a run exactly.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from threading import RLock

from . import buyer
from .api import Api, LoggedRequest, Request, Response
from .faults import FaultPlan
from .ids import NewId, random_ids
from .resources import checkout_sessions, customers, payment_methods
from .resources.mandates import Acceptance
from .routing import Call
from .webhooks import Attempt, Delivery
from .world import Json, Settings, World

type Clock = Callable[[], float]


class Simulator:
    """One Stripe account in test mode. Every public method is atomic and may be called from any thread."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock = time.time,
        random: Random | None = None,
        new_id: NewId | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._source = clock
        self._advanced = 0.0
        self._new_id = new_id or random_ids(random or Random())
        self._lock = RLock()
        self._notify: Callable[[], None] = lambda: None
        self._world = World(self.settings, self.clock, self._new_id)
        self._api = Api(self.clock)

    def clock(self) -> float:
        """The injected clock, moved on by ``advance``."""
        return self._source() + self._advanced

    def on_change(self, notify: Callable[[], None]) -> None:
        """Have ``notify`` called, from whichever thread, whenever something may have become due."""
        self._notify = notify

    def request(self, method: str, target: str, headers: Mapping[str, str], body: str = "") -> Response:
        """Answer one API request. ``target`` is path and query, ``body`` the form of a POST."""
        with self._turn() as world:
            lowered = {name.lower(): value for name, value in headers.items()}
            return self._api.handle(world, Request(self._new_id("req"), method, target, lowered, body))

    # The buyer, on the hosted page or through the control API. Each may raise buyer.NotPossible.

    def continue_to(self, session: str, kind: str) -> None:
        """The buyer picks a way to pay and leaves for its page."""
        with self._turn() as world:
            buyer.continue_to(world, buyer.open_session(world, session), kind)

    def authorize(
        self,
        session: str,
        *,
        mandate: bool = True,
        payment_method_types: list[str] | None = None,
        acceptance: Acceptance | None = None,
    ) -> Json:
        """The buyer agrees; returns the ``checkout.session.completed`` event.

        ``mandate=False`` leaves the SetupIntent without one, which Stripe does not rule out.
        ``payment_method_types`` replaces what the session offers, the first being what the buyer used, for
        sessions that turn out otherwise than asked for.
        """
        with self._turn() as world:
            found = buyer.open_session(world, session)
            if payment_method_types:
                buyer.offer(world, found, payment_method_types)
            return dict(buyer.authorize(world, found, acceptance or Acceptance(), mandate=mandate))

    def decline(self, session: str, code: str = buyer.DECLINED) -> None:
        """The attempt fails with this code; the session stays open."""
        with self._turn() as world:
            buyer.decline(world, buyer.open_session(world, session), code)

    def abandon(self, session: str) -> None:
        """The buyer goes away. Stripe notices nothing, so nothing changes and nothing is sent."""
        with self._turn() as world:
            buyer.open_session(world, session)

    # What else happens at Stripe or Amazon without an API request of ours.

    def expire(self, session: str) -> None:
        with self._turn() as world:
            checkout_sessions.expire(world, Call({}, (session,)))

    def detach(self, payment_method: str) -> None:
        """Someone detaches it in the Dashboard."""
        with self._turn() as world:
            payment_methods.detach(world, Call({}, (payment_method,)))

    def revoke_at_amazon(self, payment_method: str) -> None:
        with self._turn() as world:
            buyer.revoke_at_amazon(world, world.find("payment_method", payment_method))

    def end_another_mandate(self, payment_method: str, *, for_one_payment: bool = True) -> str:
        """Another payment's mandate on the same payment method ends. Returns its id."""
        with self._turn() as world:
            method = world.find("payment_method", payment_method)
            return str(buyer.end_another_mandate(world, method, for_one_payment=for_one_payment)["id"])

    def expire_api_key(self, key: str) -> None:
        """Someone rolls it in the Dashboard, and lets it expire now."""
        with self._turn() as world:
            world.expired_keys.add(key)

    def delete_customer(self, customer: str) -> None:
        """Someone deletes it in the Dashboard."""
        with self._turn() as world:
            customers.delete(world, Call({}, (customer,)))

    # The simulation itself.

    def set_faults(self, plan: FaultPlan) -> None:
        with self._turn() as world:
            world.set_faults(plan)

    @property
    def faults(self) -> FaultPlan:
        return self._world.plan

    def advance(self, seconds: float) -> None:
        """Move the clock on: sessions expire, retries fall due, idempotency keys age."""
        with self._lock:
            self._advanced += seconds
            self.tick()

    def tick(self) -> None:
        """Let what time has brought happen. Every other call does so too, before its own work."""
        with self._turn():
            pass

    def reset(self, *, keep_webhook_endpoints: bool = False) -> None:
        """Forget everything: objects, requests, faults, and how far the clock was moved on."""
        with self._turn() as old:
            self._advanced = 0.0
            self._world = World(self.settings, self.clock, self._new_id)
            self._api = Api(self.clock)
            if keep_webhook_endpoints:
                self._world.secrets = old.secrets
                for endpoint in old.all("webhook_endpoint"):
                    self._world.add(endpoint)

    def requests(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._api.log)

    def events(self) -> list[Json]:
        """Every event ever raised, the oldest first, each with its deliveries."""
        with self._turn() as world:
            return [
                event
                | {
                    "pending_webhooks": world.outbox.pending(event["id"]),
                    "deliveries": [delivery.summary() for delivery in world.outbox.deliveries(event["id"])],
                }
                for event in world.all("event")
            ]

    def checkout_session(self, identifier: str) -> tuple[Json, Json]:
        """A session and its SetupIntent, as the hosted page shows them."""
        with self._turn() as world:
            session = world.find("checkout.session", identifier)
            return dict(session), dict(buyer.intent_of(world, session))

    # Webhooks.

    def take_due(self, limit: int | None = None) -> list[Attempt]:
        """The deliveries to attempt now, signed. Each must be given back to ``record``."""
        with self._lock:
            world, now = self._world, self.clock()
            checkout_sessions.expire_overdue(world)
            attempts: list[Attempt] = []
            for delivery in [] if world.plan.webhooks.outage else world.outbox.due(now):
                if limit is not None and len(attempts) >= limit:
                    break
                attempts += self._start(world, delivery, now)
            return attempts

    def record(self, attempt: Attempt, answer: int | str) -> None:
        """How the endpoint answered: a status code, or words if there was no answer."""
        with self._turn() as world:
            world.outbox.record(attempt, answer, self.clock())

    def resend(self, event: str) -> int:
        """Send an event again, delivered or not; returns to how many endpoints."""
        with self._turn() as world:
            found = world.find("event", event)
            return world.outbox.resend(found, world.all("webhook_endpoint"), self.clock())

    def release(self, skip: Collection[int] = ()) -> list[Delivery]:
        """End every waiting time except for ``skip``; returns what is still to be delivered."""
        with self._turn() as world:
            return world.outbox.release(self.clock(), skip)

    def deliveries(self, event: str) -> list[Delivery]:
        with self._lock:
            return list(self._world.outbox.deliveries(event))

    def next_due(self) -> float | None:
        """When something happens by itself next: a delivery, or a session's expiry."""
        with self._lock:
            world = self._world
            delivery = None if world.plan.webhooks.outage else world.outbox.next_due()
            times = [*world.open_sessions.values(), *([] if delivery is None else [delivery])]
            return min(times, default=None)

    def _start(self, world: World, delivery: Delivery, now: float) -> list[Attempt]:
        endpoint = world.get("webhook_endpoint", delivery.endpoint)
        if endpoint is None or endpoint["status"] != "enabled":
            world.outbox.stop(delivery)
            return []
        if world.faults.drops(delivery.event_type, delivery.attempts + 1):
            world.outbox.drop(delivery, now, lost=world.plan.webhooks.dropped == "lost")
            return []
        event = world.find("event", delivery.event)
        return [world.outbox.start(delivery, event, endpoint, world.secrets[endpoint["id"]], now)]

    @contextmanager
    def _turn(self) -> Iterator[World]:
        """One atomic step: first what time has brought, then the step, then a word to whoever watches."""
        with self._lock:
            checkout_sessions.expire_overdue(self._world)
            yield self._world
        self._notify()
