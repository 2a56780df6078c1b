"""Reads a part of a mandate's register, with its charges, their entries and its notices.

That costs the same however long the register is.
"""

from collections.abc import Iterable, Iterator, Mapping

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.head import Charge
from mandates.core.charging.proof import StoredCharge, notice_named
from mandates.core.charging.register_slice import Registered, RegisterSlice, link_of
from mandates.core.ledger import GENESIS, first_unsound
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, NoticeRow
from mandates.store.charge_rows import charge_of, entry_of
from mandates.store.charges import read_register, registered
from mandates.store.dynamodb import Key, RawItem, query_page, query_raw, read_kinds
from mandates.store.notices import notice_of

MOST_ENTRIES = 2_000
"""Of one charge. 30 days of attempts make about 500. A head that names more was altered, and the entries that
are not read are missed."""


def read_slice(mandate_id: str, first: int, count: int) -> RegisterSlice:
    """Up to `count` charges and notices from number `first` on. An altered item may make it raise anything
    (store/raw_items.py).

    The order of the reads matters. The index goes first: it has nothing that the register does not count. A
    head is read before its entries, which never change. Read the mandate's ledger afterwards: a charge names
    an entry of it that was there before.
    """
    highest = _highest(mandate_id)
    register = read_register(mandate_id)
    wanted = range(first, min(first + count - 1, register.count) + 1)
    records = _records(mandate_id, {*wanted, *([register.count] if register.count else [])})
    found = _read(mandate_id, records.values(), frozenset(records[n] for n in wanted if n in records))
    positions = [found.get(records.get(number, "")) for number in wanted]
    last = found.get(records.get(register.count, ""))
    return RegisterSlice(register, first, positions, link_of(last), highest)


def _highest(mandate_id: str) -> int:
    newest, _ = query_page(
        ChargeRow, ChargeRow.mandate_id == mandate_id, index=ChargeRow.by_number, newest_first=True, limit=1
    )
    return int(newest[0]["register_number"]["N"]) if newest else 0


def _records(mandate_id: str, numbers: set[int]) -> dict[int, str]:
    """The sort keys of these numbers.

    The index may be late. What it lacks is looked for in the table itself. Only then does it cost more the
    longer the register is.
    """
    found: dict[int, str] = {}
    for first, last in _spans(numbers):
        found |= registered(mandate_id, first, last)
    if not numbers <= found.keys():
        found = {_number(item): item["record"]["S"] for item in _in_the_table(mandate_id)}
    return {number: found[number] for number in numbers if number in found}


def _spans(numbers: set[int]) -> list[tuple[int, int]]:
    """At most two: a page's numbers, and the register's last."""
    if not numbers:
        return []
    first, last = min(numbers), max(numbers)
    if len(numbers) == last - first + 1:
        return [(first, last)]
    return [(first, max(numbers - {last})), (last, last)]


def _in_the_table(mandate_id: str) -> Iterator[RawItem]:
    for kind in (ChargeRow, NoticeRow):
        of_kind = (kind.mandate_id == mandate_id) & kind.record.startswith(kind.PREFIX)
        yield from query_raw(kind, of_kind)


def _number(item: RawItem) -> int:
    number = item.get("register_number", {}).get("N", "")
    return int(number) if number.isdecimal() else 0


def _read(mandate_id: str, records: Iterable[str], complete: frozenset[str]) -> dict[str, Registered]:
    """What lies under these sort keys. Of a charge that is not in `complete`, only the first entry."""
    kinds = {NoticeRow: NoticeRow.PREFIX, ChargeRow: ChargeRow.PREFIX}
    wanted = ((kind, (mandate_id, one)) for one in records for kind in kinds if one.startswith(kinds[kind]))
    found: dict[str, Registered] = {}
    heads: list[Charge] = []
    for row in read_kinds(wanted):
        match row:
            case ChargeRow():
                heads.append(charge_of(row))
            case NoticeRow():
                found[row.record] = notice_of(row)
    keys = [key for head in heads for key in _keys_beside(mandate_id, head, complete)]
    beside = {row.record: row for row in read_kinds(keys) if isinstance(row, ChargeEntryRow | NoticeRow)}
    for head in heads:
        record = ChargeRow.key(head.charge_id)
        found[record] = _stored(head, beside) if record in complete else _first_of(head, beside)
    return found


def _keys_beside(
    mandate_id: str, head: Charge, complete: frozenset[str]
) -> Iterator[tuple[type[ChargeEntryRow | NoticeRow], Key]]:
    entries = min(head.entries, MOST_ENTRIES) if ChargeRow.key(head.charge_id) in complete else 1
    for number in range(1, entries + 1):
        yield ChargeEntryRow, (mandate_id, ChargeEntryRow.key(head.charge_id, number))
    named = notice_named(head.facts)
    if named:
        yield NoticeRow, (mandate_id, NoticeRow.key(named))


def _stored(head: Charge, beside: Mapping[str, ChargeEntryRow | NoticeRow]) -> StoredCharge:
    numbered = [
        (number, _entry(head, number, beside)) for number in range(1, min(head.entries, MOST_ENTRIES) + 1)
    ]
    named = notice_named(head.facts)
    notice = beside.get(NoticeRow.key(named)) if named else None
    return StoredCharge(
        charge_id=head.charge_id,
        entries=[entry for _, entry in numbered if entry],
        first_broken=first_unsound(numbered, length=head.entries, head_hash=head.head_hash),
        personal=head.personal,
        notice=notice_of(notice) if isinstance(notice, NoticeRow) else None,
        head=head,
    )


def _first_of(head: Charge, beside: Mapping[str, ChargeEntryRow | NoticeRow]) -> StoredCharge:
    entry = _entry(head, 1, beside)
    tip = entry.hash if entry else GENESIS
    broken = first_unsound([(1, entry)], length=1, head_hash=tip)
    return StoredCharge(head.charge_id, [entry] if entry else [], broken, head.personal)


def _entry(head: Charge, number: int, beside: Mapping[str, ChargeEntryRow | NoticeRow]) -> ChargeEntry | None:
    row = beside.get(ChargeEntryRow.key(head.charge_id, number))
    return entry_of(row) if isinstance(row, ChargeEntryRow) else None
