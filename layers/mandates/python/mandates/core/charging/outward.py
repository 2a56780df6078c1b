"""Outward events about charges: what the business's own systems are told about an entry of a charge.

Every entry of a charge's chain makes exactly one event, as one of a mandate's ledger does (core/outward.py).
It holds ids, plain words and amounts: no customer id, no description, and only a digest of the business's
reference. Its schema is events/schemas/charge-event.1.json; docs/events.md is for its receivers.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import FINAL, ChargeStatus, end_reason, retry_at
from mandates.core.charging.disputes import DECIDED, Dispute, disputes
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    OF_ATTEMPTS,
    OF_DISPUTES,
    OF_REFUNDS,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    EndReason,
    attempts,
    charge_fact_from_plain,
    class_of,
)
from mandates.core.charging.head import Charge
from mandates.core.charging.refunds import Refund, RefundStatus, refunds
from mandates.core.clock import rfc3339
from mandates.core.facts import merge
from mandates.core.outward import OutwardEvent, stripe_ids

SCHEMA = "charge-event/1"
"""Adding a member to the detail keeps the number. Changing or removing one needs the next number."""

REASONS = frozenset({*ErrorClass, *EndReason})

_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ChargeEventType(StrEnum):
    """EventBridge's `detail-type`, by which rules select."""

    CREATED = "charge.created"
    ATTEMPTED = "charge.attempted"
    SUCCEEDED = "charge.succeeded"
    FAILED = "charge.failed"
    NEEDS_CUSTOMER = "charge.needs_customer"
    CANCELED = "charge.canceled"
    CHANGED = "charge.changed"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_CLOSED = "dispute.closed"
    REFUND_CREATED = "refund.created"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"


_ENDS = frozenset({ChargeKind.ENDING, ChargeKind.INTENT_CANCELED})
_TYPES = (
    (ChargeEventType.SUCCEEDED, {ChargeStatus.SUCCEEDED}, {ChargeKind.ATTEMPT_SUCCEEDED}),
    (ChargeEventType.FAILED, {ChargeStatus.FAILED}, _ENDS),
    (ChargeEventType.CANCELED, {ChargeStatus.CANCELED}, _ENDS),
    (
        ChargeEventType.NEEDS_CUSTOMER,
        {ChargeStatus.NEEDS_CUSTOMER},
        {ChargeKind.ATTEMPT_FAILED, ChargeKind.ATTEMPT_NEEDS_ACTION},
    ),
    (ChargeEventType.CREATED, set(ChargeStatus) - FINAL, {ChargeKind.RESERVED}),
    (ChargeEventType.ATTEMPTED, set(ChargeStatus) - FINAL, {ChargeKind.ATTEMPT_BEGUN}),
)
"""A type, the statuses in which it may be sent, and the facts of which the entry must have one. The first
that fits counts. Facts come in any order: once a charge succeeded, nobody must hear that it failed."""


def charge_event(entry: ChargeEntry, charge: Charge) -> OutwardEvent:
    """`charge` is the head of the entry's charge, as it is now: amount and currency never change, the
    reference is erased at most, and a charge that ended keeps its reason.

    Raises what `charge_fact_from_plain` raises, and KeyError if the head lacks the reservation.
    """
    told = [charge_fact_from_plain(fact) for fact in entry.facts]
    facts = merge(charge.facts, told)
    refund, dispute = _refund_of(told, facts), _dispute_of(told, facts)
    said = _type_of_charge(entry) or _type_of_dispute(told, dispute) or _type_of_refund(told, refund, facts)
    said = said or ChargeEventType.CHANGED
    return OutwardEvent(
        said,
        {
            "schema": SCHEMA,
            "charge_id": entry.charge_id,
            "mandate_id": charge.mandate_id,
            "status": entry.status,
            "kinds": [str(fact.kind) for fact in told],
            "number": entry.number,
            "entry_hash": entry.hash,
            "recorded_at": entry.recorded_at,
            "amount": charge.amount,
            "currency": charge.currency,
            "reference_sha256": reference_sha256(charge.reference),
            "attempt": max(attempts({fact.key: fact for fact in told}), default=None),
            "reasons": _reasons(said, told, charge),
            "will_retry_at": _will_retry_at(entry, charge),
            "refund": refund and _refund_view(refund),
            "dispute": dispute and _dispute_view(dispute),
            "stripe": stripe_ids(entry.facts),
        },
    )


def reference_sha256(reference: str | None) -> str | None:
    """SHA-256 over the UTF-8 bytes in hex; None if there is no reference any more."""
    return None if reference is None else hashlib.sha256(reference.encode()).hexdigest()


def _type_of_charge(entry: ChargeEntry) -> ChargeEventType | None:
    """It follows from the entry alone. It comes before the type of a refund or a dispute in the same entry: a
    charge that succeeded must be heard of."""
    kinds = {fact["kind"] for fact in entry.facts}
    for said, statuses, of_kinds in _TYPES:
        if entry.status in statuses and kinds & of_kinds:
            return said
    return None


