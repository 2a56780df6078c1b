"""Restoring the five tables to a point in time, and whether they are as template.yaml asks."""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from ops.existing_tables import STREAM_PARAMETER, TABLES, Table, name_parameter
from ops.printing import complain, say
from ops.stack import Stack, StackError

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
LOOK_SECONDS = 20.0
"""Between two looks at a table that is being restored, which takes minutes or, large, hours."""


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("tables", help="restore the tables, check them").add_subparsers(
        required=True, metavar="ACTION"
    )
    restore = actions.add_parser(
        "restore", help="make all five anew, as they were at a time; goes on if broken off"
    )
    restore.add_argument(
        "--at", required=True, type=moment, metavar="TIME", help="such as 2026-11-27T09:00:00Z"
    )
    restore.set_defaults(run=run_restore)
    actions.add_parser("check", help="whether the stack's tables are as template.yaml asks").set_defaults(
        run=run_check
    )


def moment(text: str) -> datetime:
    """ISO 8601, with the offset from UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError("a time with its offset, such as 2026-11-27T09:00:00Z")
    return at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a table must have beyond its items. DynamoDB restores the first three, and none of the others:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.Howitworks.html

    `stream` is what it shows of a change, None without one; `expiry` the attribute that items expire by.
    """

    key: tuple[str, ...]
    indexes: frozenset[str]
    encrypted: bool
    stream: str | None
    expiry: str | None
    recovery: bool
    protection: bool

    @classmethod
    def wanted(cls, table: str, *, protected: bool) -> Self:
        properties = _template()["Resources"][table]["Properties"]
        expiry = properties.get("TimeToLiveSpecification", {})
        return cls(
            key=_names(properties["KeySchema"]),
            indexes=frozenset(index["IndexName"] for index in properties.get("GlobalSecondaryIndexes", [])),
            encrypted=properties["SSESpecification"]["SSEEnabled"],
            stream=properties.get("StreamSpecification", {}).get("StreamViewType"),
            expiry=expiry["AttributeName"] if expiry.get("Enabled") else None,
            recovery=properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
            protection=protected,
        )

    @classmethod
    def found(cls, dynamodb: Any, name: str) -> Self:
        described = dynamodb.describe_table(TableName=name)["Table"]
        stream = described.get("StreamSpecification", {})
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        return cls(
            key=_names(described["KeySchema"]),
            indexes=frozenset(index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])),
            encrypted=described.get("SSEDescription", {}).get("Status") in {"ENABLED", "UPDATING"},
            stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
            expiry=(
                expiry["AttributeName"] if expiry["TimeToLiveStatus"] in {"ENABLED", "ENABLING"} else None
            ),
            recovery=recovery == "ENABLED",
            protection=described.get("DeletionProtectionEnabled", False),
        )

    def differences(self, wanted: Self) -> Iterator[str]:
        for name in self.__slots__:
            is_so, asked = getattr(self, name), getattr(wanted, name)
            if is_so != asked:
                yield f"{name} is {_shown(is_so)}, template.yaml asks for {_shown(asked)}"


def run_restore(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if all five are restored and as template.yaml asks.

    The stack goes on with its own until it is deployed with the parameters that are printed.
    """
    dynamodb: Any = boto3.client("dynamodb")
    made = {table: f"{stack.name}-{table}-{chosen.at:%Y%m%dT%H%M%SZ}" for table in TABLES}
    try:
        for table, name in made.items():
            _begin(dynamodb, stack.output(table), name, chosen.at)
        for table, name in made.items():
            _wait(dynamodb, name)
            _set(dynamodb, name, Settings.wanted(table, protected=_protected(stack)))
        problems = _problems(dynamodb, made, protected=_protected(stack))
        stream = dynamodb.describe_table(TableName=made["MandatesTable"])["Table"].get("LatestStreamArn", "")
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"not all is restored: {error}; run it again, it goes on from there") from None
    if problems:
        return _told(problems)
    say("restored. Look into them, for instance:")
    say(f"  {stack.command} --table MandatesTable={made['MandatesTable']} mandate verify ID")
    say("To go on with them, add to parameter_overrides in samconfig.toml, and deploy:")
    for table, name in made.items():
        say(f'  "{name_parameter(table)}={name}",')
    say(f'  "{STREAM_PARAMETER}={stream}",')
    return 0


def run_check(stack: Stack, _chosen: argparse.Namespace) -> int:
    """0 if every table of the stack has what template.yaml asks for, 1 with what one lacks if not."""
    names = {table: stack.output(table) for table in TABLES}
    try:
        problems = _problems(boto3.client("dynamodb"), names, protected=_protected(stack))
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"can't look at the tables: {error}") from None
    if not problems:
        say("all five tables are as template.yaml asks")
    return _told(problems)


@cache
def _template() -> Any:
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def _problems(dynamodb: Any, names: Mapping[Table, str], *, protected: bool) -> list[str]:
    return [
        f"{name}: {difference}"
        for table, name in names.items()
        for difference in Settings.found(dynamodb, name).differences(
            Settings.wanted(table, protected=protected)
        )
    ]


def _told(problems: list[str]) -> int:
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _begin(dynamodb: Any, source: str, name: str, at: datetime) -> None:
    """Start restoring, unless that was done before. Raises StackError if AWS can't restore that time."""
    try:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=source,
            TargetTableName=name,
            RestoreDateTime=at,
            SSESpecificationOverride={"Enabled": True, "SSEType": "KMS"},
        )
    except dynamodb.exceptions.TableAlreadyExistsException:
        say(f"{name} is there already")
    except dynamodb.exceptions.InvalidRestoreTimeException:
        backups = dynamodb.describe_continuous_backups(TableName=source)["ContinuousBackupsDescription"]
        window = backups["PointInTimeRecoveryDescription"]
        earliest, latest = (
            f"{window[end].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            for end in ("EarliestRestorableDateTime", "LatestRestorableDateTime")
        )
        raise StackError(f"{source} can be restored to a time from {earliest} to {latest}") from None
    else:
        say(f"restoring {source} as {name}")


def _wait(dynamodb: Any, name: str) -> None:
    while (status := dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]) != "ACTIVE":
        say(f"{name} is {status.lower()}")
        time.sleep(LOOK_SECONDS)


def _set(dynamodb: Any, name: str, wanted: Settings) -> None:
    """What a restored table lacks. Each change of the table itself waits for the one before."""
    found = Settings.found(dynamodb, name)
    if wanted.stream and found.stream != wanted.stream:
        stream = {"StreamEnabled": True, "StreamViewType": wanted.stream}
        dynamodb.update_table(TableName=name, StreamSpecification=stream)
        _wait(dynamodb, name)
    if wanted.protection and not found.protection:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
        _wait(dynamodb, name)
    if wanted.expiry and found.expiry != wanted.expiry:
        expiry = {"Enabled": True, "AttributeName": wanted.expiry}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    if wanted.recovery and not found.recovery:
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)


def _protected(stack: Stack) -> bool:
    """As the template's condition IsProtected has it."""
    return stack.parameter("Stage") != "local"


def _names(key_schema: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(part["AttributeName"] for part in key_schema)


def _shown(value: object) -> str:
    match value:
        case True | False | None:
            return "on" if value else "off"
        case frozenset() | tuple():
            return ", ".join(sorted(value)) or "none"
    return str(value)
