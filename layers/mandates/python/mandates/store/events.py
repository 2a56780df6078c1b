"""A record of every event seen: applied, ignored, foreign or quarantined.

It is kept for longer than Stripe could still send the event again (it retries for 3 days, lists for 30). The
records of applied events are not the only guard against applying twice: facts merge idempotently.

A quarantined event has no time to live. Its record may be the last copy of what Stripe said. So it stays, and
stays listed, until the event is applied after all or an operator dismisses it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from mandates.core.changes import WHOLE_EVENT, EventRecord
from mandates.core.clock import Instant
from mandates.core.facts import is_time
from mandates.core.stripe_events.projection import project
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import put, query, read_rows, update
from mandates.store.tables import EventRow

KEPT_SECONDS = 40 * 86_400
QUARANTINED = "quarantined"
APPLIED = "applied"
IGNORED = "ignored"
DISMISSED = "dismissed"

_MOST_TYPE_CHARACTERS = 255


def already_applied(records: Iterable[EventRecord]) -> set[EventRecord]:
    """The events already applied. An event that was foreign, of the other mode, of an unknown type or
    impossible is read again if it comes again: a setting may have been corrected, or a new version
    deployed."""
    rows = read_rows(EventRow, ((record.event_id, record.scope) for record in records))
    return {EventRecord(row.event_id, row.record) for row in rows if row.outcome == APPLIED}


def recorded(event_ids: Iterable[str]) -> set[str]:
    """The events whose processing has ended, with whatever outcome."""
    return {row.event_id for row in read_rows(EventRow, ((event_id, WHOLE_EVENT) for event_id in event_ids))}


@cache
def not_applied_before() -> Condition:
    """The condition of every event record: an applied event stays applied."""
    condition: Condition = EventRow.event_id.does_not_exist() | (EventRow.outcome != APPLIED)
    return condition


def applied_event_values(record: EventRecord, mandate_id: str, now: Instant) -> dict[str, Any]:
    """By EventRow's attributes."""
    return {
        "event_id": record.event_id,
        "record": record.scope,
        "outcome": APPLIED,
        "type": record.type,
        "created": record.created,
        "mandate_id": mandate_id,
        "recorded_at": now.text,
        "expires_at": now.seconds + KEPT_SECONDS,
    }


def record_applied(record: EventRecord, mandate_id: str, now: Instant) -> None:
    """Record an event that only said what was known. Raises Conflict if it was applied meanwhile."""
    put(EventRow, applied_event_values(record, mandate_id, now), not_applied_before())


def record_outcome(
    event: Mapping[str, Any],
    outcome: str,
    now: Instant,
    *,
    reason: str | None = None,
    subject: str | None = None,
) -> None:
    """Record an event that changed no mandate by itself. Its projection is kept only if it is quarantined.

    Whatever the event's shape (except its id: `is_stripe_id`), this makes an item that DynamoDB accepts. An
    event that can be identified must not end among the dead letters because something else in it is odd.
    """
    created = event.get("created")
    quarantined = outcome == QUARANTINED
    values = {
        "event_id": event["id"],
        "record": WHOLE_EVENT,
        "outcome": outcome,
        "type": _as_text(event.get("type")),
        "created": created if is_time(created) else None,
        "recorded_at": now.text,
        "reason": reason,
        "subject": subject,
        "body": project(event) if quarantined else None,
        "expires_at": None if quarantined else now.seconds + KEPT_SECONDS,
        "quarantined": EventRow.IN_QUARANTINE if quarantined else None,
    }
    with suppress(Conflict):  # somebody else recorded it meanwhile
        put(EventRow, values, not_applied_before())


def _as_text(value: Any) -> str:
    return str(value)[:_MOST_TYPE_CHARACTERS].encode(errors="replace").decode()


# ------------------------------------------------------------------------------------------- for people


class Seen(msgspec.Struct, frozen=True):
    """One record of an event. `created` is Stripe's time in epoch seconds, `recorded_at` ours.

    `scope` is `event`; or, for an event about a payment method or customer, a mandate whose ledger records
    it.
    """

    event_id: str
    scope: str
    outcome: str
    recorded_at: str
    type: str | None = None
    created: int | None = None
    mandate_id: str | None = None
    subject: str | None = None
    reason: str | None = None
    body: Mapping[str, Any] | None = None


def seen(event_id: str) -> list[Seen]:
    """All records of an event, its own first; read strongly consistently. Empty if there are none."""
    records = map(_seen, query(EventRow, EventRow.event_id == event_id))
    return sorted(records, key=lambda record: (record.scope != WHOLE_EVENT, record.scope))


def quarantined(limit: int | None = None) -> Iterator[Seen]:
    """The events in quarantine, newest first, without bodies.

    They are found through the index. So an event that was just quarantined may be missing, and one that was
    just applied may still be there. They are read page by page, as they are needed.
    """
    listed = EventRow.quarantined == EventRow.IN_QUARANTINE
    for row in query(EventRow, listed, index=EventRow.by_quarantine, newest_first=True, limit=limit):
        yield Seen(
            row.event_id,
            row.record,
            QUARANTINED,
            row.recorded_at,
            row.type,
            _number(row.created),
            reason=row.reason,
        )


def dismiss(event_id: str, reason: str, now: Instant) -> None:
    """Take an event out of quarantine without applying it. Its record then expires like every other.

    Raises Conflict if it is not (or no longer) in quarantine.
    """
    still_in_quarantine = EventRow.outcome == QUARANTINED
    update(
        EventRow,
        (event_id, WHOLE_EVENT),
        [
            EventRow.outcome.set(DISMISSED),
            EventRow.reason.set(reason),
            EventRow.recorded_at.set(now.text),
            EventRow.expires_at.set(now.seconds + KEPT_SECONDS),
            EventRow.quarantined.remove(),
        ],
        still_in_quarantine,
    )


def _seen(row: EventRow) -> Seen:
    return Seen(
        row.event_id,
        row.record,
        row.outcome,
        row.recorded_at,
        row.type,
        _number(row.created),
        row.mandate_id,
        row.subject,
        row.reason,
        row.body,
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
