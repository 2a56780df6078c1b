"""https://docs.stripe.com/api/payment_methods: made on the hosted page, attached once, detached for good."""

from local.stripe_simulator.errors import missing, not_simulated, unexpected_state
from local.stripe_simulator.listing import matching, page
from local.stripe_simulator.routing import Call, Operation
from local.stripe_simulator.world import Json, World, merged_metadata

from . import mandates

# The part of a payment method that describes it. Amazon Pay reveals nothing: no number, brand or address.
_DETAILS: dict[str, Json] = {
    "amazon_pay": {},
    "card": {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": "simulated",
        "funding": "credit",
        "generated_from": None,
        "last4": "4242",
        "networks": {"available": ["visa"], "preferred": None},
        "regulated_status": None,
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    },
}


def add(world: World, kind: str, billing: Json, allow_redisplay: str = "limited") -> Json:
    """A payment method of no customer yet. Stripe announces only ``payment_method.attached``, later."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return world.add(
        {
            "id": world.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": allow_redisplay,
            kind: dict(_DETAILS.get(kind, {})),
            "billing_details": {
                "address": address,
                "email": None,
                "name": None,
                "phone": None,
                "tax_id": None,
            }
            | billing,
            "created": world.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
        }
    )


def attached_to(world: World, customer: str, kind: str | None = None) -> list[Json]:
    return [
        method
        for method in world.all("payment_method")
        if method["customer"] == customer and kind in {None, method["type"]}
    ]


def attach_to(world: World, method: Json, customer: str) -> None:
    method["customer"] = customer
    world.emit("payment_method.attached", method)


def sever(world: World, method: Json) -> None:
    """Take a payment method from its customer without a word; it can never be used again."""
    method["customer"] = None
    world.spent.add(method["id"])
    mandates.deactivate(world, method, announce=False)


def retrieve(world: World, call: Call) -> Json:
    return world.find("payment_method", call.id)


def list_all(world: World, call: Call) -> Json:
    """Only payment methods of a customer are listed."""
    if "customer" in call.params:
        world.find("customer", call.params["customer"], "customer")
    saved = (method for method in world.all("payment_method") if method["customer"] is not None)
    return page(matching(saved, call.params), call.params, "/v1/payment_methods")


def update(world: World, call: Call) -> Json:
    method = world.find("payment_method", call.id)
    if method["customer"] is None:
        raise unexpected_state("You must save this PaymentMethod to a customer before you can update it.")
    changes = {key: value for key, value in call.params.items() if key != "expand"}
    for param in changes.keys() - {"allow_redisplay", "billing_details", "metadata"}:
        raise not_simulated(param)
    if "billing_details" in changes:
        changes["billing_details"] = method["billing_details"] | changes["billing_details"]
    if "metadata" in changes:
        changes["metadata"] = merged_metadata(method["metadata"], changes["metadata"])
    world.update(method, changes, "payment_method.updated")
    return method


def attach(world: World, call: Call) -> Json:
    method = world.find("payment_method", call.id)
    if "customer" not in call.params:
        raise missing("customer")
    customer = world.find("customer", call.params["customer"], "customer")
    if method["id"] in world.spent:
        raise unexpected_state(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again.",
            "payment_method",
        )
    if method["customer"] is not None:
        raise unexpected_state("The payment method you provided has already been attached to a customer.")
    attach_to(world, method, customer["id"])
    return method


def detach(world: World, call: Call) -> Json:
    """Stripe announces both ends: ``mandate.updated``, inactive, and ``payment_method.detached``, customer
    null (https://docs.stripe.com/payments/amazon-pay/set-up-future-payments)."""
    method = world.find("payment_method", call.id)
    if method["customer"] is None:
        raise unexpected_state(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            "payment_method",
            "payment_method_unexpected_state",
        )
    mandates.deactivate(world, method)
    sever(world, method)
    world.emit("payment_method.detached", method)
    return method


OPERATIONS = (
    Operation("GET", "/v1/payment_methods", "PaymentMethodListParams", list_all),
    Operation("GET", "/v1/payment_methods/:id", "PaymentMethodRetrieveParams", retrieve),
    Operation("POST", "/v1/payment_methods/:id", "PaymentMethodUpdateParams", update),
    Operation("POST", "/v1/payment_methods/:id/attach", "PaymentMethodAttachParams", attach),
    Operation("POST", "/v1/payment_methods/:id/detach", "PaymentMethodDetachParams", detach),
)
