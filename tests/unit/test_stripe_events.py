"""What Stripe's events say, and that nothing private of them is kept."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe.params.checkout import SessionCreateParamsSetupIntentData

from mandates.core.charging.disputes import StripeDispute
from mandates.core.charging.facts import ChargeKind
from mandates.core.charging.ids import attempt_key, charge_id
from mandates.core.charging.refunds import StripeRefund
from mandates.core.charging.reports import PaymentError, Report
from mandates.core.facts import Fact, Kind, ids
from mandates.core.ledger import GENESIS, append
from mandates.core.stripe_events.meaning import (
    AboutCharge,
    AboutDispute,
    AboutMandate,
    AboutRefund,
    AboutSubject,
    Impossible,
    Meaning,
    NotOurs,
)
from mandates.core.stripe_events.projection import HANDLED_TYPES, KEPT, is_foreign_payment, project
from mandates.core.stripe_events.readers import READERS, read_event
from mandates.core.subjects import payment_method_subject, stripe_customer_subject
from tests.unit.examples import (
    AT,
    CHARGE_ID,
    CHARGE_METADATA,
    CHARGED_MANDATE_ID,
    EVERY_EVENT,
    MANDATE_ID,
    OUR_METADATA,
    OWNER_MARK,
    RECORDED_AT,
    REFUND_ID,
    STRIPE_CUSTOMER_ID,
    checkout_session,
    dispute,
    event,
    failed_payment_intent,
    failed_setup_intent,
    payment_event,
    payment_intent,
    payment_method,
    refund,
    setup_intent,
    stripe_customer,
    stripe_mandate,
)
from tests.unit.laws import json_values, law

EVENT_ID = "evt_example"
DISPUTES = [kind for kind in EVERY_EVENT if kind.startswith("charge.dispute.")]


def reading_of(whole: dict[str, Any], *, livemode: bool = False) -> Meaning:
    """As it happens: projected, through the queue as JSON, and read. A dispute is first named by the charge
    that recorded its intent (webhooks/strangers.py)."""
    queued = json.loads(json.dumps(project(json.loads(json.dumps(whole)))))
    if queued.get("type") in DISPUTES and "data" in queued:
        queued["data"]["object"]["metadata"] = CHARGE_METADATA
    return read_event(queued, owner_mark=OWNER_MARK, livemode=livemode)


def fact(kind: Kind, detail: dict[str, str] | None = None, **named: str) -> Fact:
    return Fact(kind, AT, EVENT_ID, ids(**named), detail or {})


PAYMENT_EVENTS = [kind for kind in EVERY_EVENT if kind.startswith("payment_intent.")]
FIRST_ATTEMPT = attempt_key(CHARGE_ID, 1)


def about_charge(happened: ChargeKind, *, key: str | None = FIRST_ATTEMPT, **told: Any) -> AboutCharge:
    report = Report(happened, AT, EVENT_ID, **told)
    return AboutCharge(EVENT_ID, CHARGED_MANDATE_ID, CHARGE_ID, "pi_example", report, key)


def about_refund(**told: Any) -> AboutRefund:
    usual: dict[str, Any] = {
        "stripe_refund_id": "re_example",
        "payment_intent_id": "pi_example",
        "status": "pending",
        "amount": 400,
        "currency": "usd",
        "created": AT - 30,
        "refund_id": REFUND_ID,
        "reason": "requested_by_customer",
    }
    made = StripeRefund(**(usual | told))
    return AboutRefund(EVENT_ID, CHARGED_MANDATE_ID, CHARGE_ID, "pi_example", made, AT)


def about_dispute(kind: ChargeKind, **told: Any) -> AboutDispute:
    usual: dict[str, Any] = {
        "dispute_id": "du_example",
        "payment_intent_id": "pi_example",
        "status": "needs_response",
        "amount": 1_000,
        "currency": "usd",
        "created": AT - 30,
        "charge": "py_example",
        "reason": "product_not_received",
        "kind": "claim",
        "evidence_due_by": AT + 864_000,
    }
    made = StripeDispute(**(usual | told))
    return AboutDispute(EVENT_ID, CHARGED_MANDATE_ID, CHARGE_ID, "pi_example", made, kind, AT)


# ------------------------------------------------------------------------------- what each one says

EXPECTED: dict[str, Meaning] = {
    "checkout.session.completed": AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(Kind.SESSION_COMPLETED, checkout_session="cs_test_example", setup_intent="seti_example"),
        STRIPE_CUSTOMER_ID,
    ),
    "checkout.session.expired": AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(Kind.SESSION_EXPIRED, checkout_session="cs_test_example"),
        STRIPE_CUSTOMER_ID,
    ),
    "setup_intent.succeeded": AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(
            Kind.SETUP_SUCCEEDED,
            setup_intent="seti_example",
            payment_method="pm_example",
            stripe_mandate="mandate_example",
        ),
        STRIPE_CUSTOMER_ID,
    ),
    "setup_intent.setup_failed": AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(
            Kind.SETUP_FAILED,
            {"code": "setup_intent_authentication_failure"},
            setup_intent="seti_example",
        ),
        STRIPE_CUSTOMER_ID,
    ),
    "setup_intent.canceled": AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(Kind.SETUP_CANCELED, setup_intent="seti_example"),
        STRIPE_CUSTOMER_ID,
    ),
    "payment_intent.canceled": about_charge(ChargeKind.INTENT_CANCELED, key=None, reason="abandoned"),
    "payment_intent.payment_failed": about_charge(
        ChargeKind.ATTEMPT_FAILED,
        stripe_charge="ch_example",
        error=PaymentError("", "payment_method_provider_decline", "generic_decline", "try_again_later"),
    ),
    "payment_intent.processing": about_charge(ChargeKind.ATTEMPT_PROCESSING, stripe_charge="ch_example"),
    "payment_intent.requires_action": about_charge(ChargeKind.ATTEMPT_NEEDS_ACTION),
    "payment_intent.succeeded": about_charge(
        ChargeKind.ATTEMPT_SUCCEEDED, stripe_charge="ch_example", amount=1_000, currency="usd"
    ),
    "refund.created": about_refund(),
    "refund.updated": about_refund(status="succeeded"),
    "refund.failed": about_refund(status="failed", failure_reason="declined"),
    "charge.dispute.created": about_dispute(ChargeKind.DISPUTE_OPENED),
    "charge.dispute.updated": about_dispute(ChargeKind.DISPUTE_CHANGED, status="under_review"),
    "charge.dispute.closed": about_dispute(ChargeKind.DISPUTE_CLOSED, status="lost"),
    "payment_method.detached": AboutSubject(
        EVENT_ID, "payment_method#pm_example", fact(Kind.DETACHED, payment_method="pm_example")
    ),
    "mandate.updated": AboutSubject(
        EVENT_ID,
        "payment_method#pm_example",
        fact(Kind.MANDATE_INACTIVE, payment_method="pm_example", stripe_mandate="mandate_example"),
    ),
    "customer.deleted": AboutSubject(
        EVENT_ID, "stripe_customer#cus_example", fact(Kind.DELETED, stripe_customer="cus_example")
    ),
}


def test_every_handled_type_is_tried() -> None:
    assert HANDLED_TYPES == tuple(sorted(EVERY_EVENT)) == tuple(sorted(EXPECTED))


def test_what_is_kept_of_each_object_is_what_its_readers_read() -> None:
    """Two tables, since receive_webhook must not load the readers. An event in only one of them is not read,
    or is read without its object."""
    assert {name: set(kept.events) for name, kept in KEPT.items()} == {
        name: set(readers) for name, readers in READERS.items()
    }


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_an_event_is_read_as_what_it_says(kind: str) -> None:
    assert reading_of(EVERY_EVENT[kind]) == EXPECTED[kind]


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_a_redelivery_reads_the_same(kind: str) -> None:
    again = {**EVERY_EVENT[kind], "pending_webhooks": 0}
    assert reading_of(again) == reading_of(EVERY_EVENT[kind])


@pytest.mark.parametrize(
    "request_", [..., None, "req_example", {}, [], {"idempotency_key": None}, {"idempotency_key": 5}]
)
@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_only_the_key_depends_on_the_request_that_caused_the_event(kind: str, request_: Any) -> None:
    """Before 2017-05-25, `request` was the id of one: https://docs.stripe.com/upgrades"""
    other = {**EVERY_EVENT[kind], "request": request_}
    if request_ is ...:
        del other["request"]
    expected = EXPECTED[kind]
    if isinstance(expected, AboutCharge):
        expected = replace(expected, idempotency_key=None)
    assert reading_of(other) == expected


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_projecting_twice_changes_nothing(kind: str) -> None:
    once = project(EVERY_EVENT[kind])
    assert project(once) == once


