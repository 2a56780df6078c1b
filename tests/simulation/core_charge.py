"""One charge in the pure core, and what its reports do to the room it holds: no store, no clock.

Its limits, reference and declines are kept as store/charges.py keeps them, by the same changes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mandates.core.charging import charge as core_charge
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.change import ChargeChange, charge_change
from mandates.core.charging.charge import Room
from mandates.core.charging.facts import ChargeFact, ChargeFacts, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.clock import Instant
from mandates.core.ledger import first_broken

AT = 1_795_500_000
CHARGE_ID = "chg_aaaaaaaaaaaaaaaaaaaaaaaa_bbbbbbbbbbbbbbbb"
AMOUNT = 1_000
THIS_MONTH, NEXT_MONTH = "2026-11-01", "2026-12-01"
TODAY, TOMORROW = "2026-11-30", "2026-12-01"


class OrderMatters(AssertionError):
    """Two orders of the same reports that led to different charges, or one that led to a wrong one."""


@dataclass(frozen=True)
class Report:
    """Something that is told about the charge. `after`: what must have been told before it, as in life."""

    name: str
    facts: Callable[[ChargeFacts], Sequence[ChargeFact]]
    after: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CoreCharge:
    """`used`, `declines` and `held` are what the store has once every change was written."""

    charge: Charge
    used: Counter[str] = field(default_factory=Counter)
    declines: Counter[str] = field(default_factory=Counter)
    held: int = 0
    ledger: tuple[ChargeEntry, ...] = ()
    late: int = 0

    @classmethod
    def reserved(cls) -> "CoreCharge":
        empty = Charge(CHARGE_ID, 1, "2026-11-24T12:00:00.000Z", {}, "0" * 64, {})
        reservation = charge_fact(
            ChargeKind.RESERVED,
            AT,
            "api:create_charge",
            amount=str(AMOUNT),
            currency="usd",
            charge_by=str(AT + 700_000),
            period=THIS_MONTH,
            window="w",
            retries="1,3,7",
        )
        intent = replace(
            charge_fact(ChargeKind.INTENT_CREATED, AT, "api:create_charge"),
            ids={"payment_intent": frozenset({"pi_1"})},
        )
        begun = charge_fact(
            ChargeKind.ATTEMPT_BEGUN, AT + 1, "api:create_charge", attempt=1, period=THIS_MONTH, day=TODAY
        )
        made = cls(empty)
        for fact in (reservation, intent, begun):
            made = made.after([fact])
        return made

    def after(self, new: Sequence[ChargeFact]) -> "CoreCharge":
        change = charge_change(self.charge, new, source=new[0].source, now=Instant(AT + 5)) if new else None
        return self._written(change) if change else self

    def _written(self, change: ChargeChange) -> "CoreCharge":
        used, declines = self.used.copy(), self.declines.copy()
        freed, taken = change.room.freed, change.room.taken
        if taken and taken.period:
            used[taken.period] += taken.amount
        if freed and freed.period:
            used[freed.period] -= freed.amount
        declines.update(change.declines)
        held = self.held + (taken is not None) - (freed is not None)
        late = self.late + change.room.late
        return CoreCharge(change.after, used, declines, held, (*self.ledger, change.entry), late)

    def check(self) -> None:
        """What holds after every report. Raises OrderMatters."""
        charge = self.charge
        room = core_charge.room(charge.facts)
        if +self.used != ({room.period: AMOUNT} if room else {}) or min(self.used.values(), default=0) < 0:
            raise OrderMatters(f"the periods hold {dict(self.used)}, and the charge {room}")
        if self.held != (room is not None):
            raise OrderMatters(f"window and reference are held {self.held} times, and the charge has {room}")
        if (charge.due_at is None) is not charge.is_final:
            raise OrderMatters(f"a charge that is {charge.status} is due at {charge.due_at}")

    def check_repeated(self, told: Sequence[Report]) -> None:
        for report in told:
            if self.after(report.facts(self.charge.facts)) is not self:
                raise OrderMatters(f"{report.name}, told once more, changes something")

    def check_chain(self) -> None:
        charge = self.charge
        broken = first_broken(self.ledger, length=charge.entries, head_hash=charge.head_hash)
        if broken is not None:
            raise OrderMatters(f"the chain breaks at entry {broken}")

    @property
    def identity(self) -> tuple[ChargeFacts, str, Room | None, Counter[str], Counter[str]]:
        """All that orders must agree about."""
        charge = self.charge
        room = core_charge.room(charge.facts)
        return charge.facts, str(charge.status), room, +self.used, +self.declines


def every_order(
    reports: Sequence[Report], most: int, expected: Callable[[frozenset[str]], str]
) -> Iterator[CoreCharge]:
    """The charge after each order of at most `most` of the reports, each applied from its beginning.

    At each, every report that was told already is told once more, and changes nothing. Raises OrderMatters.
    """
    known: dict[frozenset[str], tuple[CoreCharge, str]] = {}

    def go_on(at: CoreCharge, told: tuple[Report, ...]) -> Iterator[CoreCharge]:
        path, names = " → ".join(report.name for report in told), frozenset(report.name for report in told)
        first, first_path = known.setdefault(names, (at, path))
        try:
            at.check()
            at.check_repeated(told)
            if len(told) == most:
                at.check_chain()
            if first.identity != at.identity:
                raise OrderMatters(f"{at.identity}\n{first.identity} after {first_path}")
            if at.charge.status != expected(names):
                raise OrderMatters(f"{at.charge.status}, and not {expected(names)}")
        except OrderMatters as found:
            raise OrderMatters(f"{path}: {found}") from None
        yield at
        for report in reports if len(told) < most else ():
            if report not in told and report.after <= names:
                yield from go_on(at.after(report.facts(at.charge.facts)), (*told, report))

    yield from go_on(CoreCharge.reserved(), ())
