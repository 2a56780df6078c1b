from typing import Any

import pytest
import stripe

from local.stripe_simulator import FaultPlan
from tests.component.stripe_simulator.support import SUCCESS_URL, Shop, error_of

DAY = 24 * 60 * 60


def key(value: str) -> stripe.RequestOptions:
    return {"idempotency_key": value}


def test_the_first_answer_is_given_again(shop: Shop, client: stripe.StripeClient) -> None:
    first = client.v1.customers.create({"name": "Ann"}, key("k"))
    second = client.v1.customers.create({"name": "Ann"}, key("k"))
    assert second.id == first.id
    assert first.last_response is not None
    assert second.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert shop.event_types() == ["customer.created"]
    assert [line.replayed for line in shop.simulator.core.requests()] == [False, True]


def test_a_replayed_answer_is_the_original_one(shop: Shop, client: stripe.StripeClient) -> None:
    created = client.v1.customers.create({"name": "Ann"}, key("k"))
    client.v1.customers.update(created.id, {"name": "Bob"})
    assert client.v1.customers.create({"name": "Ann"}, key("k")).name == "Ann"


def test_other_parameters_are_an_error(client: stripe.StripeClient) -> None:
    client.v1.customers.create({"name": "Ann"}, key("k"))
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.customers.create({"name": "Bob"}, key("k"))


def test_another_endpoint_is_an_error(shop: Shop, client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}, key("k"))
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.customers.update(customer.id, {}, key("k"))


def test_a_refusal_by_the_endpoint_is_kept(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    client.v1.checkout.sessions.expire(session.id)
    for replayed in (False, True):
        error_of(lambda: client.v1.checkout.sessions.expire(session.id, None, key("k")))
        assert shop.simulator.core.requests()[-1].replayed is replayed


def test_failed_validation_leaves_the_key_unused(client: stripe.StripeClient) -> None:
    wrong: Any = {"nickname": "x"}
    error_of(lambda: client.v1.customers.create(wrong, key("k")))
    assert client.v1.customers.create({"name": "Ann"}, key("k")).name == "Ann"


def test_a_session_is_created_once(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer().id

    def create() -> str:
        return client.v1.checkout.sessions.create(
            {
                "mode": "setup",
                "allowed_payment_method_types": ["amazon_pay"],
                "customer": customer,
                "success_url": SUCCESS_URL,
            },
            key("setup-1"),
        ).id

    assert create() == create()
    assert shop.event_types().count("setup_intent.created") == 1


def test_a_500_is_kept_and_a_503_is_not(shop: Shop, client: stripe.StripeClient) -> None:
    core = shop.simulator.core
    core.set_faults(FaultPlan.parse({"api": [{"effect": "server_error", "status": 500, "times": 1}]}))
    assert error_of(lambda: client.v1.customers.create({}, key("a")))["status"] == 500
    assert error_of(lambda: client.v1.customers.create({}, key("a")))["status"] == 500
    assert core.requests()[-1].replayed
    core.set_faults(FaultPlan.parse({"api": [{"effect": "server_error", "status": 503, "times": 1}]}))
    assert error_of(lambda: client.v1.customers.create({}, key("b")))["status"] == 503
    assert client.v1.customers.create({}, key("b")).id
    assert shop.event_types() == ["customer.created"]


def test_a_500_is_kept_even_if_it_had_its_effect(shop: Shop, client: stripe.StripeClient) -> None:
    fault = {"effect": "server_error", "status": 500, "applied": True, "times": 1}
    shop.simulator.core.set_faults(FaultPlan.parse({"api": [fault]}))
    for _ in range(2):
        assert error_of(lambda: client.v1.customers.create({}, key("a")))["status"] == 500
    assert shop.event_types() == ["customer.created"]


def test_a_key_in_use_is_a_conflict(shop: Shop, client: stripe.StripeClient) -> None:
    core = shop.simulator.core
    core.set_faults(FaultPlan.parse({"api": [{"effect": "latency", "seconds": 0.2, "times": 1}]}))
    answers = [
        core.request("POST", "/v1/customers", {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [200, 409]
    assert answers[1].body["error"]["code"] == "idempotency_key_in_use"
    core.advance(1)
    assert client.v1.customers.create({}, key("k")).id == answers[0].body["id"]


def test_keys_are_forgotten_after_a_day(shop: Shop, client: stripe.StripeClient) -> None:
    first = client.v1.customers.create({}, key("k")).id
    shop.simulator.core.advance(DAY - 60)
    assert client.v1.customers.create({}, key("k")).id == first
    shop.simulator.core.advance(120)
    assert client.v1.customers.create({}, key("k")).id != first


def test_a_key_has_at_most_255_characters(client: stripe.StripeClient) -> None:
    assert client.v1.customers.create({}, key("k" * 255)).id
    assert error_of(lambda: client.v1.customers.create({}, key("k" * 256)))["status"] == 400


def test_only_posts_have_a_key(shop: Shop, client: stripe.StripeClient) -> None:
    first, second = shop.customer(), shop.customer()
    client.v1.customers.delete(first.id, None, key("k"))
    assert client.v1.customers.delete(second.id, None, key("k")).id == second.id
    assert shop.simulator.core.requests()[-1].idempotency_key is None
