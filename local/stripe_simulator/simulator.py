"""The simulator without a network: Stripe's API, the world outside, and the webhooks to deliver.

Everything is synchronous, takes one lock, and depends on nothing but the clock, ids and randomness given to
it. HTTP is one way to reach it (``server``). A test under a virtual clock calls it directly or puts it under
the SDK (``sdk.DirectClient``), delivers its webhooks itself with ``take_due`` and ``record_answer``, and so
replays a run exactly.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from threading import RLock

from . import buyer
from .account import Account
from .api import Api, ApiRequest, ApiResponse, LoggedRequest
from .faults import FaultPlan
from .ids import NewId, random_ids
from .objects import Json
from .outbox import Delivery, DeliveryAttempt
from .resources import checkout_sessions, customers, payment_methods
from .resources.mandates import Acceptance
from .routing import Call
from .settings import Settings

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
        self._account = Account(self.settings, self.clock, self._new_id)
        self._api = Api(self.clock)

    def clock(self) -> float:
        """The injected clock, moved on by ``advance``."""
        return self._source() + self._advanced

    def on_change(self, notify: Callable[[], None]) -> None:
        """Have ``notify`` called, from whichever thread, whenever something may have become due."""
        self._notify = notify

    def request(self, method: str, target: str, headers: Mapping[str, str], body: str = "") -> ApiResponse:
        """Answer one API request. ``target`` is path and query, ``body`` the form of a POST."""
        with self._turn() as account:
            lowered = {name.lower(): value for name, value in headers.items()}
            return self._api.handle(account, ApiRequest(self._new_id("req"), method, target, lowered, body))

    # The buyer, on the hosted page or through the control API. Each may raise buyer.NotPossible.

    def continue_to(self, session: str, kind: str) -> None:
        """The buyer picks a way to pay and leaves for its page."""
        with self._turn() as account:
            buyer.continue_to(account, buyer.open_session(account, session), kind)

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
        with self._turn() as account:
            found = buyer.open_session(account, session)
            if payment_method_types:
                buyer.offer(account, found, payment_method_types)
            return dict(buyer.authorize(account, found, acceptance or Acceptance(), mandate=mandate))

    def decline(self, session: str, code: str = buyer.DECLINED) -> None:
        """The attempt fails with this code; the session stays open."""
        with self._turn() as account:
            buyer.decline(account, buyer.open_session(account, session), code)

    def abandon(self, session: str) -> None:
        """The buyer goes away. Stripe notices nothing, so nothing changes and nothing is sent."""
        with self._turn() as account:
            buyer.open_session(account, session)

    # What else happens at Stripe or Amazon without an API request of ours.

    def expire(self, session: str) -> None:
        with self._turn() as account:
            checkout_sessions.expire(account, Call({}, (session,)))

    def detach(self, payment_method: str) -> None:
        """Someone detaches it in the Dashboard."""
        with self._turn() as account:
            payment_methods.detach(account, Call({}, (payment_method,)))

    def revoke_at_amazon(self, payment_method: str) -> None:
        with self._turn() as account:
            buyer.revoke_at_amazon(account, account.find("payment_method", payment_method))

    def end_another_mandate(self, payment_method: str, *, for_one_payment: bool = True) -> str:
        """Another payment's mandate on the same payment method ends. Returns its id."""
        with self._turn() as account:
            method = account.find("payment_method", payment_method)
            return str(buyer.end_another_mandate(account, method, for_one_payment=for_one_payment)["id"])

    def expire_api_key(self, key: str) -> None:
        """Someone rolls it in the Dashboard, and lets it expire now."""
        with self._turn() as account:
            account.expired_keys.add(key)

    def delete_customer(self, customer: str) -> None:
        """Someone deletes it in the Dashboard."""
        with self._turn() as account:
            customers.delete(account, Call({}, (customer,)))

    # The simulation itself.

    def set_faults(self, plan: FaultPlan) -> None:
        with self._turn() as account:
            account.set_faults(plan)

    @property
    def faults(self) -> FaultPlan:
        return self._account.plan

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
            self._account = Account(self.settings, self.clock, self._new_id)
            self._api = Api(self.clock)
            if keep_webhook_endpoints:
                self._account.secrets = old.secrets
                for endpoint in old.all("webhook_endpoint"):
                    self._account.add(endpoint)

    def requests(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._api.log)

    def events(self) -> list[Json]:
        """Every event ever raised, the oldest first, each with its deliveries."""
        with self._turn() as account:
            return [
                event
                | {
                    "pending_webhooks": account.outbox.pending(event["id"]),
                    "deliveries": [delivery.summary() for delivery in account.outbox.deliveries(event["id"])],
                }
                for event in account.all("event")
            ]

    # The objects themselves, to be read and not changed.

    def find(self, kind: str, identifier: str) -> Json:
        """The object; ``kind`` is its ``object``. Raises Stripe's ``resource_missing``."""
        with self._lock:
            return self._account.find(kind, identifier)

    def get(self, kind: str, identifier: str) -> Json | None:
        """The object, deleted or not, or None."""
        with self._lock:
            return self._account.get(kind, identifier)

    def all(self, kind: str) -> list[Json]:
        """Every object of a kind, deleted or not, oldest first."""
        with self._lock:
            return self._account.all(kind)

    def signing_secret(self, endpoint: str) -> str:
        """What Stripe's Dashboard shows of a webhook endpoint."""
        with self._lock:
            return self._account.secrets[endpoint]

    def checkout_session(self, identifier: str) -> tuple[Json, Json]:
        """A session and its SetupIntent, as the hosted page shows them."""
        with self._turn() as account:
            session = account.find("checkout.session", identifier)
            return dict(session), dict(buyer.intent_of(account, session))

    # Webhooks.

    def take_due(self, limit: int | None = None) -> list[DeliveryAttempt]:
        """The deliveries to attempt now, signed. Each must be given back to ``record_answer``."""
        with self._lock:
            account, now = self._account, self.clock()
            checkout_sessions.expire_overdue(account)
            attempts: list[DeliveryAttempt] = []
            for delivery in [] if account.plan.webhooks.outage else account.outbox.due(now):
                if limit is not None and len(attempts) >= limit:
                    break
                attempts += self._start(account, delivery, now)
            return attempts

    def record_answer(self, attempt: DeliveryAttempt, answer: int | str) -> None:
        """How the endpoint answered: a status code, or words if there was no answer."""
        with self._turn() as account:
            account.outbox.record_answer(attempt, answer, self.clock())

    def resend(self, event: str) -> int:
        """Send an event again, delivered or not; returns to how many endpoints."""
        with self._turn() as account:
            found = account.find("event", event)
            return account.outbox.resend(found, account.all("webhook_endpoint"), self.clock())

    def make_due(self, skip: Collection[int] = ()) -> list[Delivery]:
        """End every waiting time except for ``skip``; returns what is still to be delivered."""
        with self._turn() as account:
            return account.outbox.make_due(self.clock(), skip)

    def deliveries(self, event: str) -> list[Delivery]:
        with self._lock:
            return list(self._account.outbox.deliveries(event))

    def next_due(self) -> float | None:
        """When something happens by itself next: a delivery, or a session's expiry."""
        with self._lock:
            account = self._account
            delivery = None if account.plan.webhooks.outage else account.outbox.next_due()
            times = [*account.open_sessions.values(), *([] if delivery is None else [delivery])]
            return min(times, default=None)

    def _start(self, account: Account, delivery: Delivery, now: float) -> list[DeliveryAttempt]:
        endpoint = account.get("webhook_endpoint", delivery.endpoint)
        if endpoint is None or endpoint["status"] != "enabled":
            account.outbox.stop(delivery)
            return []
        if account.faults.drops(delivery.event_type, delivery.attempts + 1):
            account.outbox.drop(delivery, now, lost=account.plan.webhooks.dropped == "lost")
            return []
        event = account.find("event", delivery.event)
        return [account.outbox.start(delivery, event, endpoint, account.secrets[endpoint["id"]], now)]

    @contextmanager
    def _turn(self) -> Iterator[Account]:
        """One atomic step: first what time has brought, then the step, then a word to whoever watches."""
        with self._lock:
            checkout_sessions.expire_overdue(self._account)
            yield self._account
        self._notify()
