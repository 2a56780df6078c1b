"""`python -m ops unpublished`: entries that were refused for good, or given up, are sent once they can be."""

import json
from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mandates.runtime.queues import Queue
from ops import queues, unpublished
from ops.existing_tables import TABLES, store_name
from ops.stack import Stack
from tests.component.operating import main
from tests.component.test_publish_changes import BUS, Refusing, entry, images, publish, refusing, stream_event
from tests.component.test_publish_charges import entries, head_key, two_charges
from tests.component.test_publish_charges import publish as publish_charges
from tests.component.world import World

pytestmark = pytest.mark.moto

Printed = pytest.CaptureFixture[str]
TABLE = "streamed"


class Events(Refusing):
    """The bus as an operator's client sees it."""


@pytest.fixture
def bus(world: World, monkeypatch: pytest.MonkeyPatch) -> Events:
    world.environment["EVENT_BUS_NAME"] = BUS
    outputs: dict[str, str] = {
        "UnpublishedEntriesUrl": world.unpublished_url,
        "UnpublishedChargesUrl": world.unpublished_charges_url,
        "StripeWorkQueueUrl": world.work_queue_url,
        "OutwardBusName": BUS,
        **{table: store_name(table) for table in TABLES},
    }
    monkeypatch.setattr(Stack, "outputs", outputs)
    client = Events(set(), None, "MalformedDetail")
    make = boto3.client

    def made(service: str) -> Any:
        return client if service == "events" else make(service)  # type: ignore[call-overload]

    monkeypatch.setattr("ops.unpublished.boto3.client", made)
    return client


def left(world: World) -> int:
    return queues.depth(world.sqs, world.unpublished_url)


def set_aside(world: World, mandate_id: str) -> None:
    """All of a mandate's entries, by the real function."""
    refused = {f"{mandate_id[4]}{number}" for number in range(1, 20)}
    refusing(world, *refused, code="MalformedDetail")
    assert publish(world, images(mandate_id)) == []


def test_what_was_set_aside_is_published_from_the_ledger(world: World, bus: Events, capsys: Printed) -> None:
    mandate_id = world.begun()["mandate_id"]
    world.revoke(mandate_id)
    set_aside(world, mandate_id)
    assert left(world) == 3
    for _ in range(2):
        assert main(["unpublished", "list"]) == 0
        printed = capsys.readouterr().out
        assert f"{mandate_id} entry#000003  MalformedDetail no" in printed
        assert "3 shown, about 3 there" in printed
    assert main(["unpublished", "publish"]) == 0
    assert "3 of 3 published" in capsys.readouterr().out
    assert sorted(name for call in bus.took for name in call) == [f"{mandate_id[4]}{n}" for n in (1, 2, 3)]
    assert left(world) == 0
    assert [json.loads(body) for body in world.waiting(world.work_queue_url)] == [
        {"format": 1, "kind": "release", "mandate_id": mandate_id}
    ]


def test_what_is_refused_again_stays_and_is_not_set_aside_twice(
    world: World, bus: Events, capsys: Printed
) -> None:
    mandate_id = world.begun()["mandate_id"]
    set_aside(world, mandate_id)
    bus.refused = {f"{mandate_id[4]}1"}
    assert main(["unpublished", "publish"]) == 1
    said = capsys.readouterr()
    assert "1 of 2 published" in said.out
    assert "left here, entry#000001 is refused again (MalformedDetail no)" in said.err
    assert left(world) == 1
    bus.refused = set()
    assert main(["unpublished", "publish"]) == 0
    assert left(world) == 0


