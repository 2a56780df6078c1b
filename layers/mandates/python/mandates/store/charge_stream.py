"""Entries of charges as their table's stream has them, and the heads of their charges.

Each is read by itself: one that can't be read, or that somebody altered, says nothing about the others.
"""

from collections.abc import Iterable, Mapping

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.head import Charge
from mandates.store.charge_items import ChargeEntryRow, ChargeRow
from mandates.store.charge_rows import charge_of, entry_of
from mandates.store.dynamodb import RawItem, read_raw
from mandates.store.item_formats import Item


def charge_id_in(record: str) -> str:
    """The charge's id in an entry's sort key; without a meaning if it is not the key of an entry."""
    return record.removeprefix(ChargeEntryRow.PREFIX).rpartition("#")[0]


def charge_entry_in(image: RawItem) -> ChargeEntry:
    """An entry from its item. Raises NewerFormat, or another exception if it is not a whole entry or lies
    under the key of another."""
    row = ChargeEntryRow.from_raw_data(image)
    _must_be_whole(ChargeEntryRow, image)
    entry = entry_of(row)
    if row.record != ChargeEntryRow.key(entry.charge_id, entry.number):
        raise ValueError("an entry lies under the key of another")
    return entry


def stored_heads(keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], RawItem]:
    """The heads there are, by the ids of the mandate (their partition) and of the charge; up to a hundred in
    one request. Raises StoreError."""
    wanted = {(mandate_id, ChargeRow.key(charge_id)) for mandate_id, charge_id in keys}
    heads = [item for _, item in read_raw((ChargeRow, key) for key in sorted(wanted))]
    return {
        (head["mandate_id"]["S"], head["record"]["S"].removeprefix(ChargeRow.PREFIX)): head for head in heads
    }


def charge_in(item: RawItem) -> Charge:
    """A charge from its head. Raises NewerFormat, or another exception if it is not a whole head."""
    row = ChargeRow.from_raw_data(item)
    _must_be_whole(ChargeRow, item)
    return charge_of(row)


def _must_be_whole(kind: type[Item], item: RawItem) -> None:
    """pynamodb reads an attribute that is not there as None."""
    attributes = kind.get_attributes().values()
    missing = [one.attr_name for one in attributes if not one.null and one.attr_name not in item]
    if missing:
        raise ValueError(f"without {', '.join(missing)}")
