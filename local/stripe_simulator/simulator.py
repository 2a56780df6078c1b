"""The simulator without a network: Stripe's API, the world outside, and the webhooks to deliver.

It is synchronous, takes one lock, and depends only on the clock, ids and randomness given to it. HTTP is one
way to reach it (``server``). A test under a virtual clock calls it directly or puts it under the SDK
(``sdk.DirectClient``). It delivers the webhooks itself with ``take_due`` and ``record_answer``, and can so
replay a run exactly.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from threading import RLock

from .account import Account
from .api import Api, ApiRequest, ApiResponse, LoggedRequest
from .faults import FaultPlan
from .ids import NewId, random_ids
from .objects import Json
from .outbox import Delivery, DeliveryAttempt
from .payments import PaymentPlan
from .refunding import RefundPlan
from .resource import Action
from .resources import (
    balance,
    checkout_sessions,
    customers,
    disputes,
    payment_intents,
    payment_methods,
    refunds,
    tampering,
)
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
        """Call ``notify``, from any thread, whenever something may have become due."""
        self._notify = notify

    def request(self, method: str, target: str, headers: Mapping[str, str], body: str = "") -> ApiResponse:
        """Answer one API request. ``target`` is path and query, ``body`` the form of a POST."""
        with self._turn() as account:
            lowered = {name.lower(): value for name, value in headers.items()}
            return self._api.handle(account, ApiRequest(self._new_id("req"), method, target, lowered, body))

    def act(self, identifier: str, action: Action) -> Json:
        """Let something happen to an object without an API request. ``resources`` has the actions.

        Returns what the control API answers. Raises ``StripeError`` for an unknown id and ``NotPossible`` if
        the object's present state forbids it.
        """
        with self._turn() as account:
            return action.perform(account, identifier)

    # The actions that tests use most, by name.

    def authorize(
        self, session: str, *, mandate: bool = True, payment_method_types: list[str] | None = None
    ) -> None:
        action = checkout_sessions.Authorize(mandate=mandate, payment_method_types=payment_method_types)
        self.act(session, action)

    def decline(self, session: str, code: str = checkout_sessions.DECLINED) -> None:
        self.act(session, checkout_sessions.Decline(code))

    def abandon(self, session: str) -> None:
        self.act(session, checkout_sessions.Abandon())

    def expire(self, session: str) -> None:
        self.act(session, checkout_sessions.Expire())

    def detach(self, payment_method: str) -> None:
        self.act(payment_method, payment_methods.Detach())

    def revoke_at_amazon(self, payment_method: str) -> None:
        self.act(payment_method, payment_methods.RevokeAtAmazon())

    def end_another_mandate(self, payment_method: str, *, for_one_payment: bool = True) -> str:
        """Returns the id of the mandate that ended."""
        ended = self.act(payment_method, payment_methods.EndAnotherMandate(for_one_payment))
        return str(ended["mandate"])

    def cancel_payment(self, payment_intent: str) -> None:
        self.act(payment_intent, payment_intents.Cancel())

    def refund(self, payment_intent: str, amount: int | None = None) -> str:
        """In the Dashboard, without metadata. Returns the refund's id."""
        return str(self.act(payment_intent, refunds.Refund(amount))["refund"]["id"])

    def dispute(self, payment_intent: str, opened: disputes.Open | None = None) -> str:
        """Returns the dispute's id."""
        return str(self.act(payment_intent, opened or disputes.Open())["dispute"]["id"])

    def move_dispute(self, dispute: str, status: disputes.State) -> None:
        self.act(dispute, disputes.Move(status))

    def double(self, payment_intent: str, *, succeeded: bool = True) -> str:
        """Returns the id of the second intent."""
        doubled = self.act(payment_intent, payment_intents.Double(succeeded))
        return str(doubled["payment_intent"]["id"])

    def change(self, identifier: str, **changes: object) -> None:
        """Of any object: what no API does."""
        self.act(identifier, tampering.Change(changes))

    def erase(self, identifier: str) -> None:
        self.act(identifier, tampering.Erase())

    def delete_customer(self, customer: str) -> None:
        self.act(customer, customers.Delete())

    # The account and the simulation themselves.

    def expire_api_key(self, key: str) -> None:
        """Somebody rolls it in the Dashboard and lets it expire now."""
        with self._turn() as account:
            account.expired_keys.add(key)

    def set_faults(self, plan: FaultPlan) -> None:
        with self._turn() as account:
            account.set_faults(plan)

    @property
    def fault_plan(self) -> FaultPlan:
        return self._account.plan

    def set_payments(self, plan: PaymentPlan) -> None:
        """From now on payments turn out as the plan says."""
        with self._turn() as account:
            account.set_payments(plan)

    @property
    def payment_plan(self) -> PaymentPlan:
        return self._account.payments.plan

    def set_refunds(self, plan: RefundPlan) -> None:
        """From now on refunds turn out as the plan says."""
        with self._turn() as account:
            account.set_refunds(plan)

    @property
    def refund_plan(self) -> RefundPlan:
        return self._account.refunds.plan

    def pay_out(self, amount: int, currency: str = "usd") -> str:
        """A manual payout. Returns its id."""
        with self._turn() as account:
            return str(balance.pay_out(account, currency, amount)["id"])

    def advance(self, seconds: float) -> None:
        """Move the clock on: sessions expire, retries fall due, idempotency keys age. Each at its time."""
        with self._lock:
            end = self._advanced + seconds
            while (due := self._account.timers.next_due()) is not None and due <= self._source() + end:
                self._advanced = max(self._advanced, due - self._source())
                self._account.timers.ring(self.clock())
            self._advanced = end
            self.tick()

    def tick(self) -> None:
        """Let due timers ring. Every other call does so too, before its own work."""
        with self._turn():
            pass

    def reset(self, *, keep_webhook_endpoints: bool = False) -> None:
        """Forget everything: objects, requests, faults, and how far the clock was moved on."""
        with self._turn() as old:
            self._advanced = 0.0
            self._account = Account(self.settings, self.clock, self._new_id)
            self._api = Api(self.clock)
            if keep_webhook_endpoints:
                for endpoint in old.all("webhook_endpoint"):
                    self._account.add(endpoint)
                    self._account.unshown(endpoint).update(old.unshown(endpoint))

    def requests(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._api.log)

    def events(self) -> list[Json]:
        """Every event, oldest first, each with its deliveries."""
        with self._turn() as account:
            return [
                event
                | {
                    "pending_webhooks": account.outbox.pending(event["id"]),
                    "deliveries": [delivery.summary() for delivery in account.outbox.deliveries(event["id"])],
                }
                for event in account.all("event")
            ]

    # The objects themselves. Read them; don't change them.

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
        """The signing secret of a webhook endpoint, as in Stripe's Dashboard."""
        with self._lock:
            return str(self._account.unshown(self._account.find("webhook_endpoint", endpoint))["secret"])

    # Webhooks.

    def take_due(self, limit: int | None = None) -> list[DeliveryAttempt]:
        """The attempts to make now, signed. Each must go back to ``record_answer``."""
        with self._lock:
            account, now = self._account, self.clock()
            account.timers.ring(now)
            attempts: list[DeliveryAttempt] = []
            for delivery in [] if account.plan.webhooks.outage else account.outbox.due(now):
                if limit is not None and len(attempts) >= limit:
                    break
                attempts += self._attempts_for(account, delivery, now)
            return attempts

    def record_answer(self, attempt: DeliveryAttempt, answer: int | str) -> None:
        """Record how the endpoint answered: a status code, or the reason why there was no answer."""
        with self._turn() as account:
            account.outbox.record_answer(attempt, answer, self.clock())

    def make_due(self, skip: Collection[int] = ()) -> list[Delivery]:
        """Make every waiting delivery due, except ``skip``. Returns those that are still open."""
        with self._turn() as account:
            return account.outbox.make_due(self.clock(), skip)

    def deliveries(self, event: str) -> list[Delivery]:
        with self._lock:
            return list(self._account.outbox.deliveries(event))

    def next_due(self) -> float | None:
        """When a delivery or a timer is due next, in seconds since the epoch."""
        with self._lock:
            account = self._account
            delivery = None if account.plan.webhooks.outage else account.outbox.next_due()
            times = [at for at in (account.timers.next_due(), delivery) if at is not None]
            return min(times, default=None)

    def _attempts_for(self, account: Account, delivery: Delivery, now: float) -> list[DeliveryAttempt]:
        endpoint = account.get("webhook_endpoint", delivery.endpoint)
        if endpoint is None or endpoint["status"] != "enabled":
            account.outbox.stop(delivery)
            return []
        if account.faults.drops(delivery.event_type, delivery.attempts + 1):
            account.outbox.drop(delivery, now, lost=account.plan.webhooks.dropped == "lost")
            return []
        event = account.find("event", delivery.event)
        return [account.outbox.begin(delivery, event, endpoint, account.unshown(endpoint)["secret"], now)]

    @contextmanager
    def _turn(self) -> Iterator[Account]:
        """One atomic step: due timers ring, then the step runs, then the listener is notified."""
        with self._lock:
            self._account.timers.ring(self.clock())
            yield self._account
        self._notify()
