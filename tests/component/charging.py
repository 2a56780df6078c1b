"""A mandate that may be charged, and orders to charge it: stored directly, without a customer's journey."""

import itertools
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mandates.charges.recording import record
from mandates.charges.reserving import Order, Reserved, reserve
from mandates.core.changes import Contribution
from mandates.core.charging.decision import ChargeRules
from mandates.core.charging.facts import ChargeKind, charge_fact
from mandates.core.charging.head import Charge, ChargeDetails
from mandates.core.charging.ids import attempt_key
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Mandate
from mandates.core.stripe_events.projection import project
from mandates.core.terms import Terms
from mandates.ledger.contributing import contribute, work_out
from mandates.store.mandates import commit, read_heads
from mandates.store.published_terms import publish_terms
from tests.unit.charging import ACTIVATED, NOW
from tests.unit.examples import (
    OWNER_MARK,
    dispute,
    event,
    failed_payment_intent,
    payment_event,
    payment_intent,
    refund,
)

PAYMENT_METHOD = "pm_charged"
CLIENT = "the-back-end"
_numbers = itertools.count(1)


def pending_mandate(agreed: Terms, customer_id: str = "auth0|ann", stripe_customer: str = "cus_1") -> str:
    """The id of a mandate whose customer consented to these terms, published under a version of their own."""
    number = next(_numbers)
    agreed = replace(agreed, version=f"v{number}")
    now = Instant(ACTIVATED - 60)
    publish_terms(agreed, now)
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    suffix = "".join(digits[(number >> (5 * place)) % 32] for place in range(24))
    mandate = Mandate(
        mandate_id=f"mdt_{suffix}",
        customer_id=customer_id,
        stripe_customer_id=stripe_customer,
        created_at=now.text,
        terms_version=agreed.version,
        terms_digest=agreed.digest,
        locale="en",
        wording_digest="0" * 64,
    )
    consent = Contribution("api:consent", (mandate.accepted(now.seconds, "api:consent"),))
    commit(work_out({mandate.mandate_id: [consent]}, {mandate.mandate_id: mandate}, now, {}), now)
    return mandate.mandate_id


def active_mandate(agreed: Terms, payment_method: str = PAYMENT_METHOD, **of: str) -> str:
    mandate_id = pending_mandate(agreed, **of)
    add_fact(mandate_id, Kind.SETUP_SUCCEEDED, ACTIVATED, payment_method=payment_method)
    return mandate_id


def add_fact(mandate_id: str, kind: Kind, at: int, **named: str) -> None:
    fact = Fact(kind, at, "evt_setup", ids(**named))
    contribute(mandate_id, [Contribution(fact.source, (fact,))], lambda: at)


def head_of(mandate_id: str) -> Mandate:
    return read_heads([mandate_id])[mandate_id]


def order(mandate_id: str, key: str = "key-1", **changes: Any) -> Order:
    details: dict[str, Any] = {
        "amount": 1_000,
        "currency": "usd",
        "reference": f"order-{key}",
        "description": "Coffee, November",
    }
    return Order(mandate_id, key, ChargeDetails(**(details | changes)), CLIENT)


def params(mandate: Mandate, charge_id: str, details: ChargeDetails) -> Mapping[str, Any]:
    return {"amount": details.amount, "currency": details.currency, "metadata": {"charge_id": charge_id}}


def reserved(mandate_id: str, now: float, key: str = "key-1", **changes: Any) -> Reserved:
    return reserve(order(mandate_id, key, **changes), params, lambda: now, os.urandom, rules=ChargeRules())


# ------------------------------------------------------------------------------------------- events

INTENT = "pi_1"
PERIOD = "2026-11-01"
SUCCEEDED, FAILED, PROCESSING, CANCELED, NEEDS_ACTION = (
    f"payment_intent.{word}"
    for word in ("succeeded", "payment_failed", "processing", "canceled", "requires_action")
)


def told(charge: Charge, *facts: Fact[str]) -> Charge:
    return record(charge.charge_id, lambda _charge, _now: facts, source="api:test", clock=lambda: NOW).charge


def with_intent(charge: Charge, intent: str = INTENT) -> Charge:
    return told(charge, Fact(ChargeKind.INTENT_CREATED, NOW, "api:test", ids(payment_intent=intent)))


def begun(charge: Charge, attempt: int) -> Charge:
    detail = {"day": "2026-11-27", "period": PERIOD}
    return told(charge, charge_fact(ChargeKind.ATTEMPT_BEGUN, NOW, "api:test", attempt=attempt, **detail))


def charge_event(charge: Charge, kind: str, *, attempt: int | None = 1, **changes: Any) -> dict[str, Any]:
    """An event about the charge as it is queued, created at NOW + 10. `changes` are of the intent; `attempt`
    is that of the request that caused the event."""
    make = failed_payment_intent if kind == FAILED else payment_intent
    metadata = {"mandate_id": charge.mandate_id, "managed_by": OWNER_MARK, "charge_id": charge.charge_id}
    request = {"idempotency_key": attempt and attempt_key(charge.charge_id, attempt)}
    intent = make(**{"id": INTENT, "metadata": metadata, **changes})
    event_id = f"evt_charge_{next(_numbers)}"
    return project(payment_event(kind, intent, id=event_id, created=NOW + 10, request=request))


def refund_event(
    charge: Charge, kind: str = "refund.updated", *, at: int = NOW + 20, refund_id: str = "", **changes: Any
) -> dict[str, Any]:
    """As it is queued, created at `at`: of a refund that was made in the Dashboard, or of ours with an id."""
    ours = {"mandate_id": charge.mandate_id, "managed_by": OWNER_MARK, "charge_id": charge.charge_id}
    metadata = {**ours, "refund_id": refund_id} if refund_id else {}
    made = {"payment_intent": INTENT, "created": NOW + 15, "metadata": metadata, **changes}
    return project(event(kind, refund(**made), id=f"evt_refund_{next(_numbers)}", created=at))


def dispute_event(
    kind: str = "charge.dispute.created", *, at: int = NOW + 20, **changes: Any
) -> dict[str, Any]:
    """As it is queued, created at `at`. Nothing in it names its charge but the intent."""
    made = {"payment_intent": INTENT, "created": NOW + 15, **changes}
    return project(event(kind, dispute(**made), id=f"evt_dispute_{next(_numbers)}", created=at))
