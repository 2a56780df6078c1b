"""PUT /customers/{customer_id}: exactly one Stripe customer per customer id."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from stripe import CustomerService, InvalidRequestError

from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.setup.customers import SEARCHABLE_AFTER_SECONDS
from mandates.store.customers import read_customer
from mandates.store.tables import CustomerRow
from tests.component.passing_time import PassingTime
from tests.component.world import CUSTOMER, STRANGER, Answer, World, customer, service

PUT = "/customers/{customer_id}"
LOST_ANSWERS = {"effect": "timeout_after_effect", "method": "POST", "path": "/v1/customers"}
DOWN = {"effect": "server_error", "status": 503, "path": "/v1/customers"}


def put(world: World, body: Any, caller: Mapping[str, str], customer_id: str = CUSTOMER) -> Answer:
    return world.call(
        "create_customer", PUT, method="PUT", path={"customer_id": customer_id}, body=body, caller=caller
    )


def made_at_stripe(world: World) -> list[str]:
    return [event["data"]["object"]["id"] for event in world.events("customer.created")]


def test_created_once_then_retrieved(world: World) -> None:
    first, second = world.put_customer(), world.put_customer()
    assert (first.status, second.status) == (201, 200)
    assert first.body == second.body
    assert first.body["customer_id"] == CUSTOMER
    assert made_at_stripe(world) == [first.body["stripe_customer_id"]]


def test_many_at_once_make_one(world: World) -> None:
    world.function("create_customer")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: world.put_customer(), range(32)))
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body["stripe_customer_id"] for answer in answers}) == 1
    assert [answer.status for answer in answers].count(201) == 1
    assert len(made_at_stripe(world)) == 1


def test_the_email_is_changed_at_stripe_and_kept_nowhere_else(world: World) -> None:
    world.put_customer(email="ann@old.example", name="Ann")
    changed = world.put_customer(email="ann@new.example")
    found = world.stripe_client().v1.customers.retrieve(changed.body["stripe_customer_id"])
    assert (found.email, found.name) == ("ann@new.example", "Ann")
    rows = [row.to_simple_dict() for row in CustomerRow.scan()]
    assert rows
    assert "example" not in str(rows)


def test_a_lost_answer_is_asked_for_again_and_makes_no_second_customer(world: World) -> None:
    world.faults(LOST_ANSWERS)
    assert world.put_customer().status == 503
    world.faults()
    assert world.put_customer().status == 201
    assert len(made_at_stripe(world)) == 1


def test_stripe_down_is_a_retryable_answer(world: World) -> None:
    world.faults(DOWN)
    refused = world.put_customer()
    assert (refused.status, refused.body["code"]) == (503, "stripe_unavailable")
    assert refused.headers["Retry-After"]


def test_a_deleted_stripe_customer_is_replaced_by_a_new_generation(world: World) -> None:
    before = world.put_customer().body["stripe_customer_id"]
    world.stripe.core.delete_customer(before)
    world.run_webhooks()
    again = world.put_customer()
    assert again.status == 201
    assert again.body["stripe_customer_id"] != before
    row = read_customer(CUSTOMER)
    assert row
    assert row.generation == 2
    assert world.put_customer().body == again.body


@pytest.mark.parametrize("reached_stripe", [True, False])
def test_a_claim_too_old_for_its_key_is_looked_for_before_it_is_begun_anew(
    world: World, reached_stripe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reached_stripe:
        world.faults(LOST_ANSWERS)
    else:
        world.faults(DOWN)
    assert world.put_customer().status == 503
    world.faults()
    long_after = time.time() + IDEMPOTENCY_WINDOW_SECONDS + 3600 * 2
    world.advance_stripe(IDEMPOTENCY_WINDOW_SECONDS + 3600 * 2)
    monkeypatch.setattr(world.function("create_customer").time, "time", lambda: long_after)
    saved = world.call(
        "create_customer",
        PUT,
        method="PUT",
        path={"customer_id": CUSTOMER},
        body={},
        caller=customer(CUSTOMER, expires_at=str(int(long_after) + 60)),
    )
    assert saved.status == 201
    assert made_at_stripe(world) == [saved.body["stripe_customer_id"]]


def test_a_service_adopts_an_existing_stripe_customer(world: World) -> None:
    existing = world.stripe_client().v1.customers.create({"email": "ann@shop.example"}).id
    back_end = service("mandates:write")
    adopted = put(world, {"stripe_customer_id": existing}, back_end)
    assert (adopted.status, adopted.body["stripe_customer_id"]) == (201, existing)
    assert put(world, {"stripe_customer_id": existing}, back_end).status == 200
    shared = put(world, {"stripe_customer_id": existing}, back_end, STRANGER)
    assert (shared.status, shared.body["code"]) == (409, "customer_already_linked")
    other = world.stripe_client().v1.customers.create({}).id
    assert put(world, {"stripe_customer_id": other}, back_end).body["code"] == "customer_already_linked"


def test_only_a_service_adopts_and_only_what_stripe_has(world: World) -> None:
    existing = world.stripe_client().v1.customers.create({}).id
    assert put(world, {"stripe_customer_id": existing}, customer()).status == 403
    back_end = service("mandates:write")
    unknown = put(world, {"stripe_customer_id": "cus_unknown"}, back_end)
    assert (unknown.status, unknown.body["code"]) == (422, "stripe_customer_unknown")
    world.stripe.core.delete_customer(existing)
    assert put(world, {"stripe_customer_id": existing}, back_end).status == 422
    assert put(world, {}, back_end).status == 201


def test_two_customers_adopting_the_same_at_once(world: World) -> None:
    existing = world.stripe_client().v1.customers.create({}).id
    world.function("create_customer")
    start = threading.Barrier(2)

    def adopt(customer_id: str) -> int:
        start.wait()
        return put(world, {"stripe_customer_id": existing}, service("mandates:write"), customer_id).status

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(adopt, [CUSTOMER, STRANGER])) == [201, 409]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"email": 7}, "email"),
        ({"email": "no-at-sign"}, "email"),
        ({"email": "a@" + "b" * 600}, "email"),
        ({"name": ""}, "name"),
        ({"nickname": "Annie"}, "nickname"),
        ({"stripe_customer_id": "pm_1"}, "stripe_customer_id"),
        ([], "object"),
        ("{", "JSON"),
        ('{"email": null}', "email"),
    ],
)
def test_a_wrong_body_is_refused_by_the_field_name(world: World, body: Any, named: str) -> None:
    refused = put(world, body, customer())
    assert (refused.status, refused.body["code"]) == (400, "invalid_request")
    assert named in refused.body["detail"]
    assert made_at_stripe(world) == []


def test_who_may(world: World) -> None:
    assert put(world, {}, customer(STRANGER)).status == 404
    assert put(world, {}, service("mandates:read")).status == 403
    assert put(world, {}, service("mandates:write")).status == 201
    assert put(world, {}, {}).status == 401
    assert put(world, {}, customer(expires_at=str(int(time.time()) - 1))).status == 401


def test_a_rotated_api_key_is_used_without_a_deployment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = PassingTime(monkeypatch)
    world.put_customer()
    world.secrets.put_secret_value(SecretId=world.api_key_arn, SecretString="rk_test_placeholder\n")
    passing.pass_seconds(301)
    world.stripe.core.expire_api_key("sk_test_placeholder")
    assert world.put_customer(STRANGER).status == 201
    assert [line.status for line in world.stripe.core.requests()] == [200, 200]


def test_a_500_that_stripe_replays_is_overcome_once_the_search_can_tell(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = {"effect": "server_error", "status": 500, "method": "POST", "path": "/v1/customers", "times": 1}
    world.faults(failing)
    assert [world.put_customer().status for _ in range(2)] == [503, 503]
    module = world.function("create_customer")
    later = time.time() + SEARCHABLE_AFTER_SECONDS
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert world.put_customer().status == 201
    assert len(made_at_stripe(world)) == 1


def test_a_customer_found_by_search_is_exactly_this_one(world: World) -> None:
    """Stripe's search tells upper and lower case not apart: https://docs.stripe.com/search"""
    customers = world.stripe_client().v1.customers
    metadata = {"customer_id": "ANN", "managed_by": "test-stack"}
    customers.create({"metadata": metadata})
    found = customers.search({"query": "metadata['customer_id']:'ANN'"})
    gateway = world.function("create_customer").stripe.gateway()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CustomerService, "search", lambda *_: found)
        assert gateway.customers.find("ann", "test-stack") is None
        assert gateway.customers.find("ANN", "test-stack") == found.data[0].id


def test_an_address_that_stripe_refuses_is_the_callers_to_mend(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()

    def refused(*_: Any) -> None:
        raise InvalidRequestError(  # type: ignore[no-untyped-call]
            "Invalid email address", "email", code="email_invalid", http_status=400
        )

    monkeypatch.setattr(CustomerService, "update", refused)
    answer = world.put_customer(email="a@b")
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert "email" in answer.body["detail"]
