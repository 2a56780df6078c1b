"""What contributions make of a mandate and its ledger."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.changes import Change, Contribution, EventRecord, Subject, change, stands_on_after
from mandates.core.facts import NO_FACTS, Fact, Kind, ids, merge
from mandates.core.ledger import PersonalValue, first_broken
from mandates.core.mandate import Mandate, Status
from tests.unit.examples import (
    CHARGE_MANDATE_INVALID,
    CONSENT,
    DELETED,
    DETACHED,
    MANDATE_ID,
    MANDATE_INACTIVE,
    NEW_MANDATE,
    RECORDED_AT,
    REVOKED,
    SESSION_COMPLETED,
    SESSION_CREATED,
    SESSION_EXPIRED,
    SETUP_FAILED,
    SETUP_FAILED_AGAIN,
    SETUP_SEEN_ON_RETURN,
    SETUP_SUCCEEDED,
    our_own,
    told_by_stripe,
)
from tests.unit.laws import law

STRIPE_CUSTOMER = Subject("stripe_customer#cus_example")
PAYMENT_METHOD = Subject("payment_method#pm_example")

FROM_STRIPE = (
    SETUP_FAILED,
    SETUP_FAILED_AGAIN,
    SETUP_SUCCEEDED,
    SESSION_COMPLETED,
    SESSION_EXPIRED,
)


def withdrawn(subject: Subject, *told: Fact) -> Subject:
    return Subject(subject.key, merge(NO_FACTS, told), frozenset())


def apply(
    mandate: Mandate,
    *contributions: Contribution,
    payment_method: Subject = PAYMENT_METHOD,
    stripe_customer: Subject = STRIPE_CUSTOMER,
) -> Change:
    """As recording.work_out does it: all that the mandate will stand on is read."""
    known = {subject.key: subject for subject in (payment_method, stripe_customer)}
    keys = stands_on_after(mandate, contributions)
    subjects = {key: known.get(key, Subject(key)) for key in keys}
    return change(mandate, contributions, subjects=subjects, recorded_at=RECORDED_AT)


BEGUN = apply(NEW_MANDATE, our_own(CONSENT), our_own(SESSION_CREATED))
PENDING = BEGUN.after
ACTIVE = apply(PENDING, told_by_stripe(SETUP_SUCCEEDED)).after

# ------------------------------------------------------------------------------------ entries


def test_each_contribution_makes_one_entry_with_the_status_it_led_to() -> None:
    made = apply(NEW_MANDATE, *map(told_by_stripe, (CONSENT, SETUP_FAILED, SETUP_SUCCEEDED, REVOKED)))
    assert [(entry.source, entry.kinds, entry.status) for entry in made.entries] == [
        ("api:create_checkout_session", ["consent_accepted"], "pending"),
        ("evt_failed", ["setup_failed"], "pending"),
        ("evt_succeeded", ["setup_succeeded"], "active"),
        ("api:revoke_mandate", ["revoked"], "revoked"),
    ]
    assert {entry.recorded_at for entry in made.entries} == {RECORDED_AT}
    assert {entry.mandate_id for entry in made.entries} == {MANDATE_ID}


def test_the_chain_goes_on_from_the_head() -> None:
    first = apply(NEW_MANDATE, told_by_stripe(CONSENT), told_by_stripe(SETUP_FAILED))
    second = apply(first.after, told_by_stripe(SETUP_SUCCEEDED))
    assert [entry.number for entry in (*first.entries, *second.entries)] == [1, 2, 3]
    head = second.after
    assert head.entries == 3
    assert first_broken((*first.entries, *second.entries), length=3, head_hash=head.head_hash) is None


def test_an_event_without_news_gets_its_one_entry() -> None:
    again = Fact(SETUP_SUCCEEDED.kind, SETUP_SUCCEEDED.at + 1, "evt_again", SETUP_SUCCEEDED.ids)
    made = apply(ACTIVE, told_by_stripe(again))
    assert made.after.facts == ACTIVE.facts
    assert [entry.source for entry in made.entries] == ["evt_again"]
    assert made.events == (EventRecord("evt_again"),)


def test_our_own_call_without_news_gets_none() -> None:
    made = apply(ACTIVE, our_own(SETUP_SEEN_ON_RETURN))
    assert made.is_empty
    assert made.after == ACTIVE
    assert (made.entries, made.events, made.stands_on) == ((), (), ())


def test_our_own_call_with_news_gets_one_and_leaves_no_event_record() -> None:
    made = apply(PENDING, our_own(SETUP_SEEN_ON_RETURN))
    assert [entry.source for entry in made.entries] == ["api:read_checkout_session"]
    assert made.events == ()
    assert made.after.payment_method_id == "pm_example"


def test_no_contributions_make_no_change() -> None:
    made = apply(ACTIVE)
    assert made.is_empty
    assert made.before == made.after == ACTIVE


def test_facts_of_a_subject_are_told_to_the_ledger_and_not_added_to_the_mandate() -> None:
    record = EventRecord("evt_detached", MANDATE_ID)
    told = Contribution("evt_detached", (DETACHED,), record, of_a_subject=True)
    made = apply(ACTIVE, told, payment_method=withdrawn(PAYMENT_METHOD, DETACHED))
    assert made.after.facts == ACTIVE.facts
    assert [(entry.kinds, entry.status) for entry in made.entries] == [(["detached"], "revoked")]
    assert made.events == (record,)
    assert made.stands_on == ()


def test_wording_and_personal_values_go_with_their_entry() -> None:
    personal = {"source_ip": PersonalValue("203.0.113.7", "ab" * 32)}
    consent = Contribution(CONSENT.source, (CONSENT,), text="I agree.", personal=personal)
    made = apply(NEW_MANDATE, told_by_stripe(SETUP_FAILED), consent, told_by_stripe(SETUP_FAILED_AGAIN))
    assert made.personal == {2: personal}
    assert [entry.text for entry in made.entries] == [None, "I agree.", None]
    assert made.entries[1].commitments == {"source_ip": personal["source_ip"].commitment}
    assert "203.0.113.7" not in json.dumps([entry.content() for entry in made.entries])


def test_records_are_the_same_whatever_stripe_said_of_type_and_time() -> None:
    assert EventRecord("evt_1", type="customer.deleted", created=1) == EventRecord("evt_1")
    assert EventRecord("evt_1", scope=MANDATE_ID) != EventRecord("evt_1")


# --------------------------------------------------------------------------------- activation


def test_activation_links_the_mandate_to_both_its_subjects() -> None:
    made = apply(PENDING, told_by_stripe(SETUP_SUCCEEDED))
    assert made.stands_on == (STRIPE_CUSTOMER, PAYMENT_METHOD)


@pytest.mark.parametrize("fact", [SESSION_COMPLETED, SETUP_FAILED, SESSION_EXPIRED, REVOKED])
def test_nothing_else_links_it(fact: Fact) -> None:
    assert apply(PENDING, told_by_stripe(fact)).stands_on == ()


def test_it_is_linked_once() -> None:
    assert apply(ACTIVE, our_own(SETUP_SEEN_ON_RETURN)).stands_on == ()
    again = Fact(SETUP_SUCCEEDED.kind, 1, "evt_again", SETUP_SUCCEEDED.ids)
    assert apply(ACTIVE, told_by_stripe(again)).stands_on == ()


def test_a_mandate_withdrawn_while_pending_is_linked_too_when_its_setup_succeeds() -> None:
    revoked = apply(PENDING, our_own(REVOKED)).after
    made = apply(revoked, told_by_stripe(SETUP_SUCCEEDED))
    assert made.stands_on == (STRIPE_CUSTOMER, PAYMENT_METHOD)
    assert made.entries[-1].status == "revoked"


@pytest.mark.parametrize(
    ("payment_method", "stripe_customer", "entered"),
    [
        ([DETACHED], [], ["evt_detached"]),
        ([DETACHED, MANDATE_INACTIVE], [], ["evt_detached", "evt_inactive"]),
        ([], [DELETED], ["evt_deleted"]),
        ([DETACHED, MANDATE_INACTIVE], [DELETED], ["evt_deleted", "evt_detached", "evt_inactive"]),
    ],
)
def test_withdrawals_known_before_activation_are_entered_then(
    payment_method: list[Fact], stripe_customer: list[Fact], entered: list[str]
) -> None:
    made = apply(
        PENDING,
        told_by_stripe(SETUP_SUCCEEDED),
        payment_method=withdrawn(PAYMENT_METHOD, *payment_method),
        stripe_customer=withdrawn(STRIPE_CUSTOMER, *stripe_customer),
    )
    assert made.entries[0].source == "evt_succeeded"
    assert sorted(entry.source for entry in made.entries[1:]) == entered
    assert made.entries[-1].status == "revoked"
    records = {EventRecord(source, scope=MANDATE_ID) for source in entered}
    assert set(made.events) == {EventRecord("evt_succeeded"), *records}
    assert len(made.events) == 1 + len(entered)
    assert {subject.key for subject in made.stands_on} == {PAYMENT_METHOD.key, STRIPE_CUSTOMER.key}


def test_those_withdrawals_are_not_entered_again() -> None:
    payment_method = withdrawn(PAYMENT_METHOD, DETACHED)
    activated = apply(PENDING, told_by_stripe(SETUP_SUCCEEDED), payment_method=payment_method).after
    made = apply(activated, told_by_stripe(SESSION_COMPLETED), payment_method=payment_method)
    assert [(entry.source, entry.status) for entry in made.entries] == [("evt_completed", "revoked")]


def test_a_withdrawn_subject_says_so() -> None:
    assert withdrawn(PAYMENT_METHOD, DETACHED).withdrawn
    assert withdrawn(STRIPE_CUSTOMER, DELETED).withdrawn
    assert not PAYMENT_METHOD.withdrawn


# ---------------------------------------------------------------------- the payment method it has


CUSTOMER_KEY, PAYMENT_METHOD_KEY = STRIPE_CUSTOMER.key, PAYMENT_METHOD.key


def test_a_mandate_stands_on_all_that_the_facts_will_name() -> None:
    assert stands_on_after(PENDING, [told_by_stripe(SESSION_COMPLETED)]) == [CUSTOMER_KEY]
    assert stands_on_after(PENDING, [told_by_stripe(SETUP_SUCCEEDED)]) == [CUSTOMER_KEY, PAYMENT_METHOD_KEY]
    assert stands_on_after(ACTIVE, []) == [CUSTOMER_KEY, PAYMENT_METHOD_KEY]
    assert stands_on_after(ACTIVE, [told_by_stripe(ANOTHER_PAYMENT_METHOD)]) == [
        CUSTOMER_KEY,
        "payment_method#pm_a",
        PAYMENT_METHOD_KEY,
    ]


def test_facts_of_a_subject_name_nothing_to_stand_on() -> None:
    fact = Fact(Kind.DETACHED, 1, "evt_1", ids(payment_method="pm_other"))
    told = Contribution("evt_1", (fact,), EventRecord("evt_1", MANDATE_ID), of_a_subject=True)
    assert stands_on_after(PENDING, [told]) == [CUSTOMER_KEY]


ANOTHER_PAYMENT_METHOD = Fact(Kind.SETUP_SUCCEEDED, 1, "evt_other", ids(payment_method="pm_a"))


def test_another_payment_method_does_not_bring_a_withdrawn_mandate_back() -> None:
    detached = withdrawn(PAYMENT_METHOD, DETACHED)
    revoked = apply(PENDING, told_by_stripe(SETUP_SUCCEEDED), payment_method=detached)
    assert revoked.entries[-1].status == Status.REVOKED
    made = apply(revoked.after, told_by_stripe(ANOTHER_PAYMENT_METHOD), payment_method=detached)
    assert made.entries[-1].status == Status.REVOKED


def test_another_payment_method_is_linked_too() -> None:
    made = apply(ACTIVE, told_by_stripe(ANOTHER_PAYMENT_METHOD))
    assert [subject.key for subject in made.stands_on] == ["payment_method#pm_a"]


def test_two_withdrawals_with_one_source_leave_one_record() -> None:
    told = (replace(DETACHED, source="api:ops"), replace(MANDATE_INACTIVE, source="api:ops"))
    made = apply(PENDING, told_by_stripe(SETUP_SUCCEEDED), payment_method=withdrawn(PAYMENT_METHOD, *told))
    assert len(made.events) == len(set(made.events)) == 2
    assert made.entries[-1].status == Status.REVOKED


# -------------------------------------------------------------------------------- order and batches


def told_in(batches: Sequence[Sequence[Fact]], *, payment_method: Subject) -> tuple[Mandate, list[Change]]:
    mandate, made = PENDING, []
    for batch in batches:
        one = apply(mandate, *map(told_by_stripe, batch), payment_method=payment_method)
        mandate = one.after
        made.append(one)
    return mandate, made


@st.composite
def batched_events(draw: st.DrawFn) -> list[list[Fact]]:
    """The events of a set-up in any order, delivered in batches of any size."""
    order = draw(st.permutations(FROM_STRIPE))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1))))
    return [list(order[one:other]) for one, other in itertools.pairwise([0, *cuts, len(order)])]


@law
@given(
    batched_events(), st.sampled_from([PAYMENT_METHOD, withdrawn(PAYMENT_METHOD, DETACHED, MANDATE_INACTIVE)])
)
def test_order_and_batches_make_no_difference(batches: list[list[Fact]], payment_method: Subject) -> None:
    mandate, made = told_in(batches, payment_method=payment_method)
    expected, at_once = told_in([FROM_STRIPE], payment_method=payment_method)
    assert mandate.facts == expected.facts
    assert mandate.entries == expected.entries
    assert made[-1].entries[-1].status == at_once[-1].entries[-1].status
    assert sum(bool(one.stands_on) for one in made) == 1
    entries = [entry for one in made for entry in one.entries]
    assert sorted(entry.source for entry in entries) == sorted(entry.source for entry in at_once[0].entries)
    records = [record for one in made for record in one.events]
    assert len(records) == len(set(records))
    whole = (*BEGUN.entries, *entries)
    assert first_broken(whole, length=mandate.entries, head_hash=mandate.head_hash) is None


def test_an_entry_says_what_was_known_when_it_was_added() -> None:
    detached = withdrawn(PAYMENT_METHOD, DETACHED)
    _, one_by_one = told_in([[SESSION_COMPLETED], [SETUP_SUCCEEDED]], payment_method=detached)
    _, at_once = told_in([[SESSION_COMPLETED, SETUP_SUCCEEDED]], payment_method=detached)
    separate = [entry.status for made in one_by_one for entry in made.entries]
    assert [entry.status for entry in at_once[0].entries] == separate


def test_a_charge_that_found_the_mandate_invalid_ends_it() -> None:
    made = apply(ACTIVE, our_own(CHARGE_MANDATE_INVALID))
    assert [entry.status for entry in made.entries] == ["revoked"]
