from typing import Any

import stripe

from local.stripe_simulator import FaultPlan
from tests.component.stripe_simulator.support import Receiver, Shop, error_of

DAY = 24 * 60 * 60


def test_an_event_says_what_caused_it(shop: Shop, client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}, {"idempotency_key": "key-1"})
    assert customer.last_response is not None
    (event,) = client.v1.events.list().data
    assert event.id.startswith("evt_")
    assert (event.object, event.type, event.livemode) == ("event", "customer.created", False)
    assert event.api_version == stripe.api_version
    assert event.request is not None
    assert event.request.id == customer.last_response.request_id
    assert event.request.idempotency_key == "key-1"
    assert isinstance(event.data.object, stripe.Customer)

    shop.simulator.core.authorize(shop.session(customer=customer.id).id)
    completed = client.v1.events.list({"type": "checkout.session.completed"}).data[0]
    assert completed.request is not None
    assert (completed.request.id, completed.request.idempotency_key) == (None, None)


def test_events_are_filtered_by_type(shop: Shop, client: stripe.StripeClient) -> None:
    shop.saved()
    assert len(client.v1.events.list({"type": "setup_intent.*"}).data) == 3
    two = client.v1.events.list({"types": ["customer.created", "setup_intent.created"]}).data
    assert [event.type for event in two] == ["setup_intent.created", "customer.created"]
    both = error_of(lambda: client.v1.events.list({"type": "x", "types": ["y"]}))
    assert both["status"] == 400
    many = error_of(lambda: client.v1.events.list({"types": [f"type.{number}" for number in range(21)]}))
    assert many["param"] == "types"


def test_events_are_filtered_by_time(shop: Shop, client: stripe.StripeClient) -> None:
    shop.customer()
    shop.simulator.core.advance(100)
    shop.customer()
    newer, older = client.v1.events.list().data
    cut = newer.created
    assert [event.id for event in client.v1.events.list({"created": {"gte": cut}}).data] == [newer.id]
    assert [event.id for event in client.v1.events.list({"created": {"gt": cut}}).data] == []
    assert [event.id for event in client.v1.events.list({"created": {"lt": cut}}).data] == [older.id]
    assert [event.id for event in client.v1.events.list({"created": {"lte": cut}}).data] == [
        newer.id,
        older.id,
    ]
    assert [event.id for event in client.v1.events.list({"created": cut}).data] == [newer.id]


def test_paging_backwards_gives_chronological_order(shop: Shop, client: stripe.StripeClient) -> None:
    shop.saved()
    events = client.v1.events.list({"limit": 100}).data
    oldest = events[-1].id
    listed = client.v1.events.list({"limit": 2, "ending_before": oldest})
    assert [event.id for event in listed.auto_paging_iter()] == [event.id for event in events[-2::-1]]


def test_an_event_is_kept_for_thirty_days(shop: Shop, client: stripe.StripeClient) -> None:
    shop.customer()
    (event,) = client.v1.events.list().data
    shop.simulator.core.advance(30 * DAY - 60)
    assert client.v1.events.retrieve(event.id).id == event.id
    shop.simulator.core.advance(120)
    assert client.v1.events.list().data == []
    assert error_of(lambda: client.v1.events.retrieve(event.id))["code"] == "resource_missing"


def test_events_tell_whether_webhooks_got_through(
    shop: Shop, client: stripe.StripeClient, receiver: Receiver
) -> None:
    endpoint = shop.endpoint(receiver)
    shop.simulator.core.set_faults(FaultPlan.parse({"webhooks": {"outage": True}}))
    shop.customer()
    (pending,) = client.v1.events.list({"delivery_success": False}).data
    assert pending.pending_webhooks == 1
    assert client.v1.events.list({"delivery_success": True}).data == []

    client.v1.webhook_endpoints.delete(endpoint.id)
    shop.simulator.core.set_faults(FaultPlan())
    shop.customer()
    (unwatched,) = client.v1.events.list({"delivery_success": True, "limit": 1}).data
    assert unwatched.pending_webhooks == 0


def test_one_slice_of_time_page_by_page(shop: Shop, client: stripe.StripeClient) -> None:
    """How reconciliation reads: some types, from one second until before another, a hundred at a time."""
    shop.customer()
    shop.simulator.core.advance(100)
    wanted = [shop.customer().id for _ in range(130)]
    begin = client.v1.events.list({"limit": 1}).data[0].created
    shop.simulator.core.advance(100)
    shop.saved()
    asked: Any = {
        "types": ["customer.created", "customer.deleted"],
        "created": {"gte": begin - 60, "lt": begin + 60},
        "limit": 100,
    }
    first: Any = client.v1.events.list(asked)
    assert (len(first.data), first.has_more) == (100, True)
    after: Any = {**asked, "starting_after": first.data[-1].id}
    rest = client.v1.events.list(after)
    assert (len(rest.data), rest.has_more) == (30, False)
    listed: list[Any] = [*first.data, *rest.data]
    assert [event.data.object.id for event in listed] == wanted[::-1]
