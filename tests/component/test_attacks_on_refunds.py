"""Attacks on refunds, disputes and the audit: at the worst moment, or with what somebody edited at Stripe."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local.stripe_simulator import FaultPlan
from mandates.charges.auditing import Auditor
from mandates.charges.refund_orders import RefundOrder, order_refund
from mandates.charges.refunding import follow_refunds
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.refunds import RefundReason, RefundStatus, left_to_refund, refunds
from mandates.core.errors import ChargeRefused, MandatesError, RefundRefused
from mandates.store.charges import read_register
from mandates.store.differences import open_differences
from mandates.store.movements import movements_of
from tests.component.advancing import DAY, HOUR, Till, till_of
from tests.component.world import OWNER_MARK, World, stripes_clock


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def charged(till: Till, amount: int = 100, **changes: Any) -> str:
    charge_id = till.reserve(amount, **changes)
    assert till.advance(charge_id).status is ChargeStatus.SUCCEEDED
    return charge_id


def ordered(till: Till, charge_id: str, amount: int | None, key: str = "refund-1") -> None:
    order_refund(till.read(charge_id), RefundOrder(key, amount, "", "the-back-end"), stripes_clock)


def follow(till: Till, charge_id: str) -> None:
    with suppress(MandatesError):
        follow_refunds(till.read(charge_id), till.gateway, stripes_clock, OWNER_MARK)


def audit(till: Till, since: float | None = None) -> Any:
    return Auditor(
        till.gateway,
        livemode=False,
        owner_mark=OWNER_MARK,
        clock=stripes_clock,
        time_left=lambda: 900.0,
        since=None if since is None else int(since),
    ).run()


def once(action: Callable[[], object]) -> Callable[[], None]:
    left = [action]

    def act() -> None:
        if left:
            left.pop()()

    return act


def at(till: Till, when: str, method: str, path_ends: str, action: Callable[[], object]) -> None:
    """Does it once, before or after Stripe has the first such request."""
    act = once(action)

    def reached(asked: str, url: str) -> None:
        if asked.upper() == method and url.partition("?")[0].endswith(path_ends):
            act()

    setattr(till.http, when, reached)


def test_an_audit_while_a_charge_is_made_cancels_nothing_and_names_nothing(till: Till) -> None:
    started = stripes_clock() - HOUR
    charge_id = till.reserve(100)
    at(till, "after", "POST", "/payment_intents", lambda: audit(till, started))
    assert till.advance(charge_id).status is ChargeStatus.SUCCEEDED
    assert list(open_differences()) == []
    other = till.reserve(100)
    at(till, "after", "POST", "/confirm", lambda: audit(till, started))
    assert till.advance(other).status is ChargeStatus.SUCCEEDED
    assert list(open_differences()) == []


def test_an_audit_while_refunds_are_made_names_nothing(till: Till) -> None:
    started = stripes_clock() - HOUR
    charge_id = charged(till)
    for number, when in enumerate(("before", "after")):
        ordered(till, charge_id, 30, f"refund-{number}")
        at(till, when, "POST", "/refunds", lambda: audit(till, started))
        follow(till, charge_id)
        assert list(open_differences()) == []
    till.world.advance_stripe(DAY)
    follow(till, charge_id)
    audit(till, started)
    assert list(open_differences()) == []


def test_list_lag_and_a_lost_answer_make_one_refund(till: Till) -> None:
    charge_id = charged(till)
    lost = {"effect": "timeout_after_effect", "method": "POST", "endpoint": "POST /v1/refunds", "times": 2}
    till.world.stripe.core.set_faults(FaultPlan.parse({"api": [lost], "list_lag": 300}))
    ordered(till, charge_id, 60)
    for _ in range(4):
        follow(till, charge_id)
    assert [one["amount"] for one in till.world.stripe.core.all("refund")] == [60]
    (refund,) = refunds(till.read(charge_id).facts)
    assert refund.stripe_refund_id


def test_a_dispute_that_opens_while_a_refund_is_sent(till: Till) -> None:
    charge_id = charged(till)
    ordered(till, charge_id, 60)
    intent = till.intent(charge_id)["id"]
    at(till, "before", "POST", "/refunds", lambda: till.world.stripe.core.dispute(intent))
    follow(till, charge_id)
    till.world.run_webhooks()
    charge = till.read(charge_id)
    (refund,) = refunds(charge.facts)
    assert refund.status is RefundStatus.FAILED
    assert read_register(till.mandate_id).disputes == open_disputes(charge.facts) != frozenset()
    with pytest.raises(RefundRefused) as refused:
        ordered(till, charge_id, 60, "refund-2")
    assert RefundReason.DISPUTED in str(refused.value)
    with pytest.raises(ChargeRefused):
        till.reserve(100)


def test_a_dashboard_refund_that_names_another_charge_is_its_own_charges(till: Till) -> None:
    mine, other = charged(till), charged(till)
    till.world.stripe_client().v1.refunds.create(
        {
            "payment_intent": till.intent(mine)["id"],
            "amount": 60,
            "metadata": {"managed_by": OWNER_MARK, "mandate_id": till.mandate_id, "charge_id": other},
        }
    )
    till.world.run_webhooks()
    till.world.advance_stripe(3 * DAY)
    audit(till, stripes_clock() - 4 * DAY)
    assert left_to_refund(till.read(mine).facts) == 40
    assert left_to_refund(till.read(other).facts) == 100
    assert sorted(one.amount for one in movements_of(other)) == [100]


def test_two_audits_at_once_say_what_one_says(till: Till) -> None:
    charge_id = charged(till)
    till.world.stripe.core.change(till.intent(charge_id)["id"], amount_received=99)
    at(till, "after", "GET", "/balance_transactions", lambda: audit(till, stripes_clock() - DAY))
    first = audit(till, stripes_clock() - DAY)
    assert first.error is None
    assert len(list(open_differences())) == 1


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_the_registers_disputes_are_those_of_the_facts(till: Till, order: tuple[int, ...]) -> None:
    charge_id = charged(till)
    core = till.world.stripe.core
    dispute = core.dispute(till.intent(charge_id)["id"])
    till.world.advance_stripe(DAY)
    core.move_dispute(dispute, "under_review")
    till.world.advance_stripe(DAY)
    core.move_dispute(dispute, "lost")
    events = till.world.events("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed")
    assert len(events) == 3
    for place in order:
        till.world.deliver(events[place])
        till.world.process(till.world.queued())
        assert read_register(till.mandate_id).disputes == open_disputes(till.read(charge_id).facts)
    assert read_register(till.mandate_id).disputes == frozenset()
    assert left_to_refund(till.read(charge_id).facts) == 0
