"""Attempts to take a charge's money: begins them here, confirms the intent at Stripe, records the outcome.

Whatever may take money follows a decision that permits it. A new attempt is first begun, in one conditional
write, so none follows a withdrawal or a pause. A confirm that nobody answered is repeated under the same key,
and only if it is still permitted.
"""

from copy import replace

from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.permitting import Decided, decide_on_attempt, not_now
from mandates.charges.reading import count_ours_to_mend, intent_id, read_intent, record_intent, record_refusal
from mandates.core.charging.change import charge_change
from mandates.core.charging.charge import room
from mandates.core.charging.error_classes import ErrorClass, error_class
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.head import Charge, Confirm, Params
from mandates.core.charging.ids import attempt_key
from mandates.core.charging.reports import PaymentError
from mandates.core.errors import LedgerUnreadable, StripeUnavailable
from mandates.core.mandate import Mandate
from mandates.gateway.error_mapping import AnswerReplayed
from mandates.gateway.payment_intents import PaymentRefused, confirm_params
from mandates.store.charges import commit_charge
from mandates.store.conflicts import until_no_conflict

BEGIN_SECONDS = 11
"""What must be left to begin an attempt: the longest that a confirm waits for Stripe, and a second to write
down what it said. Otherwise the charge stays pending, and the queue's consumer goes on."""

REPLAYED = PaymentError(status="500")
"""Stripe failed, and repeats that under the key for as long as it keeps the key. No attempt is counted, and
the next one has a new key."""


def begin(charge: Charge, attempt: int, charging: Charging) -> Taken:
    """Begin the attempt if it is permitted, confirm the intent, and record the outcome.

    If it is not permitted now, the charge is put off or ends. Raises StripeUnavailable if nobody knows what
    came of it, StripeRefused, NotFound or Busy.
    """
    decided = until_no_conflict(lambda: _begin(charge, attempt, charging))
    if decided.begun:
        return _confirm(decided, attempt, charging)
    if decided.charge.entries != charge.entries or decided.decision.permitted:
        return Taken(decided.charge)  # somebody else was faster, or there is no time
    return not_now(decided, charging)


def begin_first(charge: Charge, payment_intent_id: str, charging: Charging) -> Taken | None:
    """`begin` the first attempt in the same write that records the id of its intent. None if the attempt is
    not begun: then nothing was written."""
    decided = until_no_conflict(lambda: _begin(charge, 1, charging, payment_intent_id))
    return _confirm(decided, 1, charging) if decided.begun else None


def confirm_again(charge: Charge, attempt: int, charging: Charging) -> Taken:
    """Make the same call again under the same key, if the attempt is still permitted. Raises what `begin`
    raises.

    Otherwise it is not made now, or never again. An intent that is read while the first call may be under way
    proves nothing but an end.

    In another period than the attempt's, the repeat would take money that nobody counts there. So it is the
    next attempt, which takes room in its own period; the intent still succeeds once at most.
    """
    decided = decide_on_attempt(charge, charging, repeated=True)
    if decided.charge.entries != charge.entries:
        return Taken(decided.charge)
    if not decided.decision.permitted:
        refused = not_now(decided, charging)
        return refused if refused.again_at is None else _read_or(refused, attempt, charging)
    if _is_of_an_earlier_period(decided):
        read = read_intent(decided.charge, attempt, charging, confirm_in_flight=True)
        return read if read.charge.entries != charge.entries else begin(read.charge, attempt + 1, charging)
    try:
        return _confirm(decided, attempt, charging)
    except StripeUnavailable:
        read = read_intent(decided.charge, attempt, charging, confirm_in_flight=True)
        if read.charge.entries == charge.entries:
            raise
        return read


def _is_of_an_earlier_period(decided: Decided) -> bool:
    held, now = room(decided.charge.facts), decided.decision.period
    return held is not None and now is not None and held.period != now.key


def find_out(charge: Charge, attempt: int, charging: Charging) -> Taken:
    """Read what became of an attempt whose key is too old to repeat its call. If that proves nothing, begin
    the next. Raises what `begin` raises."""
    read = read_intent(charge, attempt, charging, confirm_in_flight=False)
    return read if read.charge.entries != charge.entries else begin(charge, attempt + 1, charging)


def _begin(charge: Charge, attempt: int, charging: Charging, new_intent: str | None = None) -> Decided:
    decided = decide_on_attempt(charge, charging, repeated=False)
    decision = decided.decision
    if decided.charge.entries != charge.entries or not decision.permitted:
        return decided
    at = decided.now.seconds
    if charging.time_left() < BEGIN_SECONDS or at >= decided.charge.charge_by:
        return decided
    named = charge_fact(ChargeKind.INTENT_CREATED, at, SOURCE, payment_intent=new_intent)
    begun = charge_fact(
        ChargeKind.ATTEMPT_BEGUN,
        at,
        SOURCE,
        attempt=attempt,
        period=decision.period.key if decision.period else "",
        day=decision.day,
    )
    confirm = Confirm(attempt, _params(decided.situation.mandate, charging))
    change = charge_change(
        decided.charge,
        [named, begun] if new_intent else [begun],
        source=SOURCE,
        now=decided.now,
        confirm=confirm,
    )
    if change is None:
        return decided
    commit_charge(change, decided.now, guard=decided.situation.guard(decision))
    return replace(decided, charge=change.after, begun=True)


def _params(mandate: Mandate, charging: Charging) -> Params:
    if mandate.payment_method_id is None:
        raise LedgerUnreadable(f"the active mandate {mandate.mandate_id} has no payment method")
    named = mandate.stripe_mandate_id if charging.send_stripe_mandate else None
    return confirm_params(payment_method_id=mandate.payment_method_id, stripe_mandate_id=named)


def _confirm(decided: Decided, attempt: int, charging: Charging) -> Taken:
    """Confirm as it was stored when the attempt was begun."""
    charge = decided.charge
    if charge.confirm is None or charge.confirm.attempt != attempt:
        raise LedgerUnreadable(f"how attempt {attempt} of {charge.charge_id} is confirmed is not known")
    intents, key = charging.gateway.payment_intents, attempt_key(charge.charge_id, attempt)
    try:
        intent = intents.confirm(intent_id(charge), charge.confirm.params, idempotency_key=key)
    except PaymentRefused as refused:
        return _refused(charge, attempt, refused.error, charging)
    except AnswerReplayed:
        read = read_intent(charge, attempt, charging, confirm_in_flight=False)
        if read.charge.entries != charge.entries:
            return read
        return record_refusal(charge, attempt, REPLAYED, charging)
    mandate = decided.situation.mandate
    return record_intent(charge, intent, attempt, charging, confirm_in_flight=False, mandate=mandate)


def _refused(charge: Charge, attempt: int, error: PaymentError, charging: Charging) -> Taken:
    """An intent in another state than we thought may have taken the money: then its state is the outcome."""
    failure = error_class(**error.said)
    if failure is ErrorClass.STATE:
        intent = charging.gateway.payment_intents.retrieve(intent_id(charge))
        if intent.status != "requires_payment_method":
            read = record_intent(charge, intent, attempt, charging, confirm_in_flight=False)
            if read.charge.entries != charge.entries:
                return read
    if failure is ErrorClass.OURS_TO_MEND:
        count_ours_to_mend(error)
    return record_refusal(charge, attempt, error, charging)


def _read_or(otherwise: Taken, attempt: int, charging: Charging) -> Taken:
    charge = otherwise.charge
    read = read_intent(charge, attempt, charging, confirm_in_flight=True)
    return otherwise if read.charge.entries == charge.entries else read
