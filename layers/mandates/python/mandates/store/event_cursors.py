"""How far Stripe's list of events has been read. The position only moves forward."""

from collections.abc import Sequence
from contextlib import suppress

from mandates.core.clock import Instant
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import read_row, update
from mandates.store.tables import CursorRow


def read_position(group: str) -> int | None:
    """In epoch seconds; None if this group of types was never read."""
    row = read_row(CursorRow, *_key(group))
    return int(row.position) if row else None


def advance_cursor(group: str, position: int, types: Sequence[str], now: Instant) -> None:
    """Record that everything before `position` (epoch seconds) has been read. A later position stays."""
    never_backwards = CursorRow.position.does_not_exist() | (CursorRow.position < position)
    with suppress(Conflict):
        update(
            CursorRow,
            _key(group),
            [
                CursorRow.in_its_format(),
                CursorRow.position.set(position),
                CursorRow.types.set(list(types)),
                CursorRow.advanced_at.set(now.text),
            ],
            never_backwards,
        )


def _key(group: str) -> tuple[str, str]:
    return f"{CursorRow.PREFIX}{group}", CursorRow.RECORD
