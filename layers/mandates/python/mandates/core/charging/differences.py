"""What the audit can find to differ between a charge and Stripe's books."""

from dataclasses import dataclass
from enum import StrEnum


class DifferenceKind(StrEnum):
    """The value is what is stored and printed."""

    STATUS = "status"
    """One side says that the money was taken, and the other that it was not."""
    AMOUNT = "amount"
    CURRENCY = "currency"
    REFUNDED = "refunded"
    """What was given back in all."""
    REFUND = "refund"
    """A refund that both sides know has another amount or outcome."""
    MISSING_HERE = "missing_here"
    """Stripe took money for a charge of ours, or may take it, on a PaymentIntent that no charge recorded."""
    MISSING_AT_STRIPE = "missing_at_stripe"
    """Stripe does not know the charge's PaymentIntent."""
    DOUBLED_HERE = "doubled_here"
    """Two charges name one PaymentIntent."""
    DOUBLED_AT_STRIPE = "doubled_at_stripe"
    """Stripe took money twice for one charge."""
    NOT_BOOKED = "not_booked"
    """Weeks later, the balance at Stripe still lacks the payment."""
    REFUND_MISSING_HERE = "refund_missing_here"
    """Only Stripe knew of a refund. It has been recorded."""
    REFUND_MISSING_AT_STRIPE = "refund_missing_at_stripe"
    """Stripe does not know a refund that is recorded as made there."""
    DISPUTE_MISSING_HERE = "dispute_missing_here"
    """Only Stripe knew of a dispute, or of how it ended. It has been recorded."""


RECOVERED = frozenset({DifferenceKind.REFUND_MISSING_HERE, DifferenceKind.DISPUTE_MISSING_HERE})
"""The audit mends these itself."""


@dataclass(frozen=True, slots=True)
class Difference:
    """There is at most one of each kind for a charge and an intent. `details` are for people, with Stripe's
    ids. `payment_intent_id` is the intent that it is about."""

    charge_id: str
    kind: DifferenceKind
    details: str
    payment_intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class NamedDifference:
    """A difference as it is kept. Times are RFC 3339; `resolved_at` is empty while it stands. `resolved_by`
    dismissed it; empty if the audit found that it no longer holds."""

    difference: Difference
    first_seen: str
    last_seen: str
    resolved_at: str = ""
    resolved_by: str = ""
