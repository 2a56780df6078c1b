"""The laws that make order and repetition irrelevant, over every kind of fact there is."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.facts import (
    NO_FACTS,
    Fact,
    Kind,
    UnknownKind,
    all_from_plain,
    fact_from_plain,
    has,
    ids,
    merge,
    merge_fact,
    the_id,
    to_plain,
)
from mandates.core.formats import NewerFormat
from mandates.core.mandate import status
from tests.unit.examples import (
    CONSENT,
    EVERY_FACT,
    SESSION_COMPLETED,
    SESSION_EXPIRED,
    SETUP_FAILED,
    SETUP_FAILED_AGAIN,
    SETUP_SEEN_ON_RETURN,
    SETUP_SUCCEEDED,
)
from tests.unit.laws import fact_lists, facts, law, short_lists


def tellings(kind: Kind) -> list[Fact]:
    """One fact as it may be told: at other times, by others, with more, fewer and other ids and details."""
    named = [ids(), ids(payment_method="pm_1"), ids(payment_method="pm_2", stripe_mandate="mandate_1")]
    details: list[dict[str, str]] = [{}, {"code": "a"}]
    return [
        Fact(kind, at, source, found, detail)
        for at, source, found, detail in itertools.product((1, 2), ("evt_1", "evt_2"), named, details)
    ]


@pytest.mark.parametrize("kind", Kind)
def test_merging_two_tellings_is_commutative_and_idempotent(kind: Kind) -> None:
    for one, other in itertools.product(tellings(kind), repeat=2):
        merged = merge_fact(one, other)
        assert merged == merge_fact(other, one)
        assert merge_fact(merged, one) == merge_fact(merged, other) == merge_fact(merged, merged) == merged


@pytest.mark.parametrize("kind", Kind)
def test_merging_three_tellings_is_associative(kind: Kind) -> None:
    for one, two, three in itertools.product(tellings(kind)[::2], repeat=3):
        assert merge_fact(merge_fact(one, two), three) == merge_fact(one, merge_fact(two, three))


def test_merging_the_real_facts_is_commutative_associative_and_idempotent() -> None:
    for one, two, three in itertools.product(EVERY_FACT, repeat=3):
        merged = merge(merge({one.key: one}, [two]), [three])
        assert merged == merge(merge({three.key: three}, [two]), [one])
        assert merged == merge({one.key: one}, merge({two.key: two}, [three]).values())
        assert merge(merged, [one, two, three]) == merged


@law
@given(short_lists, short_lists, short_lists)
def test_merging_any_facts_is_commutative_associative_and_idempotent(
    one: list[Fact], two: list[Fact], three: list[Fact]
) -> None:
    a, b, c = merge(NO_FACTS, one), merge(NO_FACTS, two), merge(NO_FACTS, three)
    assert merge(a, b.values()) == merge(b, a.values())
    assert merge(merge(a, b.values()), c.values()) == merge(a, merge(b, c.values()).values())
    assert merge(a, a.values()) == a


@law
@given(fact_lists, fact_lists)
def test_nothing_that_was_known_is_lost(known: list[Fact], new: list[Fact]) -> None:
    before = merge(NO_FACTS, known)
    after = merge(before, new)
    assert before.keys() <= after.keys()
    for key, fact in before.items():
        assert after[key].at <= fact.at
        assert all(values <= after[key].ids[name] for name, values in fact.ids.items())


def test_merging_leaves_what_was_known_as_it_was() -> None:
    known = {SETUP_SUCCEEDED.key: SETUP_SUCCEEDED}
    merge(known, [SETUP_SEEN_ON_RETURN, CONSENT])
    assert known == {SETUP_SUCCEEDED.key: SETUP_SUCCEEDED}


def test_every_order_of_a_mandates_facts_comes_out_the_same() -> None:
    told = (
        CONSENT,
        SETUP_FAILED,
        SETUP_FAILED_AGAIN,
        SETUP_SUCCEEDED,
        SETUP_SEEN_ON_RETURN,
        SESSION_COMPLETED,
        SESSION_EXPIRED,
    )
    expected = merge(NO_FACTS, told)
    for order in itertools.permutations(told):
        merged = merge(NO_FACTS, order)
        assert merged == expected
        assert status(merged) == status(expected)


@law
@given(st.permutations(EVERY_FACT), st.lists(st.sampled_from(EVERY_FACT), max_size=10))
def test_order_and_repetition_of_all_facts_do_not_matter(order: list[Fact], again: list[Fact]) -> None:
    merged = merge(NO_FACTS, [*order, *again])
    assert merged == merge(NO_FACTS, EVERY_FACT)
    assert status(merged) == status(merge(NO_FACTS, EVERY_FACT))


# ------------------------------------------------------------------------------- what a merge keeps


def test_the_earliest_testimony_wins_and_ids_unite() -> None:
    merged = merge_fact(SETUP_SEEN_ON_RETURN, SETUP_SUCCEEDED)
    assert (merged.at, merged.source) == (SETUP_SUCCEEDED.at, "evt_succeeded")
    assert merged.ids == SETUP_SUCCEEDED.ids


def test_an_id_missing_in_the_earliest_testimony_is_filled_by_the_later_one() -> None:
    early = Fact(Kind.SETUP_SUCCEEDED, 1, "evt_1", ids(payment_method="pm_1", stripe_mandate=None))
    late = Fact(Kind.SETUP_SUCCEEDED, 2, "evt_2", ids(payment_method="pm_1", stripe_mandate="mandate_1"))
    assert merge_fact(early, late) == Fact(Kind.SETUP_SUCCEEDED, 1, "evt_1", late.ids)


def test_in_one_second_the_smaller_event_id_wins() -> None:
    one, other = Fact(Kind.REVOKED, 1, "evt_a"), Fact(Kind.REVOKED, 1, "evt_b")
    assert merge_fact(other, one).source == "evt_a"


def test_details_of_two_tellings_are_not_mixed() -> None:
    one = Fact(Kind.REVOKED, 1, "evt_1", detail={"by": "customer"})
    other = Fact(Kind.REVOKED, 2, "evt_2", detail={"why": "moved"})
    assert merge_fact(one, other).detail == {"by": "customer"}


def test_of_many_failures_the_latest_is_kept_and_the_facts_stay_few() -> None:
    merged = merge(NO_FACTS, [SETUP_FAILED, SETUP_FAILED_AGAIN, SETUP_FAILED])
    assert merged == {"setup_failed": SETUP_FAILED_AGAIN}


# -------------------------------------------------------------------------------------- keys and ids


@pytest.mark.parametrize("kind", Kind)
def test_the_key_is_the_kind_and_the_qualifier(kind: Kind) -> None:
    assert Fact(kind, 1, "evt_1").key == kind.value
    assert Fact(kind, 1, "evt_1", qualifier="setatt_1").key == f"{kind.value}#setatt_1"


def test_no_two_kinds_can_share_a_key() -> None:
    assert not any("#" in kind for kind in Kind)


def test_the_stored_words_never_change() -> None:
    """They are stored and hashed: a renamed one would be a fact that old items can't be read for."""
    assert [kind.value for kind in Kind] == [
        "consent_accepted",
        "session_created",
        "session_completed",
        "session_expired",
        "session_cancelled",
        "setup_succeeded",
        "setup_failed",
        "setup_canceled",
        "returned",
        "charge_mandate_invalid",
        "revoked",
        "detached",
        "mandate_inactive",
        "deleted",
    ]


