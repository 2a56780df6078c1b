"""What a mandate goes through, as facts and as the events Stripe sends of it."""

from collections.abc import Mapping
from typing import Any

from mandates.core.changes import Contribution, EventRecord
from mandates.core.charging.ids import attempt_key, charge_id, refund_id
from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Mandate
from mandates.core.return_tokens import By, returned

AT = 1_790_000_000
RECORDED_AT = "2026-09-21T14:13:20.000Z"
OWNER_MARK = "test-stack"
MANDATE_ID = "mdt_example"
STRIPE_CUSTOMER_ID = "cus_example"

# ------------------------------------------------------------------------------------------- facts

CONSENT = Fact(
    Kind.CONSENT_ACCEPTED,
    AT,
    "api:create_checkout_session",
    ids(stripe_customer=STRIPE_CUSTOMER_ID),
    {
        "terms_version": "2026-11-01",
        "terms_digest": "ab" * 32,
        "locale": "en",
        "wording_digest": "cd" * 32,
    },
)
SESSION_CREATED = Fact(
    Kind.SESSION_CREATED, AT, "api:create_checkout_session", ids(checkout_session="cs_test_example")
)
SETUP_FAILED = Fact(
    Kind.SETUP_FAILED,
    AT + 10,
    "evt_failed",
    ids(setup_intent="seti_example"),
    {"code": "setup_intent_authentication_failure"},
)
SETUP_FAILED_AGAIN = Fact(
    Kind.SETUP_FAILED,
    AT + 20,
    "evt_failed_again",
    ids(setup_intent="seti_example"),
    {"code": "setup_attempt_failed"},
)
SETUP_SUCCEEDED = Fact(
    Kind.SETUP_SUCCEEDED,
    AT + 30,
    "evt_succeeded",
    ids(setup_intent="seti_example", payment_method="pm_example", stripe_mandate="mandate_example"),
)
SETUP_SEEN_ON_RETURN = Fact(
    Kind.SETUP_SUCCEEDED,
    AT + 31,
    "api:read_checkout_session",
    ids(setup_intent="seti_example", payment_method="pm_example"),
)
SESSION_COMPLETED = Fact(
    Kind.SESSION_COMPLETED,
    AT + 30,
    "evt_completed",
    ids(checkout_session="cs_test_example", setup_intent="seti_example"),
)
SESSION_EXPIRED = Fact(
    Kind.SESSION_EXPIRED, AT + 86_400, "evt_expired", ids(checkout_session="cs_test_example")
)
SETUP_CANCELED = Fact(Kind.SETUP_CANCELED, AT + 86_400, "evt_canceled", ids(setup_intent="seti_example"))
RETURNED = returned(By.CUSTOMER, AT + 40, "api:record_return")
RETURNED_BY_ANOTHER = returned(By.ANOTHER, AT + 50, "api:record_return")
REVOKED = Fact(Kind.REVOKED, AT + 100, "api:revoke_mandate", detail={"by": "customer"})
CHARGE_MANDATE_INVALID = Fact(Kind.CHARGE_MANDATE_INVALID, AT + 200, "api:charge_mandate")
DETACHED = Fact(Kind.DETACHED, AT + 300, "evt_detached", ids(payment_method="pm_example"))
MANDATE_INACTIVE = Fact(
    Kind.MANDATE_INACTIVE,
    AT + 301,
    "evt_inactive",
    ids(payment_method="pm_example", stripe_mandate="mandate_example"),
)
DELETED = Fact(Kind.DELETED, AT + 400, "evt_deleted", ids(stripe_customer=STRIPE_CUSTOMER_ID))

OF_A_MANDATE = (
    CONSENT,
    SESSION_CREATED,
    SETUP_FAILED,
    SETUP_FAILED_AGAIN,
    SETUP_SUCCEEDED,
    SETUP_SEEN_ON_RETURN,
    SESSION_COMPLETED,
    SESSION_EXPIRED,
    SETUP_CANCELED,
    RETURNED,
    RETURNED_BY_ANOTHER,
    REVOKED,
    CHARGE_MANDATE_INVALID,
)
OF_A_PAYMENT_METHOD = (DETACHED, MANDATE_INACTIVE)
OF_A_STRIPE_CUSTOMER = (DELETED,)
EVERY_FACT = (*OF_A_MANDATE, *OF_A_PAYMENT_METHOD, *OF_A_STRIPE_CUSTOMER)

NEW_MANDATE = Mandate(
    mandate_id=MANDATE_ID,
    customer_id="auth0|ann",
    stripe_customer_id=STRIPE_CUSTOMER_ID,
    created_at=RECORDED_AT,
    terms_version="2026-11-01",
    terms_digest="ab" * 32,
    locale="en",
    wording_digest="cd" * 32,
)


