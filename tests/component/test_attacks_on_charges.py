"""What somebody found who tried to break charges: each was possible once."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mandates.charges import agreements, standing
from mandates.charges.noticing import NoticeSent, record_notice
from mandates.charges.recording import record
from mandates.core.charging.calendar import day_of, end_of_day
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import Notice
from mandates.core.errors import ChargeRefused, LedgerUnreadable
from mandates.core.faults import faults
from mandates.core.terms import Terms
from mandates.ledger.snapshot import charges_at_rest, read_record
from mandates.store.charge_items import ChargeRow, NoticeRow
from mandates.store.charge_rows import charge_key
from mandates.store.charges import read_charge
from mandates.store.dynamodb import dynamodb_client, query_raw, update
from mandates.store.erasing import erase_charges
from mandates.store.mandates import read_heads
from mandates.store.raw_items import read_as_stored
from mandates.store.refusals import read_refusals
from ops.mandate import charging_faults
from tests.component.advancing import DAY, HOUR, Crash, Till, till_of
from tests.component.charging import CLIENT, active_mandate, begun, reserved
from tests.component.operating import main
from tests.component.test_charge_reservation import told
from tests.component.test_evidence import kms_signs_digests, pack, problems, published_keys
from tests.component.test_notices import PROMISED, THEN, sent, stored
from tests.component.world import World, stripes_clock
from tests.unit.charging import NOW, terms

__all__ = ["kms_signs_digests"]


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def all_faults(mandate_id: str) -> list[str]:
    """As `ops mandate verify` finds them."""
    charging = charges_at_rest(mandate_id)
    known = read_record(mandate_id, read_as_stored, charging.register)
    assert known
    return [*faults(known), *charging_faults(known, charging)]


def charge_of_id(charge_id: str) -> Charge:
    charge = read_charge(charge_id)
    assert charge
    return charge


# ------------------------------------------------------------------------------------------- money


@pytest.fixture
def promised(till: Till, monkeypatch: pytest.MonkeyPatch) -> Notice:
    """The terms promise an hour's notice, and there is one for tomorrow."""
    real: Callable[[str, str], Terms] = agreements.agreed_terms
    monkeypatch.setattr(
        standing,
        "agreed_terms",
        lambda version, digest: replace(real(version, digest), notice_hours=1, amount=None),
    )
    head = read_heads([till.mandate_id])[till.mandate_id]
    zone = real(head.terms_version, head.terms_digest).zone
    tomorrow = day_of(int(stripes_clock()) + DAY, zone)
    said = NoticeSent(till.mandate_id, 1_000, None, tomorrow, "message-1", CLIENT)
    recorded = record_notice(said, stripes_clock, os.urandom).notice
    ends = end_of_day(tomorrow, zone)
    assert ends
    till.world.advance_stripe(ends - 5 - stripes_clock())
    return recorded


def test_an_attempt_that_stripe_never_heard_of_is_not_made_on_another_day(
    till: Till, promised: Notice
) -> None:
    """It was begun on the notice's day, and nobody knows what came of it."""
    charge_id = till.reserve()

    def dies(_method: str, url: str) -> None:
        if url.endswith("/confirm"):
            raise Crash

    till.http.before = dies
    with pytest.raises(Crash):
        till.advance(charge_id)
    till.http.before = lambda _method, _url: None
    assert till.after(HOUR, charge_id).status is not ChargeStatus.SUCCEEDED
    assert till.taken == []


def test_one_notice_is_for_one_charge_even_after_a_late_success(till: Till, promised: Notice) -> None:
    lost = till.reserve()
    told(begun(charge_of_id(lost), 1), ChargeKind.INTENT_CANCELED)
    instead = till.reserve()
    till.script({"outcome": "declined", "code": "payment_method_provider_decline", "times": 1})
    till.advance(instead)
    told(charge_of_id(lost), ChargeKind.ATTEMPT_SUCCEEDED, attempt=1)
    assert stored(till.mandate_id, promised).charge_ids == {lost, instead}
    till.when_due(instead)
    assert till.taken == []


def test_no_attempt_is_begun_after_charge_by_however_long_a_create_takes(till: Till) -> None:
    charge_id = till.reserve(charge_by=int(stripes_clock()) + 3)

    def slow(_method: str, url: str) -> None:
        if url.endswith("/v1/payment_intents"):
            till.world.advance_stripe(6)

    till.http.after = slow
    till.advance(charge_id)
    assert till.taken == []
    assert all_faults(till.mandate_id) == []


# ---------------------------------------------------------------------------------------- insiders


