"""What is done next about a charge, from every state that it can be in."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.charging.charge import FINAL, ChargeStatus, charge_status, due_at
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, Finding, charge_fact
from mandates.core.charging.steps import (
    Begin,
    CancelIntent,
    ConfirmAgain,
    CreateIntent,
    End,
    Examine,
    FindOut,
    Nothing,
    ReadIntent,
    Step,
    next_step,
    not_before,
)
from mandates.core.charging.waits import KEY_SECONDS
from tests.unit.laws import law
from tests.unit.test_charge_facts import (
    CANCELED,
    CHARGE_BY,
    CUSTOMER,
    INTENT,
    INVALID,
    PROCESSING,
    RESERVED,
    SOFT,
    SUCCEEDED,
    TOO_SMALL,
    any_facts,
    begun,
    ending,
    examined,
    failed,
    of,
    told,
)

NOW = 5_000
STATE = "payment_method_unexpected_state"
NEEDS_ACTION = ChargeKind.ATTEMPT_NEEDS_ACTION


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ([], CreateIntent()),
        ([INTENT], Begin(1)),
        ([INTENT, begun(1)], ConfirmAgain(1)),
        ([INTENT, begun(1), told(PROCESSING, 1)], ReadIntent(1)),
        ([INTENT, begun(1), told(NEEDS_ACTION, 1)], Nothing()),
        ([INTENT, begun(1), failed(1, SOFT)], Nothing()),  # it is not time yet
        ([INTENT, begun(1), failed(1, SOFT), begun(2)], ConfirmAgain(2)),
        (
            [INTENT, *(fact for number in range(1, 5) for fact in (begun(number), failed(number, SOFT)))],
            End(EndReason.DECLINED),  # it has had its three retries
        ),
        ([INTENT, begun(1), failed(1, CUSTOMER)], Nothing()),
        ([INTENT, begun(1), failed(1, "parameter_unknown", "400")], Begin(2)),  # two minutes later
        ([INTENT, begun(1), failed(1, TOO_SMALL)], End(EndReason.DECLINED)),
        ([INTENT, begun(1), failed(1, INVALID)], Examine(1, ErrorClass.MANDATE)),
        ([INTENT, begun(1), failed(1, STATE)], Examine(1, ErrorClass.STATE)),
        ([INTENT, begun(1), failed(1, INVALID), examined(1, Finding.WITHDRAWN)], End(EndReason.WITHDRAWN)),
        ([INTENT, begun(1), failed(1, INVALID), examined(1, Finding.NOTHING)], Begin(2)),
        ([INTENT, begun(1), told(SUCCEEDED, 1)], Nothing()),
        ([INTENT, begun(1), ending(EndReason.OVERDUE), told(SUCCEEDED, 1)], Nothing()),
        ([INTENT, begun(1), ending(EndReason.WITHDRAWN)], CancelIntent()),
        ([INTENT, begun(1), told(PROCESSING, 1), ending(EndReason.WITHDRAWN)], CancelIntent()),
        ([INTENT, begun(1), ending(EndReason.WITHDRAWN), CANCELED], Nothing()),
        ([INTENT, begun(1), CANCELED], Nothing()),
        ([ending(EndReason.WITHDRAWN)], Nothing()),
        ([ending(EndReason.WITHDRAWN), INTENT], CancelIntent()),  # recorded after the end
    ],
)
def test_the_facts_say_what_is_next(facts: Sequence[ChargeFact], step: Step) -> None:
    assert next_step(of(RESERVED, *facts), NOW) == step


def test_a_soft_decline_is_tried_again_when_it_is_time() -> None:
    facts = of(RESERVED, INTENT, begun(1), failed(1, SOFT))
    assert next_step(facts, 1_001 + 86_399) == Nothing()
    assert next_step(facts, 1_001 + 86_400) == Begin(2)


def test_a_call_is_repeated_only_while_stripe_surely_has_its_key() -> None:
    facts = of(RESERVED, INTENT, begun(1))
    assert next_step(facts, 1_001 + KEY_SECONDS - 1) == ConfirmAgain(1)
    assert next_step(facts, 1_001 + KEY_SECONDS) == FindOut(1)
    assert next_step(facts, 0) == ConfirmAgain(1)  # a clock that was set back


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [INTENT],
        [INTENT, begun(1)],
        [INTENT, begun(1), told(PROCESSING, 1)],
        [INTENT, begun(1), told(NEEDS_ACTION, 1)],
        [INTENT, begun(1), failed(1, SOFT)],
        [INTENT, begun(1), failed(1, CUSTOMER)],
        [INTENT, begun(1), failed(1, INVALID)],
        [INTENT, begun(1), failed(1, "parameter_unknown", "400")],
    ],
)
def test_nothing_is_begun_from_charge_by_on(facts: Sequence[ChargeFact]) -> None:
    assert next_step(of(RESERVED, *facts), CHARGE_BY) == End(EndReason.OVERDUE)
    assert next_step(of(RESERVED, *facts), CHARGE_BY - 1) != End(EndReason.OVERDUE)


@law
@given(any_facts)
def test_what_is_due_has_a_step_and_what_succeeded_has_none(facts: list[ChargeFact]) -> None:
    known = of(RESERVED, INTENT, *facts)
    due = due_at(known, NOW)
    if due is not None:
        assert next_step(known, max(due, NOW)) != Nothing()
    if charge_status(known) is ChargeStatus.SUCCEEDED:
        assert next_step(known, NOW) == Nothing()


@law
@given(any_facts, st.sampled_from(EndReason), st.integers(0, 2 * CHARGE_BY))
def test_nothing_is_begun_or_repeated_once_a_charge_ends(
    facts: list[ChargeFact], reason: EndReason, now: int
) -> None:
    known = of(RESERVED, *facts, ending(reason))
    assert isinstance(next_step(known, now), CancelIntent | Nothing)
    if charge_status(known) not in FINAL and INTENT.key in known:
        assert next_step(known, now) == CancelIntent()


def test_no_attempt_is_decided_on_at_an_instant_before_our_own_facts() -> None:
    of_stripe = charge_fact(ChargeKind.ATTEMPT_FAILED, 9_000, "evt_1", attempt=1, code=SOFT)
    assert not_before(of(RESERVED, INTENT, begun(1), of_stripe)) == 1_001
