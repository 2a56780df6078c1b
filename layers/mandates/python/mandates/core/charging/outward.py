"""Outward events about charges: what the business's own systems are told about an entry of a charge.

Every entry of a charge's chain makes exactly one event, as one of a mandate's ledger does (core/outward.py).
Its type follows from the entry alone. It holds ids, plain words and the amount: no customer id, no
description, and only a digest of the business's reference. Its schema is
events/schemas/charge-event.1.json; docs/events.md is for its receivers.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import FINAL, ChargeStatus, end_reason
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    ChargeFact,
    ChargeKind,
    EndReason,
    attempts,
    charge_fact_from_plain,
    class_of,
)
from mandates.core.charging.head import Charge
from mandates.core.outward import OutwardEvent, stripe_ids

SCHEMA = "charge-event/1"
"""Adding a member to the detail keeps the number. Changing or removing one needs the next number."""

REASONS = frozenset({*ErrorClass, *EndReason})


class ChargeEventType(StrEnum):
    """EventBridge's `detail-type`, by which rules select."""

    CREATED = "charge.created"
    ATTEMPTED = "charge.attempted"
    SUCCEEDED = "charge.succeeded"
    FAILED = "charge.failed"
    NEEDS_CUSTOMER = "charge.needs_customer"
    CANCELED = "charge.canceled"
    CHANGED = "charge.changed"


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


def charge_event_type(entry: ChargeEntry) -> ChargeEventType:
    kinds = {fact["kind"] for fact in entry.facts}
    for said, statuses, of_kinds in _TYPES:
        if entry.status in statuses and kinds & of_kinds:
            return said
    return ChargeEventType.CHANGED


def charge_event(entry: ChargeEntry, charge: Charge) -> OutwardEvent:
    """`charge` is the head of the entry's charge, as it is now: amount and currency never change, the
    reference is erased at most, and a charge that ended keeps its reason.

    Raises what `charge_fact_from_plain` raises, and KeyError if the head lacks the reservation.
    """
    said = charge_event_type(entry)
    facts = [charge_fact_from_plain(fact) for fact in entry.facts]
    return OutwardEvent(
        said,
        {
            "schema": SCHEMA,
            "charge_id": entry.charge_id,
            "mandate_id": charge.mandate_id,
            "status": entry.status,
            "kinds": [str(fact.kind) for fact in facts],
            "number": entry.number,
            "entry_hash": entry.hash,
            "recorded_at": entry.recorded_at,
            "amount": charge.amount,
            "currency": charge.currency,
            "reference_sha256": reference_sha256(charge.reference),
            "attempt": max(attempts({fact.key: fact for fact in facts}), default=None),
            "reasons": _reasons(said, facts, charge),
            "stripe": stripe_ids(entry.facts),
        },
    )


def reference_sha256(reference: str | None) -> str | None:
    """SHA-256 over the UTF-8 bytes in hex; None if there is no reference any more."""
    return None if reference is None else hashlib.sha256(reference.encode()).hexdigest()


def _reasons(said: ChargeEventType, facts: Sequence[ChargeFact], charge: Charge) -> list[str]:
    """Words from REASONS. The entry by which a charge fails or is cancelled need not have its reason: an
    earlier entry may say it. So the head is asked."""
    reasons: set[str | None] = {class_of(fact) for fact in facts if fact.kind == ChargeKind.ATTEMPT_FAILED}
    reasons |= {fact.detail.get("reason") for fact in facts if fact.kind == ChargeKind.ENDING}
    if said in (ChargeEventType.FAILED, ChargeEventType.CANCELED):
        reasons.add(end_reason(charge.facts))
    return sorted(str(reason) for reason in reasons if reason in REASONS)