def test_expanded_objects_are_read_as_their_ids() -> None:
    """Not in webhooks, but an event that ops fetched may have been expanded."""
    expanded = setup_intent(
        customer=stripe_customer(), payment_method=payment_method(), mandate=stripe_mandate()
    )
    assert reading_of(event("setup_intent.succeeded", expanded)) == EXPECTED["setup_intent.succeeded"]


def test_a_setup_without_a_stripe_mandate_succeeds_too() -> None:
    """Stripe does not document that Amazon Pay always has one."""
    found = reading_of(event("setup_intent.succeeded", setup_intent(mandate=None)))
    assert isinstance(found, AboutMandate)
    assert found.fact.ids == ids(setup_intent="seti_example", payment_method="pm_example")


@pytest.mark.parametrize("error", [None, {}, {"type": "api_error"}, {"code": None}, {"code": 5}, "text"])
def test_a_failure_whose_reason_is_not_given_is_a_failure_still(error: Any) -> None:
    failed = failed_setup_intent(last_setup_error=error, latest_attempt=None, customer=None)
    assert reading_of(event("setup_intent.setup_failed", failed)) == AboutMandate(
        EVENT_ID,
        MANDATE_ID,
        fact(Kind.SETUP_FAILED, {"code": "unknown"}, setup_intent="seti_example"),
        None,
    )


