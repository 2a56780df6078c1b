"""The items of the charges' table: all about a mandate's money lies in one partition.

| sort key | |
|---|---|
| `charge#chg_…` | a charge's head |
| `entry#chg_…#000001` | its chain |
| `open#chg_…` | while it is not settled: what a withdrawal or an erasure has to look at |
| `period#2026-11-01` | `used`: minor units that the charges of the calendar period hold |
| `window#2026-11-14`, `window#once` | `charge_ids`: the one charge of that window, or of a one-time consent |
| `register` | `entries`, `head_hash`; `day`: the local day that windows count from; `disputes`: open ones |
| `reference#<sha256>` | `charge_ids`: the one charge with that reference, unless it failed or was cancelled |
| `notice#2026-11-28#ntc_…` | a notice of a charge on that day; `charge_ids`: the one charge that has it |
| `refusal#too_frequent` | when charges were `first` and `last` refused for that reason; their `count` |
| `declines#2026-11-27` | `declined`: the declined attempts of the local day |

A charge that succeeds after it was given up is added to its window, its reference and its notice, whoever
has them by then. The partition `switch` has the one item `pause`.
"""

import hashlib
from datetime import date
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from mandates.core.charging import chain, notice
from mandates.store.days import ByCreatedOn
from mandates.store.item_formats import Format, Item, Table


class ByDue(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Finds the charges that somebody has to look at: those that are not final, or have a pending refund. No
    others carry its keys."""

    class Meta:
        index_name = "by_due"
        projection = IncludeProjection(["format"])

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class ByNumber(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Lists what is in a mandate's register, by number. Nothing else carries `register_number`."""

    class Meta:
        index_name = "by_number"
        projection = IncludeProjection(["format"])

    mandate_id = UnicodeAttribute(hash_key=True)
    register_number = NumberAttribute(range_key=True)


class ChargeRow(Item):
    """`due_shard` and `due_at` (epoch seconds) are there while somebody has to look at the charge. `attempt`
    is the newest, and `confirm_params` is how it is confirmed. `created_on` is the day (UTC) and a shard."""

    PREFIX = "charge#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    register_number = NumberAttribute()
    created_on = UnicodeAttribute()
    created_at = UnicodeAttribute()
    personal = JSONAttribute()
    digest = UnicodeAttribute(null=True)
    create_params = JSONAttribute(null=True)
    facts = JSONAttribute()
    entries = NumberAttribute()
    head_hash = UnicodeAttribute()
    attempt = NumberAttribute(null=True)
    confirm_params = JSONAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)

    by_due = ByDue()
    by_number = ByNumber()
    by_created_on = ByCreatedOn()

    @classmethod
    def key(cls, charge_id: str) -> str:
        return f"{cls.PREFIX}{charge_id}"


class ChargeEntryRow(Item):
    PREFIX = "entry#"

    class Meta(Table):
        pass

    format = Format(chain.FORMAT)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    charge_id = UnicodeAttribute()
    number = NumberAttribute()
    recorded_at = UnicodeAttribute()
    source = UnicodeAttribute()
    facts = JSONAttribute()
    status = UnicodeAttribute()
    permission = JSONAttribute(null=True)
    commitments = JSONAttribute(null=True)
    previous_hash = UnicodeAttribute()
    hash = UnicodeAttribute()

    @classmethod
    def of_charge(cls, mandate_id: str, charge_id: str) -> Condition:
        """A charge's entries, oldest first."""
        entries: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(
            f"{cls.PREFIX}{charge_id}#"
        )
        return entries

    @classmethod
    def key(cls, charge_id: str, number: int) -> str:
        """The sort key of the entry with this number. Keys sort as the numbers do."""
        return f"{cls.PREFIX}{charge_id}#{number:06}"


class OpenChargeRow(Item):
    PREFIX = "open#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)

    @classmethod
    def of_mandate(cls, mandate_id: str) -> Condition:
        still_open: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(cls.PREFIX)
        return still_open

    @classmethod
    def key(cls, charge_id: str) -> str:
        return f"{cls.PREFIX}{charge_id}"


class UsageRow(Item):
    """What a mandate's charges hold of what was agreed to. Each sort key has the attributes of its kind."""

    PERIOD = "period#"
    WINDOW = "window#"
    REFERENCE = "reference#"
    DECLINES = "declines#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    used = NumberAttribute(null=True)
    declined = NumberAttribute(null=True)
    charge_ids = UnicodeSetAttribute(null=True)

    @classmethod
    def is_free(cls) -> Condition:
        free: Condition = cls.charge_ids.does_not_exist()
        return free

    @classmethod
    def of_reference(cls, reference: str) -> str:
        """The sort key for a reference of any length and alphabet."""
        return f"{cls.REFERENCE}{hashlib.sha256(reference.encode()).hexdigest()}"


class NoticeRow(Item):
    """`day` is ISO 8601. `personal` is an empty object once it is erased."""

    PREFIX = "notice#"

    class Meta(Table):
        pass

    format = Format(notice.FORMAT)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    register_number = NumberAttribute()
    previous = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    day = UnicodeAttribute(attr_name="date")
    recorded_at = UnicodeAttribute()
    actor = UnicodeAttribute()
    personal = JSONAttribute()
    commitments = JSONAttribute()
    hash = UnicodeAttribute()
    charge_ids = UnicodeSetAttribute(null=True)

    @classmethod
    def is_free(cls) -> Condition:
        free: Condition = cls.hash.exists() & cls.charge_ids.does_not_exist()
        return free

    @classmethod
    def of_mandate(cls, mandate_id: str, *, since: date) -> Condition:
        """A mandate's notices for that local day and later ones."""
        notices: Condition = (cls.mandate_id == mandate_id) & cls.record.between(
            f"{cls.PREFIX}{since.isoformat()}", f"{cls.PREFIX}~"
        )
        return notices

    @classmethod
    def key(cls, key: notice.NoticeKey) -> str:
        """Keys sort as the days do."""
        return f"{cls.PREFIX}{key.day.isoformat()}#{key.notice_id}"


class RefusalRow(Item):
    """`first` and `last` are RFC 3339."""

    PREFIX = "refusal#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    first = UnicodeAttribute()
    last = UnicodeAttribute()
    times = NumberAttribute(attr_name="count")

    @classmethod
    def of_mandate(cls, mandate_id: str) -> Condition:
        refusals: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(cls.PREFIX)
        return refusals


class RegisterRow(Item):
    """A mandate's register: how many `entries` it has, and the last link. `day` is the local day that windows
    count from, once the first reservation of a recurring consent has frozen it. `disputes` are Stripe's ids
    of the open ones, of all the mandate's charges."""

    RECORD = "register"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    entries = NumberAttribute()
    head_hash = UnicodeAttribute()
    day = UnicodeAttribute(null=True)
    disputes = UnicodeSetAttribute(null=True)

    @classmethod
    def is_undisputed(cls) -> Condition:
        undisputed: Condition = cls.disputes.does_not_exist()
        return undisputed


class SwitchRow(Item):
    """Stops all charging while `paused` is there. `by`, `why` and `at` (RFC 3339) are of the last change.

    `mandate_errors` are the recent errors about mandates that nothing explains: by charge and attempt, the
    time of each in epoch seconds.
    """

    PARTITION = "switch"
    RECORD = "pause"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True, default=PARTITION)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    paused = BooleanAttribute(null=True)
    by = UnicodeAttribute(null=True)
    why = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    mandate_errors = JSONAttribute(null=True)
