"""What a batch of events needs to know, in one request where each table by itself would be one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched, chain
from typing import Any

from pynamodb.connection.base import BOTOCORE_EXCEPTIONS
from pynamodb.exceptions import GetError
from pynamodb.models import Model

from mandates.core.changes import EventRecord, Subject
from mandates.core.mandate import Mandate
from mandates.store.connecting import connection
from mandates.store.events import APPLIED
from mandates.store.mandates import mandate_of, subject_of
from mandates.store.tables import EventRow, HeadRow, SubjectRow

_MOST_KEYS_PER_READ = 100  # BatchGetItem's limit, over all tables
_MOST_ROUNDS = 10

Wanted = tuple[type[Model], dict[str, dict[str, str]]]
"""A model, and the key of one of its items as DynamoDB takes it."""


@dataclass(frozen=True, slots=True)
class ReadTogether:
    """Strongly consistent, but of no single moment: every write is conditional on what was read here.

    `applied` as in store/events.py. Subjects that were asked for and never written are without facts.
    """

    applied: frozenset[EventRecord]
    heads: Mapping[str, Mandate]
    subjects: Mapping[str, Subject]


def read_together(
    records: Iterable[EventRecord], mandate_ids: Iterable[str], subject_keys: Iterable[str]
) -> ReadTogether:
    """The event records, heads and subjects there are of these. Raises StoreError."""
    applied: set[EventRecord] = set()
    heads: dict[str, Mandate] = {}
    subjects = {key: Subject(key) for key in subject_keys}
    wanted: Iterator[Wanted] = chain(
        ((EventRow, _key(event_id=one.event_id, record=one.scope)) for one in dict.fromkeys(records)),
        ((HeadRow, _key(mandate_id=one, record=HeadRow.RECORD)) for one in dict.fromkeys(mandate_ids)),
        ((SubjectRow, _key(subject=key)) for key in subjects),
    )
    for some in batched(wanted, _MOST_KEYS_PER_READ, strict=False):
        for row in _rows(some):
            match row:
                case EventRow(outcome=outcome) if outcome == APPLIED:
                    applied.add(EventRecord(row.event_id, row.record))
                case HeadRow():
                    heads[row.mandate_id] = mandate_of(row)
                case SubjectRow():
                    subjects[row.subject] = subject_of(row)
    return ReadTogether(frozenset(applied), heads, subjects)


def _key(**values: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in values.items()}


def _rows(wanted: Iterable[Wanted]) -> Iterator[Model]:
    kinds: dict[str, type[Model]] = {}
    asked: dict[str, Any] = {}
    for kind, key in wanted:
        table = kind.Meta.table_name
        kinds[table] = kind
        asked.setdefault(table, {"ConsistentRead": True, "Keys": []})["Keys"].append(key)
    for _ in range(_MOST_ROUNDS):
        try:
            answer = connection().dispatch("BatchGetItem", {"RequestItems": asked})
        except BOTOCORE_EXCEPTIONS as error:
            raise GetError("Failed to read several tables", error) from error
        for table, items in answer["Responses"].items():
            yield from (kinds[table].from_raw_data(item) for item in items)
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            return
    raise GetError("DynamoDB goes on leaving keys for later")
