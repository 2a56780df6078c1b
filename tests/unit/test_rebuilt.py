"""What Stripe's intents tell of charges that a restored table lacks."""

from typing import Any

import pytest

from mandates.core.charging.books import ListedCharge, ListedIntent
from mandates.core.charging.charge import ChargeStatus, charge_status, room
from mandates.core.charging.facts import REBUILT, ChargeFacts, ChargeKind, charge_fact, intent_of
from mandates.core.charging.rebuilt import CountsIn, choose, facts_of_listed, facts_of_lost, named_charges
from mandates.core.charging.reports import Report, facts_of_report
from mandates.core.facts import merge

MANDATE = "a" * 24
CHARGE_ID = f"chg_{MANDATE}_{'b' * 16}"
OURS = {"managed_by": "stack", "mandate_id": f"mdt_{MANDATE}", "charge_id": CHARGE_ID}
CREATED, PAID, NOW = 1_000, 90_000, 500_000
IN_MARCH, IN_APRIL = CountsIn("2026-03-01", "2026-03-31"), CountsIn("2026-04-01", "2026-04-01")


def intent(name: str = "pi_1", status: str = "succeeded", **changes: Any) -> ListedIntent:
    charge = ListedCharge("py_1", status, PAID, 700, "usd", 0, refunded=False, disputed=False)
    details = {"charge": charge if status in {"succeeded", "processing"} else None, "metadata": OURS}
    received = 700 if status == "succeeded" else 0
    return ListedIntent(name, status, 700, received, "usd", "cus_1", CREATED, **(details | changes))


def counts_in(at: int) -> CountsIn:
    return IN_APRIL if at >= PAID else IN_MARCH


def reserved(**detail: Any) -> ChargeFacts:
    said: dict[str, Any] = {
        "amount": "700",
        "currency": "usd",
        "charge_by": "999",
        "period": "2026-03-01",
    } | detail
    return merge({}, [charge_fact(ChargeKind.RESERVED, CREATED, "api:create_charge", **said)])


def told(known: ChargeFacts, listed: ListedIntent) -> ChargeFacts:
    return merge(known, facts_of_listed(known, listed, counts_in, NOW))


# -------------------------------------------------------------------------------------------- which


@pytest.mark.parametrize(
    ("metadata", "named", "odd"),
    [
        (OURS, 1, 0),
        (OURS | {"managed_by": "another"}, 0, 0),
        ({}, 0, 0),
        (OURS | {"charge_id": "rehearsal"}, 0, 1),
        (OURS | {"mandate_id": "mdt_" + "c" * 24}, 0, 1),
        ({"managed_by": "stack"}, 0, 1),
    ],
)
def test_only_what_names_a_charge_of_ours_is_rebuilt(metadata: dict[str, str], named: int, odd: int) -> None:
    found = named_charges([intent(metadata=metadata)], "stack")
    assert (len(found.by_charge), len(found.odd)) == (named, odd)


@pytest.mark.parametrize(
    ("statuses", "recorded", "own", "unused", "also"),
    [
        (["succeeded", "requires_payment_method"], "pi_1", "pi_0", {"pi_1"}, set()),
        (["requires_payment_method", "succeeded"], "pi_0", "pi_1", {"pi_0"}, set()),
        (["succeeded", "succeeded"], "pi_1", "pi_1", set(), {"pi_0"}),
        (["succeeded", "processing"], "pi_1", "pi_0", set(), {"pi_1"}),
        (["processing", "requires_action"], None, "pi_0", {"pi_1"}, set()),
        (["canceled", "requires_action"], "pi_0", "pi_0", {"pi_1"}, set()),
        (["requires_action", "canceled"], None, "pi_0", set(), set()),
        (["requires_action", "requires_action"], None, "pi_0", {"pi_1"}, set()),
    ],
)
def test_of_several_intents_the_one_that_took_the_money_is_the_charges(
    statuses: list[str], recorded: str | None, own: str, unused: set[str], also: set[str]
) -> None:
    intents = [intent(f"pi_{number}", status) for number, status in enumerate(statuses)]
    for listed in (intents, intents[::-1]):
        choice = choose(listed, recorded)
        assert choice.own.payment_intent_id == own
        assert {one.payment_intent_id for one in choice.unused} == unused
        assert {one.payment_intent_id for one in choice.also} == also


# ------------------------------------------------------------------------------------- a known charge


def test_a_success_is_told_with_its_attempt_which_counts_when_it_was_paid() -> None:
    facts = told(reserved(), intent())
    assert charge_status(facts) is ChargeStatus.SUCCEEDED
    assert intent_of(facts) == "pi_1"
    held = room(facts)
    assert held
    assert (held.amount, held.period) == (700, "2026-04-01")
    assert told(facts, intent()) == facts


def test_an_attempt_that_was_begun_here_stays_as_it_is() -> None:
    begun = charge_fact(ChargeKind.ATTEMPT_BEGUN, 2_000, "api:x", attempt=3, period="2026-03-01", day="d")
    known = merge(reserved(), [begun])
    facts = told(known, intent())
    assert facts["attempt_begun#3"] == begun
    assert facts["attempt_succeeded#3"].at == PAID
    assert "attempt_begun#1" not in facts


def test_a_success_of_another_intent_than_the_recorded_one_names_it() -> None:
    known = merge(reserved(), [charge_fact(ChargeKind.INTENT_CREATED, 1, "api:x", payment_intent="pi_0")])
    facts = told(known, intent())
    assert intent_of(facts) == "pi_1"
    for undecided in ("processing", "canceled", "requires_payment_method"):
        assert told(known, intent(status=undecided)) == known


def test_another_amount_is_told() -> None:
    facts = told(reserved(amount="600"), intent())
    assert facts["attempt_succeeded#1"].detail == {"amount": "700", "currency": "usd"}
    assert not told(reserved(), intent())["attempt_succeeded#1"].detail


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("processing", ChargeStatus.PROCESSING),
        ("canceled", ChargeStatus.CANCELED),
        ("requires_payment_method", ChargeStatus.PENDING),
    ],
)
def test_without_a_success_a_known_charge_goes_on(status: str, then: ChargeStatus) -> None:
    facts = told(reserved(), intent(status=status))
    assert charge_status(facts) is then
    assert told(facts, intent(status=status)) == facts


def test_events_add_nothing_to_a_success_that_was_rebuilt() -> None:
    facts = told(reserved(), intent())
    event = Report(ChargeKind.ATTEMPT_SUCCEEDED, PAID, "evt_1", 700, "usd", "py_1")
    assert facts_of_report(facts, event, 3) == ()
    assert facts_of_report(reserved(), event, 3)


# -------------------------------------------------------------------------------------- a lost charge


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("succeeded", ChargeStatus.SUCCEEDED),
        ("canceled", ChargeStatus.CANCELED),
        ("processing", ChargeStatus.PROCESSING),
    ],
)
def test_a_lost_charge_is_never_tried_again(status: str, then: ChargeStatus) -> None:
    (reservation,) = reserved(actor="somebody").values()
    facts = merge({}, facts_of_lost(reservation, intent(status=status), counts_in, NOW))
    assert charge_status(facts) is then
    ending = facts.get(ChargeKind.ENDING)
    assert (ending is not None) == (status == "processing")
    if ending:
        assert (ending.source, ending.detail) == (REBUILT, {"reason": "canceled", "actor": "somebody"})
