"""Reads what a batch of events needs in one request, instead of one for each table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from mandates.core.changes import EventRecord, Subject
from mandates.core.mandate import Mandate
from mandates.core.subjects import payment_intent_subject
from mandates.store.dynamodb import read_kinds, read_rows
from mandates.store.events import APPLIED
from mandates.store.mandates import mandate_of, subject_of
from mandates.store.tables import EventRow, HeadRow, IntentRow, SubjectRow


@dataclass(frozen=True, slots=True)
class ReadTogether:
    """Read strongly consistently, but not at a single moment: every write is conditional on what was read
    here.

    `applied` as in store/events.py. Requested subjects that were never written have no facts.
    """

    applied: frozenset[EventRecord]
    heads: Mapping[str, Mandate]
    subjects: Mapping[str, Subject]


def charges_of_intents(payment_intent_ids: Iterable[str]) -> dict[str, str]:
    """The charge that recorded each of these PaymentIntents. An intent that no charge recorded is missing.
    Raises StoreError."""
    subjects = {payment_intent_subject(intent): intent for intent in payment_intent_ids}
    rows = read_rows(IntentRow, ((subject,) for subject in subjects))
    return {subjects[row.subject]: row.charge_id for row in rows}


def read_together(
    records: Iterable[EventRecord], mandate_ids: Iterable[str], subject_keys: Iterable[str]
) -> ReadTogether:
    """Those of these event records, heads and subjects that exist. Raises StoreError."""
    applied: set[EventRecord] = set()
    heads: dict[str, Mandate] = {}
    subjects = {key: Subject(key) for key in subject_keys}
    wanted = chain(
        ((EventRow, (one.event_id, one.scope)) for one in records),
        ((HeadRow, (mandate_id, HeadRow.RECORD)) for mandate_id in mandate_ids),
        ((SubjectRow, (key,)) for key in subjects),
    )
    for row in read_kinds(wanted):
        match row:
            case EventRow(outcome=outcome) if outcome == APPLIED:
                applied.add(EventRecord(row.event_id, row.record))
            case HeadRow():
                heads[row.mandate_id] = mandate_of(row)
            case SubjectRow():
                subjects[row.subject] = subject_of(row)
    return ReadTogether(frozenset(applied), heads, subjects)
