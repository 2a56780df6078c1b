"""Mandates and charges by the day on which they were made: found by an index, decided by their heads."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mandates.api.cursors import to_cursor
from mandates.core.changes import Contribution
from mandates.core.clock import Instant
from mandates.core.mandate import Mandate
from mandates.ledger.contributing import work_out
from mandates.store import by_day
from mandates.store.by_day import DayPosition
from mandates.store.days import SHARDS, shard_of
from mandates.store.dynamodb import query_raw, update
from mandates.store.mandates import commit, read_heads
from mandates.store.tables import HeadRow
from ops.tables_backfill import mandates_without_a_day
from tests.component.charging import active_mandate, reserved
from tests.component.operating import main
from tests.component.test_privacy import run as erase
from tests.component.world import CUSTOMER, TABLES, Answer, World, customer, service
from tests.unit.charging import NOW, terms

READS = service("mandates:read")
DAY, DAY_BEFORE, DAY_AFTER = "2026-11-27", "2026-11-26", "2026-11-28"
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.stack.Stack.outputs", {logical_id: name for name, logical_id in TABLES.items()})


def listed(
    world: World,
    kind: str,
    day: str | None,
    *,
    caller: Mapping[str, str] = READS,
    query: Mapping[str, str] | None = None,
) -> Answer:
    asked = {**({"created_on": day} if day is not None else {}), **(query or {})}
    return world.call(f"read_{kind}", f"/{kind}", query=asked, caller=caller)


def made(number: int, at: float) -> str:
    """The id of a pending mandate, which spreads over the shards by its number."""
    suffix = f"{'a' * 21}{''.join(LETTERS[(number >> (5 * place)) % 32] for place in (2, 1, 0))}"
    now = Instant(at)
    mandate = Mandate(
        mandate_id=f"mdt_{suffix}",
        customer_id=f"auth0|{number}",
        stripe_customer_id=f"cus_{number}",
        created_at=now.text,
        terms_version="none",
        terms_digest="0" * 64,
        locale="en",
        wording_digest="0" * 64,
    )
    consent = Contribution("api:consent", (mandate.accepted(now.seconds, "api:consent"),))
    commit(work_out({mandate.mandate_id: [consent]}, {mandate.mandate_id: mandate}, now, {}), now)
    return mandate.mandate_id


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def all_pages(world: World, kind: str, day: str, **query: str) -> list[list[str]]:
    """The ids on each page."""
    name, pages, cursor = f"{kind.removesuffix('s')}_id", list[list[str]](), ""
    while True:
        page = listed(world, kind, day, query={"cursor": cursor, **query}).body
        pages.append([one[name] for one in page[kind]])
        cursor = page["next_cursor"]
        if cursor is None:
            return pages


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_a_day_comes_newest_first_across_its_shards_and_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """Even where all of it was made in the same millisecond: DynamoDB promises no order there."""

    def in_another_order(*asked: Any, **words: Any) -> list[Any]:
        by_id = sorted(query_raw(*asked, **words), key=lambda item: item["mandate_id"]["S"])
        return sorted(by_id, key=lambda item: item["created_at"]["S"], reverse=True)

    monkeypatch.setattr(by_day, "query_raw", in_another_order)
    ids = [made(number, at("2026-11-27T12:00:00+00:00") + step * number) for number in range(23)]
    assert {shard_of(mandate_id) for mandate_id in ids} == set(SHARDS)
    pages = all_pages(world, "mandates", DAY, limit="7")
    assert [len(page) for page in pages] == [7, 7, 7, 2]
    assert [mandate_id for page in pages for mandate_id in page] == ids[::-1] if step else sorted(ids)[::-1]
    assert all_pages(world, "mandates", DAY, limit="23") == [[one for page in pages for one in page]]


def test_what_is_made_meanwhile_moves_nothing(world: World) -> None:
    noon = at("2026-11-27T12:00:00+00:00")
    ids = [made(number, noon + number) for number in range(6)]
    first = listed(world, "mandates", DAY, query={"limit": "3"}).body
    made(100, noon + 100)
    then = listed(world, "mandates", DAY, query={"limit": "3", "cursor": first["next_cursor"]}).body
    assert [one["mandate_id"] for one in (*first["mandates"], *then["mandates"])] == ids[::-1]
    assert then["next_cursor"] is None


def test_a_day_begins_and_ends_at_midnight_in_utc(world: World) -> None:
    last = made(1, at("2026-11-26T23:59:59.999+00:00"))
    first = made(2, at("2026-11-27T00:00:00+00:00"))
    latest = made(3, at("2026-11-27T23:59:59.999+00:00"))
    next_ = made(4, at("2026-11-28T00:00:00+00:00"))
    assert all_pages(world, "mandates", DAY_BEFORE) == [[last]]
    assert all_pages(world, "mandates", DAY) == [[latest, first]]
    assert all_pages(world, "mandates", DAY_AFTER) == [[next_]]
    for day in ("0001-01-01", "1969-12-31", "9999-12-31", "2024-02-29"):
        assert all_pages(world, "mandates", day) == [[]]


def test_a_status_is_compared_after_the_read_so_pages_are_short(world: World) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    begun = world.begun()["mandate_id"]
    world.revoke(begun)
    other = world.post_checkout(locale="de").body["mandate_id"]
    assert all_pages(world, "mandates", today, limit="1") == [[other], [begun]]
    assert all_pages(world, "mandates", today, limit="1", status="revoked") == [[], [begun]]
    (shown,) = listed(world, "mandates", today, query={"status": "pending"}).body["mandates"]
    assert shown.items() <= world.get_mandate(other).body.items()
    assert all_pages(world, "mandates", today, status="expired") == [[]]


def test_charges_of_a_day_of_all_mandates(world: World) -> None:
    first = active_mandate(terms())
    second = active_mandate(terms(), "pm_2", customer_id="auth0|bob", stripe_customer="cus_2")
    ids = [
        reserved(mandate_id, NOW + number, f"key-{number}").charge.charge_id
        for number, mandate_id in enumerate([first, second, first, second, first])
    ]
    assert all_pages(world, "charges", DAY, limit="2") == [ids[4:2:-1], ids[2:0:-1], ids[:1]]
    assert all_pages(world, "charges", DAY, status="succeeded", limit="3") == [[], []]
    shown = listed(world, "charges", DAY, query={"status": "pending"}).body["charges"]
    assert [charge["charge_id"] for charge in shown] == ids[::-1]
    assert shown[0]["payment_intent_id"] is None, "a service sees what Stripe has"
    assert all_pages(world, "charges", DAY_BEFORE) == [[]]


@pytest.mark.parametrize("kind", ["mandates", "charges"])
def test_only_a_service_with_the_scope_may_list_a_day(world: World, kind: str) -> None:
    for caller in (customer(), service(), service("mandates:write", "charges:write", "refunds:write")):
        refused = listed(world, kind, DAY, caller=caller)
        assert (refused.status, refused.body["code"]) == (403, "insufficient_scope")
        assert listed(world, kind, "wrong", caller=caller).status == 403, "before anything else"


WRONG_DAYS = [None, "", "2026-11-31", "2026-02-29", "2026-1-1", "20261127", "2026-W48-5", "27.11.2026"]
WRONG_DAYS += ["2026-11-27T00:00:00Z", " 2026-11-27", "2026-11-27\n", "٢٠٢٦-11-27", "10000-01-01", "a" * 5000]


@pytest.mark.parametrize("kind", ["mandates", "charges"])
def test_a_wrong_query_is_named(world: World, kind: str) -> None:
    wrong: list[tuple[str | None, dict[str, str]]] = [(day, {}) for day in WRONG_DAYS]
    wrong += [(DAY, {"status": status}) for status in ("", "ACTIVE", "active,pending", "unknown")]
    wrong += [(DAY, {"limit": "101"}), (DAY, {"cursor": "x"})]
    other = to_cursor(DayPosition("2026-11-26T12:00:00.000Z", "mdt_a"))
    of_customer = base64.urlsafe_b64encode(json.dumps({"created_at": DAY, "mandate_id": "mdt_a"}).encode())
    wrong += [(DAY, {"cursor": cursor}) for cursor in (other, of_customer.decode().rstrip("="))]
    for day, query in wrong:
        refused = listed(world, kind, day, query=query)
        assert (refused.status, refused.body["code"]) == (400, "invalid_request"), (day, query)
        assert next(iter(query), "created_on") in refused.body["detail"]


def test_the_index_finds_and_the_head_decides(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the index has, and no head, is left out; the page after it is reached all the same."""
    ids = [made(number, at("2026-11-27T12:00:00+00:00") + number) for number in range(4)]
    monkeypatch.setattr(
        by_day,
        "read_heads",
        lambda asked: {one: head for one, head in read_heads(asked).items() if one not in {ids[3], ids[2]}},
    )
    assert all_pages(world, "mandates", DAY, limit="2") == [[], [ids[1], ids[0]]]


