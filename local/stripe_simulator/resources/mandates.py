"""https://docs.stripe.com/api/mandates: the buyer's permission as Stripe records it. It can only be read."""

from dataclasses import dataclass

from local.stripe_simulator.routing import Call, Operation
from local.stripe_simulator.world import Json, World


@dataclass(frozen=True)
class Acceptance:
    """How the buyer reached the page on which they agreed."""

    ip_address: str = "127.0.0.1"
    user_agent: str = "Stripe simulator"


def add(world: World, method: Json, acceptance: Acceptance, *, for_one_payment: bool = False) -> Json:
    """For any number of payments, or for one. Creating one is not announced; only its changes are."""
    kind = "single_use" if for_one_payment else "multi_use"
    return world.add(
        {
            "id": world.new_id("mandate"),
            "object": "mandate",
            "customer_acceptance": {
                "accepted_at": world.now(),
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


def end(world: World, mandate: Json) -> None:
    """Inactive: "rejected, revoked, or previously used" (https://docs.stripe.com/api/mandates/object)."""
    world.update(mandate, {"status": "inactive"}, "mandate.updated")


def deactivate(world: World, method: Json, *, announce: bool = True) -> None:
    """End the permissions that hang on a payment method."""
    for mandate in world.all("mandate"):
        if mandate["payment_method"] == method["id"]:
            world.update(mandate, {"status": "inactive"}, "mandate.updated" if announce else None)


def retrieve(world: World, call: Call) -> Json:
    return world.find("mandate", call.id)


OPERATIONS = (Operation("GET", "/v1/mandates/:id", "MandateRetrieveParams", retrieve),)
