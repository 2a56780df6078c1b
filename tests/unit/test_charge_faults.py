"""What the chain of a charge proves, and that whatever is altered around it is named."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from mandates.core.charging.charge_faults import charge_faults, slice_faults
from mandates.core.charging.head import Charge
from mandates.core.charging.proof import StoredCharge, proven_charge
from mandates.core.charging.register import Register
from mandates.core.charging.usage_faults import StoredUsage, over_use, proofs_of, usage_faults
from mandates.core.faults import faults
from mandates.core.record import proven
from mandates.core.terms import Terms
from tests.unit import charge_records as made
from tests.unit.charging import MONTHLY, ONE_TIME
from tests.unit.charging import terms as terms_without_texts
from tests.unit.records import TERMS


def terms(*frequency: Any, **changes: Any) -> Terms:
    return replace(terms_without_texts(*frequency, **changes), texts=TERMS.texts)


NOTICE = terms(notice_hours=24, per_charge=30_000, currency="usd")


def whole() -> made.Books:
    """Everything that a register can have."""
    register = made.Books()
    register.charge(*made.PAID_AT_THE_SECOND)
    register.notice()
    register.charge(made.created(), made.begun(1, 2), made.failed(1, 3))
    register.charge(made.created(), made.canceled(2), made.ending(2))
    return register


def test_what_nobody_altered_has_no_faults() -> None:
    register = whole()
    assert faults(register.recorded()) == []
    for charge in register.slice().charges:
        assert charge.head
        known = proven_charge(charge)
        assert known.facts == charge.head.facts
        assert known.status == charge.head.status


@pytest.mark.parametrize("agreed", [terms(MONTHLY, currency="usd"), terms(ONE_TIME, currency="usd")])
def test_windows_are_those_of_the_time(agreed: Any) -> None:
    register = made.Books(made.mandate(agreed))
    register.charge(*made.PAID)
    assert faults_of(register) == []


def faults_of(register: made.Books) -> list[str]:
    part = register.slice()
    return slice_faults(part, proven(register.record))


ALTERED_HEADS: dict[str, Any] = {
    "charge_id": "chg_" + "b" * 24 + "_" + "c" * 16,
    "number": 7,
    "created_at": "2026-01-01T00:00:00.000Z",
    "personal": {},
    "digest": "0" * 64,
    "create_params": {
        "amount": 129_900,
        "currency": "usd",
        "customer": "cus_example",
        "description": "Coffee",
    },
    "facts": {},
    "entries": 2,
    "head_hash": "0" * 64,
    "confirm": None,
    "due_at": 5,
}


@pytest.mark.parametrize("name", ALTERED_HEADS)
def test_each_attribute_of_a_head_follows_from_the_chain(name: str) -> None:
    register = made.Books()
    charge = register.charge(*made.PAID)
    assert charge.head
    altered = replace(charge, head=replace(charge.head, **{name: ALTERED_HEADS[name]}))
    if name == "personal":
        altered = replace(altered, personal={})
    found = charge_faults(made.read_charge_again(altered), proven(register.record))
    assert found
    assert all(fault.startswith(f"{charge.charge_id}: ") for fault in found)


def test_every_attribute_of_a_head_is_compared() -> None:
    assert {field.name for field in fields(Charge)} == ALTERED_HEADS.keys()


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("name", ["charge_id", "recorded_at", "source", "facts", "status", "number", "hash"])
def test_an_entry_that_was_altered_breaks_the_chain(name: str, number: int) -> None:
    register = made.Books()
    charge = register.charge(*made.PAID_AT_THE_SECOND)
    entries = list(charge.entries)
    other: Any = {"number": 9, "facts": ()}.get(name, "x")
    entries[number - 1] = replace(entries[number - 1], **{name: other})
    found = charge_faults(made.read_charge_again(replace(charge, entries=entries)), proven(register.record))
    assert f"{charge.charge_id}: entry {number} is the first that was altered, removed or put in" in found


def test_a_permission_must_be_an_entry_at_which_the_mandate_was_active() -> None:
    register = made.Books()
    register.record = replace(register.record, entries=register.record.entries[:1])
    charge = register.charge(*made.PAID)
    whole_mandate = made.mandate()
    assert charge_faults(charge, proven(whole_mandate)) == [
        f"{charge.charge_id}: permission: the mandate was not active at its entry 1"
    ]
    other = made.mandate(revoked=True)
    charge = made.Books(other).charge(*made.PAID)
    assert f"{charge.charge_id}: permission: the mandate was not active at its entry 5" in charge_faults(
        charge, proven(other)
    )
    assert f"{charge.charge_id}: permission: the mandate's ledger has no such entry" in charge_faults(
        charge, proven(whole_mandate)
    )


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        (terms(currency="jpy"), "terms: they are in another currency"),
        (terms(per_charge=1_298), "terms: they don't allow that amount"),
        (terms(amount=1_300), "terms: they don't allow that amount"),
        (terms(first_date="2027-01-01"), "reserved: it is before the first agreed day"),
        (terms(last_date="2026-01-01"), "attempt 1: it is after the last agreed day"),
        (terms(MONTHLY), "permission: its anchor is not a day on which the set-up succeeded"),
        (terms(ONE_TIME), "reserved: its window is not the one of its time"),
        (NOTICE, "notice: the terms promise one, and its permission names none"),
    ],
)
def test_the_terms_must_allow_what_was_charged(agreed: Any, said: str) -> None:
    register = made.Books(made.mandate(terms()))
    charge = register.charge(*made.PAID)
    assert charge_faults(charge, proven(register.record)) == []
    under_others = replace(proven(register.record), terms=agreed)
    assert f"{charge.charge_id}: {said}" in charge_faults(charge, under_others)


def test_the_notice_must_be_the_one_that_the_permission_names_and_cover_the_charge() -> None:
    register = made.Books(made.mandate(NOTICE))
    notice = register.notice()
    charge = register.charge(*made.PAID, notice=notice)
    assert faults_of(register) == []
    known = proven(register.record)
    for altered, said in [
        (None, "the one that its permission names is not stored"),
        (replace(notice, amount=1), "what is stored is not the one that its permission names"),
        (replace(notice, recorded_at="2026-01-01T00:00:00.000Z"), "what is stored is not the one"),
    ]:
        (found,) = charge_faults(replace(charge, notice=altered), known)
        assert said in found
    late = made.Books(made.mandate(NOTICE))
    for notice in (late.notice(amount=1_300), late.notice(days_ahead=1)):
        other = late.charge(*made.PAID, notice=notice)
        assert any("notice: it " in fault for fault in charge_faults(other, known))


# --------------------------------------------------------------------------------------------- register


def test_a_register_has_every_number_once_in_one_chain() -> None:
    register = whole()
    known, part = proven(register.record), register.slice()
    for at, position in enumerate(part.positions):
        without = [*part.positions[:at], None, *part.positions[at + 1 :]]
        assert f"register: number {at + 1} is missing" in slice_faults(
            replace(part, positions=without), known
        )
        for other in part.positions:
            swapped = [*part.positions[:at], other, *part.positions[at + 1 :]]
            found = slice_faults(replace(part, positions=swapped), known)
            assert (found == []) == (other is position)
    for count, tip in ((3, register.tip), (4, "0" * 64), (0, part.register.hash)):
        assert slice_faults(replace(part, register=Register(count, tip)), known)
    first, second = made.Books(), whole()
    first.charge(*made.PAID, amount=5)
    other_first = [first.made[0], *second.made[1:]]
    assert "register: the chain is broken between number 2 and the one before it" in slice_faults(
        replace(part, positions=other_first), known
    )


def test_a_notice_that_was_altered_is_named() -> None:
    register = whole()
    known, part = proven(register.record), register.slice()
    (notice,) = part.notices
    for altered in (
        replace(notice, amount=5),
        replace(notice, day=date(2026, 1, 1)),
        replace(notice, actor="x"),
        replace(notice, personal={}),
        replace(notice, commitments={}),
        replace(notice, hash="0" * 64),
    ):
        positions = [altered if one is notice else one for one in part.positions]
        found = slice_faults(replace(part, positions=positions), known)
        assert any(fault.startswith(f"{notice.notice_id}: ") for fault in found)


# ------------------------------------------------------------------------------------------ all together


def key_of(reference: str) -> str:
    return f"sha of {reference}"


def stored_usage(register: made.Books) -> StoredUsage:
    first, second = (charge.charge_id for charge in register.slice().charges[:2])
    return StoredUsage(
        used={"2026-09-01": 2_598},
        references={key_of("order-0"): frozenset({first}), key_of("order-2"): frozenset({second})},
        declined={"2026-09-21": 2},
        open_charges=frozenset({second}),
    )


def test_what_is_stored_of_the_use_is_what_the_chains_give() -> None:
    register = whole()
    proofs, usage = proofs_of(register.slice().charges), stored_usage(register)
    notices = register.slice().notices
    assert list(usage_faults(usage, proofs, notices, key_of)) == []
    alterations: list[dict[str, Any]] = [
        {"used": {"2026-09-01": 1_299}},
        {"used": {**usage.used, "2026-10-01": 5}},
        {"windows": {"2026-09-01": frozenset({"chg"})}},
        {"references": {}},
        {"declined": {}},
        {"declined": {"2026-09-21": 1}},
        {"open_charges": frozenset()},
        {"anchor": "2026-09-21"},
    ]
    for altered in alterations:
        assert list(usage_faults(replace(usage, **altered), proofs, notices, key_of))
    mine = [replace(notices[0], charge_ids=frozenset({register.slice().charges[0].charge_id}))]
    assert list(usage_faults(usage, proofs, mine, key_of)) == [
        f"{notices[0].notice_id}: its charge is not the one that was made under it"
    ]


def test_charges_above_the_limits_are_named() -> None:
    register = made.Books()
    for _ in range(4):
        register.charge(*made.PAID, amount=30_000)
    assert list(over_use(proofs_of(register.slice().charges), proven(register.record))) == [
        "period 2026-09-01: its charges hold 120000, above the limit of 100000"
    ]
    weekly = made.Books(made.mandate(terms(MONTHLY)))
    ids = sorted(weekly.charge(*made.PAID).charge_id for _ in range(2))
    assert list(over_use(proofs_of(weekly.slice().charges), proven(weekly.record))) == [
        f"one window is held by several charges: {', '.join(ids)}"
    ]
    noticed = made.Books(made.mandate(NOTICE))
    notice = noticed.notice()
    ids = sorted(noticed.charge(*made.PAID, notice=notice).charge_id for _ in range(2))
    assert list(over_use(proofs_of(noticed.slice().charges), proven(noticed.record))) == [
        f"one notice is held by several charges: {', '.join(ids)}"
    ]


def test_a_success_after_its_room_was_given_up_counts_and_is_no_over_use() -> None:
    register = made.Books()
    for _ in range(3):
        register.charge(*made.PAID, amount=30_000)
    late = made.created(), made.begun(1, 2), made.ending(3), made.canceled(4), made.succeeded(1, 5)
    charge = register.charge(*late, amount=30_000)
    assert proven_charge(charge).late
    proofs = proofs_of(register.slice().charges)
    assert list(over_use(proofs, proven(register.record))) == []
    usage = StoredUsage(
        used={"2026-09-01": 120_000},
        references={key_of(f"order-{at}"): frozenset({id_}) for at, id_ in enumerate(proofs)},
    )
    assert list(usage_faults(usage, proofs, [], key_of)) == []


def test_one_reference_is_held_by_one_charge() -> None:
    register = made.Books()
    charge = register.charge(*made.PAID)
    copied: StoredCharge = replace(charge, charge_id="chg_other")
    assert list(over_use(proofs_of([charge, copied]), proven(register.record))) == [
        f"one reference is held by several charges: {charge.charge_id}, chg_other"
    ]
