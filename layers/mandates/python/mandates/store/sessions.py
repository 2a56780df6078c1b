"""Checkout Sessions: the mandate that each is for, and when Stripe was last asked about it."""

from collections.abc import Sequence
from contextlib import suppress

from mandates.core.changes import Change
from mandates.core.subjects import checkout_session_subject
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import Transaction, read_row, update
from mandates.store.tables import SessionRow


def add_sessions(writing: Transaction, changes: Sequence[Change]) -> None:
    """Make each session findable that a mandate's facts newly name, whoever reported it first."""
    named: dict[str, set[str]] = {}
    for change in changes:
        for session_id in change.sessions:
            named.setdefault(session_id, set()).add(change.after.mandate_id)
    for session_id, mandate_ids in named.items():
        key = (checkout_session_subject(session_id),)
        named_by = [SessionRow.in_its_format(), SessionRow.mandates.add(mandate_ids)]
        writing.update(SessionRow, key, named_by, condition=None)


def mandates_naming(checkout_session_id: str) -> frozenset[str]:
    """The ids of the mandates whose facts name the session; read strongly consistently. Only their heads say
    whose they are."""
    row = read_row(SessionRow, checkout_session_subject(checkout_session_id))
    return frozenset(row.mandates or ()) if row else frozenset()


def may_ask(checkout_session_id: str, now: int, every: int) -> bool:
    """Whether Stripe may be asked about the session now (epoch seconds). If so, it is noted as asked.

    True at most once in `every` seconds, however many ask at once. A clock that was set back delays that by
    at most `every` seconds.
    """
    long_enough_ago = (
        SessionRow.asked_at.does_not_exist()
        | (SessionRow.asked_at <= now - every)
        | (SessionRow.asked_at > now + every)
    )
    key = (checkout_session_subject(checkout_session_id),)
    asked = [SessionRow.in_its_format(), SessionRow.asked_at.set(now)]
    with suppress(Conflict):
        update(SessionRow, key, asked, long_enough_ago)
        return True
    return False
