"""Order and repetition don't matter in the core: not for some orders, for all of them (docs/reliability.md).

With SOAK=1 for subsets of up to all ten events. `pytest -s` prints the figures.
"""

import itertools
import os
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from mandates.core import changes, ledger
from mandates.core import mandate as core_mandate
from mandates.core.facts import Fact, Facts, Kind, merge, merge_fact
from mandates.core.ledger import GENESIS
from mandates.core.mandate import Status
from mandates.core.return_tokens import By, returned
from mandates.core.stripe_events.meaning import AboutMandate, AboutSubject, NotOurs
from tests.simulation import core_world
from tests.simulation.core_world import CoreWorld, identity
from tests.simulation.every_order import Alphabet, OrderMatters, Repeat, apply_directly, walk
from tests.simulation.laws import Merge, broken_laws, tellings
from tests.simulation.real_events import (
    AGAIN,
    DELETED,
    DETACHED,
    EVENTS,
    OUR_OWN,
    RETURNS,
    STRIPE_SENDS,
    STRIPE_SENDS_AGAIN,
    status_after,
)
from tests.unit.examples import AT, NEW_MANDATE

SOAK = os.environ.get("SOAK") == "1"
START = CoreWorld(NEW_MANDATE)
ONCE, REDELIVERED, FORGOTTEN, RETOLD = Repeat

TOLD = {told.name: told for told in (*EVENTS, *OUR_OWN, *RETURNS, *AGAIN.values())}
FACTS = (
    *(
        one.fact
        for one in (told.says for told in TOLD.values())
        if isinstance(one, AboutMandate | AboutSubject)
    ),
    *(told.says for told in TOLD.values() if isinstance(told.says, Fact)),
    *(fact for kind in Kind for fact in tellings(kind)),
    *(returned(by, AT, "api:elsewhere") for by in By),
)


def alphabet(most_events: int, *, withdrawals: bool = True) -> Alphabet:
    return Alphabet(EVENTS, OUR_OWN if withdrawals else (), AGAIN, most_events)


# ------------------------------------------------------------------------------ what is gone through


def test_the_events_are_stripes_own_in_one_second_and_the_core_reads_all_of_them() -> None:
    for sent, kind in [
        (sent, kind) for of in (STRIPE_SENDS, STRIPE_SENDS_AGAIN) for kind, sent in of.items()
    ]:
        assert sent["type"] == kind
        assert sent["created"] == STRIPE_SENDS[kind]["created"]
        assert {"api_version", "data", "livemode", "pending_webhooks", "request"} <= sent.keys()
    assert len({sent["id"] for of in (STRIPE_SENDS, STRIPE_SENDS_AGAIN) for sent in of.values()}) == 20
    of_no_use = {told.name for told in EVENTS if isinstance(told.says, NotOurs)}
    assert of_no_use == {"setup_intent.created", "setup_intent.requires_action", "payment_method.attached"}
    assert {fact.kind for fact in FACTS} == set(Kind)


def test_the_closed_formula_counts_what_one_can_count_by_hand() -> None:
    two = Alphabet(EVENTS[:2], (), AGAIN, 2)  # "", a, b, ab, ba
    assert two.number_of_orders(ONCE) == 5
    assert two.number_of_orders(REDELIVERED) == len({"aa", "bb", "aab", "aba", "baa", "bba", "bab", "abb"})
    assert two.number_of_orders(RETOLD) == 2 * 2 + 2 * 6


# -------------------------------------------------------------------------------------------- laws


def test_merging_is_commutative_associative_and_idempotent_over_all_pairs_and_triples() -> None:
    assert broken_laws(merge, FACTS) == {}
    keys = [fact.key for fact in FACTS]
    same_key = sum(keys.count(key) for key in keys)
    assert min(keys.count(key) for key in keys) >= 3
    pairs, triples = len(FACTS) ** 2, len(FACTS) ** 3
    print(f"\n{len(FACTS)} facts: {pairs:,} pairs ({same_key} of one key), {triples:,} triples")


# ------------------------------------------------------------------------------------- every order

WALKS = [
    (6, (ONCE, REDELIVERED)),
    (4, (ONCE, FORGOTTEN)),
    (3, (ONCE, RETOLD)),
    *([(10, (ONCE, REDELIVERED, FORGOTTEN)), (6, (ONCE, RETOLD))] if SOAK else []),
]


