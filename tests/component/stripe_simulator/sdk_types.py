"""What the SDK's classes, generated from Stripe's OpenAPI document, say about Stripe's objects."""

from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import stripe
from stripe.checkout import Session

CLASSES: dict[str, type[stripe.StripeObject]] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "mandate": stripe.Mandate,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "payout": stripe.Payout,
    "refund": stripe.Refund,
    "setup_attempt": stripe.SetupAttempt,
    "setup_intent": stripe.SetupIntent,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


def hints_of(kind: type[stripe.StripeObject]) -> dict[str, Any]:
    """A class's own members. Other resources, imported for type checkers only, become ``dict``."""

    class Names(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            return dict

    hints = get_type_hints(type("Members", (), {"__annotations__": kind.__annotations__}), localns=Names())
    return {key: hint for key, hint in hints.items() if get_origin(hint) is not ClassVar}


def parts_of(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union. For an enumeration only its values, without the ``str`` beside them."""
    parts = get_args(hint) if get_origin(hint) is Union else (hint,)
    enumerated = any(get_origin(part) is Literal for part in parts)
    return tuple(part for part in parts if not (enumerated and part is str))
