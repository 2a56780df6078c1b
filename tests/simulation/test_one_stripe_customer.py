"""Found by random worlds: Stripe's search trails by a minute, so a claim must not be begun anew too soon."""

from typing import Any

import pytest

from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.setup.customers import SEARCHABLE_AFTER_SECONDS
from tests.simulation.steering import on_to
from tests.simulation.tasks import Fault
from tests.simulation.world import World


def answers(world: World) -> list[int]:
    return [
        int(name.removeprefix("answer "))
        for name, times in world.counted.items()
        if name.startswith("answer ")
        for _ in range(times)
    ]


def put(world: World, fault: Fault | None = None) -> None:
    """A request whose creation at Stripe meets that fault."""
    task = world.put_customer()
    if fault:
        on_to(world, task, "stripe POST /v1/customers")
        world.go_on(task, fault)
    world.finish(task)


def made(world: World) -> list[Any]:
    return [customer["id"] for customer in world.objects("customer")]


@pytest.mark.parametrize("fault", [Fault.CRASH_AFTER, Fault.CRASH_BEFORE])
def test_a_customer_made_in_the_last_second_of_its_key(fault: Fault) -> None:
    """The second request comes when the key is no more, and before the search can find anything."""
    world = World(2)
    with world.entered():
        first = world.put_customer()
        on_to(world, first, "stripe POST /v1/customers")
        world.go_on(first, Fault.CRASH_BEFORE)
        world.pass_time(IDEMPOTENCY_WINDOW_SECONDS - 2)
        put(world, fault)
        world.pass_time(5)
        put(world)
        assert answers(world) == [503]
        world.pass_time(SEARCHABLE_AFTER_SECONDS)
        put(world)
        assert sorted(answers(world)) == [201, 503]
        assert len(made(world)) == 1
        world.converge()


def test_a_500_that_made_the_customer_long_after_it_was_claimed() -> None:
    world = World(3)
    with world.entered():
        put(world, Fault.CRASH_BEFORE)
        world.pass_time(2 * SEARCHABLE_AFTER_SECONDS)
        put(world, Fault.FAILED_APPLIED)
        put(world)
        assert answers(world) == [503, 503]
        world.pass_time(SEARCHABLE_AFTER_SECONDS)
        put(world)
        assert sorted(answers(world)) == [201, 503, 503]
        assert len(made(world)) == 1
        world.converge()


def test_a_500_whose_answer_nobody_saw() -> None:
    """Its time is not known, so it is waited for from when it is first heard of."""
    world = World(4)
    with world.entered():
        put(world, Fault.CRASH_BEFORE)
        world.pass_time(2 * SEARCHABLE_AFTER_SECONDS)
        task = world.put_customer()
        on_to(world, task, "stripe POST /v1/customers")
        world.go_on(task, Fault.FAILED_APPLIED)
        world.tasks.kill(task)
        put(world)
        assert answers(world) == [503]
        world.pass_time(SEARCHABLE_AFTER_SECONDS)
        put(world)
        assert len(made(world)) == 1
        world.converge()
