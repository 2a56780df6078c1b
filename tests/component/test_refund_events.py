"""Stripe's refunds and disputes find their charge and merge in any order; strangers' leave nothing."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stripe_simulator.resources.disputes import Open
from mandates.charges.outcomes import facts_of
from mandates.charges.recording import record
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import charge_status, is_settled
from mandates.core.charging.disputes import StripeDispute, disputes, facts_of_stripe_dispute, open_disputes
from mandates.core.charging.facts import ChargeFact, ChargeFacts, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import charge_id, refund_id
from mandates.core.charging.outward import charge_event as outward_event
from mandates.core.charging.refunds import StripeRefund, facts_of_stripe_refund, left_to_refund, refunds
from mandates.core.clock import Instant
from mandates.core.facts import merge
from mandates.core.stripe_events.meaning import AboutCharge, AboutDispute, AboutMoney, AboutRefund
from mandates.core.stripe_events.readers import read_event
from mandates.store.batch_reads import charges_of_intents
from mandates.store.charges import read_charge, read_charge_ledger
from mandates.store.events import Seen, seen
from mandates.webhooks import strangers
from tests.component.advancing import till_of
from tests.component.charging import (
    INTENT,
    SUCCEEDED,
    active_mandate,
    begun,
    charge_event,
    dispute_event,
    refund_event,
    reserved,
    with_intent,
)
from tests.component.test_metrics import sent
from tests.component.world import OWNER_MARK, Context, World
from tests.unit.charging import NOW, terms
from tests.unit.laws import law

CREATED, CHANGED, CLOSED = (f"charge.dispute.{word}" for word in ("created", "updated", "closed"))


@pytest.fixture
def charge(world: World) -> Charge:
    """One that took 1,000."""
    made = begun(with_intent(reserved(active_mandate(terms()), NOW).charge), 1)
    assert world.process([charge_event(made, SUCCEEDED)]) == []
    return now(made)


def now(charge: Charge) -> Charge:
    found = read_charge(charge.charge_id)
    assert found is not None
    return found


def ours(charge: Charge, key: str = "refund-1") -> str:
    return refund_id(charge.charge_id, key)


def the_record(event: dict[str, Any]) -> Seen:
    (found,) = seen(event["id"])
    return found


def entries_of(charge: Charge, event: dict[str, Any]) -> list[ChargeEntry]:
    return [entry for entry in read_charge_ledger(charge.charge_id) if entry.source == event["id"]]


# ------------------------------------------------------------------------------------------ applied


def test_refunds_of_ours_and_from_the_dashboard_and_disputes_are_facts(world: World, charge: Charge) -> None:
    made = refund_event(charge, "refund.created", refund_id=ours(charge))
    elsewhere = refund_event(charge, id="re_dashboard", status="succeeded", amount=250)
    disputed = dispute_event()
    assert world.process([made, elsewhere, disputed]) == []
    after = now(charge)
    assert {(one.stripe_refund_id, one.status, one.amount) for one in refunds(after.facts)} == {
        ("re_example", "pending", 400),
        ("re_dashboard", "succeeded", 250),
    }
    assert ours(charge) in {one.refund_id for one in refunds(after.facts)}
    assert left_to_refund(after.facts) == 350
    assert open_disputes(after.facts) == {"du_example"}
    assert {the_record(one).outcome for one in (made, elsewhere, disputed)} == {"applied"}
    assert {the_record(one).mandate_id for one in (made, elsewhere, disputed)} == {charge.mandate_id}


def test_what_is_known_leaves_its_record_and_no_entry(world: World, charge: Charge) -> None:
    events = [
        *(refund_event(charge, status="succeeded", at=NOW + late) for late in (20, 30)),
        *(dispute_event(CREATED, at=NOW + late) for late in (20, 30)),
    ]
    assert world.process(*([one] for one in events), events) == []
    assert [len(entries_of(charge, one)) for one in events] == [1, 0, 1, 0]
    assert {the_record(one).outcome for one in events} == {"applied"}


def test_a_dispute_that_opens_and_a_refund_that_fails_count_once(
    world: World, charge: Charge, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often they are told, and in whatever order."""
    sent(capsys)
    failed: dict[str, Any] = {"status": "failed", "failure_reason": "declined"}
    events = [
        dispute_event(CHANGED, at=NOW + 30),
        dispute_event(CREATED, at=NOW + 20),
        dispute_event(CLOSED, at=NOW + 40, status="lost"),
        refund_event(charge, "refund.created"),
        refund_event(charge, "refund.failed", **failed),
        refund_event(charge, "refund.updated", **failed),
    ]
    assert world.process(*([one] for one in events), events) == []
    found = sent(capsys)
    assert (found["DisputesOpened"], found["RefundsFailed"]) == ([1.0], [1.0])


