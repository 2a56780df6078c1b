"""Every entry of a charge goes to the bus with what its head says; what can't be told holds up nothing.

What holds for every chain is in test_publish_changes.py.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mandates.charges.charge_chains import ChargeChains
from mandates.core.charging.facts import ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.outward import SOURCE
from mandates.ledger import publishing
from mandates.ledger.stream import added_entries
from mandates.runtime.queues import Queue
from mandates.store import dynamodb
from mandates.store.charge_stream import charge_entry_in
from mandates.store.charges import read_charge_ledger
from tests.component.charging import active_mandate, begun, reserved, told, with_intent
from tests.component.test_publish_changes import BUS, Refusing, published, stream_event
from tests.component.world import World, metrics
from tests.unit.charging import NOW, terms
from tests.unit.test_charge_outward import VALIDATOR

Item = dict[str, Any]


@pytest.fixture
def bus(world: World) -> Iterator[World]:
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    yield world
    for detail_type, detail in published(world):
        VALIDATOR.validate({"source": SOURCE, "detail-type": detail_type, "detail": detail})


def two_charges() -> tuple[Charge, Charge]:
    """Of one mandate: one that succeeded, with four entries, and one that ended before any attempt, with
    two."""
    mandate_id = active_mandate(terms())
    one = begun(with_intent(reserved(mandate_id, NOW, "one").charge), 1)
    one = told(one, charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, NOW, "evt_1", attempt=1, charge="ch_1"))
    other = reserved(mandate_id, NOW, "other", reference="order-42").charge
    return one, told(other, charge_fact(ChargeKind.ENDING, NOW, "api:x", reason=EndReason.NOT_PERMITTED))


def items(prefix: str = "") -> list[Item]:
    """All of the table, as DynamoDB holds and streams it."""
    found: Any = boto3.client("dynamodb").scan(TableName="charges")["Items"]
    return [item for item in found if item["record"]["S"].startswith(prefix)]


def entries(*charges: Charge) -> list[Item]:
    """Their entries, one charge's after the other's."""
    return [item for charge in charges for item in items(f"entry#{charge.charge_id}#")]


def publish(world: World, of: Sequence[Item]) -> list[str]:
    answer = world.invoke("publish_charges", stream_event(of))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def numbers(world: World, charge: Charge) -> list[int]:
    return [detail["number"] for _, detail in published(world) if detail["charge_id"] == charge.charge_id]


def aside(world: World) -> list[tuple[str, str]]:
    """The sort keys and messages of what is in the queue of unpublished charges."""
    told_of = [json.loads(body) for body in world.waiting(world.unpublished_charges_url)]
    assert {one["code"] for one in told_of} <= {publishing.UNREADABLE}
    return [(one["record"], one["message"]) for one in told_of]


def head_key(charge: Charge) -> Item:
    return {"mandate_id": {"S": charge.mandate_id}, "record": {"S": f"charge#{charge.charge_id}"}}


def alter_head(charge: Charge, **attributes: Item) -> None:
    client = boto3.client("dynamodb")
    head = client.get_item(TableName="charges", Key=head_key(charge))["Item"]
    client.put_item(TableName="charges", Item={**head, **attributes})


def test_the_journey_of_two_charges(bus: World) -> None:
    one, other = two_charges()
    batch = [item for item in items() if item["record"]["S"].startswith(("charge#", "entry#", "open#"))]
    found = metrics(lambda: publish(bus, batch))  # only entries count
    assert found == {
        "ChargeEntriesPublished": [1.0] * 6,
        "ChargesSucceeded": [1.0],
        "ChargesFailed": [1.0],
    }
    said = {
        charge.charge_id: [word for word, detail in published(bus) if detail["charge_id"] == charge.charge_id]
        for charge in (one, other)
    }
    assert said == {
        one.charge_id: ["charge.created", "charge.changed", "charge.attempted", "charge.succeeded"],
        other.charge_id: ["charge.created", "charge.failed"],
    }
    hashes = [detail["entry_hash"] for _, detail in published(bus) if detail["charge_id"] == one.charge_id]
    assert hashes == [entry.hash for entry in read_charge_ledger(one.charge_id)]
    failed = next(detail for word, detail in published(bus) if word == "charge.failed")
    assert (failed["amount"], failed["currency"], failed["reasons"]) == (1_000, "usd", ["not_permitted"])
    assert failed["reference_sha256"] == hashlib.sha256(b"order-42").hexdigest()


def test_a_batch_reads_the_heads_of_its_charges_in_one_request(bus: World) -> None:
    batch = entries(*two_charges())
    bus.function("publish_charges")  # opens its connection
    bus.calls.clear()
    publish(bus, batch)
    (read,) = (call for call in bus.calls if call.service == "dynamodb")
    assert len(read.parameters["RequestItems"]["charges"]["Keys"]) == 2


def test_the_image_of_an_entry_is_read_as_the_store_reads_it(world: World) -> None:
    for charge in two_charges():
        assert [charge_entry_in(item) for item in entries(charge)] == read_charge_ledger(charge.charge_id)


def test_each_charge_is_in_order_and_no_call_has_two_of_its_entries(bus: World) -> None:
    """Two charges of one mandate may share a call: each is a chain of its own."""
    one, other = two_charges()
    publish(bus, [*reversed(entries(one)), *reversed(entries(other))])
    assert (numbers(bus, one), numbers(bus, other)) == ([1, 2, 3, 4], [1, 2])
    calls = [
        [json.loads(event["Detail"])["charge_id"] for event in call.parameters["Entries"]]
        for call in bus.calls
        if call.operation == "PutEvents"
    ]
    assert all(len(call) == len(set(call)) for call in calls)
    assert [len(call) for call in calls] == [2, 2, 1, 1]


def test_after_an_entry_that_has_to_wait_nothing_goes_out(bus: World) -> None:
    class Busy(Refusing):
        def put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
            details = [json.loads(event["Detail"]) for event in Entries]
            late = [detail["charge_id"] == one.charge_id and detail["number"] == 3 for detail in details]
            sent.extend(detail["number"] for detail, waits in zip(details, late, strict=True) if not waits)
            return {"Entries": [{"ErrorCode": "ThrottlingException"} if waits else {} for waits in late]}

    one, other = two_charges()
    sent: list[int] = []
    function = bus.function("publish_charges")
    aside_queue = Queue(boto3.client("sqs"), bus.unpublished_charges_url)
    publisher = publishing.Publisher(ChargeChains(), Busy(set(), None, ""), BUS, aside_queue)
    bus.monkeypatch.setattr(function, "publisher", publisher)
    assert publish(bus, entries(one, other)) == ["103"]
    assert sent == [1, 1, 2, 2]


# ---------------------------------------------------------------------------------------- heads


def test_a_head_that_is_not_there_holds_up_no_other_charge(bus: World) -> None:
    """The table was restored to an earlier time, or somebody deleted it."""
    one, other = two_charges()
    boto3.client("dynamodb").delete_item(TableName="charges", Key=head_key(one))
    assert publish(bus, entries(one, other)) == []
    assert aside(bus) == [(item["record"]["S"], "NoHead") for item in entries(one)]
    assert (numbers(bus, one), numbers(bus, other)) == ([], [1, 2])


@pytest.mark.parametrize(
    "spoilt",
    [
        {"facts": {"S": "{}"}},
        {"facts": {"S": '{"reserved": 7}'}},
        {"format": {"N": "0"}},
        {"entries": {"S": "x"}},
    ],
    ids=str,
)
def test_a_head_that_cannot_be_read_holds_up_no_other_charge(bus: World, spoilt: Item) -> None:
    one, other = two_charges()
    alter_head(one, **spoilt)
    assert publish(bus, entries(one, other)) == []
    assert [record for record, _ in aside(bus)] == [item["record"]["S"] for item in entries(one)]
    assert (numbers(bus, one), numbers(bus, other)) == ([], [1, 2])


def test_an_erased_reference_is_told_as_null(bus: World) -> None:
    one, _ = two_charges()
    alter_head(one, personal={"S": "{}"})
    assert publish(bus, entries(one)) == []
    assert {detail["reference_sha256"] for _, detail in published(bus)} == {None}


def test_while_dynamodb_is_out_of_reach_all_waits(bus: World) -> None:
    batch = entries(*two_charges())
    function = bus.function("publish_charges")
    error = ClientError({"Error": {"Code": "InternalServerError", "Message": "x"}}, "BatchGetItem")

    def down(**_: Any) -> None:
        raise error

    with bus.monkeypatch.context() as outage:
        outage.setattr(dynamodb.dynamodb_client(), "batch_get_item", down)
        assert publish(bus, batch) == ["101"]
    assert aside(bus) == []
    assert published(bus) == []
    assert publish(bus, batch) == []
    assert function.publisher


# ---------------------------------------------------------------------------------------- entries


def test_what_a_later_release_wrote_waits_and_is_not_overtaken(bus: World) -> None:
    """An entry, or a head: its charge waits, and so do those behind it."""
    one, other = two_charges()
    batch = entries(other, one)
    batch[3] = {**batch[3], "format": {"N": "2"}}
    assert publish(bus, batch) == ["103"]
    alter_head(one, format={"N": "2"})
    assert publish(bus, entries(one, other)) == ["101"]
    assert (numbers(bus, one), numbers(bus, other)) == ([], [1, 2])
    assert aside(bus) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"facts": {"S": "{"}},
        {"hash": None},
        {"recorded_at": {"N": "7"}},
        {"number": {"N": "9"}},  # it is under the key of another
        {"charge_id": {"S": f"chg_{'z' * 24}_{'z' * 16}"}},
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_read_is_set_aside(bus: World, spoilt: dict[str, Item | None]) -> None:
    one, _ = two_charges()
    batch = entries(one)
    altered = {**batch[1], **spoilt}
    batch[1] = {name: value for name, value in altered.items() if value is not None}
    assert publish(bus, batch) == []
    assert [record for record, _ in aside(bus)] == [batch[1]["record"]["S"]]
    assert numbers(bus, one) == [1, 3, 4]


@pytest.mark.parametrize("record", ["entry#", "entry#x", "entry##000001", "entry#chg_x#000001"])
def test_what_is_under_no_entrys_key_is_set_aside(bus: World, record: str) -> None:
    one, _ = two_charges()
    stray = {**entries(one)[0], "record": {"S": record}}
    assert publish(bus, [stray, *entries(one)]) == []
    assert [found for found, _ in aside(bus)] == [record]
    assert numbers(bus, one) == [1, 2, 3, 4]


def test_an_entry_in_another_mandates_partition_has_no_head_there(bus: World) -> None:
    one, _ = two_charges()
    moved = {**entries(one)[0], "mandate_id": {"S": f"mdt_{'z' * 24}"}}
    assert publish(bus, [moved]) == []
    assert aside(bus) == [(moved["record"]["S"], "NoHead")]


def test_a_chain_is_a_charges_and_not_its_mandates(world: World) -> None:
    one, other = two_charges()
    added = added_entries(stream_event(entries(one, other))["Records"])
    assert {ChargeChains().chain_of(entry) for entry in added} == {one.charge_id, other.charge_id}
