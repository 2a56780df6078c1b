"""https://docs.stripe.com/api/mandates: the buyer's permission as Stripe records it. It can only be read."""

from msgspec import Struct

from local.stripe_simulator.account import Account
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.resource import Resource
from local.stripe_simulator.routing import Call, Operation

# Stripe announces a mandate's changes and not its creation. Inactive means "rejected, revoked, or previously
# used" (https://docs.stripe.com/api/mandates/object).
MANDATE = Lifecycle("mandate", {"active": {"inactive": "mandate.updated"}, "inactive": {}})


class Acceptance(Struct, frozen=True, forbid_unknown_fields=True):
    """The browser in which the buyer agreed."""

    ip_address: str = "127.0.0.1"
    user_agent: str = "Stripe simulator"


def add(account: Account, method: Json, acceptance: Acceptance, *, for_one_payment: bool = False) -> Json:
    """A mandate for any number of payments, or for one."""
    kind = "single_use" if for_one_payment else "multi_use"
    return MANDATE.start(
        account,
        {
            "id": account.new_id("mandate"),
            "object": "mandate",
            "customer_acceptance": {
                "accepted_at": account.now(),
                "online": {"ip_address": acceptance.ip_address, "user_agent": acceptance.user_agent},
                "type": "online",
            },
            "livemode": False,
            kind: {"amount": 4200, "currency": "usd"} if for_one_payment else {},
            "payment_method": method["id"],
            "payment_method_details": {method["type"]: {}, "type": method["type"]},
            "type": kind,
        },
    )


def end(account: Account, mandate: Json) -> None:
    MANDATE.move(account, mandate, "inactive")


def end_all(account: Account, method: Json, *, announce: bool = True) -> None:
    """End every mandate of a payment method that is still active."""
    for mandate in account.all("mandate"):
        if mandate["payment_method"] == method["id"] and MANDATE.allows(account, mandate, "inactive"):
            MANDATE.move(account, mandate, "inactive", announce=announce)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("mandate", call.id)


RESOURCE = Resource(
    operations=(Operation("GET", "/v1/mandates/:id", "MandateRetrieveParams", retrieve),),
    lifecycles=(MANDATE,),
    references={"mandate": "mandate", "single_use_mandate": "mandate"},
)
