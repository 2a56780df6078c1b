"""What a refusal by Stripe means for a charge, by its codes.

The meanings are those of https://docs.stripe.com/error-codes. No page says which codes Amazon Pay uses for a
charge while the customer is away, so an unknown code has a class too: that of its HTTP status.
"""

from collections.abc import Mapping
from enum import StrEnum


class ErrorClass(StrEnum):
    SOFT = "soft"
    """It may pass: try again later. Amazon advises the same for a soft decline and a processing failure."""

    CUSTOMER = "customer"
    """The customer has to do something first."""

    FINAL = "final"
    """This charge can't succeed, whatever anybody does. Cancel it."""

    MANDATE = "mandate"
    """Stripe says its Mandate is invalid. Read it: only `inactive` withdraws ours, else it is ours to mend.
    One wrong parameter must never revoke customers."""

    STATE = "state"
    """The payment method or the intent is not as we think. Read both."""

    OURS_TO_MEND = "ours_to_mend"
    """The request, the key or the account is wrong. Raise an alarm; no attempt is counted."""


_CODES: Mapping[ErrorClass, frozenset[str]] = {
    ErrorClass.SOFT: frozenset(
        {
            "insufficient_funds",
            "payment_intent_payment_attempt_expired",
            "payment_intent_payment_attempt_failed",
            "payment_method_not_available",
            "payment_method_provider_decline",
            "payment_method_provider_timeout",
            "processing_error",
        }
    ),
    ErrorClass.CUSTOMER: frozenset(
        {
            "authentication_required",
            "expired_payment_method",
            "payment_intent_action_required",
            "payment_intent_authentication_failure",
            "payment_method_customer_decline",
        }
    ),
    ErrorClass.FINAL: frozenset(
        {
            "amount_too_large",
            "amount_too_small",
            "payment_intent_incompatible_payment_method",
            "payment_method_currency_mismatch",
        }
    ),
    ErrorClass.MANDATE: frozenset({"billing_invalid_mandate", "payment_intent_mandate_invalid"}),
    ErrorClass.STATE: frozenset({"payment_intent_unexpected_state", "payment_method_unexpected_state"}),
    ErrorClass.OURS_TO_MEND: frozenset({"payment_method_unactivated", "resource_missing"}),
}

CLASS_OF_CODE: Mapping[str, ErrorClass] = {code: kind for kind, codes in _CODES.items() for code in codes}

_CLASS_OF_ADVICE = {"try_again_later": ErrorClass.SOFT, "do_not_try_again": ErrorClass.CUSTOMER}
"""`advice_code`: https://docs.stripe.com/declines/codes"""

_REFUSED_BEFORE_READ = frozenset({"401", "403"})
_DECLINED = frozenset({"", "402"})


def error_class(*, status: str = "", code: str = "", decline_code: str = "", advice: str = "") -> ErrorClass:
    """The class of a refused attempt. An argument is empty if Stripe did not say.

    `status` is the HTTP status; an event about a failed attempt has none, and means a decline. Between a soft
    decline and the customer, Stripe's advice decides: it is about this decline and not about its code.
    An answer that is no refusal (a time-out, 409, 429, 5xx) is not an outcome, and has no class. But a 500
    that Stripe repeats under the key ends the attempt: it is ours to mend, with another key.
    """
    if status in _REFUSED_BEFORE_READ:
        return ErrorClass.OURS_TO_MEND
    known = CLASS_OF_CODE.get(code) or CLASS_OF_CODE.get(decline_code)
    if known is None:
        known = ErrorClass.CUSTOMER if status in _DECLINED else ErrorClass.OURS_TO_MEND
    if known in (ErrorClass.SOFT, ErrorClass.CUSTOMER):
        return _CLASS_OF_ADVICE.get(advice, known)
    return known
