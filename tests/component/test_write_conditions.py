"""Conditions that others of the same write would usually stand in for, each by itself."""

import pytest

from mandates.core.changes import Change
from mandates.core.ledger import PersonalValue
from mandates.core.mandate import Mandate
from mandates.moment import Moment
from mandates.store.mandates import commit, read_heads, read_personal
from mandates.store.writing import Conflict
from tests.component.world import World
from tests.unit.examples import NEW_MANDATE

NOW = Moment(1_795_500_000)


def written(before: Mandate, after: Mandate, **personal: PersonalValue) -> None:
    beside = {1: personal} if personal else {}
    commit([Change(before, after, entries=(), events=(), personal=beside, stands_on=())], NOW)


def test_a_mandates_id_is_given_once(world: World) -> None:
    head = NEW_MANDATE.extended(NEW_MANDATE.facts, 1, "ab" * 32)
    written(NEW_MANDATE, head)
    with pytest.raises(Conflict):
        written(NEW_MANDATE, NEW_MANDATE.extended(NEW_MANDATE.facts, 1, "cd" * 32))
    assert read_heads([head.mandate_id])[head.mandate_id].head_hash == head.head_hash


def test_personal_values_are_never_replaced(world: World) -> None:
    head = NEW_MANDATE.extended(NEW_MANDATE.facts, 1, "ab" * 32)
    written(NEW_MANDATE, head, source_ip=PersonalValue("203.0.113.7", "01" * 32))
    kept = read_personal(head.mandate_id)
    with pytest.raises(Conflict):
        written(head, head, source_ip=PersonalValue("203.0.113.9", "02" * 32))
    assert read_personal(head.mandate_id) == kept != {}
