"""Charges, their chains, and what they hold of a mandate's limits."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from itertools import islice
from typing import Annotated

import msgspec
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from mandates.core.changes import Subject
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.change import ChargeChange
from mandates.core.charging.charge import Room
from mandates.core.charging.decision import MOST_DECLINES_A_DAY
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.register import Register
from mandates.core.clock import Instant
from mandates.core.mandate import Mandate
from mandates.core.subjects import payment_intent_subject
from mandates.store.charge_items import (
    ChargeEntryRow,
    ChargeRow,
    NoticeRow,
    OpenChargeRow,
    RegisterRow,
    SwitchRow,
    UsageRow,
)
from mandates.store.charge_rows import (
    charge_key,
    charge_of,
    entry_of,
    entry_values,
    facts_as_stored,
    new_charge_values,
    register_of,
)
from mandates.store.charging_switch import SWITCH, not_paused
from mandates.store.conflicts import Conflict
from mandates.store.days import SHARDS, shard_of
from mandates.store.dynamodb import (
    RawItem,
    Transaction,
    query,
    query_raw,
    read_row,
    read_rows,
    transaction,
    update,
)
from mandates.store.events import applied_event_values, not_applied_before
from mandates.store.mandates import add_checks
from mandates.store.tables import EventRow, IntentRow


class ChargePosition(msgspec.Struct, frozen=True):
    """A place in a mandate's list of charges: after the one with this number in the register."""

    number: Annotated[int, msgspec.Meta(ge=1)]


class DueCharge(msgspec.Struct, frozen=True):
    """A charge that is due since `due_at` (epoch seconds), as the index has it."""

    charge_id: str
    due_at: int


class Guard(msgspec.Struct, frozen=True):
    """What a decision was made from, and what an attempt is conditional on: a mandate that nobody changed
    since, and `subjects`, everything it stands on. `day` is the local day whose declines are counted.

    `most` is the limit of a calendar period in minor units; None if there is none. `while_disputed`: a charge
    may be reserved even while another one of the mandate is disputed.
    """

    mandate: Mandate
    subjects: tuple[Subject, ...]
    day: str
    most: int | None
    while_disputed: bool = False


# ------------------------------------------------------------------------------------------ reading


def read_charge(charge_id: str) -> Charge | None:
    row = read_row(ChargeRow, *charge_key(charge_id))
    return charge_of(row) if row else None


def read_register(mandate_id: str) -> Register:
    """Read strongly consistently."""
    return register_of(read_row(RegisterRow, mandate_id, RegisterRow.RECORD))


def registered(mandate_id: str, first: int, last: int) -> dict[int, str]:
    """The sort keys of what has these numbers in the register. Found through the index, which may lack what
    was just made: the links tell whether anything is missing."""
    numbers = (ChargeRow.mandate_id == mandate_id) & ChargeRow.register_number.between(first, last)
    items = query_raw(ChargeRow, numbers, index=ChargeRow.by_number)
    return {int(item["register_number"]["N"]): item["record"]["S"] for item in items}


def read_charge_ledger(charge_id: str) -> list[ChargeEntry]:
    entries = ChargeEntryRow.of_charge(mandate_id_of_charge(charge_id), charge_id)
    return [entry_of(row) for row in query(ChargeEntryRow, entries)]


def open_charges(mandate_id: str) -> list[str]:
    """The ids of the mandate's charges that are not settled; read strongly consistently."""
    rows = query(OpenChargeRow, OpenChargeRow.of_mandate(mandate_id))
    return [row.record.removeprefix(OpenChargeRow.PREFIX) for row in rows]


def last_news_of_charges(mandate_id: str) -> int | None:
    """The time (epoch seconds) of the latest fact about any of a mandate's charges; None without charges."""
    heads = (ChargeRow.mandate_id == mandate_id) & ChargeRow.record.startswith(ChargeRow.PREFIX)
    charges = (charge_of(row) for row in query(ChargeRow, heads))
    return max((fact.at for charge in charges for fact in charge.facts.values()), default=None)


def page_of_charges(
    mandate_id: str, limit: int, after: ChargePosition | None
) -> tuple[list[Charge], ChargePosition | None]:
    """Up to `limit` of a mandate's charges, newest first, and where to continue (None at the end).

    They are found through the index, which may lack one that was just made, and then read strongly
    consistently.
    """
    which = ChargeRow.mandate_id == mandate_id
    if after:
        which &= ChargeRow.register_number < after.number
    registered = query_raw(
        ChargeRow, which, index=ChargeRow.by_number, newest_first=True, at_a_time=limit + 1
    )
    found = (item for item in registered if item["record"]["S"].startswith(ChargeRow.PREFIX))
    records = [item["record"]["S"] for item in islice(found, limit)]
    rows = {row.record: row for row in read_rows(ChargeRow, ((mandate_id, record) for record in records))}
    charges = [charge_of(rows[record]) for record in records if record in rows]
    more = len(records) == limit and next(found, None) is not None
    return charges, ChargePosition(charges[-1].number) if more and charges else None


