"""Asks Stripe for what its webhooks did not bring, as reconcile_events does every quarter of an hour."""

import argparse
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from mandates.core.clock import rfc3339
from mandates.gateway.events import EVENTS_LISTED_SECONDS
from mandates.runtime.queues import Queue
from mandates.setup.sweep import Sweeper, Swept
from mandates.webhooks.reconciling import Found, Reconciler
from ops.printing import complain, say
from ops.stack import Stack

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def add_commands(commands: Any) -> None:
    reconcile = commands.add_parser("reconcile", help="queue what Stripe's webhooks did not bring")
    reconcile.add_argument(
        "--since",
        metavar="WHEN",
        type=since,
        help="read Stripe's events from then on, such as 3d, 12h or 2026-11-20T00:00Z (default: from where"
        " the last run stopped)",
    )
    reconcile.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    reconcile.set_defaults(run=run_reconcile)


def since(text: str) -> int:
    """Epoch seconds of a point in time, or of a duration ago."""
    now = datetime.now(UTC)
    if ago := re.fullmatch(r"([1-9]\d{0,4})([mhd])", text):
        return int((now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp())
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write 3d, 12h, 90m or 2026-11-20T00:00Z") from None
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"give the time zone, such as {text}Z for UTC")
    if when > now:
        raise argparse.ArgumentTypeError("that is in the future")
    return int(when.timestamp())


def run_reconcile(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if Stripe's list was read to its end and everything missing is queued; else 1, and it says why."""
    stack.use_tables()
    queue = Queue(boto3.client("sqs"), stack.output("WebhookQueueUrl"))
    livemode = stack.parameter("StripeLivemode") == "true"
    owner_mark = stack.output("OwnerMark")
    oldest = int(time.time()) - EVENTS_LISTED_SECONDS
    if chosen.since is not None and chosen.since < oldest:
        say(f"Stripe lists only 30 days: beginning at {rfc3339(oldest)}")
    found = Reconciler(
        stack.gateway,
        queue,
        livemode,
        owner_mark,
        time.time,
        _unlimited,
        since=chosen.since,
        dry_run=chosen.dry_run,
        say=say,
    ).run()
    swept = Sweeper(
        stack.gateway.checkout_sessions,
        owner_mark,
        time.time,
        _unlimited,
        dry_run=chosen.dry_run,
    ).run()
    for line in told(found, swept, dry_run=chosen.dry_run):
        say(line)
    wrong = problems(found, swept, dry_run=chosen.dry_run)
    for problem in wrong:
        complain(problem)
    return 1 if wrong else 0


def _unlimited() -> float:
    return float("inf")


def told(found: Found, swept: Swept, *, dry_run: bool) -> list[str]:
    would_be = "to be queued" if dry_run else "queued"
    queued = found.missing if dry_run else found.queued
    lines = [f"events: {found.listed} listed, {found.missing} not recorded, {queued} {would_be}"]
    if found.foreign:
        lines.append(f"of those listed, {found.foreign} are about other payments of the account: passed over")
    if dry_run:
        return [*lines, f"pending mandates past their session's life: {swept.due} to ask Stripe about"]
    return [
        *lines,
        f"pending mandates past their session's life: {swept.due} found, {swept.decided} decided",
        *(f"still pending, since Stripe does not decide it: {mandate_id}" for mandate_id in swept.undecided),
    ]


_STOPPED = {
    "queue": "the webhook queue is already long: run this again once it is shorter",
    "time": "the time ran out: run this again",
}


def problems(found: Found, swept: Swept, *, dry_run: bool) -> list[str]:
    wrong = []
    if found.out_of_reach:
        wrong.append("events may be lost: the last run was over 30 days ago, and Stripe lists no older ones")
    if found.stopped:
        wrong.append(_STOPPED.get(found.stopped, f"stopped: {found.error or found.stopped}"))
    if found.not_taken:
        wrong.append(f"the queue did not take {found.not_taken} events: run this again")
    if swept.error:
        wrong.append(f"not swept: {', '.join(swept.failed) or 'none'} ({swept.error})")
    elif not dry_run and not swept.is_complete:
        wrong.append("not all mandates were swept: run this again")
    return wrong