def told_by_stripe(fact: Fact) -> Contribution:
    return Contribution(fact.source, (fact,), EventRecord(fact.source))


def our_own(fact: Fact) -> Contribution:
    return Contribution(fact.source, (fact,))


# ------------------------------------------------------------------------------------------ events

OUR_METADATA = {"mandate_id": MANDATE_ID, "managed_by": OWNER_MARK}

CHARGED_MANDATE_ID = f"mdt_{'e' * 24}"
CHARGE_ID = charge_id(CHARGED_MANDATE_ID, "order-1")
REFUND_ID = refund_id(CHARGE_ID, "refund-1")
CHARGE_METADATA = {"mandate_id": CHARGED_MANDATE_ID, "managed_by": OWNER_MARK, "charge_id": CHARGE_ID}

BILLING_DETAILS = {
    "address": {"city": "Springfield", "country": "US", "line1": "1 Private Road", "postal_code": "00000"},
    "email": "ann@private.example",
    "name": "Ann Private",
    "phone": "+15550000000",
}


def event(kind: str, subject: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_example",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": AT,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_example", "idempotency_key": "private-key"},
        "type": kind,
        "data": {"object": subject},
        **changes,
    }


def checkout_session(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cs_test_example",
        "object": "checkout.session",
        "cancel_url": "https://shop.example/cart",
        "client_reference_id": MANDATE_ID,
        "client_secret": "private-client-secret",
        "created": AT - 60,
        "customer": STRIPE_CUSTOMER_ID,
        "customer_details": BILLING_DETAILS,
        "customer_email": "ann@private.example",
        "expires_at": AT + 3600,
        "livemode": False,
        "metadata": {**OUR_METADATA, "note": "private-note"},
        "mode": "setup",
        "payment_method_types": ["amazon_pay"],
        "payment_status": "no_payment_required",
        "setup_intent": "seti_example",
        "status": "complete",
        "url": None,
        **changes,
    }


def setup_intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "seti_example",
        "object": "setup_intent",
        "cancellation_reason": None,
        "client_secret": "private-client-secret",
        "created": AT - 60,
        "customer": STRIPE_CUSTOMER_ID,
        "description": None,
        "last_setup_error": None,
        "latest_attempt": "setatt_example",
        "livemode": False,
        "mandate": "mandate_example",
        "metadata": OUR_METADATA,
        "next_action": None,
        "payment_method": "pm_example",
        "payment_method_options": {"amazon_pay": {}},
        "payment_method_types": ["amazon_pay"],
        "status": "succeeded",
        "usage": "off_session",
        **changes,
    }


def failed_setup_intent(**changes: Any) -> dict[str, Any]:
    error = {
        "code": "setup_intent_authentication_failure",
        "message": "private-message",
        "payment_method": payment_method(),
        "type": "invalid_request_error",
    }
    failed = {"status": "requires_payment_method", "payment_method": None, "mandate": None}
    return setup_intent(**{**failed, "last_setup_error": error, **changes})


def payment_intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_example",
        "object": "payment_intent",
        "amount": 1_000,
        "amount_capturable": 0,
        "amount_received": 1_000,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": "private-client-secret",
        "confirmation_method": "automatic",
        "created": AT - 60,
        "currency": "usd",
        "customer": STRIPE_CUSTOMER_ID,
        "description": "private-description",
        "last_payment_error": None,
        "latest_charge": "ch_example",
        "livemode": False,
        "metadata": {**CHARGE_METADATA, "reference": "private-reference"},
        "next_action": None,
        "payment_method": "pm_example",
        "payment_method_options": {"amazon_pay": {}},
        "payment_method_types": ["amazon_pay"],
        "receipt_email": "ann@private.example",
        "shipping": {"address": BILLING_DETAILS["address"], "name": "Ann Private"},
        "statement_descriptor": "private-descriptor",
        "status": "succeeded",
        **changes,
    }


def failed_payment_intent(**changes: Any) -> dict[str, Any]:
    error = {
        "advice_code": "try_again_later",
        "charge": "ch_example",
        "code": "payment_method_provider_decline",
        "decline_code": "generic_decline",
        "doc_url": "https://stripe.com/docs/error-codes",
        "message": "private-message",
        "network_decline_code": "private-word",
        "payment_method": payment_method(),
        "type": "card_error",
    }
    failed = {"status": "requires_payment_method", "amount_received": 0, "payment_method": None}
    return payment_intent(**{**failed, "last_payment_error": error, **changes})


