"""Keeps what Stripe tells of the card behind a saved account, on its mandate's head."""

from contextlib import suppress
from dataclasses import asdict

from mandates.core.funding import Funding
from mandates.core.mandate import Mandate
from mandates.store.conflicts import Conflict
from mandates.store.dynamodb import update
from mandates.store.tables import HeadRow


def keep_funding(mandate: Mandate, funding: Funding) -> None:
    """Replace what was known, unless the customer's data was erased since `mandate` was read."""
    still_theirs = HeadRow.customer_id == mandate.customer_id
    with suppress(Conflict):
        key = (mandate.mandate_id, HeadRow.RECORD)
        update(HeadRow, key, [HeadRow.funding.set(asdict(funding))], still_theirs)
