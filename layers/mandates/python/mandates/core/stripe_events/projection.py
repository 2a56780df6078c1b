"""What of a Stripe event is worth keeping.

`project` reduces a verified event to the fields that `stripe_events.read` reads: that, and not the event, is
queued and stored. No `client_secret`, billing detail or e-mail address leaves the function that checked the
signature, and a message is always far below the queue's size limit.
"""

from collections.abc import Mapping
from typing import Any

METADATA_MANDATE = "mandate_id"
METADATA_OWNER_MARK = "managed_by"
METADATA_CUSTOMER = "customer_id"

HANDLED_TYPES = (
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.deleted",
    "mandate.updated",
    "payment_method.detached",
    "setup_intent.canceled",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
)
"""The event types that are read, and that the webhook endpoint must be subscribed to."""

MAX_TYPE_LENGTH = 255

_MAX_VALUE_LENGTH = 500  # the longest metadata value Stripe takes, and longer than any id
_MAX_TYPES = 20  # payment method types on one object

_OBJECT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "checkout.session": ("id", "object", "status", "customer", "setup_intent", "metadata"),
    "setup_intent": (
        "id",
        "object",
        "status",
        "customer",
        "payment_method",
        "payment_method_types",
        "mandate",
        "last_setup_error",
        "metadata",
    ),
    "payment_method": ("id", "object", "type"),
    "mandate": ("id", "object", "type", "status", "payment_method", "payment_method_details"),
    "customer": ("id", "object"),
}
_NESTED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "metadata": (METADATA_MANDATE, METADATA_OWNER_MARK),
    "last_setup_error": ("code", "decline_code"),
    "payment_method_details": ("type",),
}
_ENVELOPE_FIELDS = ("id", "object", "type", "created", "livemode", "api_version", "account")


def project(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with only the fields that `read` reads; never raises, whatever the event's shape."""
    kept = _pick(event, _ENVELOPE_FIELDS)
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    if event.get("type") in HANDLED_TYPES and isinstance(subject, dict):
        kept["data"] = {"object": _pick_object(subject)}
    return kept


def _pick_object(subject: Mapping[str, Any]) -> dict[str, Any]:
    fields = _OBJECT_FIELDS.get(str(subject.get("object")), ())
    picked = _pick(subject, fields)
    for name in fields:
        if isinstance(subject.get(name), dict):
            picked[name] = _pick(subject[name], _NESTED_FIELDS.get(name, ("id",)))
    types = subject.get("payment_method_types")
    if "payment_method_types" in fields and isinstance(types, list):
        # All of them or none: one left out could make another the only one.
        picked["payment_method_types"] = types if _are_types(types) else []
    return picked


def _pick(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """These fields, as far as they are given. What nothing of ours could hold becomes an empty text, which
    reads as the odd thing that it is, and not as missing."""
    given = {name: source[name] for name in fields if source.get(name) is not None}
    return {name: value if _is_plain(value) else "" for name, value in given.items()}


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int) or (isinstance(value, str) and is_storable(value))


def is_event_type(value: Any) -> bool:
    """Whether it can be an event's type, perhaps one that Stripe is yet to invent."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_TYPE_LENGTH and is_storable(value)


def is_storable(text: str) -> bool:
    """Short enough, and UTF-8: JSON can spell half a surrogate pair, which nothing stores."""
    return len(text) <= _MAX_VALUE_LENGTH and (
        text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    )


def _are_types(values: list[Any]) -> bool:
    return len(values) <= _MAX_TYPES and all(
        isinstance(value, str) and is_storable(value) for value in values
    )