def payment_event(kind: str, subject: Any, **changes: Any) -> dict[str, Any]:
    """Caused by our confirm."""
    request = {"id": "req_example", "idempotency_key": attempt_key(CHARGE_ID, 1)}
    return event(kind, subject, **{"request": request, **changes})


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_example",
        "object": "refund",
        "amount": 400,
        "balance_transaction": "txn_example",
        "charge": "py_example",
        "created": AT - 30,
        "currency": "usd",
        "description": "private-description",
        "destination_details": {"amazon_pay": {}, "type": "amazon_pay"},
        "instructions_email": "ann@private.example",
        "metadata": {**CHARGE_METADATA, "refund_id": REFUND_ID, "note": "private-note"},
        "payment_intent": "pi_example",
        "reason": "requested_by_customer",
        "receipt_number": "private-number",
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
        **changes,
    }


def dispute(**changes: Any) -> dict[str, Any]:
    return {
        "id": "du_example",
        "object": "dispute",
        "amount": 1_000,
        "balance_transactions": [{"id": "txn_example", "description": "private-description"}],
        "charge": "py_example",
        "created": AT - 30,
        "currency": "usd",
        "enhanced_eligibility_types": [],
        "evidence": {
            "billing_address": "1 Private Road",
            "customer_email_address": "ann@private.example",
            "customer_name": "Ann Private",
            "customer_purchase_ip": "203.0.113.9",
        },
        "evidence_details": {
            "due_by": AT + 864_000,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {"note": "private-note"},
        "payment_intent": "pi_example",
        "payment_method_details": {"amazon_pay": {"dispute_type": "claim"}, "type": "amazon_pay"},
        "reason": "product_not_received",
        "status": "needs_response",
        **changes,
    }


def payment_method(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pm_example",
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "amazon_pay": {},
        "billing_details": BILLING_DETAILS,
        "created": AT - 60,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "amazon_pay",
        **changes,
    }


def stripe_mandate(**changes: Any) -> dict[str, Any]:
    return {
        "id": "mandate_example",
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": AT - 60,
            "online": {"ip_address": "203.0.113.9", "user_agent": "private-agent"},
            "type": "online",
        },
        "livemode": False,
        "multi_use": {},
        "payment_method": "pm_example",
        "payment_method_details": {"amazon_pay": {}, "type": "amazon_pay"},
        "status": "inactive",
        "type": "multi_use",
        **changes,
    }


def stripe_customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": STRIPE_CUSTOMER_ID,
        "object": "customer",
        "address": BILLING_DETAILS["address"],
        "created": AT - 600,
        "email": "ann@private.example",
        "invoice_settings": {"default_payment_method": None},
        "livemode": False,
        "metadata": {"customer_id": "auth0|ann", "managed_by": OWNER_MARK},
        "name": "Ann Private",
        **changes,
    }


EVERY_EVENT: Mapping[str, dict[str, Any]] = {
    "checkout.session.completed": event("checkout.session.completed", checkout_session()),
    "checkout.session.expired": event(
        "checkout.session.expired", checkout_session(status="expired", setup_intent=None)
    ),
    "setup_intent.succeeded": event("setup_intent.succeeded", setup_intent()),
    "setup_intent.setup_failed": event("setup_intent.setup_failed", failed_setup_intent()),
    "setup_intent.canceled": event(
        "setup_intent.canceled", failed_setup_intent(status="canceled", last_setup_error=None)
    ),
    "payment_intent.canceled": payment_event(
        "payment_intent.canceled",
        failed_payment_intent(
            status="canceled", cancellation_reason="abandoned", latest_charge=None, last_payment_error=None
        ),
        request={"id": None, "idempotency_key": None},
    ),
    "payment_intent.payment_failed": payment_event("payment_intent.payment_failed", failed_payment_intent()),
    "payment_intent.processing": payment_event(
        "payment_intent.processing", payment_intent(status="processing", amount_received=0)
    ),
    "payment_intent.requires_action": payment_event(
        "payment_intent.requires_action",
        payment_intent(
            status="requires_action",
            amount_received=0,
            latest_charge=None,
            next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://private.example"}},
        ),
    ),
    "payment_intent.succeeded": payment_event("payment_intent.succeeded", payment_intent()),
    "refund.created": event("refund.created", refund()),
    "refund.updated": event("refund.updated", refund(status="succeeded")),
    "refund.failed": event("refund.failed", refund(status="failed", failure_reason="declined")),
    "charge.dispute.created": event("charge.dispute.created", dispute()),
    "charge.dispute.updated": event("charge.dispute.updated", dispute(status="under_review")),
    "charge.dispute.closed": event("charge.dispute.closed", dispute(status="lost")),
    "payment_method.detached": event(
        "payment_method.detached",
        payment_method(),
        data={"object": payment_method(), "previous_attributes": {"customer": STRIPE_CUSTOMER_ID}},
    ),
    "mandate.updated": event("mandate.updated", stripe_mandate()),
    "customer.deleted": event("customer.deleted", stripe_customer()),
}
