"""GET /checkout-sessions/{id}: the return page, before or after the webhook."""

import itertools
import time
from typing import Any

import pytest

from mandates.core.facts import Kind
from mandates.core.ledger import first_broken
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.setup.return_page import ASK_AGAIN_AFTER_SECONDS
from mandates.store.mandates import read_heads, read_ledger
from mandates.store.sessions import may_ask
from tests.component.world import ORIGIN, STRANGER, Answer, World, customer, metrics, service


def asked(world: World) -> int:
    return len([request for request in world.stripe.core.requests() if request.method == "GET"])


def test_before_the_webhook_stripe_is_asked_once_and_believed(world: World) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    page = world.return_page(begun["checkout_session_id"])
    assert (page.status, page.body["status"]) == (200, "active")
    assert page.body["payment_method_id"].startswith("pm_")
    assert page.body["label"].startswith("Amazon Pay, saved ")
    assert asked(world) == 1
    assert world.return_page(begun["checkout_session_id"]).body == page.body
    assert asked(world) == 1


def test_stripe_is_asked_once_in_a_few_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = world.begun()
    pages = [world.return_page(begun["checkout_session_id"]) for _ in range(5)]
    assert {(page.status, page.body["status"]) for page in pages} == {(200, "pending")}
    assert asked(world) == 1
    real = time.time
    world.stripe.core.authorize(begun["checkout_session_id"])
    for seconds, (status, questions) in {
        ASK_AGAIN_AFTER_SECONDS - 2: ("pending", 1),
        ASK_AGAIN_AFTER_SECONDS + 1: ("active", 2),
    }.items():
        monkeypatch.setattr(time, "time", lambda seconds=seconds: real() + seconds)
        assert world.return_page(begun["checkout_session_id"]).body["status"] == status
        assert asked(world) == questions


@pytest.mark.parametrize(("seconds", "is_asked"), [(-1, False), (-ASK_AGAIN_AFTER_SECONDS - 1, True)])
def test_a_clock_that_was_set_back_does_not_stop_the_questions(
    world: World, seconds: int, *, is_asked: bool
) -> None:
    assert may_ask("cs_1", 1_795_500_000, every=ASK_AGAIN_AFTER_SECONDS)
    assert may_ask("cs_1", 1_795_500_000 + seconds, every=ASK_AGAIN_AFTER_SECONDS) == is_asked


def test_a_session_that_stripe_told_us_of_first_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container is killed once Stripe has made the session; its webhooks come before the next request."""
    world.put_customer()
    with monkeypatch.context() as crash:
        crash.setattr("mandates.setup.checkouts.contribute_ours", gone)
        assert world.post_checkout().status == 500
    (session,) = world.stripe.core.all("checkout.session")
    assert world.return_page(session["id"]).status == 404
    world.stripe.core.authorize(session["id"])
    world.run_webhooks()
    page = world.return_page(session["id"])
    assert (page.status, page.body["status"]) == (200, "active")
    assert world.return_page(session["id"], customer(STRANGER)).status == 404


def gone(*_: Any) -> None:
    raise RuntimeError("the container is gone")


def test_a_mandate_is_found_at_once_among_many(world: World) -> None:
    """Counted, not timed: what is asked of DynamoDB is the same for the first of many mandates."""
    first = world.begun()
    alone = asked_of_dynamodb(world, first)
    for number in range(9):
        assert world.post_checkout(cancel_url=f"{ORIGIN}/{number}").status == 201
    page = world.return_page(first["checkout_session_id"])
    assert (page.status, page.body["mandate_id"]) == (200, first["mandate_id"])
    assert asked_of_dynamodb(world, first) == alone


def asked_of_dynamodb(world: World, begun: Any) -> list[tuple[str, int]]:
    """The second page's: Stripe is asked for the first."""
    world.return_page(begun["checkout_session_id"])
    mark = len(world.calls)
    world.return_page(begun["checkout_session_id"])
    return [
        (call.operation, len(str(call.parameters).encode()))
        for call in world.calls[mark:]
        if call.operation == "BatchGetItem"
    ]


def test_after_the_webhook_stripe_is_not_asked(world: World) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    before = asked(world)
    assert world.return_page(begun["checkout_session_id"]).body["status"] == "active"
    assert asked(world) == before


