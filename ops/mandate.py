"""Checks one mandate where it is stored: its ledger, and everything that must follow from it."""

import argparse
from collections.abc import Iterator
from typing import Any

from mandates.core.charging.usage_faults import over_use, proofs_of, usage_faults
from mandates.core.errors import Busy, LedgerUnreadable
from mandates.core.evidence_check import kept_hash_problems
from mandates.core.faults import faults
from mandates.core.record import Record, proven
from mandates.ledger.snapshot import altered_is_unreadable, charges_at_rest, read_record
from mandates.store.raw_charges import ChargesAsStored, reference_key
from mandates.store.raw_items import read_as_stored
from ops.arguments import an_id
from ops.evidence import KEPT_HASH
from ops.printing import complain, say
from ops.stack import Stack


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("mandate", help="one mandate").add_subparsers(
        required=True, metavar="ACTION"
    )
    verify = actions.add_parser(
        "verify", help="recompute its ledger, and compare everything stored about it with that"
    )
    verify.add_argument("mandate_id", type=an_id, metavar="ID")
    verify.add_argument("--head", **KEPT_HASH)
    verify.set_defaults(run=run_verify)


def run_verify(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if everything stored fits together; 1 if not, or if there is no such mandate."""
    stack.use_tables()
    mandate_id = chosen.mandate_id
    try:
        with altered_is_unreadable("something stored"):
            charging = charges_at_rest(mandate_id)
            record = read_record(mandate_id, read_as_stored, charging.register)
            problems = [*faults(record), *charging_faults(record, charging)] if record else []
    except (LedgerUnreadable, Busy) as error:
        complain(error)
        return 1
    if record is None:
        complain(f"there is no mandate {mandate_id}")
        return 1
    hashes = {entry.number: entry.hash for entry in record.sound}
    problems += kept_hash_problems(chosen.head, hashes)
    for note in erased(record):
        say(note)
    for problem in problems:
        complain(problem)
    if problems:
        return 1
    say(f"{mandate_id} verifies: {len(record.entries)} entries, last hash {record.entries[-1].hash}")
    if count := record.charging.register.count:
        say(f"its register verifies: {count} charges and notices, last link {record.charging.register.hash}")
    return 0


def charging_faults(record: Record, charging: ChargesAsStored) -> Iterator[str]:
    """What only all charges together show."""
    known = proven(record)
    proofs = proofs_of(charging.register.charges)
    yield from charging.odd
    yield from over_use(proofs, known)
    yield from usage_faults(charging.usage, proofs, charging.register.notices, reference_key)


def erased(record: Record) -> Iterator[str]:
    """Notes on erased values. They are not faults if the ledger records the erasure."""
    for entry in record.sound:
        kept = record.personal.get(entry.number, {})
        gone = [] if kept is None else sorted(entry.commitments.keys() - kept.keys())
        if gone:
            yield f"erased beside entry {entry.number}: {', '.join(gone)}"
