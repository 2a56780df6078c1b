"""The files that `sam local` is started with, made of a stack that runs."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import sam_local
from local.deployment import run_sam
from local.settings import Settings
from tests.live.shared import StackJson


@pytest.fixture
def settings(stack: StackJson, tmp_path: Path) -> Settings:
    aws, stripe, storefront = (
        urlsplit(stack[name]).port or 0 for name in ("aws_endpoint_url", "stripe_url", "storefront_url")
    )
    return Settings(tmp_path, aws, stripe, storefront)


def test_every_function_is_given_all_its_variables(stack: StackJson, settings: Settings) -> None:
    template_file, variables_file = sam_local.write(settings)
    template, given = json.loads(template_file.read_text()), json.loads(variables_file.read_text())
    assert variables_file.stat().st_mode & 0o077 == 0
    common = template["Globals"]["Function"]["Environment"]["Variables"].keys()
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == sam_local.FUNCTION
    }
    # SAM takes from the file only what the template declares, and a function that lacks one does not start.
    assert {name: set(variables) for name, variables in given.items()} == {
        name: common | set(properties.get("Environment", {}).get("Variables", {}))
        for name, properties in functions.items()
    }
    assert all(Path(properties["CodeUri"], "app.py").is_file() for properties in functions.values())
    assert given["ReadMandates"]["MANDATES_TABLE"] == stack["tables"]["mandates"]
    assert {variables["OWNER_MARK"] for variables in given.values()} == {stack["owner_mark"]}
    assert given["ReceiveWebhook"]["WEBHOOK_QUEUE_URL"].endswith(urlsplit(stack["queue_url"]).path)
    for name, variables in given.items():
        for variable, value in variables.items():
            led = variable == "ALLOWED_ORIGINS" or "127.0.0.1" not in value
            assert led, f"{name} is given {variable}={value}"


def test_sam_takes_the_template(settings: Settings) -> None:
    template, _ = sam_local.write(settings)
    run_sam(settings, "validate", ["validate", "--template-file", str(template)])
