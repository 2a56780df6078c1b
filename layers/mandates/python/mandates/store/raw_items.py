"""A mandate's items as they are in the table, each read separately, since some may have been altered.

Reading a ledger as usual fails at the first unreadable item. Here each item is read separately, so that it
can be named. An item that is not byte for byte what we would have written counts as unreadable, even if it
reads the same (an additional space, another order).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mandates.core.ledger import Entry, PersonalValue
from mandates.store.dynamodb import RawItem, query_raw
from mandates.store.mandates import entry_from_row
from mandates.store.tables import EntryRow, PersonalRow

ALTERED_ITEMS_RAISE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading an item may raise if it is not as we wrote it: a time beyond the calendar, a thousand
brackets."""


@dataclass(frozen=True, slots=True)
class Stored:
    """`entries` in the order of their keys: the number in the key (0 if it has none), and the entry or None.

    `personal` by entry number; None for an unreadable item.
    """

    entries: Sequence[tuple[int, Entry | None]]
    personal: Mapping[int, Mapping[str, PersonalValue] | None]


def read_as_stored(mandate_id: str) -> Stored:
    items = list(query_raw(EntryRow, EntryRow.mandate_id == mandate_id))
    return Stored(
        entries=[(_number(item), _entry(item)) for item in items if _is(EntryRow, item)],
        personal={_number(item): _personal(item) for item in items if _is(PersonalRow, item)},
    )


def _is(kind: type[EntryRow | PersonalRow], item: RawItem) -> bool:
    return str(item["record"]["S"]).startswith(kind.PREFIX)


def _number(item: RawItem) -> int:
    number = item["record"]["S"].partition("#")[2]
    return int(number) if number.isdecimal() else 0


def _entry(item: RawItem) -> Entry | None:
    try:
        row = EntryRow.from_raw_data(item)
        return entry_from_row(row) if row.serialize() == item else None
    except ALTERED_ITEMS_RAISE:
        return None


def _personal(item: RawItem) -> dict[str, PersonalValue] | None:
    try:
        row = PersonalRow.from_raw_data(item)
        if row.serialize() != item:
            return None
        return {name: PersonalValue(**kept) for name, kept in row.values.items()}
    except ALTERED_ITEMS_RAISE:
        return None
