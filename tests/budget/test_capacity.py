"""The request units of DynamoDB's calls, held to AWS's own rules and examples."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.budget.capacity import (
    Index,
    Item,
    Table,
    size,
    units,
    units_of_index,
    units_of_query,
    units_of_read,
)

BY_DUE = Index(("shard", "due"), frozenset({"id", "shard", "due", "format"}))
TABLES = {"t": Table(("id",), (BY_DUE,))}
NAMED = {"TableName": "t", "Key": {"id": {"S": "x"}}}


def item(length: int, **others: Any) -> Item:
    """An item of so many bytes, without the `others`."""
    return {"id": {"S": "x" * (length - len("id"))}, **others}


def due(at: int, **others: Any) -> Item:
    return {"id": {"S": "x"}, "shard": {"S": "a"}, "due": {"N": str(at)}, **others}


def used(operation: str, parameters: Mapping[str, Any], before: Item | None, after: Item | None) -> Any:
    return units(
        operation,
        parameters,
        {},
        tables=TABLES,
        before=lambda *_: before,
        after=lambda *_: after,
    )


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ({"S": "süß"}, 5),
        ({"N": "100"}, 2),
        ({"N": "1795500000"}, 4),
        ({"N": "-27"}, 2),
        ({"BOOL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": [{"S": "ab"}]}, 6),
        ({"M": {"k": {"S": "ab"}}}, 7),
    ],
)
def test_a_name_and_its_value_are_as_large_as_aws_says(value: Mapping[str, Any], bytes_: int) -> None:
    assert size({"name": value}) == len("name") + bytes_


def test_an_absent_item_has_no_size_but_its_read_costs_one() -> None:
    assert (size(None), units_of_read(None)) == (0, 1)


def test_reads_are_rounded_up_to_4_kb() -> None:
    assert [units_of_read(item(length)) for length in (4_096, 4_097)] == [1, 2]


def test_a_query_adds_up_what_it_reads_and_an_index_costs_half() -> None:
    three = [item(1_500)] * 3
    assert [units_of_query(three, consistent=of_table) for of_table in (True, False)] == [2, 1]
    assert units_of_query([], consistent=False) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        (None, item(1_024), 1),
        (None, item(1_025), 2),
        (item(2_500), item(100), 3),  # the larger of both
        (item(2_500), None, 3),  # a delete costs what is deleted
        (None, None, 1),  # as does nothing at all
    ],
)
def test_a_write_costs_the_larger_of_before_and_after(
    before: Item | None, after: Item | None, writes: int
) -> None:
    assert used("UpdateItem", NAMED, before, after).writes == writes
    assert (
        used("TransactWriteItems", {"TransactItems": [{"Update": NAMED}]}, before, after).writes == 2 * writes
    )


def test_a_put_names_its_item() -> None:
    large = item(1_025)
    assert used("PutItem", {"TableName": "t", "Item": large}, None, large).writes == 2


def test_in_a_transaction_every_write_and_check_costs_twice() -> None:
    items = [{"Update": NAMED}, {"Delete": NAMED}, {"ConditionCheck": NAMED}]
    large = item(1_500)
    assert used("TransactWriteItems", {"TransactItems": items}, large, large).writes == 3 * 2 * 2
    assert used("TransactWriteItems", {"TransactItems": items}, None, None).writes == 3 * 2


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        (None, item(100), 0),  # not in the index
        (None, due(1), 1),
        (due(1), due(2), 2),  # a key changes: a delete and a put
        (due(1), due(1, format={"N": "2"}), 1),  # only what is projected
        (due(1), due(1, other={"S": "changed"}), 0),
        (due(1), item(100), 1),  # it leaves the index
        (due(1), None, 1),
    ],
)
def test_an_index_costs_what_changes_in_it(before: Item | None, after: Item | None, writes: int) -> None:
    assert units_of_index(before, after, BY_DUE) == writes


def test_an_index_is_not_part_of_the_transaction() -> None:
    written = {"TransactItems": [{"Put": {"TableName": "t", "Item": due(1)}}]}
    assert used("TransactWriteItems", written, None, due(1)).writes == 2 + 1


def test_what_has_no_rule_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        used("PartiQL", {}, None, None)
