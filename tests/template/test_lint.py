"""AWS's own linter finds nothing: as people write the template, and as CloudFormation gets it."""

import json
from pathlib import Path

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from local import deployment
from local.settings import REGION, Settings
from tests.template.stack import TEMPLATE, Stack, expand, raw


def test_sam_validates_the_template(tmp_path: Path) -> None:
    settings = Settings.apart(tmp_path)  # its endpoint answers nobody: validating needs none
    deployment.run_sam(settings, "validate", ["validate", "--lint", "--template-file", str(TEMPLATE)])


@pytest.mark.parametrize("shift", ["true", "false"])
def test_the_expanded_template_is_clean(shift: str) -> None:
    used_up_by_sam = ["W2001 at Parameters/ShiftTraffic: Parameter ShiftTraffic not used."]
    assert _findings(Stack(expand(raw(), ShiftTraffic=shift))) == used_up_by_sam


def test_a_fault_in_the_expanded_template_is_found() -> None:
    """In one resource by itself: the linter takes ten seconds for all."""
    stack = Stack(expand(raw()))
    stack.properties("WebhookQueue")["VisibilityTimeout"] = "a minute"
    alone = {"Resources": {"WebhookQueue": stack.template["Resources"]["WebhookQueue"]}}
    at = "E3012 at Resources/WebhookQueue/Properties/VisibilityTimeout"
    assert any(finding.startswith(at) for finding in _findings(Stack(alone)))


def _findings(stack: Stack) -> list[str]:
    matches = lint(json.dumps(stack.template), regions=[REGION])
    return [
        f"{match.rule.id} at {'/'.join(map(str, match.path or []))}: {match.message}" for match in matches
    ]
