"""Two who change the secret at once: nobody's change is lost."""

import threading
from typing import Any

import boto3
import pytest

from mandates.core.errors import Busy
from mandates.core.signing_secrets import SigningSecrets, parsed_secrets
from mandates.webhooks.secret_store import ATTEMPTS, WebhookSecrets
from tests.component.world import WEBHOOK_SECRET, World


@pytest.fixture
def secrets(world: World) -> WebhookSecrets:
    return WebhookSecrets(boto3.client("secretsmanager"), world.webhook_secrets_arn)


def adding(name: str) -> Any:
    return lambda held: held.with_secret(f"we_{name}", f"whsec_{name}", 1)


def test_a_change_in_between_is_kept(world: World, secrets: WebhookSecrets) -> None:
    other = WebhookSecrets(world.secrets, world.webhook_secrets_arn)
    interrupted: list[int] = []

    def change(held: SigningSecrets) -> SigningSecrets:
        if not interrupted:
            other.change(adding("other"))
        interrupted.append(1)
        changed: SigningSecrets = adding("mine")(held)
        return changed

    secrets.change(change)
    assert len(interrupted) == 2
    assert set(secrets.read().secrets) == {WEBHOOK_SECRET, "whsec_other", "whsec_mine"}


def test_many_at_once(world: World) -> None:
    def add(number: int) -> None:
        WebhookSecrets(boto3.client("secretsmanager"), world.webhook_secrets_arn).change(adding(str(number)))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = world.secrets.get_secret_value(SecretId=world.webhook_secrets_arn)["SecretString"]
    assert set(parsed_secrets(stored).secrets) == {
        WEBHOOK_SECRET,
        *(f"whsec_{number}" for number in range(6)),
    }


def test_nothing_is_written_where_nothing_changes(world: World, secrets: WebhookSecrets) -> None:
    secrets.change(lambda held: held)
    assert [call for call in world.calls if call.operation == "PutSecretValue"] == []


def test_it_gives_up_in_the_end(world: World, secrets: WebhookSecrets) -> None:
    other, tried = WebhookSecrets(world.secrets, world.webhook_secrets_arn), []

    def change(held: SigningSecrets) -> SigningSecrets:
        tried.append(1)
        other.change(adding(f"other{len(tried)}"))
        changed: SigningSecrets = adding("mine")(held)
        return changed

    with pytest.raises(Busy):
        secrets.change(change)
    assert len(tried) == ATTEMPTS


def test_what_is_not_ours_is_not_written_over(world: World, secrets: WebhookSecrets) -> None:
    world.secrets.put_secret_value(SecretId=world.webhook_secrets_arn, SecretString="nonsense")
    with pytest.raises(ValueError, match="Expecting value"):
        secrets.change(adding("mine"))
