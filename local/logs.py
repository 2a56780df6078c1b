"""The logs of the running stack's functions, in order of time."""

import json
from datetime import UTC, datetime

from local import aws
from local.settings import STACK_NAME, Settings
from mandates.core.visible import visible_lines

_PLATFORM_LINES = ("START ", "END ", "REPORT ", "INIT_START ")


def lines(settings: Settings) -> list[str]:
    logs = aws.client(settings, "logs")
    found: list[tuple[int, str]] = []
    for group in logs.describe_log_groups()["logGroups"]:
        name = (
            str(group["logGroupName"]).removeprefix(f"/aws/cloudformation/{STACK_NAME}/").removesuffix("Logs")
        )
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            message = str(event["message"]).strip()
            if message and not message.startswith(_PLATFORM_LINES) and not _is_metrics(message):
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                found.append((event["timestamp"], f"{at:%H:%M:%S.%f}  {name:<22} {visible_lines(message)}"))
    return [line for _, line in sorted(found)]


def _is_metrics(message: str) -> bool:
    try:
        return "_aws" in json.loads(message)
    except ValueError:
        return False
