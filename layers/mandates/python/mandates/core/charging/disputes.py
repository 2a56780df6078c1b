"""Disputes of a charge, as Stripe tells of them: https://docs.stripe.com/api/disputes/object

A customer can dispute a payment with Amazon Pay for 240 days, as a chargeback or as a claim under Amazon's
A-to-z guarantee (https://docs.stripe.com/payments/amazon-pay#disputed-payments).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mandates.core.charging.facts import (
    OF_DISPUTES,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact,
    whole_number,
)

DECIDED = frozenset({"won", "lost", "warning_closed", "prevented"})
"""The statuses after which nothing is open. A status that Stripe has yet to introduce counts as open."""

LOST = "lost"


@dataclass(frozen=True, slots=True)
class StripeDispute:
    """A dispute as Stripe has it. `amount` is in minor units of `currency`, times are in epoch seconds. A
    text is empty if Stripe did not say. `kind` is Amazon's: `chargeback` or `claim`."""

    dispute_id: str
    payment_intent_id: str | None
    status: str
    amount: int
    currency: str
    created: int
    charge: str | None = None
    reason: str = ""
    kind: str = ""
    evidence_due_by: int | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """What the facts say of a dispute. `opened_at` and `evidence_due_by` are in epoch seconds."""

    dispute_id: str
    status: str
    amount: int
    currency: str
    reason: str
    kind: str
    opened_at: int
    evidence_due_by: int | None

    @property
    def is_open(self) -> bool:
        return self.status not in DECIDED


def disputes(facts: ChargeFacts) -> list[Dispute]:
    """Every dispute of the charge, oldest first."""
    by_id: dict[str, list[ChargeFact]] = {}
    for fact in facts.values():
        if fact.kind in OF_DISPUTES:
            by_id.setdefault(fact.qualifier, []).append(fact)
    return sorted(
        (_dispute(told) for told in by_id.values()), key=lambda one: (one.opened_at, one.dispute_id)
    )


def open_disputes(facts: ChargeFacts) -> frozenset[str]:
    """Stripe's ids of those that are not decided."""
    return frozenset(one.dispute_id for one in disputes(facts) if one.is_open)


def lost(facts: ChargeFacts) -> int:
    """What the customer got back by disputes, in minor units."""
    return sum(one.amount for one in disputes(facts) if one.status == LOST)


def currencies_lost(facts: ChargeFacts) -> frozenset[str]:
    """Those of lost disputes. Stripe converts some: the amount "can differ (usually because of currency
    fluctuation)" (https://docs.stripe.com/api/disputes/object#dispute_object-amount)."""
    return frozenset(one.currency for one in disputes(facts) if one.status == LOST)


def facts_of_stripe_dispute(
    known: ChargeFacts, dispute: StripeDispute, kind: ChargeKind | None, at: int, source: str
) -> tuple[ChargeFact, ...]:
    """The facts that a dispute adds; `known` are those of its charge. Empty if they say so already.

    `kind` is what an event tells: DISPUTE_OPENED, DISPUTE_CHANGED or DISPUTE_CLOSED, at its time. It is None
    for a dispute that was read: then `at` is a time before the read, so that an event about whatever happened
    since counts as newer. Both are in epoch seconds.
    """
    if kind is not None:
        return (_fact(dispute, kind, at, source),)
    status = {one.dispute_id: one.status for one in disputes(known)}.get(dispute.dispute_id)
    if status is None:
        return (_fact(dispute, ChargeKind.DISPUTE_OPENED, dispute.created, source),)
    if status == dispute.status:
        return ()
    decided = dispute.status in DECIDED
    return (_fact(dispute, ChargeKind.DISPUTE_CLOSED if decided else ChargeKind.DISPUTE_CHANGED, at, source),)


def _fact(dispute: StripeDispute, kind: ChargeKind, at: int, source: str) -> ChargeFact:
    due_by = dispute.evidence_due_by
    return charge_fact(
        kind,
        at,
        source,
        about=dispute.dispute_id,
        dispute=dispute.dispute_id,
        charge=dispute.charge,
        status=dispute.status,
        amount=str(dispute.amount),
        currency=dispute.currency,
        reason=dispute.reason,
        type=dispute.kind,
        evidence_due_by="" if due_by is None else str(due_by),
    )


_ORDER = (ChargeKind.DISPUTE_OPENED, ChargeKind.DISPUTE_CHANGED, ChargeKind.DISPUTE_CLOSED)
"""In the same second, the later kind says how it stands."""


def _dispute(told: list[ChargeFact]) -> Dispute:
    """Stripe says when an event was created in whole seconds, and delivers events in any order."""
    newest = max(told, key=lambda fact: (fact.at, _ORDER.index(ChargeKind(fact.kind))))
    said: Mapping[str, str] = newest.detail
    due_by = said.get("evidence_due_by", "")
    return Dispute(
        dispute_id=newest.qualifier,
        status=said.get("status", ""),
        amount=whole_number(said.get("amount", "")) or 0,
        currency=said.get("currency", ""),
        reason=said.get("reason", ""),
        kind=said.get("type", ""),
        opened_at=min(fact.at for fact in told),
        evidence_due_by=whole_number(due_by),
    )
