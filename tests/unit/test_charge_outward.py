"""Which event an entry of a charge makes, that every entry makes one, and that it holds nothing personal."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.change import charge_change
from mandates.core.charging.charge import FINAL, ChargeStatus
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_id
from mandates.core.charging.outward import REASONS, ChargeEventType, charge_event
from mandates.core.clock import Instant, rfc3339
from mandates.core.ledger import PersonalValue
from mandates.core.outward import SOURCE, OutwardEvent
from tests.unit.laws import law
from tests.unit.test_charge_facts import (
    CANCELED,
    CUSTOMER,
    INTENT,
    PROCESSING,
    RESERVED,
    SOFT,
    SUCCEEDED,
    TOO_SMALL,
    any_fact,
    any_facts,
    begun,
    ending,
    failed,
    told,
)

SCHEMA_FILE = Path(__file__).parents[2] / "events" / "schemas" / "charge-event.1.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
CHARGE_ID = f"chg_{'a' * 24}_{'b' * 16}"


def new_charge() -> Charge:
    written = {"reference": "order-42", "description": "Coffee for Ann"}
    return Charge(
        charge_id=CHARGE_ID,
        number=1,
        created_at="2026-11-27T12:00:00.000Z",
        personal={name: PersonalValue(value, "00" * 32) for name, value in written.items()},
        digest="0" * 64,
        create_params={},
    )


def added(charge: Charge, *facts: ChargeFact, now: int = 1_800_000_000) -> tuple[Charge, ChargeEntry]:
    """The charge once these facts are added, in one entry."""
    change = charge_change(charge, facts, source="evt_1", now=Instant(now))
    assert change
    return change.after, change.entry


def told_of(*entries: Sequence[ChargeFact]) -> list[OutwardEvent]:
    """The events of a charge with these entries, in which its reservation is the first."""
    charge, made = new_charge(), []
    for facts in ([RESERVED], *entries):
        charge, entry = added(charge, *facts)
        made.append(charge_event(entry, charge))
    for event in made:
        validate(event)
    return made


def validate(event: OutwardEvent) -> None:
    """As EventBridge delivers it, with some of what it adds. Raises ValidationError."""
    VALIDATOR.validate(
        {
            "version": "0",
            "account": "123456789012",
            "source": SOURCE,
            "detail-type": str(event.type),
            "detail": json.loads(json.dumps(event.detail)),
        }
    )


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    detail = SCHEMA["properties"]["detail"]["properties"]
    assert set(SCHEMA["properties"]["detail-type"]["enum"]) == set(ChargeEventType)
    assert set(detail["status"]["enum"]) == set(ChargeStatus)
    assert set(detail["reasons"]["items"]["enum"]) == REASONS


@pytest.mark.parametrize(
    ("before", "facts", "said", "reasons"),
    [
        ([], [INTENT], "changed", []),
        ([INTENT], [begun(1)], "attempted", []),
        ([], [INTENT, begun(1)], "attempted", []),
        ([begun(1)], [told(PROCESSING, 1)], "changed", []),
        ([begun(1)], [told(SUCCEEDED, 1)], "succeeded", []),
        ([begun(1)], [failed(1, SOFT)], "changed", ["soft"]),
        ([begun(1)], [failed(1, CUSTOMER)], "needs_customer", ["customer"]),
        ([begun(1)], [told(ChargeKind.ATTEMPT_NEEDS_ACTION, 1)], "needs_customer", []),
        ([begun(1)], [failed(1, TOO_SMALL)], "changed", ["final"]),
        ([begun(1), failed(1, TOO_SMALL)], [ending(EndReason.DECLINED)], "changed", ["declined"]),
        ([begun(1), ending(EndReason.OVERDUE)], [CANCELED], "failed", ["overdue"]),
        ([begun(1), ending(EndReason.WITHDRAWN)], [CANCELED], "canceled", ["withdrawn"]),
        ([begun(1)], [CANCELED], "canceled", ["canceled"]),  # at Stripe, by somebody else
        ([], [ending(EndReason.NOT_PERMITTED)], "failed", ["not_permitted"]),
        ([], [CANCELED, ending(EndReason.WITHDRAWN)], "canceled", ["withdrawn"]),
        # Told again, by a second report.
        ([begun(1), told(SUCCEEDED, 1)], [told(SUCCEEDED, 1, at=2_000)], "succeeded", []),
        # Late reports: no charge failed or waits for its customer that succeeded.
        ([begun(1), told(SUCCEEDED, 1)], [failed(1, CUSTOMER)], "changed", ["customer"]),
        ([begun(1), told(SUCCEEDED, 1)], [CANCELED], "changed", []),
        ([begun(1), begun(2)], [failed(1, CUSTOMER)], "changed", ["customer"]),
        # The money was taken although the charge was given up.
        ([begun(1), ending(EndReason.OVERDUE), CANCELED], [told(SUCCEEDED, 1)], "succeeded", []),
    ],
)
def test_what_is_said_of_an_entry(
    before: list[ChargeFact], facts: list[ChargeFact], said: str, reasons: list[str]
) -> None:
    event = told_of(*([fact] for fact in before), facts)[-1]
    assert (event.type, event.detail["reasons"]) == (f"charge.{said}", reasons)


def test_a_reservation_is_a_charge_that_was_created() -> None:
    assert [event.type for event in told_of()] == [ChargeEventType.CREATED]


def test_the_whole_of_an_event() -> None:
    success = charge_fact(SUCCEEDED, 1, "evt_1", attempt=2, charge="ch_1", payment_intent="pi_1")
    charge, entry = added(added(new_charge(), RESERVED)[0], success)
    assert charge_event(entry, charge).detail == {
        "schema": "charge-event/1",
        "charge_id": CHARGE_ID,
        "mandate_id": f"mdt_{'a' * 24}",
        "status": "succeeded",
        "kinds": ["attempt_succeeded"],
        "number": 2,
        "entry_hash": entry.hash,
        "recorded_at": "2027-01-15T08:00:00.000Z",
        "amount": 1_000,
        "currency": "usd",
        "reference_sha256": hashlib.sha256(b"order-42").hexdigest(),
        "attempt": 2,
        "reasons": [],
        "will_retry_at": None,
        "refund": None,
        "dispute": None,
        "stripe": {"charge": ["ch_1"], "payment_intent": ["pi_1"]},
    }


# ------------------------------------------------------------------------------------ refunds, disputes

REFUND = refund_id(CHARGE_ID, "key-1")
TAKEN = (begun(1), told(SUCCEEDED, 1))


def of_refund(kind: str, refund: str = REFUND, at: int = 5_000, **detail: str) -> ChargeFact:
    amount: dict[str, Any] = {"amount": "400", "currency": "usd"} if kind in ("requested", "created") else {}
    named = None if kind == "requested" else f"re_{refund[-4:]}"
    about = ChargeKind(f"refund_{kind}")
    return charge_fact(about, at, "evt_r", about=refund, refund=named, **(amount | detail))


def of_dispute(kind: str, status: str, dispute: str = "du_1", at: int = 6_000, **detail: str) -> ChargeFact:
    said: dict[str, Any] = {"amount": "1000", "currency": "usd", "reason": "fraudulent", "status": status}
    about = ChargeKind(f"dispute_{kind}")
    return charge_fact(about, at, "evt_d", about=dispute, dispute=dispute, charge="py_1", **(said | detail))


REQUESTED, REFUNDED = of_refund("requested", actor="the-back-end"), of_refund("succeeded", at=5_200)
ACCEPTED = of_refund("created", at=5_100)
NOT_REFUNDED = of_refund("failed", at=5_300, reason="declined")
OPENED = of_dispute("opened", "needs_response", evidence_due_by="864000")
ANSWERED = of_dispute("changed", "under_review", at=6_100)
WON, LOST = of_dispute("closed", "won", at=6_200), of_dispute("closed", "lost", at=6_200)


@pytest.mark.parametrize(
    ("before", "facts", "said", "status"),
    [
        # Ours is created when it is requested, which Stripe then accepts.
        ([], [REQUESTED], "refund.created", "pending"),
        ([REQUESTED], [ACCEPTED], "charge.changed", "pending"),
        ([REQUESTED], [ACCEPTED, REFUNDED], "refund.succeeded", "succeeded"),
        ([REQUESTED], [NOT_REFUNDED], "refund.failed", "failed"),
        # One that was made in the Dashboard is first heard of from Stripe.
        ([], [ACCEPTED], "refund.created", "pending"),
        ([], [ACCEPTED, REFUNDED], "refund.succeeded", "succeeded"),
        ([ACCEPTED], [REFUNDED], "refund.succeeded", "succeeded"),
        # It may fail after it succeeded. A late report of the success must not be taken for the truth.
        ([ACCEPTED, REFUNDED], [NOT_REFUNDED], "refund.failed", "failed"),
        ([ACCEPTED, NOT_REFUNDED], [REFUNDED], "charge.changed", "failed"),
        ([], [ACCEPTED, REFUNDED, NOT_REFUNDED], "refund.failed", "failed"),
    ],
)
def test_what_is_said_of_a_refund(
    before: list[ChargeFact], facts: list[ChargeFact], said: str, status: str
) -> None:
    event = told_of(TAKEN, *([fact] for fact in before), facts)[-1]
    assert event.type == said
    assert event.detail["refund"]["status"] == status
    assert (event.detail["status"], event.detail["dispute"]) == ("succeeded", None)


@pytest.mark.parametrize(
    ("before", "facts", "said", "status"),
    [
        ([], [OPENED], "dispute.opened", "needs_response"),
        ([OPENED], [ANSWERED], "charge.changed", "under_review"),
        ([OPENED, ANSWERED], [WON], "dispute.closed", "won"),
        ([OPENED], [LOST], "dispute.closed", "lost"),
        # In any order: what is closed is not announced as opened.
        ([], [ANSWERED], "charge.changed", "under_review"),
        ([ANSWERED], [OPENED], "dispute.opened", "under_review"),
        ([], [LOST], "dispute.closed", "lost"),
        ([LOST], [OPENED], "charge.changed", "lost"),
        ([], [OPENED, WON], "dispute.closed", "won"),
        ([], [of_dispute("opened", "prevented")], "dispute.closed", "prevented"),
        # A status that Stripe has yet to introduce counts as open.
        ([OPENED], [of_dispute("closed", "some_new_status", at=7_000)], "charge.changed", "some_new_status"),
    ],
)
def test_what_is_said_of_a_dispute(
    before: list[ChargeFact], facts: list[ChargeFact], said: str, status: str
) -> None:
    event = told_of(TAKEN, *([fact] for fact in before), facts)[-1]
    assert event.type == said
    assert event.detail["dispute"]["status"] == status
    assert (event.detail["status"], event.detail["refund"]) == ("succeeded", None)


def test_a_refund_that_was_given_up_and_turned_up_is_not_told_as_failed() -> None:
    """The entry may be published late. Whoever heard of the failure then would refund again."""
    given_up = charge_fact(
        ChargeKind.REFUND_FAILED, 5_050, "api:advance", about=REFUND, reason="not_answered"
    )
    charge = new_charge()
    for facts in ([RESERVED], TAKEN, [REQUESTED]):
        charge, _ = added(charge, *facts)
    charge, entry = added(charge, given_up)
    assert charge_event(entry, charge).type == "refund.failed"
    charge, _ = added(charge, ACCEPTED)
    late = charge_event(entry, charge)
    assert (late.type, late.detail["refund"]["status"]) == ("charge.changed", "pending")


def test_what_an_event_tells_of_a_refund_and_of_a_dispute() -> None:
    made = told_of(TAKEN, [of_refund("requested", reason="duplicate")], [NOT_REFUNDED], [OPENED])
    assert made[-2].detail["refund"] == {
        "refund_id": REFUND,
        "amount": 400,
        "currency": "usd",
        "status": "failed",
        "reason": "duplicate",
        "failure": "declined",
    }
    assert made[-1].detail["dispute"] == {
        "dispute_id": "du_1",
        "status": "needs_response",
        "amount": 1_000,
        "currency": "usd",
        "reason": "fraudulent",
        "evidence_due_by": "1970-01-11T00:00:00Z",
    }
    assert made[-1].detail["stripe"] == {"charge": ["py_1"], "dispute": ["du_1"]}
    assert "the-back-end" not in json.dumps([event.detail for event in made])


@pytest.mark.parametrize("text", ["Ann's order", "Duplicate", "", "a" * 65])
def test_a_reason_that_is_no_word_stays_here(text: str) -> None:
    refund, dispute = of_refund("requested", reason=text), of_dispute("opened", "lost", reason=text)
    of_first, of_second = told_of(TAKEN, [refund], [dispute])[-2:]
    assert of_first.detail["refund"]["reason"] is of_second.detail["dispute"]["reason"] is None


def test_several_facts_in_one_entry_make_one_event() -> None:
    """A charge that is rebuilt from Stripe may have them. The members tell what the type does not."""
    event = told_of([begun(1)], [told(SUCCEEDED, 1), ACCEPTED, REFUNDED, OPENED])[-1]
    assert event.type == "charge.succeeded"
    assert (event.detail["refund"]["status"], event.detail["dispute"]["status"]) == (
        "succeeded",
        "needs_response",
    )
    assert told_of(TAKEN, [ACCEPTED, NOT_REFUNDED, OPENED])[-1].type == "dispute.opened"
    newer = refund_id(CHARGE_ID, "key-2")
    several = told_of(TAKEN, [NOT_REFUNDED, of_refund("requested", newer, at=5_500)])[-1]
    assert (several.type, several.detail["refund"]["refund_id"]) == ("refund.created", newer)


# ------------------------------------------------------------------------------------------------ retries

RETRIED = replace(RESERVED, detail={**RESERVED.detail, "retries": "1,3,7"})
DAY = 86_400


def test_a_soft_decline_says_when_it_is_retried_whenever_it_is_published() -> None:
    """Days after the first attempt: RetryDays. The next attempt may have been made by then."""
    first = begun(1).at
    facts = [
        fact
        for attempt, day in ((1, 0), (2, 1), (3, 3))
        for fact in (
            replace(begun(attempt), at=first + day * DAY),
            replace(failed(attempt, SOFT), at=first + day * DAY + 2),
        )
    ]
    charge, made = new_charge(), []
    for fact in (RETRIED, *facts):
        charge, entry = added(charge, fact, now=fact.at)
        made.append((entry, charge_event(entry, charge)))
    said = [event.detail["will_retry_at"] for _, event in made]
    assert said == [None, None, *days(first, 1), None, *days(first, 3), None, *days(first, 7)]
    assert [charge_event(entry, charge).detail["will_retry_at"] for entry, _ in made] == said


@pytest.mark.parametrize("retries", ["", "9"])
def test_no_retry_is_announced_that_does_not_come(retries: str) -> None:
    """After the last one, or at `charge_by` and later: no attempt is begun from then on."""
    reserved = replace(RESERVED, detail={**RESERVED.detail, "retries": retries})
    charge = added(new_charge(), reserved, begun(1))[0]
    charge, entry = added(charge, failed(1, SOFT))
    event = charge_event(entry, charge)
    validate(event)
    assert (event.detail["status"], event.detail["will_retry_at"]) == ("retrying", None)


def test_what_is_ours_to_mend_is_retried_too() -> None:
    charge = added(new_charge(), RETRIED, begun(1))[0]
    charge, entry = added(charge, failed(1, "api_key_expired", "401"), now=5_000)
    assert charge_event(entry, charge).detail["will_retry_at"] is not None


def days(since: int, number: int) -> list[str]:
    return [rfc3339(since + number * DAY)]


# --------------------------------------------------------------------------------------------------- all


def test_the_documentation_shows_a_real_event_and_every_type() -> None:
    text = (
        (SCHEMA_FILE.parents[2] / "docs" / "events.md").read_text(encoding="utf-8").partition("## Charges")[2]
    )
    event, refund, dispute = (json.loads(block) for block in re.findall(r"```json(.*?)```", text, re.DOTALL))
    for members in ({}, {"refund": refund}, {"dispute": dispute}):
        VALIDATOR.validate({**event, "detail": {**event["detail"], **members}})
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE)) == set(ChargeEventType)
    assert set(re.findall(r"`(\w+)`", text.partition("* `reasons`")[2].partition("* `stripe`")[0])) >= REASONS


def test_neither_reference_nor_description_nor_client_goes_out() -> None:
    outward = json.dumps([event.detail for event in told_of([begun(1)], [failed(1, SOFT)])])
    assert all(word not in outward for word in ("order-42", "Coffee", "Ann", "the-back-end", SOFT))


def test_an_erased_reference_has_no_digest() -> None:
    charge, entry = added(new_charge(), RESERVED)
    event = charge_event(entry, replace(charge, personal={}))
    assert event.detail["reference_sha256"] is None
    validate(event)


any_of_money = st.sampled_from([REQUESTED, ACCEPTED, REFUNDED, NOT_REFUNDED, OPENED, ANSWERED, WON, LOST])


@law
@given(any_facts, st.lists(any_fact | any_of_money, min_size=1, max_size=3))
def test_who_hears_the_events_hears_every_outcome(before: list[ChargeFact], new: list[ChargeFact]) -> None:
    """Where an entry makes a charge succeed, fail, need its customer or be cancelled, its event says so. And
    none says so of a charge that is not so."""
    charge = added(new_charge(), RESERVED, *before)[0]
    change = charge_change(charge, new, source="evt_1", now=Instant(1_800_000_000))
    if change is None:
        return
    event = charge_event(change.entry, change.after)
    validate(event)
    word = event.type.partition("charge.")[2]
    outcomes = FINAL | {ChargeStatus.NEEDS_CUSTOMER}
    if charge.status != change.after.status and change.after.status in outcomes:
        assert word == change.after.status
    if word in outcomes:
        assert word == change.after.status


def test_a_kind_and_a_status_from_the_future_are_a_change() -> None:
    charge, entry = added(new_charge(), RESERVED)
    fact = {"kind": "refunded", "qualifier": "", "at": 1, "source": "x", "ids": {}, "detail": {}}
    later = replace(entry, facts=(fact,), status="refunded")
    assert charge_event(later, charge).type == ChargeEventType.CHANGED
    validate(charge_event(replace(later, status="succeeded"), charge))


def test_a_reason_from_the_future_is_left_out() -> None:
    later = charge_fact(ChargeKind.ENDING, 9, "api:x", reason="ann@shop.example")
    charge, entry = added(added(new_charge(), RESERVED)[0], later)
    assert charge_event(entry, charge).detail["reasons"] == []


SUCCESS = told_of([begun(1)], [told(SUCCEEDED, 1)])[-1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer_id": "auth0|ann"},
        {"reference": "order-42"},
        {"schema": "charge-event/2"},
        {"charge_id": "auth0|ann"},
        {"mandate_id": "auth0|ann"},
        {"status": "failed"},
        {"kinds": []},
        {"kinds": ["ann@shop.example"]},
        {"number": 0},
        {"entry_hash": "abc"},
        {"recorded_at": "yesterday"},
        {"amount": 12.99},
        {"amount": 0},
        {"currency": "USD"},
        {"reference_sha256": "order-42"},
        {"attempt": None},
        {"attempt": 0},
        {"reasons": ["insufficient_funds"]},
        {"will_retry_at": "tomorrow"},
        {"refund": {}},
        {"dispute": {}},
        {"stripe": {"charge": ["ann@shop.example"]}},
    ],
    ids=str,
)
def test_the_schema_can_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate(OutwardEvent(SUCCESS.type, {**SUCCESS.detail, **wrong}))


@pytest.mark.parametrize("missing", sorted(SUCCESS.detail))
def test_every_member_is_always_there(missing: str) -> None:
    detail = {name: value for name, value in SUCCESS.detail.items() if name != missing}
    with pytest.raises(ValidationError, match=missing):
        validate(OutwardEvent(SUCCESS.type, detail))
