"""From the id of any object at Stripe to what it is here: a charge, a mandate or a customer.

Stripe is asked for the object. Its metadata names ours, or it leads to an object whose metadata does: a
dispute to its PaymentIntent, a payment method to the SetupIntent that saved it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from mandates.core.stripe_events.projection import (
    METADATA_CHARGE,
    METADATA_CUSTOMER,
    METADATA_MANDATE,
    METADATA_OWNER_MARK,
)

type Json = Mapping[str, Any]
type Ask = Callable[[str], Awaitable[Json | None]]
"""GET of a path at Stripe. None: Stripe does not have it. Raises StripeNotAsked."""

PATHS: Mapping[str, str] = {
    "ch": "/v1/charges/",
    "cs": "/v1/checkout/sessions/",
    "cus": "/v1/customers/",
    "dp": "/v1/disputes/",
    "du": "/v1/disputes/",
    "mandate": "/v1/mandates/",
    "pi": "/v1/payment_intents/",
    "pm": "/v1/payment_methods/",
    "py": "/v1/charges/",
    "pyr": "/v1/refunds/",
    "re": "/v1/refunds/",
    "seti": "/v1/setup_intents/",
    "txn": "/v1/balance_transactions/",
}
"""By the prefix of the id: https://docs.stripe.com/api. A payment that is not by card is a charge whose id
begins with py_, and its refunds are pyr_."""

_MOST_STEPS = 4  # txn_ → du_ → pi_ is the longest way


class StripeNotAsked(Exception):
    """Stripe did not answer, or refused the key. The message is for the merchant."""


@dataclass(frozen=True)
class Ours:
    kind: Literal["charge", "mandate", "customer"]
    id: str


@dataclass(frozen=True)
class NotOurs:
    why: Literal["unknown", "another_stack", "unrelated"]


def is_stripes(identifier: str) -> bool:
    """Whether it looks like an id of a kind that can be looked up."""
    prefix, _, rest = identifier.partition("_")
    return prefix in PATHS and bool(rest) and identifier.replace("_", "").isalnum() and identifier.isascii()


async def look_up(identifier: str, owner_mark: str, ask: Ask) -> Ours | NotOurs:
    """`owner_mark` is this stack's: other stacks may share the account."""
    target: str | None = _path(identifier)
    seen = NotOurs("unknown")
    for _ in range(_MOST_STEPS):
        if target is None or (found := await ask(target)) is None:
            break
        if ours := ours_in(found, owner_mark):
            return ours
        seen = NotOurs("another_stack" if _mark(found) else "unrelated")
        target = next_step(found)
    return seen


def ours_in(thing: Json, owner_mark: str) -> Ours | None:
    """What the metadata names, the most particular thing first. Of a list: the first that is named."""
    if thing.get("object") == "list":
        return next((ours for one in thing["data"] if (ours := ours_in(one, owner_mark))), None)
    if _mark(thing) != owner_mark:
        return None
    metadata = thing["metadata"]
    if charge := metadata.get(METADATA_CHARGE):
        return Ours("charge", charge)
    if mandate := metadata.get(METADATA_MANDATE):
        return Ours("mandate", mandate)
    if customer := metadata.get(METADATA_CUSTOMER):
        return Ours("customer", customer)
    return None


def next_step(thing: Json) -> str | None:
    """The path of the object that knows more, if there is one."""
    kind, identifier = thing.get("object"), str(thing.get("id", ""))
    if kind == "balance_transaction":
        return _path(_id_of(thing.get("source")))
    if kind in {"charge", "refund", "dispute"}:
        return _path(_id_of(thing.get("payment_intent")))
    if kind == "checkout.session":
        return _path(_id_of(thing.get("setup_intent")))
    if kind == "mandate":
        return _set_ups("payment_method", _id_of(thing.get("payment_method")))
    if kind == "payment_method":
        return _set_ups("payment_method", identifier)
    if kind == "customer":
        return _set_ups("customer", identifier)
    return None


def _path(identifier: str) -> str | None:
    prefix = identifier.partition("_")[0]
    return PATHS[prefix] + quote(identifier, safe="") if is_stripes(identifier) else None


def _set_ups(by: str, identifier: str) -> str | None:
    return f"/v1/setup_intents?{by}={quote(identifier, safe='')}&limit=100" if identifier else None


def _mark(thing: Json) -> str:
    return str((thing.get("metadata") or {}).get(METADATA_OWNER_MARK, ""))


def _id_of(reference: Any) -> str:
    """Stripe gives an id, or the object itself where it is expanded."""
    return str(reference.get("id", "") if isinstance(reference, Mapping) else reference or "")
