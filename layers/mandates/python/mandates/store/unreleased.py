"""What Stripe would not release of a withdrawn mandate: listed until it does, or an operator dismisses it.

The message that asks for the release ends after 14 days. This does not.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from mandates.core.clock import Moment
from mandates.store.tables import UnsettledRow
from mandates.store.writing import Conflict, conflicts_named


@dataclass(frozen=True, slots=True)
class Unsettled:
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


def read_unsettled(mandate_id: str, stripe_ids: Iterable[str]) -> dict[str, Unsettled]:
    """Those of these that are listed or dismissed, by Stripe's id; strongly consistent."""
    found: dict[str, Unsettled] = {}
    for some in batched(dict.fromkeys(stripe_ids), 100, strict=False):
        keys = [(mandate_id, UnsettledRow.PREFIX + stripe_id) for stripe_id in some]
        for row in UnsettledRow.batch_get(keys, consistent_read=True):
            one = _unsettled(row)
            found[one.stripe_id] = one
    return found


def add_unsettled(mandate_id: str, stripe_id: str, code: str, now: int) -> None:
    """List it, or note why it is still listed. What was dismissed stays so."""
    nobody_dismissed_it = UnsettledRow.dismissed_at.does_not_exist()
    with suppress(Conflict), conflicts_named():
        UnsettledRow(mandate_id, UnsettledRow.PREFIX + stripe_id).update(
            [
                UnsettledRow.in_its_format(),
                UnsettledRow.unsettled.set(UnsettledRow.LISTED),
                UnsettledRow.since.set(UnsettledRow.since | now),
                UnsettledRow.code.set(code),
            ],
            condition=nobody_dismissed_it,
        )


def remove_unsettled(one: Unsettled) -> None:
    """It is released, or was. A dismissal stays on record."""
    still_listed = UnsettledRow.unsettled.exists()
    with suppress(Conflict), conflicts_named():
        _row(one).delete(condition=still_listed)


def all_unsettled(limit: int | None = None) -> Iterator[Unsettled]:
    """What is listed, the longest first, read page by page.

    Found through the index, so what was listed or released in the last moments may be missing or still there.
    """
    rows = UnsettledRow.by_unsettled.query(UnsettledRow.LISTED, limit=limit, page_size=min(limit or 100, 100))
    for row in rows:
        yield _unsettled(row)


def dismiss_unsettled(one: Unsettled, *, by: str, reason: str, moment: Moment) -> None:
    """Take it off the list unreleased. Raises Conflict if it is not (or no longer) listed."""
    still_listed = UnsettledRow.unsettled.exists()
    with conflicts_named():
        _row(one).update(
            [
                UnsettledRow.dismissed_at.set(moment.text),
                UnsettledRow.dismissed_by.set(by),
                UnsettledRow.reason.set(reason),
                UnsettledRow.unsettled.remove(),
            ],
            condition=still_listed,
        )


def _row(one: Unsettled) -> UnsettledRow:
    return UnsettledRow(one.mandate_id, UnsettledRow.PREFIX + one.stripe_id)


def _unsettled(row: UnsettledRow) -> Unsettled:
    return Unsettled(
        row.mandate_id,
        row.record.removeprefix(UnsettledRow.PREFIX),
        int(row.since),
        row.code,
        row.dismissed_at,
        row.dismissed_by,
        row.reason,
    )
