"""https://docs.stripe.com/api/payment_methods: made on the hosted page, attached once, detached for good."""

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import not_simulated, parameter_missing, unexpected_state
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.routing import Call, Operation

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


def add(account: Account, kind: str, billing: Json, allow_redisplay: str = "limited") -> Json:
    """A payment method of no customer yet. Stripe announces only ``payment_method.attached``, later."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return account.add(
        {
            "id": account.new_id("pm"),
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
            "created": account.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
        }
    )


def attached_to(account: Account, customer: str, kind: str | None = None) -> list[Json]:
    return [
        method
        for method in account.all("payment_method")
        if method["customer"] == customer and kind in {None, method["type"]}
    ]


def attach_to(account: Account, method: Json, customer: str) -> None:
    method["customer"] = customer
    account.emit("payment_method.attached", method)


def sever(account: Account, method: Json) -> None:
    """Take a payment method from its customer without a word; it can never be used again."""
    method["customer"] = None
    account.spent.add(method["id"])
    mandates.deactivate(account, method, announce=False)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("payment_method", call.id)


def list_all(account: Account, call: Call) -> Json:
    """Only payment methods of a customer are listed."""
    if "customer" in call.params:
        account.find("customer", call.params["customer"], "customer")
    saved = (method for method in account.all("payment_method") if method["customer"] is not None)
    return paginated(matching(saved, call.params), call.params, "/v1/payment_methods")


def update(account: Account, call: Call) -> Json:
    method = account.find("payment_method", call.id)
    if method["customer"] is None:
        raise unexpected_state("You must save this PaymentMethod to a customer before you can update it.")
    changes = {key: value for key, value in call.params.items() if key != "expand"}
    for param in changes.keys() - {"allow_redisplay", "billing_details", "metadata"}:
        raise not_simulated(param)
    if "billing_details" in changes:
        changes["billing_details"] = method["billing_details"] | changes["billing_details"]
    if "metadata" in changes:
        changes["metadata"] = merged_metadata(method["metadata"], changes["metadata"])
    account.update(method, changes, "payment_method.updated")
    return method


def attach(account: Account, call: Call) -> Json:
    method = account.find("payment_method", call.id)
    if "customer" not in call.params:
        raise parameter_missing("customer")
    customer = account.find("customer", call.params["customer"], "customer")
    if method["id"] in account.spent:
        raise unexpected_state(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again.",
            "payment_method",
        )
    if method["customer"] is not None:
        raise unexpected_state("The payment method you provided has already been attached to a customer.")
    attach_to(account, method, customer["id"])
    return method


def detach(account: Account, call: Call) -> Json:
    """Stripe announces both ends: ``mandate.updated``, inactive, and ``payment_method.detached``, customer
    null (https://docs.stripe.com/payments/amazon-pay/set-up-future-payments)."""
    method = account.find("payment_method", call.id)
    if method["customer"] is None:
        raise unexpected_state(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            "payment_method",
            "payment_method_unexpected_state",
        )
    mandates.deactivate(account, method)
    sever(account, method)
    account.emit("payment_method.detached", method)
    return method


OPERATIONS = (
    Operation("GET", "/v1/payment_methods", "PaymentMethodListParams", list_all),
    Operation("GET", "/v1/payment_methods/:id", "PaymentMethodRetrieveParams", retrieve),
    Operation("POST", "/v1/payment_methods/:id", "PaymentMethodUpdateParams", update),
    Operation("POST", "/v1/payment_methods/:id/attach", "PaymentMethodAttachParams", attach),
    Operation("POST", "/v1/payment_methods/:id/detach", "PaymentMethodDetachParams", detach),
)
