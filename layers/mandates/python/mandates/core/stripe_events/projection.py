"""What is kept of a Stripe event.

`project` reduces a verified event to the fields that the readers need. Only these are queued and stored,
never the event itself: no `client_secret`, billing detail or e-mail address leaves the function that checked
the signature, and a message is always far below the queue's size limit.

receive_webhook loads this module and must start fast. So the module imports neither facts nor the readers
(core/stripe_events/readers.py), and a test holds that both list the same types of event.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mandates.core.charging.ids import CHARGE_ID
from mandates.core.ids import is_mandate_id, is_stripe_id

AMAZON_PAY = "amazon_pay"
"""The type of an Amazon Pay payment method."""

METADATA_MANDATE = "mandate_id"
METADATA_OWNER_MARK = "managed_by"
METADATA_CUSTOMER = "customer_id"
METADATA_CHARGE = "charge_id"
METADATA_REFUND = "refund_id"
METADATA_REFERENCE = "reference"


class Kept(NamedTuple):
    """The types of event that are read about a Stripe object, and the fields that are kept of the object.

    `envelope` are those that are kept of the event only if it is about such an object.
    """

    events: tuple[str, ...]
    fields: tuple[str, ...]
    envelope: tuple[str, ...] = ()


KEPT: Mapping[str, Kept] = {
    "checkout.session": Kept(
        events=("checkout.session.completed", "checkout.session.expired"),
        fields=("id", "object", "status", "customer", "setup_intent", "metadata"),
    ),
    "setup_intent": Kept(
        events=("setup_intent.canceled", "setup_intent.setup_failed", "setup_intent.succeeded"),
        fields=(
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
    ),
    "payment_intent": Kept(
        events=(
            "payment_intent.canceled",
            "payment_intent.payment_failed",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ),
        fields=(
            "id",
            "object",
            "status",
            "amount",
            "amount_received",
            "currency",
            "customer",
            "latest_charge",
            "last_payment_error",
            "cancellation_reason",
            "metadata",
        ),
        envelope=("request",),
    ),
    "refund": Kept(
        events=("refund.created", "refund.failed", "refund.updated"),
        fields=(
            "id",
            "object",
            "status",
            "amount",
            "currency",
            "reason",
            "failure_reason",
            "payment_intent",
            "metadata",
            "created",
        ),
    ),
    "dispute": Kept(
        events=("charge.dispute.closed", "charge.dispute.created", "charge.dispute.updated"),
        fields=(
            "id",
            "object",
            "status",
            "amount",
            "currency",
            "reason",
            "payment_intent",
            "charge",
            "created",
            "evidence_details",
            "payment_method_details",
        ),
    ),
    "payment_method": Kept(
        events=("payment_method.detached",),
        fields=("id", "object", "type"),
    ),
    "mandate": Kept(
        events=("mandate.updated",),
        fields=("id", "object", "type", "status", "payment_method", "payment_method_details"),
    ),
    "customer": Kept(
        events=("customer.deleted",),
        fields=("id", "object"),
    ),
}
"""By Stripe's name of the object (its `object`)."""

_NESTED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "metadata": (METADATA_MANDATE, METADATA_OWNER_MARK, METADATA_CHARGE, METADATA_REFUND),
    "last_setup_error": ("code", "decline_code"),
    "last_payment_error": ("code", "decline_code", "advice_code"),
    "request": ("idempotency_key",),
    "evidence_details": ("due_by",),
    "payment_method_details": ("type", AMAZON_PAY),
    AMAZON_PAY: ("dispute_type",),
}
"""Of each field that is an object, those of its fields that are read. Of any other it is the id."""

_ENVELOPE_FIELDS = ("id", "object", "type", "created", "livemode", "api_version", "account")

_NOTHING = Kept((), ())

_INTENTS, _REFUNDS, _DISPUTES = "payment_intent.", "refund.", "charge.dispute."

HANDLED_TYPES = tuple(sorted(event_type for kept in KEPT.values() for event_type in kept.events))
"""The types of event that are read, and that the webhook endpoint must be subscribed to."""

MAX_TYPE_LENGTH = 255

_MAX_VALUE_LENGTH = 500  # the longest metadata value Stripe takes, and longer than any id
_MAX_TYPES = 20  # payment method types on one object


