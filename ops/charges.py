"""Commands for charges: show what is due, cancel, pause and resume. The others are in ops/charges_*.py."""

import argparse
import time
from collections.abc import Iterable, Iterator
from typing import Any

from mandates.charges.canceling import cancel_charge
from mandates.core.charging.facts import attempts
from mandates.core.charging.head import Charge
from mandates.core.clock import Instant, rfc3339
from mandates.core.errors import MandatesError
from mandates.store.charges import due_charges, open_charges, read_charge
from mandates.store.charging_switch import pause, read_pause, resume, turns
from ops import charges_audit, charges_export, charges_rebuild, charges_shown
from ops.arguments import an_id, positive, short
from ops.charge_words import charge_named, money, paused_line
from ops.events import LISTED
from ops.printing import complain, say
from ops.stack import Stack
from ops.withdrawals import whoever_runs_this

_FOR_EVER = 2**40
"""Epoch seconds by which every charge that is not final is due."""

TURNS_SHOWN = 5
CANCEL_SOURCE = "api:ops_cancel_charge"


def add_commands(commands: Any) -> None:
    actions = commands.add_parser(
        "charges", help="list, show, audit, export and cancel charges; pause and resume charging"
    ).add_subparsers(required=True, metavar="ACTION")
    due = actions.add_parser("due", help="show what is due, or what is open of a mandate")
    which = due.add_mutually_exclusive_group()
    which.add_argument("mandate_id", type=an_id, metavar="MANDATE_ID", nargs="?", help="its open charges")
    which.add_argument(
        "--all", action="store_true", help="every charge that has a due time, even in the future"
    )
    due.add_argument("--limit", type=positive, default=LISTED, metavar="N", help=f"at most N ({LISTED})")
    due.set_defaults(run=run_due)
    charges_shown.add_commands(actions)
    canceling = actions.add_parser("cancel", help="cancel a charge that is not final")
    canceling.add_argument("charge_id", type=an_id, metavar="CHARGE_ID")
    canceling.add_argument(
        "--why", required=True, type=short, help="in a few words; it is recorded for good, so name nobody"
    )
    canceling.set_defaults(run=run_cancel)
    charges_audit.add_commands(actions)
    charges_export.add_commands(actions)
    pausing = actions.add_parser("pause", help="stop all attempts from now on")
    pausing.add_argument("--why", required=True, type=short, help="in a few words; it is recorded")
    pausing.set_defaults(run=run_pause)
    resuming = actions.add_parser("resume", help="let attempts begin again")
    resuming.add_argument("--why", required=True, type=short, help="in a few words; it is recorded")
    resuming.set_defaults(run=run_resume)
    charges_rebuild.add_action(actions)


def run_due(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    paused = read_pause()
    if paused:
        say(paused_line(paused))
    for turn in turns(TURNS_SHOWN):
        say(f"{turn.at}  {'paused' if turn.paused else 'resumed'} by {turn.by}: {turn.why}")
    if chosen.mandate_id:
        found = open_charges(chosen.mandate_id)
    else:
        by = _FOR_EVER if chosen.all else int(time.time())
        found = [due.charge_id for due in due_charges(by, chosen.limit + 1)]
    for line in shown(found[: chosen.limit]):
        say(line)
    if not found:
        say("no charge is open" if chosen.mandate_id or chosen.all else "no charge is due")
    if len(found) > chosen.limit:
        say(f"… and more: --limit {chosen.limit * 10} shows more of them")
    return 0


def shown(charge_ids: Iterable[str]) -> Iterator[str]:
    """A line for each that has a due time, by its head: an index may be late."""
    for charge_id in charge_ids:
        charge = read_charge(charge_id)
        if charge and charge.due_at is not None:
            yield _line(charge, charge.due_at)


def _line(charge: Charge, due_at: int) -> str:
    begun = len(attempts(charge.facts))
    return (
        f"due {rfc3339(due_at)}  {charge.charge_id}  {charge.status:<14}  "
        f"{money(charge)}  {begun} attempts  {charge.reference}"
    )


def run_cancel(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if it is cancelled, or will be unless Stripe decides first; else 1."""
    stack.use_tables()
    if charge_named(chosen.charge_id) is None:
        complain(f"there is no charge {chosen.charge_id}")
        return 1
    by = whoever_runs_this()
    try:
        charge = cancel_charge(chosen.charge_id, by, CANCEL_SOURCE, stack.gateway, time.time, why=chosen.why)
    except MandatesError as error:
        complain(str(error))
        return 1
    say(f"{charge.charge_id} is {charge.status}, cancelled by {by}")
    if not charge.is_final:
        say("its PaymentIntent is not cancelled yet: the service follows it up")
    return 0


def run_pause(stack: Stack, chosen: argparse.Namespace) -> int:
    """Pause charging; 1 if somebody else had. An attempt that was begun before may still take money."""
    stack.use_tables()
    by = whoever_runs_this()
    if not pause(by, chosen.why, Instant(time.time())):
        paused = read_pause()
        complain(paused_line(paused) if paused else "somebody else turned the switch at the same time")
        return 1
    say(f"charging is paused by {by}: no attempt begins until {stack.command} charges resume --why …")
    say("attempts that had begun are followed up, and may still take money")
    return 0


def run_resume(stack: Stack, chosen: argparse.Namespace) -> int:
    """Resume charging; 1 if it was not paused."""
    stack.use_tables()
    by = whoever_runs_this()
    if not resume(by, chosen.why, Instant(time.time())):
        complain("charging was not paused")
        return 1
    say(f"charging is resumed by {by}: charges that waited are tried when they are next due")
    return 0
