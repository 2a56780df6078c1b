"""What Stripe reports of an intent becomes the same facts, whether by answer, event or read."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mandates.core.charging.charge import ChargeStatus, charge_status
from mandates.core.charging.facts import ChargeFact, ChargeFacts, ChargeKind, of_attempt
from mandates.core.charging.reports import (
    Intent,
    PaymentError,
    Report,
    facts_of_intent,
    facts_of_refusal,
    facts_of_report,
    is_of_other_amount,
)
from mandates.core.facts import merge
from tests.unit.test_charge_facts import CUSTOMER, INTENT, RESERVED, SOFT, begun, of

AT = 5_000
DECLINED = PaymentError(code=SOFT, decline_code="generic_decline", advice="try_again_later")
FIRST, SECOND = of(RESERVED, INTENT, begun(1)), of(RESERVED, INTENT, begun(1), begun(2))
PROCESSING = of(*FIRST.values(), *facts_of_report(FIRST, Report(ChargeKind.ATTEMPT_PROCESSING, 1, "e"), 1))


def intent(
    status: str, error: PaymentError | None = None, amount: int = 1_000, currency: str = "usd"
) -> Intent:
    return Intent("pi_1", status, amount, currency, "ch_1", error)


def read(known: ChargeFacts, said: Intent, *, confirm_in_flight: bool = False) -> ChargeFact | None:
    facts = facts_of_intent(known, said, AT, "api:advance_charges", confirm_in_flight=confirm_in_flight)
    assert len(facts) <= 1
    return facts[0] if facts else None


def then(known: ChargeFacts, facts: Sequence[ChargeFact]) -> ChargeStatus:
    return charge_status(merge(known, facts))


@pytest.mark.parametrize(
    ("known", "said", "key"),
    [
        (FIRST, intent("succeeded"), "attempt_succeeded#1"),
        (SECOND, intent("succeeded"), "attempt_succeeded#2"),
        (FIRST, intent("processing"), "attempt_processing#1"),
        (FIRST, intent("requires_action"), "attempt_needs_action#1"),
        (SECOND, intent("requires_payment_method", DECLINED), "attempt_failed#2"),
        (PROCESSING, intent("requires_payment_method"), "attempt_failed#1"),
        (FIRST, intent("canceled"), "intent_canceled"),
        (FIRST, intent("canceled", DECLINED), "intent_canceled"),
        (FIRST, intent("requires_payment_method"), None),  # the confirm never arrived
        (FIRST, intent("requires_confirmation"), None),
        (FIRST, intent("requires_capture"), None),
        (FIRST, intent("a status of next year"), None),
        (of(RESERVED, INTENT), intent("requires_payment_method", DECLINED), None),
        (of(RESERVED, INTENT), intent("processing"), None),
        (of(RESERVED, INTENT), intent("canceled"), "intent_canceled"),
        (of(RESERVED, INTENT), intent("succeeded"), "attempt_succeeded#1"),  # confirmed by a stranger
    ],
)
def test_a_status_says_what_happened_to_the_newest_attempt(
    known: ChargeFacts, said: Intent, key: str | None
) -> None:
    fact = read(known, said)
    assert (fact and fact.key) == key
    assert fact is None or (fact.at, fact.source) == (AT, "api:advance_charges")


@pytest.mark.parametrize("known", [FIRST, PROCESSING, SECOND])
def test_while_a_confirm_may_be_in_flight_only_a_final_status_proves_anything(known: ChargeFacts) -> None:
    for status in ("processing", "requires_action", "requires_payment_method", "requires_confirmation"):
        assert read(known, intent(status, DECLINED), confirm_in_flight=True) is None
    for status in ("succeeded", "canceled"):
        assert read(known, intent(status), confirm_in_flight=True) == read(known, intent(status)) is not None


def test_requires_payment_method_is_a_failure_and_not_processing_for_ever() -> None:
    assert then(PROCESSING, []) == "processing"
    for error, status in ((DECLINED, "retrying"), (PaymentError(code=CUSTOMER), "needs_customer")):
        facts = facts_of_intent(
            PROCESSING, intent("requires_payment_method", error), AT, "api:x", confirm_in_flight=False
        )
        assert then(PROCESSING, facts) == status


def test_the_answer_to_a_confirm_is_about_its_attempt_whatever_was_begun_meanwhile() -> None:
    facts = facts_of_intent(SECOND, intent("processing"), AT, "api:x", attempt=1, confirm_in_flight=False)
    assert [fact.key for fact in facts] == ["attempt_processing#1"]


def test_a_success_that_stripe_dates_has_its_time_and_the_event_adds_nothing() -> None:
    at_once = replace(intent("succeeded"), charged_at=AT - 2)
    (success,) = facts_of_intent(FIRST, at_once, AT, "api:x", attempt=1, confirm_in_flight=False)
    assert success.at == AT - 2
    event = Report(ChargeKind.ATTEMPT_SUCCEEDED, AT - 2, "evt_1", 1_000, "usd", at_once.latest_charge)
    known = merge(FIRST, [success])
    assert merge(known, facts_of_report(known, event, 1)) == known
    (processing,) = facts_of_intent(
        FIRST, replace(at_once, status="processing"), AT, "api:x", attempt=1, confirm_in_flight=False
    )
    assert processing.at == AT  # Stripe has not decided: our clock says when we knew


def test_a_refused_confirm_and_its_event_and_a_read_are_the_same_failure() -> None:
    answer = facts_of_refusal(1, PaymentError(**{**as_texts(DECLINED), "status": "402"}), AT, "api:x")
    event = facts_of_report(FIRST, Report(ChargeKind.ATTEMPT_FAILED, AT, "evt_1", error=DECLINED), 1)
    found = facts_of_intent(
        FIRST, intent("requires_payment_method", DECLINED), AT, "api:x", confirm_in_flight=False
    )
    assert {fact.key for fact in (*answer, *event, *found)} == {"attempt_failed#1"}
    assert {then(FIRST, facts) for facts in (answer, event, found)} == {"retrying"}
    assert answer[0].detail == {**event[0].detail, "status": "402"}
    assert event[0].detail == {
        "code": SOFT,
        "decline_code": "generic_decline",
        "advice": "try_again_later",
    }


def as_texts(error: PaymentError) -> dict[str, str]:
    return {"code": error.code, "decline_code": error.decline_code, "advice": error.advice}


def test_the_order_of_reports_does_not_matter() -> None:
    reports = [
        (1, Report(ChargeKind.ATTEMPT_PROCESSING, 1_500, "evt_1", stripe_charge="ch_1")),
        (1, Report(ChargeKind.ATTEMPT_FAILED, 1_600, "evt_2", error=DECLINED)),
        (2, Report(ChargeKind.ATTEMPT_PROCESSING, 1_700, "evt_3", stripe_charge="ch_2")),
        (2, Report(ChargeKind.ATTEMPT_SUCCEEDED, 1_800, "evt_4", 1_001, "usd", "ch_2")),
    ]
    ends = []
    for order in itertools.permutations(reports):
        known = SECOND
        for attempt, report in order:
            known = merge(known, facts_of_report(known, report, attempt))
        ends.append(known)
    assert all(end == ends[0] for end in ends)
    assert charge_status(ends[0]) == "succeeded"


def test_a_late_failure_of_an_earlier_attempt_changes_nothing() -> None:
    known = of(*SECOND.values(), *facts_of_report(SECOND, Report(ChargeKind.ATTEMPT_PROCESSING, 1, "e"), 2))
    late = facts_of_report(known, Report(ChargeKind.ATTEMPT_FAILED, 9_000, "evt_9", error=DECLINED), 1)
    assert [fact.key for fact in late] == ["attempt_failed#1"]
    assert then(known, late) == charge_status(known) == "processing"


def test_only_what_made_a_charge_names_it() -> None:
    # A failure leaves latest_charge as it was if it made no charge: it may be an earlier attempt's.
    named = {
        kind: [
            dict(fact.ids) for fact in facts_of_report(SECOND, Report(kind, AT, "e", stripe_charge="ch_1"), 2)
        ]
        for kind in ChargeKind
    }
    assert named[ChargeKind.ATTEMPT_SUCCEEDED] == [{"charge": frozenset({"ch_1"})}]
    assert named[ChargeKind.ATTEMPT_PROCESSING] == [{"charge": frozenset({"ch_1"})}]
    assert named[ChargeKind.ATTEMPT_FAILED] == named[ChargeKind.ATTEMPT_NEEDS_ACTION] == [{}]


@pytest.mark.parametrize("taken", [(999, "usd"), (1_001, "usd"), (1_000, "eur")])
def test_another_amount_or_currency_than_ours_is_told(taken: tuple[int, str]) -> None:
    amount, currency = taken
    fact = read(FIRST, intent("succeeded", amount=amount, currency=currency))
    assert fact is not None
    assert is_of_other_amount(fact)
    assert fact.detail == {"amount": str(amount), "currency": currency}


def test_our_amount_is_not_repeated() -> None:
    fact = read(FIRST, intent("succeeded"))
    assert fact is not None
    assert not is_of_other_amount(fact)
    assert fact.detail == {}


def test_a_cancellation_says_why_and_a_report_of_no_outcome_says_nothing() -> None:
    report = Report(ChargeKind.INTENT_CANCELED, AT, "evt_1", reason="abandoned")
    assert facts_of_report(FIRST, report, None)[0].detail == {"reason": "abandoned"}
    for kind in (
        ChargeKind.RESERVED,
        ChargeKind.INTENT_CREATED,
        ChargeKind.ATTEMPT_BEGUN,
        ChargeKind.ATTEMPT_EXAMINED,
        ChargeKind.ENDING,
    ):
        assert facts_of_report(FIRST, Report(kind, AT, "evt_1"), 1) == ()


def test_a_success_before_any_known_attempt_is_the_first_ones() -> None:
    facts = facts_of_report(FIRST, Report(ChargeKind.ATTEMPT_SUCCEEDED, AT, "evt_1", 1_000, "usd"), None)
    assert of_attempt(merge(FIRST, facts), ChargeKind.ATTEMPT_SUCCEEDED, 1)
    assert facts_of_report(FIRST, Report(ChargeKind.ATTEMPT_FAILED, AT, "evt_1", error=DECLINED), None) == ()
