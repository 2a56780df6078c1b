"""What is no withdrawal in the Stripe work queue goes to the dead letters at once; what is one never does."""

import json
from typing import Any

import pytest

from mandates.core.work_messages import RELEASE, WORK_KINDS, Work, read_work
from ops.stack import Stack
from tests.component.operating import main
from tests.component.test_revoking import DOWN
from tests.component.world import World, metrics, sqs_event

POISON = {
    "not JSON": "not a withdrawal",
    "empty text": '""',
    "a list": "[]",
    "null": "null",
    "too deep": "[" * 100_000,
    "a number too long to read": '{"mandate_id": ' + "9" * 5_000 + "}",
    "huge and not JSON": "x" * 200_000,
    "of another kind": '{"format": 1, "payment_method_id": "pm_1"}',
    "a number for an id": '{"format": 1, "mandate_id": 7}',
    "a list for an id": '{"format": 1, "mandate_id": ["mdt_aaaaaaaaaaaaaaaaaaaaaaaa"]}',
    "an empty id": '{"format": 1, "mandate_id": ""}',
    "an id that no key can be": json.dumps({"format": 1, "mandate_id": "mdt_" + "x" * 3_000}),
    "an id that is no text": '{"format": 1, "mandate_id": "mdt_\\ud800"}',
    "no format": '{"mandate_id": "mdt_aaaaaaaaaaaaaaaaaaaaaaaa"}',
    "a kind that is no text": '{"format": 1, "kind": 5, "mandate_id": "mdt_aaaaaaaaaaaaaaaaaaaaaaaa"}',
    "a kind that is no name": '{"format": 1, "kind": "a b", "mandate_id": "mdt_aaaaaaaaaaaaaaaaaaaaaaaa"}',
    "an unknown kind, and no format": '{"kind": "some_new_kind"}',
    "nothing to release": '{"format": 1, "kind": "release"}',
    "an id and more": '{"format": 1, "mandate_id": "mdt_aaaaaaaaaaaaaaaaaaaaaaaa\\n"}',
}


def left_in_the_queue(world: World, *bodies: str) -> list[str]:
    """As Lambda does: what is not reported as failed is deleted."""
    return [
        item["itemIdentifier"]
        for item in world.invoke("release_withdrawals", sqs_event(bodies))["batchItemFailures"]
    ]


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_received_once(world: World, kind: str) -> None:
    assert left_in_the_queue(world, POISON[kind]) == []
    assert world.waiting(world.work_dead_letters_url) == [POISON[kind]]
    assert metrics(lambda: left_in_the_queue(world, POISON[kind])) == {"StripeWorkSetAside": [1.0]}


@pytest.fixture
def withdrawn(world: World) -> str:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    world.revoke(opened["mandate_id"])
    return str(opened["mandate_id"])


def test_neighbours_of_poison_are_released(world: World, withdrawn: str) -> None:
    assert left_in_the_queue(world, "not a withdrawal", RELEASE.text({"mandate_id": withdrawn}), "[]") == []
    assert len(world.events("payment_method.detached")) == 1
    assert sorted(world.waiting(world.work_dead_letters_url)) == ["[]", "not a withdrawal"]


def test_no_withdrawal_is_taken_for_poison_however_often_stripe_fails(world: World, withdrawn: str) -> None:
    world.function("release_withdrawals")
    world.faults(DOWN)
    for received in (1, 10, 700, 5_000):
        event = sqs_event([RELEASE.text({"mandate_id": withdrawn}), "poison"])
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(received)
        answer = world.invoke("release_withdrawals", event)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert set(world.waiting(world.work_dead_letters_url)) == {"poison"}
    world.faults()
    assert left_in_the_queue(world, RELEASE.text({"mandate_id": withdrawn})) == []
    assert len(world.events("payment_method.detached")) == 1


def test_a_withdrawal_that_cant_be_released_for_another_reason_is_no_poison(
    world: World, withdrawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a head of a later version")

    monkeypatch.setattr(world.function("release_withdrawals"), "release", broken)
    assert left_in_the_queue(world, RELEASE.text({"mandate_id": withdrawn})) == ["message-0"]
    assert world.waiting(world.work_dead_letters_url) == []


def test_poison_that_cant_be_moved_comes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down:
        def send_message(self, **_: Any) -> None:
            raise ConnectionError

    monkeypatch.setattr(world.function("release_withdrawals"), "sqs", Down())
    assert left_in_the_queue(world, "poison") == ["message-0"]


def test_every_kind_of_work_is_done(world: World) -> None:
    assert world.function("release_withdrawals").DO.keys() == WORK_KINDS.keys()


def test_a_message_is_read_as_it_is_written() -> None:
    content = {"mandate_id": "mdt_" + "a2" * 12}
    assert read_work(RELEASE.text(content)) == Work("release", {"kind": "release", "format": 1} | content)


def test_an_operator_sees_it_and_gives_it_back_once_it_is_understood(
    world: World, withdrawn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {
        "StripeWorkDeadLettersUrl": world.work_dead_letters_url,
        "StripeWorkQueueUrl": world.work_queue_url,
    }
    monkeypatch.setattr(Stack, "outputs", outputs)
    for body in ("poison", RELEASE.text({"mandate_id": withdrawn})):
        world.sqs.send_message(QueueUrl=world.work_dead_letters_url, MessageBody=body)
    assert main(["dlq", "list", "--stripe-work"]) == 0
    assert '"poison"' in capsys.readouterr().out
    assert main(["dlq", "redrive", "--stripe-work"]) == 1
    said = capsys.readouterr()
    assert "1 of 2 moved to the Stripe work queue" in said.out
    assert "left here, not our message" in said.err
    assert world.waiting(world.work_queue_url) == [RELEASE.text({"mandate_id": withdrawn})]
