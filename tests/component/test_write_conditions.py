"""Conditions that others of the same write would usually stand in for, each by itself."""

from collections.abc import Iterable

import pytest

from mandates.core.changes import Change
from mandates.core.checkout_slot import Refusal
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Facts, Kind, merge
from mandates.core.ledger import PersonalValue
from mandates.core.mandate import Mandate
from mandates.store.conflicts import Conflict
from mandates.store.customers import (
    Customer,
    claim_customer,
    creation_failed,
    owner_of,
    read_customer,
    read_slot,
    refuse_slot,
    renew_claim,
    resolve_claim,
)
from mandates.store.erasing import disown, release_stripe_customer
from mandates.store.mandates import (
    Due,
    add_subject_facts,
    commit,
    read_heads,
    read_personal,
    sweep_later,
    sweep_no_more,
)
from mandates.store.tables import HeadRow
from tests.component.world import CUSTOMER, World
from tests.unit.examples import NEW_MANDATE

pytestmark = pytest.mark.moto

NOW = Instant(1_795_500_000)


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


def test_two_withdrawals_of_one_subject_at_once_both_stay(world: World) -> None:
    key = "payment_method#pm_1"
    detached, inactive = Fact(Kind.DETACHED, 7, "evt_1"), Fact(Kind.MANDATE_INACTIVE, 7, "evt_2")
    with pytest.MonkeyPatch.context() as patch:

        def overtaken(known: Facts, new: Iterable[Fact]) -> Facts:
            """Between reading and writing, another worker writes."""
            patch.undo()
            add_subject_facts(key, [inactive])
            return merge(known, new)

        patch.setattr("mandates.store.mandates.merge", overtaken)
        subject = add_subject_facts(key, [detached])
    assert {fact.kind for fact in subject.facts.values()} == {Kind.DETACHED, Kind.MANDATE_INACTIVE}


CLAIM = Customer("auth0|ann", 1, "claim-1", NOW.seconds, NOW.text)


def test_one_of_two_renews_a_claim(world: World) -> None:
    claim_customer(CLAIM)
    renewed = renew_claim(CLAIM, "claim-2", 1, NOW.seconds)
    with pytest.raises(Conflict):
        renew_claim(CLAIM, "claim-3", 1, NOW.seconds)
    assert read_customer(CLAIM.customer_id) == renewed


def test_a_resolved_customer_is_renewed_only_if_it_is_still_the_one_that_was_read(world: World) -> None:
    claim_customer(CLAIM)
    resolve_claim(CLAIM, "cus_1")
    with pytest.raises(Conflict):
        renew_claim(CLAIM, "claim-2", 2, NOW.seconds)


def test_a_failed_creation_is_noted_on_its_own_unresolved_claim_alone(world: World) -> None:
    claim_customer(CLAIM)
    renewed = renew_claim(CLAIM, "claim-2", 1, NOW.seconds)
    with pytest.raises(Conflict):
        creation_failed(CLAIM, NOW.seconds)
    resolve_claim(renewed, "cus_1")
    with pytest.raises(Conflict):
        creation_failed(renewed, NOW.seconds)
    found = read_customer(CLAIM.customer_id)
    assert found is not None
    assert found.failed_at is None


def sweep_time(mandate_id: str) -> int | None:
    (row,) = HeadRow.batch_get([(mandate_id, HeadRow.RECORD)], consistent_read=True)
    return None if row.sweep_at is None else int(row.sweep_at)


def test_a_mandate_that_was_put_off_or_decided_meanwhile_is_left_as_it_is(world: World) -> None:
    mandate_id = NEW_MANDATE.mandate_id
    written(NEW_MANDATE, NEW_MANDATE)
    due = Due(mandate_id, sweep_time(mandate_id) or 0)
    sweep_later(due, due.sweep_at + 1)
    sweep_later(due, due.sweep_at + 2)
    sweep_no_more(due)
    assert sweep_time(mandate_id) == due.sweep_at + 1
    sweep_no_more(Due(mandate_id, due.sweep_at + 1))
    sweep_later(due, due.sweep_at + 3)
    assert sweep_time(mandate_id) is None


def test_a_pseudonym_is_given_once(world: World) -> None:
    written(NEW_MANDATE, NEW_MANDATE)
    disown(NEW_MANDATE.mandate_id, NEW_MANDATE.customer_id, "erased:1")
    disown(NEW_MANDATE.mandate_id, NEW_MANDATE.customer_id, "erased:2")
    assert read_heads([NEW_MANDATE.mandate_id])[NEW_MANDATE.mandate_id].customer_id == "erased:1"


def test_a_stripe_customer_is_released_by_its_own_customer_alone(world: World) -> None:
    claim_customer(CLAIM)
    resolve_claim(CLAIM, "cus_1")
    release_stripe_customer("cus_1", "auth0|somebody-else")
    assert owner_of("cus_1") == CLAIM.customer_id


@pytest.mark.parametrize("resolved", [True, False])
def test_only_an_unresolved_checkout_of_its_own_mandate_is_refused(world: World, resolved: bool) -> None:
    if resolved:
        world.begun()
    else:
        world.put_customer()
        world.faults({"effect": "server_error", "status": 503, "path": "/v1/checkout"})
        assert world.post_checkout().status == 503
    slot = read_slot(CUSTOMER)
    assert slot
    with pytest.raises(Conflict):
        refuse_slot(CUSTOMER, slot.mandate_id if resolved else "mdt_another", Refusal("success_url", None))
    assert read_slot(CUSTOMER) == slot
