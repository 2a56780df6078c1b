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
from mandates.core.charging.outward import REASONS, ChargeEventType, charge_event
from mandates.core.clock import Instant
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


def added(charge: Charge, *facts: ChargeFact) -> tuple[Charge, ChargeEntry]:
    """The charge once these facts are added, in one entry."""
    change = charge_change(charge, facts, source="evt_1", now=Instant(1_800_000_000))
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
        "stripe": {"charge": ["ch_1"], "payment_intent": ["pi_1"]},
    }


def test_the_documentation_shows_a_real_event_and_every_type() -> None:
    text = (
        (SCHEMA_FILE.parents[2] / "docs" / "events.md").read_text(encoding="utf-8").partition("## Charges")[2]
    )
    VALIDATOR.validate(json.loads(text.partition("```json")[2].partition("```")[0]))
    assert set(re.findall(r"^\| `(charge\.\w+)` \|", text, re.MULTILINE)) == set(ChargeEventType)
    assert set(re.findall(r"`(\w+)`", text.partition("* `reasons`")[2].partition("* `stripe`")[0])) >= REASONS


def test_neither_reference_nor_description_nor_client_goes_out() -> None:
    outward = json.dumps([event.detail for event in told_of([begun(1)], [failed(1, SOFT)])])
    assert all(word not in outward for word in ("order-42", "Coffee", "Ann", "the-back-end", SOFT))


def test_an_erased_reference_has_no_digest() -> None:
    charge, entry = added(new_charge(), RESERVED)
    event = charge_event(entry, replace(charge, personal={}))
    assert event.detail["reference_sha256"] is None
    validate(event)


@law
@given(any_facts, st.lists(any_fact, min_size=1, max_size=3))
def test_who_hears_the_events_hears_every_outcome(before: list[ChargeFact], new: list[ChargeFact]) -> None:
    """Where an entry makes a charge succeed, fail, need its customer or be cancelled, its event says so. And
    none says so of a charge that is not so."""
    charge = added(new_charge(), RESERVED, *before)[0]
    change = charge_change(charge, new, source="evt_1", now=Instant(1_800_000_000))
    if change is None:
        return
    event = charge_event(change.entry, change.after)
    validate(event)
    word = event.type.removeprefix("charge.")
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
