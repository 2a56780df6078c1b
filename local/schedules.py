"""Runs at once what the stack's schedules start.

MiniStack's scheduler starts them by itself, as EventBridge Scheduler does on AWS: each once its rate has
passed since the deployment. It looks every ten seconds.
"""

from typing import Any

from local import aws
from local.settings import Settings


class RunFailed(Exception):
    """A scheduled function raised. The message has what it raised."""


def run_now(settings: Settings) -> list[str]:
    """Returns the names of the functions that ran. Raises RunFailed."""
    return run_scheduled(aws.client(settings, "scheduler"), aws.client(settings, "lambda"))


def run_scheduled(scheduler: Any, functions: Any) -> list[str]:
    """`run_now` with clients of the stack's AWS."""
    ran = []
    for listed in scheduler.list_schedules(State="ENABLED")["Schedules"]:
        target = scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])["Target"]
        name = target["Arn"].split(":")[6]  # the alias comes after it
        answered = functions.invoke(FunctionName=target["Arn"], Payload=target.get("Input", "{}"))
        if "FunctionError" in answered:
            raise RunFailed(f"{name}: {answered['Payload'].read().decode()}")
        ran.append(name)
    return sorted(ran)