def test_a_detached_payment_method_names_no_customer_and_is_believed() -> None:
    assert payment_method()["customer"] is None
    gone = event("payment_method.detached", payment_method(metadata={}))
    assert reading_of(gone) == EXPECTED["payment_method.detached"]


@pytest.mark.parametrize("status", ["active", "pending", "some_new_status"])
def test_a_mandate_that_is_not_inactive_is_ignored(status: str) -> None:
    assert reading_of(event("mandate.updated", stripe_mandate(status=status))) == NotOurs(EVENT_ID, "ignored")


@pytest.mark.parametrize("details", [None, {}, {"type": None}, "amazon_pay"])
def test_a_mandate_that_does_not_say_its_type_may_be_ours(details: Any) -> None:
    inactive = event("mandate.updated", stripe_mandate(payment_method_details=details))
    assert reading_of(inactive) == EXPECTED["mandate.updated"]


@pytest.mark.parametrize("of", ["pm_example", "pm_another"])
def test_a_mandate_for_one_payment_that_was_used_withdraws_nothing(of: str) -> None:
    """Inactive is also "previously used": https://docs.stripe.com/api/mandates/object"""
    used = stripe_mandate(
        id="mandate_other",
        type="single_use",
        single_use={"amount": 4200, "currency": "usd"},
        payment_method=of,
    )
    assert reading_of(event("mandate.updated", used)) == NotOurs(EVENT_ID, "ignored")
    assert project(event("mandate.updated", used))["data"]["object"]["type"] == "single_use"


@pytest.mark.parametrize(
    "kind", ["multi_use", ..., None, "", "some_new_type", "SINGLE_USE", 5, {"id": "single_use"}]
)
def test_every_other_inactive_mandate_on_our_payment_method_withdraws(kind: Any) -> None:
    ended = stripe_mandate(id="mandate_other", type=kind)
    if kind is ...:
        del ended["type"]
    assert reading_of(event("mandate.updated", ended)) == AboutSubject(
        EVENT_ID,
        "payment_method#pm_example",
        fact(Kind.MANDATE_INACTIVE, payment_method="pm_example", stripe_mandate="mandate_other"),
    )


def test_a_set_up_names_no_mandate_for_one_payment() -> None:
    """Checkout can't ask for one (its `setup_intent_data` has no `single_use`), and by a SetupIntent Amazon
    Pay has none: the list in stripe.params.SetupIntentCreateParams is without it."""
    assert "single_use" not in SessionCreateParamsSetupIntentData.__annotations__
    found = reading_of(event("setup_intent.succeeded", setup_intent(single_use_mandate="mandate_other")))
    assert found == EXPECTED["setup_intent.succeeded"]


# ---------------------------------------------------------------------------------------- payments


@pytest.mark.parametrize("error", [None, {}, {"type": "api_error"}, {"code": None, "message": "x"}, "text"])
def test_a_payment_that_failed_without_a_reason_failed_still(error: Any) -> None:
    failed = failed_payment_intent(last_payment_error=error)
    assert reading_of(payment_event("payment_intent.payment_failed", failed)) == about_charge(
        ChargeKind.ATTEMPT_FAILED, stripe_charge="ch_example"
    )


def test_what_was_received_counts_and_not_what_was_asked_for() -> None:
    found = reading_of(payment_event("payment_intent.succeeded", payment_intent(amount_received=999)))
    assert isinstance(found, AboutCharge)
    assert (found.report.amount, found.report.currency) == (999, "usd")


