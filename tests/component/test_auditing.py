"""The audit against the simulator's books: what it keeps, names, mends, and where it goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from mandates.charges import auditing
from mandates.charges.auditing import Audited, Auditor
from mandates.charges.auditing_suspects import Examiner
from mandates.core.charging.audit import Suspect
from mandates.core.charging.books import Page, Payout
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.differences import DifferenceKind
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.facts import ChargeKind
from mandates.core.charging.refunds import RefundStatus, refunds
from mandates.gateway.disputes import StripeDisputes
from mandates.gateway.payment_intents import create_params
from mandates.gateway.payouts import StripePayouts
from mandates.store.charge_items import ChargeRow
from mandates.store.charge_rows import charge_key
from mandates.store.differences import differences_of, open_differences
from mandates.store.dynamodb import read_row, update
from mandates.store.event_cursors import read_positions
from mandates.store.movements import movements_of
from tests.component.advancing import DAY, HOUR, Till, till_of
from tests.component.world import OWNER_MARK, World, stripes_clock

SOFT = {"outcome": "declined", "decline_code": "generic_decline", "advice_code": "try_again_later"}


@pytest.fixture
def till(world: World) -> Till:
    """One whose audit has run before: its cursors stand at yesterday."""
    till = till_of(world)
    assert audit(till).is_complete
    return till


def audit(till: Till, **how: Any) -> Audited:
    how = {"time_left": lambda: 900.0, "livemode": False, **how}
    return Auditor(till.gateway, owner_mark=OWNER_MARK, clock=stripes_clock, **how).run()


def charged(till: Till, **changes: Any) -> str:
    charge_id = till.reserve(**changes)
    assert till.advance(charge_id).status is ChargeStatus.SUCCEEDED
    return charge_id


def intent_of(till: Till, charge_id: str) -> str:
    return str(till.intent(charge_id)["id"])


def later(till: Till, days: float = 3) -> Audited:
    till.world.advance_stripe(days * DAY)
    return audit(till)


def standing() -> dict[str, set[DifferenceKind]]:
    found: dict[str, set[DifferenceKind]] = {}
    for one in open_differences():
        found.setdefault(one.difference.charge_id, set()).add(one.difference.kind)
    return found


def test_what_agrees_is_kept_and_nothing_is_named(till: Till) -> None:
    paid, refunded = charged(till), charged(till, amount=700)
    till.script({"outcome": "declined", "code": "payment_method_currency_mismatch"})
    ended = till.to_its_end(till.reserve(amount=300))
    core = till.world.stripe.core
    core.refund(intent_of(till, refunded), 200)
    till.world.run_webhooks()
    audited = later(till)
    assert (audited.stopped, audited.error, audited.standing, audited.recovered) == ({}, None, 0, 0)
    (movement,) = movements_of(paid)
    assert movement.amount == 1_000
    assert movement.net == movement.amount - movement.fee
    assert movement.payout is None
    assert sorted(one.amount for one in movements_of(refunded)) == [-200, 700]
    assert movements_of(ended.charge_id) == []
    asked = len(core.requests())
    assert audit(till).ours == 0  # what was read is not read again
    assert len(core.requests()) - asked <= 10


def test_a_payout_is_set_on_what_it_paid(till: Till) -> None:
    paid = charged(till)
    till.world.advance_stripe(8 * DAY)  # until the money is available
    assert audit(till).is_complete
    payout = till.world.stripe.core.pay_out(movements_of(paid)[0].net)
    audited = later(till)
    assert audited.stopped == {}
    (movement,) = movements_of(paid)
    automatic = till.world.stripe.core.find("payout", payout)["automatic"]
    assert movement.payout == (payout if automatic else None)


def test_a_payout_that_stripe_has_not_completed_is_no_lag(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can do anything about it, so no alarm may go off."""
    charged(till)
    till.world.advance_stripe(8 * DAY)
    assert audit(till).is_complete
    made = int(stripes_clock()) - HOUR
    waits = Payout(
        "po_1",
        "paid",
        automatic=True,
        reconciled=False,
        created=made,
        arrival_date=made,
        amount=1,
        currency="usd",
    )
    monkeypatch.setattr(StripePayouts, "page", lambda *_: Page([waits], False))
    till.world.advance_stripe(DAY)
    audited = audit(till)
    assert (list(audited.stopped), audited.lag_seconds) == (["audit-payouts"], 0)
    till.world.advance_stripe(6 * DAY)
    assert audit(till).is_complete


