"""What is due is queued, and what is queued is looked at: once at a time, whatever stops the one before."""

import json
import time
from collections.abc import Sequence
from typing import Any

import boto3
import pytest

from mandates.charges.queueing import LEASE_SECONDS
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.head import Charge
from mandates.core.charging.messages import ADVANCE, DueMessage, read_due
from mandates.core.clock import Instant
from mandates.core.formats import NewerFormat
from mandates.store import charging_switch
from mandates.store.charges import DueCharge, due_charges, look_later
from ops.stack import Stack
from tests.component.advancing import Till, till_of
from tests.component.operating import main
from tests.component.test_revoking import DOWN
from tests.component.world import World, metrics, sqs_event, stripes_clock

CHARGE_ID = f"chg_{'a' * 24}_{'b' * 16}"


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def overdue(till: Till) -> str:
    """The id of a charge that was reserved three minutes ago."""
    stripes_clock.ahead = -180
    try:
        return till.reserve()
    finally:
        stripes_clock.ahead = 0


def queued(till: Till) -> list[str]:
    till.world.invoke("queue_due_charges", {})
    return till.world.waiting(till.world.charge_queue_url)


def work_on(till: Till, bodies: Sequence[str], received: int = 1) -> list[str]:
    """Which messages stay in the queue."""
    event = sqs_event(bodies)
    for record in event["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = str(received)
    answer = till.world.invoke("advance_charges", event)
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_a_charge_that_nobody_finished_is_queued_and_taken_to_its_end(till: Till) -> None:
    charge_id = overdue(till)
    due = till.read(charge_id).due_at
    [body] = queued(till)
    message = read_due(body)
    assert message
    assert (message.charge_id, message.due_at) == (charge_id, due)
    assert work_on(till, [body]) == []
    assert (till.read(charge_id).status, till.taken) == (ChargeStatus.SUCCEEDED, [1_000])
    assert queued(till) == []


def test_what_is_queued_is_not_queued_again_until_its_lease_ends(till: Till) -> None:
    charge_id = overdue(till)
    assert len(queued(till)) == 1
    assert queued(till) == []
    due = till.read(charge_id).due_at
    assert due
    assert due - time.time() == pytest.approx(LEASE_SECONDS, abs=5)
    assert [one.charge_id for one in due_charges(due, 10)] == [charge_id]


def test_a_message_whose_charge_somebody_looked_at_is_dropped(till: Till) -> None:
    charge_id = overdue(till)
    [body] = queued(till)
    due = till.read(charge_id).due_at
    assert due
    look_later(DueCharge(charge_id, due), due + 1)
    assert work_on(till, [body]) == []
    assert till.sent("/payment_intents") == []


def test_a_message_of_a_charge_that_is_over_or_unknown_is_dropped(till: Till) -> None:
    charge_id = overdue(till)
    [body] = queued(till)
    till.advance(charge_id)
    unknown = DueMessage(CHARGE_ID, 1, 2).text
    sent = len(till.world.stripe.core.requests())
    assert work_on(till, [body, unknown]) == []
    assert len(till.world.stripe.core.requests()) == sent


def test_a_queue_that_refuses_leaves_the_charge_due(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    charge_id = overdue(till)
    due = till.read(charge_id).due_at

    class Down:
        def send(self, _messages: Sequence[str]) -> int:
            raise ConnectionError

    class Full:
        def send(self, _messages: Sequence[str]) -> int:
            return 0

    function = till.world.function("queue_due_charges")
    with monkeypatch.context() as patch:
        patch.setattr(function, "queue", Down())
        with pytest.raises(ConnectionError):
            till.world.invoke("queue_due_charges", {})
        assert till.read(charge_id).due_at == due
        patch.setattr(function, "queue", Full())
        assert till.world.invoke("queue_due_charges", {}) == {"due": 1, "queued": 0}
        assert till.read(charge_id).due_at == due
    assert len(queued(till)) == 1


def test_an_outage_puts_off_and_tells_for_how_long(till: Till) -> None:
    charge_id = overdue(till)
    due = till.read(charge_id).due_at
    assert due
    [body] = queued(till)
    till.world.faults(DOWN)
    seen = metrics(lambda: work_on(till, [body]))
    assert seen["ChargesNotAdvanced"] == [1.0]
    assert seen["ChargesOverdueFor"][0] == pytest.approx(time.time() - due, abs=10)
    for received in (2, 10, 5_000):
        assert work_on(till, [body], received) == ["message-0"]
    assert till.world.waiting(till.world.charge_dead_letters_url) == []
    till.world.faults()
    assert work_on(till, [body]) == []
    assert till.read(charge_id).status is ChargeStatus.SUCCEEDED


def test_one_that_fails_does_not_stop_its_neighbours(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fine = overdue(till), overdue(till)
    messages = [DueMessage(one, 1, int(time.time()) + 60).text for one in (broken, fine)]
    function = till.world.function("advance_charges")
    real = function.advance_if_due

    def advance(message: DueMessage, charging: Any) -> Charge | None:
        if message.charge_id == broken:
            raise KeyError("a charge of a later version")
        found: Charge | None = real(message, charging)
        return found

    monkeypatch.setattr(function, "advance_if_due", advance)
    assert work_on(till, ["poison", *messages]) == ["message-1"]
    assert till.read(fine).status is ChargeStatus.SUCCEEDED
    assert till.world.waiting(till.world.charge_dead_letters_url) == ["poison"]


def test_a_charge_of_a_later_version_stops_no_other(till: Till) -> None:
    newer, fine = overdue(till), overdue(till)
    record = {"mandate_id": till.mandate_id, "record": f"charge#{newer}"}
    boto3.resource("dynamodb").Table("charges").update_item(
        Key=record,
        UpdateExpression="SET #format = :newer",
        ExpressionAttributeNames={"#format": "format"},
        ExpressionAttributeValues={":newer": 99},
    )
    bodies = queued(till)
    assert len(bodies) == 2
    assert len(work_on(till, bodies)) == 1
    assert till.read(fine).status is ChargeStatus.SUCCEEDED


def test_a_pause_and_the_longest_wait_are_reported_every_minute(till: Till) -> None:
    idle = metrics(lambda: till.world.invoke("queue_due_charges", {}))
    assert idle == {"ChargesOverdueFor": [0.0], "ChargesQueued": [0.0], "ChargingPaused": [0.0]}
    due = till.read(overdue(till)).due_at
    assert due
    charging_switch.pause("ann", "checking", Instant(time.time()))
    seen = metrics(lambda: till.world.invoke("queue_due_charges", {}))
    assert (seen["ChargesQueued"], seen["ChargingPaused"]) == ([1.0], [1.0])
    assert seen["ChargesOverdueFor"][0] == pytest.approx(time.time() - due, abs=5)


# ---------------------------------------------------------------------------------------- messages

POISON = {
    "not JSON": "charge",
    "a list": "[]",
    "no format": json.dumps({"charge_id": CHARGE_ID, "due_at": 1, "until": 2}),
    "not a charge": '{"format": 1, "charge_id": "mdt_a", "due_at": 1, "until": 2}',
    "a number for an id": '{"format": 1, "charge_id": 7, "due_at": 1, "until": 2}',
    "no time": json.dumps({"format": 1, "charge_id": CHARGE_ID, "due_at": 1}),
    "a time that is none": json.dumps({"format": 1, "charge_id": CHARGE_ID, "due_at": True, "until": 2}),
}


@pytest.mark.parametrize("kind", POISON)
def test_what_is_not_our_message_is_received_once(world: World, kind: str) -> None:
    till = Till(world, "", "")
    assert metrics(lambda: work_on(till, [POISON[kind]])) == {"ChargeMessagesSetAside": [1.0]}
    assert world.waiting(world.charge_dead_letters_url) == [POISON[kind]]


def test_a_newer_versions_message_stays_in_the_queue(world: World) -> None:
    newer = json.dumps({"format": ADVANCE.known + 1, "charge_id": CHARGE_ID})
    with pytest.raises(NewerFormat):
        read_due(newer)
    assert work_on(Till(world, "", ""), [newer]) == ["message-0"]
    assert world.waiting(world.charge_dead_letters_url) == []


def test_a_message_is_read_as_it_is_written() -> None:
    message = DueMessage(CHARGE_ID, 1, 2)
    assert read_due(message.text) == message


def test_an_operator_gives_back_what_is_ours(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {
        "ChargeDeadLettersUrl": world.charge_dead_letters_url,
        "ChargeQueueUrl": world.charge_queue_url,
    }
    monkeypatch.setattr(Stack, "outputs", outputs)
    ours = DueMessage(CHARGE_ID, 1, 2).text
    for body in ("poison", ours):
        world.sqs.send_message(QueueUrl=world.charge_dead_letters_url, MessageBody=body)
    assert main(["dlq", "list", "--charges"]) == 0
    assert main(["dlq", "redrive", "--charges"]) == 1
    assert "1 of 2 moved to the charge queue" in capsys.readouterr().out
    assert world.waiting(world.charge_queue_url) == [ours]
