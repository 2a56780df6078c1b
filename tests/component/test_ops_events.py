"""`python -m ops events`, `dlq` and `explain`: what an operator does about an event that was not applied."""

import copy
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mandates.core.messages import EVENT
from mandates.store.mandates import read_heads, read_ledger
from mandates.store.tables import EventRow
from ops.stack import Stack
from tests.component.operating import main
from tests.component.world import CUSTOMER, TABLES, World

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def dead_letters(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a dead-letter queue; the stack's outputs and parameters name it and all else."""
    url = str(world.sqs.create_queue(QueueName="dead-letters")["QueueUrl"])
    outputs = {logical_id: name for name, logical_id in TABLES.items()}
    outputs |= {"WebhookQueueUrl": world.queue_url, "WebhookDeadLettersUrl": url}
    parameters = {"StripeApiBase": world.stripe.url, "StripeApiKeySecretArn": world.api_key_arn}
    monkeypatch.setattr(Stack, "outputs", outputs)
    monkeypatch.setattr(Stack, "parameters", parameters)
    return url


def succeeded(world: World) -> tuple[str, dict[str, Any]]:
    """A mandate whose customer has authorised, and the queued event that says so; nothing processed yet."""
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.deliver(*world.events("setup_intent.succeeded"))
    (event,) = world.queued()
    return opened["mandate_id"], event


def impossible(event: dict[str, Any], event_id: str) -> dict[str, Any]:
    odd = copy.deepcopy(event)
    odd["id"] = event_id
    odd["data"]["object"]["metadata"]["mandate_id"] = "mdt_unknown"
    return odd


def listed(printed: Printed, *more: str) -> list[str]:
    printed.readouterr()
    assert main(["events", "list", "--quarantined", *more]) == 0
    return printed.readouterr().out.splitlines()


def bodies(world: World, url: str) -> list[str]:
    got: list[str] = []
    while some := world.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        got += [message["Body"] for message in some]
    return got


# ------------------------------------------------------------------------------------------- events


def test_whats_in_quarantine_is_listed_by_query_the_last_first(world: World, capsys: Printed) -> None:
    _, event = succeeded(world)
    assert listed(capsys) == ["nothing is in quarantine"]
    for number in range(3):
        applied = {**event, "id": f"evt_applied_{number}"}
        ignored = {**event, "id": f"evt_ignored_{number}", "type": "invoice.paid"}
        assert world.process([impossible(event, f"evt_odd_{number}"), applied, ignored]) == []
    world.calls.clear()
    lines = listed(capsys)
    assert [line.split()[1] for line in lines] == ["evt_odd_2", "evt_odd_1", "evt_odd_0"]
    assert "setup_intent.succeeded" in lines[0]
    assert lines[0].endswith("there is no mandate mdt_unknown")
    assert {(call.operation, call.parameters["IndexName"]) for call in world.calls} == {
        ("Query", "quarantined")
    }
    assert [line.split()[1] for line in listed(capsys, "--limit", "2")] == ["evt_odd_2", "evt_odd_1", "and"]


def test_a_quarantined_record_has_no_end_and_an_applied_one_has(world: World) -> None:
    _, event = succeeded(world)
    assert world.process([impossible(event, "evt_odd"), event]) == []
    kept, applied = EventRow.get("evt_odd", "event"), EventRow.get(event["id"], "event")
    assert "expires_at" not in kept.attribute_values
    assert kept.quarantined == "yes"
    assert applied.expires_at > 0
    assert "quarantined" not in applied.attribute_values


def test_one_that_can_be_applied_now_is_and_leaves_the_list(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    world.process([impossible(event, "evt_never")])
    head = boto3.client("dynamodb").get_item(
        TableName="mandates", Key={"mandate_id": {"S": mandate_id}, "record": {"S": "head"}}
    )["Item"]
    boto3.client("dynamodb").delete_item(
        TableName="mandates", Key={"mandate_id": {"S": mandate_id}, "record": {"S": "head"}}
    )
    assert world.process([event]) == []
    assert [line.split()[1] for line in listed(capsys)] == [event["id"], "evt_never"]
    boto3.client("dynamodb").put_item(TableName="mandates", Item=head)

    assert main(["events", "replay", "--quarantined"]) == 0
    printed = capsys.readouterr().out
    assert f"1/2  {event['id']}  queued, as it was kept" in printed
    assert "2/2  evt_never  queued" in printed
    assert world.process(world.queued()) == []
    assert [line.split()[1] for line in listed(capsys)] == ["evt_never"]
    assert world.get_mandate(mandate_id).body["status"] == "active"
    assert [entry.source for entry in read_ledger(mandate_id)].count(event["id"]) == 1


def test_one_of_which_nothing_is_kept_is_fetched_from_stripe(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    assert main(["events", "replay", event["id"], "evt_unknown"]) == 1
    printed = capsys.readouterr()
    assert f"1/2  {event['id']}  queued, fetched from Stripe" in printed.out
    assert (
        "2/2  evt_unknown  not queued: the event is not kept here, and Stripe has no such event"
        in printed.err
    )
    (queued,) = world.queued()
    assert queued == event
    assert world.process([queued]) == []
    assert world.get_mandate(mandate_id).body["status"] == "active"


def test_without_a_right_to_the_key_it_says_what_to_do(world: World, capsys: Printed) -> None:
    world.secrets.delete_secret(SecretId=world.api_key_arn, ForceDeleteWithoutRecovery=True)
    assert main(["events", "replay", "evt_unknown"]) == 1
    said = capsys.readouterr().err
    assert "have Stripe send it again" in said
    assert f"secretsmanager:GetSecretValue on {world.api_key_arn}" in said
    assert world.queued() == []


def test_stripe_out_of_reach_is_said_and_nothing_queued(world: World, capsys: Printed) -> None:
    world.faults({"effect": "server_error", "status": 503})
    assert main(["events", "replay", "evt_unknown"]) == 1
    assert "Stripe could not be asked" in capsys.readouterr().err
    assert world.queued() == []


def test_replay_wants_to_know_what(capsys: Printed) -> None:
    assert main(["events", "replay"]) == 2
    assert main(["events", "replay", "evt_1", "--quarantined"]) == 2
    assert main(["events", "replay", "--quarantined"]) == 0
    assert "nothing is in quarantine" in capsys.readouterr().out


def test_show_prints_every_record_and_the_projection(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    world.process([event, impossible(event, "evt_odd")])
    world.stripe.core.detach(event["data"]["object"]["payment_method"])
    world.deliver(*world.events("payment_method.detached"))
    (detached,) = world.queued()
    world.process([detached])
    capsys.readouterr()
    assert main(["events", "show", detached["id"]]) == 0
    shown = capsys.readouterr().out
    assert f"{detached['id']}  applied  recorded" in shown
    assert f"{detached['id']}  applied to {mandate_id}  recorded" in shown
    assert main(["events", "show", "evt_odd"]) == 0
    shown = capsys.readouterr().out
    assert "there is no mandate mdt_unknown" in shown
    kept = {name: value for name, value in impossible(event, "evt_odd").items() if name != "format"}
    assert json.loads(shown[shown.index("{") :]) == kept
    assert main(["events", "show", "evt_none"]) == 1
    assert "there is no record of evt_none" in capsys.readouterr().err


def test_a_dismissed_event_leaves_the_list_and_ends_like_any_other(world: World, capsys: Printed) -> None:
    _, event = succeeded(world)
    world.process([impossible(event, "evt_odd"), event])
    assert main(["events", "dismiss", "evt_odd", "--reason", "of a test account"]) == 0
    assert listed(capsys) == ["nothing is in quarantine"]
    row = EventRow.get("evt_odd", "event")
    assert (row.outcome, row.reason) == ("dismissed", "of a test account")
    assert "quarantined" not in row.attribute_values
    assert row.expires_at > 0
    assert main(["events", "dismiss", "evt_odd", "--reason", "again"]) == 1
    assert "it is dismissed" in capsys.readouterr().err
    assert main(["events", "dismiss", event["id"], "--reason", "no"]) == 1
    assert EventRow.get(event["id"], "event").outcome == "applied"
    assert main(["events", "dismiss", "evt_none", "--reason", "no"]) == 1
    assert "there is no record of it" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- dlq


def test_dead_letters_are_listed_and_stay(world: World, dead_letters: str, capsys: Printed) -> None:
    for body in (EVENT.text({"id": "evt_1", "type": "customer.deleted"}), "\x1b[2Jnot JSON"):
        world.sqs.send_message(QueueUrl=dead_letters, MessageBody=body)
    for _ in range(2):
        assert main(["dlq", "list"]) == 0
        printed = capsys.readouterr().out
        assert "evt_1  customer.deleted" in printed
        assert '"\\u001b[2Jnot JSON"' in printed
        assert "\x1b" not in printed
        assert "2 shown, about 2 there" in printed


def test_redriven_ones_move_and_what_is_no_event_stays(
    world: World, dead_letters: str, capsys: Printed
) -> None:
    events = [EVENT.text({"id": f"evt_{number}", "type": "invoice.paid"}) for number in range(25)]
    for body in [*events, "not JSON"]:
        world.sqs.send_message(QueueUrl=dead_letters, MessageBody=body)
    assert main(["dlq", "redrive", "--limit", "5"]) in {0, 1}
    assert main(["dlq", "redrive"]) == 1
    assert "left here, not our message (--force moves it)" in capsys.readouterr().err
    assert sorted(bodies(world, world.queue_url)) == sorted(events)
    assert main(["dlq", "redrive", "--force"]) == 0
    assert "1 of 1 moved" in capsys.readouterr().out
    assert bodies(world, world.queue_url) == ["not JSON"]
    assert bodies(world, dead_letters) == []


@pytest.mark.parametrize("failing", ["SendMessage", "DeleteMessage"])
def test_a_redrive_that_breaks_off_may_double_and_never_loses(
    world: World, dead_letters: str, failing: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = EVENT.text({"id": "evt_1", "type": "invoice.paid"})
    world.sqs.send_message(QueueUrl=dead_letters, MessageBody=event)
    sqs = boto3.client("sqs")

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": ""}}, failing)

    monkeypatch.setattr(
        sqs, {"SendMessage": "send_message", "DeleteMessage": "delete_message"}[failing], fail
    )
    monkeypatch.setattr("ops.queues.client", lambda: sqs)
    assert main(["dlq", "redrive"]) == 1
    assert "nothing is lost, run it again" in capsys.readouterr().err
    assert bodies(world, dead_letters) == [event]
    assert bodies(world, world.queue_url) == ([] if failing == "SendMessage" else [event])


# ------------------------------------------------------------------------------------------ explain


def explained(capsys: Printed, what: str) -> str:
    capsys.readouterr()
    assert main(["explain", what]) == 0
    return capsys.readouterr().out


def test_the_story_of_a_mandate(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    payment_method = event["data"]["object"]["payment_method"]
    pending = explained(capsys, mandate_id)
    assert f"{mandate_id} is pending" in pending
    assert "is open: the customer may still complete it" in pending
    world.process([event])
    active = explained(capsys, mandate_id)
    assert "setup_succeeded: Amazon Pay is set up, on the mandate, at 20" in active
    assert f"from {event['id']}" in active
    assert f"{payment_method} is attached to" in active
    world.stripe.core.revoke_at_amazon(payment_method)
    world.deliver(*world.events("mandate.updated"))
    (inactive,) = world.queued()
    world.process([inactive])
    revoked = explained(capsys, mandate_id)
    assert f"{mandate_id} is revoked" in revoked
    assert "mandate_inactive: Stripe's mandate became inactive" in revoked
    assert f"on payment_method {payment_method}" in revoked
    assert f"from {inactive['id']}" in revoked
    assert f"{payment_method} is not known to be detached yet" in revoked
    assert "terms   2026-11-01, read in en" in revoked
    assert len([line for line in revoked.splitlines() if line.startswith("      ")]) == 4


def test_the_story_of_a_revoked_and_released_mandate(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    world.process([event])
    world.revoke(mandate_id)
    world.release(mandate_id)
    world.deliver(*world.events("payment_method.detached"))
    world.process(world.queued())
    told = explained(capsys, mandate_id)
    assert "revoked: it was revoked (by customer" in told
    assert "Stripe  nothing is left open" in told


def test_the_story_of_an_event(world: World, capsys: Printed) -> None:
    mandate_id, event = succeeded(world)
    odd = impossible(event, "evt_odd")
    foreign = copy.deepcopy(event)
    foreign["id"] = "evt_foreign"
    foreign["data"]["object"]["metadata"]["managed_by"] = "another-stack"
    stranger = {
        "id": "evt_stranger",
        "type": "payment_method.detached",
        "created": 1,
        "livemode": False,
        "data": {"object": {"id": "pm_stranger", "object": "payment_method", "type": "amazon_pay"}},
    }
    assert world.process([event, odd, foreign, stranger]) == []
    applied = explained(capsys, event["id"])
    assert "applied: it was applied" in applied
    assert f"it is in the ledger of: {mandate_id}" in applied
    quarantined = explained(capsys, "evt_odd")
    assert "reason: there is no mandate mdt_unknown" in quarantined
    assert "events replay evt_odd" in quarantined
    assert "not about anything that this stack made" in explained(capsys, "evt_foreign")
    assert "no mandate stood on it" in explained(capsys, "evt_stranger")


def test_what_is_unknown_is_said_with_where_to_look(world: World, dead_letters: str, capsys: Printed) -> None:
    world.sqs.send_message(QueueUrl=world.queue_url, MessageBody="{}")
    world.sqs.send_message(QueueUrl=dead_letters, MessageBody="{}")
    world.sqs.send_message(QueueUrl=dead_letters, MessageBody="{}")
    assert main(["explain", "mdt_none"]) == 1
    assert "there is no mandate mdt_none" in capsys.readouterr().err
    assert main(["explain", "evt_none"]) == 1
    said = capsys.readouterr().err
    assert "evt_none has no record" in said
    assert "the webhook queue: about 1 messages" in said
    assert "the dead letters: about 2" in said
    assert "events replay evt_none fetches it" in said


def test_explain_of_a_customer_names_their_mandates(world: World, capsys: Printed) -> None:
    mandate_id = world.begun()["mandate_id"]
    stripe_id = read_heads([mandate_id])[mandate_id].stripe_customer_id
    for some_id in (stripe_id, CUSTOMER):
        assert main(["explain", some_id]) == 1
        said = capsys.readouterr().err
        assert f"{some_id} is not a mandate (mdt_…), a charge (chg_…) or a Stripe event (evt_…)" in said
        assert f"  python -m ops --stack mandates-local explain {mandate_id}" in said.splitlines()
        assert f"customer export '{CUSTOMER}'" in said


@pytest.mark.parametrize("some_id", ["cus_unknown", "seti_1", "somebody"])
def test_explain_of_anything_else_says_where_to_find_an_id(some_id: str, capsys: Printed) -> None:
    assert main(["explain", some_id]) == 1
    said = capsys.readouterr().err
    assert "the `sub` of their tokens" in said
    assert "mandate_id of a session or SetupIntent" in said
