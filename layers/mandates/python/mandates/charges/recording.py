"""Adds facts to a charge. Our own answers, Stripe's events and the sweeper all do it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import msgspec

from mandates.charges.setbacks import count_setbacks
from mandates.charges.surprises import count_surprises, surprises
from mandates.core.changes import EventRecord
from mandates.core.charging.change import ChargeChange, charge_change
from mandates.core.charging.facts import ChargeFact, by_subject
from mandates.core.charging.head import Charge
from mandates.core.clock import Clock, Instant
from mandates.core.errors import NotFound
from mandates.store.charges import commit_charge, read_charge
from mandates.store.conflicts import until_no_conflict
from mandates.store.events import already_applied, record_applied

FactsToAdd = Callable[[Charge, int], Sequence[ChargeFact]]


class Recorded(msgspec.Struct, frozen=True):
    """The charge as it is now. `change` is that of the last write, None if no fact was new."""

    charge: Charge
    change: ChargeChange | None


def record(
    charge_id: str,
    facts: FactsToAdd,
    *,
    source: str,
    clock: Clock,
    event: EventRecord | None = None,
    known: Charge | None = None,
) -> Recorded:
    """Add `facts(charge, now)`, with the charge as just read and `now` in epoch seconds. An event whose facts
    add nothing leaves only its record.

    Facts about several refunds or disputes are written one after another, since an entry makes one outward
    event. After a crash in between, whoever tells them tells the rest again.

    `known` is the charge as the caller has it, which saves a read if nobody has written it since. Safe to
    repeat and to run beside others: an event that was applied before changes nothing. Raises NotFound or
    Busy.
    """
    recording = _Recording(charge_id, facts, source, clock, event)
    recorded, is_all = recording.one_entry(known)
    while not is_all:
        recorded, is_all = recording.one_entry(recorded.charge)
    return recorded


@dataclass(frozen=True, slots=True)
class _Recording:
    charge_id: str
    facts: FactsToAdd
    source: str
    clock: Clock
    event: EventRecord | None

    def one_entry(self, known: Charge | None) -> tuple[Recorded, bool]:
        """What was recorded, and whether that was all."""
        tries = count()
        return until_no_conflict(lambda: self._attempt(known, is_first=next(tries) == 0))

    def _attempt(self, known: Charge | None, *, is_first: bool) -> tuple[Recorded, bool]:
        charge = known if known and is_first else read_charge(self.charge_id)
        if charge is None:
            raise NotFound(f"there is no charge {self.charge_id}")
        event = self.event
        if event and not is_first and already_applied([event]):  # that may be what the conflict was
            return Recorded(charge, None), True
        now = Instant(self.clock())
        told = self.facts(charge, now.seconds)
        groups = [told] if event else by_subject(told)  # an event is about one subject
        for number, some in enumerate(groups, 1):
            change = charge_change(charge, some, source=self.source, now=now, event=event)
            if change is not None:
                found = surprises(change)
                commit_charge(change, now)
                count_surprises(self.charge_id, found)
                count_setbacks(change)
                return Recorded(change.after, change), number == len(groups)
        if event:
            record_applied(event, charge.mandate_id, now)
        return Recorded(charge, None), True
