"""Which answers of Stripe are an outcome of a payment, and which leave it open; under the real SDK."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import stripe

from mandates.core.charging.error_classes import CLASS_OF_CODE, ErrorClass, error_class
from mandates.core.charging.reports import Intent, PaymentError
from mandates.core.errors import StripeUnavailable
from mandates.core.funding import Funding
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import AnswerReplayed, KeyRefused, RequestRejected, ResourceMissing
from mandates.gateway.payment_intents import (
    IntentNotCancelable,
    PaymentRefused,
    confirm_params,
    create_params,
)

INTENT: Mapping[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "amount": 4200,
    "amount_received": 0,
    "currency": "usd",
    "latest_charge": None,
    "last_payment_error": None,
}
CONFIRM = confirm_params(payment_method_id="pm_1")


class Answers(stripe.HTTPClient):
    """Gives these answers in turn; None is none at all."""

    name = "answers"

    def __init__(self, *answers: tuple[int, Mapping[str, Any]] | None, **headers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.headers = {"request-id": "req_1", **headers}
        self.asked: list[tuple[str, str, str]] = []

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        self.asked.append((method.upper(), url.partition("/v1")[2], str(post_data or "")))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise stripe.APIConnectionError("timed out", should_retry=True)  # type: ignore[no-untyped-call]
        return json.dumps(answer[1]), answer[0], self.headers

    def close(self) -> None:
        """Nothing to close."""


def gateway_on(client: Answers) -> Gateway:
    return Gateway("sk_test_placeholder", http_client=client, sleep=lambda _: None)


def refusal(kind: str = "invalid_request_error", **error: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No.", **error}}


# ------------------------------------------------------------------------------------ outcomes


@pytest.mark.parametrize(
    ("status", "body", "error", "class_"),
    [
        (
            402,
            refusal("card_error", code="payment_method_provider_decline", decline_code="do_not_honor"),
            PaymentError("402", "payment_method_provider_decline", "do_not_honor"),
            ErrorClass.SOFT,
        ),
        (
            402,
            refusal("card_error", code="card_declined", advice_code="try_again_later"),
            PaymentError("402", "card_declined", "", "try_again_later"),
            ErrorClass.SOFT,
        ),
        (402, refusal("card_error"), PaymentError("402"), ErrorClass.CUSTOMER),
        (400, refusal(code="amount_too_small"), PaymentError("400", "amount_too_small"), ErrorClass.FINAL),
        (
            400,
            refusal(code="payment_intent_unexpected_state"),
            PaymentError("400", "payment_intent_unexpected_state"),
            ErrorClass.STATE,
        ),
        (
            400,
            refusal(code="payment_intent_mandate_invalid"),
            PaymentError("400", "payment_intent_mandate_invalid"),
            ErrorClass.MANDATE,
        ),
        (
            400,
            refusal("idempotency_error"),
            PaymentError("400", "idempotency_error"),
            ErrorClass.OURS_TO_MEND,
        ),
        (401, refusal(), PaymentError("401"), ErrorClass.OURS_TO_MEND),
        (403, refusal(), PaymentError("403"), ErrorClass.OURS_TO_MEND),
        (
            404,
            refusal(code="resource_missing"),
            PaymentError("404", "resource_missing"),
            ErrorClass.OURS_TO_MEND,
        ),
    ],
)
def test_a_refusal_is_an_outcome_with_stripes_words(
    status: int, body: dict[str, Any], error: PaymentError, class_: ErrorClass
) -> None:
    intents = gateway_on(Answers((status, body))).payment_intents
    calls: tuple[Callable[[], object], ...] = (
        lambda: intents.create({"amount": 4200}, idempotency_key="key"),
        lambda: intents.confirm("pi_1", CONFIRM, idempotency_key="key"),
    )
    for call in calls:
        with pytest.raises(PaymentRefused) as refused:
            call()
        assert refused.value.error == error
        assert refused.value.intent is None
        assert refused.value.extra["stripe_request_id"] == "req_1"
    assert error_class(**error.said) is class_


@pytest.mark.parametrize("code", sorted(CLASS_OF_CODE))
def test_every_code_that_has_a_class_arrives(code: str) -> None:
    intents = gateway_on(Answers((402, refusal("card_error", code=code)))).payment_intents
    with pytest.raises(PaymentRefused) as refused:
        intents.confirm("pi_1", CONFIRM, idempotency_key="key")
    assert error_class(**refused.value.error.said) is CLASS_OF_CODE[code]


def test_a_refusal_has_the_intent_as_it_is_now() -> None:
    after = {
        **INTENT,
        "latest_charge": "py_1",
        "last_payment_error": {"type": "card_error", "code": "processing_error"},
    }
    answer = refusal("card_error", code="processing_error", payment_intent=after)
    intents = gateway_on(Answers((402, answer))).payment_intents
    with pytest.raises(PaymentRefused) as refused:
        intents.confirm("pi_1", CONFIRM, idempotency_key="key")
    intent = refused.value.intent
    assert intent
    assert (intent.payment_intent_id, intent.latest_charge) == ("pi_1", "py_1")
    assert intent.last_error == PaymentError(code="processing_error")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, None),
        ((409, refusal(code="idempotency_key_in_use")), "idempotency_key_in_use"),
        ((429, refusal(code="lock_timeout")), "lock_timeout"),
        ((429, refusal(code="rate_limit")), "rate_limit"),
        ((400, refusal(code="rate_limit")), "rate_limit"),
        ((500, refusal("api_error")), None),
        ((503, refusal("api_error")), None),
        ((424, refusal("api_error")), None),
        ((502, {}), None),
    ],
)
def test_what_is_not_an_answer_to_the_question_is_not_an_outcome(
    answer: tuple[int, dict[str, Any]] | None, code: str | None
) -> None:
    intents = gateway_on(Answers(answer)).payment_intents
    with pytest.raises(StripeUnavailable) as unavailable:
        intents.confirm("pi_1", CONFIRM, idempotency_key="key")
    assert unavailable.value.extra["stripe_code"] == code
    assert not isinstance(unavailable.value, AnswerReplayed)


def test_a_replayed_500_is_told_apart_and_a_replayed_refusal_is_an_outcome() -> None:
    replayed = {"idempotent-replayed": "true"}
    broken = gateway_on(Answers((500, refusal("api_error")), **replayed)).payment_intents
    with pytest.raises(AnswerReplayed):
        broken.confirm("pi_1", CONFIRM, idempotency_key="key")
    refused = gateway_on(Answers((402, refusal("card_error")), **replayed)).payment_intents
    with pytest.raises(PaymentRefused):
        refused.confirm("pi_1", CONFIRM, idempotency_key="key")


# ------------------------------------------------------------------------- intents as they are


def test_an_intent_becomes_ours() -> None:
    charge = {"id": "py_1", "object": "charge"}
    succeeded = {**INTENT, "status": "succeeded", "amount_received": 4100, "latest_charge": charge}
    client = gateway_on(Answers((200, INTENT), (200, succeeded)))
    assert client.payment_intents.retrieve("pi_1").amount == 4200
    intent = client.payment_intents.retrieve("pi_1")
    assert (intent.status, intent.amount, intent.currency) == ("succeeded", 4100, "usd")
    assert (intent.latest_charge, intent.last_error) == ("py_1", None)


def test_an_intent_that_stripe_does_not_know_says_nothing_about_the_money() -> None:
    intents = gateway_on(Answers((404, refusal(code="resource_missing", param="intent")))).payment_intents
    with pytest.raises(ResourceMissing):
        intents.retrieve("pi_1")
    with pytest.raises(ResourceMissing):
        intents.cancel("pi_1", reason="abandoned")


# ---------------------------------------------------------------------------------- cancelling


NOT_CANCELABLE = (400, refusal(code="payment_intent_unexpected_state"))


def test_a_cancelled_intent_is_returned_whoever_cancelled_it() -> None:
    canceled = (200, {**INTENT, "status": "canceled"})
    client = Answers(canceled)
    assert gateway_on(client).payment_intents.cancel("pi_1", reason="abandoned").status == "canceled"
    assert client.asked == [("POST", "/payment_intents/pi_1/cancel", "cancellation_reason=abandoned")]
    by_others = gateway_on(Answers(NOT_CANCELABLE, canceled)).payment_intents
    assert by_others.cancel("pi_1", reason="abandoned").status == "canceled"


@pytest.mark.parametrize("status", ["succeeded", "processing"])
def test_an_intent_that_can_not_be_cancelled_says_how_it_is(status: str) -> None:
    found = (200, {**INTENT, "status": status})
    with pytest.raises(IntentNotCancelable) as refused:
        gateway_on(Answers(NOT_CANCELABLE, found)).payment_intents.cancel("pi_1", reason="abandoned")
    assert refused.value.intent.status == status


def test_an_intent_whose_payment_fails_after_the_refusal_is_cancelled_after_all() -> None:
    """It was processing. Otherwise its payment method would be released while it can still be confirmed."""
    client = Answers(NOT_CANCELABLE, (200, INTENT), (200, {**INTENT, "status": "canceled"}))
    assert gateway_on(client).payment_intents.cancel("pi_1", reason="abandoned").status == "canceled"
    assert [method for method, *_ in client.asked] == ["POST", "GET", "POST"]


def test_a_refused_cancel_of_an_intent_that_could_be_cancelled_is_ours_to_mend() -> None:
    unknown = (400, refusal(code="parameter_unknown"))
    client = Answers(unknown, (200, INTENT), unknown)
    with pytest.raises(RequestRejected) as refused:
        gateway_on(client).payment_intents.cancel("pi_1", reason="abandoned")
    assert refused.value.extra["stripe_code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ((401, refusal()), KeyRefused),
        ((500, refusal("api_error")), StripeUnavailable),
        (None, StripeUnavailable),
    ],
)
def test_a_cancel_that_fails_otherwise_says_nothing_about_the_intent(
    answer: tuple[int, dict[str, Any]] | None, raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        gateway_on(Answers(answer)).payment_intents.cancel("pi_1", reason="abandoned")


# ---------------------------------------------------------------------------------- parameters


def test_the_parameters_that_create_an_intent_can_not_take_money() -> None:
    params = create_params(
        charge_id="chg_1",
        mandate_id="mdt_1",
        owner_mark="stack",
        stripe_customer_id="cus_1",
        amount=500,
        currency="jpy",
        reference="order 7",
        description="Coffee",
        statement_descriptor="BEAN & LEAF",
    )
    assert params == {
        "amount": 500,
        "currency": "jpy",
        "customer": "cus_1",
        "allowed_payment_method_types": ["amazon_pay"],
        "description": "Coffee",
        "statement_descriptor": "BEAN & LEAF",
        "metadata": {
            "managed_by": "stack",
            "mandate_id": "mdt_1",
            "charge_id": "chg_1",
            "reference": "order 7",
        },
    }


def test_no_statement_descriptor_is_sent_unless_there_is_one() -> None:
    params = create_params(
        charge_id="chg_1",
        mandate_id="mdt_1",
        owner_mark="stack",
        stripe_customer_id="cus_1",
        amount=500,
        currency="usd",
        reference="order 7",
        description="Coffee",
        statement_descriptor=None,
    )
    assert "statement_descriptor" not in params


def test_an_attempt_always_names_its_payment_method_and_a_mandate_only_if_asked() -> None:
    usual = {
        "payment_method": "pm_1",
        "off_session": True,
        "error_on_requires_action": True,
        "expand": ["latest_charge"],
    }
    assert confirm_params(payment_method_id="pm_1") == usual
    assert confirm_params(payment_method_id="pm_1", stripe_mandate_id="mandate_1") == {
        **usual,
        "mandate": "mandate_1",
    }


def test_stored_parameters_are_sent_as_they_are() -> None:
    client = Answers((200, INTENT))
    stored = {"amount": 4200, "metadata": {"charge_id": "chg_1"}}
    gateway_on(client).payment_intents.create(stored, idempotency_key="key")
    gateway_on(client).payment_intents.confirm("pi_1", dict(CONFIRM), idempotency_key="key")
    assert client.asked == [
        ("POST", "/payment_intents", "amount=4200&metadata[charge_id]=chg_1"),
        (
            "POST",
            "/payment_intents/pi_1/confirm",
            "payment_method=pm_1&off_session=true&error_on_requires_action=true&expand[0]=latest_charge",
        ),
    ]


# --------------------------------------------------------------------------- the card that was charged


def charged(status: str, charge: Any) -> Intent:
    answer = {**INTENT, "status": status, "amount_received": 4200, "latest_charge": charge}
    return gateway_on(Answers((200, answer))).payment_intents.retrieve("pi_1")


CHARGE = {
    "id": "py_1",
    "object": "charge",
    "payment_method_details": {
        "type": "amazon_pay",
        "amazon_pay": {"funding": {"type": "card", "card": {"brand": "Visa", "last4": "4242"}}},
    },
}


def test_an_intent_that_succeeded_tells_the_card() -> None:
    done = charged("succeeded", CHARGE)
    assert (done.latest_charge, done.funding) == ("py_1", Funding("Visa", "4242"))


@pytest.mark.parametrize(
    ("status", "charge"),
    [
        ("requires_payment_method", CHARGE),
        ("processing", CHARGE),
        ("succeeded", "py_1"),
        ("succeeded", {**CHARGE, "payment_method_details": None}),
        ("succeeded", {"id": "py_1"}),
    ],
)
def test_otherwise_it_tells_none(status: str, charge: Any) -> None:
    known = charged(status, charge)
    assert (known.status, known.latest_charge, known.funding) == (status, "py_1", None)


def test_a_read_asks_for_the_charge_and_costs_no_further_request() -> None:
    client = Answers((200, INTENT))
    gateway_on(client).payment_intents.retrieve("pi_1")
    assert client.asked == [("GET", "/payment_intents/pi_1?expand[0]=latest_charge", "")]


# ------------------------------------------------------------- what a refused attempt is read from


@pytest.mark.parametrize("status", ["active", "inactive", "pending"])
def test_a_stripe_mandate_has_its_status(status: str) -> None:
    mandate = {"id": "mandate_1", "object": "mandate", "status": status}
    assert gateway_on(Answers((200, mandate))).mandates.retrieve("mandate_1") == status


@pytest.mark.parametrize("customer", ["cus_1", None])
def test_a_payment_method_has_its_customer(customer: str | None) -> None:
    method = {"id": "pm_1", "object": "payment_method", "customer": customer}
    assert gateway_on(Answers((200, method))).payment_methods.retrieve("pm_1").customer == customer
