from typing import Any

import httpx
import pytest
import stripe

from local.stripe_simulator import FaultPlan, Simulator
from tests.component.stripe_simulator.support import Receiver, Shop, client_of, error_of, eventually


def plan(shop: Shop, **members: Any) -> None:
    shop.simulator.core.set_faults(FaultPlan.parse(members))


def statuses(shop: Shop, event_type: str) -> list[str]:
    """The status of that event's deliveries at Stripe. The receiver knows a moment earlier."""
    events = [event for event in shop.simulator.core.events() if event["type"] == event_type]
    return [delivery["status"] for event in events for delivery in event["deliveries"]]


def api_fault(shop: Shop, **fault: Any) -> None:
    plan(shop, api=[fault])


class TestApi:
    def test_the_next_requests_are_rate_limited(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="rate_limit", times=2)
        for _ in range(2):
            with pytest.raises(stripe.RateLimitError) as refused:
                client.v1.customers.list()
            assert refused.value.error is not None
            assert refused.value.error.code == "rate_limit"
        assert client.v1.customers.list().data == []

    def test_a_rate_limit_is_per_second_and_endpoint(self) -> None:
        now = [1_800_000_000.0]
        core = Simulator(clock=lambda: now[0])
        core.set_faults(FaultPlan.parse({"api": [{"effect": "rate_limit", "per_second": 2}]}))

        def statuses(*paths: str) -> list[int]:
            return [core.request("GET", path, {"Authorization": "Bearer sk_test_x"}).status for path in paths]

        assert statuses(*["/v1/customers"] * 3) == [200, 200, 429]
        assert statuses(*["/v1/events"] * 3) == [200, 200, 429]
        assert statuses(*[f"/v1/customers/cus_{number}" for number in range(3)]) == [404, 404, 429]
        now[0] += 1
        assert statuses("/v1/customers") == [200]

    def test_the_sdk_retries_a_lock_timeout_but_not_a_rate_limit(self, shop: Shop) -> None:
        patient = client_of(shop.simulator, retries=1)
        api_fault(shop, effect="lock_timeout", times=1)
        assert patient.v1.customers.create({"name": "Ann"}).name == "Ann"
        assert [line.error for line in shop.simulator.core.requests()] == ["lock_timeout", None]
        api_fault(shop, effect="rate_limit", times=1)
        assert error_of(patient.v1.customers.list)["code"] == "rate_limit"

    def test_an_error_hits_only_its_target(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="server_error", status=503, method="POST", path="/v1/checkout")
        assert client.v1.customers.create({"name": "Ann"}).name == "Ann"
        assert client.v1.checkout.sessions.list().data == []
        assert error_of(shop.session)["status"] == 503
        assert error_of(shop.session)["type"] == "api_error"
        plan(shop)
        assert shop.session().status == "open"

    def test_a_possible_request_may_be_rejected(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="rejected", param="success_url", code="url_invalid", times=1)
        refused = error_of(shop.session)
        assert (refused["status"], refused["type"]) == (400, "invalid_request_error")
        assert (refused["param"], refused["code"]) == ("success_url", "url_invalid")
        assert client.v1.checkout.sessions.list().data == []
        assert shop.session().status == "open"

    def test_an_existing_object_may_be_unknown_as_for_another_accounts_key(
        self, shop: Shop, client: stripe.StripeClient
    ) -> None:
        session = shop.session()
        api_fault(shop, effect="resource_missing", path="/v1/checkout/sessions/", times=1)
        unknown = error_of(lambda: client.v1.checkout.sessions.retrieve(session.id))
        assert (unknown["status"], unknown["code"], unknown["param"]) == (404, "resource_missing", "id")
        assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
        api_fault(shop, effect="resource_missing", param="customer")
        assert error_of(shop.session)["status"] == 400

    def test_an_error_may_come_after_the_effect(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="server_error", status=502, applied=True, times=1)
        assert (
            error_of(lambda: client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "k"}))["status"]
            == 502
        )
        assert len(client.v1.customers.list().data) == 1
        repeated = client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "k"})
        assert [customer.id for customer in client.v1.customers.list().data] == [repeated.id]

    def test_stripe_asks_not_to_repeat_a_500(self, shop: Shop) -> None:
        api_fault(shop, effect="server_error")
        patient = client_of(shop.simulator, retries=2)
        assert error_of(patient.v1.customers.list)["status"] == 500
        assert len(shop.simulator.core.requests()) == 1

    def test_an_answer_can_be_lost_after_the_effect(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="timeout_after_effect", method="POST", path="/v1/customers", times=1)
        with pytest.raises(stripe.APIConnectionError):
            client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "k"})
        (created,) = client.v1.customers.list().data
        assert client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "k"}).id == created.id
        assert [line.answered for line in shop.simulator.core.requests()] == [False, True, True]

    def test_the_sdks_own_retry_finds_the_lost_answer(self, shop: Shop) -> None:
        api_fault(shop, effect="timeout_after_effect", times=1)
        created = client_of(shop.simulator, retries=1).v1.customers.create({"name": "Ann"})
        assert [customer.id for customer in shop.client.v1.customers.list().data] == [created.id]

    def test_latency_outlasts_an_impatient_client(self, shop: Shop, client: stripe.StripeClient) -> None:
        api_fault(shop, effect="latency", seconds=0.3, times=1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(
                f"{shop.simulator.url}/v1/customers",
                headers={"Authorization": "Bearer sk_test_x"},
                timeout=0.1,
                trust_env=False,
            )
        assert client.v1.customers.list().data == []

    def test_search_lags_behind(self, shop: Shop, client: stripe.StripeClient) -> None:
        plan(shop, search_lag=60)
        shop.customer(metadata={"user": "1"})
        query = "metadata['user']:'1'"
        assert client.v1.customers.search({"query": query}).data == []
        shop.simulator.core.advance(61)
        assert len(client.v1.customers.search({"query": query}).data) == 1


class TestWebhooks:
    def test_events_are_delivered_more_than_once(
        self, shop: Shop, receiver: Receiver, control: httpx.Client
    ) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"copies": 3})
        shop.customer()
        control.post("/webhooks/flush")
        assert receiver.types() == ["customer.created"] * 3
        assert len({received.event["id"] for received in receiver.received}) == 1

    def test_a_delay_holds_events_back(self, shop: Shop, receiver: Receiver, control: httpx.Client) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"delay": 60, "types": ["customer.created"]})
        customer = shop.customer()
        shop.client.v1.customers.delete(customer.id)
        eventually(lambda: statuses(shop, "customer.deleted") == ["delivered"])
        assert receiver.types() == ["customer.deleted"]
        assert control.post("/webhooks/flush").json()["delivered"] == 1
        assert receiver.types() == ["customer.deleted", "customer.created"]

    def test_a_delay_ends_by_itself(self, shop: Shop, receiver: Receiver) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"delay": 60})
        shop.customer()
        shop.simulator.core.advance(61)
        eventually(lambda: receiver.types() == ["customer.created"])

    def test_events_overtake_each_other(self, shop: Shop) -> None:
        def order(seed: int) -> list[str]:
            core = shop.simulator.core
            core.reset()
            shop.client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:1/", "enabled_events": ["*"]})
            plan(shop, seed=seed, webhooks={"shuffle_window": 3600, "drop_first": 99})
            shop.saved()
            events = core.events()
            return [
                event["type"] for event in sorted(events, key=lambda event: event["deliveries"][0]["due"])
            ]

        assert order(1) == order(1)
        assert order(1) != shop.event_types()
        assert sorted(order(1)) == sorted(shop.event_types())
        assert order(1) != order(2)

    def test_lost_attempts_are_repeated(self, shop: Shop, receiver: Receiver) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"drop_first": 2})
        shop.customer()
        eventually(lambda: receiver.types() == ["customer.created"])
        eventually(lambda: shop.simulator.core.events()[0]["pending_webhooks"] == 0)
        assert shop.simulator.core.events()[0]["deliveries"][0]["answers"] == ["dropped", "dropped", 200]

    def test_a_lost_event_never_comes(self, shop: Shop, receiver: Receiver, control: httpx.Client) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"drop_first": 1, "dropped": "lost"})
        shop.customer()
        control.post("/webhooks/flush")
        assert shop.simulator.core.events()[0]["deliveries"][0]["status"] == "failed"
        assert receiver.received == []
        assert len(shop.client.v1.events.list({"delivery_success": False}).data) == 1

    def test_some_attempts_are_lost_by_chance(
        self, shop: Shop, receiver: Receiver, control: httpx.Client
    ) -> None:
        shop.endpoint(receiver)
        plan(shop, seed=3, webhooks={"drop_probability": 0.5, "dropped": "lost"})
        for _ in range(30):
            shop.customer()
        control.post("/webhooks/flush")
        assert 5 < len(receiver.received) < 25

    def test_nothing_leaves_during_an_outage_and_nothing_is_lost(
        self, shop: Shop, receiver: Receiver, control: httpx.Client
    ) -> None:
        shop.endpoint(receiver)
        plan(shop, webhooks={"outage": True})
        shop.saved()
        assert control.post("/webhooks/flush").json()["pending"] == 6
        assert receiver.received == []
        plan(shop)
        eventually(lambda: sorted(receiver.types()) == sorted(shop.event_types()))


