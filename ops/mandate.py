"""Checking one mandate where it is stored: its ledger, what lies beside it, and the terms it names."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.facts import Kind
from mandates.core.ledger import Entry, PersonalValue, first_unsound
from mandates.core.mandate import Mandate
from mandates.core.record import head_follows
from mandates.core.terms import Terms
from mandates.store.as_stored import read_as_stored
from mandates.store.mandates import read_heads
from mandates.store.terms import Published, read_terms
from ops.printing import complain, say
from ops.stack import Stack

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("mandate", help="one mandate").add_subparsers(
        required=True, metavar="ACTION"
    )
    verify = actions.add_parser(
        "verify", help="recompute its ledger and name the first entry that was altered"
    )
    verify.add_argument("mandate_id", metavar="ID")
    verify.set_defaults(run=run_verify)


@dataclass(frozen=True, slots=True)
class Findings:
    """`problems` fail the command, `notes` don't."""

    problems: list[str]
    notes: list[str]


def run_verify(stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if everything stored fits together, 1 if something does not or there is no such mandate."""
    stack.use_tables()
    mandate_id = chosen.mandate_id
    try:
        mandate = read_heads([mandate_id]).get(mandate_id)
    except _UNREADABLE:
        complain("the head was altered: it can't be read")
        return 1
    if mandate is None:
        complain(f"there is no mandate {mandate_id}")
        return 1
    findings = verify(mandate)
    for note in findings.notes:
        say(note)
    for problem in findings.problems:
        complain(problem)
    if findings.problems:
        return 1
    say(f"{mandate_id} holds: {mandate.entries} entries, last hash {mandate.head_hash}")
    return 0


def verify(mandate: Mandate) -> Findings:
    stored = read_as_stored(mandate.mandate_id)
    grown = read_heads([mandate.mandate_id])[mandate.mandate_id]
    if grown.entries == len(stored.entries):
        mandate = grown  # an entry came between the two reads
    broken = first_unsound(stored.entries, length=mandate.entries, head_hash=mandate.head_hash)
    sound = [entry for _, entry in stored.entries[: broken - 1 if broken else None] if entry is not None]
    problems: list[str] = []
    if broken is not None:
        problems.append(f"entry {broken} is the first that was altered, removed or put in")
    elif not head_follows(mandate, sound):
        problems.append("the head was altered: its facts are not those the ledger tells of")
    problems += personal_problems(sound, stored.personal)
    problems += terms_problems(mandate, sound)
    return Findings(problems, notes=list(erased(sound, stored.personal)))


Personal = Mapping[int, Mapping[str, PersonalValue] | None]


def personal_problems(entries: list[Entry], personal: Personal) -> Iterator[str]:
    """Values beside the chain that are not what the chain commits to, as far as the chain is sound."""
    commitments = {entry.number: entry.commitments for entry in entries}
    for number, values in sorted(personal.items()):
        if values is None:
            yield f"the personal values of entry {number} were altered: they can't be read"
            continue
        for name, kept in sorted(values.items()):
            committed = commitments.get(number, {}).get(name)
            if committed is None:
                yield f"{name} lies beside entry {number}, which is unsound or commits to none"
            elif not _fits(kept, committed):
                yield f"{name} beside entry {number} was altered: it is not what the entry commits to"


def _fits(kept: PersonalValue, committed: str) -> bool:
    try:
        return kept.commitment == committed and bytes.fromhex(kept.salt).hex() == kept.salt
    except ValueError:
        return False


def erased(entries: list[Entry], personal: Personal) -> Iterator[str]:
    for entry in entries:
        kept = personal.get(entry.number, {})
        gone = [] if kept is None else [name for name in sorted(entry.commitments) if name not in kept]
        if gone:
            yield f"erased beside entry {entry.number}: {', '.join(gone)}"


def terms_problems(mandate: Mandate, entries: list[Entry]) -> Iterator[str]:
    """Whether the terms are still those the customer agreed to, word for word."""
    version = mandate.terms_version
    try:
        published = read_terms(version)
    except _UNREADABLE:
        yield f"the terms {version} were altered: they can't be read"
        return
    if published is None:
        yield f"the terms {version} are not there"
        return
    if published.terms.digest != mandate.terms_digest:
        yield f"the terms {version} were altered: they no longer have the digest that the mandate names"
    yield from _consent_problems(mandate, entries, published)


def _consent_problems(mandate: Mandate, entries: list[Entry], published: Published) -> Iterator[str]:
    for entry in entries:
        for fact in entry.facts:
            if fact["kind"] != Kind.CONSENT_ACCEPTED:
                continue
            if not mandate.shown.items() <= fact["detail"].items():
                yield f"the consent in entry {entry.number} is to other terms than the mandate names"
            elif (entry.text, mandate.wording_digest) != _wording(published.terms, mandate.locale):
                yield f"the text in entry {entry.number} is not that of the terms {mandate.terms_version}"


def _wording(terms: Terms, locale: str) -> tuple[str, str] | None:
    """With its digest."""
    return (terms.wording(locale), terms.wording_digest(locale)) if locale in terms.texts else None
