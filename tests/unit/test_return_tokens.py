"""The token of the address that customers come back to, and what is known of who came."""

import itertools
import os
import re

import pytest

from mandates.core.facts import NO_FACTS, Fact, Kind, fact_from_plain, merge, to_plain
from mandates.core.mandate import Status, status
from mandates.core.return_tokens import (
    EXPECTED,
    WELL_FORMED,
    By,
    digest_of,
    expecting,
    is_expected,
    new_token,
    returned,
    returns,
)
from tests.unit.examples import (
    CONSENT,
    OF_A_MANDATE,
    RETURNED,
    RETURNED_BY_ANOTHER,
    SESSION_CREATED,
    SETUP_SUCCEEDED,
)

TOKEN = new_token(lambda size: bytes(range(size)))


def consent(token: str = TOKEN) -> Fact:
    return expecting(CONSENT, token)


def test_a_token_is_256_bits_that_need_no_encoding_in_a_url() -> None:
    assert re.search(WELL_FORMED, TOKEN)
    assert new_token(lambda size: b"\xff" * size) == "_" * 42 + "8"
    assert len({new_token(os.urandom) for _ in range(100)}) == 100


@pytest.mark.parametrize("other", ["", TOKEN[:-1], f"{TOKEN}A", f"{TOKEN}\n", TOKEN[:-1] + "=", "ä" * 43])
def test_nothing_else_has_a_tokens_form(other: str) -> None:
    assert not re.search(WELL_FORMED, other)


def test_the_token_is_known_by_its_digest_alone() -> None:
    facts = merge(NO_FACTS, [consent()])
    assert consent().detail == {**CONSENT.detail, EXPECTED: digest_of(TOKEN)}
    assert is_expected(facts, TOKEN)
    assert not is_expected(facts, new_token(os.urandom))
    assert not is_expected(facts, digest_of(TOKEN))
    assert TOKEN not in str(to_plain(consent()))


def test_no_token_fits_a_mandate_that_names_none() -> None:
    assert not is_expected(merge(NO_FACTS, [CONSENT, SESSION_CREATED]), TOKEN)
    assert not is_expected(NO_FACTS, TOKEN)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ([], {By.CUSTOMER: None, By.ANOTHER: None}),
        ([RETURNED], {By.CUSTOMER: RETURNED.at, By.ANOTHER: None}),
        ([RETURNED_BY_ANOTHER], {By.CUSTOMER: None, By.ANOTHER: RETURNED_BY_ANOTHER.at}),
        (
            [RETURNED, RETURNED_BY_ANOTHER, returned(By.CUSTOMER, RETURNED.at - 5, "api:record_return")],
            {By.CUSTOMER: RETURNED.at - 5, By.ANOTHER: RETURNED_BY_ANOTHER.at},
        ),
    ],
)
def test_both_stand_each_with_its_first_time_in_any_order(
    told: list[Fact], known: dict[By, int | None]
) -> None:
    for order in itertools.permutations(told):
        facts = merge(NO_FACTS, order)
        assert returns(facts) == known
        assert returns({key: fact_from_plain(to_plain(fact)) for key, fact in facts.items()}) == known


def test_it_changes_no_status() -> None:
    for told in ([], [SETUP_SUCCEEDED], list(OF_A_MANDATE)):
        without = merge(NO_FACTS, (fact for fact in told if fact.kind is not Kind.RETURNED))
        assert status(merge(without, [RETURNED, RETURNED_BY_ANOTHER])) is status(without)
    assert status(merge(NO_FACTS, [RETURNED])) is Status.PENDING


def test_who_another_was_is_not_said() -> None:
    plain = to_plain(RETURNED_BY_ANOTHER)
    assert (plain["detail"], plain["ids"], plain["qualifier"]) == ({"by": "another"}, {}, "another")
