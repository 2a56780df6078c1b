"""The mandate, and its status as a pure function of facts."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from mandates.core.facts import Fact, Facts, Kind, has, ids, the_id
from mandates.core.funding import Funding
from mandates.core.ledger import GENESIS


class Status(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


WITHDRAWING = frozenset(
    {
        Kind.REVOKED,
        Kind.CHARGE_MANDATE_INVALID,
        Kind.DETACHED,
        Kind.MANDATE_INACTIVE,
        Kind.DELETED,
    }
)
"""Any of these facts, on any of a mandate's three subjects, ends the mandate. A withdrawal never lapses."""


def withdrawn(facts: Facts) -> bool:
    return has(facts, *WITHDRAWING)


def withdrawn_at(mandate: Facts, *stands_on: Facts) -> int | None:
    """When the first withdrawal was reported (epoch seconds), of the mandate or of what it stands on; None if
    none was."""
    times = (
        fact.at for facts in (mandate, *stands_on) for fact in facts.values() if fact.kind in WITHDRAWING
    )
    return min(times, default=None)


def status(mandate: Facts, *stands_on: Facts) -> Status:
    """The status that follows from the facts of the mandate and of everything it stands on.

    A mandate stands on its Stripe customer and on every payment method that any of its facts names.

    A withdrawal beats everything, and a finished set-up beats an ended session: a customer who authorised in
    the session's last second is set up, whatever Stripe says about the session afterwards.
    """
    if withdrawn(mandate) or any(withdrawn(subject) for subject in stands_on):
        return Status.REVOKED
    if has(mandate, Kind.SETUP_SUCCEEDED):
        return Status.ACTIVE
    if has(mandate, Kind.SESSION_EXPIRED, Kind.SESSION_CANCELLED, Kind.SETUP_CANCELED):
        return Status.EXPIRED
    return Status.PENDING


@dataclass(frozen=True, slots=True)
class Mandate:
    """A mandate's head: who, under which terms, its facts, and the tip of its ledger.

    `created_at` is RFC 3339 in UTC. `entries` and `head_hash` are the ledger's length and last hash. The
    length grows with each write and guards every write.

    `funding` lies beside the ledger and does not follow from it, so it takes no part in comparisons.
    """

    mandate_id: str
    customer_id: str
    stripe_customer_id: str
    created_at: str
    terms_version: str
    terms_digest: str
    locale: str
    wording_digest: str
    facts: Facts = field(default_factory=dict)
    entries: int = 0
    head_hash: str = GENESIS
    funding: Funding | None = field(default=None, compare=False)

    @property
    def shown(self) -> dict[str, str]:
        """What the customer was shown before they consented. Their consent names the same."""
        return {
            "terms_version": self.terms_version,
            "terms_digest": self.terms_digest,
            "locale": self.locale,
            "wording_digest": self.wording_digest,
        }

    @property
    def checkout_session_id(self) -> str | None:
        return the_id(self.facts, "checkout_session")

    @property
    def setup_intent_id(self) -> str | None:
        return the_id(self.facts, "setup_intent")

    @property
    def payment_method_id(self) -> str | None:
        return the_id(self.facts, "payment_method")

    @property
    def stripe_mandate_id(self) -> str | None:
        """Stripe's own mandate. Stripe does not document that Amazon Pay always has one."""
        return the_id(self.facts, "stripe_mandate")

    def accepted(self, at: int, source: str) -> Fact:
        """The fact that this mandate begins with: everything in the head that no later fact says.

        Only what is in the ledger can be proved, so the head is derived from it again (record.py).
        """
        return Fact(
            Kind.CONSENT_ACCEPTED,
            at,
            source,
            ids(stripe_customer=self.stripe_customer_id),
            self.shown,
        )

    def extended(self, facts: Facts, entries: int, head_hash: str) -> "Mandate":
        return replace(self, facts=facts, entries=entries, head_hash=head_hash)
