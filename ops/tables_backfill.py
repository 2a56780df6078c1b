"""Gives the mandates of release 0.1.0 the key by which a day lists them (docs/versions.md)."""

import argparse
from typing import Any

from mandates.store.by_day import mandates_without_a_day, put_on_its_day
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
