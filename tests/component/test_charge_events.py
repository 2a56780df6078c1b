"""Stripe's events about a charge are recorded once, in any order; what can't be about it is kept aside."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from local.stripe_simulator import PaymentPlan
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import attempt_key, charge_id, create_key
from mandates.core.charging.reports import PaymentError, facts_of_refusal
from mandates.core.ledger import first_broken
from mandates.gateway.payment_intents import (
    PaymentRefused,
    StripePaymentIntents,
    confirm_params,
    create_params,
)
from mandates.revocation.revoking import revoke
from mandates.store.charge_items import UsageRow
from mandates.store.charges import read_charge, read_charge_ledger
from mandates.store.dynamodb import StoreError, read_row
from mandates.store.events import Seen, seen
from tests.component.charging import (
    CANCELED,
    FAILED,
    NEEDS_ACTION,
    PERIOD,
    PROCESSING,
    SUCCEEDED,
    active_mandate,
    begun,
    charge_event,
    head_of,
    reserved,
    told,
    with_intent,
)
from tests.component.test_metrics import sent
from tests.component.world import OWNER_MARK, World, sqs_event
from tests.unit.charging import A_MONTH, NOW, terms

LIMITED = terms(per_period=A_MONTH)


def created(key: str = "key-1") -> Charge:
    """A charge with an intent, and no attempt yet."""
    return with_intent(reserved(active_mandate(LIMITED), NOW, key).charge)


@pytest.fixture
def charge(world: World) -> Charge:
    return begun(created(), 1)


def now(charge: Charge) -> Charge:
    found = read_charge(charge.charge_id)
    assert found is not None
    entries = read_charge_ledger(charge.charge_id)
    assert first_broken(entries, length=found.entries, head_hash=found.head_hash) is None
    return found


def entries_of(charge: Charge, event: dict[str, Any]) -> list[ChargeEntry]:
    return [entry for entry in read_charge_ledger(charge.charge_id) if entry.source == event["id"]]


def the_record(event: dict[str, Any]) -> Seen:
    (found,) = seen(event["id"])
    return found


def used(charge: Charge) -> int:
    row = read_row(UsageRow, charge.mandate_id, f"period#{PERIOD}")
    return int(row.used) if row else 0


# ------------------------------------------------------------------------------------------ applied


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (SUCCEEDED, "succeeded"),
        (FAILED, "retrying"),
        (PROCESSING, "processing"),
        (NEEDS_ACTION, "needs_customer"),
        (CANCELED, "canceled"),
    ],
)
def test_each_event_is_a_fact_of_its_charge(world: World, charge: Charge, kind: str, status: str) -> None:
    told_by_stripe = charge_event(charge, kind)
    assert world.process([told_by_stripe]) == []
    after = now(charge)
    assert after.status == status
    (entry,) = entries_of(charge, told_by_stripe)
    assert entry.status == status
    applied = the_record(told_by_stripe)
    assert (applied.outcome, applied.mandate_id) == ("applied", charge.mandate_id)
    assert (after.due_at is None) == after.is_final
    assert used(charge) == (0 if status == "canceled" else 1_000)


def test_events_in_any_order_and_twice_come_to_the_same(world: World) -> None:
    ends = []
    for number, order in enumerate(itertools.permutations(range(3))):
        charge = reserved(active_mandate(LIMITED), NOW, f"key-{number}").charge
        intent = f"pi_{number}"
        with_intent(charge, intent)
        begun(charge, 1)
        begun(charge, 2)
        events = [
            charge_event(charge, FAILED, id=intent),
            charge_event(charge, PROCESSING, attempt=2, id=intent),
            charge_event(charge, SUCCEEDED, attempt=2, id=intent),
        ]
        assert world.process(*[[events[place]] for place in order], events) == []
        after = now(charge)
        assert all(len(entries_of(charge, one)) == 1 for one in events)
        ends.append((after.status, after.due_at, sorted(after.facts), used(charge)))
    assert all(end == ends[0] for end in ends)
    assert ends[0][0] == "succeeded"


def test_one_event_in_many_workers_at_once_leaves_one_entry(world: World, charge: Charge) -> None:
    succeeded = charge_event(charge, SUCCEEDED)
    workers = [world.fresh("process_webhook") for _ in range(8)]
    with ThreadPoolExecutor(len(workers)) as pool:
        results = list(pool.map(lambda worker: worker.handler(sqs_event([succeeded]), None), workers))
    assert results == [{"batchItemFailures": []}] * len(workers)
    assert len(entries_of(charge, succeeded)) == 1
    assert now(charge).status is ChargeStatus.SUCCEEDED
    assert used(charge) == 1_000


def test_an_event_after_our_own_answer_says_the_same(world: World, charge: Charge) -> None:
    answer = PaymentError("402", "payment_method_provider_decline", "generic_decline", "try_again_later")
    before = told(charge, *facts_of_refusal(1, answer, NOW + 9, "api:create_charge"))
    assert world.process([charge_event(charge, FAILED)]) == []
    after = now(charge)
    assert (after.status, after.facts, after.due_at) == (before.status, before.facts, before.due_at)


def test_an_event_that_adds_nothing_leaves_its_record_and_no_entry(world: World, charge: Charge) -> None:
    first, second = charge_event(charge, SUCCEEDED), charge_event(charge, SUCCEEDED)
    assert world.process([first]) == []
    before = now(charge)
    assert world.process([second], [second]) == []
    assert now(charge) == before
    assert entries_of(charge, second) == []
    record = the_record(second)
    assert (record.outcome, record.mandate_id, record.type) == ("applied", charge.mandate_id, SUCCEEDED)


def test_a_late_failure_of_an_earlier_attempt_changes_nothing(world: World, charge: Charge) -> None:
    begun(charge, 2)
    assert world.process([charge_event(charge, PROCESSING, attempt=2)]) == []
    before = now(charge)
    assert world.process([charge_event(charge, FAILED)]) == []
    after = now(charge)
    assert (before.status, after.status) == ("processing", "processing")
    assert after.facts.keys() - before.facts.keys() == {"attempt_failed#1"}
    assert world.process([charge_event(charge, SUCCEEDED, attempt=2)]) == []
    assert now(charge).status is ChargeStatus.SUCCEEDED


def test_an_event_without_a_key_is_about_the_attempt_begun_before_it(world: World, charge: Charge) -> None:
    begun(charge, 2)
    assert world.process([charge_event(charge, SUCCEEDED, attempt=None)]) == []
    assert "attempt_succeeded#2" in now(charge).facts


def test_a_failure_before_any_attempt_is_not_of_ours(world: World) -> None:
    charge = created()
    failed = charge_event(charge, FAILED, attempt=None)
    assert world.process([failed]) == []
    assert now(charge) == charge
    assert the_record(failed).outcome == "ignored"


def test_two_charges_of_one_mandate_in_one_batch(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    charges = [reserved(mandate_id, NOW, key).charge for key in ("one", "two")]
    events = []
    for charge in charges:
        intent = f"pi_{charge.charge_id[-4:]}"
        with_intent(charge, intent)
        begun(charge, 1)
        events.append(charge_event(charge, SUCCEEDED, id=intent))
    assert world.process(events) == []
    assert [now(charge).status for charge in charges] == ["succeeded", "succeeded"]
    assert used(charges[0]) == 2_000


# -------------------------------------------------------------------------------------- not its own


def test_what_names_no_charge_is_quarantined_and_does_not_hold_up_its_neighbours(
    world: World, charge: Charge
) -> None:
    """A restored table may lack charges that Stripe knows."""
    unknown = charge_id(charge.mandate_id, "another key")
    metadata = {"mandate_id": charge.mandate_id, "managed_by": OWNER_MARK, "charge_id": unknown}
    of_nothing, ours = charge_event(charge, SUCCEEDED, metadata=metadata), charge_event(charge, SUCCEEDED)
    assert world.process([of_nothing, ours]) == []
    aside = the_record(of_nothing)
    assert (aside.outcome, aside.reason) == ("quarantined", f"there is no charge {unknown}")
    assert aside.body is not None
    assert aside.body["data"]["object"]["metadata"] == metadata
    assert now(charge).status is ChargeStatus.SUCCEEDED


@pytest.mark.parametrize("kind", [SUCCEEDED, FAILED, PROCESSING, NEEDS_ACTION])
def test_another_intent_for_the_charge_is_quarantined(world: World, charge: Charge, kind: str) -> None:
    other = charge_event(charge, kind, id="pi_2")
    assert world.process([other]) == []
    aside = the_record(other)
    assert (aside.outcome, aside.reason) == ("quarantined", f"its intent is not that of {charge.charge_id}")
    assert now(charge) == charge


def test_the_loser_of_two_creations_was_cancelled_and_is_ignored(world: World, charge: Charge) -> None:
    loser = charge_event(charge, CANCELED, id="pi_2", attempt=None)
    assert world.process([loser]) == []
    assert the_record(loser).outcome == "ignored"
    assert now(charge) == charge


def test_an_intent_that_no_charge_has_recorded_takes_no_money(world: World) -> None:
    charge = reserved(active_mandate(LIMITED), NOW).charge
    early = charge_event(charge, SUCCEEDED)
    assert world.process([early]) == []
    assert the_record(early).outcome == "quarantined"
    assert now(charge) == charge


def test_a_quarantined_event_is_applied_once_its_charge_is_there(world: World) -> None:
    charge = reserved(active_mandate(LIMITED), NOW).charge
    early = charge_event(charge, SUCCEEDED)
    assert world.process([early]) == []
    with_intent(charge)
    begun(charge, 1)
    assert world.process([early]) == []
    assert the_record(early).outcome == "applied"
    assert now(charge).status is ChargeStatus.SUCCEEDED


def edited(metadata: dict[str, str], how: str) -> dict[str, str]:
    """As somebody with access to Stripe's Dashboard can edit them."""
    other = charge_id(f"mdt_{'x' * 24}", "of another mandate")
    match how:
        case "removed":
            return {}
        case "mark removed":
            return {name: value for name, value in metadata.items() if name != "managed_by"}
        case "another's mark":
            return {**metadata, "managed_by": "another-stack"}
        case "charge removed":
            return {name: value for name, value in metadata.items() if name != "charge_id"}
        case "charge edited":
            return {**metadata, "charge_id": other}
    raise ValueError(how)


