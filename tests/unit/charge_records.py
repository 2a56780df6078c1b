"""Charges under a mandate that was set up, as they are stored, for tests to alter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mandates.core.charging.calendar import calendar_period, day_of, window
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.change import charge_change
from mandates.core.charging.facts import ChargeFact, ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge, ChargeDetails, Confirm
from mandates.core.charging.ids import charge_id
from mandates.core.charging.notice import Notice, NoticeDetails, new_notice
from mandates.core.charging.permission import NoticeUsed, Permission
from mandates.core.charging.proof import StoredCharge
from mandates.core.charging.register import Register
from mandates.core.charging.register_slice import Registered, RegisterSlice, link_of
from mandates.core.clock import Instant
from mandates.core.ledger import GENESIS, PersonalValue, first_broken
from mandates.core.record import Record
from mandates.core.terms import Terms
from tests.unit.examples import AT
from tests.unit.records import TERMS, set_up

MANDATE_ID = "mdt_" + "a" * 24
FIRST = AT + 10_000
"""When the first charge is reserved; each later one a minute after the one before."""
SOURCE = "api:create_charge"
SALT = "0d" * 32


def mandate(terms: Terms = TERMS, *, revoked: bool = False) -> Record:
    return set_up(terms=terms, revoked=revoked, mandate_id=MANDATE_ID)


class Books:
    """Makes charges and notices, one after the other."""

    def __init__(self, record: Record | None = None) -> None:
        self.record = record or mandate()
        self.made: list[Registered] = []

    @property
    def terms(self) -> Terms:
        assert self.record.terms
        return self.record.terms

    @property
    def tip(self) -> str:
        return link_of(self.made[-1]) or "" if self.made else GENESIS

    def notice(self, amount: int = 1_299, *, days_ahead: int = 0) -> Notice:
        at = FIRST + 60 * len(self.made)
        made = new_notice(
            mandate_id=MANDATE_ID,
            details=NoticeDetails(
                amount, self.terms.limits.currency, day_of(at + days_ahead * 86_400, self.terms.zone), "sms-1"
            ),
            personal={"reference": PersonalValue("sms-1", SALT)},
            count=len(self.made),
            previous=self.tip,
            recorded_at=Instant(at - 100_000).text,
            actor="the-back-end",
        )
        self.made.append(made)
        return made

    def charge(
        self, *later: ChargeFact, amount: int = 1_299, notice: Notice | None = None, key: str = ""
    ) -> StoredCharge:
        """A charge to which these facts were added, each in an entry of its own."""
        at = FIRST + 60 * len(self.made)
        details = ChargeDetails(amount, self.terms.limits.currency, f"order-{len(self.made)}", "Coffee")
        id_ = charge_id(MANDATE_ID, key or f"key-{len(self.made)}")
        assert self.record.head
        anchor = day_of(AT + 30, self.terms.zone)
        held = window(self.terms.frequency, anchor, at, self.terms.zone)
        recurs = self.terms.frequency.interval is not None
        permission = Permission(
            number=len(self.made) + 1,
            previous=self.tip,
            mandate_entries=len(self.record.entries),
            mandate_hash=self.record.entries[-1].hash,
            anchor=anchor.isoformat() if recurs else None,
            notice=NoticeUsed(notice.notice_id, notice.hash) if notice else None,
        )
        kept = {name: PersonalValue(value, f"{at:064x}") for name, value in details.personal.items()}
        charge = Charge(
            charge_id=id_,
            number=permission.number,
            created_at=Instant(at).text,
            personal=kept,
            digest=details.digest,
            create_params={
                "amount": amount,
                "currency": details.currency,
                "customer": self.record.head.stripe_customer_id,
                "description": "Coffee",
            },
        )
        reserved = charge_fact(
            ChargeKind.RESERVED,
            at,
            SOURCE,
            amount=str(amount),
            currency=details.currency,
            charge_by=str(at + 8 * 86_400),
            period=self.period(at),
            window=held.key if held else "",
            retries="1,3,7",
            actor="the-back-end",
        )
        entries: list[ChargeEntry] = []
        for fact in (reserved, *(self._placed(fact, at) for fact in later)):
            begins = fact.kind == ChargeKind.ATTEMPT_BEGUN
            confirm = Confirm(int(fact.qualifier) if begins else 0, {"payment_method": "pm_example"})
            changed = charge_change(
                charge,
                [fact],
                source=fact.source,
                now=Instant(fact.at),
                confirm=confirm if begins else None,
                permission=None if entries else permission,
            )
            assert changed
            charge = changed.after
            entries.append(changed.entry)
        stored = StoredCharge(id_, entries, None, charge.personal, notice, charge)
        self.made.append(stored)
        return stored

    def _placed(self, fact: ChargeFact, reserved_at: int) -> ChargeFact:
        """After the reservation; a begin with the day and the period of its time."""
        at = reserved_at + fact.at
        if fact.kind != ChargeKind.ATTEMPT_BEGUN:
            return replace(fact, at=at)
        detail = {"day": day_of(at, self.terms.zone).isoformat(), "period": self.period(at)}
        return replace(fact, at=at, detail={name: said for name, said in detail.items() if said})

    def period(self, at: int) -> str:
        limit = self.terms.limits.per_period
        return calendar_period(limit.period, at, self.terms.zone).key if limit else ""

    def slice(self, first: int = 1, last: int | None = None) -> RegisterSlice:
        register = Register(len(self.made), self.tip)
        shown = self.made[first - 1 : last]
        return RegisterSlice(register, first, shown, self.tip if self.made else None, len(self.made))

    def recorded(self, first: int = 1, last: int | None = None) -> Record:
        return replace(self.record, charging=self.slice(first, last))


def of_attempt(kind: ChargeKind, attempt: int, after: int, source: str = "api:x", **said: Any) -> ChargeFact:
    return charge_fact(kind, after, source, attempt=attempt, **said)


def created(after: int = 1, intent: str = "pi_1") -> ChargeFact:
    return charge_fact(ChargeKind.INTENT_CREATED, after, SOURCE, payment_intent=intent)


def begun(attempt: int, after: int) -> ChargeFact:
    """Its day and period are those of its time."""
    return of_attempt(ChargeKind.ATTEMPT_BEGUN, attempt, after)


def failed(attempt: int, after: int, code: str = "payment_method_provider_decline") -> ChargeFact:
    return of_attempt(ChargeKind.ATTEMPT_FAILED, attempt, after, "evt_failed", status="402", code=code)


def succeeded(attempt: int, after: int, charge: str = "ch_1") -> ChargeFact:
    return of_attempt(ChargeKind.ATTEMPT_SUCCEEDED, attempt, after, "evt_paid", charge=charge)


def ending(after: int, reason: EndReason = EndReason.WITHDRAWN) -> ChargeFact:
    return charge_fact(ChargeKind.ENDING, after, SOURCE, reason=reason)


def canceled(after: int) -> ChargeFact:
    return charge_fact(ChargeKind.INTENT_CANCELED, after, "evt_canceled", payment_intent="pi_1")


PAID: Sequence[ChargeFact] = (created(), begun(1, 2), succeeded(1, 3))
PAID_AT_THE_SECOND: Sequence[ChargeFact] = (
    created(),
    begun(1, 2),
    failed(1, 3),
    begun(2, 3_700),
    succeeded(2, 3_701),
)


def read_charge_again(stored: StoredCharge) -> StoredCharge:
    """With `first_broken` as it is found when the entries are read."""
    assert stored.head
    length, tip = stored.head.entries, stored.head.head_hash
    return replace(stored, first_broken=first_broken(stored.entries, length=length, head_hash=tip))


MANDATE_INVALID = "payment_intent_mandate_invalid"


def worst(mine: Books) -> None:
    """A charge whose attempts fail for a reason of ours until `charge_by`, each told by us and by Stripe."""
    told = [created()]
    after = 60
    for attempt in range(1, 128):
        found = of_attempt(ChargeKind.ATTEMPT_EXAMINED, attempt, after + 3, found="nothing")
        told += [begun(attempt, after), failed(attempt, after + 2, MANDATE_INVALID), found]
        after += 5_000
    mine.charge(*told)
