"""The switch that stops all charging. Whatever begins an attempt is conditional on it."""

from collections.abc import Sequence
from functools import cache

import msgspec
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from mandates.core.clock import Instant
from mandates.store.audit_items import TurnRow
from mandates.store.charge_items import SwitchRow
from mandates.store.conflicts import Conflict, until_no_conflict
from mandates.store.dynamodb import Key, query, read_row, transaction, update

SWITCH: Key = (SwitchRow.PARTITION, SwitchRow.RECORD)


class ChargingPause(msgspec.Struct, frozen=True):
    """`by` is whoever paused charging, `at` is RFC 3339."""

    by: str
    why: str
    at: str


class Turn(msgspec.Struct, frozen=True):
    """One turn of the switch: paused or resumed, `by` whom. `at` is RFC 3339."""

    paused: bool
    by: str
    why: str
    at: str


@cache
def not_paused() -> Condition:
    """The condition of everything that begins an attempt."""
    condition: Condition = SwitchRow.paused.does_not_exist()
    return condition


def pause_of(row: SwitchRow | None) -> ChargingPause | None:
    return ChargingPause(row.by, row.why, row.at) if row and row.paused else None


def read_pause() -> ChargingPause | None:
    """Read strongly consistently."""
    return pause_of(read_row(SwitchRow, *SWITCH))


def pause(by: str, why: str, now: Instant) -> bool:
    """Stop all charging. False if it was stopped already; then the first words stand."""
    return _turn([SwitchRow.paused.set(True)], not_paused(), Turn(True, by, why, now.text))


def resume(by: str, why: str, now: Instant) -> bool:
    """Let charging go on, and forget the errors about mandates. False if it was not stopped."""
    actions = [SwitchRow.paused.remove(), SwitchRow.mandate_errors.remove()]
    return _turn(actions, SwitchRow.paused.exists(), Turn(False, by, why, now.text))


def turns(limit: int) -> list[Turn]:
    """The last `limit` turns of the switch, newest first. Read strongly consistently."""
    which = (TurnRow.mandate_id == SwitchRow.PARTITION) & TurnRow.record.startswith(TurnRow.PREFIX)
    rows = query(TurnRow, which, newest_first=True, limit=limit)
    return [Turn(row.paused, row.by, row.why, row.at) for row in rows]


def _turn(actions: Sequence[Action], condition: Condition, turn: Turn) -> bool:
    said = [SwitchRow.by.set(turn.by), SwitchRow.why.set(turn.why), SwitchRow.at.set(turn.at)]
    values = {"mandate_id": SwitchRow.PARTITION, "record": TurnRow.key(turn.at, paused=turn.paused)}
    values |= {name: getattr(turn, name) for name in ("paused", "by", "why", "at")}
    try:
        with transaction() as writing:
            writing.update(SwitchRow, SWITCH, [SwitchRow.in_its_format(), *actions, *said], condition)
            writing.put(TurnRow, values, TurnRow.record.does_not_exist())
    except Conflict:
        return False
    return True


def note_mandate_error(charge_id: str, attempt: int, now: Instant, *, within: int) -> int:
    """Note that nothing explains why this attempt failed at its mandate. Returns how many charges had such an
    attempt in the last `within` seconds: one charge, tried again and again, must not stop the others."""
    return until_no_conflict(lambda: _note(f"{charge_id}#{attempt}", now.seconds, within))


def _note(error: str, now: int, within: int) -> int:
    row = read_row(SwitchRow, *SWITCH)
    noted = row.mandate_errors if row else None
    recent = {one: at for one, at in (noted or {}).items() if at > now - within}
    as_read = SwitchRow.mandate_errors == noted if noted else SwitchRow.mandate_errors.does_not_exist()
    actions = [SwitchRow.in_its_format(), SwitchRow.mandate_errors.set(recent | {error: now})]
    update(SwitchRow, SWITCH, actions, as_read)
    return len({one.partition("#")[0] for one in [*recent, error]})
