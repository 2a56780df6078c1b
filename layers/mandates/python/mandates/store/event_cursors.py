"""How far Stripe's list of events has been read. The position only moves forward."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from mandates.core.clock import Instant
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import read_rows, update
from mandates.store.tables import CursorRow


def read_positions(names: Iterable[str]) -> dict[str, int]:
    """By cursor, in epoch seconds. One that never moved is missing."""
    keys = {_key(name): name for name in names}
    rows = read_rows(CursorRow, keys)
    return {keys[row.event_id, row.record]: int(row.position) for row in rows}


def advance_cursor(name: str, position: int, types: Sequence[str], now: Instant) -> None:
    """Record that everything before `position` (epoch seconds) has been read. A later position stays."""
    never_backwards = CursorRow.position.does_not_exist() | (CursorRow.position < position)
    with suppress(Conflict):
        update(
            CursorRow,
            _key(name),
            [
                CursorRow.in_its_format(),
                CursorRow.position.set(position),
                CursorRow.types.set(list(types)),
                CursorRow.advanced_at.set(now.text),
            ],
            never_backwards,
        )


def _key(name: str) -> tuple[str, str]:
    return f"{CursorRow.PREFIX}{name}", CursorRow.RECORD