def test_what_is_read_of_several_at_once_has_an_entry_for_each(charge: Charge) -> None:
    """An entry makes one outward event, and nobody may miss one of these."""
    refund = StripeRefund("re_1", INTENT, "succeeded", 100, "usd", NOW + 20)
    others = [replace(refund, stripe_refund_id=f"re_{number}", status="failed") for number in (2, 3)]
    dispute = StripeDispute("du_1", INTENT, "needs_response", 900, "usd", NOW + 20)

    def says(known: Charge, at: int) -> list[ChargeFact]:
        of_refunds = (
            fact
            for one in (refund, *others)
            for fact in facts_of_stripe_refund(known.facts, known.charge_id, one, at, "api:read")
        )
        return [*of_refunds, *facts_of_stripe_dispute(known.facts, dispute, None, at, "api:read")]

    for _ in range(2):
        after = record(charge.charge_id, says, source="api:read", clock=lambda: NOW + 30).charge
        assert after == now(charge)
    entries = read_charge_ledger(charge.charge_id)[charge.entries :]
    said = [outward_event(entry, after) for entry in entries]
    assert [event.type for event in said] == [
        *("refund.succeeded", "refund.failed", "refund.failed", "dispute.opened")
    ]
    assert left_to_refund(after.facts) == 900


# ---------------------------------------------------------------------------------------- not ours


def test_strangers_refunds_and_disputes_cost_one_read_and_leave_nothing(
    world: World, charge: Charge, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        *(refund_event(charge, payment_intent=intent) for intent in ("pi_strangers", None)),
        *(dispute_event(payment_intent=intent) for intent in ("pi_strangers", "pi_another", None)),
    ]
    asked: list[list[str]] = []

    def counted(intents: Any) -> dict[str, str]:
        asked.append(list(intents))
        return charges_of_intents(asked[-1])

    monkeypatch.setattr(strangers, "charges_of_intents", counted)
    world.fresh("process_webhook")
    assert world.process(events) == []
    assert [seen(one["id"]) for one in events] == [[]] * len(events)
    assert asked == [["pi_strangers", "pi_strangers", "pi_another"]]  # which a batch reads as two
    assert now(charge) == charge


@pytest.mark.parametrize("named", ["a missing charge", "no charge", "another intent"])
def test_what_claims_to_be_ours_and_cant_be_is_quarantined(world: World, charge: Charge, named: str) -> None:
    """A restored table may lack charges that Stripe knows. A stranger's events have no such mark."""
    other = refund_event(charge, refund_id=ours(charge), payment_intent="pi_2")
    metadata = other["data"]["object"]["metadata"]
    unknown = charge_id(charge.mandate_id, "another key")
    match named:
        case "a missing charge":
            metadata["charge_id"], reason = unknown, f"there is no charge {unknown}"
        case "no charge":
            del metadata["charge_id"]
            reason = "unreadable: it carries our mark and no charge id"
        case _:
            reason = f"its intent is not that of {charge.charge_id}"
    assert world.process([other]) == []
    assert (the_record(other).outcome, the_record(other).reason) == ("quarantined", reason)
    assert now(charge) == charge


@pytest.mark.parametrize(
    "metadata", [{}, {"managed_by": "a-refund-service"}, {"managed_by": OWNER_MARK, "refund_id": "x"}]
)
def test_a_refund_whose_metadata_was_edited_finds_its_charge(
    world: World, charge: Charge, metadata: dict[str, str]
) -> None:
    edited = refund_event(charge, metadata=metadata)
    assert world.process([edited]) == []
    assert [one.amount for one in refunds(now(charge).facts)] == [400]


# ------------------------------------------------------------------------------------ as Stripe sends


@pytest.mark.parametrize("missed", [False, True], ids=["by webhooks", "found in Stripe's list"])
def test_a_refund_from_the_dashboard_that_fails_and_a_dispute_that_is_won(world: World, missed: bool) -> None:
    till = till_of(world)
    charge_id = till.reserve()
    intent = till.advance(charge_id).payment_intent_id
    assert intent
    refund = world.stripe.core.refund(intent, 300)
    dispute = world.stripe.core.dispute(intent, Open(fail_refunds=True))
    if missed:
        world.invoke("reconcile_events", {}, Context())
        assert world.process(world.queued()) == []
    else:
        world.run_webhooks()
    facts = till.read(charge_id).facts
    assert open_disputes(facts) == {dispute}
    assert [(one.stripe_refund_id, one.status) for one in refunds(facts)] == [(refund, "failed")]
    assert left_to_refund(facts) == 1_000
    world.stripe.core.move_dispute(dispute, "won")
    world.run_webhooks()
    (known,) = disputes(till.read(charge_id).facts)
    assert (known.status, known.kind, known.is_open) == ("won", "claim", False)
    assert known.evidence_due_by is not None


