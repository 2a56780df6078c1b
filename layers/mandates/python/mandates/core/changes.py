"""What a mandate and its ledger become when facts are contributed. Pure: the store writes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mandates.core.facts import NO_FACTS, Fact, Facts, Kind, has, merge, the_id
from mandates.core.ledger import Entry, PersonalValue, append
from mandates.core.mandate import WITHDRAWING, Mandate, status, withdrawn


@dataclass(frozen=True, slots=True)
class Subject:
    """A Stripe payment method or customer: facts, and the mandates that stand on it.

    One that was never heard of is simply a Subject without facts.
    """

    key: str
    facts: Facts = field(default_factory=dict)
    mandates: frozenset[str] = frozenset()

    @property
    def withdrawn(self) -> bool:
        return withdrawn(self.facts)


EVENT = "event"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """The record that an event was applied: written once, in the transaction that applies it.

    `scope` is EVENT for an event about one mandate. An event about a subject is applied to each mandate
    that stands on it, and leaves one record for each, whose scope is the mandate's id.
    `type` and `created` (epoch seconds) are Stripe's, where they are at hand.
    """

    event_id: str
    scope: str = EVENT
    type: str | None = field(default=None, compare=False)
    created: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Contribution:
    """Facts from one source about one mandate, and the ledger entry they make.

    With an `event`, they get an entry, once, even if it told us nothing new. Without one (our own calls),
    facts already known make no entry. `text` and `personal` go with a customer's consent.
    Facts `of_a_subject` lie on that subject already: the mandate's ledger is told, its facts don't change.
    """

    source: str
    facts: tuple[Fact, ...]
    event: EventRecord | None = None
    of_a_subject: bool = False
    text: str | None = None
    personal: Mapping[str, PersonalValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A mandate before and after. `stands_on` are the subjects it must be linked to as it is activated."""

    before: Mandate
    after: Mandate
    entries: tuple[Entry, ...]
    events: tuple[EventRecord, ...]
    personal: Mapping[int, Mapping[str, PersonalValue]]
    stands_on: tuple[Subject, ...]

    @property
    def is_empty(self) -> bool:
        return not self.entries


def payment_method_after(mandate: Mandate, contributions: Iterable[Contribution]) -> str | None:
    """The payment method the mandate will have; its subject must be read before `change` is called."""
    new = (fact for told in contributions if not told.of_a_subject for fact in told.facts)
    return the_id(merge(mandate.facts, new), "payment_method")


def change(
    mandate: Mandate,
    contributions: Sequence[Contribution],
    *,
    payment_method: Subject | None,
    stripe_customer: Subject,
    recorded_at: str,
) -> Change:
    """What `contributions` make of `mandate`, given its subjects as just read.

    Activation links the mandate to its subjects. If one of them was withdrawn before, each withdrawal is
    entered in the ledger now; if one is withdrawn while this is being written, the write is refused and
    this is worked out again.
    """
    subjects = [subject for subject in (payment_method, stripe_customer) if subject is not None]
    payment_method_facts = payment_method.facts if payment_method else NO_FACTS
    facts, length, tip = mandate.facts, mandate.entries, mandate.head_hash
    entries: list[Entry] = []
    events: list[EventRecord] = []
    personal: dict[int, Mapping[str, PersonalValue]] = {}

    def enter(source: str, new: Sequence[Fact], contribution: Contribution | None = None) -> Entry:
        nonlocal length, tip
        entry = append(
            mandate_id=mandate.mandate_id,
            length=length,
            head_hash=tip,
            recorded_at=recorded_at,
            source=source,
            facts=new,
            status=status(facts, payment_method_facts, stripe_customer.facts),
            text=contribution.text if contribution else None,
            personal=contribution.personal if contribution else None,
        )
        length, tip = entry.number, entry.hash
        entries.append(entry)
        return entry

    for contribution in contributions:
        merged = facts if contribution.of_a_subject else merge(facts, contribution.facts)
        if merged == facts and contribution.event is None:
            continue
        facts = merged
        entry = enter(contribution.source, contribution.facts, contribution)
        if contribution.event:
            events.append(contribution.event)
        if contribution.personal:
            personal[entry.number] = contribution.personal

    activates = has(facts, Kind.SETUP_SUCCEEDED) and not has(mandate.facts, Kind.SETUP_SUCCEEDED)
    if activates:
        for subject in subjects:
            for fact in subject.facts.values():
                if fact.kind in WITHDRAWING:
                    enter(fact.source, [fact])
                    events.append(EventRecord(fact.source, scope=mandate.mandate_id))
    return Change(
        before=mandate,
        after=mandate.extended(facts, length, tip),
        entries=tuple(entries),
        events=tuple(events),
        personal=personal,
        stands_on=tuple(subjects) if activates else (),
    )
