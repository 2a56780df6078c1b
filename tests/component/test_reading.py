"""Lists of mandates, page by page; customers; terms."""

import base64
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "x"}, {"limit": ""}, {"limit": "٣"}]
    + [{"cursor": cursor} for cursor in ("", "x", "e30", "****", "a" * 5000, "bnVsbA", EMPTY)],
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