def _reasons(said: ChargeEventType, told: Sequence[ChargeFact], charge: Charge) -> list[str]:
    """Words from REASONS. The entry by which a charge fails or is cancelled need not have its reason: an
    earlier entry may say it. So the head is asked."""
    reasons: set[str | None] = {class_of(fact) for fact in told if fact.kind == ChargeKind.ATTEMPT_FAILED}
    reasons |= {fact.detail.get("reason") for fact in told if fact.kind == ChargeKind.ENDING}
    if said in (ChargeEventType.FAILED, ChargeEventType.CANCELED):
        reasons.add(end_reason(charge.facts))
    return sorted(str(reason) for reason in reasons if reason in REASONS)


def _will_retry_at(entry: ChargeEntry, charge: Charge) -> str | None:
    """When the next attempt is made, as it stood after this entry; None if none is to come before
    `charge_by`. Attempts that were begun later are left out, so the entry says the same whenever it is
    published."""
    if entry.status != ChargeStatus.RETRYING:
        return None
    recorded_at = int(datetime.fromisoformat(entry.recorded_at).timestamp())
    begun = [fact for fact in charge.facts.values() if fact.kind == ChargeKind.ATTEMPT_BEGUN]
    later = {fact.qualifier for fact in begun if fact.at > recorded_at}
    then = {
        key: fact
        for key, fact in charge.facts.items()
        if not (fact.kind in OF_ATTEMPTS and fact.qualifier in later)
    }
    at = retry_at(then)
    return rfc3339(at) if at and at < charge.charge_by else None


# ---------------------------------------------------------------------------------- refunds and disputes
#
# Stripe tells of these late and in any order, so an entry may be outdated when it is published. A type that
# says how a refund or a dispute stands is given only if it still stands so.


def _refund_of(told: Sequence[ChargeFact], facts: ChargeFacts) -> Refund | None:
    """The refund that the entry is about; the newest if there are several. None also if its amount is not
    known: whoever reports a refund tells it, unless it is known."""
    about = {fact.qualifier for fact in told if fact.kind in OF_REFUNDS}
    return next((one for one in reversed(refunds(facts)) if one.refund_id in about and one.currency), None)


def _dispute_of(told: Sequence[ChargeFact], facts: ChargeFacts) -> Dispute | None:
    about = {fact.qualifier for fact in told if fact.kind in OF_DISPUTES}
    return next((one for one in reversed(disputes(facts)) if one.dispute_id in about), None)


def _type_of_refund(
    told: Sequence[ChargeFact], refund: Refund | None, facts: ChargeFacts
) -> ChargeEventType | None:
    """CREATED is said once: when our own refund is requested, or when Stripe first tells of any other."""
    if refund is None:
        return None
    kinds = {fact.kind for fact in told if fact.qualifier == refund.refund_id}
    if ChargeKind.REFUND_FAILED in kinds and refund.status is RefundStatus.FAILED:
        return ChargeEventType.REFUND_FAILED
    if ChargeKind.REFUND_SUCCEEDED in kinds and refund.status is RefundStatus.SUCCEEDED:
        return ChargeEventType.REFUND_SUCCEEDED
    is_ours = f"{ChargeKind.REFUND_REQUESTED}#{refund.refund_id}" in facts
    first = ChargeKind.REFUND_REQUESTED if is_ours else ChargeKind.REFUND_CREATED
    return ChargeEventType.REFUND_CREATED if first in kinds else None


def _type_of_dispute(told: Sequence[ChargeFact], dispute: Dispute | None) -> ChargeEventType | None:
    """It comes before that of a refund in the same entry: evidence is due within days."""
    if dispute is None:
        return None
    about = [fact for fact in told if fact.qualifier == dispute.dispute_id]
    if dispute.is_open:
        opened = any(fact.kind == ChargeKind.DISPUTE_OPENED for fact in about)
        return ChargeEventType.DISPUTE_OPENED if opened else None
    closed = {ChargeKind.DISPUTE_OPENED, ChargeKind.DISPUTE_CLOSED}
    decides = any(fact.kind in closed and fact.detail.get("status") in DECIDED for fact in about)
    return ChargeEventType.DISPUTE_CLOSED if decides else None


def _refund_view(refund: Refund) -> Mapping[str, Any]:
    return {
        "refund_id": refund.refund_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": str(refund.status),
        "reason": _word(refund.reason),
        "failure": _word(refund.failure),
    }


def _dispute_view(dispute: Dispute) -> Mapping[str, Any]:
    due_by = dispute.evidence_due_by
    return {
        "dispute_id": dispute.dispute_id,
        "status": _word(dispute.status),
        "amount": dispute.amount,
        "currency": dispute.currency,
        "reason": _word(dispute.reason),
        "evidence_due_by": None if due_by is None else rfc3339(due_by),
    }


def _word(said: str) -> str | None:
    """Stripe's word; None if it gave none. A text that is no word may be about a person."""
    return said if _WORD.fullmatch(said) else None
