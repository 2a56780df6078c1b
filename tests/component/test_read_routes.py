"""Lists of mandates and ledgers, page by page; customers; terms."""

import base64
from typing import Any

import msgspec
import pytest

from mandates.api.cursors import to_cursor
from mandates.core.facts import Fact, Kind
from mandates.core.ledger import Entry
from mandates.core.subjects import payment_method_subject
from mandates.store import mandates as mandates_store
from mandates.store.mandates import (
    LedgerPosition,
    Position,
    add_subject_facts,
    entry_from_row,
    page_of_ledger,
    read_heads,
    read_ledger,
)
from mandates.store.tables import EntryRow, SubjectRow
from tests.component.world import CUSTOMER, STRANGER, Answer, World, customer, service

EMPTY = base64.urlsafe_b64encode(b'{"created_at":"","mandate_id":""}').decode().rstrip("=")


def listed(world: World, query: dict[str, str] | None = None, customer_id: str = CUSTOMER) -> Answer:
    return world.call(
        "read_mandates",
        "/customers/{customer_id}/mandates",
        path={"customer_id": customer_id},
        query=query,
        caller=customer(customer_id),
    )


def test_page_by_page_newest_first(world: World) -> None:
    world.put_customer()
    made = [
        world.post_checkout(locale=locale).body["mandate_id"] for locale in ("en", "de", "en", "de", "en")
    ]
    found: list[str] = []
    query = {"limit": "2"}
    for _ in range(9):
        page = listed(world, query).body
        found += [mandate["mandate_id"] for mandate in page["mandates"]]
        if page["next_cursor"] is None:
            break
        assert len(page["mandates"]) == 2
        query = {"limit": "2", "cursor": page["next_cursor"]}
    assert found == made[::-1]


def test_a_cursor_reaches_no_other_customers_mandates(world: World) -> None:
    world.put_customer()
    for locale in ("en", "de"):
        world.post_checkout(locale=locale)
    cursor = listed(world, {"limit": "1"}).body["next_cursor"]
    assert cursor
    assert CUSTOMER not in cursor
    assert listed(world, {"cursor": cursor}, STRANGER).body["mandates"] == []


def read_mandate(world: World, mandate_id: str, query: dict[str, str]) -> Answer:
    return world.call(
        "read_mandates",
        "/mandates/{mandate_id}",
        path={"mandate_id": mandate_id},
        query=query,
        caller=customer(),
    )


def with_a_ledger_of(world: World, length: int) -> str:
    """A mandate that was set up; each of the attempts before was declined."""
    begun = world.begun()
    for _ in range(length - 4):  # consent, session, and the two events of the set-up
        world.stripe.core.decline(begun["checkout_session_id"])
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    mandate_id = str(begun["mandate_id"])
    assert len(read_ledger(mandate_id)) == length
    return mandate_id


def test_a_ledger_comes_page_by_page_oldest_first_with_the_mandate_on_each(world: World) -> None:
    mandate_id = with_a_ledger_of(world, 7)
    found: list[list[int]] = []
    query = {"limit": "3"}
    while True:
        page = read_mandate(world, mandate_id, query).body
        assert (page["status"], page["mandate_id"]) == ("active", mandate_id)
        found.append([entry["number"] for entry in page["ledger"]])
        if page["next_cursor"] is None:
            break
        query = {"limit": "3", "cursor": page["next_cursor"]}
    assert found == [[1, 2, 3], [4, 5, 6], [7]]


def test_a_page_of_a_ledger_has_twenty_entries_unless_it_is_asked_for_more(world: World) -> None:
    mandate_id = with_a_ledger_of(world, 21)
    assert len(read_mandate(world, mandate_id, {}).body["ledger"]) == 20
    assert read_mandate(world, mandate_id, {"cursor": ""}).body == read_mandate(world, mandate_id, {}).body
    assert len(read_mandate(world, mandate_id, {"limit": "100"}).body["ledger"]) == 21


def test_only_the_page_asked_for_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mandate_id = with_a_ledger_of(world, 12)
    read: list[int] = []

    def noted(row: EntryRow) -> Entry:
        read.append(int(row.number))
        return entry_from_row(row)

    monkeypatch.setattr(mandates_store, "entry_from_row", noted)
    first = read_mandate(world, mandate_id, {"limit": "5"}).body
    assert sorted(read) == [1, 2, 3, 4, 5, 12]  # the last says what the ledger makes of the mandate
    read.clear()
    read_mandate(world, mandate_id, {"limit": "5", "cursor": first["next_cursor"]})
    assert sorted(read) == [6, 7, 8, 9, 10, 12]


