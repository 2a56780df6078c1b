"""How long a mandate's evidence is kept, whoever asks for its erasure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mandates.core.facts import Facts
from mandates.core.ledger import Entry

EVIDENCE_DAYS = 240
"""How long after a charge Amazon Pay allows a dispute: https://docs.stripe.com/payments/amazon-pay
Until then the evidence is needed for the defence of legal claims (GDPR, article 17(3)(e))."""

ERASURE = "ops:customer_erase"
"""The source of an erasure's first ledger entry: `revoked`, even if the mandate was already revoked."""


def evidence_ends(last_entry: datetime, last_charge: datetime | None = None) -> datetime:
    """The time from which a mandate's evidence need not be kept.

    EVIDENCE_DAYS after its last charge or its last ledger entry, whichever is later. If no charge is known,
    the last entry stands for it, so that evidence is never kept for too short a time.
    """
    return max(last_entry, last_charge or last_entry) + timedelta(days=EVIDENCE_DAYS)


def last_of_its_life(entries: Sequence[Entry]) -> datetime | None:
    """When the last entry of the mandate's own life was recorded; None for an empty ledger.

    An erasure's entry and those after it (Stripe reports the detachment) don't count. Otherwise a second run
    would have to wait for as long again.
    """
    last = None
    for entry in entries:
        if entry.source == ERASURE:
            break
        last = entry
    return datetime.fromisoformat(last.recorded_at) if last else None


def is_being_erased(facts: Facts) -> bool:
    """Whether an erasure of the mandate with these facts has begun, or is done."""
    return any(fact.source == ERASURE for fact in facts.values())


def erasure_begun(entries: Sequence[Entry]) -> int | None:
    """The number of the entry with which an erasure began; None without an erasure."""
    for entry in entries:
        if entry.source == ERASURE:
            return entry.number
    return None
