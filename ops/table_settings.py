"""The settings that a table must have, and whether it has them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from ops.existing_tables import STREAMS, Table, is_of

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
NO_STREAMS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a table must have beyond its items. DynamoDB restores the first three, but none of the others:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.Howitworks.html

    `stream` is what the stream shows of a change; None without one. `expiry` is the attribute that items
    expire by.
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
            if name == "indexes" and is_so >= asked:
                continue  # an additional index, from a version deployed before or after, does no harm
            if is_so != asked:
                yield f"{name} is {_shown(is_so)}, template.yaml asks for {_shown(asked)}"


def problems(
    dynamodb: Any, names: Mapping[Table, str], *, protected: bool, streams: Mapping[str, str] = NO_STREAMS
) -> list[str]:
    """Where the tables with these names differ from what template.yaml asks for.

    `streams` are the ARNs from which the stack reads changes, by the table's logical id; empty if it made the
    table. Raises botocore's BotoCoreError and ClientError.
    """
    lacking = [
        f"{name}: {difference}"
        for table, name in names.items()
        for difference in Settings.found(dynamodb, name).differences(
            Settings.wanted(table, protected=protected)
        )
    ]
    for table, name in names.items():
        stream = streams.get(table, "")
        if is_of(stream, name) and stream != (latest := latest_stream(dynamodb, name)):
            lacking.append(f"{name}: its stream is {latest or 'off'}, but {STREAMS[table]} is {stream}")
    return lacking


def latest_stream(dynamodb: Any, name: str) -> str:
    """The ARN of the stream that the table writes to; empty without one. It changes each time the stream is
    turned on: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html"""
    described = dynamodb.describe_table(TableName=name)["Table"]
    return str(described.get("LatestStreamArn", ""))


def is_protected(stage: str) -> bool:
    """The same rule as the template's condition IsProtected."""
    return stage != "local"


@cache
def _template() -> Any:
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def _names(key_schema: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(part["AttributeName"] for part in key_schema)


def _shown(value: object) -> str:
    match value:
        case True | False | None:
            return "on" if value else "off"
        case frozenset() | tuple():
            return ", ".join(sorted(value)) or "none"
    return str(value)
