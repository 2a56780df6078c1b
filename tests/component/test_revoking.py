"""POST /mandates/{id}/revoke, and what it leads to at Stripe."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from mandates.core.ledger import first_broken
from mandates.store.mandates import read_heads, read_ledger
from tests.component.world import STRANGER, World, customer, service

DOWN = {"effect": "server_error", "status": 503}


def active(world: World) -> tuple[str, str]:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    mandate = world.get_mandate(begun["mandate_id"]).body
    assert mandate["status"] == "active"
    return mandate["mandate_id"], mandate["payment_method_id"]


def attached_to(world: World, payment_method_id: str) -> Any:
    return world.stripe_client().v1.payment_methods.retrieve(payment_method_id).customer


def test_a_customer_withdraws_and_stripe_lets_go(world: World) -> None:
    mandate_id, payment_method_id = active(world)
    revoked = world.revoke(mandate_id, reason="changed_my_mind")
    assert (revoked.status, revoked.body["status"]) == (200, "revoked")
    entry = read_ledger(mandate_id)[-1]
    assert entry.facts[0]["detail"] == {"by": "customer", "reason": "changed_my_mind"}
    assert attached_to(world, payment_method_id)
    assert world.release(mandate_id) == []
    assert attached_to(world, payment_method_id) is None
    world.run_webhooks()
    assert world.get_mandate(mandate_id).body["status"] == "revoked"
    kinds = [kind for entry in read_ledger(mandate_id) for kind in entry.kinds]
    assert kinds[-3:].count("revoked") == 1
    assert set(kinds[-2:]) == {"mandate_inactive", "detached"}


def test_repeating_it_changes_nothing_and_the_first_words_stand(world: World) -> None:
    mandate_id, _ = active(world)
    world.revoke(mandate_id, service("mandates:write"), reason="fraud")
    length = len(read_ledger(mandate_id))
    again = world.revoke(mandate_id)
    assert (again.status, again.body["status"]) == (200, "revoked")
    assert len(read_ledger(mandate_id)) == length
    assert read_ledger(mandate_id)[-1].facts[0]["detail"] == {"by": "service", "reason": "fraud"}
    assert world.release(mandate_id) == world.release(mandate_id) == []


def test_a_service_that_may_only_write_learns_the_status_and_no_more(world: World) -> None:
    mandate_id, payment_method_id = active(world)
    status_only = {"mandate_id": mandate_id, "status": "revoked"}
    assert world.revoke(mandate_id, service("mandates:write")).body == status_only
    assert world.revoke(mandate_id, service("mandates:write", "charges:write")).body == status_only
    for may_read in (service("mandates:write", "mandates:read"), customer()):
        assert world.revoke(mandate_id, may_read).body["payment_method_id"] == payment_method_id


def test_a_pending_one_can_no_longer_be_completed(world: World) -> None:
    begun = world.begun()
    assert world.revoke(begun["mandate_id"]).body["status"] == "revoked"
    assert world.release(begun["mandate_id"]) == []
    session = world.stripe_client().v1.checkout.sessions.retrieve(begun["checkout_session_id"])
    assert session.status == "expired"
    assert world.post_checkout().status == 201


def test_stripe_down_it_is_withdrawn_here_and_released_later(world: World) -> None:
    mandate_id, payment_method_id = active(world)
    world.function("release_withdrawals")
    world.faults(DOWN)
    assert world.revoke(mandate_id).body["status"] == "revoked"
    assert world.release(mandate_id) == ["message-0"]
    pauses = [
        call.parameters["VisibilityTimeout"]
        for call in world.calls
        if call.operation == "ChangeMessageVisibility"
    ]
    assert len(pauses) == 1
    assert 8 <= pauses[0] <= 15
    world.faults()
    assert world.release(mandate_id) == []
    assert attached_to(world, payment_method_id) is None


ORDERS = [
    order
    for order in itertools.permutations(["authorise", "webhooks", "revoke", "release"])
    if order.index("revoke") < order.index("release")  # before, there is nothing to release
]


@pytest.mark.parametrize("order", ORDERS)
def test_revocation_and_activation_in_every_order_end_revoked_and_detached(
    world: World, order: tuple[str, ...]
) -> None:
    begun = world.begun()
    mandate_id = begun["mandate_id"]

    def authorise() -> None:
        session = world.stripe_client().v1.checkout.sessions.retrieve(begun["checkout_session_id"])
        if session.status == "open":
            world.stripe.core.authorize(begun["checkout_session_id"])

    steps: dict[str, Callable[[], object]] = {
        "authorise": authorise,
        "webhooks": world.run_webhooks,
        "revoke": lambda: world.revoke(mandate_id),
        "release": lambda: world.release(mandate_id),
    }
    for step in order:
        steps[step]()
    for _ in range(2):  # what the stream and Stripe go on to bring, whatever came first
        world.run_webhooks()
        assert world.release(mandate_id) == []
    mandate = world.get_mandate(mandate_id).body
    assert mandate["status"] == "revoked"
    if mandate["payment_method_id"]:
        assert attached_to(world, mandate["payment_method_id"]) is None
    head = read_heads([mandate_id])[mandate_id]
    assert first_broken(read_ledger(mandate_id), length=head.entries, head_hash=head.head_hash) is None


def test_an_active_mandate_is_left_alone_by_a_stray_message(world: World) -> None:
    mandate_id, payment_method_id = active(world)
    assert world.release(mandate_id) == []
    assert world.release("mdt_unknown") == []
    assert attached_to(world, payment_method_id)


def test_who_may(world: World) -> None:
    mandate_id, _ = active(world)
    assert world.revoke(mandate_id, customer(STRANGER)).status == 404
    assert world.revoke("mdt_unknown", customer()).status == 404
    assert world.revoke(mandate_id, service("mandates:read")).status == 403
    assert world.revoke(mandate_id, reason="Because I say so!").status == 400
    assert world.revoke(mandate_id, {"principalId": "x"}).status == 401
    assert world.get_mandate(mandate_id).body["status"] == "active"
    assert world.revoke(mandate_id, service("mandates:write")).status == 200
