"""Ends charges: nothing more is begun, and their intents are cancelled at Stripe.

Where Stripe does not cancel an intent, what it says instead is the outcome: a payment that is processing may
still succeed, and then it counts.
"""

from collections.abc import Sequence

from mandates.charges.context import Taken
from mandates.charges.recording import record
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, charge_fact, newest_attempt
from mandates.core.charging.head import Charge
from mandates.core.charging.reports import Intent, facts_of_intent
from mandates.core.charging.steps import CancelIntent, next_step
from mandates.core.clock import Clock, Instant
from mandates.core.errors import MandatesError
from mandates.gateway.client import Gateway
from mandates.gateway.payment_intents import IntentNotCancelable, StripePaymentIntents
from mandates.runtime.telemetry import logger
from mandates.store.charges import open_charges, read_charge

RELEASE_SOURCE = "api:release_withdrawals"


def end_open_charges(mandate_id: str, reason: EndReason, gateway: Gateway, clock: Clock) -> list[Exception]:
    """End all charges of a mandate that are not final. Returns what went wrong, to be tried again.

    A charge that is processing at Stripe is not an error: it stays open, and ends when Stripe has decided.
    """
    errors: list[Exception] = []
    for charge_id in open_charges(mandate_id):
        try:
            _end_now(charge_id, reason, gateway, clock)
        except Exception as error:  # one that can't be ended does not keep the others from being ended
            errors.append(error)
    return errors


def _end_now(charge_id: str, reason: EndReason, gateway: Gateway, clock: Clock) -> None:
    charge = read_charge(charge_id)
    if charge is not None and not charge.is_final:
        end_now(charge, reason, gateway, clock, source=RELEASE_SOURCE)


def end_now(
    charge: Charge,
    reason: EndReason,
    gateway: Gateway,
    clock: Clock,
    *,
    source: str,
    actor: str = "",
    why: str = "",
) -> Charge:
    """End the charge unless it is ending already, and cancel its intent unless nobody has to.

    `actor` is who wants that, if it is somebody outside, and `why` in their words. Raises what `cancel`
    raises.
    """
    if not charge.is_final and ChargeKind.ENDING not in charge.facts:
        charge = end(charge, reason, gateway, clock, source=source, actor=actor, why=why).charge
    if next_step(charge.facts, Instant(clock()).seconds) == CancelIntent():
        charge = cancel(charge, gateway, clock, source=source).charge
    return charge


def end(
    charge: Charge,
    reason: EndReason,
    gateway: Gateway,
    clock: Clock,
    *,
    source: str,
    actor: str = "",
    why: str = "",
) -> Taken:
    """Record that the charge ends. From then on nothing is begun for it. Raises what `cancel` raises.

    Before any attempt it is over with that, so its intent is cancelled first: a crash in between is repeated.
    """
    intent = None
    if charge.payment_intent_id and not newest_attempt(charge.facts):
        intent = _canceled(charge.payment_intent_id, gateway.payment_intents)

    def ends(known: Charge, now: int) -> Sequence[ChargeFact]:
        if known.is_final:
            return ()
        told = _facts(known, intent, now, source) if intent else ()
        return (*told, charge_fact(ChargeKind.ENDING, now, source, reason=reason, actor=actor, why=why))

    return Taken(record(charge.charge_id, ends, source=source, clock=clock).charge)


def cancel(charge: Charge, gateway: Gateway, clock: Clock, *, source: str) -> Taken:
    """Cancel the intent of a charge that ends, and record it; or record what Stripe says instead.

    Raises StripeUnavailable or StripeRefused if Stripe says nothing about it; Busy.
    """
    if charge.payment_intent_id is None:
        return Taken(charge)
    intent = _canceled(charge.payment_intent_id, gateway.payment_intents)

    def says(known: Charge, now: int) -> Sequence[ChargeFact]:
        return _facts(known, intent, now, source)

    return Taken(record(charge.charge_id, says, source=source, clock=clock).charge)


def cancel_unused(payment_intent_id: str, intents: StripePaymentIntents) -> None:
    """Cancel an intent that nobody will ever confirm. It can't take money, so a failure does no harm."""
    try:
        _canceled(payment_intent_id, intents)
    except MandatesError as error:
        logger.warning("an unused intent was not cancelled", extra={"error": type(error).__name__})


def _canceled(payment_intent_id: str, intents: StripePaymentIntents) -> Intent:
    try:
        return intents.cancel(payment_intent_id, reason="abandoned")
    except IntentNotCancelable as refused:
        return refused.intent


def _facts(known: Charge, intent: Intent, now: int, source: str) -> Sequence[ChargeFact]:
    """A confirm may still be under way: what is not final at Stripe proves nothing."""
    return facts_of_intent(known.facts, intent, now, source, confirm_in_flight=True)
