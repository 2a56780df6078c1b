"""No cell of an export can start a formula."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.charges_export import cell

BEGIN_FORMULAS = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize("sign", BEGIN_FORMULAS)
@pytest.mark.parametrize("before", ["", " ", "\u200b", "\ufeff", "\t"])
def test_what_could_start_a_formula_is_text(sign: str, before: str) -> None:
    assert cell(f"{before}{sign}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("text", ["order;=cmd|' /C calc'!A0", "a; -1", 'b";@x', "c;\u200b=1"])
def test_a_semicolon_that_ends_the_cell_starts_no_formula(text: str) -> None:
    """Where the decimal sign is a comma, a spreadsheet takes a semicolon for the end of a cell."""
    assert all(part.strip()[:1] not in set(BEGIN_FORMULAS) for part in cell(text).split(";"))
    assert cell("a; b-c") == "a; b-c"


@given(st.text(max_size=8) | st.text(alphabet=f"{BEGIN_FORMULAS} a1\"'", max_size=8))
def test_no_text_starts_a_formula_or_ends_its_line(text: str) -> None:
    written = cell(text)
    assert not written.strip().startswith(tuple(BEGIN_FORMULAS))
    assert written.isprintable() or "\n" not in written
    assert next(csv.reader(['"' + written.replace('"', '""') + '"'])) == [written]


@pytest.mark.parametrize(
    ("value", "written"), [(None, ""), (0, "0"), (-400, "-400"), ("order-1", "order-1"), ("Ünï", "Ünï")]
)
def test_numbers_and_plain_words_stay_as_they_are(value: str | int | None, written: str) -> None:
    assert cell(value) == written