def test_ids_leave_out_what_is_not_known() -> None:
    assert ids(payment_method="pm_1", stripe_mandate=None) == {"payment_method": frozenset({"pm_1"})}


def test_the_id_is_found_whichever_fact_brought_it() -> None:
    known = merge(NO_FACTS, [SESSION_COMPLETED, SETUP_SUCCEEDED])
    assert the_id(known, "checkout_session") == "cs_test_example"
    assert the_id(known, "payment_method") == "pm_example"
    assert the_id(known, "charge") is None
    assert the_id(NO_FACTS, "payment_method") is None


def test_of_ids_that_disagree_all_readers_take_the_same() -> None:
    told = [
        Fact(Kind.SETUP_SUCCEEDED, 1, "evt_1", ids(setup_intent="seti_b")),
        Fact(Kind.SESSION_COMPLETED, 2, "evt_2", ids(setup_intent="seti_a")),
    ]
    for order in itertools.permutations(told):
        assert the_id(merge(NO_FACTS, order), "setup_intent") == "seti_a"


def test_has_looks_for_any_of_the_kinds() -> None:
    known = merge(NO_FACTS, [CONSENT, SETUP_FAILED])
    assert has(known, Kind.SETUP_FAILED, Kind.REVOKED)
    assert not has(known, Kind.REVOKED, Kind.SETUP_SUCCEEDED)
    assert not has(known)


