"""Work for one event is the same whether there are ten mandates or a hundred thousand.

Counted, not timed: DynamoDB is asked for items by their keys, so how many others there are can't matter.
"""

import ast
import json

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

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


def asked(world: World) -> list[tuple[str, int, int]]:  # noqa: F811 - the fixture's name
    """The calls of a batch: the operation, how many items it names, and the length of what is sent."""
    made: list[tuple[str, int, int]] = []
    for call in world.calls:
        if call.function == "process_webhook":
            items = call.parameters.get("TransactItems") or [
                key for of_one in call.parameters.get("RequestItems", {}).values() for key in of_one["Keys"]
            ]
            made.append((call.operation, len(items), len(json.dumps(call.parameters, default=sorted))))
    return made


def fill(number: int) -> None:
    """That many other mandates, laid into moto's own table: a hundred thousand requests would take minutes.

    All are one head under keys of their own: what is asked for by key never comes near them.
    """
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables["mandates"]
    row = store._head_row(examples.pending(examples.mandate_id(0))).serialize()
    head = table.put_item(row)
    for one in range(number):
        key = DynamoType({"S": examples.mandate_id(one)})
        table.items[key][DynamoType({"S": "head"})] = head
    assert len(table.items) >= number


def test_an_event_asks_for_the_same_among_ten_mandates_and_a_hundred_thousand(
    world: World,  # noqa: F811 - the fixture's name
) -> None:
    seen = []
    for others in (10, 100_000):
        fill(others)
        opened = world.begun(f"customer-{others:06}")
        world.stripe.core.authorize(opened["checkout_session_id"])
        events = world.events("setup_intent.succeeded", "checkout.session.completed")[-2:]
        world.function("process_webhook")
        world.calls.clear()
        assert world.process(events) == []
        seen.append(asked(world))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 2  # one read of all that is to be known, one transaction
