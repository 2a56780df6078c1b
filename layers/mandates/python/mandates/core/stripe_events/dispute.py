"""Disputes: https://docs.stripe.com/api/disputes/object"""

from collections.abc import Mapping

from mandates.core.charging.disputes import StripeDispute
from mandates.core.charging.facts import ChargeKind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutDispute, Meaning, NotOurs
from mandates.core.stripe_events.projection import AMAZON_PAY


def _reads(kind: ChargeKind) -> Reader:
    def reader(event: Event) -> Meaning:
        """Stripe gives a dispute no metadata of ours. By now it has that of the charge whose intent it names,
        if there is such a charge (webhooks/strangers.py)."""
        ours = event.our_charge()
        if ours is None:
            return NotOurs(event.id, "foreign")
        mandate_id, charge_id = ours
        payment_intent_id = event.id_of("payment_intent")
        dispute = StripeDispute(
            dispute_id=event.id_of("id"),
            payment_intent_id=payment_intent_id,
            status=event.text("status"),
            amount=event.whole("amount"),
            currency=event.text("currency"),
            created=event.time("created"),
            charge=event.optional_id_of("charge"),
            reason=event.optional_text("reason"),
            kind=event.nested_text("payment_method_details", AMAZON_PAY, "dispute_type") or "",
            evidence_due_by=event.nested_time("evidence_details", "due_by"),
        )
        return AboutDispute(event.id, mandate_id, charge_id, payment_intent_id, dispute, kind, event.created)

    return reader


READERS: Mapping[str, Reader] = {
    "charge.dispute.closed": _reads(ChargeKind.DISPUTE_CLOSED),
    "charge.dispute.created": _reads(ChargeKind.DISPUTE_OPENED),
    "charge.dispute.updated": _reads(ChargeKind.DISPUTE_CHANGED),
}
