"""One message that can't be handled, among many that can: it ends alone, and the others never notice."""

import copy
import json
from collections import Counter
from itertools import batched
from typing import Any

import boto3
import pytest

from mandates.core.facts import Fact, Kind
from mandates.core.ledger import first_broken
from mandates.store.dynamodb import Transaction
from mandates.store.mandates import read_heads, read_ledger
from mandates.store.tables import EntryRow, EventRow
from tests.component.world import World

MAX_RECEIVES = 3
GOOD = 100
HALF_A_PAIR = "\ud800"


@pytest.fixture
def good(world: World) -> dict[str, list[dict[str, Any]]]:
    """A hundred good events, by mandate; nothing processed yet."""
    by_mandate: dict[str, list[dict[str, Any]]] = {}
    for number in range(4):
        opened = world.begun(f"customer-{number}")
        world.stripe.core.authorize(opened["checkout_session_id"])
        event = world.events("setup_intent.succeeded")[-1]
        world.deliver(event)
        (queued,) = world.queued()
        copies = GOOD // 4
        by_mandate[opened["mandate_id"]] = [
            {**queued, "id": f"evt_{number}_{copy_number}"} for copy_number in range(copies)
        ]
    return by_mandate


def changed(event: dict[str, Any], event_id: Any, **changes: Any) -> dict[str, Any]:
    """The event with other fields: of the envelope, or (as `object__name`) of the object in it."""
    odd = copy.deepcopy(event)
    odd["id"] = event_id
    for name, value in changes.items():
        place, _, inner = name.rpartition("__")
        (odd["data"]["object"] if place else odd)[inner] = value
    return odd


def unrecordable(event: dict[str, Any]) -> dict[str, str]:
    """Messages in which there is nothing to record: no JSON, no object, or no id that could be a key."""
    return {
        "not JSON": "not an event",
        "empty text": '""',
        "a list": "[]",
        "null": "null",
        "too deep": "[" * 100_000,
        "a number too long to read": '{"id": "evt_digits", "created": ' + "9" * 5_000 + "}",
        "huge and not JSON": "x" * 200_000,
        "no id": json.dumps({"type": event["type"]}),
        "an empty id": json.dumps(changed(event, "")),
        "a number for an id": json.dumps(changed(event, 7)),
        "an id that no key can be": json.dumps(changed(event, "evt_" + "x" * 3_000)),
        "an id that our own sources could have": json.dumps(changed(event, "api:revoke_mandate")),
        "an id that is no text": json.dumps(changed(event, "evt_" + HALF_A_PAIR)),
    }


def recordable(event: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """By event id: what has an id and still can't be applied, and the reason to be recorded."""
    metadata = event["data"]["object"]["metadata"]
    no_time = "unreadable: created is not a time"
    return {
        odd["id"]: (odd, reason)
        for odd, reason in (
            (changed(event, "evt_when", created="yesterday"), no_time),
            (changed(event, "evt_true", created=True), no_time),
            (changed(event, "evt_never", created=int("9" * 4_000)), no_time),
            (changed(event, "evt_before", created=-1), no_time),
            (changed(event, "evt_data", data=[1, 2]), "unreadable: it has no data.object"),
            (
                changed(event, "evt_types", object__payment_method_types={"0": "amazon_pay"}),
                "not for Amazon Pay",
            ),
            (changed(event, "evt_customer", object__customer=7), "data.object.customer is not an id"),
            (
                changed(event, "evt_method", object__payment_method=HALF_A_PAIR),
                "payment_method is not an id",
            ),
            (changed(event, "evt_long", object__payment_method="p" * 10_000), "payment_method is not an id"),
            (
                changed(event, "evt_turned", object__payment_method="pm_\u202e"),
                "payment_method is not an id",
            ),
            (
                changed(event, "evt_huge", object__metadata={**metadata, "mandate_id": "m" * 200_000}),
                "it carries our mark and no mandate id",
            ),
            (
                changed(event, "evt_half", object__metadata={**metadata, "mandate_id": HALF_A_PAIR}),
                "it carries our mark and no mandate id",
            ),
            (
                changed(event, "evt_nobodys", object__metadata={**metadata, "mandate_id": "mdt_none"}),
                "there is no mandate mdt_none",
            ),
        )
    }


def drained(world: World, bodies: list[str]) -> tuple[list[str], Counter[str]]:
    """Send the bodies and have the worker take them, batch by batch, as SQS and Lambda do, until the queue is
    empty. Returns the dead letters, and how often each body was received."""
    sqs = world.sqs
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
    queue = sqs.create_queue(
        QueueName="live", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"}
    )["QueueUrl"]
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    received: Counter[str] = Counter()
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        received.update(message["Body"] for message in messages)
        failed = set(world.process([message["Body"] for message in messages]))
        for number, message in enumerate(messages):
            if f"message-{number}" not in failed:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    letters: list[str] = []
    while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=600).get(
        "Messages"
    ):
        letters += [message["Body"] for message in messages]
    return letters, received


def assert_all_applied(by_mandate: dict[str, list[dict[str, Any]]]) -> None:
    for mandate_id, events in by_mandate.items():
        entries, head = read_ledger(mandate_id), read_heads([mandate_id])[mandate_id]
        sources = Counter(entry.source for entry in entries)
        assert {event["id"]: sources[event["id"]] for event in events} == {event["id"]: 1 for event in events}
        assert entries[-1].status == "active"
        assert first_broken(entries, length=head.entries, head_hash=head.head_hash) is None


