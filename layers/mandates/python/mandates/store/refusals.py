"""How often a mandate's charges were refused, by reason: one item each, however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mandates.core.charging.reasons import Reason
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
    """In the order of the reasons' names; read strongly consistently. An item of another reason, or without
    times, is left out: no release writes one, and nobody's own words may get into signed evidence."""
    rows = query(RefusalRow, RefusalRow.of_mandate(mandate_id))
    return [refusals for row in rows if (refusals := refusals_of(row))]


def refusals_of(row: RefusalRow) -> Refusals | None:
    """None unless it is what this release writes."""
    reason = row.record.removeprefix(RefusalRow.PREFIX)
    if reason not in set(Reason) or not (_is_time(row.first) and _is_time(row.last)):
        return None
    return Refusals(reason, row.first, row.last, whole(row.times))


def _is_time(text: str) -> bool:
    try:
        return Instant(datetime.fromisoformat(text).timestamp()).text == text
    except ValueError:
        return False


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
