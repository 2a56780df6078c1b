"""Whether every charge came out right: what lies in the table against what Stripe took.

Read from the table itself and from Stripe's API. What is shared with the code is what a charge's facts mean,
the calendar, and the chain's hashes.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from mandates.core.charging.calendar import calendar_period
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import ChargeStatus, room
from mandates.core.charging.head import Charge
from mandates.core.charging.refunds import pending_refunds, refunds, taken
from mandates.core.ledger import first_broken
from mandates.core.stripe_events.projection import METADATA_CHARGE, METADATA_OWNER_MARK, METADATA_REFUND
from mandates.core.terms import Limits
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, OpenChargeRow, UsageRow
from mandates.store.charge_rows import charge_of, entry_of
from tests.live.stack import Json, LiveStack
from tests.live.verdict import Stored

OVERDUE_SECONDS = 180
"""Due charges are queued every minute, and a worker takes one at a time."""

CAN_TAKE_MONEY = {"requires_payment_method", "requires_confirmation", "requires_action", "processing"}


@dataclass
class StoredCharges:
    """All there is in the charges' table."""

    charges: dict[str, Charge] = field(default_factory=dict)
    chains: dict[str, list[ChargeEntry]] = field(default_factory=lambda: defaultdict(list))
    open: set[str] = field(default_factory=set)
    used: dict[tuple[str, str], int] = field(default_factory=dict)
    """By mandate and by the first day of the period."""

    @property
    def statuses(self) -> Counter[str]:
        return Counter(str(charge.status) for charge in self.charges.values())

    def unsettled(self) -> list[str]:
        """Those that the next minutes decide."""
        soon = {ChargeStatus.PENDING, ChargeStatus.PROCESSING}
        return [
            charge_id
            for charge_id, charge in self.charges.items()
            if charge.status in soon or pending_refunds(charge.facts)
        ]


def read_charges(stack: LiveStack) -> StoredCharges:
    stored = StoredCharges()
    for item in stack.items("charges"):
        record = item["record"]["S"]
        if record.startswith(ChargeRow.PREFIX):
            charge = charge_of(ChargeRow.from_raw_data(item))
            stored.charges[charge.charge_id] = charge
        elif record.startswith(ChargeEntryRow.PREFIX):
            entry = entry_of(ChargeEntryRow.from_raw_data(item))
            stored.chains[entry.charge_id].append(entry)
        elif record.startswith(OpenChargeRow.PREFIX):
            stored.open.add(record.removeprefix(OpenChargeRow.PREFIX))
        elif record.startswith(UsageRow.PERIOD):
            period = item["mandate_id"]["S"], record.removeprefix(UsageRow.PERIOD)
            stored.used[period] = int(item["used"]["N"])
    for chain in stored.chains.values():
        chain.sort(key=lambda entry: entry.number)
    return stored


def judge_charges(stack: LiveStack, answered: Iterable[str], mandates: Stored) -> list[str]:
    """What is wrong with the charges of this stack. `answered` are those that a caller was told of."""
    mark = stack.described["owner_mark"]
    intents = [
        intent
        for intent in stack.stripe_list("payment_intents")
        if intent["metadata"].get(METADATA_OWNER_MARK) == mark
    ]
    limits = {
        mandate_id: mandates.terms[head.terms_version].limits
        for mandate_id, head in mandates.heads.items()
        if head.terms_version in mandates.terms
    }
    of_ours = {intent["id"] for intent in intents}
    refunds = [one for one in stack.stripe_list("refunds") if one["payment_intent"] in of_ours]
    stored = read_charges(stack)
    return [
        *charge_problems(stored, answered, intents, limits, time.time()),
        *refund_problems(stored, refunds),
    ]


def charge_problems(
    stored: StoredCharges,
    answered: Iterable[str],
    intents: Sequence[Json],
    limits: Mapping[str, Limits],
    now: float,
) -> Iterator[str]:
    """Given all intents of ours at Stripe, the limits of each mandate, and now (epoch seconds)."""
    by_charge: dict[str, list[Json]] = defaultdict(list)
    for intent in intents:
        by_charge[str(intent["metadata"].get(METADATA_CHARGE))].append(intent)
    yield from (f"{one} was answered and is not there" for one in answered if one not in stored.charges)
    for charge_id in by_charge.keys() - stored.charges.keys():
        if any(map(_took, by_charge[charge_id])):
            yield f"money was taken for {charge_id}, which is not there"
    for charge in stored.charges.values():
        yield from _of_one(stored, charge, now)
        yield from _against_stripe(charge, by_charge[charge.charge_id])
    yield from _paid_twice(stored)
    for mandate_id in {charge.mandate_id for charge in stored.charges.values()}:
        yield from _beyond_limits(stored, mandate_id, by_charge, limits[mandate_id])