@pytest.mark.parametrize("field", ["amount_received", "currency"])
@pytest.mark.parametrize("value", [..., None, "", True, 1.5, -1, 10**30, [], {"id": "x"}])
def test_a_success_says_what_was_received(field: str, value: Any) -> None:
    odd = payment_intent(**{field: value})
    if value is ...:
        del odd[field]
    found = reading_of(payment_event("payment_intent.succeeded", odd))
    assert isinstance(found, Impossible)
    assert found.reason.startswith(f"unreadable: data.object.{field} is ")


@pytest.mark.parametrize(
    "charge",
    [
        ...,
        None,
        "",
        5,
        [CHARGE_ID],
        CHARGE_ID.upper(),
        f"{CHARGE_ID}x",
        charge_id(f"mdt_{'f' * 24}", "order-1"),
    ],
)
def test_our_mark_without_a_charge_of_its_mandate_is_impossible(charge: Any) -> None:
    metadata = {**CHARGE_METADATA, "charge_id": charge}
    if charge is ...:
        del metadata["charge_id"]
    for kind in PAYMENT_EVENTS:
        ours = {**EVERY_EVENT[kind]["data"]["object"], "metadata": metadata}
        assert isinstance(reading_of(payment_event(kind, ours)), Impossible)


@pytest.mark.parametrize("kind", PAYMENT_EVENTS)
def test_of_a_payment_neither_words_nor_the_reference_are_kept(kind: str) -> None:
    kept = project(EVERY_EVENT[kind])
    assert kept["data"]["object"]["metadata"] == CHARGE_METADATA
    assert kept["data"]["object"].keys() <= {
        "id",
        "object",
        "status",
        "amount",
        "amount_received",
        "currency",
        "customer",
        "latest_charge",
        "last_payment_error",
        "cancellation_reason",
        "metadata",
    }
    error = kept["data"]["object"].get("last_payment_error", {})
    assert error.keys() <= {"code", "decline_code", "advice_code"}
    assert kept["request"].keys() <= {"idempotency_key"}


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (
            "refund.failed",
            {
                "id": "re_example",
                "object": "refund",
                "status": "failed",
                "failure_reason": "declined",
                "amount": 400,
                "currency": "usd",
                "reason": "requested_by_customer",
                "payment_intent": "pi_example",
                "created": AT - 30,
                "metadata": {**CHARGE_METADATA, "refund_id": REFUND_ID},
            },
        ),
        (
            "charge.dispute.created",
            {
                "id": "du_example",
                "object": "dispute",
                "status": "needs_response",
                "created": AT - 30,
                "amount": 1_000,
                "currency": "usd",
                "reason": "product_not_received",
                "payment_intent": "pi_example",
                "charge": "py_example",
                "evidence_details": {"due_by": AT + 864_000},
                "payment_method_details": {"type": "amazon_pay", "amazon_pay": {"dispute_type": "claim"}},
            },
        ),
    ],
)
def test_of_a_refund_and_a_dispute_nothing_personal_is_kept(kind: str, kept: dict[str, Any]) -> None:
    """A dispute's evidence is all about a person. Its metadata is whoever's answers disputes."""
    assert project(EVERY_EVENT[kind])["data"]["object"] == kept


@pytest.mark.parametrize("field", ["amount", "currency", "created", "payment_intent", "id"])
@pytest.mark.parametrize("value", [..., None, "", True, 1.5, -1, []])
def test_what_a_refund_or_a_dispute_must_say(field: str, value: Any) -> None:
    for kind, subject in (("refund.updated", refund()), ("charge.dispute.updated", dispute())):
        odd = {**subject, field: value}
        if value is ...:
            del odd[field]
        found = reading_of(event(kind, odd))
        assert isinstance(found, Impossible)
        assert found.reason.startswith(f"unreadable: data.object.{field} is ")


@pytest.mark.parametrize("odd", [..., None, "text", [], {}, {"due_by": "soon"}, {"amazon_pay": "claim"}])
def test_what_a_dispute_need_not_say(odd: Any) -> None:
    for name in ("evidence_details", "payment_method_details", "reason", "charge"):
        if name == "charge" and odd not in (..., None, {}):
            continue  # an id that is none is impossible
        said = dispute(**{name: odd})
        if odd is ...:
            del said[name]
        assert isinstance(reading_of(event("charge.dispute.updated", said)), AboutDispute)


def test_a_refund_made_in_the_dashboard_has_no_id_of_ours() -> None:
    found = reading_of(event("refund.updated", refund(metadata=CHARGE_METADATA, reason=None, status=None)))
    assert found == about_refund(refund_id="", reason="", status="")


