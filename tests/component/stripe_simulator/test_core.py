"""The core alone: under the SDK without a socket, with a clock that moves only when told to."""

from random import Random

import pytest
import stripe

from local.stripe_simulator import DirectClient, FaultPlan, Settings, Simulator
from local.stripe_simulator.running import require_loopback

START = 1_800_000_000


class ManualClock:
    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


def world(seed: int = 1) -> tuple[Simulator, ManualClock, stripe.StripeClient]:
    clock = ManualClock()
    simulator = Simulator(Settings(retry_delay=10, delivery_attempts=3), clock=clock, random=Random(seed))
    client = stripe.StripeClient("sk_test_placeholder", http_client=DirectClient(simulator))
    return simulator, clock, client


def set_up(simulator: Simulator, client: stripe.StripeClient) -> list[bytes]:
    """A whole set-up; returns what an endpoint would have received."""
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]})
    customer = client.v1.customers.create({"metadata": {"user": "1"}}, {"idempotency_key": "customer"})
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "allowed_payment_method_types": ["amazon_pay"],
            "customer": customer.id,
            "success_url": "https://shop.example/{CHECKOUT_SESSION_ID}",
        },
        {"idempotency_key": "session"},
    )
    simulator.authorize(session.id)
    attempts = simulator.take_due()
    for attempt in attempts:
        simulator.record_answer(attempt, 200)
    return [attempt.body + attempt.headers["Stripe-Signature"].encode() for attempt in attempts]


def test_a_run_repeats_to_the_byte() -> None:
    first, _, client = world()
    second, _, other = world()
    third, _, different = world(seed=2)
    bodies = set_up(first, client)
    assert len(bodies) == 6
    assert bodies == set_up(second, other)
    assert bodies != set_up(third, different)


def test_time_comes_from_the_clock() -> None:
    simulator, clock, client = world()
    set_up(simulator, client)
    assert {event.created for event in client.v1.events.list().data} == {START}
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "allowed_payment_method_types": ["amazon_pay"],
            "success_url": "https://shop.example/",
        }
    )
    simulator.take_due()
    assert simulator.next_due() == session.expires_at == START + 86_400
    clock.now += 86_400
    simulator.tick()
    assert [event["type"] for event in simulator.events()][-1] == "checkout.session.expired"


def test_retries_back_off_by_the_clock() -> None:
    simulator, clock, client = world()
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]})
    client.v1.customers.create({})
    waits = []
    while attempts := simulator.take_due():
        assert simulator.take_due() == []
        simulator.record_answer(attempts[0], 500)
        due = simulator.next_due()
        if due is not None:
            waits.append(due - clock.now)
            clock.now = due
    assert waits == [10, 20]
    assert simulator.events()[0]["deliveries"][0]["status"] == "failed"


def test_every_attempt_is_signed_afresh() -> None:
    simulator, clock, client = world()
    secret = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]}).secret
    assert secret is not None
    client.v1.customers.create({})
    (first,) = simulator.take_due()
    simulator.record_answer(first, 500)
    clock.now += 10
    (second,) = simulator.take_due()
    assert first.body == second.body
    assert first.headers["Stripe-Signature"].startswith(f"t={START},v1=")
    assert second.headers["Stripe-Signature"].startswith(f"t={START + 10},v1=")
    header = second.headers["Stripe-Signature"]
    assert stripe.WebhookSignature.verify_header(second.body.decode(), header, secret, tolerance=None)


def test_a_late_answer_to_a_forgotten_delivery_is_harmless() -> None:
    simulator, _, client = world()
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]})
    client.v1.customers.create({})
    (attempt,) = simulator.take_due()
    simulator.reset()
    simulator.record_answer(attempt, 500)
    assert simulator.next_due() is None


def test_an_unanswered_request_is_a_connection_error_that_had_its_effect() -> None:
    simulator, _, client = world()
    simulator.set_faults(
        FaultPlan.parse({"api": [{"effect": "timeout_after_effect", "seconds": 30, "times": 1}]})
    )
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({})
    assert len(client.v1.customers.list().data) == 1


def test_changing_an_answer_does_not_change_the_object() -> None:
    simulator, _, client = world()
    headers = {"Authorization": "Bearer sk_test_x"}
    simulator.request("POST", "/v1/customers", headers, "name=Ann").body["name"] = "Bob"
    assert client.v1.customers.list().data[0].name == "Ann"


@pytest.mark.parametrize(
    ("host", "allowed"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_only_this_machine_can_reach_it(host: str, allowed: bool) -> None:
    if allowed:
        assert require_loopback(host) == host
    else:
        with pytest.raises(ValueError, match="loopback"):
            require_loopback(host)
