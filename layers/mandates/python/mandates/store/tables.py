"""The items as they are in DynamoDB: tables by aggregate, several kinds of item in one table by sort key.

| table           | partition key  | sort key                                            |
|-----------------|----------------|-----------------------------------------------------|
| customers       | customer_id    | `customer`, `checkout`                              |
| mandates        | mandate_id     | `head`, `entry#000001`…, `personal#000001`…; `unsettled#pm_…` (below) |
| charges         | mandate_id     | charge_items.py, audit_items.py                     |
| stripe_subjects | subject        | (none): `payment_method#…`, `stripe_customer#…`, and so on |
| events          | event_id       | `event`, or a mandate's id; `cursor` (below); index `quarantined` |
| terms           | record         | version: `version` + each version, `pointer` + `current` |

Each item has in `format` the number of its format (docs/versions.md).
"""

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

from mandates.core import ledger
from mandates.store import dynamodb
from mandates.store.audit_items import DifferenceRow, MovementRow, TurnRow
from mandates.store.charge_items import (
    ChargeEntryRow,
    ChargeRow,
    NoticeRow,
    OpenChargeRow,
    RefusalRow,
    RegisterRow,
    SwitchRow,
    UsageRow,
)
from mandates.store.days import ByCreatedOn
from mandates.store.item_formats import Format, Item, Table


class CustomerRow(Item):
    """One per customer id: the claim on creating their Stripe customer, then that customer's id; and the ids
    of their `earlier` ones, which were deleted at Stripe."""

    RECORD = "customer"

    class Meta(Table):
        pass

    format = Format(1)
    customer_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    generation = NumberAttribute()
    claim_id = UnicodeAttribute()
    claimed_at = NumberAttribute()
    created_at = UnicodeAttribute()
    failed_at = NumberAttribute(null=True)
    stripe_customer_id = UnicodeAttribute(null=True)
    earlier = UnicodeSetAttribute(null=True)


class CheckoutRow(Item):
    """The customer's only checkout slot."""

    RECORD = "checkout"

    class Meta(Table):
        pass

    format = Format(1)
    customer_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    mandate_id = UnicodeAttribute()
    request = JSONAttribute()
    params = JSONAttribute(null=True)
    created_at = NumberAttribute()
    expires_at = NumberAttribute()
    starts = JSONAttribute()
    checkout_session_id = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    refusal = JSONAttribute(null=True)


