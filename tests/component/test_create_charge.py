"""One request to charge: the whole of it, with Stripe, within one deadline."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from local.stripe_simulator import PaymentPlan
from mandates.charges import attempting, recording, reserving
from mandates.store.charges import due_charges
from mandates.store.dynamodb import StoreError
from tests.component.test_revoking import active
from tests.component.world import Context, World, answer, api_event, charge_body, metrics, service


def script(world: World, **payment: Any) -> None:
    world.stripe.core.set_payments(PaymentPlan.parse({"payments": [payment]}))


def money_taken(world: World) -> list[int]:
    charges = world.stripe.core.all("charge")
    return [charge["amount"] for charge in charges if charge["status"] == "succeeded"]


def test_a_charge_succeeds_within_the_request(world: World) -> None:
    mandate_id, _ = active(world)
    made = world.charge(mandate_id)
    assert made.status == 201
    assert (made.body["status"], made.body["attempts"], made.body["failure"]) == ("succeeded", 1, None)
    (intent,) = world.stripe.core.all("payment_intent")
    assert made.body["payment_intent_id"] == intent["id"]
    assert intent["description"] == "Order 42 at Example Shop"
    assert made.body.items() <= world.get_charge(made.body["charge_id"]).body.items()
    again = world.charge(mandate_id)
    assert (again.status, again.body) == (200, made.body)
    assert money_taken(world) == [1299]


def declined(code: str) -> dict[str, Any]:
    return {"outcome": "declined", "code": code}


def refused(code: str) -> dict[str, Any]:
    return {"outcome": "refused", "status": 400, "code": code}


OUTCOMES: dict[str, tuple[Mapping[str, Any], str, str | None]] = {
    "soft": (declined("payment_method_provider_decline"), "retrying", "soft"),
    "customer": (declined("payment_method_customer_decline"), "needs_customer", "customer"),
    "action": ({"outcome": "requires_action"}, "needs_customer", "customer"),
    "final": (refused("amount_too_small"), "failed", "final"),
    "ours": (refused("payment_method_unactivated"), "retrying", "ours_to_mend"),
    "processing": ({"outcome": "processing"}, "processing", None),
    "lost": ({"outcome": "succeeded", "answer": "lost"}, "succeeded", None),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_whatever_comes_of_it_the_charge_is_made(world: World, name: str) -> None:
    payment, status, failure = OUTCOMES[name]
    mandate_id, _ = active(world)
    script(world, **payment)
    made = world.charge(mandate_id)
    assert (made.status, made.body["status"]) == (201, status)
    assert (made.body["failure"] or {}).get("class") == failure
    assert world.charge(mandate_id).body == made.body
    assert len(money_taken(world)) == (status == "succeeded")


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "server_error", "status": 503},
        {"effect": "rejected"},
        {"effect": "timeout_before_effect"},
    ],
)
def test_an_outage_at_stripe_is_no_error(world: World, fault: dict[str, Any]) -> None:
    mandate_id, _ = active(world)
    world.function("create_charge")
    world.faults({**fault, "endpoint": "POST /v1/payment_intents"})
    made = world.charge(mandate_id)
    assert (made.status, made.body["status"], made.body["attempts"]) == (201, "pending", 0)
    assert made.body["charge_id"] in {due.charge_id for due in due_charges(2**40, 10)}
    world.faults()
    again = world.charge(mandate_id)  # the sweeper goes on with it, not the repeat
    assert (again.status, again.body["status"]) == (200, "pending")


def fails_once(world: World, module: Any, name: str, *, written: bool) -> None:
    """The next call fails in DynamoDB; if `written`, only its answer is lost."""
    real = getattr(module, name)

    def failing(*arguments: Any, **words: Any) -> Any:
        world.monkeypatch.setattr(module, name, real)
        if written:
            real(*arguments, **words)
        raise StoreError("out of reach")

    world.monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize(("written", "then"), [(False, 201), (True, 200)])
def test_a_reservation_that_nobody_can_vouch_for_is_asked_for_again(
    world: World, written: bool, then: int
) -> None:
    mandate_id, _ = active(world)
    world.function("create_charge")
    fails_once(world, reserving, "commit_charge", written=written)
    unsure = world.charge(mandate_id)
    assert (unsure.status, unsure.body["code"], unsure.headers["Retry-After"]) == (503, "busy", "1")
    again = world.charge(mandate_id)
    assert again.status == then
    assert len(due_charges(2**40, 10)) == (0 if again.body["status"] == "succeeded" else 1)


@pytest.mark.parametrize("written", [False, True])
def test_once_it_is_reserved_a_failing_store_is_no_error(world: World, written: bool) -> None:
    mandate_id, _ = active(world)
    world.function("create_charge")
    fails_once(world, attempting, "commit_charge", written=written)
    made = world.charge(mandate_id)
    assert (made.status, made.body["status"], made.body["attempts"]) == (201, "pending", int(written))
    assert (made.body["payment_intent_id"] is not None) == written
    assert money_taken(world) == []


def test_a_charge_that_can_be_read_no_more_is_asked_for_again(world: World) -> None:
    mandate_id, _ = active(world)
    function = world.function("create_charge")
    fails_once(world, recording, "commit_charge", written=True)
    fails_once(world, function, "read_charge", written=False)
    assert world.charge(mandate_id).status == 503
    assert world.charge(mandate_id).status == 200


def test_nothing_is_begun_that_could_not_be_heard_of_in_time(world: World) -> None:
    mandate_id, _ = active(world)
    function = world.function("create_charge")
    world.monkeypatch.setattr(function.stripe, "time_left", lambda: 10.9)
    made = world.charge(mandate_id)
    assert (made.status, made.body["status"], made.body["attempts"]) == (201, "pending", 0)
    assert money_taken(world) == []


def test_the_request_has_one_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it is counted from the request's beginning, so that a slow reservation counts, too."""
    mandate_id, _ = active(world)
    function, now = world.function("create_charge"), 1_000.0
    # Only here: an event loop in another thread would wait for the old time to come back.
    times = SimpleNamespace(monotonic=lambda: now, time=time.time, sleep=time.sleep)
    monkeypatch.setattr("mandates.gateway.access.time", times)
    reserve = function.reserve

    def slow(*arguments: Any, **words: Any) -> Any:
        nonlocal now
        now += 11
        return reserve(*arguments, **words)

    monkeypatch.setattr(function, "reserve", slow)
    assert world.charge(mandate_id).body["attempts"] == 0
    assert function.stripe.time_left() == 10