EDITS = ("removed", "mark removed", "another's mark", "charge removed", "charge edited")


@pytest.mark.parametrize("how", EDITS)
def test_of_an_intent_that_a_charge_has_recorded_edited_metadata_hide_nothing(
    world: World, charge: Charge, how: str
) -> None:
    told = charge_event(charge, SUCCEEDED)
    told["data"]["object"]["metadata"] = edited(told["data"]["object"]["metadata"], how)
    assert world.process([told]) == []
    assert the_record(told).outcome == "applied"
    assert now(charge).status is ChargeStatus.SUCCEEDED


@pytest.mark.parametrize("how", EDITS)
def test_an_intent_that_no_charge_has_recorded_is_a_strangers_unless_it_has_our_mark(
    world: World, charge: Charge, how: str
) -> None:
    foreign = charge_event(charge, SUCCEEDED, id="pi_strangers")
    foreign["data"]["object"]["metadata"] = edited(foreign["data"]["object"]["metadata"], how)
    assert world.process([foreign]) == []
    assert [record.outcome for record in seen(foreign["id"])] == (["quarantined"] if "charge" in how else [])
    assert now(charge) == charge


@pytest.mark.parametrize("kept", ["nothing", "no id", "an odd id"])
def test_an_event_that_names_no_intent_is_a_strangers(world: World, charge: Charge, kept: str) -> None:
    foreign = charge_event(charge, SUCCEEDED)
    match kept:
        case "nothing":  # as a release kept it that did not read the type
            del foreign["data"]
        case "no id":
            foreign["data"] = {"object": {"object": "payment_intent"}}
        case _:
            foreign["data"] = {"object": {"object": "payment_intent", "id": "pi #1"}}
    assert world.process([foreign]) == []
    assert seen(foreign["id"]) == []


