"""Keeps the card behind a saved account once Stripe has told it.

The card is only for display: no charge fails because of it.
"""

from mandates.core.funding import Funding
from mandates.core.mandate import Mandate, withdrawn
from mandates.runtime.telemetry import logger
from mandates.store.funding import keep_funding
from mandates.store.mandates import read_heads


def show_funding(mandate_id: str, funding: Funding, mandate: Mandate | None = None) -> None:
    """Keep the card, if it is another than the known one. `mandate` is as it was just read, if it was.

    If that fails, the mandate's next charge makes up for it. An erasure first withdraws the mandate, and a
    withdrawn one gets no card any more. So nothing personal comes back after an erasure.
    """
    try:
        known = mandate or read_heads([mandate_id])[mandate_id]
        if funding != known.funding and not withdrawn(known.facts):
            keep_funding(known, funding)
    except Exception:  # the payment succeeded and is recorded, whatever went wrong here
        logger.warning("the card of a saved account was not kept", exc_info=True)
