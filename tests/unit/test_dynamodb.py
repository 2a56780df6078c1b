"""How the store reads what DynamoDB answers in parts, and what its refusals mean.

A client that answers as it is told stands in for botocore's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mandates.store import dynamodb, tables
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import MOST_ROUNDS, StoreError
from mandates.store.tables import EntryRow, EventRow, HeadRow, SessionRow, SubjectRow

Json = dict[str, Any]


class Client:
    """Notes what it is asked, operation by operation."""

    def __init__(self, answer: Callable[[str, Json], Json]) -> None:
        self.asked: list[Json] = []
        self._answer = answer

    def __getattr__(self, operation: str) -> Callable[..., Json]:
        def called(**parameters: Any) -> Json:
            self.asked.append(parameters)
            return self._answer(operation, parameters)

        return called


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "dynamodb_client", lambda: None)
    tables.bind({"events": "events", "mandates": "mandates", "stripe_subjects": "subjects"})


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Json], Json]) -> Client:
    client = Client(answer)
    monkeypatch.setattr(dynamodb, "dynamodb_client", lambda: client)
    return client


# ------------------------------------------------------------------------------------------ reading


def event_keys(*numbers: int) -> list[tuple[str, str]]:
    return [(f"evt_{number}", "event") for number in numbers]


def leaving_over(times: int) -> Callable[[str, Json], Json]:
    """DynamoDB that answers for the first key of a request and leaves the others, that many times."""
    left = times

    def answer(_: str, parameters: Json) -> Json:
        nonlocal left
        (table, wanted), *_ = parameters["RequestItems"].items()
        keys = wanted["Keys"]
        now, later = (keys[:1], keys[1:]) if left else (keys, [])
        left -= 1 if left else 0
        items = [{**key, "format": {"N": "1"}, "outcome": {"S": "applied"}} for key in now]
        unread = {table: {**wanted, "Keys": later}} if later else {}
        return {"Responses": {table: items}, "UnprocessedKeys": unread}

    return answer


def test_keys_that_dynamodb_leaves_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, leaving_over(2))
    rows = dynamodb.read_rows(EventRow, event_keys(1, 2, 3))
    assert {row.event_id for row in rows} == {"evt_1", "evt_2", "evt_3"}
    assert [len(asked["RequestItems"]["events"]["Keys"]) for asked in client.asked] == [3, 2, 1]
    assert all(asked["RequestItems"]["events"]["ConsistentRead"] for asked in client.asked)


def test_a_dynamodb_that_keeps_leaving_keys_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str, parameters: Json) -> Json:
        return {"Responses": {}, "UnprocessedKeys": parameters["RequestItems"]}

    client = answering(monkeypatch, nothing)
    with pytest.raises(StoreError):
        dynamodb.read_rows(EventRow, event_keys(1))
    assert len(client.asked) == MOST_ROUNDS


def test_a_key_asked_for_twice_is_sent_once_and_at_most_a_hundred_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = answering(monkeypatch, leaving_over(0))
    rows = dynamodb.read_rows(EventRow, event_keys(*range(150), *range(150)))
    assert len(rows) == 150
    assert [len(asked["RequestItems"]["events"]["Keys"]) for asked in client.asked] == [100, 50]


def test_kinds_of_several_tables_are_read_in_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, lambda *_: {"Responses": {}})
    wanted = [
        (EventRow, ("evt_1", "event")),
        (HeadRow, ("mdt_1", "head")),
        (SubjectRow, ("stripe_customer#1",)),
    ]
    assert list(dynamodb.read_kinds(wanted)) == []
    (asked,) = client.asked
    assert {table: wanted["Keys"] for table, wanted in asked["RequestItems"].items()} == {
        "events": [{"event_id": {"S": "evt_1"}, "record": {"S": "event"}}],
        "mandates": [{"mandate_id": {"S": "mdt_1"}, "record": {"S": "head"}}],
        "subjects": [{"subject": {"S": "stripe_customer#1"}}],
    }


def pages(*sizes: int) -> Callable[[str, Json], Json]:
    """Events on pages of these sizes; each page's key is its number."""

    def answer(_: str, parameters: Json) -> Json:
        page = int(parameters.get("ExclusiveStartKey", {"page": 0})["page"])
        item = {"record": {"S": "event"}, "format": {"N": "1"}, "outcome": {"S": "applied"}}
        items = [{**item, "event_id": {"S": f"evt_{page}_{number}"}} for number in range(sizes[page])]
        last = page + 1 == len(sizes)
        return {"Items": items, **({} if last else {"LastEvaluatedKey": {"page": page + 1}})}

    return answer


def of_event() -> Any:
    return EventRow.event_id == "evt"


@pytest.mark.parametrize(("limit", "found", "requests"), [(None, 5, 3), (4, 4, 3), (2, 2, 1)])
def test_a_query_goes_through_the_pages_up_to_its_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, found: int, requests: int
) -> None:
    client = answering(monkeypatch, pages(2, 0, 3))
    assert len(list(dynamodb.query(EventRow, of_event(), limit=limit))) == found
    assert len(client.asked) == requests


