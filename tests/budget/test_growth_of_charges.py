"""A mandate with ten thousand charges costs as one with ten: to charge, to list them, to withdraw.

Counted, not timed: each request, how many items it names, and the units that AWS bills for it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from tests.budget.capacity import size, units
from tests.budget.metering import tables
from tests.component.world import service
from tests.simulation import reality
from tests.simulation.invariants import Invariants
from tests.simulation.world import Handed, World

FEW, MANY = 10, 10_000
READS = {"BatchGetItem", "Query"}


class Asked(NamedTuple):
    """One request to DynamoDB. `named` are the items that it names, `largest` bytes of those it wrote."""

    function: str
    operation: str
    named: int
    reads: float
    writes: int
    largest: int


def text(number: int) -> str:
    """Sixteen characters that an id may end in."""
    return f"{number:016b}".translate(str.maketrans("01", "ab"))


def with_charges(world: World, handed: Handed, charges: int) -> None:
    """As if the mandate's one charge had been made so many times."""
    table = world.aws.dynamodb.tables["charges"]
    mandate_id = handed.mandate_id
    (head,) = (key for key in table.items if key[1].startswith("charge#"))
    charge_id = head[1].removeprefix("charge#")
    own = {key: item for key, item in table.items.items() if charge_id in str(item)}
    for number in range(2, charges + 1):
        suffix = charge_id[:-16] + text(number)
        for (_, record), item in own.items():
            made = json.loads(json.dumps(item).replace(charge_id, suffix))
            if record.startswith("reference#"):
                made["record"] = {"S": f"reference#{number:064x}"}
            if "register_number" in made:
                made["register_number"] = {"N": str(number)}
                table.indexes["by_number"].items[mandate_id, made["record"]["S"]] = made
            table.items[mandate_id, made["record"]["S"]] = made
    register = table.items[mandate_id, "register"]
    table.items[mandate_id, "register"] = {**register, "entries": {"N": str(charges)}}


def metered(world: World, asked: list[Asked]) -> None:
    """From now on."""
    dynamodb = world.aws.dynamodb
    call = dynamodb.call

    def items_now() -> dict[str, dict[tuple[str, ...], Any]]:
        return {name: table.items for name, table in dynamodb.tables.items()}

    def snapshot() -> dict[str, dict[tuple[str, ...], Any]]:
        return {name: dict(items) for name, items in items_now().items()}

    def counted(operation: str, parameters: Mapping[str, Any]) -> Any:
        reads = operation in READS
        before = items_now() if reads else snapshot()
        answer = call(operation, parameters)
        after = items_now()

        def of(items: dict[str, dict[tuple[str, ...], Any]]) -> Any:
            return lambda table, key: items[table].get(dynamodb.tables[table].key(key))

        used = units(operation, parameters, answer, tables=tables(), before=of(before), after=of(after))
        written = [
            size(item)
            for name, items in after.items()
            for key, item in items.items()
            if not reads and before[name].get(key) is not item
        ]
        wanted = parameters.get("RequestItems", {}).values()
        named = parameters.get("TransactItems") or [key for one in wanted for key in one["Keys"]]
        if task := world.tasks.current:
            function = task.name.partition("#")[0]
            asked.append(
                Asked(function, operation, len(named), used.reads, used.writes, max(written, default=0))
            )
        return answer

    dynamodb.call = counted  # type: ignore[method-assign]


def asked_of_a_mandate_with(charges: int) -> list[Asked]:
    """Under terms with a period and a window, so that no item's size is just below a whole KB."""
    world, asked = World(1, terms="once a day"), list[Asked]()
    with world.entered():
        handed = world.activate()
        world.finish(world.charging.post(world.charging.order(handed.mandate_id)))
        world.drain()
        world.pass_time(24 * 3600)
        with_charges(world, handed, charges)
        metered(world, asked)
        world.finish(world.charging.post(world.charging.order(handed.mandate_id)))
        listed: list[Any] = []
        reading = world.api(
            "read_charges",
            "GET",
            "/mandates/{mandate_id}/charges",
            path={"mandate_id": handed.mandate_id},
            query={"limit": str(FEW)},
            caller=service("mandates:read"),
            done=listed.append,
        )
        world.finish(reading)
        assert len(listed[0].body["charges"]) == FEW
        world.drain()
        world.finish(world.revoke(handed.customer_id, handed.mandate_id))
        world.drain()
    return asked


def test_ten_thousand_charges_cost_as_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Invariants, "check", lambda _: None)  # what was inserted has no history
    with reality.installed():
        few, many = asked_of_a_mandate_with(FEW), asked_of_a_mandate_with(MANY)
    assert [one[:-1] for one in few] == [one[:-1] for one in many]
    digits = 8  # of longer numbers
    assert all(large.largest <= small.largest + digits for small, large in zip(few, many, strict=True))
    functions = {one.function for one in many}
    assert {"create_charge", "read_charges", "revoke_mandate", "release_withdrawals"} <= functions