def refund_problems(stored: StoredCharges, at_stripe: Sequence[Json]) -> Iterator[str]:
    """Given all refunds of our intents at Stripe."""
    there: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
    for one in at_stripe:
        status = _REFUND_STATUS.get(one["status"], "pending")
        there[one["payment_intent"]][one["id"]] = status, one["amount"]
    times = Counter(ours for one in at_stripe if (ours := one["metadata"].get(METADATA_REFUND)))
    yield from (f"{refund_id} was made {n} times" for refund_id, n in times.items() if n > 1)
    for charge in stored.charges.values():
        known = refunds(charge.facts)
        here = {
            one.stripe_refund_id: (str(one.status), one.amount)
            for one in known
            if one.stripe_refund_id is not None
        }
        told = there[charge.payment_intent_id or ""]
        if here != told:
            yield f"{charge.charge_id} has the refunds {here}, and Stripe {told}"
        given = sum(amount for status, amount in told.values() if status != "failed")
        if given > taken(charge.facts):
            yield f"{charge.charge_id} took {taken(charge.facts)}, and {given} of it were given back"


_REFUND_STATUS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}


def _of_one(stored: StoredCharges, charge: Charge, now: float) -> Iterator[str]:
    chain = stored.chains[charge.charge_id]
    broken = first_broken(chain, length=charge.entries, head_hash=charge.head_hash)
    if broken is not None:
        yield f"{charge.charge_id}: entry {broken} is the first that does not hold"
    is_open, is_due = charge.charge_id in stored.open, charge.due_at is not None
    if charge.is_final and is_due is not bool(pending_refunds(charge.facts)):
        yield f"{charge.charge_id} is {charge.status}, and is not due exactly if a refund is pending"
    if charge.is_settled and (is_open or is_due):
        yield f"{charge.charge_id} is {charge.status}, and still listed as open or due"
    if not charge.is_final and not (is_open and is_due):
        yield f"{charge.charge_id} is {charge.status}, and nobody will look at it again"
    if charge.due_at is not None and charge.due_at < now - OVERDUE_SECONDS:
        yield f"{charge.charge_id} is {charge.status}, and has been due for {now - charge.due_at:.0f} s"


def _against_stripe(charge: Charge, intents: Sequence[Json]) -> Iterator[str]:
    took = [intent for intent in intents if _took(intent)]
    succeeded = charge.status is ChargeStatus.SUCCEEDED
    if len(took) > 1:
        yield f"{charge.charge_id} took money {len(took)} times"
    elif bool(took) is not succeeded:
        yield f"{charge.charge_id} is {charge.status}, and Stripe took money for it {len(took)} times"
    for intent in took:
        told = (charge.payment_intent_id, charge.amount, charge.currency)
        at_stripe = (intent["id"], intent["amount_received"], intent["currency"])
        if told != at_stripe:
            yield f"{charge.charge_id} says {told}, and Stripe took {at_stripe}"
    for intent in intents:
        can = intent["id"] == charge.payment_intent_id and intent["status"] in CAN_TAKE_MONEY
        if charge.is_final and can:
            yield f"{charge.charge_id} is {charge.status}, and its intent can still take money"


def _paid_twice(stored: StoredCharges) -> Iterator[str]:
    paid = Counter(
        (charge.mandate_id, charge.reference)
        for charge in stored.charges.values()
        if charge.status is ChargeStatus.SUCCEEDED
    )
    yield from (f"{reference} of {of} was paid {n} times" for (of, reference), n in paid.items() if n > 1)


def _beyond_limits(
    stored: StoredCharges, mandate_id: str, intents: Mapping[str, Sequence[Json]], limits: Limits
) -> Iterator[str]:
    charges = [charge for charge in stored.charges.values() if charge.mandate_id == mandate_id]
    took = [intent for charge in charges for intent in intents[charge.charge_id] if _took(intent)]
    for intent in took:
        if intent["amount_received"] > limits.per_charge:
            yield f"{mandate_id}: {intent['id']} took more than the limit for a charge"
    if limits.per_period is None:
        return
    zone, taken = ZoneInfo(limits.per_period.time_zone), Counter[str]()
    for intent in took:
        period = calendar_period(limits.per_period.period, intent["created"], zone)
        taken[period.key] += intent["amount_received"]
    for period_key, amount in taken.items():
        if amount > limits.per_period.amount:
            yield f"{mandate_id}: {amount} were taken in the period from {period_key}"
    held = Counter[str]()
    for charge in charges:
        if (holds := room(charge.facts)) and holds.period:
            held[holds.period] += holds.amount
    counted = {start: used for (of, start), used in stored.used.items() if of == mandate_id and used}
    if counted != dict(held):
        yield f"{mandate_id}: its periods count {counted}, and its charges hold {dict(held)}"


def _took(intent: Json) -> bool:
    return bool(intent["amount_received"])
