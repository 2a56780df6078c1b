"""https://docs.stripe.com/api/payment_methods: made on the hosted page, attached once, detached for good."""

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import NotPossible, not_simulated, parameter_missing, unexpected_state
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from . import mandates
from .mandates import Acceptance

# The state shows only in ``customer``. Stripe announces nothing before the payment method is attached.
PAYMENT_METHOD = Lifecycle(
    "payment_method",
    {
        "unattached": {"attached": "payment_method.attached"},
        "attached": {"detached": "payment_method.detached"},
        "detached": {},
    },
    shown=False,
)

# The details of a payment method. Amazon Pay reveals none: no number, brand or address.
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
    """A new payment method, without a customer."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return PAYMENT_METHOD.start(
        account,
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
        },
    )


def attached_to(account: Account, customer: str, kind: str | None = None) -> list[Json]:
    return [
        method
        for method in account.all("payment_method")
        if method["customer"] == customer and kind in {None, method["type"]}
    ]


def can_attach(account: Account, method: Json) -> bool:
    return PAYMENT_METHOD.allows(account, method, "attached")


def attach_to(account: Account, method: Json, customer: str) -> None:
    PAYMENT_METHOD.move(account, method, "attached", {"customer": customer})


def detach_from_customer(account: Account, method: Json, *, announce: bool = True) -> None:
    """Take a payment method from its customer, for good.

    Stripe announces both ends: ``mandate.updated``, inactive, and ``payment_method.detached``, customer null
    (https://docs.stripe.com/payments/amazon-pay/set-up-future-payments).
    """
    mandates.end_all(account, method, announce=announce)
    PAYMENT_METHOD.move(account, method, "detached", {"customer": None}, announce=announce)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("payment_method", call.id)


def list_all(account: Account, call: Call) -> Json:
    """Stripe lists only payment methods that have a customer."""
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
    if PAYMENT_METHOD.state_of(account, method) == "detached":
        raise unexpected_state(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again.",
            "payment_method",
        )
    if not can_attach(account, method):
        raise unexpected_state("The payment method you provided has already been attached to a customer.")
    attach_to(account, method, customer["id"])
    return method


def detach(account: Account, call: Call) -> Json:
    method = account.find("payment_method", call.id)
    if not PAYMENT_METHOD.allows(account, method, "detached"):
        raise unexpected_state(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            "payment_method",
            "payment_method_unexpected_state",
        )
    detach_from_customer(account, method)
    return method


class Detach(Action):
    """Somebody detaches it in the Dashboard."""

    def perform(self, account: Account, identifier: str) -> Json:
        detach(account, Call({}, (identifier,)))
        return {"payment_method": identifier}


class RevokeAtAmazon(Action):
    """The buyer withdraws in their Amazon account.

    Stripe does not document what it then sends. Assumption: ``mandate.updated`` alone, and the payment method
    stays attached.
    """

    def perform(self, account: Account, identifier: str) -> Json:
        method = account.find("payment_method", identifier)
        if PAYMENT_METHOD.state_of(account, method) != "attached":
            raise NotPossible("This payment method is not attached to a customer.")
        mandates.end_all(account, method)
        return {"payment_method": identifier}


class EndAnotherMandate(Action):
    """Another payment made a mandate on this payment method, and that mandate ends: one for a single payment
    because it was used."""

    for_one_payment: bool = True

    def perform(self, account: Account, identifier: str) -> Json:
        method = account.find("payment_method", identifier)
        mandate = mandates.add(account, method, Acceptance(), for_one_payment=self.for_one_payment)
        mandates.end(account, mandate)
        return {"payment_method": identifier, "mandate": mandate["id"]}


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/payment_methods", "PaymentMethodListParams", list_all),
        Operation("GET", "/v1/payment_methods/:id", "PaymentMethodRetrieveParams", retrieve),
        Operation("POST", "/v1/payment_methods/:id", "PaymentMethodUpdateParams", update),
        Operation("POST", "/v1/payment_methods/:id/attach", "PaymentMethodAttachParams", attach),
        Operation("POST", "/v1/payment_methods/:id/detach", "PaymentMethodDetachParams", detach),
    ),
    lifecycles=(PAYMENT_METHOD,),
    references={"default_payment_method": "payment_method", "payment_method": "payment_method"},
    actions={
        "/payment_methods/{id}/detach": Detach,
        "/payment_methods/{id}/revoke_at_amazon": RevokeAtAmazon,
        "/payment_methods/{id}/end_another_mandate": EndAnotherMandate,
    },
)