@pytest.mark.parametrize(("most_events", "repeats"), WALKS)
@pytest.mark.timeout(900)
def test_every_order_of_every_subset_leads_to_one_world(
    most_events: int, repeats: tuple[Repeat, ...]
) -> None:
    told = alphabet(most_events)
    walked = walk(told, START, status_after, repeats)
    for repeat in repeats:
        assert walked.orders[repeat] == told.number_of_orders(repeat)
        orders = f"{walked.orders[repeat]:,} orders"
        print(f"\nup to {most_events} of 10 events and 2 withdrawals, {repeat.value}: {orders}")
    print(f"{walked.sets:,} sets of things told, {walked.worlds:,} worlds, {walked.applied:,} applied")


def test_returns_change_no_status_and_stand_in_every_order() -> None:
    told = Alphabet(EVENTS, (*OUR_OWN, *RETURNS), AGAIN, 1)
    walked = walk(told, START, status_after)
    for repeat in Repeat:
        assert walked.orders[repeat] == told.number_of_orders(repeat)
    alone = Alphabet(EVENTS, RETURNS, AGAIN, 1)
    assert apply_directly(alone, START, {ONCE})[ONCE] == alone.number_of_orders(ONCE)


APPLICATIONS = [
    (4, False, (ONCE, REDELIVERED)),
    (2, True, (ONCE,)),
    (1, True, tuple(Repeat)),
    *([(5, False, (ONCE, REDELIVERED)), (2, True, tuple(Repeat))] if SOAK else []),
]


@pytest.mark.parametrize(("most_events", "withdrawals", "repeats"), APPLICATIONS)
@pytest.mark.timeout(900)
def test_applied_one_by_one_they_do_the_same_and_the_chain_holds(
    most_events: int, withdrawals: bool, repeats: tuple[Repeat, ...]
) -> None:
    told = alphabet(most_events, withdrawals=withdrawals)
    counted = apply_directly(told, START, repeats)
    for repeat in repeats:
        assert counted[repeat] == told.number_of_orders(repeat)
        withdrawn = "and 2 withdrawals, " if withdrawals else ""
        print(f"\nup to {most_events} of 10 events, {withdrawn}{repeat.value}: {counted[repeat]:,} applied")


def test_told_in_one_batch_they_do_the_same_as_one_by_one() -> None:
    about_the_mandate = [told for told in TOLD.values() if isinstance(told.says, AboutMandate)]
    assert len(about_the_mandate) == 8
    batches = 0
    for start in (START, START.after(TOLD[DETACHED]).after(TOLD[DELETED])):
        for size in (2, 3):
            for batch in itertools.permutations(about_the_mandate, size):
                one_by_one = start
                for told in batch:
                    one_by_one = one_by_one.after(told)
                assert identity(start.after_batch(*batch)) == identity(one_by_one)
                batches += 1
    print(f"\n{batches:,} batches")


# --------------------------------------------------------------------------------- that it can fail


def last_writer_wins(facts: Facts, new: Iterable[Fact]) -> Facts:
    return {**facts, **{fact.key: fact for fact in new}}


def first_writer_wins(facts: Facts, new: Iterable[Fact]) -> Facts:
    return {**{fact.key: fact for fact in new}, **facts}


def counts_repetitions(facts: Facts, new: Iterable[Fact]) -> Facts:
    merged = dict(facts)
    for fact in new:
        known = merged.get(fact.key)
        if known is None:
            merged[fact.key] = fact
        else:
            both = merge_fact(known, fact)
            merged[fact.key] = Fact(both.kind, known.at + fact.at, both.source, both.ids, both.detail)
    return merged


def smallest_source_keeps_its_own_ids(facts: Facts, new: Iterable[Fact]) -> Facts:
    """Each repetition of the mistake is idempotent and looks commutative until a third source comes."""
    merged = dict(facts)
    for fact in new:
        known = merged.get(fact.key)
        if known is None or known == fact:
            merged[fact.key] = fact
        else:
            both = merge_fact(known, fact)
            named = {name: frozenset({min(values)}) for name, values in both.ids.items()}
            names = set(known.ids) ^ set(fact.ids) or set(named)
            merged[fact.key] = Fact(
                both.kind, both.at, both.source, {n: named[n] for n in names}, both.detail
            )
    return merged


