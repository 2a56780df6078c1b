"""Records what Stripe says about a charge's intent, as the outcome of one attempt."""

from collections.abc import Sequence

from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.funding import show_funding
from mandates.charges.recording import record
from mandates.core.charging.facts import ChargeFact
from mandates.core.charging.head import Charge
from mandates.core.charging.reports import Intent, PaymentError, facts_of_intent, facts_of_refusal
from mandates.core.errors import LedgerUnreadable
from mandates.core.mandate import Mandate
from mandates.runtime.telemetry import count, logger


def intent_id(charge: Charge) -> str:
    """Raises LedgerUnreadable if there is none: no attempt can be begun without."""
    if charge.payment_intent_id is None:
        raise LedgerUnreadable(f"the charge {charge.charge_id} has attempts, but no intent")
    return charge.payment_intent_id


def read_intent(charge: Charge, attempt: int, charging: Charging, *, confirm_in_flight: bool) -> Taken:
    """Read the intent, and record what it says. Raises StripeUnavailable, StripeRefused or Busy."""
    intent = charging.gateway.payment_intents.retrieve(intent_id(charge))
    return record_intent(charge, intent, attempt, charging, confirm_in_flight=confirm_in_flight)


def record_intent(
    charge: Charge,
    intent: Intent,
    attempt: int,
    charging: Charging,
    *,
    confirm_in_flight: bool,
    mandate: Mandate | None = None,
) -> Taken:
    """The charge with what the intent says; unchanged if that proves nothing.

    `mandate` is the charge's, if it was just read. The card is kept even if an event told of the success
    first: only Stripe's answer to us tells the card.
    """

    def says(known: Charge, now: int) -> Sequence[ChargeFact]:
        return facts_of_intent(
            known.facts, intent, now, SOURCE, attempt=attempt, confirm_in_flight=confirm_in_flight
        )

    recorded = record(charge.charge_id, says, source=SOURCE, clock=charging.clock, known=charge)
    if intent.funding:
        show_funding(charge.mandate_id, intent.funding, mandate)
    return Taken(recorded.charge)


def record_refusal(charge: Charge, attempt: int, error: PaymentError, charging: Charging) -> Taken:
    def says(_known: Charge, now: int) -> Sequence[ChargeFact]:
        return facts_of_refusal(attempt, error, now, SOURCE)

    return Taken(record(charge.charge_id, says, source=SOURCE, clock=charging.clock, known=charge).charge)


def count_ours_to_mend(error: PaymentError) -> None:
    logger.error("Stripe refuses a charge for a reason that is ours to mend", extra={"stripe": error.said})
    count("ChargesOursToMend")
