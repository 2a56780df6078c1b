"""`ops charges rebuild`: after the tables went back, nothing is missing here and nothing is charged twice."""

import os
import time
from collections.abc import Mapping
from typing import Any

import pytest

from local.stripe_simulator import PaymentPlan
from mandates.charges import rebuilding
from mandates.charges.rebuilding import Done, Rebuilding, Rebuilt
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.rebuilt import named_charges
from mandates.core.charging.refunds import refunded as given_back
from mandates.core.clock import Instant
from mandates.gateway.client import Gateway
from mandates.store.charge_items import ChargeRow
from mandates.store.charge_rows import charge_key
from mandates.store.charges import commit_charge, read_charge
from mandates.store.charging_switch import pause, resume
from mandates.store.dynamodb import StoreError, delete
from ops.charges_rebuild import intents_since
from ops.stack import Stack
from tests.component.advancing import till_of
from tests.component.operating import main
from tests.component.restoring import go_back, snapshot
from tests.component.test_revoking import active
from tests.component.world import OWNER_MARK, World

DAY = 86_400
SOFT = "payment_method_provider_decline"


@pytest.fixture
def gateway(world: World) -> Gateway:
    return Gateway("sk_test_placeholder", api_base=world.stripe.url, sleep=lambda _: None)


@pytest.fixture(autouse=True)
def stack(world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are bound already, and there is no CloudFormation stack to ask."""
    monkeypatch.setattr(Stack, "use_tables", lambda _self: None)
    monkeypatch.setattr(Stack, "output", lambda _self, _name: OWNER_MARK)
    monkeypatch.setattr(Stack, "parameter", lambda _self, _name: "false")
    monkeypatch.setattr(Stack, "gateway", gateway)


def paused() -> None:
    assert pause("somebody", "restored", Instant(time.time()))


def script(world: World, **payment: Any) -> None:
    world.stripe.core.set_payments(PaymentPlan.parse({"payments": [payment] if payment else []}))


def rebuilt(gateway: Gateway, *, dry_run: bool = False) -> Mapping[str, Rebuilt]:
    listed = intents_since(gateway.payment_intents, int(time.time()) - DAY, time.time() + 30 * DAY)
    one_by_one = Rebuilding(gateway, time.time, os.urandom, "somebody", dry_run)
    return {
        charge_id: one_by_one.rebuild(charge_id, intents)
        for charge_id, intents in named_charges(listed, OWNER_MARK).by_charge.items()
    }


def taken(world: World) -> list[int]:
    return sorted(one["amount"] for one in world.stripe.core.all("charge") if one["status"] == "succeeded")


def ordered(number: int) -> dict[str, Any]:
    return {"amount": 1_000 + number, "reference": f"order-{number}"}


def test_what_was_charged_since_is_found_again_and_not_charged_twice(
    world: World, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id, _ = active(world)
    assert world.charge(mandate_id, "order-0", **ordered(0)).body["status"] == "succeeded"
    earlier = snapshot()
    before = {}
    for number, payment in enumerate(
        [{}, {"outcome": "declined", "code": SOFT}, {"outcome": "processing"}], 1
    ):
        script(world, **payment)
        before[f"order-{number}"] = world.charge(mandate_id, f"order-{number}", **ordered(number)).body
    (refunded,) = (one["charge_id"] for one in before.values() if one["status"] == "succeeded")
    intent = before["order-1"]["payment_intent_id"]
    world.stripe_client().v1.refunds.create({"payment_intent": intent, "amount": 400})
    script(world)
    went_out = taken(world)

    go_back(earlier)
    assert read_charge(refunded) is None
    paused()
    found = rebuilt(gateway)
    assert {one.done for one in found.values()} == {Done.REBUILT, Done.UNCHANGED}
    assert found[refunded].status == "succeeded"
    assert rebuilt(gateway).keys() == found.keys()
    assert {one.done for one in rebuilt(gateway).values()} == {Done.UNCHANGED}, (
        "again, it finds nothing to do"
    )

    world.advance_stripe(25 * 3_600)  # Stripe has forgotten every key
    capsys.readouterr()
    assert main(["charges", "audit", "--since", "1d"]) == 0, capsys.readouterr()
    assert resume("somebody", "rebuilt", Instant(time.time()))
    after = {key: world.charge(mandate_id, key, **ordered(int(key[-1]))) for key in ("order-0", *before)}
    assert {answer.status for answer in after.values()} == {200}
    assert [answer.body["status"] for answer in after.values()] == [
        "succeeded",
        "succeeded",
        "canceled",
        "processing",
    ]
    assert after["order-1"].body["amount"] == 1_001
    assert after["order-1"].body["reference"] == "order-1"
    again = read_charge(refunded)
    assert again
    assert given_back(again.facts) == 400
    assert taken(world) == went_out


def test_without_it_the_same_request_would_charge_twice(world: World) -> None:
    mandate_id, _ = active(world)
    earlier = snapshot()
    world.charge(mandate_id, "order-1", **ordered(1))
    go_back(earlier)
    world.advance_stripe(25 * 3_600)
    assert world.charge(mandate_id, "order-1", **ordered(1)).status == 201
    assert taken(world) == [1_001, 1_001]


def test_the_register_counts_them_and_evidence_says_what_is_not_known(
    world: World, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id, _ = active(world)
    world.charge(mandate_id, "order-0", **ordered(0))
    earlier = snapshot()
    lost = world.charge(mandate_id, "order-1", **ordered(1)).body["charge_id"]
    go_back(earlier)
    paused()
    rebuilt(gateway)
    charge = read_charge(lost)
    assert charge
    assert (charge.number, charge.digest, charge.actor) == (2, None, "somebody")
    capsys.readouterr()
    assert main(["mandate", "verify", mandate_id]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{lost}: permission: the charge was rebuilt from what Stripe has of it;"
        " nothing shows what permitted it"
    ]


def test_refunds_and_disputes_come_back_each_in_an_entry_of_its_own(world: World, gateway: Gateway) -> None:
    mandate_id, _ = active(world)
    earlier = snapshot()
    made = world.charge(mandate_id, "order-1", **ordered(1)).body
    for amount in (100, 200):
        params: Any = {"payment_intent": made["payment_intent_id"], "amount": amount}
        world.stripe_client().v1.refunds.create(params)
    world.stripe.core.dispute(made["payment_intent_id"])
    go_back(earlier)
    paused()
    assert rebuilt(gateway)[made["charge_id"]].done is Done.REBUILT
    charge = read_charge(made["charge_id"])
    assert charge
    assert (charge.entries, given_back(charge.facts), len(open_disputes(charge.facts))) == (4, 300, 1)
    assert rebuilt(gateway)[made["charge_id"]].done is Done.UNCHANGED
    assert world.charge(mandate_id, "order-2", **ordered(2)).body["reasons"] == [
        "disputed",
        "charging_paused",
    ]


def test_stripes_events_add_nothing_to_a_rebuilt_success(world: World, gateway: Gateway) -> None:
    """It may have been another attempt than the first: nobody must hear of a second success."""
    mandate_id, _ = active(world)
    earlier = snapshot()
    charge_id = world.charge(mandate_id, "order-1", **ordered(1)).body["charge_id"]
    go_back(earlier)
    paused()
    rebuilt(gateway)
    (event,) = world.events("payment_intent.succeeded")
    event["request"]["idempotency_key"] = f"charge/{charge_id}/attempt/3"
    world.deliver(event)
    world.run_webhooks()
    charge = read_charge(charge_id)
    assert charge
    assert charge.entries == 1


def test_a_charge_that_was_reserved_before_gets_what_it_lacks(world: World, gateway: Gateway) -> None:
    till = till_of(world)
    charge_id = till.reserve()
    earlier = snapshot()
    charged = till.advance(charge_id)
    go_back(earlier)
    paused()
    dry = rebuilt(gateway, dry_run=True)[charge_id]
    assert (dry.done, dry.status) == (Done.COMPLETED, "succeeded")
    assert till.read(charge_id).entries == 1
    assert rebuilt(gateway)[charge_id].done is Done.COMPLETED
    now = till.read(charge_id)
    assert (now.status, now.payment_intent_id) == ("succeeded", charged.payment_intent_id)
    world.advance_stripe(25 * 3_600)
    assert resume("somebody", "rebuilt", Instant(time.time()))
    till.advance(charge_id)
    assert till.taken == [1_000]


def test_of_two_intents_the_one_that_took_the_money_is_the_charges(world: World, gateway: Gateway) -> None:
    """The restored stack may have created another intent before anybody rebuilt."""
    till = till_of(world)
    charge_id = till.reserve()
    earlier = snapshot()
    charged = till.advance(charge_id)
    go_back(earlier)
    paused()
    world.advance_stripe(25 * 3_600)
    second = till.advance(charge_id).payment_intent_id
    assert second
    assert second != charged.payment_intent_id
    outcome = rebuilt(gateway)[charge_id]
    assert (outcome.done, outcome.canceled) == (Done.COMPLETED, (second,))
    now = till.read(charge_id)
    assert (now.status, now.payment_intent_id) == ("succeeded", charged.payment_intent_id)
    assert world.stripe.core.find("payment_intent", second)["status"] == "canceled"
    assert rebuilt(gateway)[charge_id].done is Done.UNCHANGED
    world.deliver(*world.events("payment_intent.succeeded", "payment_intent.canceled"))
    world.run_webhooks()
    assert till.read(charge_id).status == "succeeded"


def test_money_that_was_taken_twice_is_named(world: World, gateway: Gateway) -> None:
    till = till_of(world)
    charge_id = till.reserve()
    earlier = snapshot()
    till.advance(charge_id)
    go_back(earlier)
    world.advance_stripe(25 * 3_600)
    till.advance(charge_id)
    assert till.taken == [1_000, 1_000]
    paused()
    (sentence,) = rebuilt(gateway)[charge_id].for_people
    assert "took 1000 usd too: refund one of the two at Stripe" in sentence


def test_an_intent_of_another_customer_is_no_charge_of_the_mandate(world: World, gateway: Gateway) -> None:
    """Anybody with access to the Dashboard can write a charge's id into another payment's metadata."""
    mandate_id, _ = active(world)
    earlier = snapshot()
    lost = world.charge(mandate_id, "order-1", **ordered(1)).body
    core = world.stripe.core
    forged = core.double(lost["payment_intent_id"], succeeded=False)
    core.change(forged, customer="cus_another")
    go_back(earlier)
    paused()
    found = rebuilt(gateway)[lost["charge_id"]]
    assert (found.done, found.intent.payment_intent_id) == (Done.REBUILT, lost["payment_intent_id"])
    assert found.for_people == (f"{forged} is of another customer than the mandate, and is left as it is",)
    assert core.find("payment_intent", forged)["status"] == "requires_payment_method"
    core.change(lost["payment_intent_id"], customer="cus_another")
    go_back(earlier)
    paused()
    assert rebuilt(gateway)[lost["charge_id"]].done is Done.UNCHANGED
    assert read_charge(lost["charge_id"]) is None


def test_without_its_mandate_nothing_is_invented(
    world: World, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = snapshot()
    mandate_id, _ = active(world)
    charge_id = world.charge(mandate_id, "order-1", **ordered(1)).body["charge_id"]
    go_back(earlier)
    paused()
    assert rebuilt(gateway)[charge_id].done is Done.NO_MANDATE
    assert read_charge(charge_id) is None
    capsys.readouterr()
    assert main(["charges", "rebuild", "--since", "1d"]) == 1
    assert f"no mandate  {charge_id}  succeeded" in capsys.readouterr().out


def test_it_counts_even_where_no_room_is_left(world: World, gateway: Gateway) -> None:
    """Between the restore and the pause another charge may have taken its reference and its room."""
    mandate_id, _ = active(world)
    earlier = snapshot()
    lost = world.charge(mandate_id, "order-1", amount=4_000, reference="order-1").body["charge_id"]
    go_back(earlier)
    other = world.charge(mandate_id, "another", amount=4_000, reference="order-1")
    assert other.status == 201
    paused()
    assert rebuilt(gateway)[lost].done is Done.REBUILT


@pytest.mark.parametrize("written", [False, True])
def test_a_crash_in_the_middle_is_repeated(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    mandate_id, _ = active(world)
    earlier = snapshot()
    script(world, outcome="declined", code=SOFT)
    lost = world.charge(mandate_id, "order-1", **ordered(1)).body
    go_back(earlier)
    paused()

    def crashing(*arguments: Any, **words: Any) -> None:
        if written:
            commit_charge(*arguments, **words)
        raise StoreError("gone")

    monkeypatch.setattr(rebuilding, "commit_charge", crashing)
    with pytest.raises(StoreError):
        rebuilt(gateway)
    monkeypatch.setattr(rebuilding, "commit_charge", commit_charge)
    assert rebuilt(gateway)[lost["charge_id"]].done is (Done.UNCHANGED if written else Done.REBUILT)
    charge = read_charge(lost["charge_id"])
    assert charge
    assert charge.status == "canceled"
    intent = world.stripe.core.find("payment_intent", lost["payment_intent_id"])
    assert intent["status"] == "canceled"


# ------------------------------------------------------------------------------------------ command


def test_it_runs_only_while_charging_is_paused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id, _ = active(world)
    earlier = snapshot()
    charge_id = world.charge(mandate_id, "order-1", **ordered(1)).body["charge_id"]
    go_back(earlier)
    assert main(["charges", "rebuild", "--since", "1d"]) == 1
    assert "not paused" in capsys.readouterr().err
    assert main(["charges", "rebuild", "--since", "1d", "--dry-run"]) == 0
    assert "this was a dry run" in capsys.readouterr().out
    assert read_charge(charge_id) is None
    paused()
    assert main(["charges", "rebuild", "--since", "1d"]) == 0
    said = capsys.readouterr().out
    assert f"rebuilt     {charge_id}  succeeded" in said
    assert "1 of this stack" in said
    assert "1 rebuilt, 0 completed, 0 unchanged" in said
    assert "Stripe knows no notices" in said


def test_a_charge_whose_head_alone_is_gone_is_not_rebuilt(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """No restore leaves entries without their head."""
    mandate_id, _ = active(world)
    charge_id = world.charge(mandate_id, "order-1", **ordered(1)).body["charge_id"]
    delete(ChargeRow, charge_key(charge_id))
    paused()
    assert main(["charges", "rebuild", "--since", "1d"]) == 1
    said = capsys.readouterr().err
    assert f"{charge_id}: not done: its entries are here, and its head is not: the table was altered" in said
    assert read_charge(charge_id) is None