def use_merge(monkeypatch: pytest.MonkeyPatch, wrong: Merge) -> None:
    for module in (changes, core_world):
        monkeypatch.setattr(module, "merge", wrong)


def set_up_again_is_welcome_again(facts: Facts, new: Iterable[Fact]) -> Facts:
    new = list(new)
    if any(fact.kind is Kind.SETUP_SUCCEEDED for fact in new):
        facts = {key: fact for key, fact in facts.items() if fact.kind is not Kind.REVOKED}
    return merge(facts, new)


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (last_writer_wins, "commutative"),
        (first_writer_wins, "commutative"),
        (counts_repetitions, "idempotent"),
        (smallest_source_keeps_its_own_ids, "associative"),
    ],
)
def test_a_merge_that_breaks_a_law_is_noticed(wrong: Merge, law: str) -> None:
    assert broken_laws(wrong, FACTS[:24])[law] > 0


@pytest.mark.parametrize(
    ("wrong", "repeat"),
    [
        (last_writer_wins, RETOLD),
        (first_writer_wins, RETOLD),
        (counts_repetitions, FORGOTTEN),
        (smallest_source_keeps_its_own_ids, RETOLD),
        (set_up_again_is_welcome_again, ONCE),
    ],
)
def test_and_leads_two_orders_to_different_worlds(
    wrong: Merge, repeat: Repeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_merge(monkeypatch, wrong)
    with pytest.raises(OrderMatters):
        walk(alphabet(2), START, status_after, {ONCE, repeat})


def last_word_counts(mandate: Facts, *stands_on: Facts) -> Status:
    told = [fact.kind for fact in mandate.values()]
    by_kind: Mapping[Kind, Status] = {
        Kind.SETUP_SUCCEEDED: Status.ACTIVE,
        Kind.SESSION_EXPIRED: Status.EXPIRED,
    }
    return next((by_kind[kind] for kind in reversed(told) if kind in by_kind), Status.PENDING)


def of_the_mandate_alone(mandate: Facts, *stands_on: Facts) -> Status:
    return STATUS(mandate)


STATUS = core_mandate.status


def test_a_status_that_depends_on_the_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_mandate, "status", last_word_counts)
    with pytest.raises(OrderMatters, match="lead to"):
        walk(alphabet(2), START, status_after, {ONCE})


def expiry_first_forgets_the_completion(facts: Facts, new: Iterable[Fact]) -> Facts:
    """Depends on the order in which a mapping was filled, which worlds don't tell apart."""
    if list(facts) == [Kind.SESSION_EXPIRED, Kind.SESSION_COMPLETED]:
        facts = {Kind.SESSION_EXPIRED: facts[Kind.SESSION_EXPIRED]}
    return merge(facts, new)


def test_what_depends_on_more_than_a_world_tells_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    use_merge(monkeypatch, expiry_first_forgets_the_completion)
    with pytest.raises(OrderMatters, match="depends on more than the world before"):
        apply_directly(alphabet(3, withdrawals=False), START, {ONCE})


def test_a_status_that_forgets_a_subject_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_mandate, "status", of_the_mandate_alone)
    with pytest.raises(OrderMatters, match="pending, and not revoked"):
        walk(alphabet(2), START, status_after, {ONCE})


def test_an_event_record_that_is_not_looked_for_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    after = CoreWorld.after
    monkeypatch.setattr(
        CoreWorld, "after", lambda world, told, knows_it=True: after(world, told, knows_it=False)
    )
    with pytest.raises(OrderMatters, match="the ledger has"):
        apply_directly(alphabet(1), START, {ONCE, REDELIVERED})


def test_an_activation_that_links_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_linked", lambda mandate, facts: [])
    with pytest.raises(OrderMatters, match="the ledger has"):
        apply_directly(alphabet(2), START, {ONCE})


def test_a_withdrawal_before_the_set_up_that_is_not_entered_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "WITHDRAWING", frozenset())
    with pytest.raises(OrderMatters):
        walk(alphabet(2), START, status_after, {ONCE})


def test_a_chain_that_is_not_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchained(**given: Any) -> ledger.Entry:
        return ledger.append(**{**given, "head_hash": GENESIS})

    monkeypatch.setattr(changes, "append", unchained)
    with pytest.raises(OrderMatters, match="the chain breaks at entry 2"):
        apply_directly(alphabet(2), START, {ONCE})
