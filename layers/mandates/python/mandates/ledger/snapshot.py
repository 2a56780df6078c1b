"""Reads everything stored about a mandate as it was at one moment, so that its parts can be compared."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mandates.core.changes import stands_on
from mandates.core.charging.register_slice import NO_CHARGES, RegisterSlice
from mandates.core.errors import Busy, LedgerUnreadable
from mandates.core.ledger import first_unsound
from mandates.core.mandate import Mandate
from mandates.core.record import Record, head_of, own_facts, sound
from mandates.core.terms import Terms
from mandates.store.mandates import read_heads, read_ledger, read_personal, read_subjects
from mandates.store.published_terms import read_terms
from mandates.store.raw_charges import ChargesAsStored, charges_as_stored, raw_charges
from mandates.store.raw_items import ALTERED_ITEMS_RAISE, Stored

_READS_UNTIL_IT_RESTS = 5


def as_usual(mandate_id: str) -> Stored:
    """The ledger and the personal values as every reader reads them: one odd item fails them all."""
    with altered_is_unreadable("an entry, or what lies beside one,"):
        ledger, personal = read_ledger(mandate_id), read_personal(mandate_id)
        own_facts(ledger)  # something that is not a fact can't be shown either
    return Stored([(entry.number, entry) for entry in ledger], personal)


def read_record(
    mandate_id: str,
    read: Callable[[str], Stored] = as_usual,
    charging: RegisterSlice = NO_CHARGES,
) -> Record | None:
    """What is stored about a mandate; None if nothing is. Raises Busy or LedgerUnreadable.

    `charging` was read before: its charges name entries of the ledger.

    The subjects are read last. A withdrawal is on its subject before any ledger records it, so what the
    ledger records must be there. What came between the two reads is merely not in the ledger yet.
    """
    head, stored = of_one_moment(mandate_id, read)
    entries = [entry for _, entry in stored.entries if entry is not None]
    if head is None:
        if not stored.entries:
            return None
        raise LedgerUnreadable(f"the head is missing, but there are {len(entries)} entries")
    first_broken = first_unsound(stored.entries, length=head.entries, head_hash=head.head_hash)
    with altered_is_unreadable("the ledger, or what the mandate stands on,"):
        proven_head = head_of(sound(entries, first_broken), {})
        subjects = read_subjects(stands_on(proven_head, proven_head.facts)) if proven_head else {}
    return Record(
        mandate_id=mandate_id,
        entries=entries,
        first_broken=first_broken,
        personal=stored.personal,
        subjects={key: subject.facts for key, subject in subjects.items()},
        terms=_terms(proven_head.terms_version) if proven_head else None,
        head=head,
        charging=charging,
    )


def charges_at_rest(mandate_id: str) -> ChargesAsStored:
    """All of a mandate's charges as of one moment: two reads found them alike. Raises Busy."""
    items = raw_charges(mandate_id)
    for _ in range(_READS_UNTIL_IT_RESTS):
        again = raw_charges(mandate_id)
        if again == items:
            return charges_as_stored(items)
        items = again
    raise Busy(f"the charges of {mandate_id} kept changing while they were read; try again")


def of_one_moment(mandate_id: str, read: Callable[[str], Stored]) -> tuple[Mandate | None, Stored]:
    """Whether no entry was added during the read. Then nothing beside the entries was written either, and no
    personal value was removed, since the entry of an erasure comes first."""
    before = _head(mandate_id)
    for _ in range(_READS_UNTIL_IT_RESTS):
        stored = read(mandate_id)
        after = _head(mandate_id)
        if (before and before.entries) == (after and after.entries):
            return after, stored
        before = after
    raise Busy(f"the ledger of {mandate_id} kept growing while it was read; try again")


def _head(mandate_id: str) -> Mandate | None:
    with altered_is_unreadable("the head"):
        return read_heads([mandate_id]).get(mandate_id)


@contextmanager
def altered_is_unreadable(what: str) -> Iterator[None]:
    """Raises LedgerUnreadable, with that name, for whatever reading an altered item raises within."""
    try:
        yield
    except ALTERED_ITEMS_RAISE as error:
        raise LedgerUnreadable(f"{what} was altered: it can't be read") from error


def _terms(version: str) -> Terms | None:
    """None also if they can't be read: that is a fault like any other (core/faults.py)."""
    try:
        published = read_terms(version)
    except ALTERED_ITEMS_RAISE:
        return None
    return published.terms if published else None