def test_a_withdrawal_in_between_takes_no_money(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mandate_id, _ = active(world)
    function = world.function("create_charge")
    advance = function.advance

    def withdrawn_first(*arguments: Any) -> Any:
        world.revoke(mandate_id)
        return advance(*arguments)

    monkeypatch.setattr(function, "advance", withdrawn_first)
    made = world.charge(mandate_id)
    assert (made.status, made.body["status"], made.body["end_reason"]) == (201, "canceled", "withdrawn")
    assert money_taken(world) == []


def test_the_same_request_many_times_at_once_charges_once(world: World) -> None:
    mandate_id, _ = active(world)
    world.function("create_charge")

    def send(_: int) -> int:
        event = api_event(
            "POST",
            "/mandates/{mandate_id}/charges",
            path={"mandate_id": mandate_id},
            body=charge_body(),
            caller=service("charges:write"),
            headers={"Idempotency-Key": "key-1"},
        )
        return answer(world.function("create_charge").handler(event, Context())).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, range(16)))
    assert sorted(statuses) == [200] * 15 + [201]
    assert money_taken(world) == [1299]


@pytest.mark.parametrize(
    ("ask", "counted"),
    [
        (lambda world, mandate_id: world.charge(mandate_id), {"ChargesReserved": [1.0]}),
        (lambda world, mandate_id: world.charge(mandate_id, amount=30_001), {"ChargesRefused": [1.0]}),
    ],
)
def test_charges_and_refusals_are_counted(
    world: World, ask: Callable[[World, str], object], counted: dict[str, list[float]]
) -> None:
    mandate_id, _ = active(world)
    world.function("create_charge")
    assert metrics(lambda: ask(world, mandate_id)) == counted


def test_stripes_mandate_is_named_where_the_stack_says_so(world: World) -> None:
    world.environment["SEND_STRIPE_MANDATE"] = "true"
    mandate_id, _ = active(world)
    assert world.charge(mandate_id).body["status"] == "succeeded"
    named = world.get_mandate(mandate_id).body["stripe_mandate_id"]
    (confirm,) = (one for one in world.stripe.core.requests() if one.path.endswith("/confirm"))
    assert confirm.params["mandate"] == named
