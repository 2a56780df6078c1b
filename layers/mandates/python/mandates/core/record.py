"""What is stored about a mandate, and how much of it the ledger proves.

Only the ledger shows that it was altered. So the head, the personal values, the subjects and the terms are
believed only as far as its entries say the same. faults.py names the places where they don't.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mandates.core.changes import stands_on
from mandates.core.charging.register_slice import NO_CHARGES, RegisterSlice
from mandates.core.facts import NO_FACTS, Fact, Facts, Kind, fact_from_plain, merge, the_id
from mandates.core.ledger import Entry, PersonalValue
from mandates.core.mandate import WITHDRAWING, Mandate, Status, status
from mandates.core.retention import erasure_begun
from mandates.core.subjects import payment_method_subject, stripe_customer_subject
from mandates.core.terms import Terms

Json = Mapping[str, Any]

Personal = Mapping[int, Mapping[str, PersonalValue]]
"""Values kept beside the chain: by the number of the entry that commits to them, then by name."""

CUSTOMER = "subject"
"""The consent's personal value that says whose it is: a customer's id is the `sub` of their token."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is stored about a mandate.

    `entries` are the readable ones, in order; `first_broken` is the number of the first that does not hold.
    `personal` has None for values that can't be read. `subjects` are the facts of what the mandate stands on,
    by key, read after the ledger. `terms` are those stored under the version that the consent names; None if
    none can be read. `head` is None if there is only a pack. `charging` is the part of the register that was
    asked for. `refusals` are counted, and nothing proves them.
    """

    mandate_id: str
    entries: Sequence[Entry]
    first_broken: int | None
    personal: Mapping[int, Mapping[str, PersonalValue] | None]
    subjects: Mapping[str, Facts]
    terms: Terms | None
    head: Mandate | None = None
    refusals: Sequence[Json] = field(default=())
    charging: RegisterSlice = NO_CHARGES

    @property
    def sound(self) -> Sequence[Entry]:
        return sound(self.entries, self.first_broken)


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    entry: Entry
    fact: Fact


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """`told` is false while no ledger entry records the withdrawal and only its subject has it."""

    subject: str
    fact: Fact
    told: bool


@dataclass(frozen=True, slots=True)
class Proven:
    """What follows from a mandate's ledger.

    `head` is derived from the entries; None if they don't begin with a consent. Its `customer_id` is empty
    unless the value that the consent commits to is there. `personal` are the values that match the entries'
    commitments; `terms` are those that the consent names. `status` is None if the chain is broken: nobody
    knows what came after that.
    """

    entries: Sequence[Entry]
    consent: ConsentEntry | None
    head: Mandate | None
    personal: Personal
    terms: Terms | None
    erased: bool
    withdrawals: Sequence[Withdrawal]
    status: Status | None

    @property
    def customer_id(self) -> str | None:
        return (self.head and self.head.customer_id) or None


def sound(entries: Sequence[Entry], first_broken: int | None) -> Sequence[Entry]:
    """The entries before the first one that does not hold."""
    return entries if first_broken is None else entries[: first_broken - 1]


def proven(record: Record) -> Proven:
    entries = record.sound
    personal = _fitting(entries, record.personal)
    head = head_of(entries, personal)
    withdrawals = _withdrawals(head, entries, record.subjects) if head else []
    return Proven(
        entries=entries,
        consent=consent_of(entries),
        head=head,
        personal=personal,
        terms=record.terms if head and record.terms and record.terms.digest == head.terms_digest else None,
        erased=erasure_begun(entries) is not None,
        withdrawals=withdrawals,
        status=_status(head, entries, withdrawals) if head and record.first_broken is None else None,
    )


def consent_of(entries: Sequence[Entry]) -> ConsentEntry | None:
    """The consent that a ledger begins with."""
    for plain in entries[0].facts if entries else ():
        if plain["kind"] == Kind.CONSENT_ACCEPTED:
            return ConsentEntry(entries[0], fact_from_plain(plain))
    return None


def head_of(entries: Sequence[Entry], personal: Personal) -> Mandate | None:
    """The head derived from these entries: the reverse of `Mandate.accepted`, and all facts since."""
    consent = consent_of(entries)
    if consent is None:
        return None
    customer = personal.get(consent.entry.number, {}).get(CUSTOMER)
    agreed_to = consent.fact.detail
    return Mandate(
        mandate_id=consent.entry.mandate_id,
        customer_id=customer.value if customer else "",
        stripe_customer_id=the_id({consent.fact.key: consent.fact}, "stripe_customer") or "",
        created_at=consent.entry.recorded_at,
        terms_version=agreed_to["terms_version"],
        terms_digest=agreed_to["terms_digest"],
        locale=agreed_to["locale"],
        wording_digest=agreed_to["wording_digest"],
        facts=own_facts(entries),
        entries=len(entries),
        head_hash=entries[-1].hash,
    )


_OF_PAYMENT_METHODS = frozenset({Kind.DETACHED, Kind.MANDATE_INACTIVE})
_OF_SUBJECTS = _OF_PAYMENT_METHODS | {Kind.DELETED}


def own_facts(entries: Iterable[Entry]) -> Facts:
    """The mandate's own facts, without those of the subjects it stands on."""
    return merge(NO_FACTS, (fact for fact in _told(entries) if fact.kind not in _OF_SUBJECTS))