@pytest.mark.parametrize("kind", DISPUTES)
def test_whatever_a_disputes_metadata_says_it_names_no_charge(kind: str) -> None:
    """Whoever answers disputes may write there what they like."""
    claims = event(kind, dispute(metadata=CHARGE_METADATA))
    assert read_event(project(claims), owner_mark=OWNER_MARK, livemode=False) == NotOurs(EVENT_ID, "foreign")


def test_the_key_is_kept_only_of_payments() -> None:
    """Of the others' requests it may be anybody's, and say anything."""
    assert {kind for kind in EVERY_EVENT if "request" in project(EVERY_EVENT[kind])} == set(PAYMENT_EVENTS)


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_only_a_payment_without_our_mark_is_somebody_elses(kind: str) -> None:
    for whole in (EVERY_EVENT[kind], project(EVERY_EVENT[kind])):
        assert not is_foreign_payment(whole, OWNER_MARK)
        has_a_mark = kind in PAYMENT_EVENTS or kind.startswith("refund.")
        assert is_foreign_payment(whole, "another-stack") is has_a_mark


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", *DISPUTES])
@pytest.mark.parametrize("metadata", [None, {}, {"managed_by": "a-dispute-service"}, {"order_id": "42"}])
def test_refunds_and_disputes_that_name_nobody_are_looked_up(kind: str, metadata: Any) -> None:
    """One of ours that was made in the Dashboard looks just like a stranger's, and so does every dispute."""
    whole = event(kind, {**EVERY_EVENT[kind]["data"]["object"], "metadata": metadata})
    assert not is_foreign_payment(whole, OWNER_MARK)


# --------------------------------------------------------------------------------------- not ours


@pytest.mark.parametrize(
    "kind", ["plan.created", "setup_intent.created", "customer.updated", "checkout.session", "", "*"]
)
def test_a_type_that_is_not_handled_is_ignored(kind: str) -> None:
    assert reading_of(event(kind, setup_intent())) == NotOurs(EVENT_ID, "ignored")


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_the_other_mode_is_not_ours(kind: str) -> None:
    for livemode in (True, None, "false", 0, ...):
        other = {**EVERY_EVENT[kind], "livemode": livemode}
        if livemode is ...:
            del other["livemode"]
        assert reading_of(other) == NotOurs(EVENT_ID, "livemode_mismatch")
    assert reading_of(EVERY_EVENT[kind], livemode=True) == NotOurs(EVENT_ID, "livemode_mismatch")


def test_live_events_are_read_by_a_live_stack() -> None:
    live = {**EVERY_EVENT["customer.deleted"], "livemode": True}
    assert reading_of(live, livemode=True) == EXPECTED["customer.deleted"]


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_an_event_of_a_connected_account_is_foreign(kind: str) -> None:
    connected = {**EVERY_EVENT[kind], "account": "acct_example"}
    assert reading_of(connected) == NotOurs(EVENT_ID, "foreign")
    assert reading_of({**EVERY_EVENT[kind], "account": None}) == EXPECTED[kind]


@pytest.mark.parametrize(
    "metadata",
    [
        ...,
        None,
        {},
        [],
        "mandate_id",
        {"mandate_id": MANDATE_ID},
        {"mandate_id": MANDATE_ID, "managed_by": "another-stack"},
        {"mandate_id": MANDATE_ID, "managed_by": OWNER_MARK.upper()},
        {"mandate_id": MANDATE_ID, "managed_by": ""},
        {"mandate_id": MANDATE_ID, "managed_by": [OWNER_MARK]},
    ],
)
@pytest.mark.parametrize(
    "kind",
    [kind for kind, found in EXPECTED.items() if isinstance(found, AboutMandate | AboutCharge | AboutRefund)],
)
def test_what_another_system_made_in_the_same_account_is_foreign(kind: str, metadata: Any) -> None:
    stranger = {**EVERY_EVENT[kind]["data"]["object"], "metadata": metadata}
    if metadata is ...:
        del stranger["metadata"]
    assert reading_of(event(kind, stranger)) == NotOurs(EVENT_ID, "foreign")


@pytest.mark.parametrize("mandate_id", [..., None, "", 5, [MANDATE_ID]])
def test_our_mark_without_a_mandate_id_is_impossible(mandate_id: Any) -> None:
    metadata = {"managed_by": OWNER_MARK, **({} if mandate_id is ... else {"mandate_id": mandate_id})}
    ours = {**EVERY_EVENT["setup_intent.succeeded"]["data"]["object"], "metadata": metadata}
    assert isinstance(reading_of(event("setup_intent.succeeded", ours)), Impossible)


