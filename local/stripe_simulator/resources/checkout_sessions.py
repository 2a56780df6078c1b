"""https://docs.stripe.com/api/checkout/sessions in setup mode, and what the buyer does on the hosted page.

In setup mode Stripe documents no order of events, and webhooks promise none. Here events are raised in the
order in which the facts come about. The last three fall within one second, as seen in the field.
"""

from typing import Annotated

from msgspec import Meta

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import NotPossible, StripeError, unexpected_state
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from . import customers, mandates, payment_methods, setup_intents
from .checkout_parameters import ECHOED, check, expiry, offered_types
from .mandates import Acceptance

DECLINED = "setup_intent_authentication_failure"

CHECKOUT_SESSION = Lifecycle(
    "checkout.session",
    {
        "open": {"complete": "checkout.session.completed", "expired": "checkout.session.expired"},
        "complete": {},
        "expired": {},
    },
)


def create(account: Account, call: Call) -> Json:
    params = call.params
    check(params)
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
        "expires_at": expiry(params, now),
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
        "payment_method_types": offered_types(account, params),
        "payment_status": "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "submit_type": None,
        "subscription": None,
        "success_url": None,
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }
    session |= {key: value for key, value in params.items() if key in ECHOED}
    session["url"] = f"{account.settings.base_url}/c/pay/{session['id']}"
    CHECKOUT_SESSION.start(account, session)
    account.timers.set(session["id"], session["expires_at"], lambda: _expire(account, session))
    session["setup_intent"] = setup_intents.add(account, session, params.get("setup_intent_data", {}))["id"]
    method_data = params.get("payment_method_data", {})
    account.unshown(session)["allow_redisplay"] = method_data.get("allow_redisplay", "limited")
    return session


