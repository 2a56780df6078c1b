"""https://docs.stripe.com/api/mandates: the buyer's permission as Stripe records it. It can only be read."""

from dataclasses import dataclass

from local.stripe_simulator.account import Account
from local.stripe_simulator.objects import Json
from local.stripe_simulator.routing import Call, Operation


@dataclass(frozen=True)
class Acceptance:
    """How the buyer reached the page on which they agreed."""

    ip_address: str = "127.0.0.1"
    user_agent: str = "Stripe simulator"


def add(account: Account, method: Json, acceptance: Acceptance, *, for_one_payment: bool = False) -> Json:
    """For any number of payments, or for one. Creating one is not announced; only its changes are."""
    kind = "single_use" if for_one_payment else "multi_use"
    return account.add(
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
            "status": "active",
            "type": kind,
        }
    )


def end(account: Account, mandate: Json) -> None:
    """Inactive: "rejected, revoked, or previously used" (https://docs.stripe.com/api/mandates/object)."""
    account.update(mandate, {"status": "inactive"}, "mandate.updated")


def deactivate(account: Account, method: Json, *, announce: bool = True) -> None:
    """End the permissions that hang on a payment method."""
    for mandate in account.all("mandate"):
        if mandate["payment_method"] == method["id"]:
            account.update(mandate, {"status": "inactive"}, "mandate.updated" if announce else None)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("mandate", call.id)


OPERATIONS = (Operation("GET", "/v1/mandates/:id", "MandateRetrieveParams", retrieve),)
