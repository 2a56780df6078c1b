"""What a charge's chain proves of the charge.

Only the chain shows whether it was altered. So everything else that is stored of a charge is believed only
as far as the chain's entries say the same. charge_faults.py names the places where they don't.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import FINAL, Room, room, room_change
from mandates.core.charging.facts import (
    REBUILT,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact_from_plain,
)
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import Notice, NoticeKey
from mandates.core.charging.permission import Permission, permission_from_plain
from mandates.core.facts import merge
from mandates.core.ledger import PersonalValue


@dataclass(frozen=True, slots=True)
class StoredCharge:
    """What is stored of a charge.

    `entries` are the readable ones, in order; `first_broken` is the number of the first that does not hold.
    `notice` is the one that its permission names, if it is found. `head` is None if there is only a pack.
    """

    charge_id: str
    entries: Sequence[ChargeEntry]
    first_broken: int | None
    personal: Mapping[str, PersonalValue]
    notice: Notice | None = None
    head: Charge | None = None

    @property
    def sound(self) -> Sequence[ChargeEntry]:
        """The entries before the first one that does not hold."""
        return self.entries if self.first_broken is None else self.entries[: self.first_broken - 1]

    @property
    def link(self) -> str | None:
        """Its link in the register; None if its first entry does not hold."""
        return self.sound[0].hash if self.sound else None


@dataclass(frozen=True, slots=True)
class ProvenCharge:
    """What follows from a charge's sound entries.

    `reserved` and `permission` are those of the first entry; None if it has none. `personal` are the values
    that match its commitments. `status` is that of the last entry; None if the chain is broken: nobody knows
    what came after that. `late`: it took money when its room had been given up. `rebuilt`: it was recorded
    anew from what Stripe has of it, so nothing shows what permitted it.
    """

    entries: Sequence[ChargeEntry]
    reserved: ChargeFact | None
    permission: Permission | None
    personal: Mapping[str, PersonalValue]
    facts: ChargeFacts
    status: str | None
    late: bool

    @property
    def rebuilt(self) -> bool:
        return self.reserved is not None and self.reserved.source == REBUILT

    @property
    def room(self) -> Room | None:
        return room(self.facts) if self.reserved else None

    @property
    def ended_at(self) -> str | None:
        """When it was recorded that the charge is final."""
        return next((entry.recorded_at for entry in self.entries if entry.status in FINAL), None)

    @property
    def newest(self) -> datetime | None:
        """When its last entry was recorded."""
        return datetime.fromisoformat(self.entries[-1].recorded_at) if self.entries else None


def proven_charge(stored: StoredCharge) -> ProvenCharge:
    """Raises what reading an entry may raise if no release wrote it: KeyError, TypeError, ValueError,
    AttributeError."""
    entries = stored.sound
    facts: ChargeFacts = {}
    late = False
    for entry in entries:
        before, facts = facts, merge(facts, _facts_in(entry))
        late = late or room_change(before, facts).late
    first = entries[0] if entries else None
    return ProvenCharge(
        entries=entries,
        reserved=_reserved_in(first) if first else None,
        permission=permission_of(first) if first else None,
        personal=_fitting(first.commitments, stored.personal) if first else {},
        facts=facts,
        status=entries[-1].status if entries and stored.first_broken is None else None,
        late=late,
    )


def notice_named(facts: ChargeFacts) -> NoticeKey | None:
    """Where the notice is that the charge was reserved under."""
    said = facts[ChargeKind.RESERVED].detail if ChargeKind.RESERVED in facts else {}
    notice_id, day = said.get("notice"), said.get("notice_day")
    return NoticeKey(date.fromisoformat(day), notice_id) if notice_id and day else None


def permission_of(entry: ChargeEntry) -> Permission | None:
    return permission_from_plain(entry.permission) if entry.permission is not None else None


def _facts_in(entry: ChargeEntry) -> list[ChargeFact]:
    return [charge_fact_from_plain(plain) for plain in entry.facts]


def _reserved_in(entry: ChargeEntry) -> ChargeFact | None:
    return next((fact for fact in _facts_in(entry) if fact.kind == ChargeKind.RESERVED), None)


def _fitting(commitments: Mapping[str, Any], kept: Mapping[str, PersonalValue]) -> dict[str, PersonalValue]:
    return {name: value for name, value in sorted(kept.items()) if value.fits(commitments.get(name))}
