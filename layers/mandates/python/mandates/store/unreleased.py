"""What Stripe would not release of a withdrawn mandate: listed until it does, or an operator dismisses it.

The message that asks for the release ends after 14 days. This does not.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from mandates.core.clock import Instant
from mandates.store.tables import UnreleasedRow
from mandates.store.writing import Conflict, conflicts_named


@dataclass(frozen=True, slots=True)
class Unreleased:
    """A payment method or a Checkout Session. `since` in epoch seconds; `code` of the last error.

    The last three are there once an operator has dismissed it.
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
    """Those of these that are listed or dismissed, by Stripe's id; strongly consistent."""
    found: dict[str, Unreleased] = {}
    for some in batched(dict.fromkeys(stripe_ids), 100, strict=False):
        keys = [(mandate_id, UnreleasedRow.PREFIX + stripe_id) for stripe_id in some]
        for row in UnreleasedRow.batch_get(keys, consistent_read=True):
            one = _listed(row)
            found[one.stripe_id] = one
    return found


def add_unreleased(mandate_id: str, stripe_id: str, code: str, now: int) -> None:
    """List it, or note why it is still listed. What was dismissed stays so."""
    nobody_dismissed_it = UnreleasedRow.dismissed_at.does_not_exist()
    with suppress(Conflict), conflicts_named():
        UnreleasedRow(mandate_id, UnreleasedRow.PREFIX + stripe_id).update(
            [
                UnreleasedRow.in_its_format(),
                UnreleasedRow.unreleased.set(UnreleasedRow.LISTED),
                UnreleasedRow.since.set(UnreleasedRow.since | now),
                UnreleasedRow.code.set(code),
            ],
            condition=nobody_dismissed_it,
        )


def remove_unreleased(one: Unreleased) -> None:
    """It is released, or was. A dismissal stays on record."""
    still_listed = UnreleasedRow.unreleased.exists()
    with suppress(Conflict), conflicts_named():
        _row(one).delete(condition=still_listed)


def all_unreleased(limit: int | None = None) -> Iterator[Unreleased]:
    """What is listed, the longest first, read page by page.

    Found through the index, so what was listed or released in the last moments may be missing or still there.
    """
    rows = UnreleasedRow.by_unreleased.query(
        UnreleasedRow.LISTED, limit=limit, page_size=min(limit or 100, 100)
    )
    for row in rows:
        yield _listed(row)


def dismiss_unreleased(one: Unreleased, *, by: str, reason: str, now: Instant) -> None:
    """Take it off the list unreleased. Raises Conflict if it is not (or no longer) listed."""
    still_listed = UnreleasedRow.unreleased.exists()
    with conflicts_named():
        _row(one).update(
            [
                UnreleasedRow.dismissed_at.set(now.text),
                UnreleasedRow.dismissed_by.set(by),
                UnreleasedRow.reason.set(reason),
                UnreleasedRow.unreleased.remove(),
            ],
            condition=still_listed,
        )


def _row(one: Unreleased) -> UnreleasedRow:
    return UnreleasedRow(one.mandate_id, UnreleasedRow.PREFIX + one.stripe_id)


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
