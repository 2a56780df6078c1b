"""A charge's head: what was asked, what Stripe is sent, and all that was told since."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mandates.core.canonical import digest
from mandates.core.charging.charge import FINAL, ChargeStatus, charge_status, is_settled
from mandates.core.charging.facts import ChargeFacts, ChargeKind, intent_of
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.ledger import GENESIS, PersonalValue

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
    def personal(self) -> Mapping[str, str]:
        """What lies beside the chain: it may be about a person."""
        return {"description": self.description, "reference": self.reference}

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

    `number` is its place in the mandate's register. `personal` is what the business wrote about it, to which
    its first entry commits; empty once it is erased. `digest` is that of the ChargeDetails (None once
    erased), `created_at` RFC 3339 in UTC. `create_params` are those of the intent. `due_at` (epoch seconds)
    is when somebody looks at it again: None exactly if it is final and none of its refunds is pending.
    """

    charge_id: str
    number: int
    created_at: str
    personal: Mapping[str, PersonalValue]
    digest: str | None
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
    def reference(self) -> str | None:
        """The business's own words; None once they are erased."""
        return self._written("reference")

    @property
    def description(self) -> str | None:
        return self._written("description")

    @property
    def amount(self) -> int:
        """In minor units."""
        return int(self._reserved["amount"])

    @property
    def currency(self) -> str:
        return self._reserved["currency"]

    @property
    def actor(self) -> str:
        """The client that asked."""
        return self._reserved.get("actor", "")

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
    def is_settled(self) -> bool:
        return is_settled(self.facts)

    @property
    def payment_intent_id(self) -> str | None:
        return intent_of(self.facts)

    def _written(self, name: str) -> str | None:
        kept = self.personal.get(name)
        return kept.value if kept else None

    @property
    def _reserved(self) -> Mapping[str, str]:
        return self.facts[ChargeKind.RESERVED].detail
