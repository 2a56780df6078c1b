"""What a Stripe event says, as facts.

`read` turns the projection (core/stripe_events/projection.py) into a Reading. It depends on nothing but its
arguments, so a redelivered or replayed event reads the same.
"""

from collections.abc import Mapping
from typing import Any

from mandates.core.ids import is_stripe_id
from mandates.core.stripe_events import (
    checkout_session,
    customer,
    dispute,
    mandate,
    payment_intent,
    payment_method,
    refund,
    setup_intent,
)
from mandates.core.stripe_events.event import Event, Reader, Unreadable
from mandates.core.stripe_events.meaning import Impossible, Meaning, NotOurs

READERS: Mapping[str, Mapping[str, Reader]] = {
    "checkout.session": checkout_session.READERS,
    "customer": customer.READERS,
    "dispute": dispute.READERS,
    "mandate": mandate.READERS,
    "payment_intent": payment_intent.READERS,
    "payment_method": payment_method.READERS,
    "refund": refund.READERS,
    "setup_intent": setup_intent.READERS,
}
"""The readers of each Stripe object, by type of event."""

_BY_TYPE = {event_type: reader for readers in READERS.values() for event_type, reader in readers.items()}


def read_event(event: Mapping[str, Any], *, owner_mark: str, livemode: bool) -> Meaning:
    """What a projected event says to the stack with this mark, which runs in that `livemode`.

    Raises ValueError for an event without an id: such an event is refused before it is queued.
    """
    event_id = event.get("id")
    if not is_stripe_id(event_id):
        raise ValueError("an event without an id is refused before it is queued")
    reader = _BY_TYPE.get(str(event.get("type")))
    if reader is None:
        return NotOurs(event_id, "ignored")
    if event.get("livemode") is not livemode:
        return NotOurs(event_id, "livemode_mismatch")
    if event.get("account") is not None:
        return NotOurs(event_id, "foreign")
    try:
        return reader(Event(event_id, event, owner_mark))
    except Unreadable as unreadable:
        return Impossible(event_id, f"unreadable: {unreadable}")
