"""How far Stripe's list of events has been read. It only goes forward."""

from collections.abc import Sequence
from contextlib import suppress

from mandates.core.clock import Instant
from mandates.store.tables import CursorRow
from mandates.store.writing import Conflict, conflicts_named


def read_position(group: str) -> int | None:
    """Epoch seconds, None if this group of types was never read."""
    for row in CursorRow.batch_get([_key(group)], consistent_read=True):
        return int(row.position)
    return None


def advance(group: str, position: int, types: Sequence[str], now: Instant) -> None:
    """All before `position` (epoch seconds) has been read. Somebody who is further already stays there."""
    never_backwards = CursorRow.position.does_not_exist() | (CursorRow.position < position)
    with suppress(Conflict), conflicts_named():
        CursorRow(*_key(group)).update(
            [
                CursorRow.in_its_format(),
                CursorRow.position.set(position),
                CursorRow.types.set(list(types)),
                CursorRow.advanced_at.set(now.text),
            ],
            condition=never_backwards,
        )


def _key(group: str) -> tuple[str, str]:
    return f"{CursorRow.PREFIX}{group}", CursorRow.RECORD
