"""Restores the six tables to a point in time, and checks that they are as template.yaml asks."""

import argparse
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from mandates.core.clock import Instant
from mandates.store import tables
from mandates.store.charging_switch import pause
from ops import tables_backfill
from ops.existing_tables import STREAMS, TABLES, name_parameter, store_name
from ops.printing import complain, say
from ops.stack import Stack, StackError
from ops.table_settings import Settings, is_protected, latest_stream, problems
from ops.withdrawals import whoever_runs_this

LOOK_SECONDS = 20.0
"""Between two looks at a table that is being restored. That takes minutes or, if it is large, hours."""


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("tables", help="restore, check or fill in the tables").add_subparsers(
        required=True, metavar="ACTION"
    )
    restore = actions.add_parser(
        "restore", help="make copies of all six as they were at a time; an interrupted run can be repeated"
    )
    restore.add_argument(
        "--at", required=True, type=point_in_time, metavar="TIME", help="such as 2026-11-27T09:00:00Z"
    )
    restore.add_argument(
        "--keep-charges",
        action="store_true",
        help="restore the other five: nothing takes back what was charged",
    )
    restore.set_defaults(run=run_restore)
    tables_backfill.add_action(actions)
    actions.add_parser("check", help="check that the stack's tables are as template.yaml asks").set_defaults(
        run=run_check
    )


def point_in_time(text: str) -> datetime:
    """An ISO 8601 time with its offset from UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError("give a time with its offset, such as 2026-11-27T09:00:00Z")
    return at.astimezone(UTC)


def run_restore(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if all six, or all but the charges, are restored and as template.yaml asks.

    The stack keeps using its own tables until it is deployed with the parameters that this prints.
    """
    dynamodb: Any = boto3.client("dynamodb")
    kept = {"ChargesTable"} if chosen.keep_charges else set()
    sources = {table: stack.output(table) for table in TABLES if table not in kept}
    made = {table: f"{stack.name}-{table}-{chosen.at:%Y%m%dT%H%M%SZ}" for table in sources}
    try:
        _check_reach(dynamodb, sources.values(), chosen.at)
        for table, name in made.items():
            _begin(dynamodb, sources[table], name, chosen.at)
        for table, name in made.items():
            _wait(dynamodb, name)
            _set(dynamodb, name, Settings.wanted(table, protected=_protected(stack)))
        lacking = problems(dynamodb, made, protected=_protected(stack))
        streams = {
            STREAMS[table]: latest_stream(dynamodb, name) for table, name in made.items() if table in STREAMS
        }
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"not everything is restored: {error}; run it again, it goes on from there"
        ) from None
    if lacking:
        return _told(lacking)
    if "ChargesTable" in made:
        _pause(made["ChargesTable"], chosen.at)
    say("restored. Inspect the tables, for instance:")
    say(f"  {stack.command} --table MandatesTable={made['MandatesTable']} mandate verify ID")
    say("To go on with them, add to parameter_overrides in samconfig.toml, and deploy:")
    for table, name in made.items():
        say(f'  "{name_parameter(table)}={name}",')
    for parameter, stream in streams.items():
        say(f'  "{parameter}={stream}",')
    return 0


def _pause(charges_table: str, at: datetime) -> None:
    """A restored table has the switch as it was then, and lacks what was charged since. So nothing may be
    charged from it before that is rebuilt (docs/recovery.md)."""
    tables.bind({store_name("ChargesTable"): charges_table})
    why = f"restored to {at:%Y-%m-%dT%H:%M:%SZ}, and not rebuilt yet"
    if pause(whoever_runs_this(), why, Instant(time.time())):
        say(f"charging is paused in {charges_table}, until it is rebuilt and you resume it")


def run_check(stack: Stack, _chosen: argparse.Namespace) -> int:
    """0 if every table of the stack has what template.yaml asks for; 1 if not, with what it lacks."""
    names = {table: stack.output(table) for table in TABLES}
    streams = {table: stack.parameter(parameter) for table, parameter in STREAMS.items()}
    try:
        lacking = problems(boto3.client("dynamodb"), names, protected=_protected(stack), streams=streams)
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"can't look at the tables: {error}") from None
    if not lacking:
        say("all six tables are as template.yaml asks")
    return _told(lacking)


def _told(lacking: list[str]) -> int:
    for one in lacking:
        complain(one)
    return 1 if lacking else 0


def _check_reach(dynamodb: Any, sources: Iterable[str], at: datetime) -> None:
    """Raise StackError, before any table is restored, unless all can be restored to that time.

    How far back a table reaches, and how close to now, differs between tables.
    """
    described = [
        dynamodb.describe_continuous_backups(TableName=source)["ContinuousBackupsDescription"]
        for source in sources
    ]
    windows = [one.get("PointInTimeRecoveryDescription", {}) for one in described]
    windows = [one for one in windows if "LatestRestorableDateTime" in one]
    earliest = max((one["EarliestRestorableDateTime"] for one in windows), default=at)
    latest = min((one["LatestRestorableDateTime"] for one in windows), default=at)
    if not earliest <= at <= latest:
        first, last = (f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for end in (earliest, latest))
        raise StackError(f"the tables can be restored to a time from {first} to {last}")


def _begin(dynamodb: Any, source: str, name: str, at: datetime) -> None:
    """Start restoring, unless an earlier run did."""
    try:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=source,
            TargetTableName=name,
            RestoreDateTime=at,
            SSESpecificationOverride={"Enabled": True, "SSEType": "KMS"},
        )
    except (
        dynamodb.exceptions.TableAlreadyExistsException,
        dynamodb.exceptions.TableInUseException,  # it is being created
    ):
        say(f"{name} already exists")
    else:
        say(f"restoring {source} as {name}")


def _wait(dynamodb: Any, name: str) -> None:
    while (status := dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]) != "ACTIVE":
        say(f"{name} is {status.lower()}")
        time.sleep(LOOK_SECONDS)


def _set(dynamodb: Any, name: str, wanted: Settings) -> None:
    """Set what a restored table lacks. Each change of the table itself waits for the one before."""
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
    return is_protected(stack.parameter("Stage"))
