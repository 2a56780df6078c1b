"""Charges in the evidence pack, and that nothing it says about them can be altered unnoticed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mandates.core.canonical import canonical_json
from mandates.core.charging.proof import StoredCharge
from mandates.core.evidence_charges import POSITIONS_PER_PAGE
from mandates.core.evidence_check import page_problems, set_problems
from mandates.core.facts import utc
from mandates.core.ledger import GENESIS
from mandates.core.terms import Period, PeriodLimit
from tests.unit import charge_records as made
from tests.unit import refund_records as of_refunds
from tests.unit.charge_records import Books
from tests.unit.examples import SETUP_SUCCEEDED, our_own
from tests.unit.records import ERASED, TERMS, recorded
from tests.unit.test_evidence_pack import altered, file, page, problems


def books() -> Books:
    """A charge at its second attempt, a notice, and a charge that was given up before any."""
    mine = Books()
    mine.charge(*made.PAID_AT_THE_SECOND)
    mine.notice()
    mine.charge(made.created(), made.canceled(2), made.ending(2))
    return mine


def pages_of(mine: Books) -> list[dict[str, Any]]:
    count = -(-len(mine.made) // POSITIONS_PER_PAGE)
    firsts = [1 + POSITIONS_PER_PAGE * before for before in range(count)]
    return [
        page(mine.recorded(first, first + POSITIONS_PER_PAGE - 1), number)
        for number, first in enumerate(firsts, start=1)
    ]


def test_a_page_has_each_charge_with_what_it_was_made_under_and_its_chain() -> None:
    mine = books()
    evidence = page(mine.recorded())
    first, second = evidence["charges"]
    assert {name: first[name] for name in ("number", "status", "amount", "currency", "end_reason")} == {
        "number": 1,
        "status": "succeeded",
        "amount": 1_299,
        "currency": "usd",
        "end_reason": None,
    }
    assert first["stripe"] == {"payment_intent_id": "pi_1", "charge_id": "ch_1"}
    assert first["permission"] == {
        "number": 1,
        "previous": GENESIS,
        "mandate_entries": len(mine.record.entries),
        "mandate_hash": mine.record.entries[-1].hash,
        "terms_version": TERMS.version,
        "terms_digest": TERMS.digest,
    }
    assert [(one["attempt"], one["outcome"], one["said"].get("code")) for one in first["attempts"]] == [
        (1, "failed", "payment_method_provider_decline"),
        (2, "succeeded", None),
    ]
    assert [(value["name"], value["value"]) for value in first["personal_values"]] == [
        ("description", "Coffee"),
        ("reference", "order-0"),
    ]
    assert first["chain"]["length"] == 6
    assert first["ended_at"] == first["chain"]["entries"][-1]["recorded_at"]
    assert (second["status"], second["end_reason"], second["attempts"]) == ("canceled", "withdrawn", [])
    (notice,) = evidence["notices"]
    assert (notice["number"], notice["amount"], notice["date"]) == (2, 1_299, "2026-09-21")
    assert evidence["register"] == {
        "count": 3,
        "head_hash": mine.tip,
        "first": 1,
        "last": 3,
        "hash_before": GENESIS,
    }
    assert evidence["faults"] == []
    assert problems(file(evidence)) == []


def test_a_page_keeps_to_the_apis_description() -> None:
    described = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
    schema = {"$ref": "#/components/schemas/Evidence", "components": described["components"]}
    mine = Books(made.mandate(replace(TERMS, notice_hours=24)))
    mine.charge(*made.PAID_AT_THE_SECOND, notice=mine.notice())
    mine.charge(made.created(), made.canceled(2), made.ending(2))
    refused = {
        "reason": "too_frequent",
        "first": "2026-11-01T09:00:00.000Z",
        "last": "2026-11-01T09:00:00.000Z",
    }
    evidence = page(replace(mine.recorded(), refusals=[{**refused, "count": 1}]))
    for one in (evidence, page(of_refunds.refunded().recorded())):
        problems_found = Draft202012Validator(schema).iter_errors(json.loads(canonical_json(one)))
        assert [error.message for error in problems_found] == []


def test_a_mandate_without_charges_has_an_empty_register() -> None:
    evidence = page(made.mandate())
    assert (evidence["charges"], evidence["notices"], evidence["register"]["count"]) == ([], [], 0)
    assert problems(file(evidence)) == []


def test_the_notice_that_a_charge_was_made_under_is_shown_with_it() -> None:
    mine = Books(made.mandate(replace(TERMS, notice_hours=24)))
    notice = mine.notice()
    mine.charge(*made.PAID, notice=notice)
    evidence = page(mine.recorded())
    assert evidence["charges"][0]["notice"] == evidence["notices"][0]
    assert problems(file(evidence)) == []


def test_refunds_and_disputes_are_shown_with_their_charge() -> None:
    evidence = page(of_refunds.refunded().recorded())
    (charge,) = evidence["charges"]
    first, second, third = charge["refunds"]
    assert first == {
        "refund_id": of_refunds.FIRST,
        "status": "succeeded",
        "amount": 500,
        "currency": "usd",
        "reason": "requested_by_customer",
        "failure": None,
        "requested_at": utc(made.FIRST + 10),
        "requested_by": "the-back-end",
        "stripe_refund_id": "re_1",
    }
    assert (second["status"], second["failure"], second["stripe_refund_id"]) == ("failed", "declined", None)
    assert (third["status"], third["amount"], third["requested_by"]) == ("pending", 99, None)
    assert charge["disputes"] == [
        {
            "dispute_id": "du_1",
            "status": "won",
            "amount": 1_299,
            "currency": "usd",
            "reason": "fraudulent",
            "kind": "claim",
            "opened_at": utc(made.FIRST + 20),
            "evidence_due_by": None,
        }
    ]
    log = evidence["stripe_dispute_evidence"]["text"]["access_activity_log"]
    assert f"refund_requested {of_refunds.FIRST} of USD 5.00" in log
    assert "dispute_opened du_1" in log
    assert problems(file(evidence)) == []


def test_yen_are_never_multiplied_or_divided() -> None:
    limits = replace(TERMS.limits, currency="jpy", per_period=PeriodLimit(9_000, Period.MONTH, "Asia/Tokyo"))
    mine = Books(made.mandate(replace(TERMS, limits=limits)))
    mine.charge(*made.PAID, amount=1_299)
    evidence = page(mine.recorded())
    assert (evidence["charges"][0]["amount"], evidence["charges"][0]["currency"]) == (1_299, "jpy")
    assert "JPY 1299" in evidence["stripe_dispute_evidence"]["text"]["access_activity_log"]
    assert b"12.99" not in canonical_json(evidence)
    assert b"129900" not in canonical_json(evidence)


def test_what_was_written_about_an_erased_charge_is_said_to_be_erased() -> None:
    mine = books()
    erased = recorded([our_own(SETUP_SUCCEEDED), our_own(ERASED)], mandate_id=made.MANDATE_ID)
    without = replace(erased, personal={}, charging=mine.recorded().charging)
    charge = replace(without.charging.charges[0], personal={}, head=None)
    evidence = page(replace(without, charging=replace(mine.slice(1, 1), positions=[charge])))
    assert {"name": "reference", "erased": True, "value": None, "salt": None} in evidence["charges"][0][
        "personal_values"
    ]
    assert not any("personal_values" in fault for fault in evidence["faults"])
    kept = page(replace(mine.record, charging=replace(mine.slice(1, 1), positions=[charge])))
    assert (
        f"{charge.charge_id}: personal_values: gone without an erasure: description, reference"
        in kept["faults"]
    )


# ----------------------------------------------------------------------------------------------- pages


def test_a_register_is_split_into_pages_that_verify_together() -> None:
    mine = many(2 * POSITIONS_PER_PAGE + 1)
    pages = pages_of(mine)
    assert [(one["page"]["of"], one["page"]["next"]) for one in pages] == [(3, 2), (3, 3), (3, None)]
    assert [(one["register"]["first"], one["register"]["last"]) for one in pages] == [
        (1, POSITIONS_PER_PAGE),
        (POSITIONS_PER_PAGE + 1, 2 * POSITIONS_PER_PAGE),
        (2 * POSITIONS_PER_PAGE + 1,) * 2,
    ]
    assert pages[2]["ledger"]["entries"] == []
    assert problems(*map(file, reversed(pages))) == []
    missing = f"of 21 charges and notices, 11 to {2 * POSITIONS_PER_PAGE} are missing"
    assert f"the set of pages is incomplete: {missing}" in problems(file(pages[0]), file(pages[2]))
    with pytest.raises(IndexError):
        page(mine.recorded(31, 40), 4)


def test_a_page_from_before_the_next_charges_fits_to_those_from_after() -> None:
    mine = many(3)
    early = page(mine.recorded())
    for _ in range(POSITIONS_PER_PAGE):
        mine.charge(*made.PAID, amount=1)
    assert problems(file(early), *map(file, pages_of(mine))) == []


def test_a_register_that_was_made_anew_does_not_fit_to_an_earlier_pack() -> None:
    early, mine = page(many(3).recorded()), many(4, amount=2)
    found = problems(file(early), file(page(mine.recorded())))
    assert "number 1 of the register: two pages disagree about it" in found


def many(count: int, amount: int = 1) -> Books:
    mine = Books()
    for _ in range(count):
        mine.charge(*made.PAID, amount=amount)
    return mine


def test_charges_beyond_the_limits_show_in_a_whole_set_of_pages() -> None:
    """As when somebody lowered what the period says is used, and charged again."""
    mine = many(POSITIONS_PER_PAGE + 1, amount=10_000)
    assert problems(*map(file, pages_of(mine))) == [
        "period 2026-09-01: its charges hold 110000, above the limit of 100000"
    ]


# ------------------------------------------------------------------------------------ what can be altered


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from leaves(inner, (*path, name))
        case list():
            for at, inner in enumerate(value):
                yield from leaves(inner, (*path, at))
        case _:
            yield path


def with_another(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else f"{value}x"


def noticed() -> Books:
    mine = Books(made.mandate(replace(TERMS, notice_hours=24)))
    mine.charge(*made.PAID, notice=mine.notice())
    return mine


@pytest.mark.parametrize("made_up", [noticed, of_refunds.refunded])
def test_whatever_a_signed_pack_says_about_charges_has_to_follow_from_their_chains(
    made_up: Callable[[], Books],
) -> None:
    """Even if the key itself signed it: each value of each section, changed by itself."""
    data = file(page(made_up().recorded()))
    sections = {name: json.loads(data)["evidence"][name] for name in ("register", "charges", "notices")}
    tried = 0
    for path in leaves(sections):

        def change(pack: Any, path: tuple[Any, ...] = path) -> None:
            *outer, last = path
            found = pack["evidence"]
            for name in outer:
                found = found[name]
            found[last] = with_another(found[last])

        evidence = json.loads(altered(data, change, digests=True))["evidence"]
        assert [*page_problems(evidence), *set_problems([evidence])], path
        tried += 1
    assert tried > 80


def gone_from(pack: Any, name: str) -> None:
    del pack["evidence"][name][0]


@pytest.mark.parametrize("name", ["charges", "notices"])
def test_a_charge_or_notice_that_a_signed_pack_leaves_out_is_missed(name: str) -> None:
    mine = books()
    spoil = partial(gone_from, name=name)
    evidence = json.loads(altered(file(page(mine.recorded())), spoil, digests=True))["evidence"]
    number = 1 if name == "charges" else 2
    assert f"register: number {number} is missing" in problems(file(evidence))


def test_a_broken_chain_is_signed_as_broken() -> None:
    mine = books()
    charge = mine.made[0]
    assert isinstance(charge, StoredCharge)
    entries = [*charge.entries]
    entries[3] = replace(entries[3], recorded_at="2026-09-21T17:00:00.000Z")
    mine.made[0] = made.read_charge_again(replace(charge, entries=entries))
    evidence = page(mine.recorded())
    shown = evidence["charges"][0]
    assert (shown["status"], shown["chain"]["first_broken"], shown["chain"]["length"]) == (None, 4, 3)
    fault = f"{charge.charge_id}: entry 4 is the first that was altered, removed or put in"
    assert evidence["faults"] == [fault]
    assert problems(file(evidence)) == [f"1.json: faults: when this pack was made, {fault}"]


# ------------------------------------------------------------------------------------------------- size


def test_the_largest_page_fits_into_what_a_function_can_answer() -> None:
    """6 MB as JSON inside JSON: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    mine = Books()
    made.worst(mine)
    alone, empty = (
        len(json.dumps(canonical_json(page(one)).decode())) for one in (mine.recorded(), mine.record)
    )
    ledger_and_terms = 2 * 400_000 * 1.25
    largest = POSITIONS_PER_PAGE * (alone - empty) + ledger_and_terms
    print(f"a charge of 127 attempts: {alone - empty:,} bytes; the largest page: {largest:,.0f}")
    assert largest < 6_000_000