@pytest.mark.parametrize("other", ["card", "sepa_debit", "link"])
def test_other_kinds_of_payment_method_are_foreign(other: str) -> None:
    foreign = NotOurs(EVENT_ID, "foreign")
    assert reading_of(event("payment_method.detached", payment_method(type=other))) == foreign
    debit = stripe_mandate(payment_method_details={"type": other, other: {}})
    assert reading_of(event("mandate.updated", debit)) == foreign


# ------------------------------------------------------------------------------------- impossible


@pytest.mark.parametrize(
    "types", [[], ["card"], ["card", "amazon_pay"], ["amazon_pay", "amazon_pay"], "amazon_pay", None]
)
def test_a_setup_for_anything_but_amazon_pay_alone_is_impossible(types: Any) -> None:
    found = reading_of(event("setup_intent.succeeded", setup_intent(payment_method_types=types)))
    assert found == Impossible(EVENT_ID, "the SetupIntent is not for Amazon Pay alone")


@pytest.mark.parametrize(
    "types", [["amazon_pay", {"type": "card"}], ["amazon_pay", None], ["amazon_pay", "x" * 501]]
)
def test_the_projection_does_not_make_a_list_of_several_one_of_one(types: list[Any]) -> None:
    found = reading_of(event("setup_intent.succeeded", setup_intent(payment_method_types=types)))
    assert isinstance(found, Impossible)


NEEDED = [
    ("checkout.session.completed", "id"),
    ("checkout.session.completed", "customer"),
    ("checkout.session.expired", "id"),
    ("checkout.session.expired", "customer"),
    ("setup_intent.succeeded", "id"),
    ("setup_intent.succeeded", "customer"),
    ("setup_intent.succeeded", "payment_method"),
    ("setup_intent.setup_failed", "id"),
    ("setup_intent.canceled", "id"),
    ("payment_method.detached", "id"),
    ("payment_method.detached", "type"),
    ("mandate.updated", "id"),
    ("mandate.updated", "status"),
    ("mandate.updated", "payment_method"),
    ("customer.deleted", "id"),
    *((kind, "id") for kind in PAYMENT_EVENTS),
]


@pytest.mark.parametrize(("kind", "field"), NEEDED)
def test_a_needed_field_that_is_missing_or_odd_makes_the_event_impossible(kind: str, field: str) -> None:
    for value in (..., None, "", 5, True, 1.5, [], ["x"], {}, {"id": None}, {"id": ["x"]}):
        subject = {**EVERY_EVENT[kind]["data"]["object"], field: value}
        if value is ...:
            del subject[field]
        found = reading_of(event(kind, subject))
        assert isinstance(found, Impossible)
        assert found.event_id == EVENT_ID
        assert found.reason.startswith(f"unreadable: data.object.{field} is ")


IDS = [(kind, field) for kind, field in NEEDED if field not in {"type", "status"}]

NO_IDS = (
    "x" * 256,
    "cus_a b",
    "cus_a\n",
    "cus_a#event",
    "cus_a:b",
    "cus_a|b",
    "cus-a",
    "cus_\u202ea",
    "\x1b[2J",
    "cus_é",
    "cus_１",
    " cus_a",
)
"""What a text may be, and no id of Stripe's."""


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_is_impossible_wherever_an_id_is_kept(text: str) -> None:
    for kind, field in [*IDS, *OPTIONAL]:
        for value in (text, {"id": text}):
            found = reading_of(event(kind, {**EVERY_EVENT[kind]["data"]["object"], field: value}))
            assert isinstance(found, Impossible), (kind, field)
            assert text not in found.reason
    odd = setup_intent(metadata={**OUR_METADATA, "mandate_id": text})
    assert isinstance(reading_of(event("setup_intent.succeeded", odd)), Impossible)
    with pytest.raises(ValueError, match="without an id"):
        reading_of({**EVERY_EVENT["customer.deleted"], "id": text})


def test_an_id_of_255_characters_is_one() -> None:
    for kind, field in [*IDS, *OPTIONAL]:
        found = reading_of(event(kind, {**EVERY_EVENT[kind]["data"]["object"], field: "x" * 255}))
        assert isinstance(found, AboutMandate | AboutSubject | AboutCharge), (kind, field)


OPTIONAL = [
    ("checkout.session.completed", "setup_intent"),
    ("setup_intent.succeeded", "mandate"),
    ("setup_intent.setup_failed", "customer"),
    ("setup_intent.canceled", "customer"),
    *((kind, "latest_charge") for kind in PAYMENT_EVENTS),
]