@pytest.mark.parametrize("order", list(itertools.permutations(["page", "completed", "succeeded"])))
def test_page_and_webhooks_in_every_order_give_the_same(world: World, order: tuple[str, ...]) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.deliver(*world.events("checkout.session.completed", "setup_intent.succeeded"))
    queued = {event["type"].rpartition(".")[2]: event for event in world.queued()}
    for step in order:
        if step == "page":
            assert world.return_page(begun["checkout_session_id"]).body["status"] == "active"
        else:
            assert world.process([queued[step]]) == []
    head = read_heads([begun["mandate_id"]])[begun["mandate_id"]]
    created = queued["succeeded"]["created"]
    assert {(fact.kind, fact.at) for fact in head.facts.values()} >= {
        (Kind.SETUP_SUCCEEDED, created),
        (Kind.SESSION_COMPLETED, created),
    }
    assert first_broken(read_ledger(head.mandate_id), length=head.entries, head_hash=head.head_hash) is None


def test_a_failure_is_told_and_may_be_retried(world: World) -> None:
    begun = world.begun()
    world.stripe.core.decline(begun["checkout_session_id"])
    world.run_webhooks()
    page = world.return_page(begun["checkout_session_id"]).body
    assert page["status"] == "pending"
    assert page["last_failure"]
    assert page["label"] is None


def test_expired_without_its_webhook(world: World) -> None:
    begun = world.begun()
    world.stripe.core.expire(begun["checkout_session_id"])
    assert world.return_page(begun["checkout_session_id"]).body["status"] == "expired"


def test_an_earlier_session_is_found_too(world: World) -> None:
    first = world.begun()
    world.post_checkout(locale="de")
    page = world.return_page(first["checkout_session_id"])
    assert (page.body["mandate_id"], page.body["status"]) == (first["mandate_id"], "expired")


def test_stripe_down_our_own_data_is_the_answer(world: World) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.faults({"effect": "server_error", "status": 503})
    page = world.return_page(begun["checkout_session_id"])
    assert (page.status, page.body["status"]) == (200, "pending")


def test_a_session_that_stripe_does_not_know_is_counted_and_our_own_data_is_the_answer(world: World) -> None:
    begun = world.begun()
    world.function("read_checkout_session")
    world.faults({"effect": "resource_missing", "path": "/v1/checkout/sessions/"})
    pages: list[Answer] = []
    counted = metrics(lambda: pages.append(world.return_page(begun["checkout_session_id"])))
    assert [(page.status, page.body["status"]) for page in pages] == [(200, "pending")]
    assert counted == {"ReturnPagesWithoutStripe": [1], "UnknownAtStripe": [1]}


@pytest.mark.parametrize(
    "tampered",
    [
        {"metadata": {"mandate_id": "mdt_another", "managed_by": "test-stack"}},
        {"metadata": {}},
        {"customer": "cus_somebody"},
    ],
)
def test_a_session_that_is_not_the_mandates_is_not_believed(
    world: World, tampered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    real = StripeCheckoutSessions.retrieve
    monkeypatch.setattr(
        StripeCheckoutSessions, "retrieve", lambda self, session_id: {**real(self, session_id), **tampered}
    )
    assert world.return_page(begun["checkout_session_id"]).body["status"] == "pending"


def test_who_may(world: World) -> None:
    begun = world.begun()
    assert world.return_page(begun["checkout_session_id"], customer(STRANGER)).status == 404
    assert world.return_page("cs_unknown").status == 404
    assert world.return_page(begun["checkout_session_id"], service("mandates:read")).status == 403
    assert world.return_page(begun["checkout_session_id"], {"principalId": "x"}).status == 401


def test_withdrawn_before_it_was_activated(world: World) -> None:
    """The withdrawal's webhook has come, the set-up's has not: the page activates, and finds it revoked."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    (succeeded,) = world.events("setup_intent.succeeded")
    world.stripe.core.detach(succeeded["data"]["object"]["payment_method"])
    world.deliver(*world.events("payment_method.detached", "mandate.updated"))
    assert world.process(world.queued()) == []
    page = world.return_page(begun["checkout_session_id"])
    assert (page.status, page.body["status"]) == (200, "revoked")
    kinds = [kind for entry in read_ledger(begun["mandate_id"]) for kind in entry.kinds]
    assert {"detached", "mandate_inactive"} <= set(kinds)
    assert world.post_checkout().status == 201
