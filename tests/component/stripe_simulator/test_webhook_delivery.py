"""Events on their way to an endpoint: signed, rendered, retried, and counted."""

import json

import httpx
import pytest
import stripe

from local.stripe_simulator import FaultPlan, RunningSimulator
from local.stripe_simulator.dispatcher import CONCURRENCY
from tests.component.stripe_simulator.support import Receiver, Shop, eventually


def test_a_delivery_is_signed_and_the_sdk_accepts_it(
    shop: Shop, receiver: Receiver, client: stripe.StripeClient
) -> None:
    secret = shop.endpoint(receiver).secret
    assert secret is not None
    customer = shop.customer(name="Ännchen")
    eventually(lambda: len(receiver.received) == 1)
    (received,) = receiver.received
    assert received.headers["User-Agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    assert received.headers["Content-Type"] == "application/json; charset=utf-8"
    assert received.body.decode() == json.dumps(received.event, indent=2, ensure_ascii=False)

    assert stripe.WebhookSignature.verify_header(
        received.body.decode(), received.signature, secret, tolerance=300
    )
    event = client.construct_event(received.body, received.signature, secret)
    assert isinstance(event.data.object, stripe.Customer)
    assert (event.data.object.id, event.pending_webhooks) == (customer.id, 1)
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(received.body, received.signature, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(received.body + b" ", received.signature, secret)


def test_an_endpoint_gets_what_it_asked_for(shop: Shop, receiver: Receiver, control: httpx.Client) -> None:
    with Receiver() as other:
        shop.endpoint(receiver, "setup_intent.succeeded", "checkout.session.completed")
        shop.endpoint(other, "payment_method.detached")
        method = shop.saved()
        shop.client.v1.payment_methods.detach(method.id)
        control.post("/webhooks/flush")
        assert sorted(receiver.types()) == ["checkout.session.completed", "setup_intent.succeeded"]
        assert other.types() == ["payment_method.detached"]


def test_an_event_is_rendered_at_its_endpoints_version(
    shop: Shop, receiver: Receiver, control: httpx.Client
) -> None:
    shop.endpoint(receiver, api_version="2026-09-30.endive")
    shop.customer()
    control.post("/webhooks/flush")
    assert receiver.received[0].event["api_version"] == "2026-09-30.endive"


def test_a_refused_delivery_is_repeated_until_it_is_accepted(
    shop: Shop, receiver: Receiver, client: stripe.StripeClient
) -> None:
    secret = shop.endpoint(receiver).secret
    assert secret is not None
    receiver.statuses = [500, 301, 200]
    shop.customer()
    eventually(lambda: len(receiver.received) == 3)
    eventually(lambda: client.v1.events.list().data[0].pending_webhooks == 0)
    first, second, third = receiver.received
    assert first.event["id"] == second.event["id"] == third.event["id"]
    # A busy machine can lengthen the pauses of 20 and 40 ms, but not shorten them.
    assert second.at - first.at >= 0.02
    assert third.at - second.at >= 0.04
    for received in receiver.received:
        stripe.WebhookSignature.verify_header(
            received.body.decode(), received.signature, secret, tolerance=300
        )


def test_stripe_gives_up_in_the_end(shop: Shop, receiver: Receiver, client: stripe.StripeClient) -> None:
    shop.endpoint(receiver)
    receiver.statuses = [500] * 10
    shop.customer()
    core = shop.simulator.core
    eventually(lambda: core.events()[0]["deliveries"][0]["status"] == "failed")
    assert len(receiver.received) == 4
    (event,) = client.v1.events.list({"delivery_success": False}).data
    assert event.pending_webhooks == 1


def test_a_failed_event_can_be_sent_again(shop: Shop, receiver: Receiver, control: httpx.Client) -> None:
    shop.endpoint(receiver)
    receiver.statuses = [500] * 4
    shop.customer()
    core = shop.simulator.core
    eventually(lambda: core.events()[0]["deliveries"][0]["status"] == "failed")
    event = core.events()[0]["id"]
    assert control.post(f"/events/{event}/resend").json() == {"endpoints": 1}
    eventually(lambda: core.events()[0]["pending_webhooks"] == 0)
    assert receiver.received[-1].event["id"] == event


def test_a_bad_address_does_not_stop_other_deliveries(
    shop: Shop, receiver: Receiver, client: stripe.StripeClient
) -> None:
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:99999/", "enabled_events": ["*"]})
    shop.endpoint(receiver)
    shop.customer()
    eventually(lambda: len(receiver.received) == 1)
    eventually(lambda: len(shop.simulator.core.events()[0]["deliveries"][0]["answers"]) > 1)


def test_a_refused_connection_is_a_failed_attempt(
    shop: Shop, client: stripe.StripeClient, receiver: Receiver
) -> None:
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:1/", "enabled_events": ["*"]})
    shop.customer()
    eventually(lambda: shop.simulator.core.events()[0]["deliveries"][0]["answers"] != [])
    assert shop.simulator.core.events()[0]["deliveries"][0]["answers"][0] == "ConnectError"


@pytest.mark.parametrize("ending", ["disabled", "deleted"])
def test_retries_stop_with_their_endpoint(
    shop: Shop, receiver: Receiver, client: stripe.StripeClient, ending: str
) -> None:
    endpoint = shop.endpoint(receiver)
    receiver.statuses = [500] * 10
    shop.customer()
    eventually(lambda: len(receiver.received) >= 1)
    if ending == "disabled":
        client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    else:
        client.v1.webhook_endpoints.delete(endpoint.id)
    eventually(lambda: shop.simulator.core.events()[0]["deliveries"][0]["status"] == "stopped")
    shop.customer()
    assert shop.simulator.core.events()[1]["deliveries"] == []


def test_many_deliveries_go_out_at_once_but_not_all(shop: Shop, receiver: Receiver) -> None:
    shop.endpoint(receiver)
    receiver.slow = 0.1
    shop.simulator.core.set_faults(FaultPlan.parse({"webhooks": {"outage": True}}))
    for _ in range(CONCURRENCY + 8):
        shop.customer()
    shop.simulator.core.set_faults(FaultPlan())
    eventually(lambda: len(receiver.received) == CONCURRENCY + 8)
    assert 1 < receiver.most_at_once <= CONCURRENCY
    eventually(lambda: all(event["pending_webhooks"] == 0 for event in shop.simulator.core.events()))


def test_a_reset_forgets_deliveries_under_way(
    shop: Shop, receiver: Receiver, control: httpx.Client, simulator: RunningSimulator
) -> None:
    endpoint = shop.endpoint(receiver)
    shop.customer()
    control.post("/reset", json={"keep_webhook_endpoints": True})
    assert simulator.core.events() == []
    assert [item.id for item in shop.client.v1.webhook_endpoints.list().data] == [endpoint.id]
    control.post("/reset")
    assert shop.client.v1.webhook_endpoints.list().data == []
