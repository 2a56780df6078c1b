"""A customer who does something while they are erased: it is noticed, and another run finishes it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from botocore.client import BaseClient

from mandates.privacy import holdings as held_by
from mandates.privacy.erasure import MEANWHILE, erase
from mandates.privacy.holdings import holdings
from mandates.setup import checkouts
from mandates.store.mandates import read_heads
from mandates.store.tables import HeadRow
from tests.aws_calls import real_call, replace_calls
from tests.component.test_privacy import active, everything_stored, later
from tests.component.world import CUSTOMER, ORIGIN, World

WRITES = {"TransactWriteItems", "DeleteItem", "UpdateItem"}


def erased(customer_id: str = CUSTOMER) -> list[str]:
    """The problems of one run, as an operator starts it."""
    return erase(
        holdings(customer_id),
        override="court_order",
        clock=time.time,
        random_bytes=lambda size: b"r" * size,
        say=lambda _: None,
    )


def finished(customer_id: str) -> bool:
    return holdings(customer_id).is_empty and customer_id not in everything_stored()


@contextmanager
def before_write(number: int, act: Callable[[], object]) -> Iterator[list[int]]:
    """`act` happens before so many writes were made, counted from 0. The list has that number, if it did."""
    call = real_call()
    writes, acted = count(), list[int]()

    def counting(self: BaseClient, operation: str, parameters: Any) -> Any:
        if operation in WRITES and not acted and next(writes) == number:
            acted.append(number)
            act()
        return call(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        replace_calls(patch, counting)
        yield acted


@contextmanager
def index_as_it_is_now() -> Iterator[None]:
    """The index hears of nothing that is written meanwhile."""
    keys = {row.mandate_id: row.customer_id for row in HeadRow.scan(HeadRow.record == HeadRow.RECORD)}

    def lagging(customer_id: str) -> Iterator[Any]:
        yield from read_heads(key for key, owner in keys.items() if owner == customer_id).values()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_by, "mandates_of", lagging)
        yield


def test_a_checkout_that_read_the_customer_before_is_refused_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found no slot, either, so the slot's own condition would let it pass."""
    world.put_customer()
    take_slot = vars(checkouts)["take_slot"]

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(checkouts, "take_slot", take_slot)
        assert erased() == []
        take_slot(*arguments)

    monkeypatch.setattr(checkouts, "take_slot", overtaken)
    assert world.post_checkout().body["code"] == "customer_required"
    assert finished(CUSTOMER)


def another_checkout(world: World, customer_id: str) -> None:
    assert world.post_checkout(customer_id, cancel_url=f"{ORIGIN}/elsewhere").status in {201, 409}


def comes_back(world: World, customer_id: str) -> None:
    assert world.put_customer(customer_id).status in {200, 201}
    another_checkout(world, customer_id)


@pytest.mark.parametrize("does", [another_checkout, comes_back])
def test_a_checkout_at_any_moment_of_an_erasure_is_not_lost_sight_of(
    world: World, does: Callable[[World, str], None]
) -> None:
    noticed = 0
    for number in range(20):
        who = f"auth0|customer-{number}"
        active(world, who)
        with (
            index_as_it_is_now(),
            before_write(number, lambda who=who: does(world, who)) as acted,  # type: ignore[misc]
        ):
            problems = erased(who)
        assert (problems == []) == finished(who), number
        if problems:
            noticed += 1
            assert problems == [MEANWHILE]
            assert erased(who) == []
            assert finished(who)
        if not acted:
            break
    assert not acted
    assert noticed >= 2


def test_a_customer_renewed_meanwhile_is_not_deleted_as_the_one_before(world: World) -> None:
    """Their next Stripe customer would stay theirs, and nothing would name it any more."""
    active(world)
    held = holdings(CUSTOMER)
    world.stripe.core.delete_customer(held.stripe_customer_ids[0])
    world.run_webhooks()
    world.put_customer()
    assert erase(
        held, override=None, clock=later, random_bytes=lambda size: b"r" * size, say=lambda _: None
    ) == [MEANWHILE]
    assert holdings(CUSTOMER).customer
    assert erased() == []
    assert finished(CUSTOMER)
