"""Every withdrawn mandate is queued to be ended at Stripe, whatever becomes of its publication."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mandates.runtime.queues import Queue
from tests.component.test_publish_changes import bus, entry, images, publish, refusing, stream_event
from tests.component.world import World, metrics

__all__ = ["bus"]


def revoked(mandate: str, number: int, kind: str = "detached") -> dict[str, Any]:
    return entry(mandate, number, status="revoked", kind=kind)


def hand_over(world: World, *items: dict[str, Any]) -> list[str]:
    """The sequence numbers that the function reports."""
    answer = world.invoke("queue_withdrawals", stream_event(items))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def queued(world: World) -> list[str]:
    """The mandates in the Stripe work queue, by letter."""
    return [json.loads(body)["mandate_id"][4] for body in world.waiting(world.work_queue_url)]


def test_withdrawn_mandates_are_queued_and_no_others(world: World) -> None:
    assert hand_over(world, entry("a", 1), revoked("b", 4), revoked("c", 2)) == []
    assert queued(world) == ["b", "c"]


def test_a_mandate_is_queued_once_for_a_batch_and_again_for_the_next(world: World) -> None:
    """A set-up that succeeds on a withdrawn mandate has to be detached, too."""
    assert hand_over(world, revoked("a", 3), revoked("a", 4, kind="setup_succeeded")) == []
    assert queued(world) == ["a"]
    assert hand_over(world, revoked("a", 5, kind="setup_succeeded")) == []
    assert queued(world) == ["a"]


def test_a_ledgers_own_images_are_read(world: World) -> None:
    mandate_id = world.begun()["mandate_id"]
    world.revoke(mandate_id)
    assert hand_over(world, *images(mandate_id)) == []
    assert [json.loads(body) for body in world.waiting(world.work_queue_url)] == [
        {"format": 1, "kind": "release", "mandate_id": mandate_id}
    ]


def test_nothing_but_what_was_added_counts(world: World) -> None:
    assert world.invoke("queue_withdrawals", stream_event([revoked("a", 1)], "MODIFY")) == {
        "batchItemFailures": []
    }
    assert queued(world) == []


def test_an_entry_that_cannot_be_read_is_queued_all_the_same(world: World) -> None:
    unreadable = {
        key: value for key, value in revoked("a", 1).items() if key not in {"hash", "facts", "number"}
    }
    assert hand_over(world, unreadable, revoked("b", 1)) == []
    assert queued(world) == ["a", "b"]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://events"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "x"}}, "PutEvents"),
    ],
    ids=["unanswered", "throttled"],
)
def test_no_withdrawal_waits_for_the_bus(bus: World, error: Exception) -> None:
    """The stream's other reader comes no further than the first batch; this one has a place of its own."""
    refusing(bus, error=error)
    batches = [[entry("a", 1), revoked("b", 1)], [revoked("c", 1)], [revoked("d", 1)]]
    assert publish(bus, batches[0]) == ["101"]
    for batch in batches:
        assert hand_over(bus, *batch) == []
    assert queued(bus) == ["b", "c", "d"]
    assert {call.operation for call in bus.calls if call.function == "queue_withdrawals"} == {
        "SendMessageBatch"
    }


@pytest.mark.parametrize("fails", ["raises", "takes one"])
def test_what_the_queue_does_not_take_is_handed_over_again(world: World, fails: str) -> None:
    class Full:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            if fails == "raises":
                raise ClientError({"Error": {"Code": "InternalError", "Message": "x"}}, "SendMessageBatch")
            return {"Successful": [{"Id": "0"}]}

    world.monkeypatch.setattr(world.function("queue_withdrawals"), "queue", Queue(Full(), "of no use"))
    found: list[list[str]] = []
    sent = metrics(lambda: found.append(hand_over(world, entry("a", 1), revoked("b", 1), revoked("c", 1))))
    assert found == [["102"]]
    assert sent == {"WithdrawalsDelayed": [1.0]}