def test_what_was_altered_at_stripe_is_named_until_it_is_put_right(till: Till) -> None:
    amount, twice, unaltered = charged(till), charged(till), charged(till)
    core = till.world.stripe.core
    core.change(intent_of(till, amount), amount_received=999)
    core.double(intent_of(till, twice))
    audited = later(till)
    assert standing() == {amount: {DifferenceKind.AMOUNT}, twice: {DifferenceKind.DOUBLED_AT_STRIPE}}
    assert (audited.standing, audited.new) == (2, 2)
    assert later(till, 1).new == 0
    core.change(intent_of(till, amount), amount_received=1_000)
    audited = later(till, 1)
    assert (audited.standing, audited.resolved) == (1, 1)
    assert differences_of(amount)[0].resolved_at
    assert differences_of(unaltered) == []


def altered(charge_id: str, change: Callable[[dict[str, Any]], object]) -> None:
    row = read_row(ChargeRow, *charge_key(charge_id))
    assert row
    facts = dict(row.facts)
    change(facts)
    update(ChargeRow, charge_key(charge_id), [ChargeRow.facts.set(facts)])


def test_what_was_altered_here_is_named(till: Till) -> None:
    amount, status, gone = charged(till), charged(till), charged(till)
    altered(amount, lambda facts: facts[ChargeKind.RESERVED]["detail"].update(amount="1001"))
    altered(status, lambda facts: facts.pop(f"{ChargeKind.ATTEMPT_SUCCEEDED}#1"))
    till.world.stripe.core.erase(intent_of(till, gone))
    audited = later(till)
    assert audited.followed_up == 1  # Stripe took the money: it is recorded again
    assert till.read(status).status is ChargeStatus.SUCCEEDED
    assert standing() == {amount: {DifferenceKind.AMOUNT}, gone: {DifferenceKind.MISSING_AT_STRIPE}}


def test_a_charge_that_cannot_be_read_is_named_and_keeps_its_intent(till: Till) -> None:
    till.script(SOFT)
    charge_id = till.reserve()
    assert till.advance(charge_id).status is ChargeStatus.RETRYING
    intent = intent_of(till, charge_id)
    altered(charge_id, lambda facts: facts[ChargeKind.RESERVED].update(at="yesterday"))
    audited = later(till)
    assert (set(audited.failed), audited.canceled, standing()) == ({charge_id}, 0, {})
    assert isinstance(audited.error, ValueError)
    assert till.world.stripe.core.find("payment_intent", intent)["status"] == "requires_payment_method"


def test_what_only_stripe_knows_is_recorded_and_named_as_recovered(till: Till) -> None:
    refunded, disputed = charged(till), charged(till)
    core = till.world.stripe.core
    core.refund(intent_of(till, refunded), 400)
    core.dispute(intent_of(till, disputed))
    audited = later(till)  # no webhook ever came
    assert (audited.recovered, audited.standing) == (2, 0)
    (refund,) = refunds(till.read(refunded).facts)
    assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, 400)
    assert open_disputes(till.read(disputed).facts)
    (named,) = differences_of(refunded)
    assert (named.difference.kind, bool(named.resolved_at)) == (DifferenceKind.REFUND_MISSING_HERE, True)
    assert later(till, 1).recovered == 0


