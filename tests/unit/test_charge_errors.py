"""The classes of Stripe's error codes, held to the codes that the SDK declares."""

import typing

import pytest
from stripe import PaymentIntent

from mandates.core.charging.error_classes import CLASS_OF_CODE, ErrorClass, error_class

DECLARED = set(typing.get_args(typing.get_args(PaymentIntent.LastPaymentError.__annotations__["code"])[0]))

TABLE = {
    ErrorClass.SOFT: "payment_method_provider_decline payment_method_provider_timeout"
    " payment_method_not_available processing_error payment_intent_payment_attempt_failed"
    " payment_intent_payment_attempt_expired insufficient_funds",
    ErrorClass.CUSTOMER: "authentication_required payment_intent_authentication_failure"
    " payment_intent_action_required payment_method_customer_decline expired_payment_method",
    ErrorClass.FINAL: "amount_too_small amount_too_large payment_method_currency_mismatch"
    " payment_intent_incompatible_payment_method",
    ErrorClass.MANDATE: "payment_intent_mandate_invalid billing_invalid_mandate",
    ErrorClass.STATE: "payment_method_unexpected_state payment_intent_unexpected_state",
    ErrorClass.OURS_TO_MEND: "resource_missing payment_method_unactivated",
}


def test_each_code_has_the_class_of_the_design() -> None:
    assert {code: kind for kind, codes in TABLE.items() for code in codes.split()} == CLASS_OF_CODE


def test_every_code_is_one_that_stripe_declares() -> None:
    assert len(DECLARED) > 200
    assert CLASS_OF_CODE.keys() <= DECLARED


@pytest.mark.parametrize("code", sorted(DECLARED - CLASS_OF_CODE.keys()))
def test_any_other_code_has_the_class_of_its_status(code: str) -> None:
    assert error_class(status="402", code=code) is ErrorClass.CUSTOMER
    assert error_class(status="400", code=code) is ErrorClass.OURS_TO_MEND


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ErrorClass.CUSTOMER),  # an event about a failure that says no more
        ({"status": "402"}, ErrorClass.CUSTOMER),
        ({"status": "400"}, ErrorClass.OURS_TO_MEND),
        ({"status": "404", "code": "resource_missing"}, ErrorClass.OURS_TO_MEND),
        ({"status": "401", "code": "payment_method_provider_decline"}, ErrorClass.OURS_TO_MEND),
        ({"status": "403"}, ErrorClass.OURS_TO_MEND),
        ({"status": "402", "code": "card_declined", "decline_code": "insufficient_funds"}, ErrorClass.SOFT),
        ({"status": "402", "code": "card_declined", "advice": "try_again_later"}, ErrorClass.SOFT),
        ({"code": "payment_method_provider_decline", "advice": "do_not_try_again"}, ErrorClass.CUSTOMER),
        ({"code": "payment_method_provider_decline", "advice": "confirm_card_data"}, ErrorClass.SOFT),
        ({"code": "amount_too_small", "advice": "try_again_later"}, ErrorClass.FINAL),
        ({"status": "402", "code": "payment_intent_mandate_invalid"}, ErrorClass.MANDATE),
        ({"status": "400", "code": "payment_intent_mandate_invalid"}, ErrorClass.MANDATE),
        ({"status": "400", "code": "payment_intent_unexpected_state"}, ErrorClass.STATE),
    ],
)
def test_what_stripe_says_decides(said: dict[str, str], expected: ErrorClass) -> None:
    assert error_class(**said) is expected
