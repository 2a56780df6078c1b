"""Every `aws` command in the docs parses: its service, operation and options are in botocore's models."""

import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from local.settings import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OF_THE_COMMAND_LINE = {"query", "output", "region", "cli-input-json"}
CUSTOM = {("cloudformation", "deploy")}
"""Commands of the AWS CLI itself, which no model has:
https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/"""


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        inline = re.findall(r"`(aws [^`]+)`", text)
        for line in [*"\n".join(blocks).splitlines(), *inline]:
            found += [(page.name, words) for words in _aws_commands(line)]
    return found


def _aws_commands(line: str) -> list[list[str]]:
    """A line's `aws …`, and those inside of `$(…)` in it."""
    inner = re.findall(r"\$\((aws [^()]*(?:\([^()]*\)[^()]*)*)\)", line)
    outer = re.sub(r'"?\$\(aws .*\)"?', "VALUE", line).strip()
    outer = re.sub(r"^for \w+ in .*; do$", "", outer)
    return [shlex.split(one)[1:] for one in [outer, *inner] if one.startswith("aws ")]


def problems(words: list[str]) -> list[str]:
    service, operation, *rest = words
    options = [word.removeprefix("--") for word in rest if word.startswith("--")]
    if (service, operation) in CUSTOM:
        return []
    try:
        model = botocore.session.get_session().get_service_model(service.replace("_", "-"))
    except botocore.exceptions.UnknownServiceError:
        return [f"aws has no service {service}"]
    if operation == "wait":
        return _waiter_problems(service, rest[0])
    by_command = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in by_command:
        return [f"aws {service} has no {operation}"]
    shape: Any = model.operation_model(by_command[operation]).input_shape
    known = {xform_name(name, "-"): member for name, member in shape.members.items()} if shape else {}
    known |= {f"no-{name}": one for name, one in known.items() if one.type_name == "boolean"}
    missing = {xform_name(name, "-") for name in (shape.required_members if shape else [])} - set(options)
    unknown = set(options) - known.keys() - OF_THE_COMMAND_LINE
    return [f"unknown option --{name}" for name in sorted(unknown)] + [
        f"missing option --{name}" for name in sorted(missing)
    ]


def _waiter_problems(service: str, waiter: str) -> list[str]:
    waiters = botocore.session.get_session().get_waiter_model(service).waiter_names
    return [] if waiter in {xform_name(name, "-") for name in waiters} else [f"no waiter {waiter}"]


def test_there_are_commands() -> None:
    pages = {page for page, _ in commands()}
    assert {"README.md", "deploying.md"} <= pages


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: str(value)[:60])
def test_it_parses(page: str, words: list[str]) -> None:
    assert problems(words) == [], page


@pytest.mark.parametrize(
    "spoilt",
    [
        "dynamo delete-table --table-name x",
        "dynamodb drop-table --table-name x",
        "dynamodb delete-table --table x",
        "dynamodb delete-table",
        "dynamodb update-table --table-name x --no-deletion-protection",
        "dynamodb wait table-gone --table-name x",
    ],
)
def test_what_does_not_is_noticed(spoilt: str) -> None:
    assert problems(spoilt.split())


def test_commands_are_found_wherever_they_stand(tmp_path: Path) -> None:
    assert _aws_commands('for t in $(aws dynamodb list-tables --query "a(@)"); do') == [
        ["dynamodb", "list-tables", "--query", "a(@)"]
    ]
    assert _aws_commands("aws sqs get-queue-url --queue-name x") == [
        ["sqs", "get-queue-url", "--queue-name", "x"]
    ]
