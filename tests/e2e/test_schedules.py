"""What the template schedules runs on this machine too: by itself, and at once when it is asked for."""

from pathlib import Path

import httpx

from local.settings import Settings
from tests.live.shared import StackJson, local
from tests.live.stack import LiveStack, until
from tests.template.stack import raw


def scheduled() -> set[str]:
    """The functions that the template has a schedule for, by their names there."""
    return {
        name
        for name, resource in raw()["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    }


def settings_of(stack: StackJson) -> Settings:
    aws, stripe, storefront = (
        httpx.URL(stack[name]).port or 0 for name in ("aws_endpoint_url", "stripe_url", "storefront_url")
    )
    return Settings(Path(stack["state_dir"]), aws, stripe, storefront)


def runs_of(live: LiveStack, function: str) -> int:
    """How often it was started, by its log."""
    logs = live.aws("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    (group,) = [name for name in groups if function in name]
    events = logs.filter_log_events(logGroupName=group)["events"]
    return sum(event["message"].startswith("START ") for event in events)


def test_charges_that_are_due_are_looked_for_by_themselves(live: LiveStack) -> None:
    """Every minute, before the next test here does it. In a run of all tests the stack is older than that."""
    until(lambda: runs_of(live, "QueueDueCharges"), seconds=100, what="the first run")


def test_everything_scheduled_can_be_run_at_once(stack: StackJson) -> None:
    printed = local("run-schedules", settings_of(stack))
    assert scheduled()
    assert {line.split("-")[-2] for line in printed.splitlines()} == scheduled()
