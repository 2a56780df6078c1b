"""The stream function: every ledger entry to the bus, at least once, in order, and withdrawals settled."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from jsonschema import Draft202012Validator, FormatChecker

from mandates import publishing
from mandates.core.ledger import first_broken
from mandates.core.outward import SOURCE
from mandates.publishing import entry_of
from mandates.store.mandates import read_ledger
from tests.component.world import ROOT, World
from tests.unit.test_outward import SCHEMA

BUS = "bus"
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


@pytest.fixture
def bus(world: World) -> Iterator[World]:
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    yield world
    for detail_type, detail in published(world):
        VALIDATOR.validate({"source": SOURCE, "detail-type": detail_type, "detail": detail})


def images(mandate_id: str) -> list[dict[str, Any]]:
    """All of a mandate's items, as DynamoDB holds and streams them."""
    answer: Any = boto3.client("dynamodb").query(
        TableName="mandates",
        KeyConditionExpression="mandate_id = :id",
        ExpressionAttributeValues={":id": {"S": mandate_id}},
    )
    return list(answer["Items"])


def stream_event(items: Sequence[Mapping[str, Any]], name: str = "INSERT") -> dict[str, Any]:
    """The records of a batch, numbered from 101 on."""
    return {
        "Records": [
            {
                "eventName": name,
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {key: item[key] for key in ("mandate_id", "record")},
                    "NewImage": item,
                    "SequenceNumber": str(number),
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, item in enumerate(items, start=101)
        ]
    }


def entry(
    mandate: str, number: int, *, status: str = "pending", kind: str = "setup_failed"
) -> dict[str, Any]:
    """The item of an entry, made up: mandates are named by a letter."""
    fact = {"kind": kind, "at": 1, "source": "evt_1", "ids": {}, "detail": {}}
    return {
        "mandate_id": {"S": f"mdt_{mandate * 24}"},
        "record": {"S": f"entry#{number:06}"},
        "number": {"N": str(number)},
        "recorded_at": {"S": "2026-11-01T00:00:00.000Z"},
        "source": {"S": "evt_1"},
        "facts": {"S": json.dumps([fact])},
        "status": {"S": status},
        "commitments": {"S": "{}"},
        "previous_hash": {"S": "0" * 64},
        "hash": {"S": "1" * 64},
    }


def revoked(mandate: str, number: int) -> dict[str, Any]:
    return entry(mandate, number, status="revoked", kind="detached")


def publish(world: World, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sequence numbers that the function reports."""
    answer = world.invoke("publish_changes", stream_event(items))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def published(world: World) -> list[tuple[str, dict[str, Any]]]:
    return [
        (event["DetailType"], json.loads(event["Detail"]))
        for call in put_calls(world)
        for event in call["Entries"]
    ]


def put_calls(world: World) -> list[Mapping[str, Any]]:
    return [call.parameters for call in world.calls if call.operation == "PutEvents"]


def who(world: World) -> list[str]:
    """What was published, such as `a1`: mandate a's entry 1."""
    return [f"{detail['mandate_id'][4]}{detail['ledger_number']}" for _, detail in published(world)]


def settling(world: World) -> list[str]:
    """The mandates in the Stripe work queue."""
    found: list[str] = []
    while messages := world.sqs.receive_message(QueueUrl=world.work_queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found += [json.loads(message["Body"])["mandate_id"] for message in messages]
    return found


class Refusing:
    """An EventBridge client that does not take some events: by letter and number, such as `a1`."""

    def __init__(self, refused: set[str], error: Exception | None = None) -> None:
        self.refused = refused
        self.error = error
        self.took: list[list[str]] = []

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.error:
            raise self.error
        details = [json.loads(event["Detail"]) for event in Entries]
        named = [f"{detail['mandate_id'][4]}{detail['ledger_number']}" for detail in details]
        self.took.append([name for name in named if name not in self.refused])
        results = [
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
            if name in self.refused
            else {"EventId": name}
            for name in named
        ]
        return {"FailedEntryCount": len(self.refused.intersection(named)), "Entries": results}


def refusing(world: World, *refused: str, error: Exception | None = None) -> Refusing:
    client = Refusing(set(refused), error)
    world.monkeypatch.setattr(world.function("publish_changes").publisher, "_events", client)
    return client


# ------------------------------------------------------------------------------------ what is published


def test_the_journey_of_a_mandate(bus: World) -> None:
    begun = bus.begun()
    bus.stripe.core.decline(begun["checkout_session_id"])
    bus.stripe.core.authorize(begun["checkout_session_id"])
    bus.run_webhooks()
    mandate = bus.get_mandate(begun["mandate_id"]).body
    bus.stripe.core.detach(mandate["payment_method_id"])
    bus.run_webhooks()

    assert publish(bus, images(begun["mandate_id"])) == []

    told = published(bus)
    ledger = read_ledger(begun["mandate_id"])
    assert [detail["ledger_number"] for _, detail in told] == list(range(1, len(ledger) + 1))
    assert [detail["entry_hash"] for _, detail in told] == [entry.hash for entry in ledger]
    types = [detail_type for detail_type, _ in told]
    assert types[:2] == ["mandate.consented", "mandate.checkout_opened"]
    assert {"mandate.setup_failed", "mandate.activated"} <= set(types)
    assert types[-1] == "mandate.withdrawn"
    activated = next(detail for detail_type, detail in told if detail_type == "mandate.activated")
    assert activated["stripe"]["payment_method"] == [mandate["payment_method_id"]]
    assert set(settling(bus)) == {begun["mandate_id"]}


def test_the_image_of_an_entry_is_read_as_the_store_reads_it(bus: World) -> None:
    begun = bus.begun()
    bus.stripe.core.authorize(begun["checkout_session_id"])
    bus.run_webhooks()
    found = [entry_of(item) for item in images(begun["mandate_id"]) if "number" in item]
    assert found == read_ledger(begun["mandate_id"])
    assert found[0].text
    assert found[0].commitments


def test_only_added_entries_are_published(bus: World) -> None:
    items = images(bus.begun()["mandate_id"])
    assert {item["record"]["S"].partition("#")[0] for item in items} == {"head", "entry", "personal"}
    assert publish(bus, [item for item in items if "number" not in item]) == []
    assert bus.invoke("publish_changes", stream_event(items, "MODIFY")) == {"batchItemFailures": []}
    assert published(bus) == []


def test_an_event_is_of_the_time_its_entry_was_recorded(bus: World) -> None:
    publish(bus, [entry("a", 1)])
    (call,) = put_calls(bus)
    assert call["Entries"][0]["Time"] == "2026-11-01T00:00:00.000Z"
    assert call["Entries"][0]["EventBusName"] == BUS


# -------------------------------------------------------------------------------------------- order


def test_one_transactions_entries_may_come_in_any_order(bus: World) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    publish(bus, [entry("a", 2), entry("b", 7), entry("a", 1), entry("a", 3), entry("b", 6)])
    assert who(bus) == ["a1", "b6", "a2", "a3", "b7"]


def test_no_call_has_two_entries_of_one_mandate(bus: World) -> None:
    """They would succeed or fail, and travel, each for itself."""
    publish(bus, [entry("a", 1), entry("b", 1), entry("a", 2), entry("c", 1), entry("c", 2)])
    calls = [
        [json.loads(event["Detail"])["mandate_id"] for event in call["Entries"]] for call in put_calls(bus)
    ]
    assert all(len(call) == len(set(call)) for call in calls)
    assert [len(call) for call in calls] == [2, 2, 1]


def test_a_call_takes_ten(bus: World) -> None:
    letters = "abcdefghijklmnopqrstuvw"
    publish(bus, [entry(letter, 1) for letter in letters])
    assert [len(call["Entries"]) for call in put_calls(bus)] == [10, 10, 3]


def test_a_call_is_no_larger_than_eventbridge_takes(bus: World) -> None:
    one = publishing.size_of(publishing.event_for(entry_of(entry("a", 1))))
    bus.monkeypatch.setattr(publishing, "MAX_BYTES_PER_CALL", 3 * one)
    publish(bus, [entry(letter, 1) for letter in "abcdefg"])
    assert [len(call["Entries"]) for call in put_calls(bus)] == [3, 3, 1]


# ------------------------------------------------------------------------------------------ failures

THREE_EACH = [entry(letter, number) for number in (1, 2, 3) for letter in "ab"]
"""101: a1, 102: b1, 103: a2, 104: b2, 105: a3, 106: b3."""


@pytest.mark.parametrize(
    ("refused", "taken", "resume_at"),
    [
        ("a1", [["b1"]], "101"),
        ("b1", [["a1"]], "102"),
        ("b2", [["a1", "b1"], ["a2"]], "104"),
        ("a3", [["a1", "b1"], ["a2", "b2"], ["b3"]], "105"),
    ],
)
def test_nothing_goes_out_after_an_event_that_was_refused(
    bus: World, refused: str, taken: list[list[str]], resume_at: str
) -> None:
    client = refusing(bus, refused)
    assert publish(bus, THREE_EACH) == [resume_at]
    assert client.took == taken


@pytest.mark.parametrize("refused", ["".join(one) for one in itertools.product("ab", "123")])
def test_lambda_handing_over_the_rest_publishes_all_in_order(bus: World, refused: str) -> None:
    client = refusing(bus, refused)
    (resume_at,) = publish(bus, THREE_EACH)
    client.refused = set()
    assert publish(bus, THREE_EACH[int(resume_at) - 101 :]) == []
    taken = list(itertools.chain.from_iterable(client.took))
    assert set(taken) == {f"{letter}{number}" for letter in "ab" for number in (1, 2, 3)}
    for letter in "ab":
        firsts = list(dict.fromkeys(name for name in taken if name[0] == letter))
        assert firsts == sorted(firsts)


def test_the_lowest_number_is_reported_also_where_the_stream_had_them_out_of_order(bus: World) -> None:
    client = refusing(bus, "a2")
    assert publish(bus, [entry("a", 2), entry("a", 1), entry("b", 1)]) == ["101"]
    assert client.took == [["a1"], ["b1"]]


def test_sequence_numbers_are_compared_as_numbers(bus: World) -> None:
    refusing(bus, "a1", "b1")
    event = stream_event([entry("a", 1), entry("b", 1)])
    for record, number in zip(event["Records"], ("99", "100"), strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    assert bus.invoke("publish_changes", event) == {"batchItemFailures": [{"itemIdentifier": "99"}]}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalException", "Message": "x"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
    ids=["answered", "unanswered"],
)
def test_an_outage_of_the_bus_leaves_all_to_be_handed_over_again(bus: World, error: Exception) -> None:
    refusing(bus, error=error)
    assert publish(bus, THREE_EACH) == ["101"]


def test_an_entry_that_cannot_be_read_fails_the_batch(bus: World) -> None:
    """Lambda then halves it, until the neighbours are published and that one stands alone."""
    unreadable = entry("b", 1)
    del unreadable["hash"]
    with pytest.raises(KeyError):
        publish(bus, [entry("a", 1), unreadable])
    assert put_calls(bus) == []


# ---------------------------------------------------------------------------------------- withdrawals


def test_a_withdrawn_mandate_is_to_be_settled_before_anybody_hears_of_it(bus: World) -> None:
    publish(bus, [entry("a", 1), revoked("b", 4), revoked("c", 2)])
    operations = [call.operation for call in bus.calls if call.function == "publish_changes"]
    assert operations == ["SendMessage", "SendMessage", "PutEvents"]
    assert settling(bus) == [f"mdt_{letter * 24}" for letter in "bc"]


def test_every_entry_of_a_withdrawn_mandate_asks_again(bus: World) -> None:
    """A set-up that succeeds on a withdrawn mandate has to be detached, too."""
    publish(bus, [revoked("a", 3), entry("a", 4, status="revoked", kind="setup_succeeded")])
    assert len(settling(bus)) == 2


def test_without_a_withdrawal_nothing_is_queued(bus: World) -> None:
    publish(bus, THREE_EACH)
    assert settling(bus) == []


def test_what_the_work_queue_does_not_take_is_not_published(bus: World) -> None:
    class Full:
        def send_message(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "InternalError", "Message": "x"}}, "SendMessage")

    bus.monkeypatch.setattr(bus.function("publish_changes").publisher, "_sqs", Full())
    assert publish(bus, [entry("a", 1), entry("a", 2), revoked("a", 3), entry("b", 1)]) == ["103"]
    assert who(bus) == ["a1", "a2"]


def test_it_is_queued_again_when_the_bus_refused(bus: World) -> None:
    """At least once: to settle twice does no harm, never to settle would leave it attached."""
    client = refusing(bus, "a1")
    assert publish(bus, [revoked("a", 1)]) == ["101"]
    client.refused = set()
    assert publish(bus, [revoked("a", 1)]) == []
    assert len(settling(bus)) == 2


# ------------------------------------------------------------------------------------------- samples


def test_the_samples_are_a_ledger(bus: World) -> None:
    records = [
        record
        for name in ("activated", "withdrawn")
        for record in json.loads((ROOT / "events" / "publish_changes" / f"{name}.json").read_text())[
            "Records"
        ]
    ]
    ledger = [entry_of(record["dynamodb"]["NewImage"]) for record in records]
    assert first_broken(ledger, length=5, head_hash=ledger[-1].hash) is None
    assert publish(bus, [record["dynamodb"]["NewImage"] for record in records]) == []
    assert [detail_type for detail_type, _ in published(bus)] == [
        "mandate.consented",
        "mandate.checkout_opened",
        "mandate.checkout_completed",
        "mandate.activated",
        "mandate.withdrawn",
    ]
