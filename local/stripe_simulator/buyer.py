"""What happens outside the API: the buyer on Stripe's and Amazon's pages, and Amazon itself.

In setup mode Stripe's documentation gives no order of events and its webhooks promise none. Here they are
raised in the order in which the facts come about, and the last three within one second, as seen in the field.
"""

from .account import Account
from .errors import StripeError
from .objects import Json
from .resources import checkout_sessions, customers, mandates, payment_methods, setup_intents
from .resources.mandates import Acceptance

DECLINED = "setup_intent_authentication_failure"


class NotPossible(StripeError):
    """The buyer can't do that, because of what happened to the session before."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


def open_session(account: Account, identifier: str) -> Json:
    session = account.find("checkout.session", identifier)
    if session["status"] != "open":
        raise NotPossible(f"This Checkout Session is {session['status']}; only an open one can be continued.")
    return session


def continue_to(account: Account, session: Json, kind: str) -> Json:
    """The buyer picks a way to pay and is sent there; coming back and picking again is a new attempt."""
    if kind not in session["payment_method_types"]:
        raise NotPossible(f"This Checkout Session does not offer {kind}.")
    details = session["customer_details"] or {}
    method = payment_methods.add(
        account, kind, {"email": details.get("email")}, account.allow_redisplay[session["id"]]
    )
    redirect = f"{account.settings.base_url}/c/{kind}/{session['id']}"
    setup_intents.require_action(account, intent_of(account, session), method, redirect, session["url"])
    return method


def authorize(account: Account, session: Json, acceptance: Acceptance, *, mandate: bool = True) -> Json:
    """The buyer agrees. Returns the ``checkout.session.completed`` event, which the way back waits for."""
    intent = intent_of(account, session)
    method = _chosen(account, session, intent)
    _settle_customer(account, session, intent)
    given = mandates.add(account, method, acceptance) if mandate else None
    setup_intents.succeed(account, intent, given)
    if session["customer"]:
        payment_methods.attach_to(account, method, session["customer"])
    _accept_terms(session)
    return checkout_sessions.close(account, session, "complete")


def decline(account: Account, session: Json, code: str = DECLINED) -> Json:
    """Amazon says no. The session stays open and the buyer may try again."""
    intent = intent_of(account, session)
    method = _chosen(account, session, intent)
    setup_intents.fail(account, intent, method, code, "The customer's authorization with Amazon Pay failed.")
    return session


def revoke_at_amazon(account: Account, method: Json) -> None:
    """The buyer withdraws in their Amazon account. What Stripe then sends is not documented; assumed here is
    ``mandate.updated`` alone, with the payment method still attached."""
    if method["customer"] is None:
        raise NotPossible("This payment method is not attached to a customer.")
    mandates.deactivate(account, method)


def end_another_mandate(account: Account, method: Json, *, for_one_payment: bool) -> Json:
    """A mandate that somebody else's payment made on this payment method, and that ends: one for a single
    payment because it was used. Returns it."""
    mandate = mandates.add(account, method, Acceptance(), for_one_payment=for_one_payment)
    mandates.end(account, mandate)
    return mandate


def offer(account: Account, session: Json, kinds: list[str]) -> None:
    """Change what a session offers, as a change in the Dashboard or at Stripe could."""
    session["payment_method_types"] = kinds
    intent_of(account, session)["payment_method_types"] = kinds


def intent_of(account: Account, session: Json) -> Json:
    return account.find("setup_intent", session["setup_intent"])


def _chosen(account: Account, session: Json, intent: Json) -> Json:
    """The payment method under way; the first one offered if the buyer is taken to have clicked through."""
    if intent["status"] == "requires_action":
        method = account.find("payment_method", intent["payment_method"])
        if method["type"] in session["payment_method_types"]:
            return method
    return continue_to(account, session, session["payment_method_types"][0])


def _settle_customer(account: Account, session: Json, intent: Json) -> None:
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
