"""Reads what a decision about a charge is made from, in two requests; and what is used of many mandates."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec

from mandates.core.changes import Subject
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import NoticeKey
from mandates.core.charging.register import Register
from mandates.core.mandate import Mandate
from mandates.store.charge_items import ChargeRow, NoticeRow, RegisterRow, SwitchRow, UsageRow
from mandates.store.charge_rows import charge_of, register_of
from mandates.store.charging_switch import SWITCH, ChargingPause, pause_of
from mandates.store.dynamodb import read_kinds, read_rows
from mandates.store.mandates import mandate_of, subject_of, whole
from mandates.store.tables import HeadRow, SubjectRow


class Basics(msgspec.Struct, frozen=True):
    """`charge` is the one asked for; `rivals` are the ids of the other charges that have the reference."""

    mandate: Mandate | None = None
    charge: Charge | None = None
    register: Register = msgspec.field(default_factory=Register)
    rivals: tuple[str, ...] = ()
    pause: ChargingPause | None = None


class Used(msgspec.Struct, frozen=True):
    """What was asked for: `periods` in minor units and `declines` in attempts, by key; the `windows` that
    other charges have taken; `subjects` in the order asked; `rivals` by id, None for one without a head."""

    periods: dict[str, int]
    windows: frozenset[str]
    declines: dict[str, int]
    subjects: tuple[Subject, ...]
    rivals: dict[str, Charge | None]
    notice_shared: bool = False


def read_basics(mandate_id: str, charge_id: str | None, reference: str | None) -> Basics:
    """Read strongly consistently, but not at a single moment. `reference` is in the business's words.

    A charge that succeeded after it was given up has its reference again. Then it is a rival even if the one
    asked for has the reference, too.
    """
    wanted = [
        (HeadRow, (mandate_id, HeadRow.RECORD)),
        (RegisterRow, (mandate_id, RegisterRow.RECORD)),
        (SwitchRow, SWITCH),
    ]
    if charge_id:
        wanted.append((ChargeRow, (mandate_id, ChargeRow.key(charge_id))))
    if reference is not None:
        wanted.append((UsageRow, (mandate_id, UsageRow.of_reference(reference))))
    found: dict[str, Any] = {}
    for row in read_kinds(wanted):
        match row:
            case HeadRow():
                found["mandate"] = mandate_of(row)
            case ChargeRow():
                found["charge"] = charge_of(row)
            case SwitchRow():
                found["pause"] = pause_of(row)
            case RegisterRow():
                found["register"] = register_of(row)
            case UsageRow():
                found["rivals"] = tuple(sorted(_others(row, charge_id)))
    return Basics(**found)


def read_used(
    mandate_id: str,
    charge_id: str | None,
    subjects: Iterable[str],
    *,
    periods: Iterable[str],
    windows: Iterable[str],
    days: Iterable[str],
    rivals: Sequence[str],
    notice: NoticeKey | None = None,
) -> Used:
    """Read as read_basics reads. A key without an item counts as unused."""
    known = {key: Subject(key) for key in subjects}
    records = chain(
        (f"{UsageRow.PERIOD}{key}" for key in periods),
        (f"{UsageRow.WINDOW}{key}" for key in windows),
        (f"{UsageRow.DECLINES}{key}" for key in days),
    )
    wanted = chain(
        ((SubjectRow, (key,)) for key in known),
        ((UsageRow, (mandate_id, record)) for record in records),
        ((ChargeRow, (mandate_id, ChargeRow.key(rival))) for rival in rivals),
        [(NoticeRow, (mandate_id, NoticeRow.key(notice)))] if notice else (),
    )
    notice_shared = False
    used: dict[str, int] = {}
    taken: set[str] = set()
    declines: dict[str, int] = {}
    others: dict[str, Charge | None] = dict.fromkeys(rivals)
    for row in read_kinds(wanted):
        match row:
            case SubjectRow():
                known[row.subject] = subject_of(row)
            case ChargeRow():
                rival = charge_of(row)
                others[rival.charge_id] = rival
            case NoticeRow():
                notice_shared = bool(_others(row, charge_id))
            case UsageRow(record=record) if record.startswith(UsageRow.PERIOD):
                used[record.removeprefix(UsageRow.PERIOD)] = int(row.used or 0)
            case UsageRow(record=record) if record.startswith(UsageRow.DECLINES):
                declines[record.removeprefix(UsageRow.DECLINES)] = int(row.declined or 0)
            case UsageRow(record=record) if _others(row, charge_id):
                taken.add(record.removeprefix(UsageRow.WINDOW))
    return Used(used, frozenset(taken), declines, tuple(known.values()), others, notice_shared)


def read_periods(wanted: Iterable[tuple[str, str]]) -> dict[str, int]:
    """What charges hold of one period of each mandate, in minor units by mandate id; unused ones are missing.

    `wanted`: mandate ids, each with the key of the period. Read strongly consistently.
    """
    rows = read_rows(UsageRow, ((mandate_id, f"{UsageRow.PERIOD}{key}") for mandate_id, key in wanted))
    return {row.mandate_id: whole(row.used or 0) for row in rows}


def _others(row: UsageRow | NoticeRow, charge_id: str | None) -> set[str]:
    return set(row.charge_ids or ()) - {charge_id}
