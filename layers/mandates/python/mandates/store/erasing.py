"""Takes a person's data out of the tables. Each of these is safe to repeat."""

from contextlib import suppress

from mandates.core.subjects import stripe_customer_subject
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
