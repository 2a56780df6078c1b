"""Mandates, their ledgers and the subjects they stand on."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from operator import index
from typing import Annotated, Any

import msgspec
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from mandates.core.changes import Change, Subject
from mandates.core.checkout_times import SESSION_LIFETIME_SECONDS
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Facts, all_from_plain, merge, to_plain
from mandates.core.funding import funding_from_plain
from mandates.core.ledger import Entry, PersonalValue
from mandates.core.mandate import Mandate, Status, status, withdrawn
from mandates.store.conflicts import Conflict, until_no_conflict
from mandates.store.days import day_key
from mandates.store.dynamodb import (
    MAX_TRANSACTION_ITEMS,
    Transaction,
    query,
    query_page,
    read_row,
    read_rows,
    transaction,
    update,
)
from mandates.store.events import applied_event_values, not_applied_before
from mandates.store.sessions import add_sessions
from mandates.store.tables import EntryRow, EventRow, HeadRow, PersonalRow, SubjectRow

MANDATES_PER_PAGE = 50
"""How many are read at a time if all of a customer's mandates are needed."""

SWEPT_AFTER_SECONDS = 30 * 60
"""Stripe reports within seconds that a session has ended. If that has not come after this time, we ask."""


class Position(msgspec.Struct, frozen=True):
    """A place in a customer's list of mandates: after this one. DynamoDB keys can't be empty."""

    created_at: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    mandate_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class LedgerPosition(msgspec.Struct, frozen=True):
    """A place in a mandate's ledger: after the entry with this number."""

    entry: Annotated[int, msgspec.Meta(ge=1)]


class Due(msgspec.Struct, frozen=True):
    """A mandate to be swept, since `sweep_at` (epoch seconds)."""

    mandate_id: str
    sweep_at: int


def read_heads(mandate_ids: Iterable[str]) -> dict[str, Mandate]:
    """The existing heads, by id; read strongly consistently."""
    rows = read_rows(HeadRow, ((mandate_id, HeadRow.RECORD) for mandate_id in mandate_ids))
    return {row.mandate_id: mandate_of(row) for row in rows}


def read_subjects(keys: Iterable[str]) -> dict[str, Subject]:
    """Every requested subject, by key. One that was never written is a Subject without facts."""
    subjects = {key: Subject(key) for key in keys}
    for row in read_rows(SubjectRow, ((key,) for key in subjects)):
        subjects[row.subject] = subject_of(row)
    return subjects


def read_ledger(mandate_id: str) -> list[Entry]:
    return [entry_from_row(row) for row in query(EntryRow, EntryRow.of_mandate(mandate_id))]


def last_entry(mandate: Mandate) -> Entry | None:
    """The entry at the tip of the mandate's ledger; None if there is none."""
    row = read_row(EntryRow, mandate.mandate_id, EntryRow.key(mandate.entries))
    return entry_from_row(row) if row else None


def page_of_ledger(
    mandate: Mandate, limit: int, after: LedgerPosition | None
) -> tuple[list[Entry], LedgerPosition | None]:
    """Up to `limit` entries of a mandate's ledger, oldest first, and where to continue (None at the end).

    It ends where the ledger of the mandate that was read ends: later entries would not fit its status.
    """
    first = after.entry + 1 if after else 1
    last = min(first + limit - 1, mandate.entries)
    if first > last:
        return [], None
    between = EntryRow.record.between(EntryRow.key(first), EntryRow.key(last))
    rows = query(EntryRow, (EntryRow.mandate_id == mandate.mandate_id) & between)
    return [entry_from_row(row) for row in rows], LedgerPosition(last) if last < mandate.entries else None


def read_personal(mandate_id: str) -> dict[int, dict[str, PersonalValue]]:
    """The personal values kept beside the ledger, by entry number."""
    return {
        int(row.record.removeprefix(PersonalRow.PREFIX)): {
            name: PersonalValue(**kept) for name, kept in row.values.items()
        }
        for row in query(PersonalRow, PersonalRow.of_mandate(mandate_id))
    }


def mandates_of(customer_id: str) -> Iterator[Mandate]:
    """All of a customer's mandates, newest first, as `page_of_mandates` finds them."""
    after = None
    while True:
        page, after = page_of_mandates(customer_id, MANDATES_PER_PAGE, after)
        yield from page
        if after is None:
            return


def page_of_mandates(
    customer_id: str, limit: int, after: Position | None
) -> tuple[list[Mandate], Position | None]:
    """Up to `limit` of a customer's mandates, newest first, and where to continue (None at the end).

    They are found through the index, which may lack one that was just made, and then read strongly
    consistently.
    """
    found, last = query_page(
        HeadRow,
        HeadRow.customer_id == customer_id,
        index=HeadRow.by_customer,
        newest_first=True,
        limit=limit,
        after=_index_key(customer_id, after) if after else None,
    )
    mandate_ids = [HeadRow.from_raw_data(item).mandate_id for item in found]
    heads = read_heads(mandate_ids)
    mandates = [heads[mandate_id] for mandate_id in mandate_ids if mandate_id in heads]
    return mandates, Position(last["created_at"]["S"], last["mandate_id"]["S"]) if last else None


