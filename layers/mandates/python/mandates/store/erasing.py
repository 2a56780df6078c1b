"""Taking a person's data out of the tables. Each of these is safe to repeat."""

from contextlib import suppress

from mandates.core.subjects import stripe_customer_subject
from mandates.store.tables import HeadRow, PersonalRow, SubjectRow
from mandates.store.writing import Conflict, conflicts_named


def delete_personal(mandate_id: str) -> int:
    """Delete the personal values beside a mandate's ledger, with their salts. Returns of how many entries."""
    rows = list(
        PersonalRow.query(mandate_id, PersonalRow.record.startswith(PersonalRow.PREFIX), consistent_read=True)
    )
    for row in rows:
        row.delete()
    return len(rows)


def disown(mandate_id: str, customer_id: str, pseudonym: str) -> None:
    """Put `pseudonym` where the mandate names its customer, unless that was done before."""
    still_names_them = HeadRow.customer_id == customer_id
    with suppress(Conflict), conflicts_named():
        HeadRow(mandate_id, HeadRow.RECORD).update(
            [HeadRow.customer_id.set(pseudonym)], condition=still_names_them
        )


def release_stripe_customer(stripe_customer_id: str, customer_id: str) -> None:
    """Forget whose this Stripe customer is; what else is known of it, above all a withdrawal, stays."""
    is_theirs = SubjectRow.customer_id == customer_id
    with suppress(Conflict), conflicts_named():
        SubjectRow(stripe_customer_subject(stripe_customer_id)).update(
            [SubjectRow.customer_id.remove()], condition=is_theirs
        )
