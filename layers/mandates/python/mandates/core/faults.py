"""Finds what is stored about a mandate and does not follow from its ledger.

The evidence pack and its alarm, the offline check of a pack, and `python -m ops mandate verify` all use this
list. Its sentences are logged, so they name places and never a personal value. They also stand in signed
packs, and the offline check compares them word for word: after a rewording it would report the faults of an
older pack twice.
"""

from collections.abc import Iterator
from dataclasses import fields

from mandates.core.charging.charge_faults import slice_faults
from mandates.core.facts import NO_FACTS, merge
from mandates.core.mandate import Mandate, Status, status
from mandates.core.record import ConsentEntry, Proven, Record, own_facts, proven, told_of_subjects


def faults(record: Record) -> list[str]:
    """Every fault, as sentences. The list is empty if everything stored fits together.

    A chain that was made anew as a whole, or cut off at its end together with the head, shows no fault. Only
    a hash that was kept elsewhere reveals that (docs/evidence.md).
    """
    known = proven(record)
    return [
        *_of_the_chain(record),
        *_of_the_head(record, known),
        *_of_statuses(known),
        *_of_personal_values(record, known),
        *_of_the_terms(record, known),
        *_of_subjects(record, known),
        *slice_faults(record.charging, known),
    ]


def _of_the_chain(record: Record) -> Iterator[str]:
    if record.first_broken is not None:
        yield f"entry {record.first_broken} is the first that was altered, removed or put in"
    if any(entry.mandate_id != record.mandate_id for entry in record.sound):
        yield "ledger: there are entries of another mandate"


def _of_the_head(record: Record, known: Proven) -> Iterator[str]:
    """After an erasure the head has a pseudonym for the customer, which the ledger can't know."""
    if record.first_broken is not None:
        return
    if known.head is None:
        yield "consent: the ledger does not begin with one"
        return
    if record.head is None:
        return
    for name in (field.name for field in fields(Mandate) if field.compare):
        if name == "customer_id" and (known.erased or not known.customer_id):
            continue
        if getattr(record.head, name) != getattr(known.head, name):
            yield f"head: `{name}` does not follow from the ledger"


def _of_statuses(known: Proven) -> Iterator[str]:
    """Each entry has the status that follows from the facts so far, or `revoked` for a reason."""
    so_far = NO_FACTS
    for entry in known.entries:
        so_far = merge(so_far, own_facts([entry]).values())
        if entry.status not in {status(so_far), Status.REVOKED}:
            yield f"entry {entry.number}: its status does not follow from the facts up to it"
    says_so = [entry.number for entry in known.entries if entry.status == Status.REVOKED]
    if says_so and not known.withdrawals:
        yield f"entry {says_so[0]}: it says revoked, and what withdrew the mandate is stored nowhere"


def _of_personal_values(record: Record, known: Proven) -> Iterator[str]:
    commitments = {entry.number: entry.commitments for entry in known.entries}
    for number, kept in sorted(record.personal.items()):
        if kept is None:
            yield f"personal_values: those beside entry {number} can't be read"
            continue
        for name, value in sorted(kept.items()):
            if name not in commitments.get(number, {}):
                yield f"personal_values: {name} lies beside entry {number}, which does not commit to it"
            elif not value.fits(commitments[number][name]):
                yield f"personal_values: {name} of entry {number} is not what the entry commits to"
    for number, committed in sorted(commitments.items()):
        kept = record.personal.get(number, {})
        gone = [] if kept is None else sorted(committed.keys() - kept.keys())
        if gone and (kept or not known.erased):
            yield f"personal_values: gone beside entry {number}, without an erasure: {', '.join(gone)}"


def _of_the_terms(record: Record, known: Proven) -> Iterator[str]:
    if known.head is None or known.consent is None:
        return
    terms, version = record.terms, known.head.terms_version
    if terms is None:
        yield f"terms: version {version} is not stored, or can't be read"
        return
    if (terms.version, terms.digest) != (version, known.head.terms_digest):
        yield f"terms: what is stored as version {version} is not what was agreed to"
    yield from _of_the_wording(known.consent, record)


def _of_the_wording(consent: ConsentEntry, record: Record) -> Iterator[str]:
    """Compares what was shown, word for word, with the terms in the language in which it was shown."""
    terms, locale = record.terms, consent.fact.detail["locale"]
    known = terms if terms and locale in terms.texts else None
    if consent.entry.text != (known and known.wording(locale)):
        yield f"consent: the text shown is not the wording of the terms in {locale}"
    if consent.fact.detail["wording_digest"] != (known and known.wording_digest(locale)):
        yield f"consent: its wording_digest is not that of the terms in {locale}"


def _of_subjects(record: Record, known: Proven) -> Iterator[str]:
    """A fact is on its subject before any ledger records it, and is never removed from it."""
    if known.head is None:
        return
    for key, told in sorted(told_of_subjects(known.head, known.entries).items()):
        for missing in sorted(told.keys() - record.subjects.get(key, NO_FACTS).keys()):
            yield f"{key.replace('#', ' ')}: the ledger tells of {missing}, which is not stored there"
