"""What a person has a right to: a copy of all that is held about them, and its erasure."""

import argparse
import json
import os
import re
import time
from typing import Any

from mandates.privacy.erasure import EvidenceKept, erase, remains
from mandates.privacy.export import export
from mandates.privacy.holdings import holdings
from ops.arguments import an_id
from ops.printing import complain, say, show
from ops.stack import Stack


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("customer", help="what is held about a customer").add_subparsers(
        required=True, metavar="ACTION"
    )
    exporting = actions.add_parser("export", help="print all of it, as JSON")
    exporting.set_defaults(run=run_export)
    erasing = actions.add_parser("erase", help="revoke their mandates and erase their personal data")
    erasing.add_argument(
        "--override-retention",
        metavar="REASON",
        type=reason,
        help="erase although the evidence must be kept; REASON is a word for the ledger, such as court_order",
    )
    erasing.set_defaults(run=run_erase)
    for action in (exporting, erasing):
        action.add_argument(
            "customer_id", type=an_id, metavar="ID", help="the subject (`sub`) of the customer's tokens"
        )


def reason(text: str) -> str:
    """One word, which can't name a person: it enters a chain from which nothing is ever removed."""
    if not re.fullmatch(r"[a-z0-9_]{1,64}", text):
        raise argparse.ArgumentTypeError(
            "give a word of a-z, 0-9 and _, such as court_order; nothing personal"
        )
    return text


def run_export(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    held = holdings(chosen.customer_id)
    if held.is_empty:
        complain(f"nothing is held about {chosen.customer_id}")
        return 1
    show(json.dumps(export(held, time.time), indent=2, ensure_ascii=False))
    return 0


def run_erase(stack: Stack, chosen: argparse.Namespace) -> int:
    """Erase, print each step and what remains elsewhere. 1 if it was refused or has to be run again."""
    stack.use_tables()
    held = holdings(chosen.customer_id)
    if held.is_empty:
        say(f"nothing is held about {chosen.customer_id}")
        return 0
    try:
        problems = erase(
            held, override=chosen.override_retention, clock=time.time, random_bytes=os.urandom, say=say
        )
    except EvidenceKept as refused:
        complain(refused)
        return 1
    say()
    say("What remains:")
    for line in remains(held, time.time):
        say(f"- {line}")
    for problem in problems:
        complain(problem)
    return 1 if problems else 0
