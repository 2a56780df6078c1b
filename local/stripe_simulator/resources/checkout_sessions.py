"""https://docs.stripe.com/api/checkout/sessions in setup mode, on Stripe's hosted page.

The parameters are those since API version 2026-09-30.endive: ``allowed_payment_method_types`` narrows what
the account offers, and ``payment_method_types`` is gone.
"""

from typing import Any

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated, parameter_missing, unexpected_state
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.routing import Call, Operation
from local.stripe_simulator.urls import is_web_address

from . import setup_intents

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
# Parameters that are shown on the session as they were given.
_ECHOED = frozenset(
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


def create(account: Account, call: Call) -> Json:
    params = call.params
    _check(params)
    now = account.now()
    customer = account.find("customer", params["customer"], "customer") if "customer" in params else None
    session: Json = {
        "id": account.new_id("cs_test"),
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": _custom_text(params.get("custom_text", {})),
        "customer": None,
        "customer_account": None,
        "customer_creation": None if customer else "if_required",
        "customer_details": _customer_details(
            customer["email"] if customer else params.get("customer_email")
        ),
        "customer_email": None,
        "discounts": None,
        "excluded_payment_method_types": None,
        "expires_at": _expiry(params, now),
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "managed_payments": None,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "mode": "setup",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": _offered(account, params),
        "payment_status": "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": None,
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }
    session |= {key: value for key, value in params.items() if key in _ECHOED}
    session["url"] = f"{account.settings.base_url}/c/pay/{session['id']}"
    account.add(session)
    account.open_sessions[session["id"]] = session["expires_at"]
    session["setup_intent"] = setup_intents.add(account, session, params.get("setup_intent_data", {}))["id"]
    account.allow_redisplay[session["id"]] = params.get("payment_method_data", {}).get(
        "allow_redisplay", "limited"
    )
    return session


def retrieve(account: Account, call: Call) -> Json:
    return account.find("checkout.session", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(
        matching(account.all("checkout.session"), call.params), call.params, "/v1/checkout/sessions"
    )


def expire(account: Account, call: Call) -> Json:
    session = account.find("checkout.session", call.id)
    if session["status"] != "open":
        raise unexpected_state(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
    close(account, session, "expired")
    return session


def expire_overdue(account: Account) -> None:
    """Time's part of the work: sessions past their ``expires_at``."""
    now = account.now()
    for identifier, expires_at in list(account.open_sessions.items()):
        if expires_at <= now:
            close(account, account.find("checkout.session", identifier), "expired")


def close(account: Account, session: Json, status: str) -> Json:
    """End a session as ``complete`` or ``expired`` and announce it. Its page is gone; an unfinished
    SetupIntent is cancelled with it ("To cancel, expire the Checkout Session")."""
    del account.open_sessions[session["id"]]
    session |= {"status": status, "url": None}
    if status == "complete":
        return account.emit("checkout.session.completed", session)
    intent = account.find("setup_intent", session["setup_intent"])
    setup_intents.cancel(account, intent)
    return account.emit("checkout.session.expired", session)


def _check(params: dict[str, Any]) -> None:
    """What the parameters' types can't say."""
    _check_mode(params)
    for param in params.keys() - _ECHOED - _USED:
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


def _expiry(params: dict[str, Any], now: int) -> int:
    expires_at: int = params.get("expires_at", now + MAX_LIFETIME)
    if not now + MIN_LIFETIME <= expires_at <= now + MAX_LIFETIME:
        soon = expires_at < now + MIN_LIFETIME
        bound = "at least 30 minutes from" if soon else "less than 24 hours from"
        raise invalid(f"The `expires_at` timestamp must be {bound} Checkout Session creation.", "expires_at")
    return expires_at


def _offered(account: Account, params: dict[str, Any]) -> list[str]:
    """What is enabled for the account, filtered; the session can't offer anything else."""
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


def _custom_text(given: Json) -> Json:
    places = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {place: given.get(place) or None for place in places}


def _customer_details(email: str | None) -> Json | None:
    if email is None:
        return None
    nothing = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone", "tax_ids"))
    return nothing | {"email": email, "tax_exempt": "none"}


OPERATIONS = (
    Operation(
        "POST",
        "/v1/checkout/sessions",
        "checkout.SessionCreateParams",
        create,
        replaced={"payment_method_types": "allowed_payment_method_types"},
    ),
    Operation("GET", "/v1/checkout/sessions", "checkout.SessionListParams", list_all),
    Operation("GET", "/v1/checkout/sessions/:id", "checkout.SessionRetrieveParams", retrieve),
    Operation("POST", "/v1/checkout/sessions/:id/expire", "checkout.SessionExpireParams", expire),
)
