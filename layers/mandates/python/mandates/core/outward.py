"""Outward events: what the business's own systems are told about an entry of a mandate's ledger.

Every entry makes exactly one event, whatever it holds, even a kind of fact that did not exist when this was
written. An event holds only ids and plain words: no customer id, no text, no detail of a fact. Its schema is
events/schemas/mandate-event.1.json; docs/events.md is for its receivers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mandates.core.facts import Kind
from mandates.core.ledger import Entry
from mandates.core.mandate import WITHDRAWING, Status

SOURCE = "amazon-pay-mandates"
SCHEMA = "mandate-event/1"
"""Adding a member to the detail keeps the number. Changing or removing one needs the next number."""


class EventType(StrEnum):
    """EventBridge's `detail-type`, by which rules select."""

    CONSENTED = "mandate.consented"
    CHECKOUT_OPENED = "mandate.checkout_opened"
    CHECKOUT_COMPLETED = "mandate.checkout_completed"
    RETURNED = "mandate.returned"
    SETUP_FAILED = "mandate.setup_failed"
    ACTIVATED = "mandate.activated"
    EXPIRED = "mandate.expired"
    WITHDRAWN = "mandate.withdrawn"
    CHANGED = "mandate.changed"


_ALIVE = frozenset({Status.PENDING, Status.ACTIVE})
_TYPES: Mapping[Kind, tuple[EventType, frozenset[Status]]] = {
    Kind.SETUP_SUCCEEDED: (EventType.ACTIVATED, frozenset({Status.ACTIVE})),
    Kind.SESSION_EXPIRED: (EventType.EXPIRED, frozenset({Status.EXPIRED})),
    Kind.SESSION_CANCELLED: (EventType.EXPIRED, frozenset({Status.EXPIRED})),
    Kind.SETUP_CANCELED: (EventType.EXPIRED, frozenset({Status.EXPIRED})),
    Kind.SETUP_FAILED: (EventType.SETUP_FAILED, frozenset({Status.PENDING})),
    Kind.SESSION_COMPLETED: (EventType.CHECKOUT_COMPLETED, _ALIVE),
    Kind.RETURNED: (EventType.RETURNED, _ALIVE | {Status.EXPIRED}),
    Kind.SESSION_CREATED: (EventType.CHECKOUT_OPENED, _ALIVE),
    Kind.CONSENT_ACCEPTED: (EventType.CONSENTED, _ALIVE),
}
"""The event of a fact, and the statuses in which it may be sent. Facts come in any order, and nobody must
hear `expired` or `setup_failed` about an active mandate. Of several facts, the first one here counts."""


@dataclass(frozen=True, slots=True)
class OutwardEvent:
    type: StrEnum
    detail: Mapping[str, Any]


def is_withdrawn(entry: Entry) -> bool:
    return entry.status == Status.REVOKED


def event_type(entry: Entry) -> EventType:
    """WITHDRAWN for every entry of a withdrawn mandate, whatever it says: the mandate never comes back to
    life.

    This also covers a mandate whose customer was deleted at Stripe before it was set up. No entry of its own
    ledger says so, but its next entry has the status.
    """
    if is_withdrawn(entry):
        return EventType.WITHDRAWN
    kinds = set(entry.kinds)
    for kind, (said, statuses) in _TYPES.items():
        if kind in kinds and entry.status in statuses:
            return said
    return EventType.CHANGED


def outward_event(entry: Entry) -> OutwardEvent:
    said = event_type(entry)
    reasons = {"reasons": sorted(WITHDRAWING.intersection(entry.kinds))}
    return OutwardEvent(
        said,
        {
            "schema": SCHEMA,
            "mandate_id": entry.mandate_id,
            "status": entry.status,
            "kinds": entry.kinds,
            "ledger_number": entry.number,
            "entry_hash": entry.hash,
            "recorded_at": entry.recorded_at,
            "stripe": stripe_ids(entry.facts),
            **(reasons if said is EventType.WITHDRAWN else {}),
        },
    )


def stripe_ids(facts: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The Stripe ids that an entry's facts name, by the kind of object."""
    found: dict[str, set[str]] = {}
    for fact in facts:
        for name, ids in fact["ids"].items():
            found.setdefault(name, set()).update(ids)
    return {name: sorted(found[name]) for name in sorted(found)}
