"""Which event an entry makes, that every entry makes one, and that it holds nothing but ids and words."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from mandates.core.facts import Fact, Kind
from mandates.core.ledger import GENESIS, Entry, PersonalValue, append
from mandates.core.mandate import WITHDRAWING, Status
from mandates.core.outward import SOURCE, EventType, OutwardEvent, is_withdrawn, outward_event
from tests.unit.examples import AT, RECORDED_AT, SETUP_SUCCEEDED
from tests.unit.laws import facts as any_fact
from tests.unit.laws import law

SCHEMA_FILE = Path(__file__).parents[2] / "events" / "schemas" / "mandate-event.1.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
MANDATE_ID = "mdt_" + "a" * 24
PENDING, ACTIVE, EXPIRED, REVOKED = Status.PENDING, Status.ACTIVE, Status.EXPIRED, Status.REVOKED


def entry(*told: Fact, status: str = PENDING, **more: Any) -> Entry:
    return append(
        mandate_id=MANDATE_ID,
        length=0,
        head_hash=GENESIS,
        recorded_at=RECORDED_AT,
        source="evt_example",
        facts=told,
        status=status,
        **more,
    )


def of_kinds(*kinds: Kind, status: str) -> Entry:
    return entry(*(Fact(kind, AT, "evt_example") for kind in kinds), status=status)


def validate(event: OutwardEvent) -> None:
    """As EventBridge delivers it, with some of what it adds. Raises ValidationError."""
    delivered = {
        "version": "0",
        "account": "123456789012",
        "source": SOURCE,
        "detail-type": str(event.type),
        "detail": json.loads(json.dumps(event.detail)),
    }
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(delivered)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]["detail-type"]["enum"]) == set(EventType)


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (Kind.CONSENT_ACCEPTED, PENDING, "mandate.consented"),
        (Kind.SESSION_CREATED, PENDING, "mandate.checkout_opened"),
        (Kind.SESSION_COMPLETED, PENDING, "mandate.checkout_completed"),
        (Kind.SESSION_COMPLETED, ACTIVE, "mandate.checkout_completed"),
        (Kind.SETUP_FAILED, PENDING, "mandate.setup_failed"),
        (Kind.SETUP_SUCCEEDED, ACTIVE, "mandate.activated"),
        (Kind.SESSION_EXPIRED, EXPIRED, "mandate.expired"),
        (Kind.SESSION_CANCELLED, EXPIRED, "mandate.expired"),
        (Kind.SETUP_CANCELED, EXPIRED, "mandate.expired"),
        *((Kind.RETURNED, status, "mandate.returned") for status in (PENDING, ACTIVE, EXPIRED)),
        # Facts come in any order: nobody hears of an active mandate that it failed or expired.
        (Kind.SESSION_EXPIRED, ACTIVE, "mandate.changed"),
        (Kind.SETUP_CANCELED, ACTIVE, "mandate.changed"),
        (Kind.SETUP_FAILED, ACTIVE, "mandate.changed"),
        (Kind.SETUP_FAILED, EXPIRED, "mandate.changed"),
        # Whatever happens to a withdrawn mandate: it is withdrawn.
        (Kind.SETUP_SUCCEEDED, REVOKED, "mandate.withdrawn"),
        (Kind.SESSION_EXPIRED, REVOKED, "mandate.withdrawn"),
        *((kind, REVOKED, "mandate.withdrawn") for kind in sorted(WITHDRAWING)),
    ],
)
def test_what_is_said_of_a_fact(kind: Kind, status: Status, said: str) -> None:
    event = outward_event(of_kinds(kind, status=status))
    assert event.type == said
    assert event.detail["status"] == status
    validate(event)


def test_no_kind_was_forgotten() -> None:
    """A new kind has to be given a word, or to be left to `mandate.changed` on purpose (here)."""
    left = {
        kind
        for kind in set(Kind) - WITHDRAWING
        if {outward_event(of_kinds(kind, status=status)).type for status in (PENDING, ACTIVE, EXPIRED)}
        == {EventType.CHANGED}
    }
    assert left == set()


def test_a_withdrawal_says_why_where_its_entry_knows() -> None:
    both = outward_event(of_kinds(Kind.MANDATE_INACTIVE, Kind.DETACHED, status=REVOKED))
    assert both.detail["reasons"] == ["detached", "mandate_inactive"]
    assert outward_event(of_kinds(Kind.SESSION_COMPLETED, status=REVOKED)).detail["reasons"] == []
    assert "reasons" not in outward_event(entry(SETUP_SUCCEEDED, status=ACTIVE)).detail


def test_of_several_facts_the_weightiest_is_said() -> None:
    told = of_kinds(Kind.SESSION_COMPLETED, Kind.SETUP_SUCCEEDED, status=ACTIVE)
    assert outward_event(told).type == EventType.ACTIVATED
    assert outward_event(told).detail["kinds"] == ["session_completed", "setup_succeeded"]


def test_the_whole_of_an_event() -> None:
    told = entry(SETUP_SUCCEEDED, status=ACTIVE)
    assert outward_event(told).detail == {
        "schema": "mandate-event/1",
        "mandate_id": MANDATE_ID,
        "status": "active",
        "kinds": ["setup_succeeded"],
        "ledger_number": 1,
        "entry_hash": told.hash,
        "recorded_at": RECORDED_AT,
        "stripe": {
            "payment_method": ["pm_example"],
            "setup_intent": ["seti_example"],
            "stripe_mandate": ["mandate_example"],
        },
    }


def test_nothing_personal_and_no_wording_goes_out() -> None:
    consent = Fact(Kind.CONSENT_ACCEPTED, AT, "api:x", detail={"locale": "en", "note": "a-detail"})
    kept = {"source_ip": PersonalValue("203.0.113.7", "00" * 32)}
    told = entry(consent, text="the-wording", personal=kept)
    outward = json.dumps(outward_event(told).detail)
    assert all(kept not in outward for kept in ("a-detail", "the-wording", "203.0.113.7", "source_ip"))
    assert all(commitment not in outward for commitment in told.commitments.values())


@law
@given(st.lists(any_fact, min_size=1, max_size=4), st.sampled_from(Status))
def test_every_entry_makes_an_event_of_the_schema(told: list[Fact], status: Status) -> None:
    event = outward_event(entry(*told, status=status))
    assert (event.type == EventType.WITHDRAWN) == is_withdrawn(entry(*told, status=status))
    validate(event)


def test_a_kind_from_the_future_is_a_change() -> None:
    plain = {"kind": "charge_created", "at": AT, "source": "x", "ids": {}, "detail": {}}
    told = Entry(1, MANDATE_ID, 7, RECORDED_AT, "x", (plain,), "active", None, {}, "0" * 64, "1" * 64)
    assert outward_event(told).type == EventType.CHANGED
    validate(outward_event(told))


ACTIVATED = outward_event(entry(SETUP_SUCCEEDED, status=ACTIVE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer_id": "auth0|ann"},
        {"schema": "mandate-event/2"},
        {"mandate_id": "auth0|ann"},
        {"status": "revoked"},
        {"status": "paused"},
        {"kinds": []},
        {"kinds": ["ann@shop.example"]},
        {"ledger_number": 0},
        {"entry_hash": "abc"},
        {"recorded_at": "yesterday"},
        {"stripe": {"payment_method": ["ann@shop.example"]}},
        {"stripe": {"payment_method": []}},
        {"reasons": []},
    ],
    ids=str,
)
def test_the_schema_can_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate(OutwardEvent(ACTIVATED.type, {**ACTIVATED.detail, **wrong}))


def test_a_withdrawal_without_reasons_is_refused() -> None:
    withdrawn = outward_event(of_kinds(Kind.DETACHED, status=REVOKED))
    detail = {name: value for name, value in withdrawn.detail.items() if name != "reasons"}
    with pytest.raises(ValidationError, match="reasons"):
        validate(OutwardEvent(withdrawn.type, detail))


def test_the_documentation_shows_a_real_event_and_every_type() -> None:
    text = (SCHEMA_FILE.parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    Draft202012Validator(SCHEMA).validate(json.loads(text.partition("```json")[2].partition("```")[0]))
    assert set(re.findall(r"^\| `(mandate\.\w+)` \|", text, re.MULTILINE)) == set(EventType)
