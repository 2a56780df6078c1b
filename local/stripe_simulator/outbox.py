"""Webhooks without a network: which deliveries are due, what exactly to send, and what the answer means.

The sender (``dispatcher`` over HTTP, or a test under a virtual clock) takes the attempts that are due and
reports each answer. The contract is https://docs.stripe.com/webhooks: at least once, in no order, signed
afresh on every attempt, retried with exponential backoff until a 2xx.
"""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from .faults import FaultState
from .objects import Json

type Status = Literal["pending", "delivered", "failed", "stopped"]

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass(frozen=True)
class DeliveryAttempt:
    """One POST to make. It goes back to ``record_answer`` with its answer."""

    delivery: "Delivery"
    event: str
    event_type: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Delivery:
    """One copy of one event on its way to one endpoint.

    ``failed``: no attempt is left. ``stopped``: its endpoint was disabled or deleted in the meantime.
    """

    id: int
    event: str
    event_type: str
    endpoint: str
    due: float
    status: Status = "pending"
    attempts: int = 0
    in_flight: bool = False
    answers: list[int | str] = field(default_factory=list)

    def summary(self) -> Json:
        return {
            "endpoint": self.endpoint,
            "status": self.status,
            "attempts": self.attempts,
            "answers": list(self.answers),
            "due": self.due,
        }


class Outbox:
    """All deliveries by event, and the open ones."""

    def __init__(self, retry_delay: float, max_attempts: int) -> None:
        self._retry_delay = retry_delay
        self._max_attempts = max_attempts
        self._numbers = count(1)
        self._by_event: dict[str, list[Delivery]] = defaultdict(list)
        self._open: dict[int, Delivery] = {}

    def enqueue(self, event: Json, endpoints: list[Json], faults: FaultState, now: float) -> None:
        """Queue an event for every enabled endpoint that asked for its type, under the fault plan."""
        plan = faults.webhooks
        faulty = plan.applies_to(event["type"])
        for endpoint in endpoints:
            if not wants(endpoint, event["type"]):
                continue
            for _ in range(plan.copies if faulty else 1):
                held = plan.delay + faults.random.random() * plan.shuffle_window if faulty else 0.0
                self._add(event, endpoint, now + held)

    def resend(self, event: Json, endpoints: list[Json], now: float) -> int:
        """Send an event once more, as the Dashboard can. Returns the number of endpoints."""
        wanting = [endpoint for endpoint in endpoints if wants(endpoint, event["type"])]
        for endpoint in wanting:
            self._add(event, endpoint, now)
        return len(wanting)

    def _add(self, event: Json, endpoint: Json, due: float) -> None:
        delivery = Delivery(next(self._numbers), event["id"], event["type"], endpoint["id"], due)
        self._open[delivery.id] = delivery
        self._by_event[delivery.event].append(delivery)

    def due(self, now: float) -> list[Delivery]:
        """The deliveries that may leave now, in the order in which they became due."""
        waiting = [item for item in self._open.values() if not item.in_flight and item.due <= now]
        return sorted(waiting, key=lambda item: (item.due, item.id))

    def next_due(self) -> float | None:
        return min((item.due for item in self._open.values() if not item.in_flight), default=None)

    def begin(
        self, delivery: Delivery, event: Json, endpoint: Json, secret: str, now: float
    ) -> DeliveryAttempt:
        """Render and sign one attempt. The signature's time is the attempt's, not the event's."""
        delivery.in_flight = True
        delivery.attempts += 1
        rendered = event | {
            "api_version": endpoint["api_version"] or event["api_version"],
            "pending_webhooks": self.pending(event["id"]),
        }
        body = json.dumps(rendered, indent=2, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            "Stripe-Signature": sign(body, secret, int(now)),
        }
        return DeliveryAttempt(delivery, event["id"], event["type"], endpoint["url"], headers, body)

    def drop(self, delivery: Delivery, now: float, *, lost: bool) -> None:
        """An attempt gets lost on the way: for Stripe it failed. With ``lost`` it was the last."""
        delivery.attempts += 1
        delivery.answers.append("dropped")
        if lost:
            self._close(delivery, "failed")
        else:
            self._retry(delivery, now)

    def record_answer(self, attempt: DeliveryAttempt, answer: int | str, now: float) -> None:
        """Record the status code of an attempt's answer, or the reason why there was none."""
        delivery = attempt.delivery
        delivery.in_flight = False
        delivery.answers.append(answer)
        if isinstance(answer, int) and 200 <= answer < 300:
            self._close(delivery, "delivered")
        else:
            self._retry(delivery, now)

    def stop(self, delivery: Delivery) -> None:
        """Give up a delivery whose endpoint is gone or disabled."""
        self._close(delivery, "stopped")

    def _retry(self, delivery: Delivery, now: float) -> None:
        if delivery.attempts >= self._max_attempts:
            self._close(delivery, "failed")
            return
        delivery.due = now + self._retry_delay * 2 ** (delivery.attempts - 1)

    def _close(self, delivery: Delivery, status: Status) -> None:
        delivery.status = status
        self._open.pop(delivery.id, None)

    def make_due(self, now: float, skip: Collection[int] = ()) -> list[Delivery]:
        """Make every waiting delivery due, except ``skip``. Returns those and the ones under way."""
        waiting = [item for item in self._open.values() if item.id not in skip]
        for item in waiting:
            item.due = min(item.due, now)
        return waiting

    def deliveries(self, event: str) -> list[Delivery]:
        return self._by_event[event]

    def pending(self, event: str) -> int:
        """``pending_webhooks``: the endpoints that have not yet answered this event with a 2xx."""
        sent = [item for item in self._by_event[event] if item.status != "stopped"]
        delivered = {item.endpoint for item in sent if item.status == "delivered"}
        return len({item.endpoint for item in sent} - delivered)


def wants(endpoint: Json, event_type: str) -> bool:
    return endpoint["status"] == "enabled" and not {"*", event_type}.isdisjoint(endpoint["enabled_events"])


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA256 over ``t.body`` (https://docs.stripe.com/webhooks/signature)."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={digest.hexdigest()}"