@pytest.mark.parametrize("down", ["bus", "work queue"])
def test_nothing_is_deleted_that_did_not_go_out(
    world: World, bus: Events, down: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id = world.begun()["mandate_id"]
    world.revoke(mandate_id)
    set_aside(world, mandate_id)
    if down == "bus":
        bus.error = ClientError({"Error": {"Code": "ThrottlingException", "Message": "x"}}, "PutEvents")
    else:
        monkeypatch.setattr(Queue, "send", lambda _, messages: 0)
    assert main(["unpublished", "publish"]) == 1
    said = capsys.readouterr()
    assert ("for now" if down == "bus" else "did not accept it") in said.err
    assert left(world) == (3 if down == "bus" else 1)


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        '"DDBStreamBatchInfo"',
        '{"DDBStreamBatchInfo": 7}',
        '{"mandate_id": 7, "record": "entry#000001", "code": "", "message": ""}',
        '{"mandate_id": "mdt_none", "record": "entry#000001", "code": "\\u001b[2J", "message": ""}',
    ],
)
def test_what_tells_of_no_entry_stays_and_is_harmless_to_print(
    world: World, bus: Events, body: str, capsys: Printed
) -> None:
    world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=body)
    assert main(["unpublished", "list"]) == 0
    assert main(["unpublished", "publish"]) == 1
    said = capsys.readouterr()
    assert "left here, t" in said.err  # there is no such entry; this is about no entry
    assert "\x1b" not in said.out + said.err
    assert left(world) == 1


# ----------------------------------------------------------------------------- given up by Lambda


def streamed(items: Sequence[dict[str, Any]], function: str = "PublishChanges") -> dict[str, Any]:
    """The items go through a real stream; Lambda's message about all but the first and the last of them."""
    dynamodb, streams = boto3.client("dynamodb"), boto3.client("dynamodbstreams")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "mandate_id", "KeyType": "HASH"},
            {"AttributeName": "record", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "mandate_id", "AttributeType": "S"},
            {"AttributeName": "record", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    for item in items:
        dynamodb.put_item(TableName=TABLE, Item=item)
    arn = dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    numbers = [
        record["dynamodb"]["SequenceNumber"]
        for record in streams.get_records(ShardIterator=iterator)["Records"]
    ]
    functions = "arn:aws:lambda:us-east-1:123456789012:function"
    return {
        "requestContext": {
            "condition": "RecordAgeExceededMaximumAge",
            "functionArn": f"{functions}:mandates-dev-{function}-1A2B3C:live",
        },
        "DDBStreamBatchInfo": {
            "shardId": shard["ShardId"],
            "startSequenceNumber": numbers[1],
            "endSequenceNumber": numbers[-2],
            "batchSize": len(numbers) - 2,
            "streamArn": arn,
        },
    }


def test_what_lambda_gave_up_is_published_from_the_stream(world: World, bus: Events, capsys: Printed) -> None:
    head = {**entry("b", 1), "record": {"S": "head"}}
    message = streamed(
        [entry("a", 1), entry("b", 1), head, entry("c", 1, status="revoked"), entry("d", 1), entry("e", 1)]
    )
    world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=json.dumps(message))
    assert main(["unpublished", "list"]) == 0
    assert "4 entries of " in capsys.readouterr().out
    assert main(["unpublished", "publish"]) == 0
    assert bus.took == [["b1", "c1", "d1"]]
    assert [json.loads(body)["mandate_id"][4] for body in world.waiting(world.work_queue_url)] == ["c"]
    assert left(world) == 0


def test_of_withdrawals_that_were_given_up_the_bus_hears_nothing_again(
    world: World, bus: Events, capsys: Printed
) -> None:
    """What lies between two of them has been published long ago."""
    between = [entry("b", 1, status="revoked"), entry("c", 1), entry("d", 1, status="revoked")]
    message = streamed([entry("a", 1), *between, entry("e", 1)], function="QueueWithdrawals")
    world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=json.dumps(message))
    assert main(["unpublished", "list"]) == 0
    assert "3 withdrawals of " in capsys.readouterr().out
    assert main(["unpublished", "publish"]) == 0
    assert bus.took == []
    asked = [json.loads(body)["mandate_id"][4] for body in world.waiting(world.work_queue_url)]
    assert sorted(asked) == ["b", "d"]
    assert left(world) == 0