# ----------------------------------------------------------------------------------------- any order


CHARGE_ID = charge_id(f"mdt_{'e' * 24}", "key-1")
RESERVED = charge_fact(
    ChargeKind.RESERVED, NOW, "api:test", amount="1000", currency="usd", charge_by=str(NOW + 86_400)
)
BEGUN = charge_fact(ChargeKind.ATTEMPT_BEGUN, NOW, "api:test", attempt=1, payment_intent=INTENT)
REQUESTED = charge_fact(
    *(ChargeKind.REFUND_REQUESTED, NOW + 14, "api:create_refund"),
    about=refund_id(CHARGE_ID, "refund-1"),
    amount="400",
    currency="usd",
    request="0" * 64,
)
A_CHARGE = Charge(
    charge_id=CHARGE_ID,
    number=1,
    created_at=Instant(NOW).text,
    personal={},
    digest="0" * 64,
    create_params={},
    facts=merge({}, [RESERVED, BEGUN]),
)


def events_of(asked: bool, second: int) -> list[AboutMoney]:
    """A refund that fails after it succeeded, and a dispute that is lost: each told three times, `second`
    seconds apart."""
    ours = refund_id(CHARGE_ID, "refund-1") if asked else ""
    failed: dict[str, Any] = {"status": "failed", "failure_reason": "declined"}
    told = [
        refund_event(A_CHARGE, "refund.created", refund_id=ours),
        refund_event(A_CHARGE, "refund.updated", refund_id=ours, at=NOW + 20 + second, status="succeeded"),
        refund_event(A_CHARGE, "refund.failed", refund_id=ours, at=NOW + 20 + 2 * second, **failed),
        dispute_event(CREATED),
        dispute_event(CHANGED, at=NOW + 20 + second, status="under_review"),
        dispute_event(CLOSED, at=NOW + 20 + 2 * second, status="lost"),
    ]
    return [read(event) for event in [*told, charge_event(A_CHARGE, SUCCEEDED)]]


def read(event: dict[str, Any]) -> AboutMoney:
    """As it is read once its charge has been found."""
    ours = {"managed_by": OWNER_MARK, "mandate_id": A_CHARGE.mandate_id, "charge_id": CHARGE_ID}
    subject = event["data"]["object"]
    subject["metadata"] = {**subject.get("metadata", {}), **ours}
    meaning = read_event(event, owner_mark=OWNER_MARK, livemode=False)
    assert isinstance(meaning, AboutCharge | AboutRefund | AboutDispute)
    return meaning


def after(facts: ChargeFacts, told: Iterable[AboutMoney]) -> ChargeFacts:
    for reading in told:
        facts = merge(facts, facts_of(reading, replace(A_CHARGE, facts=facts)))
    return facts


def seen_of(facts: ChargeFacts) -> Any:
    """All that anybody is shown or is decided by."""
    return (
        *(charge_status(facts), refunds(facts), disputes(facts)),
        *(left_to_refund(facts), open_disputes(facts), is_settled(facts)),
    )


@pytest.mark.parametrize("second", [0, 1], ids=["all in one second", "one after another"])
@pytest.mark.parametrize("asked", [True, False], ids=["ours", "from the Dashboard"])
def test_refund_and_dispute_in_every_order(asked: bool, second: int) -> None:
    before = merge(A_CHARGE.facts, [REQUESTED] if asked else [])
    *told, success = events_of(asked, second)
    expected = seen_of(after(before, [success, *told]))
    for order in itertools.permutations(told):
        assert seen_of(after(before, [success, *order])) == expected
    status, (refund,), (dispute,), left, still_open, settled = expected
    assert (status, refund.status, refund.failure, dispute.status) == (
        "succeeded",
        "failed",
        "declined",
        "lost",
    )
    assert (left, still_open, settled) == (0, frozenset(), True)  # what was lost is not refunded again


@law
@given(st.data())
def test_whatever_comes_twice_late_and_before_the_success_comes_to_the_same(data: st.DataObject) -> None:
    asked, second = data.draw(st.booleans()), data.draw(st.integers(0, 1))
    told = events_of(asked, second)
    before = merge(A_CHARGE.facts, [REQUESTED] if asked else [])
    order = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=5))]))
    assert seen_of(after(before, order)) == seen_of(after(before, told))


def test_until_it_fails_the_amount_is_given_back_and_then_it_is_left_again() -> None:
    created, succeeded, failed, *_, success = events_of(asked=True, second=1)
    facts, left = merge(A_CHARGE.facts, [REQUESTED]), []
    for reading in (success, created, succeeded, failed):
        facts = after(facts, [reading])
        left.append(left_to_refund(facts))
    assert left == [600, 600, 600, 1_000]
