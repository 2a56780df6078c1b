"""Gives the mandates of release 0.1.0 the key by which a day lists them (docs/versions.md)."""

import argparse
from collections.abc import Iterator
from typing import Any

from mandates.store.by_day import put_on_its_day
from mandates.store.dynamodb import dynamodb_client
from mandates.store.tables import HeadRow
from ops.printing import say
from ops.stack import Stack

REPORTED_EVERY = 1_000


def add_action(actions: Any) -> None:
    actions.add_parser(
        "backfill",
        help="after an upgrade from 0.1.0: let days list earlier mandates; can be repeated",
    ).set_defaults(run=run_backfill)


def run_backfill(stack: Stack, _chosen: argparse.Namespace) -> int:
    """0 if the key of its day is in every mandate."""
    stack.use_tables()
    done = 0
    for done, (mandate_id, created_at) in enumerate(mandates_without_a_day(), start=1):
        put_on_its_day(mandate_id, created_at)
        if done % REPORTED_EVERY == 0:
            say(f"{done} mandates so far")
    say(f"{done} mandates got the key of their day")
    return 0


def mandates_without_a_day(at_a_time: int | None = None) -> Iterator[tuple[str, str]]:
    """Ids and times of creation (RFC 3339) of the mandates that no day lists. Raises NewerFormat.

    It reads, and costs, the whole table: `at_a_time` items with each request, or 1 MB."""
    asked: dict[str, Any] = {
        "TableName": HeadRow.Meta.table_name,
        "FilterExpression": "#record = :head AND attribute_not_exists(created_on)",
        "ExpressionAttributeNames": {"#record": "record"},
        "ExpressionAttributeValues": {":head": {"S": HeadRow.RECORD}},
    }
    asked |= {"Limit": at_a_time} if at_a_time else {}
    for page in dynamodb_client().get_paginator("scan").paginate(**asked):
        for item in page["Items"]:
            head = HeadRow.from_raw_data(item)
            yield head.mandate_id, head.created_at