def due_charges(now: int, limit: int) -> list[DueCharge]:
    """Up to `limit` charges of each shard that were due by `now` (epoch seconds) when the index was written,
    longest due first. Only their head says how they are now."""
    found: list[DueCharge] = []
    for shard in SHARDS:
        due = (ChargeRow.due_shard == shard) & (ChargeRow.due_at <= now)
        # Raw: one item that this release can't read must not hide the others.
        items = query_raw(ChargeRow, due, index=ChargeRow.by_due, limit=limit)
        found += [_due(item) for item in items]
    return sorted(found, key=lambda charge: charge.due_at)


def _due(item: RawItem) -> DueCharge:
    return DueCharge(item["record"]["S"].removeprefix(ChargeRow.PREFIX), int(item["due_at"]["N"]))


# ------------------------------------------------------------------------------------------ writing


def commit_charge(
    change: ChargeChange, now: Instant, *, guard: Guard | None = None, anchor: date | None = None
) -> None:
    """Write a charge, its next entry, and what becomes of the room it holds: all or nothing.

    A reservation and the begin of an attempt need a guard. What may be refunded is decided from the charge
    alone, so its chain's length is guard enough. `anchor` is the local day that windows count
    from, if a reservation freezes it. Raises Conflict if anything that the change was worked out from has
    changed, if room, window, reference or notice were taken meanwhile, or if the PaymentIntent is another
    charge's.
    """
    charge = change.after
    with transaction() as writing:
        _add_head(writing, change)
        _add_record(writing, change, now)
        _add_room(writing, change, guard.most if guard else None)
        for day, count in change.declines.items():
            _add_to(writing, charge, f"{UsageRow.DECLINES}{day}", [UsageRow.declined.add(count)])
        if change.intent:
            values = {"subject": payment_intent_subject(change.intent), "charge_id": charge.charge_id}
            nobody_elses = IntentRow.subject.does_not_exist() | (IntentRow.charge_id == charge.charge_id)
            writing.put(IntentRow, values, nobody_elses)
        _add_register(writing, change, anchor, only_undisputed=bool(guard and not guard.while_disputed))
        if guard:
            _add_guard(writing, guard)


def move_register(
    writing: Transaction,
    mandate_id: str,
    number: int,
    link: str,
    *further: Action,
    condition: Condition | None = None,
) -> None:
    """Give what the transaction makes this number in the register. It is refused if another has it.

    `further` and `condition` are about the register's item, too.
    """
    nobody_has_it = RegisterRow.entries == number - 1 if number > 1 else RegisterRow.entries.does_not_exist()
    actions = [
        RegisterRow.in_its_format(),
        RegisterRow.entries.set(number),
        RegisterRow.head_hash.set(link),
        *further,
    ]
    all_of_it = nobody_has_it if condition is None else nobody_has_it & condition
    writing.update(RegisterRow, (mandate_id, RegisterRow.RECORD), actions, all_of_it)


def look_later(due: DueCharge, at: int) -> None:
    """Move the time at which a charge is due to `at` (epoch seconds), unless it changed meanwhile."""
    as_found = ChargeRow.due_at == due.due_at
    with suppress(Conflict):
        update(ChargeRow, charge_key(due.charge_id), [ChargeRow.due_at.set(at)], as_found)


def _add_head(writing: Transaction, change: ChargeChange) -> None:
    charge = change.after
    if change.is_new:
        nobody_used_the_key = ChargeRow.record.does_not_exist()
        writing.put(ChargeRow, new_charge_values(charge), nobody_used_the_key)
        return
    nobody_wrote_since = ChargeRow.entries == change.before.entries
    if change.room.taken and charge.digest:
        # An erasure leaves the chain alone, and takes what the room of the reference is found by.
        nobody_wrote_since &= ChargeRow.digest == charge.digest
    actions: list[Action] = [
        ChargeRow.facts.set(facts_as_stored(charge.facts)),
        ChargeRow.entries.set(charge.entries),
        ChargeRow.head_hash.set(charge.head_hash),
    ]
    if charge.confirm:
        actions += [
            ChargeRow.attempt.set(charge.confirm.attempt),
            ChargeRow.confirm_params.set(dict(charge.confirm.params)),
        ]
    if charge.due_at is None:
        actions += [ChargeRow.due_at.remove(), ChargeRow.due_shard.remove()]
    else:
        actions += [ChargeRow.due_at.set(charge.due_at), ChargeRow.due_shard.set(shard_of(charge.charge_id))]
    writing.update(ChargeRow, charge_key(charge.charge_id), actions, nobody_wrote_since)


