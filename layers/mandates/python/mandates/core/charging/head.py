"""A charge's head: what was asked, what Stripe is sent, and all that was told since."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mandates.core.canonical import digest
from mandates.core.charging.charge import FINAL, ChargeStatus, charge_status
from mandates.core.charging.facts import ChargeFacts, ChargeKind
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.facts import the_id
from mandates.core.ledger import GENESIS

Params = Mapping[str, Any]
"""The exact parameters of a call to Stripe, stored before it is made. They never change: the same idempotency
key with others would be refused (https://docs.stripe.com/api/idempotent_requests)."""


@dataclass(frozen=True, slots=True)
class ChargeDetails:
    """What the business asks for. `amount` in minor units; `charge_by` in epoch seconds, or None for the
    default. `reference` is the business's own; `description` is shown to the customer."""

    amount: int
    currency: str
    reference: str
    description: str
    charge_by: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 bytes. The same key with another digest is another request."""
        given = {
            "amount": self.amount,
            "currency": self.currency,
            "reference": self.reference,
            "description": self.description,
        }
        return digest(given if self.charge_by is None else {**given, "charge_by": self.charge_by})


@dataclass(frozen=True, slots=True)
class Confirm:
    """How the newest attempt is confirmed: sent again exactly like this while it is unanswered."""

    attempt: int
    params: Params


@dataclass(frozen=True, slots=True)
class Charge:
    """`entries` and `head_hash` are its chain's length and last hash; the length guards every write.

    `digest` is that of the ChargeDetails, `actor` the client that asked, `created_at` RFC 3339 in UTC.
    `create_params` are those of the intent. `due_at` (epoch seconds) is when somebody looks at it again:
    None exactly if it is final.
    """

    charge_id: str
    created_at: str
    reference: str
    description: str
    digest: str
    actor: str
    create_params: Params
    facts: ChargeFacts = field(default_factory=dict)
    entries: int = 0
    head_hash: str = GENESIS
    confirm: Confirm | None = None
    due_at: int | None = None

    @property
    def mandate_id(self) -> str:
        return mandate_id_of_charge(self.charge_id)

    @property
    def amount(self) -> int:
        """In minor units."""
        return int(self._reserved["amount"])

    @property
    def currency(self) -> str:
        return self._reserved["currency"]

    @property
    def charge_by(self) -> int:
        """Epoch seconds: no attempt is begun from then on."""
        return int(self._reserved["charge_by"])

    @property
    def status(self) -> ChargeStatus:
        return charge_status(self.facts)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def payment_intent_id(self) -> str | None:
        return the_id(self.facts, "payment_intent")

    @property
    def _reserved(self) -> Mapping[str, str]:
        return self.facts[ChargeKind.RESERVED].detail
