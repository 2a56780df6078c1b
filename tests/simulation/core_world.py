"""One mandate in the pure core: what the workers make of an event, without a store, a queue or a clock.

It does what webhooks/applying.py and ledger/contributing.py do, by the same functions of the core and in the
same order; where they read or write a table, it has a value. `applied` are the event records, `ledger` all
that was entered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mandates.core import changes
from mandates.core import mandate as core_mandate
from mandates.core.changes import Contribution, EventRecord, Subject, stands_on, stands_on_after
from mandates.core.facts import NO_FACTS, Fact, Facts, merge
from mandates.core.ledger import GENESIS, Entry
from mandates.core.mandate import Mandate, Status
from mandates.core.stripe_events.meaning import (
    AboutCharge,
    AboutDispute,
    AboutMandate,
    AboutRefund,
    AboutSubject,
    Impossible,
    Meaning,
    NotOurs,
)

RECORDED_AT = "2026-11-24T12:00:00.000Z"


@dataclass(frozen=True)
class Told:
    """Something that happens to the mandate: what an event says, or the fact of a call of our own."""

    name: str
    says: Meaning | Fact


@dataclass(frozen=True)
class CoreWorld:
    mandate: Mandate
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    applied: frozenset[EventRecord] = frozenset()
    ledger: tuple[Entry, ...] = ()

    @property
    def status(self) -> Status:
        mandate = self.mandate
        keys = stands_on(mandate, mandate.facts)
        return core_mandate.status(mandate.facts, *(self.subject(key).facts for key in keys))

    def subject(self, key: str) -> Subject:
        return self.subjects.get(key, Subject(key))

    def after(self, told: Told, *, knows_it: bool = True) -> "CoreWorld":
        """The world once it was told this. Without `knows_it`, an event's own record is not found."""
        says = told.says
        if isinstance(says, Fact):
            return self._contributed(Contribution(says.source, (says,)))
        record = EventRecord(says.event_id)
        if knows_it and record in self.applied:
            return self
        match says:
            case AboutMandate(fact=fact):
                return self._contributed(Contribution(says.event_id, (fact,), record))
            case AboutSubject(subject=key, fact=fact):
                withdrawn = replace(self.subject(key), facts=merge(self.subject(key).facts, [fact]))
                world = replace(self, subjects={**self.subjects, key: withdrawn})
                for mandate_id in withdrawn.mandates:
                    of_one = EventRecord(says.event_id, mandate_id)
                    if of_one not in world.applied:
                        world = world._contributed(
                            Contribution(says.event_id, (fact,), of_one, of_a_subject=True)
                        )
                return replace(world, applied=world.applied | {record})
            # A charge is no part of this world.
            case AboutCharge() | AboutRefund() | AboutDispute() | NotOurs() | Impossible():
                return replace(self, applied=self.applied | {record})

    def after_batch(self, *batch: Told) -> "CoreWorld":
        """Told all at once, as a worker does with the events about a mandate that came in one batch."""
        contributions = []
        for told in batch:
            says = told.says
            if not isinstance(says, AboutMandate):
                raise TypeError(f"{told.name} is not an event about a mandate")
            contributions.append(Contribution(says.event_id, (says.fact,), EventRecord(says.event_id)))
        return self._contributed(*contributions)

    def _contributed(self, *contributions: Contribution) -> "CoreWorld":
        """One transaction: the head, the entries, the event records, and the links of an activation."""
        keys = stands_on_after(self.mandate, contributions)
        change = changes.change(
            self.mandate,
            contributions,
            subjects={key: self.subject(key) for key in keys},
            recorded_at=RECORDED_AT,
        )
        linked = {
            one.key: replace(one, mandates=one.mandates | {self.mandate.mandate_id})
            for one in change.stands_on
        }
        return CoreWorld(
            change.after,
            {**self.subjects, **linked},
            self.applied.union(change.events),
            (*self.ledger, *change.entries),
        )

    def without_its_past(self) -> "CoreWorld":
        """The same as far as anything is decided by it: only the ledger, which has an order, is new."""
        return replace(self, mandate=self.mandate.extended(self.mandate.facts, 0, GENESIS), ledger=())


Identity = tuple[object, ...]


def identity(world: CoreWorld) -> Identity:
    """All that orders must agree about: facts, links, event records and status."""
    subjects = tuple(
        (key, _of_facts(one.facts), one.mandates)
        for key, one in sorted(world.subjects.items())
        if one.facts or one.mandates
    )
    return _of_facts(world.mandate.facts), subjects, world.applied, world.status


def _of_facts(facts: Facts = NO_FACTS) -> Identity:
    return tuple(_of_fact(facts[key]) for key in sorted(facts))


def _of_fact(fact: Fact) -> Identity:
    named = tuple((name, fact.ids[name]) for name in sorted(fact.ids))
    return fact.key, fact.at, fact.source, named, tuple(sorted(fact.detail.items()))
