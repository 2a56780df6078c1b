"""RFC 8785, as far as the values used here go, and a refusal of everything beyond."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.canonical import canonical_json, digest
from tests.unit.laws import law

LARGEST = 2**53

canonical_values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-0, "0"),
        (LARGEST, "9007199254740992"),
        (-LARGEST, "-9007199254740992"),
        ("", '""'),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ({}, "{}"),
        # RFC 8785, section 3.2.2: the members of its sample that are not floats
        ("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ([None, True, False], "[null,true,false]"),
        # section 3.2.2.2: the two-character escapes, lower-case hex for the other controls, nothing else
        ("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
        ("\x00\x1f\x1b", '"\\u0000\\u001f\\u001b"'),
        ("\x7f\u2028\u2029/", '"\x7f\u2028\u2029/"'),
        ("\U0001f600", '"😀"'),
        # section 3.2.3: sorted by UTF-16 code units, at every depth
        ({"b": 1, "a": {"d": 1, "c": 2}}, '{"a":{"c":2,"d":1},"b":1}'),
        (
            {"1": 1, "10": 2, "2": 3, "\r": 4, "": 5, "A": 6, "a": 7},
            '{"":5,"\\r":4,"1":1,"10":2,"2":3,"A":6,"a":7}',
        ),
        ([{"b": 1, "a": [{"y": 0, "x": 0}]}], '[{"a":[{"x":0,"y":0}],"b":1}]'),
    ],
)
def test_the_canonical_form(value: Any, expected: str) -> None:
    assert canonical_json(value) == expected.encode()


def test_strings_are_kept_as_they_are_not_normalised() -> None:
    assert canonical_json("\u00e9") != canonical_json("e\u0301")


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.1,
        -0.0,
        float("nan"),
        float("inf"),
        LARGEST + 1,
        -LARGEST - 1,
        10**400,
        Decimal(1),
        b"bytes",
        {1, 2},
        object(),
        {1: "a"},
        {None: "a"},
        {True: "a"},
        {"é": "a"},
        {b"a": "a"},
        [1, [2, [3.5]]],
        {"a": {"b": {"c": 1.5}}},
        {"a": [{"é": 1}]},
        ("a", LARGEST + 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_rfc_8785_would_write_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="canonical"):
        canonical_json(value)


def test_half_a_surrogate_pair_has_no_form() -> None:
    """RFC 8785, section 3.2.2.2 says to stop; it can't be encoded in UTF-8 either."""
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json("\ud83d")


@law
@given(canonical_values)
def test_reading_the_form_gives_the_value_back(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@law
@given(canonical_values)
def test_the_form_of_what_was_read_is_the_form(value: Any) -> None:
    form = canonical_json(value)
    assert canonical_json(json.loads(form)) == form


@law
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9)), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(value: dict[str, int], random: Any) -> None:
    members = list(value.items())
    random.shuffle(members)
    assert canonical_json(dict(members)) == canonical_json(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (None, "null"), ("1", 1), ([], {}), ([1, 2], [2, 1]), ("", None)],
)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    assert canonical_json(one) != canonical_json(other)


def test_the_digest_is_sha256_over_the_form_in_hex() -> None:
    assert digest({"b": [1, True], "a": "é"}) == hashlib.sha256('{"a":"é","b":[1,true]}'.encode()).hexdigest()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