def test_a_ledger_ends_where_the_mandate_that_was_read_does(world: World) -> None:
    mandate_id = with_a_ledger_of(world, 5)
    before = read_heads([mandate_id])[mandate_id]
    world.revoke(mandate_id)
    entries, after = page_of_ledger(before, 100, None)
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert after is None
    assert page_of_ledger(before, 100, LedgerPosition(5)) == ([], None)


def both_statuses(world: World, mandate_id: str) -> tuple[str, str | None]:
    body = read_mandate(world, mandate_id, {"limit": "1"}).body
    return body["status"], body["ledger_status"]


def test_a_mandate_says_beside_its_status_what_its_ledger_does(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id = with_a_ledger_of(world, 4)
    assert both_statuses(world, mandate_id) == ("active", "active")
    method = payment_method_subject(read_mandate(world, mandate_id, {}).body["payment_method_id"])
    add_subject_facts(method, [Fact(Kind.DETACHED, 1793491200, "evt_not_told_yet")])
    assert both_statuses(world, mandate_id) == ("revoked", "active")
    assert "BrokenLedgers" not in capsys.readouterr().out


def test_a_withdrawal_in_the_ledger_that_was_taken_from_its_subject_shows(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id = with_a_ledger_of(world, 4)
    method = read_mandate(world, mandate_id, {}).body["payment_method_id"]
    world.stripe.core.detach(method)
    world.run_webhooks()
    assert both_statuses(world, mandate_id) == ("revoked", "revoked")
    assert "BrokenLedgers" not in capsys.readouterr().out
    SubjectRow(payment_method_subject(method)).delete()
    assert both_statuses(world, mandate_id) == ("active", "revoked")
    assert "BrokenLedgers" in capsys.readouterr().out


def test_a_ledger_whose_end_is_gone_says_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mandate_id = with_a_ledger_of(world, 4)
    EntryRow(mandate_id, "entry#000004").delete()
    assert both_statuses(world, mandate_id) == ("active", None)
    assert "BrokenLedgers" in capsys.readouterr().out


def test_a_cursor_beyond_the_end_of_a_ledger_finds_nothing(world: World) -> None:
    mandate_id = with_a_ledger_of(world, 5)
    beyond = to_cursor(LedgerPosition(10**30))
    page = read_mandate(world, mandate_id, {"cursor": beyond})
    assert (page.status, page.body["ledger"], page.body["next_cursor"]) == (200, [], None)


@pytest.mark.parametrize("entry", [0, -1, 1.5, "1", None, True])
def test_a_cursor_that_we_did_not_make_for_a_ledger_is_refused(world: World, entry: Any) -> None:
    mandate_id = world.begun()["mandate_id"]
    made_up = base64.urlsafe_b64encode(msgspec.json.encode({"entry": entry})).decode().rstrip("=")
    for cursor in (made_up, to_cursor(Position("2026-11-01", "mdt_a"))):
        refused = read_mandate(world, mandate_id, {"cursor": cursor})
        assert (refused.status, refused.body["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "x"}, {"limit": ""}, {"limit": "٣"}]
    + [{"cursor": cursor} for cursor in ("x", "e30", "****", "a" * 5000, "bnVsbA", EMPTY)],
)
def test_a_wrong_query_is_named(world: World, query: dict[str, str]) -> None:
    refused = listed(world, query)
    assert (refused.status, refused.body["code"]) == (400, "invalid_request")
    assert next(iter(query)) in refused.body["detail"]


def test_a_customer_is_read_by_themselves_and_by_services(world: World) -> None:
    def read(caller: Any) -> Answer:
        return world.call(
            "read_mandates", "/customers/{customer_id}", path={"customer_id": "auth0%7Cann"}, caller=caller
        )

    assert read(customer()).status == 404
    made = world.put_customer(email="ann@shop.example").body
    assert read(customer()).body.items() >= made.items()
    assert read(service("mandates:read")).status == 200
    assert read(service()).status == 403
    assert read(customer(STRANGER)).status == 404


def test_terms_are_cached_and_answered_by_locale(world: World) -> None:
    first = world.call("read_terms", "/terms/current", query={"locale": "de-CH"})
    assert first.body["text"] == world.terms.wording("de")
    assert first.body["digest"] == world.terms.digest
    assert first.body["limits"]["per_charge"] == 30000
    assert first.headers["Cache-Control"] == "public, max-age=60"
    headers = {"If-None-Match": first.headers["ETag"]}
    assert world.call("read_terms", "/terms/current", query={"locale": "de"}, headers=headers).status == 304
    english = world.call("read_terms", "/terms/current", headers=headers)
    assert (english.status, english.body["locale"]) == (200, "en")
