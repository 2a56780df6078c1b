"""Adds facts to a charge. Our own answers, Stripe's events and the sweeper all do it here."""

from collections.abc import Callable, Sequence
from itertools import count

import msgspec

from mandates.charges.setbacks import count_setbacks
from mandates.charges.surprises import count_surprises, surprises
from mandates.core.changes import EventRecord
from mandates.core.charging.change import ChargeChange, charge_change
from mandates.core.charging.facts import ChargeFact
from mandates.core.charging.head import Charge
from mandates.core.clock import Clock, Instant
from mandates.core.errors import NotFound
from mandates.store.charges import commit_charge, read_charge
from mandates.store.conflicts import until_no_conflict
from mandates.store.events import already_applied, record_applied


class Recorded(msgspec.Struct, frozen=True):
    """The charge as it is now. `change` is None if no fact was new."""

    charge: Charge
    change: ChargeChange | None


def record(
    charge_id: str,
    facts: Callable[[Charge, int], Sequence[ChargeFact]],
    *,
    source: str,
    clock: Clock,
    event: EventRecord | None = None,
    known: Charge | None = None,
) -> Recorded:
    """Add `facts(charge, now)`, with the charge as just read and `now` in epoch seconds. An event whose facts
    add nothing leaves only its record.

    `known` is the charge as the caller has it, which saves a read if nobody has written it since. Safe to
    repeat and to run beside others: an event that was applied before changes nothing. Raises NotFound or
    Busy.
    """
    tries = count()

    def attempt() -> Recorded:
        is_first = next(tries) == 0
        charge = known if known and is_first else read_charge(charge_id)
        if charge is None:
            raise NotFound(f"there is no charge {charge_id}")
        if event and not is_first and already_applied([event]):  # that may be what the conflict was
            return Recorded(charge, None)
        now = Instant(clock())
        change = charge_change(charge, facts(charge, now.seconds), source=source, now=now, event=event)
        if change is None:
            if event:
                record_applied(event, charge.mandate_id, now)
            return Recorded(charge, None)
        found = surprises(change)
        commit_charge(change, now)
        count_surprises(charge_id, found)
        count_setbacks(change)
        return Recorded(change.after, change)

    return until_no_conflict(attempt)
