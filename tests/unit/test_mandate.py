"""Status as a function of facts: the whole truth table, and that a withdrawal never lapses."""

import itertools
from collections.abc import Iterable, Iterator

import pytest

from mandates.core.facts import NO_FACTS, Fact, Facts, Kind, merge
from mandates.core.mandate import WITHDRAWING, Status, status, withdrawn
from tests.unit.examples import (
    CHARGE_MANDATE_INVALID,
    CONSENT,
    DELETED,
    DETACHED,
    MANDATE_INACTIVE,
    NEW_MANDATE,
    OF_A_MANDATE,
    REVOKED,
    SESSION_COMPLETED,
    SESSION_CREATED,
    SESSION_EXPIRED,
    SETUP_CANCELED,
    SETUP_FAILED,
    SETUP_SUCCEEDED,
)

OF_MANDATE = (
    Kind.CONSENT_ACCEPTED,
    Kind.SESSION_CREATED,
    Kind.SESSION_COMPLETED,
    Kind.SESSION_EXPIRED,
    Kind.SESSION_CANCELLED,
    Kind.SETUP_SUCCEEDED,
    Kind.SETUP_FAILED,
    Kind.SETUP_CANCELED,
    Kind.RETURNED,
    Kind.CHARGE_MANDATE_INVALID,
    Kind.REVOKED,
)
OF_PAYMENT_METHOD = (Kind.DETACHED, Kind.MANDATE_INACTIVE)
OF_STRIPE_CUSTOMER = (Kind.DELETED,)

Known = tuple[frozenset[Kind], frozenset[Kind], frozenset[Kind]]


def of(*told: Fact) -> Facts:
    return merge(NO_FACTS, told)


def as_facts(kinds: Iterable[Kind]) -> Facts:
    return of(*(Fact(kind, 1, "evt_1") for kind in kinds))


def subsets(kinds: tuple[Kind, ...]) -> Iterator[frozenset[Kind]]:
    for size in range(len(kinds) + 1):
        yield from map(frozenset, itertools.combinations(kinds, size))


@pytest.fixture(scope="module")
def table() -> dict[Known, Status]:
    """The status for every set of kinds on the three subjects."""
    every = itertools.product(subsets(OF_MANDATE), subsets(OF_PAYMENT_METHOD), subsets(OF_STRIPE_CUSTOMER))
    return {known: status(*map(as_facts, known)) for known in every}


def test_the_table_is_whole(table: dict[Known, Status]) -> None:
    assert {*OF_MANDATE, *OF_PAYMENT_METHOD, *OF_STRIPE_CUSTOMER} == set(Kind)
    assert len(table) == 2 ** len(Kind)


def test_revoked_exactly_if_any_subject_was_withdrawn(table: dict[Known, Status]) -> None:
    for (mandate, payment_method, stripe_customer), found in table.items():
        is_withdrawn = bool(
            {"revoked", "charge_mandate_invalid"} & mandate or payment_method or stripe_customer
        )
        assert (found is Status.REVOKED) == is_withdrawn


def test_else_active_exactly_if_the_setup_succeeded(table: dict[Known, Status]) -> None:
    for (mandate, _, _), found in table.items():
        if found is not Status.REVOKED:
            assert (found is Status.ACTIVE) == ("setup_succeeded" in mandate)


def test_else_expired_exactly_if_session_or_setup_ended(table: dict[Known, Status]) -> None:
    for (mandate, _, _), found in table.items():
        if found not in {Status.REVOKED, Status.ACTIVE}:
            ended = bool({"session_expired", "session_cancelled", "setup_canceled"} & mandate)
            assert found is (Status.EXPIRED if ended else Status.PENDING)


def test_a_withdrawal_never_lapses(table: dict[Known, Status]) -> None:
    kinds_of_subject = (OF_MANDATE, OF_PAYMENT_METHOD, OF_STRIPE_CUSTOMER)
    for known, found in table.items():
        if found is not Status.REVOKED:
            continue
        for subject, kinds in enumerate(kinds_of_subject):
            for kind in kinds:
                more = list(known)
                more[subject] = known[subject] | {kind}
                assert table[more[0], more[1], more[2]] is Status.REVOKED


@pytest.mark.parametrize(
    ("mandate", "payment_method", "stripe_customer", "expected"),
    [
        ([], [], [], Status.PENDING),
        ([CONSENT], [], [], Status.PENDING),
        ([CONSENT, SESSION_CREATED, SETUP_FAILED], [], [], Status.PENDING),
        ([CONSENT, SESSION_CREATED, SESSION_COMPLETED], [], [], Status.PENDING),
        ([CONSENT, SESSION_CREATED, SESSION_EXPIRED], [], [], Status.EXPIRED),
        ([CONSENT, SETUP_FAILED, SETUP_CANCELED], [], [], Status.EXPIRED),
        ([CONSENT, SETUP_FAILED, SETUP_SUCCEEDED], [], [], Status.ACTIVE),
        ([CONSENT, SESSION_EXPIRED, SETUP_SUCCEEDED], [], [], Status.ACTIVE),
        ([CONSENT, SETUP_SUCCEEDED, REVOKED], [], [], Status.REVOKED),
        ([CONSENT, REVOKED], [], [], Status.REVOKED),
        ([CONSENT, SETUP_SUCCEEDED, CHARGE_MANDATE_INVALID], [], [], Status.REVOKED),
        ([CONSENT, SETUP_SUCCEEDED], [DETACHED], [], Status.REVOKED),
        ([CONSENT, SETUP_SUCCEEDED], [MANDATE_INACTIVE], [], Status.REVOKED),
        ([CONSENT, SETUP_SUCCEEDED], [], [DELETED], Status.REVOKED),
        ([CONSENT], [], [DELETED], Status.REVOKED),
        ([CONSENT, SESSION_EXPIRED], [], [DELETED], Status.REVOKED),
    ],
)
def test_a_mandates_lives(
    mandate: list[Fact], payment_method: list[Fact], stripe_customer: list[Fact], expected: Status
) -> None:
    assert status(of(*mandate), of(*payment_method), of(*stripe_customer)) is expected


def test_subjects_that_are_not_known_yet_withdraw_nothing() -> None:
    assert status(of(SETUP_SUCCEEDED)) is Status.ACTIVE


@pytest.mark.parametrize("kind", Kind)
def test_withdrawn_is_said_of_withdrawing_facts_alone(kind: Kind) -> None:
    assert withdrawn(as_facts([kind])) == (kind in WITHDRAWING)


def test_the_stored_words_never_change() -> None:
    assert [one.value for one in Status] == ["pending", "active", "expired", "revoked"]


def test_a_mandate_names_what_its_facts_name() -> None:
    known = NEW_MANDATE.extended(of(*OF_A_MANDATE), 9, "ab" * 32)
    assert (known.checkout_session_id, known.setup_intent_id) == ("cs_test_example", "seti_example")
    assert (known.payment_method_id, known.stripe_mandate_id) == ("pm_example", "mandate_example")
    assert (known.entries, known.head_hash) == (9, "ab" * 32)
    assert NEW_MANDATE.payment_method_id is None