@pytest.mark.parametrize(("kind", "field"), OPTIONAL)
def test_an_optional_field_may_be_null_and_not_odd(kind: str, field: str) -> None:
    subject = EVERY_EVENT[kind]["data"]["object"]
    assert isinstance(reading_of(event(kind, {**subject, field: None})), AboutMandate | AboutCharge)
    for value in ("", 5, True, ["x"], {"id": 5}):
        assert isinstance(reading_of(event(kind, {**subject, field: value})), Impossible)


@pytest.mark.parametrize("created", [..., None, "1790000000", 1.5, True, [], {}])
def test_an_event_without_its_time_is_impossible(created: Any) -> None:
    for whole in EVERY_EVENT.values():
        timeless = {**whole, "created": created}
        if created is ...:
            del timeless["created"]
        assert reading_of(timeless) == Impossible(EVENT_ID, "unreadable: created is not a time")


@pytest.mark.parametrize("data", [..., None, [], "x", {}, {"object": None}, {"object": []}, {"object": "x"}])
def test_an_event_about_nothing_is_impossible(data: Any) -> None:
    for whole in EVERY_EVENT.values():
        empty = {**whole, "data": data}
        if data is ...:
            del empty["data"]
        assert reading_of(empty) == Impossible(EVENT_ID, "unreadable: it has no data.object")


@pytest.mark.parametrize("event_id", [..., None, "", 5, ["evt"]])
def test_an_event_without_an_id_is_an_error(event_id: Any) -> None:
    nameless = {**EVERY_EVENT["customer.deleted"], "id": event_id}
    with pytest.raises(ValueError, match="without an id"):
        reading_of({name: value for name, value in nameless.items() if value is not ...})


def test_an_empty_mandate_id_names_no_mandate() -> None:
    """It would be read from DynamoDB, which refuses empty keys, with all of its batch."""
    nobody = setup_intent(metadata={**OUR_METADATA, "mandate_id": ""})
    assert not isinstance(reading_of(event("setup_intent.succeeded", nobody)), AboutMandate)


def test_what_is_foreign_is_not_quarantined_however_odd() -> None:
    odd = setup_intent(metadata={}, id=5, customer=[], payment_method=None)
    assert reading_of(event("setup_intent.succeeded", odd, created=None)) == NotOurs(EVENT_ID, "foreign")


# --------------------------------------------------------------------------------------- projection

PRIVATE_KEYS = (
    "client_secret",
    "billing_details",
    "email",
    "customer_email",
    "customer_details",
    "receipt_email",
    "phone",
    "name",
    "address",
    "customer_acceptance",
    "message",
    "next_action",
    "previous_attributes",
)
KEPT_KEYS = (
    "id",
    "object",
    "type",
    "status",
    "customer",
    "setup_intent",
    "payment_method",
    "payment_method_types",
    "mandate",
    "latest_attempt",
    "last_setup_error",
    "payment_method_details",
    "metadata",
    "mandate_id",
    "managed_by",
    "code",
    "latest_charge",
    "last_payment_error",
    "charge_id",
    "request",
    "amount_received",
)

keys = st.sampled_from([*KEPT_KEYS, *PRIVATE_KEYS]) | st.text(max_size=6)
hostile_values = json_values(keys, max_leaves=6)


@st.composite
def hostile_events(draw: st.DrawFn) -> dict[str, Any]:
    """A real event with up to four of its values, anywhere, replaced by any other or taken out."""
    whole = copy.deepcopy(EVERY_EVENT[draw(st.sampled_from(HANDLED_TYPES))])
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.sampled_from([whole, whole["data"]["object"]]))
        name = draw(st.sampled_from(sorted(place.keys() - {"type", "data"} | {"metadata", "account"})) | keys)
        place[name] = draw(hostile_values)
    if draw(st.integers(0, 9)) == 0:
        whole["data"] = draw(hostile_values)
    return {
        **whole,
        "id": "evt_hostile",
        "type": draw(st.just(whole["type"]) | st.sampled_from(HANDLED_TYPES)),
    }


def with_marked_secrets(value: Any) -> Any:
    """The same value, with a marked secret wherever something private could stand."""
    match value:
        case dict():
            marked = {name: with_marked_secrets(inner) for name, inner in value.items()}
            for name in PRIVATE_KEYS:
                marked[name] = {"id": "PRIVATE", "code": "PRIVATE"} if len(marked) % 2 else "PRIVATE"
            return marked
        case list():
            return [with_marked_secrets(inner) for inner in value]
        case _:
            return value


@law
@given(st.dictionaries(keys, hostile_values, max_size=5), st.sampled_from(HANDLED_TYPES))
def test_whatever_the_json_projecting_does_not_raise(whole: dict[str, Any], kind: str) -> None:
    for subject in (whole, None, [whole], {"object": whole}):
        kept = project({**whole, "type": kind, "data": subject})
        assert json.loads(json.dumps(kept)) == kept


