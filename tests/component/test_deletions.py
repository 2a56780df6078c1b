"""A customer deleted at Stripe whose webhook is not here yet: whoever needs the customer finds it out."""

from collections.abc import Callable
from typing import Any

import pytest

from mandates.core.facts import Kind
from mandates.core.ledger import Entry, first_broken
from mandates.core.subjects import stripe_customer_subject
from mandates.gateway.customers import StripeCustomers
from mandates.ledger import contributing
from mandates.setup.deletions import SOURCE
from mandates.store.customers import read_customer, read_slot
from mandates.store.mandates import read_heads, read_ledger, read_subjects
from tests.component.world import CUSTOMER, ORIGIN, Answer, World

OTHER: dict[str, Any] = {"success_url": f"{ORIGIN}/elsewhere"}
Request = Callable[[World], Answer]
REQUESTS: dict[str, Request] = {
    "PUT": lambda world: world.put_customer(email="ann@shop.example"),
    "POST": lambda world: world.post_checkout(**OTHER),
}


def active(world: World, customer_id: str = CUSTOMER) -> str:
    """A mandate that was set up, with all its webhooks."""
    opened = world.begun(customer_id)
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    return str(opened["mandate_id"])


def deleted_unheard(world: World) -> str:
    customer = read_customer(CUSTOMER)
    assert customer
    assert customer.stripe_customer_id
    world.stripe.core.delete_customer(customer.stripe_customer_id)
    return customer.stripe_customer_id


def deletions_told(mandate_id: str) -> list[Entry]:
    head, entries = read_heads([mandate_id])[mandate_id], read_ledger(mandate_id)
    assert first_broken(entries, length=head.entries, head_hash=head.head_hash) is None
    return [entry for entry in entries if Kind.DELETED in entry.kinds]


def status_of(world: World, mandate_id: str) -> str:
    return str(world.get_mandate(mandate_id).body["status"])


def test_a_put_replaces_the_customer_and_tells_stripe_the_profile(world: World) -> None:
    world.put_customer(email="ann@shop.example")
    before = deleted_unheard(world)
    saved = world.put_customer(email="ann@shop.example")
    assert saved.status == 201
    assert saved.body["stripe_customer_id"] != before
    found = world.stripe_client().v1.customers.retrieve(saved.body["stripe_customer_id"])
    assert found.email == "ann@shop.example"
    assert world.put_customer(email="ann@shop.example").status == 200


def test_a_put_without_a_profile_calls_stripe_not_at_all(world: World) -> None:
    world.put_customer()
    before = deleted_unheard(world)
    asked = len(world.stripe.core.requests())
    again = world.put_customer()
    assert (again.status, again.body["stripe_customer_id"]) == (200, before)
    assert len(world.stripe.core.requests()) == asked


def test_a_checkout_asks_for_a_customer_and_goes_on_with_the_new_one(world: World) -> None:
    first = world.begun()
    deleted_unheard(world)
    refused = world.post_checkout(**OTHER)
    assert (refused.status, refused.body["code"]) == (409, "customer_required")
    assert status_of(world, first["mandate_id"]) == "revoked"
    slot = read_slot(CUSTOMER)
    assert slot
    assert status_of(world, slot.mandate_id) == "revoked"
    assert world.post_checkout(**OTHER).body["code"] == "customer_required"
    assert world.put_customer().status == 201
    opened = world.post_checkout(**OTHER)
    assert opened.status == 201
    assert status_of(world, opened.body["mandate_id"]) == "pending"


def test_a_creation_that_is_repeated_after_the_deletion_begins_no_second_mandate(world: World) -> None:
    world.put_customer()
    world.faults({"effect": "server_error", "status": 503, "path": "/v1/checkout"})
    assert world.post_checkout().status == 503
    unresolved = read_slot(CUSTOMER)
    world.faults()
    deleted_unheard(world)
    assert world.post_checkout().status == 409
    assert read_slot(CUSTOMER) == unresolved


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_every_mandate_is_withdrawn_and_every_ledger_told_once(world: World, request_: Request) -> None:
    mandates = [active(world) for _ in range(2)]
    deleted_unheard(world)
    assert request_(world).status in {201, 409}
    for mandate_id in mandates:
        (told,) = deletions_told(mandate_id)
        assert (told.source, told.status) == (SOURCE, "revoked")
        assert status_of(world, mandate_id) == "revoked"


