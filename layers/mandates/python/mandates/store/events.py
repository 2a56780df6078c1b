"""A record of every event seen: applied, ignored, foreign or quarantined.

Kept for longer than Stripe could still send the event again (it retries for 3 days, lists for 30). The
records of applied events are not the only guard against applying twice: facts merge idempotently.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import batched
from typing import Any

from pynamodb.expressions.condition import Condition

from mandates.core.changes import EVENT, EventRecord
from mandates.moment import Moment
from mandates.store.tables import EventRow
from mandates.store.writing import Conflict, conflicts_named

KEPT_SECONDS = 40 * 86_400
QUARANTINED = "quarantined"
APPLIED = "applied"


def settled(records: Iterable[EventRecord]) -> set[EventRecord]:
    """Those already applied. What was found foreign, of the other mode, of no known type or impossible is
    read again if it comes again: a setting may have been corrected, or a new version deployed."""
    found: set[EventRecord] = set()
    for some in batched(dict.fromkeys(records), 100, strict=False):
        keys = [(record.event_id, record.scope) for record in some]
        for row in EventRow.batch_get(keys, consistent_read=True):
            if row.outcome == APPLIED:
                found.add(EventRecord(row.event_id, row.record))
    return found


def recorded(event_ids: Iterable[str]) -> set[str]:
    """Those that have been seen and done with, whatever came of it."""
    found: set[str] = set()
    for some in batched(dict.fromkeys(event_ids), 100, strict=False):
        keys = [(event_id, EVENT) for event_id in some]
        found |= {row.event_id for row in EventRow.batch_get(keys, consistent_read=True)}
    return found


def not_applied_before() -> Condition:
    """The condition of every event record: what was applied stays so."""
    condition: Condition = EventRow.event_id.does_not_exist() | (EventRow.outcome != APPLIED)
    return condition


def applied_event_row(record: EventRecord, mandate_id: str, moment: Moment) -> EventRow:
    return EventRow(
        record.event_id,
        record.scope,
        outcome=APPLIED,
        type=record.type,
        created=record.created,
        mandate_id=mandate_id,
        recorded_at=moment.text,
        expires_at=moment.seconds + KEPT_SECONDS,
    )


def record_outcome(
    event: Mapping[str, Any],
    outcome: str,
    moment: Moment,
    *,
    reason: str | None = None,
    subject: str | None = None,
) -> None:
    """Record an event that changed no mandate by itself. Its body is kept only if it is quarantined."""
    created = event.get("created")
    row = EventRow(
        event["id"],
        EVENT,
        outcome=outcome,
        type=str(event.get("type")),
        created=created if isinstance(created, int) else None,
        recorded_at=moment.text,
        reason=reason,
        subject=subject,
        body=dict(event) if outcome == QUARANTINED else None,
        expires_at=moment.seconds + KEPT_SECONDS,
    )
    with suppress(Conflict), conflicts_named():  # somebody else recorded it meanwhile
        row.save(condition=not_applied_before())