@pytest.mark.parametrize(
    ("faults", "where"),
    [
        ({"webhook": {}}, "webhook"),
        ({"webhooks": {"copies": 0}}, "$.webhooks.copies"),
        ({"webhooks": {"drop_probability": 1.5}}, "$.webhooks.drop_probability"),
        ({"webhooks": {"dropped": "sometimes"}}, "$.webhooks.dropped"),
        ({"api": [{"effect": "explosion"}]}, "$.api[0].effect"),
        ({"api": [{"effect": "latency"}]}, "seconds"),
        ({"api": [{"effect": "rate_limit", "seconds": 1}]}, "seconds"),
        ({"api": [{"effect": "server_error", "status": 418}]}, "$.api[0].status"),
        ({"api": [{"effect": "rate_limit", "times": 0}]}, "$.api[0].times"),
        ([], "Expected `object`"),
    ],
)
def test_a_plan_is_checked_before_it_is_put_in_force(control: httpx.Client, faults: Any, where: str) -> None:
    control.post("/faults", json={"search_lag": 1})
    answer = control.post("/faults", json=faults)
    assert answer.status_code == 400
    assert where in answer.json()["error"]["message"]
    assert control.get("/faults").json()["search_lag"] == 1


def test_an_empty_plan_clears_everything(control: httpx.Client, client: stripe.StripeClient) -> None:
    control.post("/faults", json={"api": [{"effect": "rate_limit"}]})
    assert error_of(client.v1.customers.list)["status"] == 429
    assert control.post("/faults", json={}).status_code == 200
    assert client.v1.customers.list().data == []


def test_faults_add_up(shop: Shop) -> None:
    plan(
        shop,
        api=[
            {"effect": "latency", "seconds": 2},
            {"effect": "rate_limit", "times": 1},
            {"effect": "server_error", "status": 503, "times": 1},
            {"effect": "latency", "seconds": 3, "times": 2},
        ],
    )
    headers = {"Authorization": "Bearer sk_test_x"}
    answers = [shop.simulator.core.request("GET", "/v1/customers", headers) for _ in range(3)]
    assert [(answer.status, answer.delay) for answer in answers] == [(429, 5.0), (503, 5.0), (200, 2.0)]
