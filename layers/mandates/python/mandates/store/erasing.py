"""Takes a person's data out of the tables. Each of these is safe to repeat."""

from contextlib import suppress

from pynamodb.expressions.condition import Condition

from mandates.core.subjects import stripe_customer_subject
from mandates.store.charge_items import ChargeRow, NoticeRow, UsageRow
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import delete, query, update
from mandates.store.tables import HeadRow, PersonalRow, SubjectRow


def delete_personal(mandate_id: str) -> int:
    """Delete the personal values beside a mandate's ledger, with their salts. Returns the number of
    entries."""
    rows = list(query(PersonalRow, PersonalRow.of_mandate(mandate_id)))
    for row in rows:
        delete(PersonalRow, (mandate_id, row.record))
    return len(rows)


def erase_charges(mandate_id: str) -> int:
    """Take what the business wrote out of a mandate's charges and notices, with the salts and whatever was
    computed from it without one. Their chains stay. Returns the number of charges.

    None of the charges may be open: an intent that is not created yet is made from what is erased.
    """
    charges = [row.record for row in query(ChargeRow, _of_kind(ChargeRow, mandate_id))]
    for record in charges:
        gone = [ChargeRow.personal.set({}), ChargeRow.digest.remove(), ChargeRow.create_params.remove()]
        is_final = ChargeRow.record.exists() & ChargeRow.due_at.does_not_exist()
        update(ChargeRow, (mandate_id, record), gone, is_final)
    for notice in query(NoticeRow, _of_kind(NoticeRow, mandate_id)):
        update(NoticeRow, (mandate_id, notice.record), [NoticeRow.personal.set({})], NoticeRow.hash.exists())
    references = (UsageRow.mandate_id == mandate_id) & UsageRow.record.startswith(UsageRow.REFERENCE)
    for usage in query(UsageRow, references):
        delete(UsageRow, (mandate_id, usage.record))
    return len(charges)


def _of_kind(kind: type[ChargeRow | NoticeRow], mandate_id: str) -> Condition:
    of_kind: Condition = (kind.mandate_id == mandate_id) & kind.record.startswith(kind.PREFIX)
    return of_kind


def disown(mandate_id: str, customer_id: str, pseudonym: str) -> None:
    """Replace the mandate's customer id with `pseudonym`, and remove what is known of their card, unless that
    was already done."""
    still_names_them = HeadRow.customer_id == customer_id
    with suppress(Conflict):
        nobodys = [HeadRow.customer_id.set(pseudonym), HeadRow.funding.remove()]
        update(HeadRow, (mandate_id, HeadRow.RECORD), nobodys, still_names_them)


def release_stripe_customer(stripe_customer_id: str, customer_id: str) -> None:
    """Delete whose Stripe customer this is. Everything else known about it stays, above all a withdrawal."""
    is_theirs = SubjectRow.customer_id == customer_id
    with suppress(Conflict):
        key = (stripe_customer_subject(stripe_customer_id),)
        update(SubjectRow, key, [SubjectRow.customer_id.remove()], is_theirs)