def test_a_hundred_good_ones_around_every_kind_of_poison(
    world: World, good: dict[str, list[dict[str, Any]]]
) -> None:
    events = [event for of_one in good.values() for event in of_one]
    no_records, odd = unrecordable(events[0]), recordable(events[0])
    poison = [*no_records.values(), *(json.dumps(event) for event, _ in odd.values())]
    around = list(batched(map(json.dumps, events), len(events) // len(poison), strict=False))
    bodies = [body for some, bad in zip(around, poison, strict=False) for body in (*some, bad)]
    bodies += [body for some in around[len(poison) :] for body in some]
    letters, received = drained(world, bodies)
    assert sorted(letters) == sorted(no_records.values())
    assert {received[body] for body in no_records.values()} == {MAX_RECEIVES}
    assert {count for body, count in received.items() if body not in letters} == {1}
    assert_all_applied(good)
    # moto takes keys that DynamoDB refuses, and with them the whole batch's reading.
    asked = [call.parameters["RequestItems"] for call in world.calls if call.operation == "BatchGetItem"]
    keys = [key["event_id"] for items in asked if "events" in items for key in items["events"]["Keys"]]
    assert all(1 <= len(key["S"].encode()) <= 2_048 for key in keys)
    for event_id, (_, reason) in odd.items():
        row = EventRow.get(event_id, "event")
        assert row.outcome == "quarantined", event_id
        assert row.reason
        assert reason in row.reason
        assert len(json.dumps(row.body)) < 10_000


def test_what_was_kept_reads_the_same_again(world: World, good: dict[str, list[dict[str, Any]]]) -> None:
    event = next(iter(good.values()))[0]
    odd = recordable(event)
    assert world.process([one for one, _ in odd.values()]) == []
    kept = {event_id: EventRow.get(event_id, "event") for event_id in odd}
    assert world.process([row.body for row in kept.values()]) == []
    for event_id, row in kept.items():
        again = EventRow.get(event_id, "event")
        assert (again.outcome, again.reason, again.body) == ("quarantined", row.reason, row.body)


def test_a_mandate_whose_head_cant_be_read_holds_up_its_own_events_alone(
    world: World, good: dict[str, list[dict[str, Any]]]
) -> None:
    altered = next(iter(good))
    key = {"mandate_id": {"S": altered}, "record": {"S": "head"}}
    item = boto3.client("dynamodb").get_item(TableName="mandates", Key=key)["Item"]
    facts = item["facts"]["S"].replace("session_created", "of_a_later_version")
    boto3.client("dynamodb").put_item(TableName="mandates", Item={**item, "facts": {"S": facts}})
    batch = [of_one[0] for of_one in good.values()]
    assert world.process(batch) == ["message-0"]
    others = {mandate_id: of_one[:1] for mandate_id, of_one in good.items() if mandate_id != altered}
    assert_all_applied(others)
    boto3.client("dynamodb").put_item(TableName="mandates", Item=item)
    assert world.process(batch[:1]) == []
    assert_all_applied({mandate_id: of_one[:1] for mandate_id, of_one in good.items()})


def test_an_entry_that_cant_be_written_holds_up_none_of_the_same_mandate(
    world: World, good: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id, events = next(iter(good.items()))
    put = Transaction.put

    def refusing(writing: Transaction, kind: Any, values: Any, condition: Any) -> None:
        if kind is EntryRow and values["source"] == events[1]["id"]:
            raise ValueError("no item can hold this")
        put(writing, kind, values, condition)

    with monkeypatch.context() as refused:
        refused.setattr(Transaction, "put", refusing)
        assert world.process(events[:3]) == ["message-1"]
    assert_all_applied({mandate_id: [events[0], events[2]]})
    assert world.process(events[:3]) == []
    assert_all_applied({mandate_id: events[:3]})


def test_a_failure_code_of_no_text_is_not_believed(world: World) -> None:
    mandate_id = world.begun()["mandate_id"]
    head = read_heads([mandate_id])[mandate_id]
    failed = {
        "id": "evt_failed",
        "type": "setup_intent.setup_failed",
        "created": 1,
        "livemode": False,
        "data": {
            "object": {
                "id": head.setup_intent_id,
                "object": "setup_intent",
                "customer": head.stripe_customer_id,
                "metadata": {"mandate_id": mandate_id, "managed_by": "test-stack"},
                "last_setup_error": {"code": HALF_A_PAIR},
            }
        },
    }
    assert world.process([failed]) == []
    facts = read_heads([mandate_id])[mandate_id].facts
    assert isinstance(facts[Kind.SETUP_FAILED], Fact)
    assert facts[Kind.SETUP_FAILED].detail == {"code": "unknown"}


def test_an_id_that_no_key_can_be_is_refused_at_the_door(world: World) -> None:
    for event_id in ("", "evt_" + "x" * 300, "evt_" + HALF_A_PAIR):
        answer = world.post_webhook(json.dumps({"id": event_id, "type": "customer.deleted"}))
        assert (answer.status, answer.body["code"]) == (400, "invalid_event")
    assert world.queued() == []
