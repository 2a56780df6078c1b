"""Work for one event is the same whether there are ten mandates or a hundred thousand.

Counted, not timed: DynamoDB is asked for items by their keys, so how many others there are can't matter.
"""

import ast
import json
from collections import Counter
from typing import Any

import boto3
import pytest

from mandates.store import mandates as store
from tests.budget import examples
from tests.component.conftest import simulator_server, world  # noqa: F401 - fixtures
from tests.component.world import World
from tests.template.stack import raw
from tests.unit.source_guards import FUNCTIONS, LAYER, sources

WHOLE_TABLE = {"scan", "Scan", "parallel_scan", "execute_statement", "ExecuteStatement"}


def scans(source: str) -> set[str]:
    """What reads a whole table: a method of that name, or the operation by name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in WHOLE_TABLE:
            found.add(node.attr)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in WHOLE_TABLE:
            found.add(node.value)
    return found


def test_nothing_that_runs_in_lambda_reads_a_whole_table() -> None:
    ours = {**dict(sources(LAYER / "mandates")), **dict(sources(FUNCTIONS))}
    assert {path: found for path, source in ours.items() if (found := scans(source))} == {}
    allowed = json.dumps(raw()["Resources"], default=str)
    assert "dynamodb:Scan" not in allowed
    assert "dynamodb:PartiQL" not in allowed


@pytest.mark.parametrize(
    "source",
    ["HeadRow.scan()", "client.scan(TableName='t')", "dispatch('Scan', {})", "client.execute_statement()"],
)
def test_a_scan_is_found(source: str) -> None:
    assert scans(source)


def asked(world: World) -> Counter[tuple[str, int]]:  # noqa: F811 - the fixture's name
    """The calls of an applied event: the operation, and how many items it names."""
    counted: Counter[tuple[str, int]] = Counter()
    for call in world.calls:
        if call.function == "process_webhook":
            items = call.parameters.get("TransactItems") or [
                key for of_one in call.parameters.get("RequestItems", {}).values() for key in of_one["Keys"]
            ]
            counted[call.operation, len(items)] += 1
    return counted


def fill(number: int) -> None:
    """That many other mandates, in batches; each a head as it is stored."""
    client: Any = boto3.client("dynamodb")
    rows = [store._head_row(examples.pending(examples.mandate_id(one))).serialize() for one in range(number)]
    for at in range(0, number, 25):
        requests = [{"PutRequest": {"Item": row}} for row in rows[at : at + 25]]
        client.batch_write_item(RequestItems={"mandates": requests})


def test_an_event_asks_for_the_same_among_ten_mandates_and_a_thousand(world: World) -> None:  # noqa: F811
    seen = []
    for others in (10, 1000):
        fill(others)
        opened = world.begun(f"customer-{others}")
        world.stripe.core.authorize(opened["checkout_session_id"])
        events = world.events("setup_intent.succeeded", "checkout.session.completed")[-2:]
        world.function("process_webhook")
        world.calls.clear()
        assert world.process(events) == []
        seen.append(asked(world))
    assert seen[0] == seen[1]
    assert seen[0].total() == 2  # one read of all that is to be known, one transaction
