"""The verdict on chaos finds what is wrong: each kind of it, put in on purpose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mandates.core.facts import Fact, Facts, merge
from tests.live.load import percentile
from tests.live.verdict import Stored, problems_in
from tests.unit.examples import (
    DETACHED,
    MANDATE_ID,
    REVOKED,
    SESSION_COMPLETED,
    SESSION_CREATED,
    SETUP_SUCCEEDED,
    our_own,
)
from tests.unit.records import PERSONAL, TERMS, recorded

SOURCES = (SESSION_CREATED, SESSION_COMPLETED, SETUP_SUCCEEDED)
EVENTS: list[dict[str, Any]] = [
    {"id": fact.source, "type": "some.type", "deliveries": []}
    for fact in (SESSION_COMPLETED, SETUP_SUCCEEDED)
]


def stored(*facts: Fact) -> Stored:
    """What the tables hold once the consent and then each of these was contributed."""
    record = recorded([our_own(fact) for fact in facts])
    assert record.head
    found = Stored(outcomes={event["id"]: "applied" for event in EVENTS})
    found.heads[MANDATE_ID] = record.head
    found.ledgers[MANDATE_ID] = [(entry.number, entry) for entry in record.entries]
    found.personal[MANDATE_ID] = {1: PERSONAL}
    found.terms[TERMS.version] = TERMS
    return found


def session(*, attached: bool = True, mandate_status: str = "active") -> dict[str, Any]:
    intent = {
        "status": "succeeded",
        "payment_method": {"customer": "cus_example" if attached else None},
        "mandate": {"status": mandate_status},
    }
    return {"status": "complete", "customer": {"id": "cus_example"}, "setup_intent": intent}


def found_in(world: Stored, *sessions: dict[str, Any]) -> list[str]:
    return list(problems_in(world, [MANDATE_ID], {MANDATE_ID: sessions or (session(),)}, EVENTS))


def test_what_is_right_has_no_problems() -> None:
    assert found_in(stored(*SOURCES)) == []
    withdrawn = stored(*SOURCES)
    withdrawn.subjects["payment_method#pm_example"] = facts(DETACHED)
    assert found_in(withdrawn, session(attached=False)) == []


def lose_an_event(world: Stored) -> None:
    del world.outcomes[SETUP_SUCCEEDED.source]


def quarantine_an_event(world: Stored) -> None:
    world.outcomes[SETUP_SUCCEEDED.source] = "quarantined"


def alter_an_entry(world: Stored) -> None:
    number, entry = world.ledgers[MANDATE_ID][1]
    assert entry is not None
    world.ledgers[MANDATE_ID][1] = (number, replace(entry, status="active"))


def remove_the_last_entry(world: Stored) -> None:
    world.ledgers[MANDATE_ID].pop()


def alter_the_head(world: Stored) -> None:
    head = world.heads[MANDATE_ID]
    world.heads[MANDATE_ID] = replace(head, facts=merge(head.facts, [DETACHED]))


def forget_the_customer(world: Stored) -> None:
    del world.personal[MANDATE_ID][1]


def lose_the_mandate(world: Stored) -> None:
    del world.heads[MANDATE_ID]


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lose_an_event, "is lost"),
        (quarantine_an_event, "is quarantined"),
        (alter_an_entry, "entry 2 is the first that was altered"),
        (remove_the_last_entry, "entry 4 is the first that was altered, removed"),
        (alter_the_head, "head: `facts` does not follow from the ledger"),
        (forget_the_customer, "gone beside entry 1, without an erasure"),
        (lose_the_mandate, "is not there"),
    ],
)
def test_harm_is_found(harm: Callable[[Stored], None], problem: str) -> None:
    world = stored(*SOURCES)
    harm(world)
    assert any(problem in said for said in found_in(world))


def test_an_event_applied_twice_is_found() -> None:
    world = stored(*SOURCES, replace(REVOKED, source=SETUP_SUCCEEDED.source))
    assert any("2 times" in said for said in found_in(world, session(attached=False)))


@pytest.mark.parametrize(
    ("sessions", "problem"),
    [
        ([session(attached=False)], "is active, and by what Stripe says revoked"),
        ([session(mandate_status="inactive")], "is active, and by what Stripe says revoked"),
        ([session(), session()], "2 sessions"),
    ],
)
def test_disagreeing_with_stripe_is_found(sessions: list[dict[str, Any]], problem: str) -> None:
    assert any(problem in said for said in found_in(stored(*SOURCES), *sessions))


def test_revoked_and_still_attached_is_found() -> None:
    assert any("still attached" in said for said in found_in(stored(*SOURCES, REVOKED)))


def test_percentiles_are_of_what_was_measured() -> None:
    durations = [float(number) for number in range(1, 101)]
    assert [percentile(durations, share) for share in (50, 95, 99)] == [50, 95, 99]
    assert percentile([3.0], 99) == 3.0


def facts(*some: Fact) -> Facts:
    return merge({}, some)