def test_while_the_recorded_intents_cant_be_read_nothing_is_called_foreign(
    world: World, charge: Charge, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripped, plain = charge_event(charge, SUCCEEDED, metadata={}), charge_event(charge, PROCESSING)
    applying = world.function("process_webhook").apply_events.__globals__
    with monkeypatch.context() as out_of_reach:
        out_of_reach.setitem(applying, "named_by_their_charges", fails)
        assert world.process([stripped, plain]) == ["message-0"]
    assert (seen(stripped["id"]), the_record(plain).outcome) == ([], "applied")
    assert world.process([stripped]) == []
    assert the_record(stripped).outcome == "applied"


def fails(*_: Any) -> Any:
    raise StoreError("out of reach")


# ------------------------------------------------------------------------------------ as Stripe sends


def really_begun(world: World) -> tuple[Charge, StripePaymentIntents, str]:
    """A charge, Stripe's own intents, and the payment method: the attempt is begun and not confirmed."""
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    mandate = head_of(opened["mandate_id"])
    charge = reserved(mandate.mandate_id, time.time()).charge
    intents = StripePaymentIntents(world.stripe_client())
    made = intents.create(
        create_params(
            charge_id=charge.charge_id,
            mandate_id=mandate.mandate_id,
            owner_mark=OWNER_MARK,
            stripe_customer_id=mandate.stripe_customer_id,
            amount=charge.amount,
            currency=charge.currency,
            reference=str(charge.reference),
            description=str(charge.description),
            statement_descriptor=None,
        ),
        idempotency_key=create_key(charge.charge_id),
    )
    assert mandate.payment_method_id
    return begun(with_intent(charge, made.payment_intent_id), 1), intents, mandate.payment_method_id


def confirm(charge: Charge, intents: StripePaymentIntents, payment_method: str, attempt: int = 1) -> None:
    params = confirm_params(payment_method_id=payment_method)
    key = attempt_key(charge.charge_id, attempt)
    with suppress(PaymentRefused):
        intents.confirm(str(charge.payment_intent_id), params, idempotency_key=key)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"outcome": "succeeded"}, "succeeded"),
        ({"outcome": "declined"}, "retrying"),
        ({"outcome": "declined", "charge": False, "code": "authentication_required"}, "needs_customer"),
        ({"outcome": "requires_action"}, "needs_customer"),
        ({"outcome": "processing"}, "processing"),
    ],
)
def test_what_stripe_sends_of_a_payment_arrives(world: World, outcome: Any, status: str) -> None:
    charge, intents, payment_method = really_begun(world)
    world.stripe.core.set_payments(PaymentPlan.parse({"payments": [outcome]}))
    confirm(charge, intents, payment_method)
    world.run_webhooks()
    assert now(charge).status == status
    world.deliver(*reversed(world.events()))
    assert world.process(world.queued()) == []
    assert now(charge).status == status