@law
@given(hostile_events())
def test_whatever_the_shape_nothing_private_is_kept_and_the_rest_is_readable(whole: dict[str, Any]) -> None:
    kept = project(with_marked_secrets(whole))
    assert "PRIVATE" not in json.dumps(kept)
    assert isinstance(read_event(kept, owner_mark=OWNER_MARK, livemode=False), Meaning)


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_nothing_private_of_a_real_event_is_kept(kind: str) -> None:
    whole = EVERY_EVENT[kind]
    text = json.dumps(project(with_marked_secrets(whole)))
    assert "private" in json.dumps(whole)
    assert "private" not in text.lower()
    assert "@" not in text


@pytest.mark.parametrize("kind", EVERY_EVENT)
def test_a_real_event_becomes_a_small_message(kind: str) -> None:
    assert len(json.dumps(project(EVERY_EVENT[kind]))) < 1024


def test_of_an_event_that_is_not_handled_only_the_envelope_is_kept() -> None:
    assert project(event("customer.updated", stripe_customer())) == {
        "id": EVENT_ID,
        "object": "event",
        "type": "customer.updated",
        "created": AT,
        "livemode": False,
        "api_version": "2026-10-28.endive",
    }


def test_the_projection_is_exactly_this() -> None:
    assert project(EVERY_EVENT["checkout.session.completed"])["data"] == {
        "object": {
            "id": "cs_test_example",
            "object": "checkout.session",
            "status": "complete",
            "customer": STRIPE_CUSTOMER_ID,
            "setup_intent": "seti_example",
            "metadata": OUR_METADATA,
        }
    }


def test_the_event_itself_is_left_as_it_was() -> None:
    whole = event("checkout.session.completed", checkout_session())
    before = json.dumps(whole)
    project(whole)
    assert json.dumps(whole) == before


@pytest.mark.parametrize("kind", [["customer.deleted"], {"type": "customer.deleted"}])
def test_a_type_that_is_not_text_does_not_raise(kind: Any) -> None:
    assert "data" not in project({**EVERY_EVENT["customer.deleted"], "type": kind})


def test_a_deeply_nested_id_does_not_raise() -> None:
    nested: Any = "cus_example"
    for _ in range(2000):
        nested = {"id": nested}
    whole = event("customer.deleted", {**stripe_customer(), "id": nested})
    raised = False
    try:
        project(whole)
    except RecursionError:
        raised = True  # a traceback of thousands of frames takes a minute to report
    assert not raised


def test_no_event_becomes_a_message_the_queue_would_not_take() -> None:
    """256 KiB, SQS's limit until 2025 and still the default of a queue made before."""
    long = ["\U0001f600" * 500] * 20
    bloated = {name: long for name in setup_intent() if name not in {"object", "metadata"}}
    whole = event("setup_intent.succeeded", {**bloated, "object": "setup_intent", "metadata": OUR_METADATA})
    assert len(json.dumps(project(whole))) < 256 * 1024


# ------------------------------------------------------------------------------ what follows from it


def entered(found: AboutMandate | AboutSubject) -> None:
    append(
        mandate_id=MANDATE_ID,
        length=0,
        head_hash=GENESIS,
        recorded_at=RECORDED_AT,
        source=found.event_id,
        facts=[found.fact],
        status="pending",
    )


@law
@given(hostile_events())
def test_whatever_is_read_as_a_fact_can_be_entered_in_a_ledger(whole: dict[str, Any]) -> None:
    found = read_event(project({**whole, "created": AT}), owner_mark=OWNER_MARK, livemode=False)
    if isinstance(found, AboutMandate | AboutSubject):
        entered(found)


@pytest.mark.parametrize(
    "whole",
    [
        event("setup_intent.succeeded", setup_intent(), created=2**60),
        event("setup_intent.succeeded", setup_intent(), created=-(2**60)),
        event("setup_intent.succeeded", setup_intent(payment_method="pm_\ud800")),
        event("setup_intent.setup_failed", failed_setup_intent(last_setup_error={"code": "\udfff"})),
    ],
)
def test_a_fact_without_a_canonical_form_is_impossible(whole: dict[str, Any]) -> None:
    found = reading_of(whole)
    if isinstance(found, AboutMandate | AboutSubject):
        entered(found)


def test_subjects_are_keyed_apart() -> None:
    assert payment_method_subject("x") == "payment_method#x"
    assert stripe_customer_subject("x") == "stripe_customer#x"