def told_of_subjects(head: Mandate, entries: Iterable[Entry]) -> dict[str, Facts]:
    """What the entries say about the subjects that the mandate stands on, by key."""
    told: dict[str, Facts] = {}
    for fact in _told(entries):
        if fact.kind in _OF_SUBJECTS:
            key = _subject_of(fact, head)
            told[key] = merge(told.get(key, NO_FACTS), [fact])
    return told


def _told(entries: Iterable[Entry]) -> Iterable[Fact]:
    return (fact_from_plain(fact) for entry in entries for fact in entry.facts)


def _subject_of(fact: Fact, head: Mandate) -> str:
    if fact.kind in _OF_PAYMENT_METHODS:
        return payment_method_subject(the_id({fact.key: fact}, "payment_method") or "")
    return stripe_customer_subject(head.stripe_customer_id)


def _fitting(
    entries: Iterable[Entry], kept: Mapping[int, Mapping[str, PersonalValue] | None]
) -> dict[int, dict[str, PersonalValue]]:
    """The values that match the entries' commitments."""
    return {
        entry.number: {
            name: value
            for name, value in (kept.get(entry.number) or {}).items()
            if value.fits(entry.commitments.get(name))
        }
        for entry in entries
    }


def _withdrawals(head: Mandate, entries: Sequence[Entry], subjects: Mapping[str, Facts]) -> list[Withdrawal]:
    """In the order of their time. A subject's fact is untold only if the ledger has no fact of its kind:
    another report of a known fact changes nothing."""
    told = {f"mandate#{head.mandate_id}": head.facts, **told_of_subjects(head, entries)}
    found = [Withdrawal(key, fact, told=True) for key, facts in told.items() for fact in facts.values()]
    found += [
        Withdrawal(key, fact, told=False)
        for key in stands_on(head, head.facts)
        for fact in subjects.get(key, NO_FACTS).values()
        if fact.key not in told.get(key, NO_FACTS)
    ]
    withdrawing = [one for one in found if one.fact.kind in WITHDRAWING]
    return sorted(withdrawing, key=lambda one: (one.fact.at, one.fact.key, one.subject))


def _status(head: Mandate, entries: Iterable[Entry], withdrawals: Sequence[Withdrawal]) -> Status:
    """An entry that says `revoked` is believed even if nothing says any more what withdrew the mandate."""
    if withdrawals or any(entry.status == Status.REVOKED for entry in entries):
        return Status.REVOKED
    return status(head.facts)
