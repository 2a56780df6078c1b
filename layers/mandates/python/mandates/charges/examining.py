"""Reads at Stripe what an attempt is said to have failed at: its Mandate, the payment method or the intent.

Only what Stripe's own object says withdraws a mandate, and it does so before the charge ends. If the object
is as it should be, the failure is ours to mend: a withdrawal never lapses, so a wrong parameter must not
cause one.
"""

from collections.abc import Sequence

from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.reading import count_ours_to_mend, intent_id, record_intent
from mandates.charges.recording import record
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeFact, ChargeKind, Finding, charge_fact, of_attempt
from mandates.core.charging.head import Charge
from mandates.core.charging.reports import PaymentError
from mandates.core.clock import Instant
from mandates.core.errors import NotFound
from mandates.core.facts import Fact, Kind, ids
from mandates.core.subjects import payment_method_subject
from mandates.gateway.error_mapping import ResourceMissing
from mandates.ledger.contributing import contribute_once, withdraw_subject
from mandates.runtime.telemetry import logger
from mandates.store.charging_switch import note_mandate_error, pause
from mandates.store.mandates import read_heads

MOST_MANDATE_ERRORS = 3
"""This many charges with unexplained errors about mandates, within an hour, pause charging: then a setting or
a parameter is wrong, and every further attempt would fail too."""

MANDATE_ERRORS_SECONDS = 3600


def examine(charge: Charge, attempt: int, failure: ErrorClass, charging: Charging) -> Taken:
    """Find out what the attempt failed at, and record it. Raises StripeUnavailable, StripeRefused, NotFound
    or Busy."""
    if failure is ErrorClass.MANDATE:
        found = _examine_mandate(charge, attempt, charging)
    else:
        intent = charging.gateway.payment_intents.retrieve(intent_id(charge))
        if intent.status != "requires_payment_method":  # only an end says more than the failure does
            return record_intent(charge, intent, attempt, charging, confirm_in_flight=True)
        found = _examine_payment_method(charge, charging)
    if found is Finding.NOTHING:
        count_ours_to_mend(_error_of(charge, attempt))

    def says(_known: Charge, now: int) -> Sequence[ChargeFact]:
        return (charge_fact(ChargeKind.ATTEMPT_EXAMINED, now, SOURCE, attempt=attempt, found=found),)

    return Taken(record(charge.charge_id, says, source=SOURCE, clock=charging.clock).charge)


def _examine_mandate(charge: Charge, attempt: int, charging: Charging) -> Finding:
    mandate = read_heads([charge.mandate_id]).get(charge.mandate_id)
    if mandate is None:
        raise NotFound(f"there is no mandate {charge.mandate_id}")
    if _is_inactive(mandate.stripe_mandate_id, charging):
        said = {"charge_id": charge.charge_id, "code": _error_of(charge, attempt).code}
        at = Instant(charging.clock()).seconds
        invalid = Fact(Kind.CHARGE_MANDATE_INVALID, at, SOURCE, detail=said)
        contribute_once(mandate.mandate_id, invalid, charging.clock)
        return Finding.WITHDRAWN
    _pause_after_too_many(charge, attempt, Instant(charging.clock()))
    return Finding.NOTHING


def _is_inactive(stripe_mandate_id: str | None, charging: Charging) -> bool:
    """A key of another account does not know the Mandate: that does not mean that it is inactive."""
    if stripe_mandate_id is None:
        return False
    try:
        return charging.gateway.mandates.retrieve(stripe_mandate_id) == "inactive"
    except ResourceMissing:
        return False


def _pause_after_too_many(charge: Charge, attempt: int, now: Instant) -> None:
    """Counted before the finding is recorded: a crash in between counts the same attempt once more, which
    makes no difference."""
    noted = note_mandate_error(charge.charge_id, attempt, now, within=MANDATE_ERRORS_SECONDS)
    if noted < MOST_MANDATE_ERRORS:
        return
    why = f"{noted} charges within an hour failed at mandates that are in order at Stripe"
    if pause("charging itself", why, now):
        logger.error("charging is paused", extra={"why": why})


def _examine_payment_method(charge: Charge, charging: Charging) -> Finding:
    """The one that the attempt named."""
    payment_method_id = str(charge.confirm.params["payment_method"]) if charge.confirm else ""
    try:
        customer = charging.gateway.payment_methods.retrieve(payment_method_id).customer
    except ResourceMissing:
        return Finding.NOTHING
    if customer is not None:
        return Finding.NOTHING
    at = Instant(charging.clock()).seconds
    detached = Fact(Kind.DETACHED, at, SOURCE, ids(payment_method=payment_method_id))
    withdraw_subject(payment_method_subject(payment_method_id), detached, charging.clock)
    return Finding.WITHDRAWN


def _error_of(charge: Charge, attempt: int) -> PaymentError:
    failed = of_attempt(charge.facts, ChargeKind.ATTEMPT_FAILED, attempt)
    said = failed.detail if failed else {}
    return PaymentError(
        status=said.get("status", ""),
        code=said.get("code", ""),
        decline_code=said.get("decline_code", ""),
        advice=said.get("advice", ""),
    )
