"""How long a mandate's evidence is kept, whoever asks for it to go."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mandates.core.facts import Facts
from mandates.core.ledger import Entry

EVIDENCE_DAYS = 240
"""As long after a charge as Amazon Pay lets it be disputed: https://docs.stripe.com/payments/amazon-pay
Until then the evidence is needed for the defence of legal claims (GDPR, article 17(3)(e))."""

ERASURE = "ops:customer_erase"
"""The source of the ledger entry with which an erasure begins: `revoked`, whether it was before or not."""


def evidence_ends(last_entry: datetime, last_charge: datetime | None = None) -> datetime:
    """From when on a mandate's evidence need not be kept.

    EVIDENCE_DAYS after its last charge or its last ledger entry, whichever is later: where no charge is
    known, the last entry stands for it, so that what is kept is never too little.
    """
    return max(last_entry, last_charge or last_entry) + timedelta(days=EVIDENCE_DAYS)


def last_of_its_life(entries: Sequence[Entry]) -> datetime | None:
    """When the last entry was recorded that the mandate's own life made; None for an empty ledger.

    An erasure's entry and what follows it (Stripe tells that it has detached) don't count: a second run
    would otherwise have to wait for as long again.
    """
    last = None
    for entry in entries:
        if entry.source == ERASURE:
            break
        last = entry
    return datetime.fromisoformat(last.recorded_at) if last else None


def is_being_erased(facts: Facts) -> bool:
    """Whether an erasure of the mandate with these facts was begun, or done."""
    return any(fact.source == ERASURE for fact in facts.values())


def erasure_begun(entries: Sequence[Entry]) -> int | None:
    """The number of the entry with which an erasure began, None if none did."""
    for entry in entries:
        if entry.source == ERASURE:
            return entry.number
    return None
