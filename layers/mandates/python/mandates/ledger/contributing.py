"""Contributes facts to mandates: reads, works out the change, writes it, repeats if somebody was faster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import batched

from mandates.core.changes import (
    Change,
    Contribution,
    EventRecord,
    Subject,
    change,
    stands_on,
    stands_on_after,
)
from mandates.core.clock import Clock, Instant
from mandates.core.errors import NotFound
from mandates.core.facts import Fact
from mandates.core.mandate import Mandate, Status, status
from mandates.store.conflicts import until_no_conflict
from mandates.store.events import already_applied
from mandates.store.mandates import add_subject_facts, commit, read_heads, read_subjects

Contributions = Mapping[str, Sequence[Contribution]]
"""By mandate id."""

_MOST_PER_TRANSACTION = 30
"""Each contribution is an entry, an event record, an item of personal values, a link to a payment method and
a link to a session. Beside them are the head and the link to the customer. That is at most 92 of the 100
items of a transaction."""


def work_out(
    contributions: Contributions,
    heads: Mapping[str, Mandate],
    now: Instant,
    known: Mapping[str, Subject],
) -> list[Change]:
    """The changes that contributions make to these mandates as they are now, without empty changes.

    `known` are subjects that were just read. The others are read here.
    """
    keys = {mandate_id: stands_on_after(heads[mandate_id], new) for mandate_id, new in contributions.items()}
    needed = [key for of_one in keys.values() for key in of_one]
    subjects = {**known, **read_subjects(key for key in needed if key not in known)}
    changes = [
        change(heads[mandate_id], new, subjects=subjects, recorded_at=now.text)
        for mandate_id, new in contributions.items()
    ]
    return [worked_out for worked_out in changes if not worked_out.is_empty]


def contribute(mandate_id: str, contributions: Sequence[Contribution], clock: Clock) -> None:
    """Add contributions to one mandate. Those whose event was already applied are left out.

    Safe to repeat and to run beside others. Raises NotFound, or Busy with the rest not done.
    """
    for some in batched(contributions, _MOST_PER_TRANSACTION, strict=False):
        until_no_conflict(partial(_attempt, mandate_id, some, clock))


def _attempt(mandate_id: str, contributions: Sequence[Contribution], clock: Clock) -> None:
    head = _head_of(mandate_id)
    seen = already_applied([new.event for new in contributions if new.event])
    unseen = [new for new in contributions if new.event not in seen]
    now = Instant(clock())
    changes = work_out({mandate_id: unseen}, {mandate_id: head}, now, known={})
    if changes:
        commit(changes, now)


def withdraw_subject(key: str, fact: Fact, clock: Clock, *, event: EventRecord | None = None) -> None:
    """Add a withdrawing fact to a subject in one write; then add it to the ledger of each mandate standing on
    it.

    `event` is the record of the event that brought the fact, if an event did.

    A fact found by one of our own calls is added to the ledgers again each time: unlike an event, a call that
    died halfway is not repeated. No ledger records the same fact twice, so all of it is safe to repeat.
    """
    _tell_ledgers(add_subject_facts(key, [fact]), {event: fact} if event else {}, clock)


def tell_what_we_found(subject: Subject, clock: Clock) -> None:
    """Add to the ledgers what our own calls found about a subject, in case one of them died before it did."""
    _tell_ledgers(subject, {}, clock)


def _tell_ledgers(subject: Subject, told: Mapping[EventRecord, Fact], clock: Clock) -> None:
    found = {EventRecord(known.source): known for known in subject.facts.values() if known.is_our_own}
    if not (told or found):
        return
    for mandate_id in sorted(subject.mandates):
        tellings = [
            Contribution(record.event_id, (new,), replace(record, scope=mandate_id), of_a_subject=True)
            for record, new in {**told, **found}.items()
        ]
        contribute(mandate_id, tellings, clock)


def contribute_ours(mandate_id: str, source: str, fact: Callable[[int], Fact], clock: Clock) -> None:
    """Add a fact that one of our own calls caused. `fact` gets the time in epoch seconds."""
    contribute(mandate_id, [Contribution(source, (fact(Instant(clock()).seconds),))], clock)


def contribute_once(mandate_id: str, fact: Fact, clock: Clock) -> bool:
    """Add a fact of our own, unless the mandate already has one with its key: repeating it adds nothing to
    the ledger. Returns whether it was added. Raises NotFound or Busy."""

    def attempt() -> bool:
        head = _head_of(mandate_id)
        if fact.key in head.facts:
            return False
        now = Instant(clock())
        told = {mandate_id: [Contribution(fact.source, (fact,))]}
        commit(work_out(told, {mandate_id: head}, now, known={}), now)
        return True

    return until_no_conflict(attempt)


def _head_of(mandate_id: str) -> Mandate:
    head = read_heads([mandate_id]).get(mandate_id)
    if head is None:
        raise NotFound(f"there is no mandate {mandate_id}")
    return head


def statuses(heads: Sequence[Mandate]) -> dict[str, Status]:
    """By mandate id, from the facts of the mandates and of everything they stand on. Strongly consistent."""
    keys = {head.mandate_id: stands_on(head, head.facts) for head in heads}
    subjects = read_subjects(key for of_one in keys.values() for key in of_one)
    return {
        head.mandate_id: status(head.facts, *(subjects[key].facts for key in keys[head.mandate_id]))
        for head in heads
    }