def _add_record(writing: Transaction, change: ChargeChange, now: Instant) -> None:
    """The entry, the event's record, and whether the charge is open."""
    charge, never_replaced = change.after, ChargeEntryRow.record.does_not_exist()
    writing.put(ChargeEntryRow, entry_values(change.entry), never_replaced)
    if change.event:
        applied = applied_event_values(change.event, charge.mandate_id, now)
        writing.put(EventRow, applied, not_applied_before())
    open_record = OpenChargeRow.key(charge.charge_id)
    if change.unsettles:
        writing.put(OpenChargeRow, {"mandate_id": charge.mandate_id, "record": open_record}, None)
    elif change.settles:
        writing.delete(OpenChargeRow, (charge.mandate_id, open_record))


def _add_register(
    writing: Transaction, change: ChargeChange, anchor: date | None, *, only_undisputed: bool
) -> None:
    """A new charge's place in the register, and the open disputes beside it."""
    charge, actions = change.after, list[Action]()
    if anchor:
        actions.append(RegisterRow.day.set(anchor.isoformat()))
    if change.disputes_opened:
        actions.append(RegisterRow.disputes.add(set(change.disputes_opened)))
    elif change.disputes_closed:
        actions.append(RegisterRow.disputes.delete(set(change.disputes_closed)))
    if change.is_new:
        undisputed = RegisterRow.is_undisputed() if only_undisputed else None
        link = change.entry.hash
        move_register(writing, charge.mandate_id, charge.number, link, *actions, condition=undisputed)
    elif actions:
        writing.update(RegisterRow, (charge.mandate_id, RegisterRow.RECORD), actions, None)


def _add_room(writing: Transaction, change: ChargeChange, most: int | None) -> None:
    """A success counts even where its room was given up, and so does a charge that is rebuilt. Then no limit
    refuses it."""
    charge, freed, taken = change.after, change.room.freed, change.room.taken
    for period, amount in _by_period(freed, taken).items():
        condition = None if most is None or amount < 0 or change.counts_anyway else _leaves_room(amount, most)
        _add_to(writing, charge, f"{UsageRow.PERIOD}{period}", [UsageRow.used.add(amount)], condition)
    itself = {charge.charge_id}
    if freed and not taken:
        for kind, record in _held(charge, freed):
            actions = [kind.in_its_format(), kind.charge_ids.delete(itself)]
            writing.update(kind, (charge.mandate_id, record), actions, None)
    elif taken and not freed:
        for kind, record in _held(charge, taken):
            nobody_has_it = None if change.counts_anyway else kind.is_free()
            actions = [kind.in_its_format(), kind.charge_ids.add(itself)]
            writing.update(kind, (charge.mandate_id, record), actions, nobody_has_it)


def _by_period(freed: Room | None, taken: Room | None) -> dict[str, int]:
    """How much more each period holds."""
    more: Counter[str] = Counter()
    if taken and taken.period:
        more[taken.period] += taken.amount
    if freed and freed.period:
        more[freed.period] -= freed.amount
    return {period: amount for period, amount in more.items() if amount}


def _held(charge: Charge, room: Room) -> Iterator[tuple[type[UsageRow | NoticeRow], str]]:
    """The kinds and sort keys of what a charge has for itself."""
    if room.window:
        yield UsageRow, f"{UsageRow.WINDOW}{room.window}"
    if charge.reference:
        yield UsageRow, UsageRow.of_reference(charge.reference)
    if room.notice:
        yield NoticeRow, NoticeRow.key(room.notice)


def _leaves_room(amount: int, most: int) -> Condition:
    """Raises ValueError for an amount above the limit, which an absent item would let pass."""
    if amount > most:
        raise ValueError("a charge above its period's limit was not refused")
    room_is_left: Condition = UsageRow.used.does_not_exist() | (UsageRow.used <= most - amount)
    return room_is_left


def _add_to(
    writing: Transaction,
    charge: Charge,
    record: str,
    actions: Sequence[Action],
    condition: Condition | None = None,
) -> None:
    writing.update(UsageRow, (charge.mandate_id, record), [UsageRow.in_its_format(), *actions], condition)


def _add_guard(writing: Transaction, guard: Guard) -> None:
    add_checks(writing, guard.mandate, guard.subjects)
    writing.check(SwitchRow, SWITCH, not_paused())
    few_declines = UsageRow.declined.does_not_exist() | (UsageRow.declined < MOST_DECLINES_A_DAY)
    writing.check(UsageRow, (guard.mandate.mandate_id, f"{UsageRow.DECLINES}{guard.day}"), few_declines)