def test_the_second_attempts_success_and_the_firsts_failure_delivered_backwards(world: World) -> None:
    charge, intents, payment_method = really_begun(world)
    world.stripe.core.set_payments(PaymentPlan.parse({"payments": [{"outcome": "declined", "times": 1}]}))
    confirm(charge, intents, payment_method)
    begun(charge, 2)
    confirm(charge, intents, payment_method, attempt=2)
    world.deliver(*reversed(world.events(SUCCEEDED, FAILED)))
    queued = world.queued()
    assert [event["type"] for event in queued] == [SUCCEEDED, FAILED]
    assert world.process(*[[event] for event in queued]) == []
    assert {"attempt_failed#1", "attempt_succeeded#2"} <= now(charge).facts.keys()


def test_a_cancelled_intent_ends_its_charge(world: World) -> None:
    charge, intents, _ = really_begun(world)
    intents.cancel(str(charge.payment_intent_id), reason="abandoned")
    world.run_webhooks()
    after = now(charge)
    assert after.status is ChargeStatus.CANCELED
    assert after.facts["intent_canceled"].detail == {"reason": "abandoned"}


# ---------------------------------------------------------------------------------------- surprises

SURPRISES = {"ChargedLate", "ChargedOtherAmount", "ChargedAfterWithdrawal"}


def surprising(capsys: pytest.CaptureFixture[str]) -> set[str]:
    found = sent(capsys)
    assert all(found[name] == [1] for name in SURPRISES & found.keys())
    return SURPRISES & found.keys()


def test_an_expected_success_is_no_surprise(
    world: World, charge: Charge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.process([charge_event(charge, SUCCEEDED)]) == []
    assert surprising(capsys) == set()


@pytest.mark.parametrize("taken", [{"amount_received": 999}, {"currency": "eur"}])
def test_another_amount_is_recorded_and_counted_once(
    world: World, charge: Charge, capsys: pytest.CaptureFixture[str], taken: dict[str, Any]
) -> None:
    odd = charge_event(charge, SUCCEEDED, **taken)
    assert world.process([odd, charge_event(charge, SUCCEEDED, **taken)]) == []
    assert surprising(capsys) == {"ChargedOtherAmount"}
    after = now(charge)
    assert after.status is ChargeStatus.SUCCEEDED
    detail = after.facts["attempt_succeeded#1"].detail
    assert detail == {
        "amount": str(taken.get("amount_received", 1_000)),
        "currency": taken.get("currency", "usd"),
    }


def test_a_success_after_the_charge_was_given_up_counts_and_is_late(
    world: World, charge: Charge, capsys: pytest.CaptureFixture[str]
) -> None:
    told(charge, charge_fact(ChargeKind.ENDING, NOW, "api:test", reason=EndReason.OVERDUE))
    assert world.process([charge_event(charge, CANCELED)]) == []
    assert (now(charge).status, used(charge)) == ("failed", 0)
    sent(capsys)
    assert world.process([charge_event(charge, SUCCEEDED)]) == []
    assert (now(charge).status, used(charge)) == ("succeeded", 1_000)
    assert surprising(capsys) == {"ChargedLate"}


@pytest.mark.parametrize(("before", "found"), [(1, {"ChargedAfterWithdrawal"}), (0, set()), (-1, set())])
def test_a_success_after_the_withdrawal_is_counted(
    world: World, charge: Charge, capsys: pytest.CaptureFixture[str], before: int, found: set[str]
) -> None:
    """Stripe's time of the success is NOW + 10."""
    revoke(charge.mandate_id, by="customer", reason="requested", clock=lambda: NOW + 10 - before)
    assert world.process([charge_event(charge, SUCCEEDED)]) == []
    assert now(charge).status is ChargeStatus.SUCCEEDED
    assert surprising(capsys) == found
