"""What DynamoDB refuses of keys and items, whatever the table holds.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

from collections.abc import Iterable, Sequence

from tests.simulation.expressions import Item, Value

LONGEST_KEYS = (2048, 1024)
"""Bytes of a partition key, and of a sort key."""

MOST_BYTES = 400 * 1024
"""Of an item, with the names of its attributes."""


def fault_of_key(key: Sequence[str]) -> str | None:
    for value, longest in zip(key, LONGEST_KEYS, strict=False):
        if not value:
            return "The AttributeValue for a key attribute cannot contain an empty string value"
        if len(value) > longest / 4 and len(value.encode()) > longest:  # a character has four bytes at most
            return f"Size of a key has exceeded the maximum size limit of {longest} bytes"
    return None


def fault_of_item(item: Item, index_keys: Iterable[str]) -> str | None:
    if any(item.get(name) == {"S": ""} for name in index_keys):
        return "A value specified for a secondary index key is not supported: an empty string"
    if sum(len(name.encode()) + _size(value) for name, value in item.items()) > MOST_BYTES:
        return "Item size has exceeded the maximum allowed size"
    return None


def _size(value: Value) -> int:
    ((kind, content),) = value.items()
    return sum(len(member.encode()) for member in content) if kind == "SS" else len(str(content).encode())
