"""The events of one set-up as Stripe sends them, all in one second, and the withdrawals of our own.

Ids say nothing of when things happened, so these don't either: in no order of theirs is the causal one.
"""

from collections.abc import Mapping
from typing import Any

from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Status
from mandates.core.return_tokens import By, returned
from mandates.core.stripe_events.projection import project
from mandates.core.stripe_events.readers import read_event
from tests.simulation.core_world import Told
from tests.unit.examples import (
    AT,
    OWNER_MARK,
    checkout_session,
    event,
    failed_setup_intent,
    payment_method,
    setup_intent,
    stripe_customer,
    stripe_mandate,
)

CREATED = "setup_intent.created"
REQUIRES_ACTION = "setup_intent.requires_action"
FAILED = "setup_intent.setup_failed"
SUCCEEDED = "setup_intent.succeeded"
ATTACHED = "payment_method.attached"
COMPLETED = "checkout.session.completed"
EXPIRED = "checkout.session.expired"
INACTIVE = "mandate.updated"
DETACHED = "payment_method.detached"
DELETED = "customer.deleted"
REVOKED = "revoked by the customer"
BACK = "the customer came back"
ANOTHER_BACK = "another came back"
CHARGE_REFUSED = "a charge found the mandate invalid"

_BEGUN = {"status": "requires_payment_method", "payment_method": None, "mandate": None}

STRIPE_SENDS: Mapping[str, dict[str, Any]] = {
    kind: event(kind, subject, id=event_id, created=AT)
    for kind, event_id, subject in (
        (CREATED, "evt_1Q7", setup_intent(**_BEGUN)),
        (REQUIRES_ACTION, "evt_1Q3", setup_intent(**{**_BEGUN, "status": "requires_action"})),
        (FAILED, "evt_1Q9", failed_setup_intent()),
        (SUCCEEDED, "evt_1Q5", setup_intent()),
        (ATTACHED, "evt_1Q8", payment_method(customer="cus_example")),
        (COMPLETED, "evt_1Q1", checkout_session()),
        (EXPIRED, "evt_1Q6", checkout_session(status="expired", setup_intent=None)),
        (INACTIVE, "evt_1Q0", stripe_mandate()),
        (DETACHED, "evt_1Q4", payment_method()),
        (DELETED, "evt_1Q2", stripe_customer()),
    )
}

_OTHER_FAILURE = {"last_setup_error": {"code": "setup_attempt_failed", "type": "invalid_request_error"}}

STRIPE_SENDS_AGAIN: Mapping[str, dict[str, Any]] = {
    kind: event(kind, subject, id=event_id, created=AT)
    for kind, event_id, subject in (
        (CREATED, "evt_1R2", setup_intent(**_BEGUN)),
        (REQUIRES_ACTION, "evt_1P8", setup_intent(**{**_BEGUN, "status": "requires_action"})),
        (FAILED, "evt_1P7", failed_setup_intent(**_OTHER_FAILURE)),
        (SUCCEEDED, "evt_1R3", setup_intent(payment_method="pm_another", mandate=None)),
        (ATTACHED, "evt_1P1", payment_method(customer="cus_example")),
        (COMPLETED, "evt_1R4", checkout_session(setup_intent="seti_another")),
        (EXPIRED, "evt_1P4", checkout_session(status="expired")),
        (INACTIVE, "evt_1R0", stripe_mandate(id="mandate_another")),
        (DETACHED, "evt_1P5", payment_method()),
        (DELETED, "evt_1R6", stripe_customer()),
    )
}
"""Another event of the same kind for each, some of which disagree: a second failure, a second payment method,
ids that are missing here and different there."""


def _told(name: str, stripe_event: Mapping[str, Any]) -> Told:
    return Told(name, read_event(project(stripe_event), owner_mark=OWNER_MARK, livemode=False))


EVENTS = tuple(_told(kind, sent) for kind, sent in STRIPE_SENDS.items())

OUR_OWN = (
    Told(REVOKED, Fact(Kind.REVOKED, AT, "api:revoke_mandate", detail={"by": "customer", "reason": "moved"})),
    Told(CHARGE_REFUSED, Fact(Kind.CHARGE_MANDATE_INVALID, AT, "api:charge_mandate")),
)

RETURNS = (
    Told(BACK, returned(By.CUSTOMER, AT, "api:record_return")),
    Told(ANOTHER_BACK, returned(By.ANOTHER, AT, "api:record_return")),
)

AGAIN: Mapping[str, Told] = {
    BACK: Told("the customer came back again", returned(By.CUSTOMER, AT + 1, "api:record_return")),
    ANOTHER_BACK: Told("yet another came back", returned(By.ANOTHER, AT - 1, "api:record_return")),
    **{kind: _told(f"another {kind}", sent) for kind, sent in STRIPE_SENDS_AGAIN.items()},
    REVOKED: Told(
        "revoked by the business", Fact(Kind.REVOKED, AT, "api:revoke_mandate", detail={"by": "service"})
    ),
    CHARGE_REFUSED: Told(
        "another charge refused",
        Fact(Kind.CHARGE_MANDATE_INVALID, AT, "api:charge_mandate", ids(charge="pi_1"), {"code": "x"}),
    ),
}


def status_after(names: frozenset[str]) -> Status:
    """What docs/architecture.md says of a mandate to which all this has happened, in whatever order."""
    if names & {DELETED, REVOKED, CHARGE_REFUSED}:
        return Status.REVOKED
    if SUCCEEDED in names:
        # From the set-up on, the mandate stands on its payment method.
        return Status.REVOKED if names & {DETACHED, INACTIVE} else Status.ACTIVE
    return Status.EXPIRED if EXPIRED in names else Status.PENDING