def test_an_open_shard_is_read_no_further_than_the_part(
    world: World, bus: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its iterator has no end, and there may be nothing behind the part for hours."""

    class Open:
        asked = 0

        def get_shard_iterator(self, **_: Any) -> dict[str, str]:
            return {"ShardIterator": "1"}

        def get_records(self, **_: Any) -> dict[str, Any]:
            self.asked += 1
            assert self.asked <= 2, "it goes on asking"
            records = stream_event([entry("a", 1), entry("b", 1)])["Records"] if self.asked == 2 else []
            return {"Records": records, "NextShardIterator": "1"}

    monkeypatch.setattr("ops.unpublished.boto3.client", lambda _: Open())
    part = unpublished.PartOfStream("arn", "shard", "101", "102", 2, "PublishChanges")
    assert [one["dynamodb"]["SequenceNumber"] for one in unpublished.of_stream(part)] == ["101", "102"]


def test_what_the_stream_has_no_more_stays(world: World, bus: Events, capsys: Printed) -> None:
    message = streamed([entry("a", 1), entry("b", 1), entry("c", 1)])
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=json.dumps(message))
    assert main(["unpublished", "publish"]) == 1
    assert "the stream no longer has it" in capsys.readouterr().err
    assert left(world) == 1


@pytest.mark.parametrize("of", [[], ["--charges"]], ids=["mandates", "charges"])
def test_only_the_message_that_is_named_is_dismissed(
    world: World, bus: Events, of: list[str], capsys: Printed
) -> None:
    url = world.unpublished_charges_url if of else world.unpublished_url
    told = {
        "format": 1,
        "mandate_id": "mdt_x",
        "sequence_number": "1",
        "code": "Unreadable",
        "message": "NoHead",
    }
    one, _ = (
        world.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({**told, "record": f"entry#{number}"}))
        for number in (1, 2)
    )
    assert main(["unpublished", "list", *of]) == 0
    assert f"entry#1  Unreadable NoHead  message {one['MessageId']}" in capsys.readouterr().out
    assert main(["unpublished", "dismiss", one["MessageId"], *of]) == 0
    assert "dismissed  mdt_x entry#1" in capsys.readouterr().out
    assert main(["unpublished", "dismiss", one["MessageId"], *of]) == 1
    assert "there is no message" in capsys.readouterr().err
    (left_there,) = world.waiting(url)
    assert json.loads(left_there)["record"] == "entry#2"
    assert bus.took == []


# -------------------------------------------------------------------------------------- charges


def test_what_was_set_aside_of_charges_is_published_from_their_table(
    world: World, bus: Events, capsys: Printed
) -> None:
    """Once the head is there again. Nothing is asked of Stripe, and the other queue is left alone."""
    one, _ = two_charges()
    client = boto3.client("dynamodb")
    head = client.get_item(TableName="charges", Key=head_key(one))["Item"]
    client.delete_item(TableName="charges", Key=head_key(one))
    assert publish_charges(world, entries(one)) == []
    assert main(["unpublished", "list"]) == 0
    assert "0 shown" in capsys.readouterr().out
    assert main(["unpublished", "list", "--charges"]) == 0
    assert f"{one.mandate_id} entry#{one.charge_id}#000004  Unreadable NoHead" in capsys.readouterr().out
    assert main(["unpublished", "publish", "--charges"]) == 1
    assert "is refused again (Unreadable NoHead)" in capsys.readouterr().err
    client.put_item(TableName="charges", Item=head)
    assert main(["unpublished", "publish", "--charges"]) == 0
    assert "4 of 4 published" in capsys.readouterr().out
    assert sorted(name[1:] for call in bus.took for name in call) == ["1", "2", "3", "4"]
    assert world.waiting(world.unpublished_charges_url) == world.waiting(world.work_queue_url) == []


def test_what_lambda_gave_up_of_charges_is_published_from_the_stream(
    world: World, bus: Events, capsys: Printed
) -> None:
    one, other = two_charges()
    message = streamed([*entries(one), *entries(other)], function="PublishCharges")
    world.sqs.send_message(QueueUrl=world.unpublished_charges_url, MessageBody=json.dumps(message))
    assert main(["unpublished", "publish", "--charges"]) == 0
    assert sorted(name[1:] for call in bus.took for name in call) == ["1", "2", "3", "4"]
