"""What Stripe did not release of a withdrawn mandate: listed until it does, or an operator dismisses it.

The message that asks for the release expires after 14 days. This list does not.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from mandates.core.clock import Instant
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import Key, delete, query, read_rows, update
from mandates.store.tables import UnreleasedRow


@dataclass(frozen=True, slots=True)
class Unreleased:
    """A payment method or a Checkout Session. `since` is in epoch seconds; `code` is that of the last error.

    The last three are set once an operator has dismissed it.
    """

    mandate_id: str
    stripe_id: str
    since: int
    code: str
    dismissed_at: str | None = None
    dismissed_by: str | None = None
    reason: str | None = None

    @property
    def is_dismissed(self) -> bool:
        return self.dismissed_at is not None


def read_unreleased(mandate_id: str, stripe_ids: Iterable[str]) -> dict[str, Unreleased]:
    """Those of these that are listed or dismissed, by Stripe id; read strongly consistently."""
    found = map(_listed, read_rows(UnreleasedRow, (_key(mandate_id, stripe_id) for stripe_id in stripe_ids)))
    return {one.stripe_id: one for one in found}


def add_unreleased(mandate_id: str, stripe_id: str, code: str, now: int) -> None:
    """List it, or note why it is still listed. A dismissed one stays dismissed."""
    nobody_dismissed_it = UnreleasedRow.dismissed_at.does_not_exist()
    with suppress(Conflict):
        update(
            UnreleasedRow,
            _key(mandate_id, stripe_id),
            [
                UnreleasedRow.in_its_format(),
                UnreleasedRow.unreleased.set(UnreleasedRow.LISTED),
                UnreleasedRow.since.set(UnreleasedRow.since | now),
                UnreleasedRow.code.set(code),
            ],
            nobody_dismissed_it,
        )


def remove_unreleased(one: Unreleased) -> None:
    """Remove it, since it is released, or was. A dismissal stays on record."""
    still_listed = UnreleasedRow.unreleased.exists()
    with suppress(Conflict):
        delete(UnreleasedRow, _key(one.mandate_id, one.stripe_id), still_listed)


def all_unreleased(limit: int | None = None) -> Iterator[Unreleased]:
    """What is listed, longest first, read page by page.

    Found through the index, so what was listed or released in the last moments may be missing or still there.
    """
    listed = UnreleasedRow.unreleased == UnreleasedRow.LISTED
    return map(_listed, query(UnreleasedRow, listed, index=UnreleasedRow.by_unreleased, limit=limit))


def dismiss_unreleased(one: Unreleased, *, by: str, reason: str, now: Instant) -> None:
    """Take it off the list without releasing it. Raises Conflict if it is not (or no longer) listed."""
    still_listed = UnreleasedRow.unreleased.exists()
    update(
        UnreleasedRow,
        _key(one.mandate_id, one.stripe_id),
        [
            UnreleasedRow.dismissed_at.set(now.text),
            UnreleasedRow.dismissed_by.set(by),
            UnreleasedRow.reason.set(reason),
            UnreleasedRow.unreleased.remove(),
        ],
        still_listed,
    )


def _key(mandate_id: str, stripe_id: str) -> Key:
    return mandate_id, UnreleasedRow.PREFIX + stripe_id


def _listed(row: UnreleasedRow) -> Unreleased:
    return Unreleased(
        row.mandate_id,
        row.record.removeprefix(UnreleasedRow.PREFIX),
        int(row.since),
        row.code,
        row.dismissed_at,
        row.dismissed_by,
        row.reason,
    )
