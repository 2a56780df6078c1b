"""Records what Stripe's events say of our charges, in whatever order and however often they come."""

from collections.abc import Sequence

import msgspec

from mandates.charges.recording import record
from mandates.core.changes import EventRecord
from mandates.core.charging.disputes import facts_of_stripe_dispute
from mandates.core.charging.facts import ChargeFact, ChargeKind, attempt_of_event
from mandates.core.charging.head import Charge
from mandates.core.charging.refunds import facts_of_stripe_refund
from mandates.core.charging.reports import facts_of_report
from mandates.core.clock import Clock
from mandates.core.errors import NotFound
from mandates.core.stripe_events.meaning import AboutCharge, AboutDispute, AboutMoney, AboutRefund


class NotRecorded(msgspec.Struct, frozen=True):
    """The event adds nothing to a charge. `impossible` says why it can't be right; None if it may be."""

    impossible: str | None = None


def apply_outcome(reading: AboutMoney, event: EventRecord, clock: Clock) -> NotRecorded | None:
    """Add what an event says to its charge, with the event's record in the same transaction. None if that is
    done, or was done before.

    Safe to repeat and to run beside others. Raises Busy or StoreError if nothing was written.
    """
    try:
        record(
            reading.charge_id,
            lambda charge, _now: _facts(reading, charge),
            source=reading.event_id,
            clock=clock,
            event=event,
        )
    except NotFound:
        return NotRecorded(f"there is no charge {reading.charge_id}")
    except _AddsNothing as nothing:
        return NotRecorded(nothing.impossible)
    return None


class _AddsNothing(Exception):
    def __init__(self, impossible: str | None = None) -> None:
        super().__init__(impossible)
        self.impossible = impossible


def _facts(reading: AboutMoney, charge: Charge) -> Sequence[ChargeFact]:
    """An intent takes money only after the charge has recorded it. Raises _AddsNothing."""
    if reading.payment_intent_id != charge.payment_intent_id:
        expected = _is_of_a_lost_race(reading)
        raise _AddsNothing(None if expected else f"its intent is not that of {charge.charge_id}")
    facts = facts_of(reading, charge)
    if not facts and isinstance(reading, AboutCharge):  # of no attempt that is known
        raise _AddsNothing
    return facts


def _is_of_a_lost_race(reading: AboutMoney) -> bool:
    """Two may have created an intent at once. The loser cancels its own."""
    return isinstance(reading, AboutCharge) and reading.report.happened is ChargeKind.INTENT_CANCELED


def facts_of(reading: AboutMoney, charge: Charge) -> Sequence[ChargeFact]:
    """What an event says of its charge. Empty if nothing; of a refund or a dispute also if it is known."""
    match reading:
        case AboutRefund(event_id=source, refund=refund, at=at):
            return facts_of_stripe_refund(charge.facts, charge.charge_id, refund, at, source)
        case AboutDispute(event_id=source, dispute=dispute, kind=kind, at=at):
            return facts_of_stripe_dispute(charge.facts, dispute, kind, at, source)
    report = reading.report
    attempt = attempt_of_event(
        charge.facts,
        charge.charge_id,
        idempotency_key=reading.idempotency_key,
        stripe_charge=report.stripe_charge,
        created=report.at,
    )
    return facts_of_report(charge.facts, report, attempt)
