"""Compares charges with Stripe's books, as audit_charges does every hour; dismisses differences."""

import argparse
import time
from typing import Any

from mandates.charges.auditing import Audited, Auditor
from mandates.core.clock import Instant
from mandates.store.differences import differences_of, open_differences, resolve
from ops.arguments import an_id, short
from ops.printing import complain, say
from ops.reconcile import since
from ops.stack import Stack
from ops.withdrawals import whoever_runs_this

A_WEEK = 7 * 86_400.0
"""How many seconds a run may take: in effect, no limit."""


def add_commands(actions: Any) -> None:
    auditing = actions.add_parser("audit", help="compare charges with Stripe's books")
    auditing.add_argument(
        "--since",
        metavar="WHEN",
        type=since,
        help="read from then up to now, such as 3d, 12h or 2026-11-20T00:00Z (default: continue where the"
        " last run stopped, up to a day ago)",
    )
    auditing.set_defaults(run=run_audit)
    dismissing = actions.add_parser("dismiss", help="take a charge's differences off the list")
    dismissing.add_argument("charge_id", type=an_id, metavar="CHARGE_ID")
    dismissing.add_argument("--why", required=True, type=short, help="in a few words; it is recorded")
    dismissing.set_defaults(run=run_dismiss)


def run_audit(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if everything was read and nothing differs; else 1, and the differences are printed."""
    stack.use_tables()
    audited = Auditor(
        stack.gateway,
        stack.parameter("StripeLivemode") == "true",
        stack.output("OwnerMark"),
        time.time,
        lambda: A_WEEK,
        since=chosen.since,
        say=say,
    ).run()
    for line in told(audited):
        say(line)
    for named in open_differences():
        one = named.difference
        complain(f"{one.charge_id}  {one.kind}  since {named.first_seen}: {one.details}")
    for look, why in audited.stopped.items():
        complain(f"not read to its end: {look} ({audited.error or why})")
    for charge_id in audited.failed:
        complain(f"{charge_id} could not be audited: {audited.error}")
    return 0 if audited.is_complete and not audited.standing else 1


def told(audited: Audited) -> list[str]:
    return [
        f"{audited.ours} items of ours, {audited.strangers} of others; {audited.suspects} charges examined",
        f"{audited.recovered} recorded from Stripe, {audited.canceled} intents cancelled,"
        f" {audited.followed_up} open charges followed up",
        f"differences: {audited.new} new, {audited.resolved} resolved, {audited.standing or 0} standing",
    ]


def run_dismiss(stack: Stack, chosen: argparse.Namespace) -> int:
    """1 if nothing differs. A dismissed difference is named again if it changes."""
    stack.use_tables()
    standing = [one.difference for one in differences_of(chosen.charge_id) if not one.resolved_at]
    if not standing:
        complain(f"nothing of {chosen.charge_id} differs")
        return 1
    by = f"{whoever_runs_this()}: {chosen.why}"
    dismissed = [one for one in standing if resolve(one, Instant(time.time()), by=by)]
    for one in dismissed:
        say(f"{one.kind} of {one.charge_id} is off the list")
    return 0 if len(dismissed) == len(standing) else 1
