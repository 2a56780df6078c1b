"""PaymentIntents: https://docs.stripe.com/api/payment_intents/object"""

from collections.abc import Mapping

from mandates.core.charging.facts import ChargeKind
from mandates.core.charging.reports import PaymentError, Report
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutCharge, Meaning, NotOurs


def _reports(happened: ChargeKind) -> Reader:
    def reader(event: Event) -> Meaning:
        ours = event.our_charge()
        if ours is None:
            return NotOurs(event.id, "foreign")
        mandate_id, charge_id = ours
        succeeded = happened is ChargeKind.ATTEMPT_SUCCEEDED
        report = Report(
            happened,
            event.created,
            event.id,
            amount=event.whole("amount_received") if succeeded else None,
            currency=event.text("currency") if succeeded else "",
            stripe_charge=event.optional_id_of("latest_charge"),
            error=_error(event) if happened is ChargeKind.ATTEMPT_FAILED else PaymentError(),
            reason=event.optional_text("cancellation_reason"),
        )
        return AboutCharge(event.id, mandate_id, charge_id, event.id_of("id"), report, event.idempotency_key)

    return reader


def _error(event: Event) -> PaymentError:
    """What Stripe says of the attempt that failed. It may say nothing: it failed all the same."""
    said = {
        name: event.nested_text("last_payment_error", field) or ""
        for name, field in (("code", "code"), ("decline_code", "decline_code"), ("advice", "advice_code"))
    }
    return PaymentError(**said)


READERS: Mapping[str, Reader] = {
    "payment_intent.canceled": _reports(ChargeKind.INTENT_CANCELED),
    "payment_intent.payment_failed": _reports(ChargeKind.ATTEMPT_FAILED),
    "payment_intent.processing": _reports(ChargeKind.ATTEMPT_PROCESSING),
    "payment_intent.requires_action": _reports(ChargeKind.ATTEMPT_NEEDS_ACTION),
    "payment_intent.succeeded": _reports(ChargeKind.ATTEMPT_SUCCEEDED),
}
