"""`make deploy`: what `sam deploy` is called with, and what stops it before."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops import account, deploy, table_settings
from ops.account import Account
from tests.template.stack import raw

CONFIG = """
[prod.deploy.parameters]
stack_name = "mandates-prod"
region = "eu-west-1"
parameter_overrides = [
  "Stage=prod", "StripeLivemode=true", "ShiftTraffic=true", "AllowedOrigins=https://shop.example",
  "OidcIssuer=https://issuer.example", "OidcAudiences=shop",
  "StripeApiKeySecretArn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe-abcdef",
]
"""
FOUND = Account(
    "123456789012", concurrency=1000, log_role="arn:aws:iam::123456789012:role/x", stack_set_it=False
)

Command = list[str]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """What was run instead of `sam`, in an account that has all it needs."""
    ran: list[Command] = []

    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append(list(command))
        return subprocess.CompletedProcess(command, 0)

    (tmp_path / "samconfig.toml").write_text(CONFIG)
    (tmp_path / "template.yaml").write_text(json.dumps(raw()))
    monkeypatch.setattr(deploy, "SAMCONFIG", tmp_path / "samconfig.toml")
    monkeypatch.setattr(account, "look_at", lambda *_: FOUND)
    monkeypatch.setattr(table_settings, "problems", lambda *_, **__: [])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(subprocess, "run", run)
    return ran


def overrides(command: Command) -> dict[str, str]:
    given = command[command.index("--parameter-overrides") + 1 :]
    found = (re.fullmatch(r'(\w+)="(.*)"', one) for one in given)
    return {one[1]: one[2] for one in found if one}


def digest(tmp_path: Path) -> str:
    template = json.loads((tmp_path / "template.json").read_text())
    return str(template["Globals"]["Function"]["Environment"]["Variables"]["PARAMETERS_DIGEST"])


def test_every_parameter_is_passed_with_its_digest(commands: list[Command], tmp_path: Path) -> None:
    assert deploy.main(["prod", "--built", str(tmp_path), "--no-confirm-changeset"]) == 0
    (command,) = commands
    assert command[:2] == ["sam", "deploy"]
    assert "--no-confirm-changeset" in command
    given = overrides(command)
    assert given.keys() == raw()["Parameters"].keys()
    assert (given["ShiftTraffic"], given["ManageApiGatewayLogging"]) == ("true", "false")
    assert re.fullmatch("[0-9a-f]{16}", digest(tmp_path))


def test_at_once_shifts_no_traffic_this_time(commands: list[Command], tmp_path: Path) -> None:
    deploy.main(["prod", "--built", str(tmp_path)])
    gradually = digest(tmp_path)
    assert deploy.main(["prod", "--built", str(tmp_path), "--at-once"]) == 0
    assert "--at-once" not in commands[-1]
    assert overrides(commands[-1]) == {**overrides(commands[0]), "ShiftTraffic": "false"}
    assert digest(tmp_path) != gradually
    assert "ShiftTraffic=true" in (tmp_path / "samconfig.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "samconfig.toml has no stage nope"),
        (["prod", "--parameter-overrides", "Stage=dev"], "put parameters into samconfig.toml"),
    ],
)
def test_what_is_refused_deploys_nothing(
    arguments: Command,
    said: str,
    commands: list[Command],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert deploy.main([arguments[0], "--built", str(tmp_path), *arguments[1:]]) == 1
    assert said in capsys.readouterr().err
    assert commands == []


def test_a_stack_on_restored_tables_stays_on_them(
    commands: list[Command],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    restored = replace(FOUND, parameters={"TermsTableName": "restored"})
    monkeypatch.setattr(account, "look_at", lambda *_: restored)
    assert deploy.main(["prod", "--built", str(tmp_path)]) == 1
    assert '"TermsTableName=restored"' in capsys.readouterr().err
    config = tmp_path / "samconfig.toml"
    config.write_text(CONFIG.replace('"Stage=prod"', '"Stage=prod", "TermsTableName=restored"'))
    assert deploy.main(["prod", "--built", str(tmp_path)]) == 0
    template = json.loads((tmp_path / "template.json").read_text())
    assert "TermsTable" not in template["Resources"]
    assert overrides(commands[-1])["TermsTableName"] == "restored"


def test_restored_tables_that_lack_something_are_not_deployed_on(
    commands: list[Command],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half set, another's, or without an index that this version of the template has."""
    asked = []

    def problems(_: Any, names: dict[str, str], *, protected: bool, streams: dict[str, str]) -> list[str]:
        asked.append((names, protected, streams))
        return ["restored: expiry is off, template.yaml asks for expires_at"]

    monkeypatch.setattr(table_settings, "problems", problems)
    config = tmp_path / "samconfig.toml"
    config.write_text(CONFIG.replace('"Stage=prod"', '"Stage=prod", "EventsTableName=restored"'))
    assert deploy.main(["prod", "--built", str(tmp_path)]) == 1
    assert "restored: expiry is off" in capsys.readouterr().err
    assert asked == [({"EventsTable": "restored"}, True, {"MandatesTable": "", "ChargesTable": ""})]
    assert commands == []


def test_without_a_folder_it_only_checks(commands: list[Command]) -> None:
    assert deploy.main(["prod"]) == 0
    assert commands == []
