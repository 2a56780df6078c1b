"""Rebuilds charges from Stripe after the tables were restored to an earlier time (docs/recovery.md)."""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mandates.charges.rebuilding import Done, Rebuilding, Rebuilt
from mandates.core.charging.books import ListedIntent, all_pages
from mandates.core.charging.rebuilt import named_charges
from mandates.core.clock import rfc3339
from mandates.core.errors import LedgerUnreadable, MandatesError
from mandates.gateway.payment_intents import IntentNotCancelable, StripePaymentIntents
from mandates.store.charging_switch import read_pause
from mandates.store.dynamodb import StoreError
from ops.printing import complain, say
from ops.reconcile import since
from ops.stack import Stack
from ops.withdrawals import whoever_runs_this

ABOUT = """\
Reads the payment intents made at Stripe since then, and rebuilds the charges here: a missing charge is
recorded again, one that lacks something gets it, and unused intents are cancelled. It takes no money, and you
can repeat it. Charging must be paused.
"""

FAILED = "not done"
LOOK = "for a person to look at"

CLOCKS_DIFFER = 600
"""Seconds by which Stripe's clock and AWS's may differ, at most. What is read twice changes nothing."""


def add_action(actions: Any) -> None:
    rebuilding = actions.add_parser(
        "rebuild",
        help="after tables were restored: record again what Stripe has charged since",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rebuilding.add_argument(
        "--since",
        required=True,
        type=since,
        metavar="TIME",
        help="the second that the tables were restored to, such as 2026-11-27T09:00:00Z",
    )
    rebuilding.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    rebuilding.set_defaults(run=run_rebuild)


def run_rebuild(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if every charge is whole; 1 if not, or if a person has to look at something."""
    stack.use_tables()
    if not (chosen.dry_run or read_pause()):
        complain(f"charging is not paused: first {stack.command} charges pause --why …")
        return 1
    listed = list(intents_since(stack.gateway.payment_intents, chosen.since - CLOCKS_DIFFER, time.time()))
    named = named_charges(listed, stack.output("OwnerMark"))
    ours = len(named.odd) + sum(len(intents) for intents in named.by_charge.values())
    say(f"Stripe has {len(listed)} payment intents since {rfc3339(chosen.since)}, {ours} of this stack")
    rebuilding = Rebuilding(
        gateway=stack.gateway,
        clock=time.time,
        random_bytes=os.urandom,
        actor=whoever_runs_this(),
        dry_run=chosen.dry_run,
    )
    done: Counter[str] = Counter()
    for charge_id, intents in named.by_charge.items():
        done[_rebuilt(rebuilding, charge_id, intents)] += 1
    for odd in named.odd:
        complain(f"{odd.payment_intent_id} is {odd.status}, has this stack's mark and names no charge")
    say(", ".join(f"{done[word]} {word}" for word in (*Done, FAILED, LOOK)))
    if chosen.dry_run:
        say("nothing was done: this was a dry run")
    say("Stripe knows no notices: record again those that were recorded since then")
    return 1 if done[FAILED] or done[LOOK] or done[Done.NO_MANDATE] or named.odd else 0


def intents_since(intents: StripePaymentIntents, since: int, now: float) -> Iterator[ListedIntent]:
    """All of the account's, newest first."""
    until = int(now) + CLOCKS_DIFFER
    for page in all_pages(lambda after: intents.page(since, until, after), lambda one: one.payment_intent_id):
        yield from page


def _rebuilt(rebuilding: Rebuilding, charge_id: str, intents: Sequence[ListedIntent]) -> str:
    """Rebuild one charge, and print what was done. A failure does not stop the others."""
    try:
        outcome = rebuilding.rebuild(charge_id, intents)
    except (MandatesError, StoreError, IntentNotCancelable) as error:
        again = "" if isinstance(error, LedgerUnreadable) else ", run it again"
        complain(f"{charge_id}: not done{again}: {error}")
        return FAILED
    if outcome.done is not Done.UNCHANGED or outcome.canceled:
        say(_line(outcome))
    for intent in outcome.canceled:
        say(f"  {intent} was not used, and is cancelled")
    for line in outcome.for_people:
        complain(f"  {charge_id}: {line}")
    return LOOK if outcome.for_people else outcome.done


def _line(outcome: Rebuilt) -> str:
    intent = outcome.intent
    return (
        f"{outcome.done:<10}  {outcome.charge_id}  {outcome.status:<14}  "
        f"{intent.amount} {intent.currency} (minor units)  {intent.payment_intent_id}"
    )
