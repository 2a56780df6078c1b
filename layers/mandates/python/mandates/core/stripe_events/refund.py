"""Refunds: https://docs.stripe.com/api/refunds/object"""

from collections.abc import Mapping

from mandates.core.charging.refunds import StripeRefund
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutRefund, Meaning, NotOurs
from mandates.core.stripe_events.projection import METADATA_REFUND


def _reads(event: Event) -> Meaning:
    """All three types bring the whole refund, and its status says what happened. One that was made in the
    Dashboard has no `refund_id` of ours."""
    ours = event.our_charge()
    if ours is None:
        return NotOurs(event.id, "foreign")
    mandate_id, charge_id = ours
    payment_intent_id = event.id_of("payment_intent")
    refund = StripeRefund(
        stripe_refund_id=event.id_of("id"),
        payment_intent_id=payment_intent_id,
        status=event.optional_text("status"),
        amount=event.whole("amount"),
        currency=event.text("currency"),
        created=event.time("created"),
        refund_id=event.nested_text("metadata", METADATA_REFUND) or "",
        reason=event.optional_text("reason"),
        failure_reason=event.optional_text("failure_reason"),
    )
    return AboutRefund(event.id, mandate_id, charge_id, payment_intent_id, refund, event.created)


READERS: Mapping[str, Reader] = {
    "refund.created": _reads,
    "refund.failed": _reads,
    "refund.updated": _reads,
}