def retrieve(account: Account, call: Call) -> Json:
    return account.find("checkout.session", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(
        matching(account.all("checkout.session"), call.params), call.params, "/v1/checkout/sessions"
    )


def expire(account: Account, call: Call) -> Json:
    session = account.find("checkout.session", call.id)
    if not CHECKOUT_SESSION.allows(account, session, "expired"):
        raise unexpected_state(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
    _expire(account, session)
    return session


# The buyer, on the hosted page or through the control API.


class Visit(Action):
    """The buyer opens the page. This changes nothing."""

    def perform(self, account: Account, identifier: str) -> Json:
        return _session_and_intent(account, account.find("checkout.session", identifier))


class Choose(Action):
    """The buyer picks a way to pay and leaves for its page. Choosing again is a new attempt."""

    kind: str

    def perform(self, account: Account, identifier: str) -> Json:
        session = _open_session(account, identifier)
        _choose(account, session, self.kind)
        return _session_and_intent(account, session)


class Authorize(Action):
    """The buyer agrees. The answer names the ``checkout.session.completed`` event.

    ``mandate=False`` leaves the SetupIntent without a mandate, which Stripe does not rule out.
    ``payment_method_types`` replaces the types that the session offers, and the buyer uses the first. This is
    for sessions that turn out other than requested.
    """

    mandate: bool = True
    payment_method_types: Annotated[list[str], Meta(min_length=1)] | None = None
    acceptance: Acceptance = Acceptance()

    def perform(self, account: Account, identifier: str) -> Json:
        session = _open_session(account, identifier)
        if self.payment_method_types:
            _offer(account, session, self.payment_method_types)
        intent = _intent_of(account, session)
        method = _chosen(account, session, intent)
        _resolve_customer(account, session, intent)
        if session["customer"] and not payment_methods.can_attach(account, method):
            raise NotPossible("The payment method of this Checkout Session was attached in the meantime.")
        mandate = mandates.add(account, method, self.acceptance) if self.mandate else None
        setup_intents.succeed(account, intent, mandate)
        if session["customer"]:
            payment_methods.attach_to(account, method, session["customer"])
        _accept_terms(session)
        completed = _close(account, session, "complete")
        return _session_and_intent(account, session) | {"event": completed and completed["id"]}


class Decline(Action):
    """Amazon says no. The session stays open and the buyer may try again."""

    code: Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")] = DECLINED

    def perform(self, account: Account, identifier: str) -> Json:
        session = _open_session(account, identifier)
        intent = _intent_of(account, session)
        method = _chosen(account, session, intent)
        message = "The customer's authorization with Amazon Pay failed."
        setup_intents.fail(account, intent, method, self.code, message)
        return _session_and_intent(account, session)


class Abandon(Action):
    """The buyer goes away. Stripe does not notice: nothing changes and nothing is sent."""

    def perform(self, account: Account, identifier: str) -> Json:
        return _session_and_intent(account, _open_session(account, identifier))


class Expire(Action):
    """Somebody expires it in the Dashboard."""

    def perform(self, account: Account, identifier: str) -> Json:
        return _session_and_intent(account, expire(account, Call({}, (identifier,))))


def _open_session(account: Account, identifier: str) -> Json:
    session = account.find("checkout.session", identifier)
    if CHECKOUT_SESSION.state_of(account, session) != "open":
        raise NotPossible(f"This Checkout Session is {session['status']}; only an open one can be continued.")
    return session


def _intent_of(account: Account, session: Json) -> Json:
    return account.find("setup_intent", session["setup_intent"])


def _session_and_intent(account: Account, session: Json) -> Json:
    return {"checkout_session": dict(session), "setup_intent": dict(_intent_of(account, session))}


def _offer(account: Account, session: Json, kinds: list[str]) -> None:
    """Change the types that a session offers, as the Dashboard or Stripe could."""
    session["payment_method_types"] = kinds
    _intent_of(account, session)["payment_method_types"] = kinds


def _choose(account: Account, session: Json, kind: str) -> Json:
    if kind not in session["payment_method_types"]:
        raise NotPossible(f"This Checkout Session does not offer {kind}.")
    details = session["customer_details"] or {}
    redisplay = account.unshown(session)["allow_redisplay"]
    method = payment_methods.add(account, kind, {"email": details.get("email")}, redisplay)
    redirect = f"{account.settings.base_url}/c/{kind}/{session['id']}"
    setup_intents.require_action(account, _intent_of(account, session), method, redirect, session["url"])
    return method


def _chosen(account: Account, session: Json, intent: Json) -> Json:
    """The payment method that the buyer chose. If they chose none, they choose the first type offered."""
    if intent["status"] == "requires_action":
        method = account.find("payment_method", intent["payment_method"])
        if method["type"] in session["payment_method_types"]:
            return method
    return _choose(account, session, session["payment_method_types"][0])


def _resolve_customer(account: Account, session: Json, intent: Json) -> None:
    """Check that the session's customer still exists. Create it if the session is to create one."""
    if session["customer"]:
        try:
            account.find("customer", session["customer"])
        except StripeError:
            raise NotPossible("The customer of this Checkout Session was deleted.") from None
    elif session["customer_creation"] == "always":
        email = session["customer_email"]
        customer = customers.add(account, {"email": email} if email else {})
        session["customer"] = intent["customer"] = customer["id"]


def _accept_terms(session: Json) -> None:
    collected = session["consent_collection"] or {}
    if collected:
        asked = collected.get("terms_of_service") == "required"
        session["consent"] = {"promotions": None, "terms_of_service": "accepted" if asked else None}


def _expire(account: Account, session: Json) -> None:
    """The SetupIntent is cancelled with its session ("To cancel, expire the Checkout Session")."""
    setup_intents.cancel(account, _intent_of(account, session))
    _close(account, session, "expired")


def _close(account: Account, session: Json, state: str) -> Json | None:
    """End a session as ``complete`` or ``expired``; returns the event. Its page is gone."""
    event = CHECKOUT_SESSION.move(account, session, state, {"url": None})
    account.timers.cancel(session["id"])
    return event


def _custom_text(given: Json) -> Json:
    places = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {place: given.get(place) or None for place in places}


def _customer_details(email: str | None) -> Json | None:
    if email is None:
        return None
    nothing = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone", "tax_ids"))
    return nothing | {"email": email, "tax_exempt": "none"}


RESOURCE = Resource(
    operations=(
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
    ),
    lifecycles=(CHECKOUT_SESSION,),
    actions={
        "/sessions/{id}/authorize": Authorize,
        "/sessions/{id}/decline": Decline,
        "/sessions/{id}/abandon": Abandon,
        "/sessions/{id}/expire": Expire,
    },
)
