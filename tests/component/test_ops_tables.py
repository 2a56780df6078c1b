"""Restoring the tables. moto does so at once, and as AWS without stream, expiry, recovery and protection."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend

from ops.existing_tables import STREAMS, TABLES, Table, name_parameter
from ops.table_settings import Settings
from tests.component.operating import STACK, main
from tests.component.world import TABLES as NAMES
from tests.component.world import World

pytestmark = pytest.mark.moto

AT = "2026-11-27T09:00:00Z"
RESTORED = {table: f"{STACK}-{table}-20261127T090000Z" for table in TABLES}
NO_STREAMS = {"Stage": "prod", "MandatesStreamArn": "", "ChargesStreamArn": ""}


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.stack.Stack.outputs", {logical_id: name for name, logical_id in NAMES.items()})
    monkeypatch.setattr("ops.stack.Stack.parameters", NO_STREAMS)


@pytest.fixture
def dynamodb(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With what is restored removed afterwards: the tables are made once for the whole run.

    moto overlooks the encryption that is asked for.
    """
    restore = DynamoDBBackend.restore_table_to_point_in_time

    def as_asked(backend: DynamoDBBackend, *tables: str) -> Any:
        restored = restore(backend, *tables)
        restored.sse_specification = world.calls[-1].parameters.get("SSESpecificationOverride")
        return restored

    monkeypatch.setattr(DynamoDBBackend, "restore_table_to_point_in_time", as_asked)
    client = boto3.client("dynamodb")
    yield client
    for name in NAMES:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        )
    for name in client.list_tables()["TableNames"]:
        if name in RESTORED.values():
            client.update_table(TableName=name, DeletionProtectionEnabled=False)
            client.delete_table(TableName=name)


