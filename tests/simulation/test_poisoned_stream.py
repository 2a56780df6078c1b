"""Seeded worlds whose bus never takes some entries, or takes none at all: all else goes on as in any world.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html has the codes.
"""

import json

import pytest

from tests.component.world import CUSTOMER, STRANGER
from tests.simulation.aws import Shard
from tests.simulation.charge_scenarios import charged
from tests.simulation.tasks import Task
from tests.simulation.world import World


class Everything(dict[tuple[str, int], str]):
    """The bus says the same of every entry."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._code = code

    def get(self, *_: object) -> str:
        return self._code


def mandates(world: World) -> list[str]:
    """Two customers' mandates, each active and then revoked; nothing of it has come out of the stream yet."""
    made: list[str] = []
    for customer_id in (CUSTOMER, STRANGER):
        world.finish(world.put_customer(customer_id))
        world.finish(world.post_checkout(customer_id))
        handed = world.handed[-1]
        world.authorize(handed.checkout_session_id)
        world.finish(world.return_page(handed))
        world.finish(world.revoke(customer_id, handed.mandate_id))
        made.append(handed.mandate_id)
    return made


def attached(world: World) -> list[str]:
    return [method["id"] for method in world.objects("payment_method") if method["customer"]]


def to_its_end(world: World, task: Task | None) -> bool:
    if task:
        world.finish(task)
    return task is not None


def poll(world: World, function: str, shards: list[Shard]) -> None:
    """Each shard as long as it comes further, and once more."""
    for shard in shards:
        if shard.function == function:
            before = -1
            while shard.position != before:
                before = shard.position
                to_its_end(world, world.poll_stream(shard))


@pytest.mark.parametrize("seed", range(12))
def test_entries_refused_for_good_are_set_aside_and_the_worlds_converge(seed: int) -> None:
    world = World(seed)
    with world.entered():
        made = mandates(world)
        refused = [(made[0], 1), (made[0], world.random.randrange(2, 5)), (made[1], 3)]
        world.aws.refused = dict.fromkeys(refused, "MalformedDetail")
        world.drain()
        told = [json.loads(message.body) for message in world.aws.unpublished.messages.values()]
        assert sorted((one["mandate_id"], int(one["record"][-6:])) for one in told) == sorted(refused)
        assert attached(world) == []
        for mandate_id in made:
            entries = int(world.aws.items("mandates")[mandate_id, "head"]["entries"]["N"])
            expected = [n for n in range(1, entries + 1) if (mandate_id, n) not in refused]
            assert sorted(world.aws.published.numbers[mandate_id]) == expected


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "AccessDeniedException"])
def test_while_the_bus_takes_nothing_every_withdrawal_is_released(code: str) -> None:
    world = World(3)
    with world.entered():
        made = mandates(world)
        world.aws.refused = Everything(code)
        assert len(attached(world)) == len(made)
        for _ in range(3):
            poll(world, "publish_changes", world.aws.shards)
        assert world.aws.published.numbers == {}
        poll(world, "queue_withdrawals", world.aws.shards)
        while to_its_end(world, world.poll_work()):
            pass
        assert attached(world) == []
        assert world.aws.unpublished.messages == {}
        world.aws.refused = {}
        world.converge()


def test_poison_in_the_work_queue_is_moved_and_the_withdrawals_are_released() -> None:
    world = World(5)
    with world.entered():
        mandates(world)
        for body in ("not JSON", "{}", "[]"):
            world.aws.work.send(body, world.clock.now)
        poll(world, "queue_withdrawals", world.aws.shards)
        while to_its_end(world, world.poll_work()):
            pass
        assert attached(world) == []
        assert world.aws.work.messages == {}
        bodies = sorted(message.body for message in world.aws.work_dead_letters.messages.values())
        assert bodies == ["[]", "not JSON", "{}"]
        assert {message.received for message in world.aws.work_dead_letters.messages.values()} == {0}


@pytest.mark.parametrize("seed", range(3))
def test_entries_of_charges_refused_for_good_are_set_aside_and_all_others_are_told(seed: int) -> None:
    world = World(seed)
    with world.entered():
        for _ in range(3):
            charged(world)
        world.drain()
        heads = [head for key, head in world.aws.items("charges").items() if key[1].startswith("charge#")]
        refused = [
            (head["record"]["S"].removeprefix("charge#"), world.random.randrange(1, 3)) for head in heads[:2]
        ]
        assert len(heads) == 3
        world.aws.refused = dict.fromkeys(refused, "MalformedDetail")
        world.tell_of_charges()
        world.invariants.charges.all_told()
        told = [json.loads(message.body) for message in world.aws.unpublished_charges.messages.values()]
        assert sorted(one["record"] for one in told) == sorted(
            f"entry#{charge_id}#{number:06}" for charge_id, number in refused
        )


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_while_the_bus_takes_nothing_charges_succeed_and_are_told_later(code: str) -> None:
    world = World(3)
    with world.entered():
        charged(world)
        world.aws.refused = Everything(code)
        world.drain()
        shard = world.aws.charges_shard
        to_its_end(world, world.poll_stream(shard))
        assert shard.position == 0
        assert world.aws.unpublished_charges.messages == {}
        assert not any(chain.startswith("chg_") for chain in world.aws.published.numbers)
        world.aws.refused = {}
        world.tell_of_charges()
        world.invariants.charges.all_told()