# -------------------------------------------------------------------------------------- as JSON values


@pytest.mark.parametrize("fact", EVERY_FACT, ids=lambda fact: fact.key)
def test_a_real_fact_comes_back_from_json_as_it_was(fact: Fact) -> None:
    assert fact_from_plain(json.loads(json.dumps(to_plain(fact)))) == fact


@law
@given(facts)
def test_any_fact_comes_back_from_json_as_it_was(fact: Fact) -> None:
    assert fact_from_plain(json.loads(json.dumps(to_plain(fact)))) == fact


@law
@given(fact_lists)
def test_equal_facts_are_stored_as_equal_bytes(told: list[Fact]) -> None:
    forward, backward = merge(NO_FACTS, told), merge(NO_FACTS, reversed(told))
    for key in forward:
        assert json.dumps(to_plain(forward[key])) == json.dumps(to_plain(backward[key]))


def test_the_stored_form_is_sorted() -> None:
    fact = Fact(
        Kind.SETUP_SUCCEEDED,
        1,
        "evt_1",
        {"setup_intent": frozenset({"b", "a"}), "payment_method": frozenset({"pm_1"})},
        {"z": "1", "a": "2"},
    )
    assert json.dumps(to_plain(fact)) == (
        '{"kind": "setup_succeeded", "qualifier": "", "at": 1, "source": "evt_1",'
        ' "ids": {"payment_method": ["pm_1"], "setup_intent": ["a", "b"]},'
        ' "detail": {"a": "2", "z": "1"}}'
    )


MALFORMED: dict[str, list[Any]] = {
    "kind": [None, 5, [], ""],
    "at": ["1790000000", 1.5, True, None, -1, 10**18, []],
    "source": [5, None, ["evt_1"]],
    "qualifier": [5, None],
    "ids": [{"payment_method": "pm_1"}, {"payment_method": [1]}, [], None],
    "detail": [{"by": 1}, {"by": None}, [], None],
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name in MALFORMED for one in MALFORMED[name]])
def test_what_is_no_fact_is_not_half_understood(name: str, value: Any) -> None:
    plain = to_plain(SETUP_SUCCEEDED)
    with pytest.raises((ValueError, TypeError, AttributeError, UnknownKind)):
        fact_from_plain({**plain, name: value})


def test_a_kind_of_a_later_release_is_called_one() -> None:
    plain = to_plain(SETUP_SUCCEEDED) | {"kind": "charged"}
    with pytest.raises(NewerFormat, match=r"a fact of the kind 'charged' .* reads up to 0"):
        all_from_plain({"charged": plain})


def test_a_fact_under_the_key_of_another_is_none() -> None:
    plain = to_plain(SETUP_SUCCEEDED)
    assert all_from_plain({SETUP_SUCCEEDED.key: plain}) == {SETUP_SUCCEEDED.key: SETUP_SUCCEEDED}
    with pytest.raises(ValueError, match="key of another"):
        all_from_plain({"revoked": plain})
