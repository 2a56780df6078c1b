"""The items in the charges' table that the audit writes, and the history of the switch.

| partition | sort key | |
|---|---|---|
| a mandate's | `movement#chg_…#txn_…` | a balance transaction of a charge |
| `audit` | `difference#open#chg_…#amount#pi_…` | where Stripe and the charge differ now |
| `audit` | `difference#resolved#chg_…#amount#pi_…#2026-11-27T…Z` | where they differed, until then |
| `switch` | `turn#2026-11-27T…Z#paused` | who paused or resumed all charging, and why |
"""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from mandates.core.charging.movements import Movement
from mandates.store.days import ByCreatedOn, created_on
from mandates.store.item_formats import Format, Item, Table


class MovementRow(Item):
    """A balance transaction. Amounts are in minor units, times in epoch seconds. `created_on` is its day
    (UTC) and a shard, `created_at` its time in RFC 3339: keys of the index."""

    PREFIX = "movement#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    charge_id = UnicodeAttribute()
    type = UnicodeAttribute()
    source = UnicodeAttribute()
    amount = NumberAttribute()
    fee = NumberAttribute()
    net = NumberAttribute()
    currency = UnicodeAttribute()
    created = NumberAttribute()
    available_on = NumberAttribute()
    exchange_rate = UnicodeAttribute(null=True)
    payout = UnicodeAttribute(null=True)
    created_on = UnicodeAttribute()
    created_at = UnicodeAttribute()

    by_created_on = ByCreatedOn()

    @classmethod
    def of_charge(cls, mandate_id: str, charge_id: str) -> Condition:
        movements: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(
            f"{cls.PREFIX}{charge_id}#"
        )
        return movements

    @classmethod
    def of_day(cls, day: str, shard: str) -> str:
        """A key of the index. `day` is ISO 8601, in UTC. No charge has such a key."""
        return f"{cls.PREFIX}{created_on(day, shard)}"

    @classmethod
    def key(cls, movement: Movement) -> str:
        return f"{cls.PREFIX}{movement.charge_id}#{movement.transaction_id}"


class DifferenceRow(Item):
    """`first_seen`, `last_seen` and `resolved_at` are RFC 3339. The key says whether it is open, so all open
    ones lie together. `resolved_at` is part of it, so the same difference can come and go again."""

    PARTITION = "audit"
    PREFIX = "difference#"
    OPEN = f"{PREFIX}open#"
    RESOLVED = f"{PREFIX}resolved#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True, default=PARTITION)
    record = UnicodeAttribute(range_key=True)
    charge_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    payment_intent = UnicodeAttribute(null=True)
    details = UnicodeAttribute()
    first_seen = UnicodeAttribute()
    last_seen = UnicodeAttribute()
    resolved_at = UnicodeAttribute(null=True)
    resolved_by = UnicodeAttribute(null=True)

    @classmethod
    def beginning(cls, with_: str) -> Condition:
        which: Condition = (cls.mandate_id == cls.PARTITION) & cls.record.startswith(with_)
        return which


class TurnRow(Item):
    """One turn of the switch that stops all charging: `by` whom, and `why`; `at` is RFC 3339."""

    PREFIX = "turn#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    paused = BooleanAttribute()
    by = UnicodeAttribute()
    why = UnicodeAttribute()
    at = UnicodeAttribute()

    @classmethod
    def key(cls, at: str, *, paused: bool) -> str:
        """Keys sort as the times do. Somebody may resume in the millisecond in which another paused."""
        return f"{cls.PREFIX}{at}#{'paused' if paused else 'resumed'}"
