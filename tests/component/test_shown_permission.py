"""What a mandate permits, and what is used of it, as its customer and services see it."""

from collections import Counter

import pytest

from mandates.charges.agreements import agreements
from mandates.store.dynamodb import update
from mandates.store.tables import TermsRow
from tests.component.charging import active_mandate, head_of, reserved
from tests.component.world import CUSTOMER, STRANGER, Answer, World, customer, service
from tests.unit.charging import A_MONTH, NOW, terms

LIMITED = terms(per_period=A_MONTH)
NEXT_MONTH = NOW + 31 * 86_400


@pytest.fixture(autouse=True)
def today(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at(world, monkeypatch, NOW)


def at(world: World, monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    """Tokens are of the real time, so only what is shown is of another."""
    monkeypatch.setattr(world.function("read_mandates"), "agreements", lambda some, _: agreements(some, now))


def listed(world: World, limit: int = 20) -> Answer:
    return world.call(
        "read_mandates",
        "/customers/{customer_id}/mandates",
        path={"customer_id": CUSTOMER},
        query={"limit": str(limit)},
        caller=customer(),
    )


def test_a_mandate_shows_its_own_terms_and_what_its_charges_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id = active_mandate(LIMITED)
    reserved(mandate_id, NOW, "key-1", amount=700)
    reserved(mandate_id, NOW, "key-2", amount=599)
    shown = world.get_mandate(mandate_id).body
    assert shown["permission"]["limits"] == LIMITED.to_plain()["limits"]
    assert shown["permission"]["business_name"] == LIMITED.business_name
    assert (shown["spending"]["used"], shown["spending"]["left"]) == (1_299, A_MONTH.amount - 1_299)
    assert listed(world).body["mandates"][0].items() <= shown.items()
    assert world.get_mandate(mandate_id, service("mandates:read")).body == shown
    assert world.get_mandate(mandate_id, customer(STRANGER)).status == 404
    at(world, monkeypatch, NEXT_MONTH)
    later = world.get_mandate(mandate_id).body["spending"]
    assert (later["used"], later["left"]) == (0, A_MONTH.amount)
    assert later["period"]["start"] == shown["spending"]["period"]["end"]


def test_without_a_limit_for_periods_nothing_counts_what_is_used(world: World) -> None:
    shown = world.get_mandate(active_mandate(terms())).body
    assert "per_period" not in shown["permission"]["limits"]
    assert shown["spending"] is None


def test_a_page_reads_all_periods_at_once_and_each_terms_only_once(world: World) -> None:
    made = [active_mandate(LIMITED, f"pm_{number}", stripe_customer=f"cus_{number}") for number in range(3)]
    reserved(made[1], NOW, amount=700)
    first = listed(world).body["mandates"]
    assert {one["mandate_id"]: one["spending"]["used"] for one in first} == dict(
        zip(made, (0, 700, 0), strict=True)
    )
    before = len(world.calls)
    assert listed(world).body["mandates"] == first
    asked = Counter(
        table
        for call in world.calls[before:]
        if call.operation == "BatchGetItem"
        for table in call.parameters["RequestItems"]
    )
    assert asked == {"mandates": 1, "stripe_subjects": 1, "charges": 1}


@pytest.mark.parametrize(
    "altered",
    [
        lambda document: document | {"business_name": "Another Shop"},
        lambda document: document | {"limits": None},
        lambda document: {},
        None,
    ],
)
def test_terms_that_are_not_those_agreed_to_hide_only_the_permission(
    world: World, altered: object, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id, other = active_mandate(LIMITED), active_mandate(LIMITED, "pm_2")
    row = TermsRow.get("version", head_of(mandate_id).terms_version)
    if callable(altered):
        update(TermsRow, ("version", row.version), [TermsRow.document.set(altered(row.document))])
    else:
        row.delete()
    shown = world.get_mandate(mandate_id)
    assert (shown.status, shown.body["permission"], shown.body["spending"]) == (200, None, None)
    assert shown.body["status"] == "active"
    found = {one["mandate_id"]: one["permission"] for one in listed(world).body["mandates"]}
    assert found[mandate_id] is None
    assert found[other] is not None
    assert "BrokenLedgers" in capsys.readouterr().out


def test_terms_of_a_later_release_hide_the_permission_and_alarm_nobody(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mandate_id = active_mandate(LIMITED)
    update(TermsRow, ("version", head_of(mandate_id).terms_version), [TermsRow.format.set(99)])
    assert world.get_mandate(mandate_id).body["permission"] is None
    assert [record.message for record in caplog.records] == ["the terms of a mandate can't be shown"]
    assert "BrokenLedgers" not in capsys.readouterr().out
