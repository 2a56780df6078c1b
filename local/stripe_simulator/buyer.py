"""What happens outside the API: the buyer on Stripe's and Amazon's pages, and Amazon itself.

In setup mode Stripe's documentation gives no order of events and its webhooks promise none. Here they are
raised in the order in which the facts come about, and the last three within one second, as seen in the field.
"""

from .errors import StripeError
from .resources import checkout_sessions, customers, mandates, payment_methods, setup_intents
from .resources.mandates import Acceptance
from .world import Json, World

DECLINED = "setup_intent_authentication_failure"


class NotPossible(StripeError):
    """The buyer can't do that, because of what happened to the session before."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


def open_session(world: World, identifier: str) -> Json:
    session = world.find("checkout.session", identifier)
    if session["status"] != "open":
        raise NotPossible(f"This Checkout Session is {session['status']}; only an open one can be continued.")
    return session


def continue_to(world: World, session: Json, kind: str) -> Json:
    """The buyer picks a way to pay and is sent there; coming back and picking again is a new attempt."""
    if kind not in session["payment_method_types"]:
        raise NotPossible(f"This Checkout Session does not offer {kind}.")
    details = session["customer_details"] or {}
    method = payment_methods.add(
        world, kind, {"email": details.get("email")}, world.allow_redisplay[session["id"]]
    )
    redirect = f"{world.settings.base_url}/c/{kind}/{session['id']}"
    setup_intents.require_action(world, intent_of(world, session), method, redirect, session["url"])
    return method


def authorize(world: World, session: Json, acceptance: Acceptance, *, mandate: bool = True) -> Json:
    """The buyer agrees. Returns the ``checkout.session.completed`` event, which the way back waits for."""
    intent = intent_of(world, session)
    method = _chosen(world, session, intent)
    _settle_customer(world, session, intent)
    given = mandates.add(world, method, acceptance) if mandate else None
    setup_intents.succeed(world, intent, given)
    if session["customer"]:
        payment_methods.attach_to(world, method, session["customer"])
    _accept_terms(session)
    return checkout_sessions.close(world, session, "complete")


def decline(world: World, session: Json, code: str = DECLINED) -> Json:
    """Amazon says no. The session stays open and the buyer may try again."""
    intent = intent_of(world, session)
    method = _chosen(world, session, intent)
    setup_intents.fail(world, intent, method, code, "The customer's authorization with Amazon Pay failed.")
    return session


def revoke_at_amazon(world: World, method: Json) -> None:
    """The buyer withdraws in their Amazon account. What Stripe then sends is not documented; assumed here is
    ``mandate.updated`` alone, with the payment method still attached."""
    if method["customer"] is None:
        raise NotPossible("This payment method is not attached to a customer.")
    mandates.deactivate(world, method)


def end_another_mandate(world: World, method: Json, *, for_one_payment: bool) -> Json:
    """A mandate that somebody else's payment made on this payment method, and that ends: one for a single
    payment because it was used. Returns it."""
    mandate = mandates.add(world, method, Acceptance(), for_one_payment=for_one_payment)
    mandates.end(world, mandate)
    return mandate


def offer(world: World, session: Json, kinds: list[str]) -> None:
    """Change what a session offers, as a change in the Dashboard or at Stripe could."""
    session["payment_method_types"] = kinds
    intent_of(world, session)["payment_method_types"] = kinds


def intent_of(world: World, session: Json) -> Json:
    return world.find("setup_intent", session["setup_intent"])


def _chosen(world: World, session: Json, intent: Json) -> Json:
    """The payment method under way; the first one offered if the buyer is taken to have clicked through."""
    if intent["status"] == "requires_action":
        method = world.find("payment_method", intent["payment_method"])
        if method["type"] in session["payment_method_types"]:
            return method
    return continue_to(world, session, session["payment_method_types"][0])


def _settle_customer(world: World, session: Json, intent: Json) -> None:
    if session["customer"]:
        try:
            world.find("customer", session["customer"])
        except StripeError:
            raise NotPossible("The customer of this Checkout Session was deleted.") from None
    elif session["customer_creation"] == "always":
        email = session["customer_email"]
        customer = customers.add(world, {"email": email} if email else {})
        session["customer"] = intent["customer"] = customer["id"]


def _accept_terms(session: Json) -> None:
    collected = session["consent_collection"] or {}
    if collected:
        asked = collected.get("terms_of_service") == "required"
        session["consent"] = {"promotions": None, "terms_of_service": "accepted" if asked else None}
