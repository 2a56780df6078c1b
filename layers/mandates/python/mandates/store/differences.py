"""Differences between charges and Stripe's books, as the audit found them: one for each charge, kind and
intent."""

from collections.abc import Iterator

from mandates.core.charging.differences import Difference, DifferenceKind, NamedDifference
from mandates.core.clock import Instant
from mandates.store.audit_items import DifferenceRow
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import query, read_row, transaction, update


def open_differences(limit: int | None = None) -> Iterator[NamedDifference]:
    """Those that stand, in the order of the charges' ids. Read strongly consistently."""
    rows = query(DifferenceRow, DifferenceRow.beginning(DifferenceRow.OPEN), limit=limit)
    return (_named(row) for row in rows)


def differences_of(charge_id: str) -> list[NamedDifference]:
    """All that were ever found of a charge; those that stand first."""
    return [
        _named(row)
        for state in (DifferenceRow.OPEN, DifferenceRow.RESOLVED)
        for row in query(DifferenceRow, DifferenceRow.beginning(f"{state}{charge_id}#"))
    ]


def keep_difference(difference: Difference, now: Instant) -> bool:
    """Record that the audit sees it now. False if it was known already. Raises StoreError."""
    first = DifferenceRow.first_seen
    seen = update(
        DifferenceRow,
        _open_key(difference),
        [
            DifferenceRow.in_its_format(),
            DifferenceRow.charge_id.set(difference.charge_id),
            DifferenceRow.kind.set(difference.kind),
            DifferenceRow.details.set(difference.details),
            first.set(first | now.text),
            DifferenceRow.last_seen.set(now.text),
            *(
                [DifferenceRow.payment_intent.set(difference.payment_intent_id)]
                if difference.payment_intent_id
                else [DifferenceRow.payment_intent.remove()]
            ),
        ],
    )
    return bool(seen["first_seen"] == seen["last_seen"])


def resolve(difference: Difference, now: Instant, *, by: str = "") -> bool:
    """Record that it no longer holds, or that `by` dismissed it. False if it did not stand any more."""
    row = read_row(DifferenceRow, *_open_key(difference))
    if row is None:
        return False
    record = row.record.replace(DifferenceRow.OPEN, DifferenceRow.RESOLVED, 1)
    values = {name: getattr(row, name) for name in DifferenceRow.get_attributes()}
    values |= {"record": f"{record}#{now.text}", "resolved_at": now.text, "resolved_by": by or None}
    try:
        with transaction() as writing:
            as_read = DifferenceRow.last_seen == row.last_seen
            writing.delete(DifferenceRow, (row.mandate_id, row.record), as_read)
            writing.put(DifferenceRow, values, None)
    except Conflict:  # somebody else resolved it, or saw it again, at this moment
        return False
    return True


def _open_key(one: Difference) -> tuple[str, str]:
    intent = one.payment_intent_id or "none"
    return DifferenceRow.PARTITION, f"{DifferenceRow.OPEN}{one.charge_id}#{one.kind}#{intent}"


def _named(row: DifferenceRow) -> NamedDifference:
    return NamedDifference(
        Difference(row.charge_id, DifferenceKind(row.kind), row.details, row.payment_intent),
        row.first_seen,
        row.last_seen,
        row.resolved_at or "",
        row.resolved_by or "",
    )
