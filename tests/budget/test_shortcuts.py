"""What is done in a shorter way than the library's comes to the same."""

import os
from typing import Any

import pytest
from pynamodb.exceptions import AttributeNullError, GetError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mandates.core.changes import EventRecord
from mandates.moment import Moment
from mandates.store import connecting, tables, together
from mandates.store.events import applied_event_values, not_applied_before
from mandates.store.tables import EventRow, HeadRow
from mandates.store.writing import Transaction

KEYS = [f"evt_{number}" for number in range(3)]


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "none")
    monkeypatch.setitem(os.environ, "AWS_DEFAULT_REGION", "us-east-1")
    connecting.connection.cache_clear()
    tables.bind({"events": "events", "mandates": "mandates", "stripe_subjects": "subjects"})


def test_an_item_is_written_as_pynamodb_writes_it() -> None:
    values = applied_event_values(EventRecord("evt_1", created=5), "mdt_1", Moment(1793491300))
    ours = Transaction(connection=connecting.connection())
    ours.put(EventRow, values, not_applied_before())
    theirs = TransactWrite(connection=connecting.connection())
    theirs.save(EventRow(**values), condition=not_applied_before())
    assert ours._put_items == theirs._put_items


def test_an_update_is_written_as_pynamodb_writes_it() -> None:
    actions: list[Action] = [HeadRow.entries.set(3), HeadRow.pending.remove()]
    condition = HeadRow.entries == 2
    ours = Transaction(connection=connecting.connection())
    ours.change(HeadRow, {"mandate_id": "mdt_1", "record": "head"}, actions, condition)
    theirs = TransactWrite(connection=connecting.connection())
    theirs.update(HeadRow("mdt_1", "head"), actions=actions, condition=condition)
    assert ours._update_items == theirs._update_items


def test_an_item_without_what_it_must_have_is_not_written() -> None:
    with pytest.raises(AttributeNullError):
        Transaction(connection=connecting.connection()).put(EventRow, {"event_id": "evt_1"}, None)


def answering(monkeypatch: pytest.MonkeyPatch, leaves_over: int) -> list[int]:
    """DynamoDB that answers for the first key of each request and leaves the rest, that many times."""
    asked: list[int] = []

    def dispatch(_operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        (table, wanted), *_ = parameters["RequestItems"].items()
        now = wanted["Keys"][:1] if len(asked) < leaves_over else wanted["Keys"]
        left = wanted["Keys"][len(now) :] if leaves_over < together._MOST_ROUNDS else wanted["Keys"]
        asked.append(len(wanted["Keys"]))
        items = [{**key, "outcome": {"S": "applied"}} for key in now]
        return {
            "Responses": {table: items},
            "UnprocessedKeys": {table: {**wanted, "Keys": left}} if left else {},
        }

    monkeypatch.setattr(connecting.connection(), "dispatch", dispatch)
    return asked


def test_keys_that_dynamodb_leaves_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, leaves_over=2)
    known = together.read_together([EventRecord(key) for key in KEYS], [], [])
    assert {record.event_id for record in known.settled} == set(KEYS)
    assert asked == [3, 2, 1]


def test_a_dynamodb_that_goes_on_leaving_keys_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, leaves_over=together._MOST_ROUNDS)
    with pytest.raises(GetError):
        together.read_together([EventRecord(key) for key in KEYS], [], [])
    assert len(asked) == together._MOST_ROUNDS
