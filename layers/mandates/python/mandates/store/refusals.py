"""How often a mandate's charges were refused, by reason: one item each, however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from mandates.core.clock import Instant
from mandates.store.charge_items import RefusalRow
from mandates.store.dynamodb import query, update
from mandates.store.mandates import whole


@dataclass(frozen=True, slots=True)
class Refusals:
    """Of one reason. `first` and `last` are RFC 3339 by our clock."""

    reason: str
    first: str
    last: str
    count: int


def read_refusals(mandate_id: str) -> list[Refusals]:
    """In the order of the reasons' names; read strongly consistently."""
    rows = query(RefusalRow, RefusalRow.of_mandate(mandate_id))
    return [
        Refusals(row.record.removeprefix(RefusalRow.PREFIX), row.first, row.last, whole(row.times))
        for row in rows
    ]


def count_refusal(mandate_id: str, reasons: Iterable[str], now: Instant) -> None:
    """Count one refused charge under each of its reasons. Raises StoreError; then some may be counted."""
    for reason in reasons:
        actions = [
            RefusalRow.in_its_format(),
            RefusalRow.first.set(RefusalRow.first | now.text),
            RefusalRow.last.set(now.text),
            RefusalRow.times.add(1),
        ]
        update(RefusalRow, (mandate_id, f"{RefusalRow.PREFIX}{reason}"), actions)
