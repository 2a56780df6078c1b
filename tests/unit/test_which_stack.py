"""A stack at AWS and the one on this machine are never taken for one another."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from ops.stack import StackError
from ops.which_stack import note_webhook_secret, stack_for

HERE = "http://127.0.0.1:4566"
AN_ACCOUNT = {
    "AWS_PROFILE": "prod",
    "AWS_ACCESS_KEY_ID": "an account's",
    "AWS_SECRET_ACCESS_KEY": "an account's",
    "AWS_SESSION_TOKEN": "an account's",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL_CLOUDFORMATION": "https://example.com",
}


@pytest.fixture(autouse=True)
def stack_file(tmp_path: Path) -> Iterator[Path]:
    """Of a stack that runs here, in the shell of somebody who works with an account."""
    file = tmp_path / "stack.json"
    file.write_text(json.dumps({"aws_endpoint_url": HERE, "webhook_secret": "whsec_old"}))
    with patch.dict(os.environ, {**AN_ACCOUNT, "MANDATES_STATE_DIR": str(tmp_path)}):
        os.environ.pop("AWS_ENDPOINT_URL", None)
        yield file


def test_what_is_named_is_at_aws(capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    for name in ("mandates-dev", "mandates-local"):
        stack = stack_for(name)
        assert (stack.name, stack.command) == (name, f"python -m ops --stack {name}")
    assert dict(os.environ) == before
    assert capsys.readouterr().err == ""


def test_what_is_not_named_is_here_and_sees_nothing_of_an_account(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = stack_for(None)
    assert (stack.name, stack.command) == ("mandates-local", "python -m ops")
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    assert aws["AWS_ENDPOINT_URL"] == HERE
    assert aws["AWS_ACCESS_KEY_ID"] == aws["AWS_SECRET_ACCESS_KEY"] == "test"
    assert aws["AWS_CONFIG_FILE"] == aws["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert not set(aws.values()) & set(AN_ACCOUNT.values())
    said = capsys.readouterr()
    assert said.out == ""  # it may be JSON for a program
    assert HERE in said.err


def test_an_endpoint_that_is_set_leads_there_with_what_is_set() -> None:
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4999"
    before = dict(os.environ)
    assert stack_for(None).command == "python -m ops"
    assert dict(os.environ) == before


def test_without_a_name_and_with_no_stack_here_nothing_is_asked(stack_file: Path) -> None:
    stack_file.unlink()
    before = dict(os.environ)
    with pytest.raises(StackError, match="--stack, or start one here with `make up`"):
        stack_for(None)
    assert dict(os.environ) == before


def test_a_rotated_secret_is_noted_for_the_stack_it_belongs_to(stack_file: Path) -> None:
    note_webhook_secret("whsec_of_a_stack_at_aws")
    assert json.loads(stack_file.read_text())["webhook_secret"] == "whsec_old"
    os.environ["AWS_ENDPOINT_URL"] = HERE
    note_webhook_secret("whsec_new")
    assert json.loads(stack_file.read_text()) == {"aws_endpoint_url": HERE, "webhook_secret": "whsec_new"}
    assert stack_file.stat().st_mode & 0o077 == 0
    stack_file.unlink()
    note_webhook_secret("whsec_newer")
    assert not stack_file.exists()
