"""Takes the steps of a charge that are due, one after the other, until there is nothing to do now.

`next_step` (core/charging/steps.py) says which. After each step the charge is as it is stored, so a crash
between two steps, or two workers at once, lead to the same end.
"""

from dataclasses import replace

from mandates.charges.attempting import begin, confirm_again, find_out
from mandates.charges.context import SOURCE, Charging, Taken
from mandates.charges.creating import create_intent
from mandates.charges.ending import cancel, end
from mandates.charges.examining import examine
from mandates.charges.reading import read_intent
from mandates.charges.refunding import follow_refunds
from mandates.core.charging.charge import due_at
from mandates.core.charging.head import Charge
from mandates.core.charging.messages import DueMessage
from mandates.core.charging.steps import (
    Begin,
    CancelIntent,
    ConfirmAgain,
    CreateIntent,
    End,
    Examine,
    FindOut,
    FollowRefunds,
    Nothing,
    ReadIntent,
    next_step,
)
from mandates.core.clock import Instant
from mandates.store.charges import DueCharge, look_later, read_charge

MOST_STEPS = 12
"""More than any charge needs at once."""


def advance(charge: Charge, charging: Charging) -> Charge:
    """The charge, as it was just read or written, after every step that was due.

    Raises StripeUnavailable, StripeRefused, Busy or StoreError; what was learnt until then is recorded.
    """
    taken = Taken(charge)
    for _ in range(MOST_STEPS):
        before, taken = taken.charge, _take_step(taken.charge, charging)
        if taken.again_at is not None or taken.charge.entries == before.entries:
            break
    return _looked_at_later(taken, charging)


def advance_if_due(message: DueMessage, charging: Charging) -> Charge | None:
    """`advance`, unless the charge is due later than the message says: then somebody looked at it meanwhile.
    None if there was nothing to do.

    An intent that was recorded after the end of its charge has no due time, and may have to be cancelled.
    """
    charge = read_charge(message.charge_id)
    if charge is None or (charge.due_at is not None and charge.due_at > message.until):
        return None
    if charge.is_final and next_step(charge.facts, Instant(charging.clock()).seconds) == Nothing():
        return None
    return advance(charge, charging)


def _take_step(charge: Charge, charging: Charging) -> Taken:  # noqa: C901 - one line a step
    match next_step(charge.facts, Instant(charging.clock()).seconds):
        case CreateIntent():
            return create_intent(charge, charging)
        case Begin(attempt):
            return begin(charge, attempt, charging)
        case ConfirmAgain(attempt):
            return confirm_again(charge, attempt, charging)
        case FindOut(attempt):
            return find_out(charge, attempt, charging)
        case ReadIntent(attempt):
            return read_intent(charge, attempt, charging, confirm_in_flight=False)
        case Examine(attempt, failure):
            return examine(charge, attempt, failure, charging)
        case End(reason):
            return end(charge, reason, charging.gateway, charging.clock, source=SOURCE)
        case CancelIntent():
            return cancel(charge, charging.gateway, charging.clock, source=SOURCE)
        case FollowRefunds():
            return follow_refunds(charge, charging.gateway, charging.clock, charging.owner_mark)
        case Nothing():
            return Taken(charge)


def _looked_at_later(taken: Taken, charging: Charging) -> Charge:
    """The charge, due when somebody should look at it again. Without that it would stay due."""
    charge = taken.charge
    again_at = taken.again_at or due_at(charge.facts, Instant(charging.clock()).seconds)
    if charge.due_at is not None and again_at is not None and again_at != charge.due_at:
        look_later(DueCharge(charge.charge_id, charge.due_at), again_at)
        return replace(charge, due_at=again_at)
    return charge
