"""Cursors: what we made comes back, anything else is the caller's mistake."""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.api.cursors import MAX_LENGTH, from_cursor, to_cursor
from mandates.core.errors import InvalidRequest
from tests.unit.laws import law


@dataclass(frozen=True)
class Position:
    created_at: str
    mandate_id: str


@law
@given(st.builds(Position, st.text(max_size=20), st.text(max_size=20)))
def test_a_position_comes_back_as_it_was(position: Position) -> None:
    cursor = to_cursor(position)
    assert from_cursor(cursor, Position) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_without_a_cursor_there_is_no_position() -> None:
    assert from_cursor(None, Position) is None


def test_an_empty_cursor_is_the_first_page() -> None:
    """`?cursor=` is what many clients send of a value that they don't have."""
    assert from_cursor("", Position) is None


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "=",
        "a",
        "%%%%",
        "é",
        "\ud800",
        "a b",
        "\x00",
        encoded("not json"),
        encoded("[]"),
        encoded("null"),
        encoded("{}"),
        encoded('{"created_at": "a"}'),
        encoded('{"created_at": "a", "mandate_id": 5}'),
        encoded('{"created_at": null, "mandate_id": "b"}'),
        encoded("[" * 300),
        to_cursor(Position("a", "b")) + "=" * 4,
        to_cursor(Position("a" * MAX_LENGTH, "b")),
        "A" * 100_000,
    ],
    ids=lambda cursor: repr(cursor)[:30],
)
def test_any_other_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="next_cursor"):
        from_cursor(cursor, Position)


def test_a_refusal_does_not_repeat_the_cursor() -> None:
    for cursor in (encoded("private"), "private"):
        with pytest.raises(InvalidRequest) as error:
            from_cursor(cursor, Position)
        assert cursor not in str(error.value)


def test_a_position_is_no_secret_and_holds_nothing_but_itself() -> None:
    cursor: Any = to_cursor(Position("2026-01-01T00:00:00.000Z", "mdt_a"))
    padded = cursor + "=" * (-len(cursor) % 4)
    assert (
        base64.urlsafe_b64decode(padded) == b'{"created_at":"2026-01-01T00:00:00.000Z","mandate_id":"mdt_a"}'
    )
