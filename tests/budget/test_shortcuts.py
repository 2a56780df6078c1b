"""What is done in a shorter way than the library's comes to the same."""

import io
import os
from typing import Any

import botocore.regions
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from pynamodb.exceptions import AttributeNullError, GetError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite
from urllib3.response import HTTPResponse

from mandates.core.changes import EventRecord
from mandates.core.clock import Instant
from mandates.store import batch_reads, connecting, tables
from mandates.store.events import APPLIED, applied_event_values, not_applied_before
from mandates.store.tables import EventRow, HeadRow
from mandates.store.writing import Transaction, WrittenOut

KEYS = [f"evt_{number}" for number in range(3)]


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "none")
    monkeypatch.setitem(os.environ, "AWS_DEFAULT_REGION", "us-east-1")
    connecting.connection.cache_clear()
    tables.bind({"events": "events", "mandates": "mandates", "stripe_subjects": "subjects"})


def test_an_item_is_written_as_pynamodb_writes_it() -> None:
    values = applied_event_values(EventRecord("evt_1", created=5), "mdt_1", Instant(1793491300))
    ours = Transaction(connection=connecting.connection())
    ours.put(EventRow, values, not_applied_before())
    theirs = TransactWrite(connection=connecting.connection())
    theirs.save(EventRow(**values), EventRow.event_id.does_not_exist() | (EventRow.outcome != APPLIED))
    assert ours._put_items == theirs._put_items


def test_a_condition_written_out_is_written_as_pynamodb_writes_it_wherever_it_stands() -> None:
    condition, other = EventRow.outcome != APPLIED, EventRow.created == 5
    pairs = [
        (WrittenOut(condition), condition),
        (WrittenOut(condition) & other, condition & other),
        (other & WrittenOut(condition), other & condition),
    ]
    for ours, theirs in pairs:
        written: list[Any] = []
        for one in (ours, theirs):
            names: dict[str, str] = {}
            values: dict[str, Any] = {}
            written.append((one.serialize(names, values), names, values))
        assert written[0] == written[1]


def test_a_condition_written_out_is_not_changed_by_what_it_was_written_into() -> None:
    condition = WrittenOut(EventRow.outcome != APPLIED)
    for _ in range(2):
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        (condition & (EventRow.created == 5)).serialize(names, values)
        assert names == {"outcome": "#0", "created": "#1"}
    assert WrittenOut(EventRow.outcome != APPLIED) == condition


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


REQUESTS: dict[str, Any] = {
    "batch_get_item": {"RequestItems": {"events": {"Keys": [{"event_id": {"S": "evt_1"}}]}}},
    "transact_write_items": {"TransactItems": [{"Put": {"TableName": "events", "Item": {}}}]},
}


def asked_at(client: Any, operation: str) -> str:
    """The address that a request of ours goes to; nothing is sent."""
    addresses: list[str] = []

    def caught(request: Any, **_: Any) -> AWSResponse:
        addresses.append(request.url)
        return AWSResponse(
            request.url, 200, HTTPHeaders(), HTTPResponse(io.BytesIO(b"{}"), preload_content=False)
        )

    client.meta.events.register("before-send.dynamodb", caught)
    getattr(client, operation)(**REQUESTS[operation])
    return addresses[0]


@pytest.mark.parametrize("operation", REQUESTS)
def test_tables_by_name_are_asked_where_botocore_would_ask(operation: str) -> None:
    botocores = botocore.session.get_session().create_client("dynamodb")
    assert asked_at(connecting.connection().client, operation) == asked_at(botocores, operation)


@pytest.mark.parametrize("operation", REQUESTS)
def test_items_are_not_searched_for_arns(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    botocores = botocore.session.get_session().create_client("dynamodb")
    monkeypatch.setattr(botocore.regions, "jmespath", None)
    asked_at(connecting.connection().client, operation)
    with pytest.raises(AttributeError, match="search"):
        asked_at(botocores, operation)


def answering(monkeypatch: pytest.MonkeyPatch, leaves_over: int) -> list[int]:
    """DynamoDB that answers for the first key of each request and leaves the rest, that many times."""
    asked: list[int] = []

    def dispatch(_operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        (table, wanted), *_ = parameters["RequestItems"].items()
        now = wanted["Keys"][:1] if len(asked) < leaves_over else wanted["Keys"]
        left = wanted["Keys"][len(now) :] if leaves_over < batch_reads._MOST_ROUNDS else wanted["Keys"]
        asked.append(len(wanted["Keys"]))
        items = [{**key, "format": {"N": "1"}, "outcome": {"S": "applied"}} for key in now]
        return {
            "Responses": {table: items},
            "UnprocessedKeys": {table: {**wanted, "Keys": left}} if left else {},
        }

    monkeypatch.setattr(connecting.connection(), "dispatch", dispatch)
    return asked


def test_keys_that_dynamodb_leaves_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, leaves_over=2)
    known = batch_reads.read_together([EventRecord(key) for key in KEYS], [], [])
    assert {record.event_id for record in known.applied} == set(KEYS)
    assert asked == [3, 2, 1]


def test_a_dynamodb_that_goes_on_leaving_keys_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, leaves_over=batch_reads._MOST_ROUNDS)
    with pytest.raises(GetError):
        batch_reads.read_together([EventRecord(key) for key in KEYS], [], [])
    assert len(asked) == batch_reads._MOST_ROUNDS