def test_all_six_are_restored_and_get_what_a_restored_table_lacks(
    world: World, dynamodb: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = world.begun()
    assert main(["tables", "restore", "--at", AT]) == 0
    printed = capsys.readouterr().out
    for table, name in RESTORED.items():
        assert f'"{name_parameter(table)}={name}"' in printed
        assert list(Settings.found(dynamodb, name).differences(Settings.wanted(table, protected=True))) == []
    for table, name in RESTORED.items():
        stream = dynamodb.describe_table(TableName=name)["Table"].get("LatestStreamArn")
        assert (stream is not None) == (table in STREAMS)
        if stream:
            assert f'"{STREAMS[table]}={stream}"' in printed
    items = dynamodb.scan(TableName=RESTORED["ChargesTable"])["Items"]
    (switch,) = (item for item in items if item["record"]["S"] == "pause")
    assert switch["paused"]["BOOL"], "what was charged since is not in it"
    assert dynamodb.scan(TableName="charges")["Items"] == [], "the stack's own table is left alone"
    assert f"charging is paused in {RESTORED['ChargesTable']}" in printed
    items = dynamodb.scan(TableName=RESTORED["MandatesTable"])["Items"]
    assert begun["mandate_id"] in {item["mandate_id"]["S"] for item in items}


def test_what_was_charged_can_be_left_as_it_is(dynamodb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables", "restore", "--at", AT, "--keep-charges"]) == 0
    assert RESTORED["ChargesTable"] not in dynamodb.list_tables()["TableNames"]
    printed = capsys.readouterr().out
    assert "MandatesStreamArn" in printed
    assert "Charges" not in printed


def test_run_again_it_goes_on(world: World, dynamodb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="mandates",
        TargetTableName=RESTORED["MandatesTable"],
        RestoreDateTime=datetime.now(UTC),
        SSESpecificationOverride={"Enabled": True},
    )
    for _ in range(2):
        assert main(["tables", "restore", "--at", AT]) == 0
        assert f"{RESTORED['MandatesTable']} already exists" in capsys.readouterr().out
    assert Settings.found(dynamodb, RESTORED["MandatesTable"]).stream == "NEW_IMAGE"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            {"StreamSpecification": {"StreamEnabled": False}},
            "stream is off, template.yaml asks for NEW_IMAGE",
        ),
        ({"DeletionProtectionEnabled": False}, "protection is off, template.yaml asks for on"),
    ],
)
def test_a_table_that_lacks_something_is_named(
    spoil: dict[str, Any],
    said: str,
    dynamodb: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tables", "restore", "--at", AT]) == 0
    monkeypatch.setattr("ops.stack.Stack.outputs", RESTORED)
    assert main(["tables", "check"]) == 0
    assert "all six tables are as template.yaml asks" in capsys.readouterr().out
    dynamodb.update_table(TableName=RESTORED["MandatesTable"], **spoil)
    assert main(["tables", "check"]) == 1
    assert capsys.readouterr().err.splitlines() == [f"{RESTORED['MandatesTable']}: {said}"]


def test_what_lacks_everything_is_told_all_of_it(dynamodb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The tables of these tests have keys and indexes and nothing else."""
    assert main(["tables", "check"]) == 1
    said = capsys.readouterr().err
    assert "events: expiry is off, template.yaml asks for expires_at" in said
    assert "terms: recovery is off, template.yaml asks for on" in said
    assert "key is" not in said
    assert "indexes is" not in said


def test_commands_read_the_table_that_is_named(
    world: World, dynamodb: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mandate_id = world.begun()["mandate_id"]
    assert main(["tables", "restore", "--at", AT]) == 0
    later = world.begun("customer_later")["mandate_id"]
    capsys.readouterr()
    other = ["--table", f"MandatesTable={RESTORED['MandatesTable']}"]
    assert main([*other, "mandate", "verify", mandate_id]) == 0
    assert main([*other, "mandate", "verify", later]) == 1
    assert main(["mandate", "verify", later]) == 0


def test_a_table_that_is_being_restored_is_waited_for(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until it is there DynamoDB says `TableInUseException`, by botocore's model of the call."""
    assert main(["tables", "restore", "--at", AT]) == 0

    def in_use(_: DynamoDBBackend, *__: str) -> None:
        raise DynamodbException("com.amazonaws.dynamodb.v20111205#TableInUseException", "in use")

    monkeypatch.setattr(DynamoDBBackend, "restore_table_to_point_in_time", in_use)
    assert main(["tables", "restore", "--at", AT]) == 0
    assert f"{RESTORED['TermsTable']} already exists" in capsys.readouterr().out


def test_a_time_that_one_table_can_not_go_back_to_restores_none(
    dynamodb: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb.update_continuous_backups(
        TableName="terms", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert main(["tables", "restore", "--at", AT]) == 1
    assert "the tables can be restored to a time from 20" in capsys.readouterr().err
    assert not set(RESTORED.values()) & set(dynamodb.list_tables()["TableNames"])


@pytest.mark.parametrize("table", STREAMS)
def test_a_stream_that_was_turned_on_anew_is_told(
    table: Table, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables", "restore", "--at", AT]) == 0
    name, parameter = RESTORED[table], STREAMS[table]
    read = dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    monkeypatch.setattr("ops.stack.Stack.outputs", RESTORED)
    monkeypatch.setattr("ops.stack.Stack.parameters", {**NO_STREAMS, parameter: read})
    assert main(["tables", "check"]) == 0
    before = f"{read.rpartition('/')[0]}/2020-01-01T00:00:00.000"
    monkeypatch.setattr("ops.stack.Stack.parameters", {**NO_STREAMS, parameter: before})
    assert main(["tables", "check"]) == 1
    assert capsys.readouterr().err == f"{name}: its stream is {read}, but {parameter} is {before}\n"


def test_an_index_more_than_asked_for_is_no_fault(dynamodb: Any) -> None:
    """A version that is deployed again may not know it yet."""
    asked = Settings.wanted("MandatesTable", protected=True)
    more = replace(asked, indexes=asked.indexes | {"later"})
    assert list(more.differences(asked)) == []
    assert list(asked.differences(more)) != []


@pytest.mark.parametrize("given", ["MandatesTable", "MandatesTable=", "mandates=x", "=x"])
def test_a_table_that_is_none_of_ours_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--table", given, "tables", "check"])
    assert "one of CustomersTable, MandatesTable" in capsys.readouterr().err


@pytest.mark.parametrize("at", ["yesterday", "2026-11-27", "2026-11-27T09:00:00", ""])
def test_a_time_without_its_offset_is_refused(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tables", "restore", "--at", at])
    assert "a time with its offset" in capsys.readouterr().err
