"""Notices of charges: recorded in the mandate's register, and found by their local day."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import msgspec

from mandates.core.changes import Subject
from mandates.core.charging.notice import Notice, NoticeKey
from mandates.core.ledger import PersonalValue
from mandates.core.mandate import Mandate
from mandates.store.charge_items import NoticeRow
from mandates.store.charges import move_register
from mandates.store.dynamodb import query, query_page, read_row, transaction
from mandates.store.mandates import add_checks, whole

MOST_NOTICES = 200
"""How many are read for a decision: those of today and of the next days. A notice beyond them is not seen, so
its charge is refused; no charge is ever made without one."""


class NoticePosition(msgspec.Struct, frozen=True):
    """A place in a mandate's list of notices: after this one."""

    day: date
    notice_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


# ------------------------------------------------------------------------------------------ reading


def read_notice(mandate_id: str, key: NoticeKey) -> Notice | None:
    row = read_row(NoticeRow, mandate_id, NoticeRow.key(key))
    return notice_of(row) if row else None


def notices_from(mandate_id: str, day: date) -> list[Notice]:
    """Those for that local day and later ones, earliest day first, at most MOST_NOTICES; read strongly
    consistently. So a mandate with thousands of notices costs the same as one with ten."""
    since = NoticeRow.of_mandate(mandate_id, since=day)
    return [notice_of(row) for row in query(NoticeRow, since, limit=MOST_NOTICES)]


def page_of_notices(
    mandate_id: str, limit: int, after: NoticePosition | None
) -> tuple[list[Notice], NoticePosition | None]:
    """Up to `limit` of a mandate's notices, latest day first, and where to continue (None at the end)."""
    key = NoticeRow.key(NoticeKey(after.day, after.notice_id)) if after else ""
    found, last = query_page(
        NoticeRow,
        NoticeRow.of_mandate(mandate_id, since=date.min),
        newest_first=True,
        limit=limit,
        after={"mandate_id": {"S": mandate_id}, "record": {"S": key}} if after else None,
    )
    notices = [notice_of(NoticeRow.from_raw_data(item)) for item in found]
    return notices, NoticePosition(notices[-1].day, notices[-1].notice_id) if last else None


# ------------------------------------------------------------------------------------------ writing


def commit_notice(notice: Notice, mandate: Mandate, subjects: Iterable[Subject]) -> None:
    """Record a notice under a mandate that nobody changed since, and `subjects`, everything it stands on.

    Raises Conflict if anything of that has changed, or if the notice or its place in the register exists.
    """
    with transaction() as writing:
        writing.put(NoticeRow, _values(notice, mandate.mandate_id), NoticeRow.record.does_not_exist())
        move_register(writing, mandate.mandate_id, notice.number, notice.hash)
        add_checks(writing, mandate, subjects)


# ------------------------------------------------------------------------------- items and objects


def notice_of(row: NoticeRow) -> Notice:
    return Notice(
        format=int(row.format),
        notice_id=row.record.removeprefix(f"{NoticeRow.PREFIX}{row.day}#"),
        number=whole(row.register_number),
        previous=row.previous,
        amount=whole(row.amount),
        currency=row.currency,
        day=date.fromisoformat(row.day),
        recorded_at=row.recorded_at,
        actor=row.actor,
        commitments=row.commitments,
        hash=row.hash,
        personal={name: PersonalValue(**kept) for name, kept in row.personal.items()},
        charge_ids=frozenset(row.charge_ids or ()),
    )


def _values(notice: Notice, mandate_id: str) -> dict[str, Any]:
    """By NoticeRow's attributes, of a new notice."""
    return {
        "mandate_id": mandate_id,
        "record": NoticeRow.key(notice.key),
        "register_number": notice.number,
        "previous": notice.previous,
        "amount": notice.amount,
        "currency": notice.currency,
        "day": notice.day.isoformat(),
        "recorded_at": notice.recorded_at,
        "actor": notice.actor,
        "personal": {name: asdict(kept) for name, kept in sorted(notice.personal.items())},
        "commitments": dict(notice.commitments),
        "hash": notice.hash,
    }