def test_a_table_is_queried_consistently_and_an_index_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, pages(0))
    list(dynamodb.query(EventRow, of_event()))
    listed = EventRow.quarantined == EventRow.IN_QUARANTINE
    list(dynamodb.query(EventRow, listed, index=EventRow.by_quarantine, newest_first=True, limit=7))
    of_table, of_index = client.asked
    assert of_table == {
        "TableName": "events",
        "KeyConditionExpression": "#0 = :0",
        "ExpressionAttributeNames": {"#0": "event_id"},
        "ExpressionAttributeValues": {":0": {"S": "evt"}},
        "ScanIndexForward": True,
        "ConsistentRead": True,
    }
    assert "ConsistentRead" not in of_index
    assert (of_index["IndexName"], of_index["ScanIndexForward"], of_index["Limit"]) == (
        "quarantined",
        False,
        7,
    )


# ------------------------------------------------------------------------------------------ writing


def refused(code: str, reasons: Sequence[Mapping[str, str]] = ()) -> Callable[[str, Json], Json]:
    def answer(operation: str, _: Json) -> Json:
        response: Any = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": list(reasons)}
        raise ClientError(response, operation)

    return answer


def written() -> None:
    with dynamodb.transaction() as writing:
        writing.put(SubjectRow, {"subject": "stripe_customer#1"}, SubjectRow.version.does_not_exist())
        writing.check(HeadRow, ("mdt_1", HeadRow.RECORD), HeadRow.entries == 1)


WRITES: Mapping[str, Callable[[], Any]] = {
    "a put": lambda: dynamodb.put(
        SubjectRow, {"subject": "stripe_customer#1"}, SubjectRow.version.does_not_exist()
    ),
    "an update": lambda: dynamodb.update(
        SubjectRow, ("stripe_customer#1",), [SubjectRow.version.set(2)], SubjectRow.version == 1
    ),
    "a deletion": lambda: dynamodb.delete(EntryRow, ("mdt_1", "entry#000001")),
    "a transaction": written,
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("code", "means"),
    [
        ("ConditionalCheckFailedException", Conflict),
        ("TransactionConflictException", Conflict),
        ("TransactionInProgressException", Conflict),
        ("ProvisionedThroughputExceededException", StoreError),
        ("ThrottlingException", StoreError),
        ("ValidationException", StoreError),
    ],
)
def test_what_a_refusal_means(
    monkeypatch: pytest.MonkeyPatch, write: str, code: str, means: type[Exception]
) -> None:
    answering(monkeypatch, refused(code))
    with pytest.raises(means):
        WRITES[write]()


@pytest.mark.parametrize(
    ("codes", "means"),
    [
        (["None", "ConditionalCheckFailed"], Conflict),
        (["TransactionConflict", "None"], Conflict),
        (["ThrottlingError", "ProvisionedThroughputExceeded"], Conflict),
        (["ConditionalCheckFailed", "ValidationError"], StoreError),
        (["ItemCollectionSizeLimitExceeded"], StoreError),
    ],
)
def test_a_cancelled_transaction_is_tried_again_only_if_that_may_help(
    monkeypatch: pytest.MonkeyPatch, codes: Sequence[str], means: type[Exception]
) -> None:
    answering(monkeypatch, refused("TransactionCanceledException", [{"Code": code} for code in codes]))
    with pytest.raises(means):
        written()


def test_a_dynamodb_out_of_reach_is_an_error_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any) -> Json:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    answering(monkeypatch, unreachable)
    with pytest.raises(StoreError, match=r"dynamodb\.us-east-1"):
        dynamodb.read_row(SubjectRow, "stripe_customer#1")
    dynamodb.open_connection(SubjectRow)  # nobody has asked for anything yet


def test_a_block_that_fails_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, lambda *_: {})

    def fail() -> None:
        with dynamodb.transaction() as writing:
            writing.put(SubjectRow, {"subject": "stripe_customer#1"}, None)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert client.asked == []


def test_an_item_is_written_as_pynamodb_writes_it() -> None:
    values: Json = {
        "event_id": "evt_1",
        "record": "event",
        "outcome": "quarantined",
        "created": 5,
        "recorded_at": "2026-11-01T12:00:00.000Z",
        "reason": None,
        "body": {"id": "evt_1"},
    }
    assert dynamodb.item_of(EventRow, values) == EventRow(**values).serialize()
    session: Json = {"subject": "checkout_session#cs_1", "mandates": {"mdt_1", "mdt_2"}}
    assert dynamodb.item_of(SessionRow, session) == SessionRow(**session).serialize()


def test_an_item_without_what_it_must_have_or_with_what_it_cant_have_is_not_written() -> None:
    subject = {"subject": "stripe_customer#1"}
    with pytest.raises(ValueError, match="needs subject"):
        dynamodb.item_of(SubjectRow, {"version": 1})
    with pytest.raises(ValueError, match="has no verson"):
        dynamodb.item_of(SubjectRow, {**subject, "verson": 1})


def test_all_of_a_transaction_goes_into_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, lambda *_: {})
    written()
    (asked,) = client.asked
    assert asked["TransactItems"] == [
        {
            "Put": {
                "TableName": "subjects",
                "Item": {"subject": {"S": "stripe_customer#1"}, "format": {"N": "1"}},
                "ConditionExpression": "attribute_not_exists (#0)",
                "ExpressionAttributeNames": {"#0": "version"},
            }
        },
        {
            "ConditionCheck": {
                "TableName": "mandates",
                "Key": {"mandate_id": {"S": "mdt_1"}, "record": {"S": "head"}},
                "ConditionExpression": "#0 = :0",
                "ExpressionAttributeNames": {"#0": "entries"},
                "ExpressionAttributeValues": {":0": {"N": "1"}},
            }
        },
    ]
