"""Rules for the parameters of PaymentIntents that their types can't express.

They are the rules since API version 2026-09-30.endive: ``allowed_payment_method_types`` narrows what the
account offers, and ``payment_method_types`` is gone.
"""

from typing import Any

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated, unexpected_state

LARGEST_AMOUNT = 99_999_999
LONGEST_STATEMENT_DESCRIPTOR = 22

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, for the currencies of Amazon Pay. The
# page does not name the rand.
SMALLEST_AMOUNTS = {
    "aud": 50,
    "chf": 50,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "jpy": 50,
    "nok": 300,
    "nzd": 50,
    "sek": 300,
    "usd": 50,
    "zar": 1,
}

# The intent shows these parameters as they were given.
ECHOED = frozenset(
    {"allowed_payment_method_types", "amount", "currency", "customer", "description", "statement_descriptor"}
)
_OF_AN_ATTEMPT = frozenset({"error_on_requires_action", "mandate", "off_session", "payment_method"})
_ONLY_WITH_CONFIRM = ("error_on_requires_action", "mandate", "off_session")
_USED = frozenset({"confirm", "expand", "metadata"})


def check_create(params: dict[str, Any]) -> None:
    """Raise Stripe's refusal if the parameters break a rule."""
    for param in params.keys() - ECHOED - _OF_AN_ATTEMPT - _USED:
        raise not_simulated(param)
    if not params.get("confirm"):
        for param in _ONLY_WITH_CONFIRM:
            if param in params:
                message = f"`{param}` can only be passed when `confirm` is set to true."
                raise invalid(message, param)
        if "payment_method" in params:
            raise not_simulated("payment_method")  # the intent would be requires_confirmation
    _check_amount(params["amount"], params["currency"])
    _check_descriptor(params.get("statement_descriptor"))


def check_confirm(params: dict[str, Any]) -> None:
    for param in params.keys() - _OF_AN_ATTEMPT - {"expand"}:
        raise not_simulated(param)


def offered_types(account: Account, params: dict[str, Any]) -> list[str]:
    """The types enabled for the account, narrowed by the intent's own filter."""
    allowed = params.get("allowed_payment_method_types")
    offered = [kind for kind in account.settings.payment_method_types if allowed is None or kind in allowed]
    if not offered:
        raise unexpected_state(
            "No valid payment method types for this Payment Intent. Please ensure that you have activated "
            "payment methods compatible with your chosen currency in your dashboard.",
            "allowed_payment_method_types",
            "payment_method_unactivated",
        )
    return offered


def _check_amount(amount: int, currency: str) -> None:
    if currency not in SMALLEST_AMOUNTS:
        message = f"The currency provided ({currency}) is invalid for every payment method type."
        raise invalid(message, "currency")
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, "amount", "parameter_invalid_integer")
    if amount < SMALLEST_AMOUNTS[currency]:
        message = f"Amount must be at least {SMALLEST_AMOUNTS[currency]} {currency}."
        raise invalid(message, "amount", "amount_too_small")
    if amount > LARGEST_AMOUNT:
        message = f"Amount must be no more than {LARGEST_AMOUNT} {currency}."
        raise invalid(message, "amount", "amount_too_large")


def _check_descriptor(descriptor: str | None) -> None:
    """https://docs.stripe.com/get-started/account/statement-descriptors#requirements"""
    if descriptor is None:
        return
    if len(descriptor) > LONGEST_STATEMENT_DESCRIPTOR:
        message = f"The statement descriptor must be at most {LONGEST_STATEMENT_DESCRIPTOR} characters."
        raise invalid(message, "statement_descriptor")
    if set(descriptor) & set("<>\\'\"*") or not any(character.isalpha() for character in descriptor):
        message = "The statement descriptor must contain a letter, and none of < > \\ ' \" *."
        raise invalid(message, "statement_descriptor")