def due_to_be_swept(now: int, limit: int) -> list[Due]:
    """Up to `limit` mandates that were pending when the index was written and whose session must have ended
    by `now` (epoch seconds), longest due first. Only their head says what they are now."""
    pending_until_now = (HeadRow.pending == HeadRow.PENDING) & (HeadRow.sweep_at <= now)
    found = query(HeadRow, pending_until_now, index=HeadRow.by_sweep_time, limit=limit)
    return [Due(row.mandate_id, int(row.sweep_at)) for row in found]


def _index_key(customer_id: str, position: Position) -> dict[str, dict[str, str]]:
    return {
        "customer_id": {"S": customer_id},
        "created_at": {"S": position.created_at},
        "mandate_id": {"S": position.mandate_id},
        "record": {"S": HeadRow.RECORD},
    }


# ------------------------------------------------------------------------------------------ writing


_ENTRIES_ARE_NEVER_REPLACED: Condition = EntryRow.mandate_id.does_not_exist()
_NO_FACTS_YET: Condition = SubjectRow.version.does_not_exist()


def transaction_groups(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """Changes of different mandates, in groups that each fit one transaction.

    No item may be in a transaction twice. So the link to a subject that two mandates share is written once,
    but counted for each: at worst a group is smaller than it could be.
    """
    group: list[Change] = []
    size = 0
    for change in changes:
        items = _items_in(change)
        if group and size + items > MAX_TRANSACTION_ITEMS:
            yield group
            group, size = [], 0
        group.append(change)
        size += items
    if group:
        yield group


def commit(changes: Sequence[Change], now: Instant) -> None:
    """Write the changes of one group, all or none. Raises Conflict if anything read has changed since."""
    with transaction() as writing:
        for change in changes:
            add_change(writing, change, now)
        _link(writing, changes)
        add_sessions(writing, changes)


def add_change(writing: Transaction, change: Change, now: Instant) -> None:
    """Add the head, the ledger entries, the personal values and the event records of one change.

    `commit` adds the links to its session and to the subjects that it stands on.
    """
    if change.before.entries == 0:
        nobody_has_this_id = HeadRow.mandate_id.does_not_exist()
        head = head_values(change.after)
        if _is_pending(change.after):
            sweep_at = now.seconds + SESSION_LIFETIME_SECONDS + SWEPT_AFTER_SECONDS
            head |= {"pending": HeadRow.PENDING, "sweep_at": sweep_at}
        writing.put(HeadRow, head, nobody_has_this_id)
    else:
        nobody_wrote_since = HeadRow.entries == change.before.entries
        actions: list[Action] = [
            HeadRow.created_on.set(day_key(change.before.mandate_id, change.before.created_at)),
            HeadRow.facts.set(_plain(change.after.facts)),
            HeadRow.entries.set(change.after.entries),
            HeadRow.head_hash.set(change.after.head_hash),
        ]
        if _is_pending(change.before) and not _is_pending(change.after):
            actions += [HeadRow.pending.remove(), HeadRow.sweep_at.remove()]
        writing.update(HeadRow, (change.before.mandate_id, HeadRow.RECORD), actions, nobody_wrote_since)
    for entry in change.entries:
        writing.put(EntryRow, _entry_values(entry), _ENTRIES_ARE_NEVER_REPLACED)
    for number, values in change.personal.items():
        kept = {name: {"value": value.value, "salt": value.salt} for name, value in values.items()}
        record = f"{PersonalRow.PREFIX}{number:06}"
        beside = {"mandate_id": change.after.mandate_id, "record": record, "values": kept}
        writing.put(PersonalRow, beside, PersonalRow.mandate_id.does_not_exist())
    for event in change.events:
        applied = applied_event_values(event, change.after.mandate_id, now)
        writing.put(EventRow, applied, not_applied_before())


def sweep_later(due: Due, at: int) -> None:
    """Make a pending mandate due again at `at` (epoch seconds), after those that are due before."""
    still_pending_and_as_found = HeadRow.sweep_at == due.sweep_at
    with suppress(Conflict):
        update(
            HeadRow, (due.mandate_id, HeadRow.RECORD), [HeadRow.sweep_at.set(at)], still_pending_and_as_found
        )


def sweep_no_more(due: Due) -> None:
    """Take a mandate that is not pending out of the index."""
    as_found = HeadRow.sweep_at == due.sweep_at
    with suppress(Conflict):
        update(
            HeadRow,
            (due.mandate_id, HeadRow.RECORD),
            [HeadRow.pending.remove(), HeadRow.sweep_at.remove()],
            as_found,
        )


def add_subject_facts(key: str, new: Iterable[Fact]) -> Subject:
    """Merge facts into a subject, in one write, and return it with the mandates that stand on it.

    That one write withdraws every one of those mandates. Their ledgers record it afterwards.
    """
    facts = tuple(new)

    def attempt() -> Subject:
        known = read_subjects([key])[key]
        merged = merge(known.facts, facts)
        if merged == known.facts:
            return known
        actions: list[Action] = [
            SubjectRow.in_its_format(),
            SubjectRow.facts.set(_plain(merged)),
            SubjectRow.version.set((known.version or 0) + 1),
        ]
        if withdrawn(merged):
            actions.append(SubjectRow.withdrawn.set(True))
        written = update(SubjectRow, (key,), actions, _nobody_wrote_since(known))
        return subject_of(SubjectRow.from_raw_data(written))

    return until_no_conflict(attempt)


def _link(writing: Transaction, changes: Sequence[Change]) -> None:
    """Record on each subject which mandates stand on it. The subject must be as it was read: not withdrawn
    meanwhile, or, if it already was, without a further withdrawal, which the ledgers would then miss."""
    linked: dict[str, tuple[Subject, set[str]]] = {}
    for change in changes:
        for subject in change.stands_on:
            linked.setdefault(subject.key, (subject, set()))[1].add(change.after.mandate_id)
    for subject, mandate_ids in linked.values():
        link: list[Action] = [SubjectRow.in_its_format(), SubjectRow.mandates.add(mandate_ids)]
        writing.update(SubjectRow, (subject.key,), link, _nobody_wrote_since(subject))


def add_checks(writing: Transaction, mandate: Mandate, subjects: Iterable[Subject]) -> None:
    """Make a transaction conditional on a mandate and everything it stands on, as they were read: a
    withdrawal that is committed first refuses it. Whatever changes a mandate adds an entry."""
    nobody_wrote_since = EntryRow.record.does_not_exist()
    writing.check(EntryRow, (mandate.mandate_id, EntryRow.key(mandate.entries + 1)), nobody_wrote_since)
    for subject in subjects:
        writing.check(SubjectRow, (subject.key,), _nobody_wrote_since(subject))


def _nobody_wrote_since(subject: Subject) -> Condition:
    if subject.version is None:
        return _NO_FACTS_YET
    still_as_read: Condition = SubjectRow.version == subject.version
    return still_as_read


def _is_pending(mandate: Mandate) -> bool:
    """Whether it is pending by its own facts. One that was withdrawn through what it stands on is swept all
    the same: only its session's end says that nothing more can happen to it."""
    return status(mandate.facts) is Status.PENDING


def _items_in(change: Change) -> int:
    links = len(change.stands_on) + len(change.sessions)
    return 1 + len(change.entries) + len(change.events) + len(change.personal) + links


# ------------------------------------------------------------------------------- items and objects


def _plain(facts: Facts) -> dict[str, Any]:
    return {key: to_plain(facts[key]) for key in sorted(facts)}


def whole(number: Any) -> int:
    return index(number)  # TypeError for a fraction, which int() would accept and no release writes


def mandate_of(row: HeadRow) -> Mandate:
    return Mandate(
        mandate_id=row.mandate_id,
        customer_id=row.customer_id,
        stripe_customer_id=row.stripe_customer_id,
        created_at=row.created_at,
        terms_version=row.terms_version,
        terms_digest=row.terms_digest,
        locale=row.locale,
        wording_digest=row.wording_digest,
        facts=all_from_plain(row.facts or {}),
        entries=whole(row.entries),
        head_hash=row.head_hash,
        funding=funding_from_plain(row.funding),
    )


def head_values(mandate: Mandate) -> dict[str, Any]:
    """By HeadRow's attributes."""
    return {
        "mandate_id": mandate.mandate_id,
        "record": HeadRow.RECORD,
        "customer_id": mandate.customer_id,
        "stripe_customer_id": mandate.stripe_customer_id,
        "created_at": mandate.created_at,
        "created_on": day_key(mandate.mandate_id, mandate.created_at),
        "terms_version": mandate.terms_version,
        "terms_digest": mandate.terms_digest,
        "locale": mandate.locale,
        "wording_digest": mandate.wording_digest,
        "facts": _plain(mandate.facts),
        "entries": mandate.entries,
        "head_hash": mandate.head_hash,
    }


def subject_of(row: SubjectRow) -> Subject:
    version = int(row.version) if row.version is not None else None
    return Subject(row.subject, all_from_plain(row.facts or {}), frozenset(row.mandates or ()), version)


def entry_from_row(row: EntryRow) -> Entry:
    return Entry(
        format=int(row.format),
        mandate_id=row.mandate_id,
        number=whole(row.number),
        recorded_at=row.recorded_at,
        source=row.source,
        facts=tuple(row.facts),
        status=row.status,
        text=row.text,
        commitments=row.commitments,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def _entry_values(entry: Entry) -> dict[str, Any]:
    """By EntryRow's attributes."""
    return {
        "mandate_id": entry.mandate_id,
        "record": EntryRow.key(entry.number),
        "format": entry.format,
        "number": entry.number,
        "recorded_at": entry.recorded_at,
        "source": entry.source,
        "facts": list(entry.facts),
        "status": entry.status,
        "text": entry.text,
        "commitments": dict(entry.commitments),
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