class ByCustomer(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Finds a customer's mandates. Only heads carry `customer_id`. It is never read to decide anything."""

    class Meta:
        index_name = "by_customer"
        projection = IncludeProjection(["format"])

    customer_id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class BySweepTime(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Finds pending mandates whose session must have ended by now. Only pending heads carry its keys.

    All are in one partition, which accepts 1,000 writes a second. Stripe lets us create 25 sessions a second.
    """

    class Meta:
        index_name = "by_sweep_time"
        projection = IncludeProjection(["format"])

    pending = UnicodeAttribute(hash_key=True)
    sweep_at = NumberAttribute(range_key=True)


class HeadRow(Item):
    """The first fact that makes it anything but pending removes `pending` and `sweep_at` (epoch seconds).

    `created_on` is the day (UTC) and a shard. Release 0.1.0 wrote heads without it; they get it with their
    next fact, or from `ops tables backfill`. `funding` is personal, and goes with the customer id.
    """

    RECORD = "head"
    PENDING = "pending"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    customer_id = UnicodeAttribute()
    stripe_customer_id = UnicodeAttribute()
    created_at = UnicodeAttribute()
    created_on = UnicodeAttribute(null=True)
    terms_version = UnicodeAttribute()
    terms_digest = UnicodeAttribute()
    locale = UnicodeAttribute()
    wording_digest = UnicodeAttribute()
    facts = JSONAttribute()
    entries = NumberAttribute()
    head_hash = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    sweep_at = NumberAttribute(null=True)
    funding = JSONAttribute(null=True)

    by_customer = ByCustomer()
    by_sweep_time = BySweepTime()
    by_created_on = ByCreatedOn()


class EntryRow(Item):
    PREFIX = "entry#"

    class Meta(Table):
        pass

    format = Format(ledger.FORMAT)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    number = NumberAttribute()
    recorded_at = UnicodeAttribute()
    source = UnicodeAttribute()
    facts = JSONAttribute()
    status = UnicodeAttribute()
    text = UnicodeAttribute(null=True)
    commitments = JSONAttribute()
    previous_hash = UnicodeAttribute()
    hash = UnicodeAttribute()

    @classmethod
    def of_mandate(cls, mandate_id: str) -> Condition:
        """A mandate's entries, oldest first."""
        entries: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(cls.PREFIX)
        return entries

    @classmethod
    def key(cls, number: int) -> str:
        """The sort key of the entry with this number. Keys sort as the numbers do."""
        return f"{cls.PREFIX}{number:06}"


class PersonalRow(Item):
    """The personal values to which an entry commits. Erasing this item leaves the chain whole."""

    PREFIX = "personal#"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    values = JSONAttribute()

    @classmethod
    def of_mandate(cls, mandate_id: str) -> Condition:
        personal: Condition = (cls.mandate_id == mandate_id) & cls.record.startswith(cls.PREFIX)
        return personal


class UnreleasedIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Lists what could not be released at Stripe, longest first: nothing else carries `unsettled`."""

    class Meta:
        index_name = "unsettled"
        projection = IncludeProjection(["format", "code"])

    unreleased = UnicodeAttribute(hash_key=True, attr_name="unsettled")
    since = NumberAttribute(range_key=True)


class UnreleasedRow(Item):
    """Something that a withdrawn mandate still has at Stripe, because Stripe did not release it. Its key ends
    in its Stripe id.

    `since` is in epoch seconds; `code` says why the last attempt failed. The item is deleted with the
    release. If an operator dismisses it, it stays, with who and why, and leaves the index. The ledger knows
    nothing about it.
    """

    PREFIX = "unsettled#"
    LISTED = "yes"

    class Meta(Table):
        pass

    format = Format(1)
    mandate_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    since = NumberAttribute()
    code = UnicodeAttribute()
    unreleased = UnicodeAttribute(null=True, attr_name="unsettled")
    dismissed_at = UnicodeAttribute(null=True)
    dismissed_by = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)

    by_unreleased = UnreleasedIndex()


class SubjectRow(Item):
    """`version` grows with the facts; an activation that read them is conditional on it. `withdrawn` is
    present once any withdrawing fact is, for people to see.

    `customer_id` is set on a Stripe customer that belongs to one of our customers: no two can share it.
    """

    class Meta(Table):
        pass

    format = Format(1)
    subject = UnicodeAttribute(hash_key=True)
    facts = JSONAttribute(null=True)
    withdrawn = BooleanAttribute(null=True)
    version = NumberAttribute(null=True)
    mandates = UnicodeSetAttribute(null=True)
    customer_id = UnicodeAttribute(null=True)


class SessionRow(Item):
    """The mandates that name this Checkout Session: one, unless somebody edited metadata at Stripe. It holds
    nothing about the customer, so it may outlive them.

    `asked_at` (epoch seconds) is when Stripe was last asked about the session because its customer came back.
    """

    class Meta(Table):
        pass

    format = Format(1)
    subject = UnicodeAttribute(hash_key=True)
    mandates = UnicodeSetAttribute(null=True)
    asked_at = NumberAttribute(null=True)


class IntentRow(Item):
    """The charge that made a PaymentIntent: the first one recorded. Nothing ever changes it."""

    class Meta(Table):
        pass

    format = Format(1)
    subject = UnicodeAttribute(hash_key=True)
    charge_id = UnicodeAttribute()


class Quarantined(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Lists the events that could not be applied. No other carries `quarantined`."""

    class Meta:
        index_name = "quarantined"
        projection = IncludeProjection(["format", "type", "created", "reason"])

    quarantined = UnicodeAttribute(hash_key=True)
    recorded_at = UnicodeAttribute(range_key=True)


class EventRow(Item):
    """One per event seen, whatever its outcome.

    `expires_at` is DynamoDB's time to live. A quarantined event has none: it stays until somebody deals with
    it.
    """

    IN_QUARANTINE = "yes"

    class Meta(Table):
        pass

    format = Format(1)
    event_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True)
    outcome = UnicodeAttribute()
    type = UnicodeAttribute(null=True)
    created = NumberAttribute(null=True)
    recorded_at = UnicodeAttribute()
    mandate_id = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    body = JSONAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    quarantined = UnicodeAttribute(null=True)

    by_quarantine = Quarantined()


class CursorRow(Item):
    """How far Stripe's list of events has been read, for one group of types; `event_id` is the group's.

    `position` is in epoch seconds. `types` are for people to see.
    """

    RECORD = "cursor"
    PREFIX = "cursor#"  # no event's id has such a form

    class Meta(Table):
        pass

    format = Format(1)
    event_id = UnicodeAttribute(hash_key=True)
    record = UnicodeAttribute(range_key=True, default=RECORD)
    position = NumberAttribute()
    types = JSONAttribute()
    advanced_at = UnicodeAttribute()


class TermsRow(Item):
    """A published version, or the pointer to the current one.

    A version whose document has a `time_zone` has the format ZONED: release 0.1.0 would leave the zone out
    and compute another digest.
    """

    ZONED = 2

    class Meta(Table):
        pass

    format = Format(1, known=ZONED)
    record = UnicodeAttribute(hash_key=True)
    version = UnicodeAttribute(range_key=True)
    document = JSONAttribute(null=True)
    digest = UnicodeAttribute()
    published_at = UnicodeAttribute()
    retired_at = UnicodeAttribute(null=True)


ITEM_KINDS: dict[str, tuple[type[Item], ...]] = {
    "customers": (CustomerRow, CheckoutRow),
    "mandates": (HeadRow, EntryRow, PersonalRow, UnreleasedRow),
    "stripe_subjects": (SubjectRow, SessionRow, IntentRow),
    "events": (EventRow, CursorRow),
    "terms": (TermsRow,),
    "charges": (
        ChargeRow,
        ChargeEntryRow,
        OpenChargeRow,
        UsageRow,
        NoticeRow,
        RefusalRow,
        RegisterRow,
        SwitchRow,
        MovementRow,
        DifferenceRow,
        TurnRow,
    ),
}
TABLES = tuple(ITEM_KINDS)


def bind(names: dict[str, str]) -> None:
    """Say what the tables are called here, e.g. `{"mandates": "stack-Mandates-1ABC"}`; make the client."""
    for table, name in names.items():
        for row in ITEM_KINDS[table]:
            row.Meta.table_name = name
    dynamodb.dynamodb_client()


def warm(table: str) -> None:
    """Open the connection while the container starts."""
    dynamodb.open_connection(ITEM_KINDS[table][0])
