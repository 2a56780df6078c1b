"""Notices: what a business told its customer ahead of a charge. cover.py says when one covers a charge."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from mandates.core.canonical import digest
from mandates.core.ledger import PersonalValue

FORMAT = 1
"""The format of new notices. It is hashed with the rest of a notice (docs/versions.md)."""


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
