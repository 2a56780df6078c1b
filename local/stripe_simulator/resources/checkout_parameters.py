"""Rules for Checkout's parameters in setup mode that their types can't express.

They are the rules since API version 2026-09-30.endive: ``allowed_payment_method_types`` narrows what the
account offers, and ``payment_method_types`` is gone.
"""

from typing import Any

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated, parameter_missing, unexpected_state
from local.stripe_simulator.urls import is_web_address

MIN_LIFETIME = 30 * 60
MAX_LIFETIME = 24 * 60 * 60
MAX_CLIENT_REFERENCE = 200

_OTHER_MODES_ONLY = (
    "discounts",
    "invoice_creation",
    "line_items",
    "optional_items",
    "payment_intent_data",
    "saved_payment_method_options",
    "shipping_address_collection",
    "shipping_options",
    "submit_type",
    "subscription_data",
)
_EXCLUSIVE = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("allowed_payment_method_types", "excluded_payment_method_types"),
)
# The session shows these parameters as they were given.
ECHOED = frozenset(
    {
        "allow_promotion_codes",
        "allowed_payment_method_types",
        "billing_address_collection",
        "cancel_url",
        "client_reference_id",
        "consent_collection",
        "currency",
        "customer",
        "customer_creation",
        "customer_email",
        "excluded_payment_method_types",
        "integration_identifier",
        "locale",
        "mode",
        "origin_context",
        "payment_method_options",
        "phone_number_collection",
        "success_url",
        "ui_mode",
    }
)
_USED = frozenset(
    {"custom_text", "expand", "expires_at", "metadata", "payment_method_data", "setup_intent_data"}
)


def check(params: dict[str, Any]) -> None:
    """Raise Stripe's refusal if the parameters break a rule."""
    _check_mode(params)
    for param in params.keys() - ECHOED - _USED:
        raise not_simulated(param)
    for one, other in _EXCLUSIVE:
        if one in params and other in params:
            raise invalid(f"You may only specify one of these parameters: {one}, {other}.", one)
    if "allowed_payment_method_types" not in params and "currency" not in params:
        raise parameter_missing("currency")
    if "success_url" not in params:
        raise parameter_missing("success_url")
    _check_url(params, "success_url")
    _check_url(params, "cancel_url")
    if len(params.get("client_reference_id", "")) > MAX_CLIENT_REFERENCE:
        message = f"Client reference IDs can be at most {MAX_CLIENT_REFERENCE} characters."
        raise invalid(message, "client_reference_id")


def expiry(params: dict[str, Any], now: int) -> int:
    expires_at: int = params.get("expires_at", now + MAX_LIFETIME)
    if not now + MIN_LIFETIME <= expires_at <= now + MAX_LIFETIME:
        soon = expires_at < now + MIN_LIFETIME
        bound = "at least 30 minutes from" if soon else "less than 24 hours from"
        raise invalid(f"The `expires_at` timestamp must be {bound} Checkout Session creation.", "expires_at")
    return expires_at


def offered_types(account: Account, params: dict[str, Any]) -> list[str]:
    """The types enabled for the account, narrowed by the session's own filter."""
    allowed = params.get("allowed_payment_method_types")
    excluded = params.get("excluded_payment_method_types", [])
    offered = [
        kind
        for kind in account.settings.payment_method_types
        if (allowed is None or kind in allowed) and kind not in excluded
    ]
    if not offered:
        raise unexpected_state(
            "No valid payment method types for this Checkout Session. Please ensure that you have activated "
            "payment methods compatible with your chosen currency in your dashboard.",
            "allowed_payment_method_types",
        )
    return offered


def _check_mode(params: dict[str, Any]) -> None:
    if "mode" not in params:
        raise parameter_missing("mode")
    if params["mode"] != "setup":
        raise not_simulated("mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_simulated("ui_mode")
    for param in _OTHER_MODES_ONLY:
        if param in params:
            raise invalid(f"You can not pass `{param}` in `setup` mode.", param)


def _check_url(params: dict[str, Any], param: str) -> None:
    if param in params and not is_web_address(params[param]):
        raise invalid("Not a valid URL", param, "url_invalid")
