"""Refunds from the request to their end, whatever Stripe answers and wherever the process ends."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from local.stripe_simulator import RefundPlan
from mandates.charges.refund_orders import Ordered, RefundOrder, order_refund
from mandates.charges.refunding import follow_refunds
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_id, refund_key
from mandates.core.charging.refunds import Refund, RefundStatus, left_to_refund, refunds
from mandates.core.clock import Instant
from mandates.core.errors import MandatesError, RefundRefused
from mandates.core.ledger import first_broken
from mandates.privacy.erasure import ChargesOpen, erase
from mandates.privacy.holdings import holdings
from mandates.store import charging_switch
from mandates.store.charges import open_charges, read_charge_ledger
from tests.component.advancing import DAY, HOUR, MINUTE, Crash, Till, crash, till_of
from tests.component.charging import told
from tests.component.world import CUSTOMER, OWNER_MARK, Answer, World, customer, metrics, stripes_clock

PENDING, SUCCEEDED, FAILED = RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED
REFUND = {"method": "POST", "endpoint": "POST /v1/refunds"}
DOWN = {"effect": "server_error", "status": 503}


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def charged(till: Till, amount: int = 100) -> str:
    """The id of a charge that took that much."""
    charge_id = till.reserve(amount)
    assert till.advance(charge_id).status is ChargeStatus.SUCCEEDED
    return charge_id


def script(till: Till, *outcomes: dict[str, Any]) -> None:
    till.world.stripe.core.set_refunds(RefundPlan.parse({"refunds": list(outcomes)}))


def ordered(till: Till, charge_id: str, amount: int | None = None, key: str = "refund-1") -> Ordered:
    order = RefundOrder(key, amount, "requested_by_customer", "the-back-end")
    return order_refund(till.read(charge_id), order, stripes_clock)


def follow(till: Till, charge_id: str) -> Charge:
    return follow_refunds(till.read(charge_id), till.gateway, stripes_clock, OWNER_MARK).charge


def requested(till: Till, charge_id: str, amount: int | None = None, key: str = "refund-1") -> Refund:
    """The refund after the request, as far as it got."""
    ordered(till, charge_id, amount, key)
    with suppress(MandatesError):
        follow(till, charge_id)
    return refund_of(till.read(charge_id), key)


def refund_of(charge: Charge, key: str = "refund-1") -> Refund:
    wanted = refund_id(charge.charge_id, key)
    (found,) = [refund for refund in refunds(charge.facts) if refund.refund_id == wanted]
    return found


def to_their_end(till: Till, charge_id: str, looks: int = 40) -> Charge:
    """Advanced whenever it is due, and at most once an hour, until no refund is pending."""
    for _ in range(looks):
        charge = till.read(charge_id)
        if charge.due_at is None:
            return charge
        with suppress(MandatesError):
            till.after(max(HOUR, charge.due_at - stripes_clock() + 1), charge_id)
    raise AssertionError("still pending")


def at_stripe(till: Till) -> list[Any]:
    return list(till.world.stripe.core.all("refund"))


def sent(till: Till) -> list[Any]:
    core = till.world.stripe.core
    return [one for one in core.requests() if (one.method, one.path) == ("POST", "/v1/refunds")]


def looks(till: Till) -> int:
    core = till.world.stripe.core
    return sum(1 for one in core.requests() if (one.method, one.path) == ("GET", "/v1/refunds"))


# ------------------------------------------------------------------------------- the usual way


def test_a_refund_is_held_back_sent_and_followed(till: Till) -> None:
    charge_id = charged(till, 1_000)
    made = till.world.refund(charge_id, amount=400, reason="duplicate")
    assert (made.status, made.body["status"], made.body["amount"]) == (201, "pending", 400)
    (refund,) = at_stripe(till)
    assert made.body["stripe_refund_id"] == refund["id"]
    assert (refund["amount"], refund["reason"]) == (400, "duplicate")
    assert refund["metadata"] == {
        "managed_by": OWNER_MARK,
        "mandate_id": till.mandate_id,
        "charge_id": charge_id,
        "refund_id": refund_id(charge_id, "refund-1"),
    }
    assert [one.idempotency_key for one in sent(till)] == [refund_key(made.body["refund_id"])]
    assert open_charges(till.mandate_id) == [charge_id]

    charge = to_their_end(till, charge_id)
    entries = read_charge_ledger(charge_id)
    assert first_broken(entries, length=charge.entries, head_hash=charge.head_hash) is None
    assert open_charges(till.mandate_id) == []
    assert (refund_of(charge).status, refund_of(charge).actor) == (SUCCEEDED, "the-back-end")
    assert till.used == 1_000  # a refund gives no room back

    rest = till.world.refund(charge_id, "refund-2")
    assert rest.body["amount"] == 600
    listed = till.world.list_refunds(charge_id).body["refunds"]
    assert {one["amount"]: one["status"] for one in listed} == {600: "pending", 400: "succeeded"}
    seen = till.world.get_charge(charge_id).body
    assert (seen["status"], seen["refunded"], seen["refundable"]) == ("succeeded", 1_000, 0)
    assert (len(at_stripe(till)), len(sent(till))) == (2, 2)


def test_a_customer_sees_how_their_refund_stands_and_not_stripes_words(till: Till) -> None:
    charge_id = charged(till)
    seen = till.world.refund(charge_id, reason="fraudulent").body
    own = till.world.list_refunds(charge_id, customer()).body["refunds"]
    only_for_services = {"actor", "stripe_refund_id", "failure"}
    assert own == [{name: value for name, value in seen.items() if name not in only_for_services}]


def test_the_key_is_one_refund_for_as_long_as_the_charge_is_kept(till: Till) -> None:
    charge_id = charged(till)
    first = till.world.refund(charge_id, amount=60).body
    to_their_end(till, charge_id)
    till.world.advance_stripe(89 * DAY)
    again = till.world.refund(charge_id, amount=60)
    assert (again.status, again.body["refund_id"], again.body["status"]) == (
        200,
        first["refund_id"],
        "succeeded",
    )
    till.world.advance_stripe(91 * DAY)
    order = RefundOrder("refund-1", 60, "", "another-client")
    late = order_refund(till.read(charge_id), order, stripes_clock)
    assert (late.created, late.refund.refund_id) == (False, first["refund_id"])
    for other in ({}, {"amount": 61}, {"amount": 60, "reason": "duplicate"}):
        reused = till.world.refund(charge_id, body=other)
        assert (reused.status, reused.body["code"]) == (422, "idempotency_key_reused")
    assert len(at_stripe(till)) == len(sent(till)) == 1


def test_twenty_refunds_of_60_from_100_at_once_are_one(till: Till) -> None:
    """juspay/hyperswitch#13182: two refunds of 60 went out for a payment of 100, since each read what was
    left before the other was written."""
    charge_id = charged(till)
    till.world.function("create_refund")

    def one(number: int) -> Answer:
        while (answer := till.world.refund(charge_id, f"refund-{number}", amount=60)).status in {429, 503}:
            pass
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(20)))
    refused = [answer.body for answer in answers if answer.status == 409]
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    assert {(*body["reasons"], body["left"], body["currency"]) for body in refused} == {
        ("more_than_left", 40, "usd")
    }
    assert [refund["amount"] for refund in at_stripe(till)] == [60]


# ------------------------------------------------------------------ crashes, silence and repeats


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(4))
def test_a_crash_between_any_two_steps_leads_to_one_refund(till: Till, at: int, done: bool) -> None:
    """Recorded, listed, sent, recorded: and whoever asked asks again."""
    charge_id = charged(till)
    with crash(till, at, done=done) as ended, suppress(Crash):
        ordered(till, charge_id)
        follow(till, charge_id)
    assert ended
    ordered(till, charge_id)
    charge = to_their_end(till, charge_id)
    assert [refund.status for refund in refunds(charge.facts)] == [SUCCEEDED]
    assert [refund["amount"] for refund in at_stripe(till)] == [100]


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "timeout_after_effect", **REFUND},
        {"effect": "timeout_before_effect", **REFUND},
        {"effect": "rate_limit", **REFUND},
        DOWN,
    ],
)
def test_what_stripe_did_not_answer_is_listed_and_sent_under_the_same_key(till: Till, fault: Any) -> None:
    charge_id = charged(till)
    till.world.faults(fault)
    waiting = till.world.refund(charge_id)
    assert (waiting.status, waiting.body["status"], waiting.body["stripe_refund_id"]) == (
        201,
        "pending",
        None,
    )
    assert till.world.refund(charge_id, "refund-2", amount=1).body["reasons"] == ["nothing_left"]
    till.world.faults()
    charge = to_their_end(till, charge_id)
    assert (refund_of(charge).status, len(at_stripe(till))) == (SUCCEEDED, 1)
    assert len({one.idempotency_key for one in sent(till)}) == 1


def test_a_500_that_stripe_replays_is_listed(till: Till) -> None:
    charge_id = charged(till)
    script(till, {"outcome": "succeeded", "answer": "server_error"})
    assert requested(till, charge_id).stripe_refund_id is None
    assert refund_of(till.advance(charge_id)).stripe_refund_id == at_stripe(till)[0]["id"]
    assert (len(sent(till)), looks(till)) == (1, 2)


@pytest.mark.parametrize("outcome", [{"outcome": "nothing", "answer": "server_error"}, DOWN | REFUND])
def test_what_stripe_does_not_have_after_23_hours_has_failed(till: Till, outcome: Any) -> None:
    charge_id = charged(till)
    if "outcome" in outcome:
        script(till, outcome)
    else:
        till.world.faults(outcome)
    asked_at = requested(till, charge_id).requested_at
    charge = to_their_end(till, charge_id)
    assert (refund_of(charge).status, refund_of(charge).failure) == (FAILED, "not_answered")
    assert left_to_refund(charge.facts) == 100
    assert stripes_clock() >= asked_at + 23 * HOUR
    tried = len(sent(till))
    assert tried > 2
    till.world.faults()
    script(till)
    assert requested(till, charge_id, key="refund-2").status is PENDING
    assert len(at_stripe(till)) == 1


def test_a_refund_from_before_a_restore_is_adopted(till: Till) -> None:
    """Nothing is known of it here, and Stripe has forgotten its idempotency key."""
    charge_id = charged(till)
    till.world.stripe_client().v1.refunds.create(
        {
            "payment_intent": till.intent(charge_id)["id"],
            "amount": 60,
            "metadata": {"refund_id": refund_id(charge_id, "refund-1")},
        }
    )
    till.world.advance_stripe(2 * DAY)
    made = till.world.refund(charge_id, amount=60).body
    assert (made["status"], made["stripe_refund_id"]) == ("succeeded", at_stripe(till)[0]["id"])
    assert (len(at_stripe(till)), len(sent(till))) == (1, 1)


def test_refunds_from_the_dashboard_count_and_one_that_cannot_be_sent_holds_up_no_other(till: Till) -> None:
    charge_id = charged(till)
    till.world.faults({**DOWN, **REFUND, "times": 5})
    first = requested(till, charge_id, 30, "refund-1")
    till.world.stripe.core.refund(till.intent(charge_id)["id"], 20)
    second = requested(till, charge_id, 50, "refund-2")
    assert (first.status, second.status) == (PENDING, PENDING)
    charge = to_their_end(till, charge_id)
    assert sorted((refund.amount, refund.actor) for refund in refunds(charge.facts)) == [
        (20, ""),
        (30, "the-back-end"),
        (50, "the-back-end"),
    ]
    assert {refund.status for refund in refunds(charge.facts)} == {SUCCEEDED}
    assert left_to_refund(charge.facts) == 0


# ----------------------------------------------------------------------------- refusals, failures


def test_a_refund_that_fails_gives_its_amount_back(till: Till) -> None:
    charge_id = charged(till)
    script(till, {"outcome": "failed", "reason": "expired_or_canceled_card", "seconds": 60, "times": 1})
    assert requested(till, charge_id, 60).status is PENDING
    assert till.world.refund(charge_id, "refund-2", amount=60).status == 409
    charge = to_their_end(till, charge_id)
    assert (refund_of(charge).status, refund_of(charge).failure) == (FAILED, "expired_or_canceled_card")
    assert till.world.refund(charge_id, "refund-1", amount=60, reason="requested_by_customer").status == 200
    assert till.world.refund(charge_id, "refund-2").body["amount"] == 100


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ({"code": "charge_disputed"}, "charge_disputed"),
        ({"code": "charge_already_refunded"}, "charge_already_refunded"),
        ({"param": "amount"}, "amount"),
    ],
)
def test_what_stripe_refuses_for_good_has_failed(till: Till, said: Any, failure: str) -> None:
    charge_id = charged(till)
    script(till, {"outcome": "refused", "status": 400, **said, "times": 1})
    refund = requested(till, charge_id)
    assert (refund.status, refund.failure) == (FAILED, failure)
    charge = till.read(charge_id)
    assert (charge.due_at, left_to_refund(charge.facts), at_stripe(till)) == (None, 100, [])


def test_what_is_ours_to_mend_waits_until_it_is_mended(till: Till) -> None:
    charge_id = charged(till)
    till.world.faults({"effect": "forbidden", **REFUND})
    counted = metrics(lambda: till.world.refund(charge_id))
    assert counted["RefundsOursToMend"] == [1]
    pauses = []
    for _ in range(3):
        due = till.read(charge_id).due_at
        assert due
        pauses.append(due - stripes_clock())
        till.when_due(charge_id)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * MINUTE
    till.world.faults()
    assert refund_of(to_their_end(till, charge_id)).status is SUCCEEDED


def test_what_stripe_refuses_under_the_key_until_it_is_too_old_has_failed(till: Till) -> None:
    charge_id = charged(till)
    script(till, {"outcome": "refused", "status": 404, "code": "resource_missing", "times": 1})
    refund = requested(till, charge_id)
    assert (refund.status, refund.failure) == (PENDING, "")
    charge = to_their_end(till, charge_id)
    assert (refund_of(charge).failure, left_to_refund(charge.facts), at_stripe(till)) == (
        "not_answered",
        100,
        [],
    )


# ------------------------------------------------------------------------------- what is permitted


def test_what_is_refused_and_why(till: Till) -> None:
    pending = till.reserve()
    assert till.world.refund(pending).body["reasons"] == ["not_succeeded"]
    charge_id = charged(till)
    assert till.world.refund(charge_id, amount=101).body["reasons"] == ["more_than_left"]
    opened = charge_fact(
        ChargeKind.DISPUTE_OPENED,
        int(stripes_clock()),
        "evt_dispute",
        about="du_1",
        dispute="du_1",
        amount="100",
        currency="usd",
        status="needs_response",
    )
    told(till.read(charge_id), opened)
    assert till.world.refund(charge_id).body["reasons"] == ["disputed"]
    (dispute,) = till.world.get_charge(charge_id).body["disputes"]
    assert (dispute["dispute_id"], dispute["status"], dispute["open"]) == ("du_1", "needs_response", True)
    assert "disputes" not in till.world.get_charge(charge_id, customer()).body
    till.world.advance_stripe(91 * DAY)
    with pytest.raises(RefundRefused) as refused:
        ordered(till, charge_id)
    assert refused.value.extra == {"reasons": ["too_late", "disputed"], "left": 100, "currency": "usd"}
    assert at_stripe(till) == []


def test_an_erasure_waits_for_refunds_and_stops_none_that_come_later(till: Till) -> None:
    charge_id = charged(till)
    first = ordered(till, charge_id, 60)
    held = holdings(CUSTOMER)
    years_later = stripes_clock() + 900 * DAY
    erased = partial(
        erase, override=None, clock=lambda: years_later, random_bytes=os.urandom, say=lambda _: None
    )
    with pytest.raises(ChargesOpen):
        erased(held)
    to_their_end(till, charge_id)
    assert erased(held) == []
    assert till.world.refund(charge_id, "refund-1", amount=60, reason="requested_by_customer").status == 200
    after = till.world.refund(charge_id, "refund-2")
    assert (after.status, after.body["amount"], after.body["status"]) == (201, 40, "pending")
    charge = to_their_end(till, charge_id)
    assert refund_of(charge, "refund-2").status is SUCCEEDED
    assert first.refund.refund_id in {refund.refund_id for refund in refunds(charge.facts)}


def test_a_withdrawal_and_a_pause_stop_no_refund(till: Till) -> None:
    charge_id = charged(till)
    charging_switch.pause("ann", "", Instant(0))
    assert till.world.revoke(till.mandate_id).status == 200
    assert till.world.release(till.mandate_id) == []
    assert till.world.refund(charge_id).status == 201
    assert refund_of(to_their_end(till, charge_id)).status is SUCCEEDED
