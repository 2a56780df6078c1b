"""Tells strangers' payments from those of ours that don't say so.

Anybody with access to Stripe's Dashboard can edit or remove an intent's metadata. A refund made there has no
metadata of ours, and no dispute has. So where an event's metadata does not name a charge of ours, the intents
that our charges have recorded decide. A refund or a dispute without an intent is a stranger's: each charge of
ours is the success of an intent (https://docs.stripe.com/api/refunds/object#refund_object-payment_intent).
"""

from collections.abc import Mapping
from typing import Any

from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.stripe_events.projection import (
    METADATA_CHARGE,
    METADATA_MANDATE,
    METADATA_OWNER_MARK,
    has_mark,
    is_of_payments,
    metadata_of,
    object_of,
    payment_intent_of,
)
from mandates.store.batch_reads import charges_of_intents

ProjectedEvent = Mapping[str, Any]


def nameless_payments(events: Mapping[str, ProjectedEvent], owner_mark: str) -> dict[str, str]:
    """The ids of those events about payments whose metadata names no charge of ours, each with its intent's
    id (empty if it has none)."""
    return {
        event_id: payment_intent_of(event)
        for event_id, event in events.items()
        if is_of_payments(str(event.get("type"))) and not _names_a_charge(metadata_of(event), owner_mark)
    }


def named_by_their_charges(
    events: Mapping[str, ProjectedEvent], nameless: Mapping[str, str], owner_mark: str
) -> dict[str, ProjectedEvent]:
    """Those of the nameless events whose intent one of our charges has recorded, with the metadata that we
    gave it. Raises StoreError."""
    charges = charges_of_intents(intent for intent in nameless.values() if intent)
    return {
        event_id: _with_metadata(events[event_id], _metadata(charges[intent], owner_mark))
        for event_id, intent in nameless.items()
        if intent in charges
    }


def strangers_of(events: Mapping[str, ProjectedEvent], owner_mark: str) -> set[str]:
    """The ids of those events that are about strangers' payments. Raises StoreError.

    An event with our mark is none, whatever its intent: a table may have been restored, and somebody must
    look at it.
    """
    nameless = nameless_payments(events, owner_mark)
    ours = named_by_their_charges(events, nameless, owner_mark)
    return {one for one in nameless if one not in ours and not has_mark(events[one], owner_mark)}


def _names_a_charge(metadata: Mapping[str, Any], owner_mark: str) -> bool:
    try:
        ours = _metadata(metadata.get(METADATA_CHARGE), owner_mark)
    except (TypeError, ValueError):
        return False
    return all(metadata.get(name) == value for name, value in ours.items())


def _metadata(charge_id: Any, owner_mark: str) -> dict[str, str]:
    """What we give the intent of this charge, as far as it is read back."""
    return {
        METADATA_OWNER_MARK: owner_mark,
        METADATA_MANDATE: mandate_id_of_charge(charge_id),
        METADATA_CHARGE: charge_id,
    }


def _with_metadata(event: ProjectedEvent, metadata: Mapping[str, str]) -> ProjectedEvent:
    """A refund that has our id of it keeps that."""
    return {**event, "data": {"object": {**object_of(event), "metadata": {**metadata_of(event), **metadata}}}}