def test_an_altered_notice_permits_nothing(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    notice = sent(mandate_id, now=NOW + 3 * HOUR).notice
    earlier = [NoticeRow.recorded_at.set("2026-11-20T00:00:00.000Z")]
    update(NoticeRow, (mandate_id, NoticeRow.key(notice.key)), earlier, NoticeRow.record.exists())
    with pytest.raises(ChargeRefused):
        reserved(mandate_id, THEN)


def test_altered_parameters_are_not_sent_to_stripe(till: Till) -> None:
    charge_id = till.reserve()
    params = {**charge_of_id(charge_id).create_params, "amount": 900_000}
    altered = [ChargeRow.create_params.set(params)]
    update(ChargeRow, charge_key(charge_id), altered, ChargeRow.record.exists())
    with pytest.raises(LedgerUnreadable):
        till.advance(charge_id)
    assert till.taken == []


def test_another_amount_that_was_taken_is_a_fault(till: Till) -> None:
    charge = begun(charge_of_id(till.reserve()), 1)
    told(charge, ChargeKind.ATTEMPT_SUCCEEDED, attempt=1, amount="900000")
    found = [fault for fault in all_faults(till.mandate_id) if "another amount" in fault]
    assert found == [f"{charge.charge_id}: attempt 1: it took another amount or currency than was reserved"]


def put(item: dict[str, Any]) -> None:
    dynamodb_client().put_item(TableName=ChargeRow.Meta.table_name, Item=item)


def item_of_key(mandate_id: str, record_key: str) -> dict[str, Any]:
    key = {"mandate_id": {"S": mandate_id}, "record": {"S": record_key}}
    answer = dynamodb_client().batch_get_item(RequestItems={ChargeRow.Meta.table_name: {"Keys": [key]}})
    (item,) = answer["Responses"][ChargeRow.Meta.table_name]
    return dict(item)


def test_an_item_that_looks_like_the_register_is_not_the_register(world: World) -> None:
    mandate_id = active_mandate(terms())
    reserved(mandate_id, NOW)
    real = item_of_key(mandate_id, "register")
    put({**real, "record": {"S": "registerx"}})
    before = all_faults(mandate_id)
    assert "registerx: no release writes such an item" in before
    put({**real, "entries": {"N": "0"}, "head_hash": {"S": "0" * 64}})
    assert set(all_faults(mandate_id)) > set(before)


def test_nobodys_own_words_are_signed_as_a_refusal(world: World) -> None:
    mandate_id = active_mandate(terms())
    key = "refusal#the customer agreed by phone"
    put(
        {
            "mandate_id": {"S": mandate_id},
            "record": {"S": key},
            "format": {"N": "1"},
            "first": {"S": "2026-11-27T12:00:00.000Z"},
            "last": {"S": "2026-11-27T12:00:00.000Z"},
            "count": {"N": "1"},
        }
    )
    assert read_refusals(mandate_id) == []
    assert [fault for fault in all_faults(mandate_id) if fault.startswith(key)]


# ----------------------------------------------------------------------------------- at other times


def test_pages_of_different_times_allege_nothing(
    till: Till, kms_signs_digests: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A charge was open on the first page. It ended, and another took its reference on the second."""
    world, mandate_id = till.world, till.mandate_id
    given_up = till.reserve(amount=100, reference="same")
    for _ in range(9):
        till.advance(till.reserve(amount=100))
    first = pack(world, mandate_id)
    told(charge_of_id(given_up), ChargeKind.ENDING, reason="not_permitted")
    till.advance(till.reserve(amount=100, reference="same"))
    second = pack(world, mandate_id, "2")
    assert problems(world, first, second) == []
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for file, page in zip(files, (first, second), strict=True):
        file.write_bytes(page)
    key = published_keys(world)[0]["fingerprint"]
    assert main(["evidence", "verify", *map(str, files), "--key", key]) == 0
    assert "the register is complete: 11 charges and notices" in capsys.readouterr().out


def test_a_late_success_brings_nothing_back_that_was_erased(world: World) -> None:
    mandate_id = active_mandate(terms())
    stale = told(begun(reserved(mandate_id, NOW).charge, 1), ChargeKind.INTENT_CANCELED)
    erase_charges(mandate_id)
    succeeded = charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, NOW, "api:test", attempt=1)
    record(
        stale.charge_id,
        lambda _charge, _now: [succeeded],
        source="api:test",
        clock=lambda: NOW,
        known=stale,
    )
    assert charge_of_id(stale.charge_id).status is ChargeStatus.SUCCEEDED
    records = [item["record"]["S"] for item in query_raw(ChargeRow, ChargeRow.mandate_id == mandate_id)]
    assert not [one for one in records if one.startswith("reference#")]
