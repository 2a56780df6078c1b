"""Notices: what a business told its customer ahead of a charge, and when a charge is covered by it.

Under terms that promise n hours' notice of a varying amount, a charge needs a notice of exactly its amount
for exactly its local day. Our clock counts: the n hours begin when the notice is recorded here. One notice
covers one charge, and all attempts at it once the first was begun on that day.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from mandates.core.canonical import digest
from mandates.core.charging.calendar import end_of_day, start_of_day
from mandates.core.ledger import PersonalValue
from mandates.core.terms import Terms

FORMAT = 1
"""The format of new notices. It is hashed with the rest of a notice (docs/versions.md)."""

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class NoticeDetails:
    """What the business says it sent: `amount` in minor units, `day` in the consent's time zone, and its own
    `reference` of the message."""

    amount: int
    currency: str
    day: date
    reference: str

    @property
    def personal(self) -> Mapping[str, str]:
        """What lies beside the chain: it may be about a person."""
        return {"reference": self.reference}


@dataclass(frozen=True, slots=True)
class NoticeKey:
    """Finds a notice within its mandate."""

    day: date
    notice_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice, as recorded. `recorded_at` is our clock (RFC 3339, UTC), `actor` the client that asked.

    `number` is its place in the mandate's register, `previous` the link before it, and `hash` its own link.
    `personal` is empty once it is erased; `commitments` stay. `charge_ids`: the one charge that has it, and
    those that succeeded after they were given up.
    """

    format: int
    notice_id: str
    number: int
    previous: str
    amount: int
    currency: str
    day: date
    recorded_at: str
    actor: str
    commitments: Mapping[str, str]
    hash: str
    personal: Mapping[str, PersonalValue]
    charge_ids: frozenset[str] = frozenset()

    def content(self) -> dict[str, Any]:
        """What the hash is taken over: everything except the hash, the personal values and the charges."""
        return {
            "format": self.format,
            "notice_id": self.notice_id,
            "number": self.number,
            "previous": self.previous,
            "amount": self.amount,
            "currency": self.currency,
            "date": self.day.isoformat(),
            "recorded_at": self.recorded_at,
            "actor": self.actor,
            "commitments": dict(self.commitments),
        }

    @property
    def key(self) -> NoticeKey:
        return NoticeKey(self.day, self.notice_id)

    @property
    def known_from(self) -> int:
        """The first whole second (epoch) at which it was recorded."""
        return math.ceil(datetime.fromisoformat(self.recorded_at).timestamp())

    @property
    def reference(self) -> str | None:
        """The business's own, of the message it sent; None once erased."""
        kept = self.personal.get("reference")
        return kept.value if kept else None


def notice_id(mandate_id: str, details: NoticeDetails) -> str:
    """Derived, so that the same notice sent again is found, and not recorded twice."""
    said = {
        "amount": details.amount,
        "currency": details.currency,
        "date": details.day.isoformat(),
        "reference": details.reference,
    }
    hashed = bytes.fromhex(digest(said))
    return f"ntc_{mandate_id.removeprefix('mdt_')}_{base64.b32encode(hashed).decode().lower()[:16]}"


def new_notice(
    *,
    mandate_id: str,
    details: NoticeDetails,
    personal: Mapping[str, PersonalValue],
    count: int,
    previous: str,
    recorded_at: str,
    actor: str,
) -> Notice:
    """The next in a register of `count` charges and notices whose last link is `previous`."""
    unhashed = Notice(
        format=FORMAT,
        notice_id=notice_id(mandate_id, details),
        number=count + 1,
        previous=previous,
        amount=details.amount,
        currency=details.currency,
        day=details.day,
        recorded_at=recorded_at,
        actor=actor,
        commitments={name: kept.commitment for name, kept in sorted(personal.items())},
        hash="",
        personal=personal,
    )
    return replace(unhashed, hash=digest(unhashed.content()))


def needs_notice(terms: Terms) -> bool:
    """Whether each charge does. Terms promise notice of varying amounts only (docs/charging.md#notices)."""
    return terms.notice_hours is not None and terms.amount is None


@dataclass(frozen=True, slots=True)
class Cover:
    """The instants `start <= t < end` (epoch seconds) at which a charge's first attempt may begin. There are
    none if `end` is not after `start`."""

    start: int
    end: int

    def __contains__(self, instant: int) -> bool:
        return self.start <= instant < self.end

    @property
    def is_empty(self) -> bool:
        return self.end <= self.start


def cover(day: date, known_from: int, terms: Terms) -> Cover:
    """Of a notice for the local `day` that is recorded at `known_from` (epoch seconds): the instants of that
    day from n hours later on."""
    whole_day, hours = cover_of_day(day, terms), terms.notice_hours or 0
    return Cover(max(whole_day.start, known_from + hours * HOUR), whole_day.end)


def cover_of_day(day: date, terms: Terms) -> Cover:
    """Of a charge that has its notice for the local `day`, until its first attempt is begun. Empty for the
    last day of the year 9999, whose end no calendar has."""
    start = start_of_day(day, terms.zone)
    return Cover(start, end_of_day(day, terms.zone) or start)
