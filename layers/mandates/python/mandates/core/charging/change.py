"""What a charge, its chain and the room it holds become when facts are added. Pure: the store writes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mandates.core.changes import EventRecord
from mandates.core.charging.chain import ChargeEntry, append_entry
from mandates.core.charging.charge import ChargeStatus, RoomChange, charge_status, due_at, room_change
from mandates.core.charging.disputes import open_disputes
from mandates.core.charging.facts import (
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    declined_attempts,
    is_rebuilt,
    of_attempt,
)
from mandates.core.charging.head import Charge, Confirm
from mandates.core.charging.permission import Permission
from mandates.core.charging.refunds import RefundStatus, refunds
from mandates.core.clock import Instant
from mandates.core.facts import merge


@dataclass(frozen=True, slots=True)
class ChargeChange:
    """A charge before and after. `before` has no entries if the charge is new.

    `declines`: by local day, how many more attempts count as declined (fewer, if an earlier report of a
    failure says that it was ours to mend). `intent` is the id of its Stripe PaymentIntent, if it is new.
    """

    before: Charge
    after: Charge
    entry: ChargeEntry
    room: RoomChange
    declines: Mapping[str, int]
    event: EventRecord | None = None

    @property
    def is_new(self) -> bool:
        return self.before.entries == 0

    @property
    def intent(self) -> str | None:
        known, now = self.before.payment_intent_id, self.after.payment_intent_id
        return now if now != known else None

    @property
    def counts_anyway(self) -> bool:
        """Whether it takes room that may not be free: the money was taken already."""
        return self.room.late or is_rebuilt(self.after.facts)

    @property
    def settles(self) -> bool:
        """Whether nothing more is expected of it now, and something was before."""
        return self.after.is_settled and not self.is_new and not self.before.is_settled

    @property
    def unsettles(self) -> bool:
        """Whether something is expected of it again: it was settled before, or is new."""
        return not self.after.is_settled and (self.is_new or self.before.is_settled)

    @property
    def disputes_opened(self) -> frozenset[str]:
        """Stripe's ids of the disputes that are open now and were not."""
        return open_disputes(self.after.facts) - open_disputes(self.before.facts)

    @property
    def disputes_closed(self) -> frozenset[str]:
        return open_disputes(self.before.facts) - open_disputes(self.after.facts)

    @property
    def refunds_failed(self) -> int:
        """How many more refunds have failed. One that was given up, and that Stripe turns out to have, takes
        none of them back."""
        return len(_failed_refunds(self.after.facts) - _failed_refunds(self.before.facts))

    @property
    def succeeds(self) -> bool:
        succeeded = ChargeStatus.SUCCEEDED
        return self.after.status is succeeded and (self.is_new or self.before.status is not succeeded)


def charge_change(
    charge: Charge,
    new: Sequence[ChargeFact],
    *,
    source: str,
    now: Instant,
    event: EventRecord | None = None,
    confirm: Confirm | None = None,
    permission: Permission | None = None,
) -> ChargeChange | None:
    """The charge once `new` is added; None if none of it is new.

    `event` is the one that reported it. `confirm` belongs to an attempt that is begun, `permission` to a
    reservation.
    """
    facts = merge(charge.facts, new)
    if facts == charge.facts:
        return None
    entry = append_entry(
        charge_id=charge.charge_id,
        length=charge.entries,
        head_hash=charge.head_hash,
        recorded_at=now.text,
        source=source,
        facts=new,
        status=str(charge_status(facts)),
        permission=permission,
        personal=charge.personal if permission else None,
    )
    after = replace(
        charge,
        facts=facts,
        entries=entry.number,
        head_hash=entry.hash,
        confirm=confirm or charge.confirm,
        due_at=due_at(facts, now.seconds),
    )
    return ChargeChange(
        before=charge,
        after=after,
        entry=entry,
        room=room_change(charge.facts, facts),
        declines=_more_declines(charge.facts, facts),
        event=event,
    )


def _failed_refunds(facts: ChargeFacts) -> set[str]:
    return {refund.refund_id for refund in refunds(facts) if refund.status is RefundStatus.FAILED}


def _more_declines(before: ChargeFacts, after: ChargeFacts) -> dict[str, int]:
    known, now = declined_attempts(before), declined_attempts(after)
    more = Counter(_day_of(after, attempt) for attempt in now - known)
    more.subtract(_day_of(after, attempt) for attempt in known - now)
    return {day: count for day, count in more.items() if day and count}


def _day_of(facts: ChargeFacts, attempt: int) -> str:
    begun = of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, attempt)
    return begun.detail.get("day", "") if begun else ""
