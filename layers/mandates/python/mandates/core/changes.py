"""What a mandate and its ledger become when facts are contributed. Pure: the store writes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mandates.core.facts import Fact, Facts, Kind, all_ids, has, merge
from mandates.core.ledger import Entry, PersonalValue, append
from mandates.core.mandate import WITHDRAWING, Mandate, status, withdrawn
from mandates.core.subjects import payment_method_subject, stripe_customer_subject


@dataclass(frozen=True, slots=True)
class Subject:
    """A Stripe payment method or customer: facts, and the mandates that stand on it.

    An unknown one is a Subject without facts. `version` grows with each change of its facts; None before the
    first change.
    """

    key: str
    facts: Facts = field(default_factory=dict)
    mandates: frozenset[str] = frozenset()
    version: int | None = None

    @property
    def withdrawn(self) -> bool:
        return withdrawn(self.facts)


WHOLE_EVENT = "event"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """The record that an event was applied: written once, in the transaction that applies it.

    `scope` is WHOLE_EVENT for an event about one mandate. An event about a subject is applied to each mandate
    that stands on it, and leaves a record for each, whose scope is the mandate's id. `type` and `created`
    (epoch seconds) are Stripe's, if available.
    """

    event_id: str
    scope: str = WHOLE_EVENT
    type: str | None = field(default=None, compare=False)
    created: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Contribution:
    """Facts from one source about one mandate, and the ledger entry they make.

    With an `event`, the facts get an entry, once, even if they are not new. Without one (our own calls),
    known facts make no entry. `text` and `personal` belong to a customer's consent. Facts `of_a_subject` are
    already on that subject: the mandate's ledger records them, but the mandate's own facts don't change.
    """

    source: str
    facts: tuple[Fact, ...]
    event: EventRecord | None = None
    of_a_subject: bool = False
    text: str | None = None
    personal: Mapping[str, PersonalValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A mandate before and after. `stands_on` are the newly linked subjects, as they were read."""

    before: Mandate
    after: Mandate
    entries: tuple[Entry, ...]
    events: tuple[EventRecord, ...]
    personal: Mapping[int, Mapping[str, PersonalValue]]
    stands_on: tuple[Subject, ...]

    @property
    def is_empty(self) -> bool:
        return not self.entries

    @property
    def sessions(self) -> frozenset[str]:
        """The ids of the Checkout Sessions that the mandate's facts name for the first time."""
        return _sessions(self.after) - _sessions(self.before)


def _sessions(mandate: Mandate) -> frozenset[str]:
    return all_ids(mandate.facts, "checkout_session")


def stands_on(mandate: Mandate, facts: Facts) -> list[str]:
    """The keys of the subjects that the mandate stands on with these facts, its Stripe customer's first."""
    payment_methods = sorted(all_ids(facts, "payment_method"))
    return [
        stripe_customer_subject(mandate.stripe_customer_id),
        *map(payment_method_subject, payment_methods),
    ]


def stands_on_after(mandate: Mandate, contributions: Iterable[Contribution]) -> list[str]:
    """The same once `contributions` are merged. These subjects must be read before `change` is called."""
    new = (fact for told in contributions if not told.of_a_subject for fact in told.facts)
    return stands_on(mandate, merge(mandate.facts, new))


def change(
    mandate: Mandate,
    contributions: Sequence[Contribution],
    *,
    subjects: Mapping[str, Subject],
    recorded_at: str,
) -> Change:
    """The mandate after `contributions`, given the subjects of `stands_on_after` as just read.

    A mandate is linked to what it stands on once its set-up has succeeded. If one of these subjects was
    withdrawn before, each withdrawal now enters the ledger. If one changes during the write, the write is
    refused and the change is worked out again.
    """
    told = _what_is_new(mandate.facts, contributions)
    facts = told[-1][1] if told else mandate.facts
    linked_before = _linked(mandate, mandate.facts)
    newly_linked = [subjects[key] for key in _linked(mandate, facts) if key not in linked_before]
    events = [contribution.event for contribution, _ in told if contribution.event]
    told += [(found, facts) for found in _earlier_withdrawals(mandate, newly_linked, events)]
    entries = _chained(mandate, told, subjects, recorded_at)
    return Change(
        before=mandate,
        after=mandate.extended(facts, entries[-1].number, entries[-1].hash) if entries else mandate,
        entries=tuple(entries),
        events=tuple(contribution.event for contribution, _ in told if contribution.event),
        personal={
            entry.number: contribution.personal
            for entry, (contribution, _) in zip(entries, told, strict=True)
            if contribution.personal
        },
        stands_on=tuple(newly_linked),
    )


def _what_is_new(facts: Facts, contributions: Sequence[Contribution]) -> list[tuple[Contribution, Facts]]:
    """The contributions that get an entry, each with the mandate's facts after it.

    One that adds no fact gets an entry only for the record of its event.
    """
    new = []
    for contribution in contributions:
        merged = facts if contribution.of_a_subject else merge(facts, contribution.facts)
        if merged != facts or contribution.event is not None:
            facts = merged
            new.append((contribution, facts))
    return new


def _earlier_withdrawals(
    mandate: Mandate, subjects: Iterable[Subject], told: Sequence[EventRecord]
) -> list[Contribution]:
    """The withdrawals of newly linked subjects, without those that are told already."""
    found: dict[EventRecord, Contribution] = {}
    for subject in subjects:
        for fact in subject.facts.values():
            record = EventRecord(fact.source, scope=mandate.mandate_id)
            if fact.kind in WITHDRAWING and record not in told:
                found.setdefault(record, Contribution(fact.source, (fact,), record, of_a_subject=True))
    return list(found.values())


def _chained(
    mandate: Mandate,
    told: Sequence[tuple[Contribution, Facts]],
    subjects: Mapping[str, Subject],
    recorded_at: str,
) -> list[Entry]:
    """One entry for each contribution, each with the hash of the one before."""
    entries: list[Entry] = []
    length, tip = mandate.entries, mandate.head_hash
    for contribution, facts in told:
        entry = append(
            mandate_id=mandate.mandate_id,
            length=length,
            head_hash=tip,
            recorded_at=recorded_at,
            source=contribution.source,
            facts=contribution.facts,
            status=status(facts, *(subjects[key].facts for key in stands_on(mandate, facts))),
            text=contribution.text,
            personal=contribution.personal,
        )
        length, tip = entry.number, entry.hash
        entries.append(entry)
    return entries


def _linked(mandate: Mandate, facts: Facts) -> list[str]:
    return stands_on(mandate, facts) if has(facts, Kind.SETUP_SUCCEEDED) else []
