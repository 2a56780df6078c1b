"""Work for one mandate is the same whether there are ten others or a hundred thousand.

Counted, not timed: DynamoDB is asked for items by their keys, so how many others there are can't matter.
"""

import ast
import json
from dataclasses import replace
from typing import Any

import pytest

from mandates.core.evidence_charges import POSITIONS_PER_PAGE
from mandates.store import mandates as store
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, RegisterRow
from mandates.store.charge_rows import entry_values, new_charge_values
from mandates.store.dynamodb import item_of
from mandates.store.register_reads import read_slice
from mandates.store.tables import HeadRow
from tests.budget import examples
from tests.simulation import reality
from tests.simulation.invariants import Invariants
from tests.simulation.tasks import Call, Fault
from tests.simulation.world import World
from tests.template.stack import raw
from tests.unit.charge_records import PAID_AT_THE_SECOND, Books
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


class Counting(World):
    """A world that writes down each call: whose it is, how many items it names, and how long it is."""

    def __init__(self, others: int) -> None:
        self.asked: list[tuple[str, str, int, int]] = []
        super().__init__(1)
        with self.entered():
            head = item_of(HeadRow, store.head_values(examples.mandate(examples.mandate_id(0))))
        mandates = self.aws.dynamodb.tables["mandates"].items
        for number in range(others):
            key = examples.mandate_id(number)
            mandates[(key, "head")] = {**head, "mandate_id": {"S": key}}
        assert len(mandates) >= others

    def made(self, call: Call, fault: Fault | None, outcome: str) -> None:
        super().made(call, fault, outcome)
        if task := self.tasks.current:
            items = call.parameters.get("TransactItems") or [
                key for of_one in call.parameters.get("RequestItems", {}).values() for key in of_one["Keys"]
            ]
            length = len(json.dumps(call.parameters, default=sorted))
            self.asked.append((task.name.partition("#")[0], call.operation, len(items), length))


def asked_for_a_mandate_among(others: int) -> list[tuple[str, str, int, int]]:
    """The same run of everything, from the customer to the withdrawal's release."""
    world = Counting(others)
    with world.entered():
        world.finish(world.put_customer())
        world.finish(world.post_checkout())
        (handed,) = world.handed
        world.authorize(handed.checkout_session_id)
        world.finish(world.return_page(handed))
        world.drain()
        world.finish(world.revoke(handed.customer_id, handed.mandate_id))
        world.drain()
    return world.asked


def test_a_mandate_asks_for_the_same_among_ten_others_and_a_hundred_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Invariants, "check", lambda _: None)  # the others are heads without ledgers
    with reality.installed():
        few, many = asked_for_a_mandate_among(10), asked_for_a_mandate_among(100_000)
    assert few == many
    assert {function for function, *_ in few} == {
        "create_customer",
        "create_checkout_session",
        "read_checkout_session",
        "revoke_mandate",
        "receive_webhook",
        "process_webhook",
        "publish_changes",
        "queue_withdrawals",
        "reconcile_events",
        "release_withdrawals",
    }


class Reading(World):
    """A page of charges and the last one of a register of `length`. It counts what is read."""

    def __init__(self, length: int) -> None:
        self.asked: list[tuple[str, int]] = []
        super().__init__(1)
        books = Books()
        stored = [books.charge(*PAID_AT_THE_SECOND) for _ in range(POSITIONS_PER_PAGE + 1)]
        heads = [charge.head for charge in stored if charge.head]
        heads[-1] = replace(heads[-1], number=length)
        self.mandate_id = books.record.mandate_id
        table = self.aws.dynamodb.tables["charges"]
        with self.entered():
            for charge, head in zip(stored, heads, strict=True):
                self._put(item_of(ChargeRow, new_charge_values(head)))
                for entry in charge.entries:
                    self._put(item_of(ChargeEntryRow, entry_values(entry)))
            key = {"mandate_id": self.mandate_id, "record": RegisterRow.RECORD}
            self._put(item_of(RegisterRow, {**key, "entries": length, "head_hash": books.tip}))
        index = table.indexes["by_number"].items
        for number in range(len(heads), length):
            other = (self.mandate_id, f"charge#other-{number}")
            index[other] = {
                "mandate_id": {"S": other[0]},
                "record": {"S": other[1]},
                "register_number": {"N": str(number)},
            }

    def _put(self, item: dict[str, Any]) -> None:
        table = self.aws.dynamodb.tables["charges"]
        key = (item["mandate_id"]["S"], item["record"]["S"])
        table.items[key] = item
        if "register_number" in item:
            table.indexes["by_number"].items[key] = item

    def made(self, call: Call, fault: Fault | None, outcome: str) -> None:
        super().made(call, fault, outcome)
        keys = [key for of_one in call.parameters.get("RequestItems", {}).values() for key in of_one["Keys"]]
        self.asked.append((call.operation, len(keys)))


def test_a_page_of_evidence_reads_the_same_of_a_hundred_charges_and_ten_thousand() -> None:
    """Each key read is one of a charge's items, so the units are the same, too."""
    read = []
    with reality.installed():
        for length in (100, 10_000):
            world = Reading(length)
            with world.entered():
                part = read_slice(world.mandate_id, 1, POSITIONS_PER_PAGE)
            assert len(part.charges) == POSITIONS_PER_PAGE
            assert part.register.count == part.highest == length
            assert part.last_link == part.register.hash
            read.append(world.asked)
    print(read[0])
    assert read[0] == read[1]
    assert len(read[0]) <= 7
