"""All that is stored of a mandate's charges, item by item, since some may have been altered.

As in raw_items.py, an item that is not byte for byte what we would have written counts as unreadable.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import Notice
from mandates.core.charging.proof import StoredCharge, notice_named
from mandates.core.charging.register import Register
from mandates.core.charging.register_slice import Registered, RegisterSlice, link_of
from mandates.core.charging.usage_faults import StoredUsage
from mandates.core.ledger import first_unsound
from mandates.store.audit_items import MovementRow
from mandates.store.charge_items import (
    ChargeEntryRow,
    ChargeRow,
    NoticeRow,
    OpenChargeRow,
    RefusalRow,
    RegisterRow,
    UsageRow,
)
from mandates.store.charge_rows import charge_of, entry_of, facts_as_stored, register_of
from mandates.store.days import day_key, shard_of
from mandates.store.dynamodb import RawItem, query_raw
from mandates.store.item_formats import Item
from mandates.store.movements import keys_of_day, movement_of
from mandates.store.notices import notice_of
from mandates.store.raw_items import ALTERED_ITEMS_RAISE
from mandates.store.refusals import refusals_of


@dataclass(slots=True)
class ChargesAsStored:
    """`register` has all charges and notices. `odd` are sentences about items that can't be part of it."""

    register: RegisterSlice
    usage: StoredUsage
    odd: Sequence[str]


