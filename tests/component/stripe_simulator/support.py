"""What the tests share: the real SDK on the simulator, a shop that uses it, and an endpoint for webhooks."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self

import pytest
import stripe
from stripe.checkout import Session

from local.stripe_simulator import RunningSimulator

SUCCESS_URL = "https://shop.example/return?session={CHECKOUT_SESSION_ID}"
CANCEL_URL = "https://shop.example/basket"


def client_of(
    simulator: RunningSimulator, *, retries: int = 0, key: str = "sk_test_placeholder"
) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": simulator.url},
        http_client=stripe.RequestsClient(timeout=(2, 8)),
        max_network_retries=retries,
    )


def error_of(call: Callable[[], object]) -> dict[str, Any]:
    """The error with which ``call`` must be refused, with its HTTP status."""
    with pytest.raises(stripe.StripeError) as refused:
        call()
    answer: Any = refused.value.json_body
    return {"status": refused.value.http_status, **answer["error"]}


@dataclass
class Shop:
    """A business that sets up Amazon Pay for later."""

    simulator: RunningSimulator
    client: stripe.StripeClient

    def customer(self, **params: Any) -> stripe.Customer:
        given: Any = {"email": "ann@example.com", **params}
        return self.client.v1.customers.create(given)

    def session(self, **params: Any) -> Session:
        """An open session for a new customer. ``None`` leaves a parameter out."""
        if "customer" not in params:
            params["customer"] = self.customer().id
        usual = {
            "mode": "setup",
            "allowed_payment_method_types": ["amazon_pay"],
            "success_url": SUCCESS_URL,
            "cancel_url": CANCEL_URL,
        }
        given: Any = {key: value for key, value in (usual | params).items() if value is not None}
        return self.client.v1.checkout.sessions.create(given)

    def saved(self, **params: Any) -> stripe.PaymentMethod:
        """A payment method whose set-up the buyer has authorised."""
        session = self.session(**params)
        self.simulator.core.authorize(session.id)
        method = self.intent(session.id, "payment_method").payment_method
        assert isinstance(method, stripe.PaymentMethod)
        return method

    def intent(self, session: str, *expand: str) -> stripe.SetupIntent:
        paths = ["setup_intent", *(f"setup_intent.{path}" for path in expand)]
        found = self.client.v1.checkout.sessions.retrieve(session, {"expand": paths}).setup_intent
        assert isinstance(found, stripe.SetupIntent)
        return found

    def endpoint(self, receiver: "Receiver", *types: str, **params: Any) -> stripe.WebhookEndpoint:
        given: Any = {"url": receiver.url, "enabled_events": list(types) or ["*"], **params}
        return self.client.v1.webhook_endpoints.create(given)

    def event_types(self) -> list[str]:
        """The types of all events so far, oldest first."""
        return [event["type"] for event in self.simulator.core.events()]


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def signature(self) -> str:
        return self.headers["Stripe-Signature"]


class Receiver:
    """A webhook endpoint that keeps what it receives. It answers with ``statuses`` in turn, then with 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.slow = 0.0
        self.at_once = 0
        self.most_at_once = 0
        lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers.items()), body, time.monotonic()))
                with lock:
                    receiver.at_once += 1
                    receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
                time.sleep(receiver.slow)
                with lock:
                    receiver.at_once -= 1
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def types(self) -> list[str]:
        return [received.event["type"] for received in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def eventually(condition: Callable[[], bool], within: float = 3.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
