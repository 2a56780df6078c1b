"""What hides or turns text is written out; everything else stays as it is."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.visible import visible, visible_lines
from tests.unit.laws import law

HIDING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029",
    "\ud800",
    "\udfff",
]


@pytest.mark.parametrize("character", HIDING, ids=lambda character: f"{ord(character):04x}")
def test_what_hides_is_written_out(character: str) -> None:
    assert visible(f"a{character}b") == f"a\\u{ord(character):04x}b"


def test_these_are_all_that_set_a_direction() -> None:
    """By Unicode's own table: https://www.unicode.org/reports/tr9/, table 4."""
    explicit = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    marks = {"LEFT-TO-RIGHT MARK", "RIGHT-TO-LEFT MARK", "ARABIC LETTER MARK"}
    setting = {
        character
        for character in map(chr, range(0x110000))
        if unicodedata.bidirectional(character) in explicit or unicodedata.name(character, "") in marks
    }
    assert setting <= set(HIDING)
    controls = {
        character for character in map(chr, range(0x110000)) if unicodedata.category(character) == "Cc"
    }
    assert controls <= set(HIDING)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "größer 300 €",
        "日本語",
        "بالموافقة",
        "חשבונך",
        "สวัสดี",
        "\u0646\u200c\u0645",
        "👩\u200d💻",
        "a\u00a0b",
        "\\u202e",
    ],
)
def test_words_of_any_language_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


@law
@given(st.text(st.characters(exclude_categories=()) | st.sampled_from(HIDING)))
def test_json_stays_json_with_the_same_value(text: str) -> None:
    for ensure_ascii in (True, False):
        assert json.loads(visible(json.dumps({text: [text]}, ensure_ascii=ensure_ascii))) == {text: [text]}


@law
@given(st.text(st.characters(exclude_categories=()) | st.sampled_from(HIDING)))
def test_nothing_hiding_is_left_and_a_second_time_changes_nothing(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set(HIDING)
    assert visible(shown) == shown
    assert visible_lines(text).split("\n") == [visible(line) for line in text.split("\n")]
