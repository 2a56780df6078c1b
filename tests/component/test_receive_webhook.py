"""POST /webhooks/stripe: only what Stripe signed is queued, and 200 means it is durable."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.component.passing_time import PassingTime
from tests.component.world import WEBHOOK_SECRET, World, signed

EVENT = {"id": "evt_1", "object": "event", "type": "setup_intent.succeeded", "created": 1, "livemode": False}


def test_a_signed_event_is_queued_without_what_is_nobodys_business(world: World) -> None:
    event = {
        **EVENT,
        "data": {
            "object": {
                "id": "seti_1",
                "object": "setup_intent",
                "client_secret": "seti_1_secret_x",
                "customer": "cus_1",
                "metadata": {"mandate_id": "mdt_1", "managed_by": "test-stack", "note": "private"},
                "billing_details": {"email": "ann@shop.example"},
                "last_setup_error": {
                    "code": "declined",
                    "payment_method": {"billing_details": {"name": "Ann"}},
                },
            }
        },
    }
    assert world.post_webhook(json.dumps(event)).status == 200
    (queued,) = world.queued()
    assert queued["data"]["object"]["metadata"] == {"mandate_id": "mdt_1", "managed_by": "test-stack"}
    assert queued["data"]["object"]["last_setup_error"] == {"code": "declined"}
    for private in ("secret", "ann@shop.example", "Ann", "private"):
        assert private not in json.dumps(queued)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"header": ""}, "invalid_signature"),
        ({"header": "t=1,v1=00"}, "invalid_signature"),
        ({"header": "nonsense"}, "invalid_signature"),
        ({"header": signed("{}")}, "invalid_signature"),
    ],
)
def test_unsigned_is_400_and_not_queued(world: World, change: dict[str, Any], code: str) -> None:
    refused = world.post_webhook(json.dumps(EVENT), **change)
    assert (refused.status, refused.body["code"]) == (400, code)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert world.queued() == []


@pytest.mark.parametrize("skew", [-3600, -310, 310, 3600])
def test_a_timestamp_too_far_away_is_400_in_both_directions(world: World, skew: int) -> None:
    payload = json.dumps(EVENT)
    refused = world.post_webhook(payload, header=signed(payload, at=int(time.time()) + skew))
    assert (refused.status, refused.body["code"]) == (400, "invalid_signature")
    assert world.queued() == []


def test_an_altered_body_is_400(world: World) -> None:
    payload = json.dumps(EVENT)
    assert world.post_webhook(payload.replace("evt_1", "evt_2"), header=signed(payload)).status == 400
    assert world.queued() == []


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "not json",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"id": "evt_1"}',
        '{"type": "x"}',
        '{"id": 1, "type": "x"}',
        '{"id": "", "type": "x"}',
        json.dumps({"id": "e" * 256, "type": "x"}),
        "[" * 100_000,
    ],
)
def test_signed_but_no_event_is_400_with_a_reason(world: World, payload: str) -> None:
    refused = world.post_webhook(payload)
    assert (refused.status, refused.body["code"]) == (400, "invalid_event")
    assert refused.body["detail"]
    assert world.queued() == []


def test_signed_but_not_utf8_is_400(world: World) -> None:
    payload = b'{"id": "\xff"}'
    now = int(time.time())
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{now}.".encode() + payload, hashlib.sha256).hexdigest()
    refused = world.post_webhook(
        base64.b64encode(payload).decode(), header=f"t={now},v1={mac}", isBase64Encoded=True
    )
    assert (refused.status, refused.body["code"]) == (400, "invalid_event")


def test_the_body_is_the_bytes_that_were_sent(world: World) -> None:
    pretty = json.dumps({**EVENT, "note": "äöü \u2028"}, indent=2, ensure_ascii=False) + "\n"
    assert world.post_webhook(pretty).status == 200
    encoded = base64.b64encode(pretty.encode()).decode()
    assert world.post_webhook(encoded, header=signed(pretty), isBase64Encoded=True).status == 200
    lower = {"stripe-signature": signed(pretty)}
    assert world.post_webhook(pretty, headers=lower).status == 200
    assert world.post_webhook("***", header=signed(pretty), isBase64Encoded=True).status == 400
    assert len(world.queued()) == 3


def test_a_megabyte_is_taken_and_more_is_not(world: World) -> None:
    def of_size(size: int) -> str:
        padding = size - len(json.dumps({**EVENT, "pad": ""}))
        return json.dumps({**EVENT, "pad": "x" * padding})

    assert world.post_webhook(of_size(1024 * 1024)).status == 200
    assert world.post_webhook(of_size(1024 * 1024 + 1)).status == 413
    assert len(world.queued()) == 1


def test_several_secrets_are_valid_at_once(world: World) -> None:
    world.secrets.put_secret_value(
        SecretId=world.webhook_secrets_arn, SecretString='{"secrets": ["whsec_old", "whsec_new"]}'
    )
    payload = json.dumps(EVENT)
    assert world.post_webhook(payload, header=signed(payload, "whsec_old")).status == 200
    assert world.post_webhook(payload, header=signed(payload, "whsec_new")).status == 200
    assert world.post_webhook(payload).status == 400


def test_a_secret_added_later_is_found_at_once_and_looked_for_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = PassingTime(monkeypatch)
    payload = json.dumps(EVENT)
    assert world.post_webhook(payload).status == 200
    world.calls.clear()
    world.secrets.put_secret_value(
        SecretId=world.webhook_secrets_arn, SecretString='{"secrets": ["whsec_new"]}'
    )
    assert world.post_webhook(payload, header=signed(payload, "whsec_new")).status == 200
    world.secrets.put_secret_value(
        SecretId=world.webhook_secrets_arn, SecretString='{"secrets": ["whsec_newer"]}'
    )
    assert world.post_webhook(payload, header=signed(payload, "whsec_newer")).status == 400
    passing.pass_seconds(61)
    assert world.post_webhook(payload, header=signed(payload, "whsec_newer")).status == 200
    for _ in range(5):
        assert world.post_webhook(payload, header=signed(payload, "whsec_wrong")).status == 400
    fetched = [call for call in world.calls if call.operation == "GetSecretValue" and call.function]
    assert len(fetched) == 2


def test_somebody_elses_payment_is_answered_and_counted_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = {"id": "pi_1", "object": "payment_intent", "metadata": {"managed_by": "another-stack"}}
    event = {**EVENT, "type": "payment_intent.succeeded", "data": {"object": payment}}
    assert world.post_webhook(json.dumps(event)).status == 200
    assert world.queued() == []
    assert '"ForeignPayments":[1.0]' in capsys.readouterr().out
    payment["metadata"] = {"managed_by": "test-stack"}
    assert world.post_webhook(json.dumps(event)).status == 200
    assert len(world.queued()) == 1
    assert "ForeignPayments" not in capsys.readouterr().out


def test_500_when_it_could_not_be_queued(world: World) -> None:
    world.function("receive_webhook")
    world.sqs.delete_queue(QueueUrl=world.queue_url)
    refused = world.post_webhook(json.dumps(EVENT))
    assert (refused.status, refused.body["code"]) == (500, "not_queued")


def test_500_when_no_secret_can_be_read(world: World) -> None:
    world.secrets.delete_secret(SecretId=world.webhook_secrets_arn, ForceDeleteWithoutRecovery=True)
    refused = world.post_webhook(json.dumps(EVENT))
    assert (refused.status, refused.body["code"]) == (500, "not_queued")


def test_a_signature_failure_is_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.post_webhook(json.dumps(EVENT), header="t=1,v1=00")
    assert '"SignatureFailures":[1.0]' in capsys.readouterr().out
