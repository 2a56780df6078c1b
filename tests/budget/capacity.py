"""What DynamoDB bills for a call, in request units: AWS's rules, as functions of the items concerned.

Sizes, units of reads and writes, absent items:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Transactions:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
Indexes:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]
"""As DynamoDB gives it: `{"mandate_id": {"S": "mdt_…"}}`."""

Lookup = Callable[[str, Item], Item | None]
"""The item of a table under a key; None if there is none."""

WRITE_BYTES, READ_BYTES = 1024, 4096


@dataclass(frozen=True)
class Index:
    """`keys` are its own, `projected` everything that an entry has."""

    keys: tuple[str, ...]
    projected: frozenset[str]


@dataclass(frozen=True)
class Table:
    keys: tuple[str, ...]
    indexes: tuple[Index, ...] = ()


@dataclass(frozen=True)
class Units:
    reads: float = 0
    writes: int = 0


def table_of(properties: Mapping[str, Any]) -> Table:
    """From the properties of an AWS::DynamoDB::Table."""
    keys = _key_names(properties)
    indexes = tuple(
        Index(
            own := _key_names(index),
            frozenset({*keys, *own, *index["Projection"].get("NonKeyAttributes", ())}),
        )
        for index in properties.get("GlobalSecondaryIndexes", ())
    )
    return Table(keys, indexes)


def units(
    operation: str,
    parameters: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    tables: Mapping[str, Table],
    before: Lookup,
    after: Lookup,
) -> Units:
    """Of one call; `before` and `after` look items up as they were before and after it."""

    def written(write: Mapping[str, Any]) -> int:
        table, name = tables[write["TableName"]], write["TableName"]
        key = write.get("Key") or {attribute: write["Item"][attribute] for attribute in table.keys}
        was, now = before(name, key), after(name, key)
        factor = 2 if operation == "TransactWriteItems" else 1
        return factor * units_of_write(was, now) + sum(units_of_index(was, now, one) for one in table.indexes)

    match operation:
        case "TransactWriteItems":
            writes = [write for one in parameters["TransactItems"] for write in one.values()]
            return Units(writes=sum(map(written, writes)))
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return Units(writes=written(parameters))
        case "BatchGetItem":
            asked = [
                (name, key) for name, wanted in parameters["RequestItems"].items() for key in wanted["Keys"]
            ]
            return Units(reads=sum(units_of_read(before(name, key)) for name, key in asked))
        case "Query":
            return Units(
                reads=units_of_query(answer["Items"], consistent=parameters.get("ConsistentRead", False))
            )
    raise NotImplementedError(operation)


def units_of_write(before: Item | None, after: Item | None) -> int:
    """Of a put, update, delete or condition check outside a transaction; inside one, twice as many.

    The larger of the item before and after counts, an item that does not exist as 1 KB. AWS does not say what
    a ConditionCheck is billed as: we count it as a write of the item that is checked, the dearest it can be.
    """
    return max(1, math.ceil(max(size(before), size(after)) / WRITE_BYTES))


def units_of_index(before: Item | None, after: Item | None, index: Index) -> int:
    """What the write of an item adds for an index. It follows outside the transaction, so it is not doubled.

    A key that changes is a delete and a put; an entry that stays as it is costs nothing.
    """
    was, now = _entry(before, index), _entry(after, index)
    if was == now:
        return 0
    if was and now and all(was[key] == now[key] for key in index.keys):
        return units_of_write(was, now)
    return sum(units_of_write(entry, None) for entry in (was, now) if entry)


def units_of_read(item: Item | None) -> int:
    """Strongly consistent, by its key. An item that does not exist counts as well."""
    return max(1, math.ceil(size(item) / READ_BYTES))


def units_of_query(items: Iterable[Item], *, consistent: bool) -> float:
    """The items that are read count together; half of it if they are read eventually consistently."""
    whole = max(1, math.ceil(sum(map(size, items)) / READ_BYTES))
    return whole if consistent else whole / 2


def size(item: Item | None) -> int:
    """In bytes."""
    return sum(len(name.encode()) + _size_of(value) for name, value in (item or {}).items())


def _size_of(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = str(content).lstrip("-").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(len(one.encode()) for one in content)
        case "NS":
            return sum(_size_of({"N": one}) for one in content)
        case "L":
            return 3 + sum(1 + _size_of(one) for one in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size_of(one) for name, one in content.items())
    raise NotImplementedError(kind)


def _entry(item: Item | None, index: Index) -> Item | None:
    """What an index has of an item; None if the item has not all of its keys."""
    if item is None or not set(index.keys) <= item.keys():
        return None
    return {name: value for name, value in item.items() if name in index.projected}


def _key_names(described: Mapping[str, Any]) -> tuple[str, ...]:
    schema: Sequence[Mapping[str, str]] = described["KeySchema"]
    return tuple(key["AttributeName"] for key in schema)