@pytest.mark.parametrize("heard", ["before", "after"])
def test_the_webhook_that_comes_then_says_nothing_else(world: World, heard: str) -> None:
    mandate_id = active(world)
    key = stripe_customer_subject(deleted_unheard(world))
    if heard == "before":
        world.run_webhooks()
    assert world.put_customer(email="ann@shop.example").status == 201
    world.run_webhooks()
    (event,) = world.events("customer.deleted")
    facts = read_subjects([key])[key].facts
    assert facts.keys() == {Kind.DELETED}
    sources = [entry.source for entry in deletions_told(mandate_id)]
    assert facts[Kind.DELETED].source in sources
    assert sources == ([event["id"]] if heard == "before" else [SOURCE, event["id"]])
    world.run_webhooks()
    assert len(deletions_told(mandate_id)) == len(sources)


def test_what_a_call_did_not_live_to_tell_the_webhook_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our clock is behind Stripe's, so ours stays the earlier word."""
    first, second = sorted(active(world) for _ in range(2))
    key = stripe_customer_subject(deleted_unheard(world))
    contribute = vars(contributing)["contribute"]

    def dies(mandate_id: str, *arguments: Any) -> None:
        if mandate_id == second:
            raise RuntimeError("the container is gone")
        contribute(mandate_id, *arguments)

    with monkeypatch.context() as dying:
        dying.setattr(contributing, "contribute", dies)
        module = world.function("create_customer")
        real = module.time.time
        dying.setattr(module.time, "time", lambda: real() - 30)
        assert world.put_customer(email="ann@shop.example").status == 500
    assert [len(deletions_told(mandate_id)) for mandate_id in (first, second)] == [1, 0]
    world.run_webhooks()
    assert read_subjects([key])[key].facts[Kind.DELETED].source == SOURCE
    for mandate_id in (first, second):
        assert {entry.source for entry in deletions_told(mandate_id)} >= {SOURCE}
        assert len(deletions_told(mandate_id)) == 2


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.parametrize("answer", ["unknown", "alive"])
def test_nothing_but_stripes_own_word_is_taken_for_a_deletion(
    world: World, request_: Request, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of another account is told `resource_missing` of every customer."""
    mandate_id = active(world)
    customer = read_customer(CUSTOMER)
    assert customer
    for name in ("create_customer", "create_checkout_session"):
        world.function(name)
    missing = {"effect": "resource_missing", **({"method": "POST"} if answer == "alive" else {})}
    world.faults(missing)
    refused = request_(world)
    assert (refused.status, refused.body["code"]) == (502, "unknown_at_stripe")
    assert read_customer(CUSTOMER) == customer
    assert deletions_told(mandate_id) == []
    assert status_of(world, mandate_id) == "active"
    world.faults()
    assert request_(world).status in {200, 201}


def test_stripe_down_in_between_leaves_it_to_the_next_request(world: World) -> None:
    mandate_id = active(world)
    deleted_unheard(world)
    world.function("create_customer")
    world.faults({"effect": "server_error", "status": 503, "method": "GET"})
    assert world.put_customer(email="ann@shop.example").status == 503
    assert deletions_told(mandate_id) == []
    world.faults()
    assert world.put_customer(email="ann@shop.example").status == 201
    assert len(deletions_told(mandate_id)) == 1


def test_a_deleted_customer_can_not_be_adopted_in_its_own_place(world: World) -> None:
    from tests.component.test_customers import put
    from tests.component.world import service

    world.put_customer()
    before = deleted_unheard(world)
    body = {"stripe_customer_id": before, "email": "ann@shop.example"}
    refused = put(world, body, service("mandates:write"))
    assert (refused.status, refused.body["code"]) == (422, "stripe_customer_unknown")
    assert world.put_customer().status == 201


def test_a_renewal_whose_customer_is_deleted_too_is_not_gone_round_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()
    deleted_unheard(world)
    create = StripeCustomers.create

    def create_and_lose(self: StripeCustomers, *arguments: Any, **named: Any) -> str:
        made = create(self, *arguments, **named)
        world.stripe.core.delete_customer(made)
        return made

    monkeypatch.setattr(StripeCustomers, "create", create_and_lose)
    assert world.put_customer(email="ann@shop.example").status == 502
