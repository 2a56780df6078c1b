"""`make deploy`: checks before the build, then `sam deploy` with all of a stage's parameters."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from ops import account, existing_tables, table_settings
from ops.existing_tables import pointed_at
from ops.parameters import ParametersRefused, StageConfig, as_overrides, effective, read_stage, stamped
from ops.printing import complain, say

ROOT = Path(__file__).resolve().parent.parent
SAMCONFIG = ROOT / "samconfig.toml"
TEMPLATE = ROOT / "template.yaml"
AT_ONCE = {"ShiftTraffic": "false"}
"""CodeDeploy stops every deployment while one of its alarms is on, even one that rolls a bad version back:
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html"""


class DeploymentRefused(Exception):
    """Its message says what to do first."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.deploy", description=__doc__)
    parser.add_argument("stage", help="a section of samconfig.toml: dev, staging, prod")
    parser.add_argument("--built", type=Path, help="the folder of `sam build`; without it, only check")
    parser.add_argument("--at-once", action="store_true", help="shift all traffic at once in this deployment")
    chosen, options = parser.parse_known_args(arguments)
    try:
        config = read_stage(SAMCONFIG, chosen.stage)
        values = checked_values(config, AT_ONCE if chosen.at_once else {})
        return deploy(chosen.stage, chosen.built, values, options) if chosen.built else 0
    except (ParametersRefused, DeploymentRefused) as refused:
        complain(refused)
        return 1


def checked_values(config: StageConfig, this_time: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value, after a check of the account. Prints warnings; raises if it is bound to fail.

    `this_time` takes precedence over samconfig.toml.
    """
    template = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    effective(template, config.given)
    session = boto3.Session(region_name=config.region)
    if session.region_name is None:
        raise DeploymentRefused("which region? Set `region` in the stage's section of samconfig.toml")
    given = {**config.given, **this_time}
    try:
        found = account.look_at(session, config.stack)
    except (BotoCoreError, ClientError) as error:
        raise DeploymentRefused(f"can't look at the account: {error}") from None
    given.setdefault(account.LOGGING_PARAMETER, account.manages_logging(found))
    values = effective(template, given)
    existing_tables.check(values)
    existing_tables.keep(found.parameters, values)
    check_existing_tables(session, values)
    try:
        account.kept_mark(found, values)
    except ValueError as refused:
        raise DeploymentRefused(str(refused)) from None
    say(f"{config.stack} in {session.region_name}, account {found.account_id}")
    for warning in account.warnings(found, values):
        complain(f"warning: {warning}")
    return values


def check_existing_tables(session: Any, values: Mapping[str, str]) -> None:
    """Raise DeploymentRefused if a table that the stack did not make lacks what template.yaml asks for.

    CloudFormation does not change such tables: an index that a version adds must exist before its functions.
    """
    existing = existing_tables.named(values)
    if not existing:
        return
    try:
        lacking = table_settings.problems(
            session.client("dynamodb"),
            existing,
            protected=table_settings.is_protected(values["Stage"]),
            streams=existing_tables.named_streams(values),
        )
    except (BotoCoreError, ClientError) as error:
        raise DeploymentRefused(f"can't look at the tables in samconfig.toml: {error}") from None
    if lacking:
        raise DeploymentRefused("tables that this stack did not make: " + "; ".join(lacking))


def deploy(stage: str, built: Path, values: dict[str, str], options: Sequence[str]) -> int:
    """Run `sam deploy` on what was built, with these values and their digest. Returns its exit code."""
    if any(option.startswith("--parameter-overrides") for option in options):
        raise DeploymentRefused("put parameters into samconfig.toml: the next deployment must find them, too")
    template = yaml.safe_load((built / "template.yaml").read_text(encoding="utf-8"))
    to_deploy = built / "template.json"
    to_deploy.write_text(json.dumps(stamped(pointed_at(template, values), values)), encoding="utf-8")
    config = ["--config-file", str(SAMCONFIG), "--config-env", stage]
    command = ["sam", "deploy", "--template-file", str(to_deploy), *config, *options]
    return subprocess.run([*command, "--parameter-overrides", *as_overrides(values)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
