"""From nothing: with only the Stripe key's secret present, one deployment registers the webhook endpoint.

On an AWS and a Stripe of their own, since the stack is deleted and deployed again; the build is shared.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import aws, deployment, environment, sam_local, stack
from local.processes import Processes
from local.settings import HOST, PLACEHOLDER_STRIPE_KEY, STACK_NAME, Settings
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import API_VERSION


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """AWS and Stripe, with nothing in them."""
    settings = Settings.apart(tmp_path)
    (settings.state / "aws" / "tmp").mkdir(parents=True)
    processes, clean, python = Processes(settings), environment.clean(), [sys.executable, "-m"]
    emulator = clean | stack.emulator_environment(settings, settings.state / "aws")
    simulator = ["local.stripe_simulator", "--host", HOST, "--port", str(settings.stripe_port)]
    try:
        processes.start("aws", [*python, "local.emulator"], settings.aws_port, emulator)
        processes.start("stripe", [*python, *simulator], settings.stripe_port, clean)
        for name in processes.names():
            processes.wait_until_listening(name)
        yield settings
    finally:
        processes.stop_all()


def test_a_version_of_a_secret_is_written_once(settings: Settings) -> None:
    """What keeps two writers from losing each other's secret on AWS holds here, too."""
    secrets = aws.client(settings, "secretsmanager")
    arn = secrets.create_secret(Name="one", SecretString="a")["ARN"]
    for _ in range(2):
        secrets.put_secret_value(SecretId=arn, SecretString="b", ClientRequestToken="t" * 32)
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.put_secret_value(SecretId=arn, SecretString="c", ClientRequestToken="t" * 32)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "b"


def test_one_deployment_registers_the_endpoint_and_a_deletion_removes_it(settings: Settings) -> None:
    template = deployment.build(settings)
    aws.create_artifacts_bucket(settings)
    parameters = deployment.parameters(
        settings,
        StripeApiKeySecretArn=aws.store_stripe_key(settings, PLACEHOLDER_STRIPE_KEY),
        OidcIssuer="https://issuer.example",
        OidcAudiences="api",
    )
    registered = [deployed(settings, template, parameters) for _ in range(2)]
    assert registered[0]["id"] != registered[1]["id"]


def deployed(settings: Settings, template: Path, parameters: dict[str, str]) -> dict[str, Any]:
    """Deploy, look, and delete again. Returns the endpoint that was there in between."""
    deployment.deploy(settings, template, parameters)
    (endpoint,) = endpoints(settings)
    outputs = aws.outputs(settings, STACK_NAME)
    assert endpoint["metadata"]["managed_by"] == outputs["OwnerMark"] == own_mark(settings)
    assert endpoint["url"] == f"{outputs['ApiUrl']}/webhooks/stripe"
    assert endpoint["enabled_events"] == list(HANDLED_TYPES)
    assert endpoint["api_version"] == API_VERSION
    assert endpoint["status"] == "enabled"
    secret = aws.webhook_secret(settings, outputs["StripeWebhookSecretsArn"])
    assert secret
    cloudformation = aws.client(settings, "cloudformation")
    assert secret not in json.dumps(cloudformation.describe_stacks(StackName=STACK_NAME), default=str)
    assert secret not in json.dumps(cloudformation.describe_stack_events(StackName=STACK_NAME), default=str)
    cloudformation.delete_stack(StackName=STACK_NAME)
    deadline = time.monotonic() + 120
    while aws.outputs(settings, STACK_NAME):
        assert time.monotonic() < deadline, "the stack is not deleted"
        time.sleep(0.3)
    assert endpoints(settings) == []
    return endpoint


def own_mark(settings: Settings) -> str:
    """What no parameter says: the id at the end of the stack's ARN, which each of its functions is given."""
    (described,) = aws.client(settings, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    given = {variables["OWNER_MARK"] for _, variables in sam_local.deployed(settings)}
    (mark,) = given
    assert mark == described["StackId"].rpartition("/")[2]
    return mark


def endpoints(settings: Settings) -> list[dict[str, Any]]:
    answered = httpx.get(
        f"{settings.stripe_url}/v1/webhook_endpoints",
        headers={"Authorization": f"Bearer {PLACEHOLDER_STRIPE_KEY}"},
        trust_env=False,
    ).raise_for_status()
    listed: list[dict[str, Any]] = answered.json()["data"]
    return listed
