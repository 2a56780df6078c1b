"""python -m ops rotate-webhook-secret, with nothing but the stack's name."""

import json

import boto3
import pytest

from ops.__main__ import main
from tests.component.cloudformation import OWNER_MARK, CloudFormation
from tests.component.world import World


@pytest.fixture
def deployed(world: World) -> CloudFormation:
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Parameters": {name: {"Type": "String"} for name in ("StripeApiKeySecretArn", "StripeApiBase")},
        "Outputs": {
            "StripeWebhookSecretsArn": {"Value": world.webhook_secrets_arn},
            "OwnerMark": {"Value": OWNER_MARK},
        },
    }
    made = boto3.client("cloudformation").create_stack(
        StackName="test-stack",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": "StripeApiKeySecretArn", "ParameterValue": world.api_key_arn},
            {"ParameterKey": "StripeApiBase", "ParameterValue": world.stripe.url},
        ],
    )
    stack = CloudFormation(world, stack_id=made["StackId"])
    assert stack.create()["Status"] == "SUCCESS"
    return stack


def rotate(*arguments: str) -> int:
    return main(["--stack", "test-stack", "rotate-webhook-secret", "--wait", "0", *arguments])


def test_it_says_each_step_and_no_secret(
    deployed: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = deployed.endpoints()
    assert rotate() == 0
    (second,) = deployed.endpoints()
    said = capsys.readouterr().out
    for line in (
        f"created the webhook endpoint {second['id']}",
        "stored its signing secret",
        f"{second['id']} is subscribed",
        f"removed the webhook endpoint {first['id']}",
        "no longer accepted",
        "the webhook secret is rotated",
    ):
        assert line in said
    assert "whsec_" not in said
    assert deployed.held().secrets[-1] == deployed.secret_of(second["id"])
    assert rotate() == 0
    assert deployed.endpoints()[0]["id"] != second["id"]


def test_it_says_what_to_do_when_it_can_t(
    deployed: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.world.faults({"effect": "forbidden"})
    assert rotate() == 1
    assert "Webhook Endpoints: write" in capsys.readouterr().err
    deployed.world.faults()
    deployed.delete()
    assert rotate() == 1
    assert "no webhook endpoint at Stripe" in capsys.readouterr().err


def test_an_unknown_stack(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert rotate() == 1
    assert "test-stack" in capsys.readouterr().err


@pytest.mark.parametrize("wait", ["-1", "1.5", "soon"])
def test_a_wait_that_is_none_is_refused(
    deployed: CloudFormation, wait: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--stack", "test-stack", "rotate-webhook-secret", "--wait", wait])
    assert "a number of seconds, 0 or more" in capsys.readouterr().err


def test_the_new_secret_is_noted_for_the_stack_on_this_machine(
    deployed: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    monkeypatch.setattr("ops.webhook_secret.note_webhook_secret", noted.append)
    assert rotate() == 0
    assert noted == [deployed.held().secrets[-1]]