@dataclass(slots=True)
class _Found:
    heads: dict[str, Charge] = field(default_factory=dict)
    entries: dict[str, list[tuple[int, ChargeEntry | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notices: dict[str, Notice] = field(default_factory=dict)
    register: Register = field(default_factory=Register)
    used: dict[str, int] = field(default_factory=dict)
    declined: dict[str, int] = field(default_factory=dict)
    windows: dict[str, frozenset[str]] = field(default_factory=dict)
    references: dict[str, frozenset[str]] = field(default_factory=dict)
    still_open: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)


def raw_charges(mandate_id: str) -> list[RawItem]:
    """Every item of the mandate in the charges' table, in the order of the keys."""
    return list(query_raw(ChargeRow, ChargeRow.mandate_id == mandate_id))


def reference_key(reference: str) -> str:
    """Its key in StoredUsage."""
    return UsageRow.of_reference(reference).removeprefix(UsageRow.REFERENCE)


def charges_as_stored(items: Iterable[RawItem]) -> ChargesAsStored:
    found = _Found()
    for item in items:
        record = item["record"]["S"]
        read = next((read for key, read in _READERS.items() if _is_under(record, key)), None)
        if read is None:
            found.odd.append(f"{record}: no release writes such an item")
            continue
        try:
            read(found, item)
        except ALTERED_ITEMS_RAISE:
            found.odd.append(f"{record}: it was altered, and can't be read")
    return _put_together(found)


def _is_under(record: str, key: str) -> bool:
    """Only keys that end in # are beginnings: an item `registerx` is not the register."""
    return record.startswith(key) if key.endswith("#") else record == key


def _put_together(found: _Found) -> ChargesAsStored:
    by_number: dict[int, Registered] = {}
    numbers = [head.number for head in found.heads.values()]
    numbered = Counter([*numbers, *(notice.number for notice in found.notices.values())])
    for number, times in numbered.items():
        if times > 1:
            found.odd.append(f"register: {times} charges or notices have number {number}")
    for notice in found.notices.values():
        by_number[notice.number] = notice
    for head in found.heads.values():
        by_number[head.number] = _stored(head, found)
    for charge_id in sorted(found.entries.keys() - found.heads.keys()):
        found.odd.append(f"{charge_id}: it has entries and no head")
    count, highest = found.register.count, max(by_number, default=0)
    # An altered count may be huge. The register's hash shows that it was altered.
    positions = [by_number.get(number) for number in range(1, max(min(count, highest + 1), highest) + 1)]
    register = RegisterSlice(found.register, 1, positions, link_of(by_number.get(count)), highest)
    usage = StoredUsage(
        used=found.used,
        windows=found.windows,
        references=found.references,
        declined=found.declined,
        open_charges=frozenset(found.still_open),
        anchor=found.register.anchor.isoformat() if found.register.anchor else None,
        disputes=found.register.disputes,
    )
    return ChargesAsStored(register, usage, found.odd)


def _stored(head: Charge, found: _Found) -> StoredCharge:
    numbered = found.entries.get(head.charge_id, [])
    named = notice_named(head.facts)
    return StoredCharge(
        charge_id=head.charge_id,
        entries=[entry for _, entry in numbered if entry],
        first_broken=first_unsound(numbered, length=head.entries, head_hash=head.head_hash),
        personal=head.personal,
        notice=found.notices.get(NoticeRow.key(named)) if named else None,
        head=head,
    )


# ---------------------------------------------------------------------------------------- item by item


def _as_written[Row: Item](kind: type[Row], item: RawItem) -> Row:
    """Raises ValueError unless it is what we would have written. The order in a set means nothing."""
    row = kind.from_raw_data(item)
    if _sorted(row.serialize()) != _sorted(item):
        raise ValueError("not as we would have written it")
    return row


def _sorted(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"SS": sorted(typed["SS"])} if "SS" in typed else typed for name, typed in item.items()}


def _head(found: _Found, item: RawItem) -> None:
    row = _as_written(ChargeRow, item)
    charge = charge_of(row)
    if charge.mandate_id != row.mandate_id or row.due_shard not in {None, shard_of(charge.charge_id)}:
        raise ValueError("its key, or its shard, is another charge's")
    if row.created_on != day_key(charge.charge_id, charge.created_at):
        raise ValueError("it is listed under another day, or in another shard")
    if facts_as_stored(charge.facts) != row.facts:
        raise ValueError("its facts are not spelt as we would spell them")
    if (row.due_shard is None) != (row.due_at is None):
        raise ValueError("it is due, and in no shard")
    found.heads[charge.charge_id] = charge


def _entry(found: _Found, item: RawItem) -> None:
    charge_id, _, number = item["record"]["S"].removeprefix(ChargeEntryRow.PREFIX).rpartition("#")
    try:
        entry = entry_of(_as_written(ChargeEntryRow, item))
    except ALTERED_ITEMS_RAISE:
        entry = None
    found.entries[charge_id].append((int(number) if number.isdecimal() else 0, entry))


def _notice(found: _Found, item: RawItem) -> None:
    row = _as_written(NoticeRow, item)
    notice = notice_of(row)
    if row.record != NoticeRow.key(notice.key):
        raise ValueError("its key is not that of its day")
    found.notices[row.record] = notice


def _register(found: _Found, item: RawItem) -> None:
    found.register = register_of(_as_written(RegisterRow, item))


def _open(found: _Found, item: RawItem) -> None:
    found.still_open.add(_as_written(OpenChargeRow, item).record.removeprefix(OpenChargeRow.PREFIX))


def _refusal(_found: _Found, item: RawItem) -> None:
    if refusals_of(_as_written(RefusalRow, item)) is None:
        raise ValueError("no release counts such refusals")


def _movement(_found: _Found, item: RawItem) -> None:
    """It is from Stripe's books, and nothing follows from it. It still has to be one."""
    movement = movement_of(row := _as_written(MovementRow, item))
    if row.record != MovementRow.key(movement):
        raise ValueError("its key is that of another charge")
    if (row.created_on, row.created_at) != tuple(keys_of_day(movement).values()):
        raise ValueError("it is listed under another time, or in another shard")


def _usage(
    prefix: str, amounts: Callable[[_Found], dict[str, int]], attribute: str
) -> Callable[[_Found, RawItem], None]:
    def read(found: _Found, item: RawItem) -> None:
        row = _as_written(UsageRow, item)
        if amount := getattr(row, attribute):
            amounts(found)[row.record.removeprefix(prefix)] = amount

    return read


def _holders(
    prefix: str, held: Callable[[_Found], dict[str, frozenset[str]]]
) -> Callable[[_Found, RawItem], None]:
    def read(found: _Found, item: RawItem) -> None:
        row = _as_written(UsageRow, item)
        if row.charge_ids:
            held(found)[row.record.removeprefix(prefix)] = frozenset(row.charge_ids)

    return read


_READERS: Mapping[str, Callable[[_Found, RawItem], None]] = {
    ChargeRow.PREFIX: _head,
    ChargeEntryRow.PREFIX: _entry,
    NoticeRow.PREFIX: _notice,
    RegisterRow.RECORD: _register,
    OpenChargeRow.PREFIX: _open,
    RefusalRow.PREFIX: _refusal,
    MovementRow.PREFIX: _movement,
    UsageRow.PERIOD: _usage(UsageRow.PERIOD, lambda found: found.used, "used"),
    UsageRow.DECLINES: _usage(UsageRow.DECLINES, lambda found: found.declined, "declined"),
    UsageRow.WINDOW: _holders(UsageRow.WINDOW, lambda found: found.windows),
    UsageRow.REFERENCE: _holders(UsageRow.REFERENCE, lambda found: found.references),
}