def test_an_orphaned_intent_is_cancelled(till: Till) -> None:
    charge_id = charged(till)
    params = create_params(
        charge_id=charge_id,
        mandate_id=till.mandate_id,
        owner_mark=OWNER_MARK,
        stripe_customer_id=till.intent(charge_id)["customer"],
        amount=1_000,
        currency="usd",
        reference="order",
        description="Coffee",
        statement_descriptor=None,
    )
    orphan = till.gateway.payment_intents.create(params, idempotency_key="an orphan")
    assert later(till).canceled == 1
    assert till.world.stripe.core.find("payment_intent", orphan.payment_intent_id)["status"] == "canceled"
    assert standing() == {}


def test_an_intent_of_another_customer_is_left_alone(till: Till) -> None:
    core = till.world.stripe.core
    copied = core.double(intent_of(till, charged(till)), succeeded=False)
    core.change(copied, customer="cus_another")
    assert later(till).canceled == 0
    assert core.find("payment_intent", copied)["status"] == "requires_payment_method"


def test_an_open_charge_that_stripe_has_decided_is_followed_up_within_a_day(till: Till) -> None:
    till.script(SOFT)
    charge_id = till.reserve()
    assert till.advance(charge_id).status is ChargeStatus.RETRYING
    till.world.stripe.core.cancel_payment(intent_of(till, charge_id))
    followed_up = sum(later(till, 1 / 24).followed_up for _ in range(24))
    assert followed_up == 1
    assert till.read(charge_id).status is ChargeStatus.CANCELED


def test_a_run_that_is_stopped_goes_on_where_it_was(till: Till) -> None:
    paid = [charged(till) for _ in range(3)]
    till.world.advance_stripe(3 * DAY)
    first = audit(till, time_left=lambda: 30.0)
    assert set(first.stopped.values()) == {"time"}
    assert first.lag_seconds
    assert first.lag_seconds > 2 * DAY
    assert not movements_of(paid[0])
    assert audit(till).lag_seconds == 0
    assert all(movements_of(one) for one in paid)


def test_a_slice_with_too_many_is_read_in_shorter_ones(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MOST_PER_SLICE", 2)
    paid = []
    for _ in range(4):
        paid.append(charged(till))
        till.world.advance_stripe(60)
    audited = later(till)
    assert audited.is_complete
    assert all(movements_of(one) for one in paid)


def test_a_key_of_the_other_mode_is_refused_and_no_cursor_moves(till: Till) -> None:
    before = read_positions(["audit-movements", "audit-intents"])
    till.world.advance_stripe(2 * HOUR)
    audited = audit(till, livemode=True)
    assert isinstance(audited.error, auditing.WrongMode)
    assert read_positions(["audit-movements", "audit-intents"]) == before


def test_from_a_time_of_its_own_it_reads_up_to_now_and_moves_no_cursor(till: Till) -> None:
    before = read_positions(["audit-movements"])
    paid = charged(till)
    till.world.advance_stripe(HOUR)
    said: list[str] = []
    audited = audit(till, since=int(stripes_clock()) - 2 * HOUR, say=said.append)
    assert (audited.is_complete, audited.lag_seconds, audited.standing) == (True, None, 0)
    assert movements_of(paid)
    assert said
    assert read_positions(["audit-movements"]) == before


def test_what_stripe_tells_while_it_is_read_is_newer_than_what_was_read(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a dispute that is decided in that second stays open here for ever."""
    charge_id = charged(till)
    core = till.world.stripe.core
    dispute = core.dispute(intent_of(till, charge_id))
    till.world.run_webhooks()
    core.move_dispute(dispute, "under_review")  # and no webhook comes
    listed = StripeDisputes.of_intent

    def decided_meanwhile(self: StripeDisputes, intent_id: str) -> Any:
        found = listed(self, intent_id)
        till.world.advance_stripe(2)
        core.move_dispute(dispute, "lost")
        till.world.run_webhooks()
        till.world.advance_stripe(2)
        return found

    monkeypatch.setattr(StripeDisputes, "of_intent", decided_meanwhile)
    Examiner(till.gateway, stripes_clock).examine(Suspect(charge_id))
    assert open_disputes(till.read(charge_id).facts) == frozenset()
