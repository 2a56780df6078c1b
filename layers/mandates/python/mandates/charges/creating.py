"""Creates a charge's intent at Stripe, and records its id before the intent can take money.

An intent that is not recorded can't take money: only what is recorded is confirmed. So a crash in between
leaves nothing behind that anybody would have to search for. Usually one write records the id and begins the
first attempt.
"""

from collections.abc import Sequence

from mandates.charges.attempting import begin_first
from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.ending import cancel_unused, end
from mandates.charges.reading import count_ours_to_mend
from mandates.charges.recording import record
from mandates.core.charging.error_classes import ErrorClass, error_class
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import create_key
from mandates.core.charging.reports import Intent
from mandates.core.errors import LedgerUnreadable
from mandates.gateway.error_mapping import AnswerReplayed
from mandates.gateway.payment_intents import PaymentRefused, StripePaymentIntents

MOST_KEYS = 3
"""Stripe repeats a 500 under its key for as long as it keeps the key. The next key makes another intent; the
first one, if there is one, can't take money."""


def create_intent(charge: Charge, charging: Charging) -> Taken:
    """The charge with the id of its intent, and what came of the first attempt, if that is permitted now. Or
    ended, if Stripe accepts no such charge.

    Raises StripeUnavailable, StripeRefused, NotFound or Busy.
    """
    intents = charging.gateway.payment_intents
    try:
        intent = _created(charge, intents)
    except PaymentRefused as refused:
        if error_class(**refused.error.said) is ErrorClass.FINAL:
            return end(charge, EndReason.DECLINED, charging.gateway, charging.clock, source=SOURCE)
        count_ours_to_mend(refused.error)
        return Taken(charge)  # it is tried again less and less often
    begun = begin_first(charge, intent.payment_intent_id, charging)
    if begun:
        return begun
    recorded = _recorded(charge, intent, charging)
    if recorded.payment_intent_id != intent.payment_intent_id:
        cancel_unused(intent.payment_intent_id, intents)
    return Taken(recorded)


def _created(charge: Charge, intents: StripePaymentIntents) -> Intent:
    sent = charge.create_params  # they lie beside the chain, where somebody may have altered them
    if (sent.get("amount"), sent.get("currency")) != (charge.amount, charge.currency):
        raise LedgerUnreadable(f"what Stripe is to be sent for {charge.charge_id} is not what was reserved")
    for number in range(1, MOST_KEYS):
        try:
            return intents.create(charge.create_params, idempotency_key=create_key(charge.charge_id, number))
        except AnswerReplayed:
            continue
    return intents.create(charge.create_params, idempotency_key=create_key(charge.charge_id, MOST_KEYS))


def _recorded(charge: Charge, intent: Intent, charging: Charging) -> Charge:
    def unless_there_is_one(now_known: Charge, now: int) -> Sequence[ChargeFact]:
        if now_known.payment_intent_id:
            return ()
        named = intent.payment_intent_id
        return (charge_fact(ChargeKind.INTENT_CREATED, now, SOURCE, payment_intent=named),)

    return record(charge.charge_id, unless_there_is_one, source=SOURCE, clock=charging.clock).charge