def project(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with only the fields that are read. It never raises, whatever the event's shape."""
    kept = _pick(event, _ENVELOPE_FIELDS)
    subject = object_of(event)
    if event.get("type") in HANDLED_TYPES and subject:
        known = KEPT.get(str(subject.get("object")), _NOTHING)
        kept |= _pick_nested(event, known.envelope)
        kept["data"] = {"object": _pick_object(subject, known.fields)}
    return kept


def is_foreign_payment(event: Mapping[str, Any], owner_mark: str) -> bool:
    """Whether its metadata shows that the stack with this mark did not make the payment. It never raises.

    A business takes other payments through the same account, perhaps thousands a day. Their events are only
    counted: nobody queues or records them. A payment is an intent, or a Checkout Session in another mode than
    ours.

    Somebody may have removed the mark of an intent of ours. If its charge or mandate is still named, whoever
    applies the event looks at the intents that are ours (webhooks/strangers.py). If nothing is left, the
    charge finds out by itself, when it is due. Looking up every stranger's payment would cost more than that.

    Refunds and disputes are far fewer, and are all looked up: Stripe copies no metadata of an intent to them.
    Only a refund that another of our stacks made is somebody else's for certain. A dispute's metadata says
    nothing: whoever answers disputes may write there what they like.
    """
    event_type = str(event.get("type"))
    metadata = metadata_of(event)
    mark = metadata.get(METADATA_OWNER_MARK)
    if event_type.startswith(_INTENTS) or _is_paying_session(event):
        return mark != owner_mark and (bool(mark) or not _names_ours(metadata))
    if event_type.startswith(_REFUNDS):
        return mark != owner_mark and bool(mark) and _names_ours(metadata)
    return False


def has_mark(event: Mapping[str, Any], owner_mark: str) -> bool:
    return metadata_of(event).get(METADATA_OWNER_MARK) == owner_mark


def is_of_payments(event_type: str) -> bool:
    """Whether it is about an intent, or about a refund or a dispute of one."""
    return event_type.startswith((_INTENTS, _REFUNDS, _DISPUTES))


def payment_intent_of(event: Mapping[str, Any]) -> str:
    """The id of the intent that an event about a payment is about; empty if it has none."""
    subject = object_of(event)
    is_intent = str(event.get("type")).startswith(_INTENTS)
    intent = subject.get("id" if is_intent else "payment_intent")
    if isinstance(intent, dict):  # an expanded object
        intent = intent.get("id")
    return intent if is_stripe_id(intent) else ""


def _is_paying_session(event: Mapping[str, Any]) -> bool:
    """The projection does not keep the mode, so of a queued event this is never true."""
    subject = object_of(event)
    return subject.get("object") == "checkout.session" and subject.get("mode") in {"payment", "subscription"}


def _names_ours(metadata: Mapping[str, Any]) -> bool:
    charge, mandate = metadata.get(METADATA_CHARGE), metadata.get(METADATA_MANDATE)
    return is_mandate_id(mandate) or (isinstance(charge, str) and CHARGE_ID.fullmatch(charge) is not None)


def metadata_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = object_of(event).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def object_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) else {}


def _pick_object(subject: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    picked = _pick_nested(subject, fields)
    types = subject.get("payment_method_types")
    if "payment_method_types" in fields and isinstance(types, list):
        # All of them or none: leaving one out could make it look as if the other was the only one.
        picked["payment_method_types"] = types if _are_types(types) else []
    return picked


def _pick_nested(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """`_pick`, with those fields of an object that are read; its id, if it is an expanded one."""
    picked = _pick(source, fields)
    for name in fields:
        inner = source.get(name)
        if isinstance(inner, dict):
            known = _NESTED_FIELDS.get(name)
            picked[name] = _pick_nested(inner, known) if known else _pick(inner, ("id",))
    return picked


def _pick(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """These fields, if they are given. A value that can't be stored becomes an empty text, so that it reads
    as odd and not as missing."""
    given = {name: source[name] for name in fields if source.get(name) is not None}
    return {name: value if _is_plain(value) else "" for name, value in given.items()}


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int) or (isinstance(value, str) and is_storable(value))


def is_event_type(value: Any) -> bool:
    """Whether it can be the type of an event, perhaps one that Stripe has yet to introduce."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_TYPE_LENGTH and is_storable(value)


def is_storable(text: str) -> bool:
    """Whether it is short enough, and UTF-8: JSON can spell half a surrogate pair, which can't be stored."""
    return len(text) <= _MAX_VALUE_LENGTH and (
        text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    )


def _are_types(values: list[Any]) -> bool:
    return len(values) <= _MAX_TYPES and all(
        isinstance(value, str) and is_storable(value) for value in values
    )