# ------------------------------------------------------------------------------- keys that are missing


def without_key(mandate_id: str) -> None:
    """As release 0.1.0 wrote it."""
    update(HeadRow, (mandate_id, HeadRow.RECORD), [HeadRow.created_on.remove()])


def test_a_head_of_the_first_release_gets_its_key_with_its_next_fact(world: World) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    mandate_id = world.begun()["mandate_id"]
    without_key(mandate_id)
    assert all_pages(world, "mandates", today) == [[]]
    world.revoke(mandate_id)
    assert all_pages(world, "mandates", today) == [[mandate_id]]


def index_of(day: str) -> list[set[str]]:
    """The names of the attributes that the index has of each head of that day."""
    items = [
        item
        for shard in SHARDS
        for item in query_raw(HeadRow, HeadRow.created_on == f"{day}#{shard}", index=HeadRow.by_created_on)
    ]
    return [set(item) for item in items]


def test_operators_fill_in_the_rest(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [made(number, at("2026-11-27T12:00:00+00:00") + number) for number in range(5)]
    for mandate_id in ids[:3]:
        without_key(mandate_id)
    before = {mandate_id: HeadRow.get(mandate_id, HeadRow.RECORD).serialize() for mandate_id in ids[3:]}
    assert main(["tables", "backfill"]) == 0
    assert "3 mandates got the key" in capsys.readouterr().out
    assert all_pages(world, "mandates", DAY) == [ids[::-1]]
    assert {one: HeadRow.get(one, HeadRow.RECORD).serialize() for one in before} == before
    assert main(["tables", "backfill"]) == 0
    assert "0 mandates got the key" in capsys.readouterr().out


def test_a_head_of_a_later_release_is_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = made(1, at("2026-11-27T12:00:00+00:00"))
    without_key(mandate_id)
    update(HeadRow, (mandate_id, HeadRow.RECORD), [HeadRow.format.set(99)])
    assert main(["tables", "backfill"]) == 1
    assert "format 99" in capsys.readouterr().err
    assert index_of(DAY) == []


@pytest.mark.moto
def test_a_table_is_read_page_by_page(world: World) -> None:
    ids = [made(number, at("2026-11-27T12:00:00+00:00")) for number in range(4)]
    for mandate_id in ids:
        without_key(mandate_id)
    assert sorted(one for one, _ in mandates_without_a_day(at_a_time=3)) == sorted(ids)


# ---------------------------------------------------------------------------------------------- privacy


def test_an_erased_customers_mandate_is_listed_without_them(world: World) -> None:
    """Its head stays by design, under a pseudonym, and the index has nothing that is personal."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    mandate_id = world.begun()["mandate_id"]
    assert listed(world, "mandates", today).body["mandates"][0]["customer_id"] == CUSTOMER
    erase()
    (shown,) = listed(world, "mandates", today).body["mandates"]
    assert shown["mandate_id"] == mandate_id
    assert shown["customer_id"].startswith("erased:")
    assert CUSTOMER not in json.dumps(shown)
    assert index_of(today) == [{"mandate_id", "record", "created_on", "created_at", "format"}]
