"""What a Stripe event says, as facts.

`read` turns the projection (core/stripe_events/projection.py) into a Reading. It depends on nothing but its
arguments, so a redelivered or replayed event reads the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.facts import Fact, Kind, ids, is_time
from mandates.core.ids import is_stripe_id
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK, is_storable

AMAZON_PAY = "amazon_pay"


@dataclass(frozen=True, slots=True)
class AboutMandate:
    """A fact about one of our mandates, believed only as far as it matches what the mandate knows of itself
    (webhooks/applying.py): anybody with a key of the account can write our metadata on objects of their
    own."""

    event_id: str
    mandate_id: str
    fact: Fact
    stripe_customer_id: str | None

    @property
    def subjects(self) -> list[str]:
        """The keys of the subjects it names: if it is believed, the mandate stands on them."""
        customer = [stripe_customer_subject(self.stripe_customer_id)] if self.stripe_customer_id else []
        return customer + [payment_method_subject(one) for one in self.fact.ids.get("payment_method", ())]


@dataclass(frozen=True, slots=True)
class AboutSubject:
    """A fact about a payment method or a Stripe customer, perhaps one we have never seen."""

    event_id: str
    subject: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Nothing to apply. `outcome` is `ignored`, `foreign` or `livemode_mismatch`."""

    event_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """Ours, and it can't be: kept aside with the reason for someone to look at."""

    event_id: str
    reason: str


Reading = AboutMandate | AboutSubject | NotOurs | Impossible


def payment_method_subject(payment_method_id: str) -> str:
    return f"payment_method#{payment_method_id}"


def stripe_customer_subject(stripe_customer_id: str) -> str:
    return f"stripe_customer#{stripe_customer_id}"


def checkout_session_subject(checkout_session_id: str) -> str:
    return f"checkout_session#{checkout_session_id}"


def read(event: Mapping[str, Any], *, owner_mark: str, livemode: bool) -> Reading:
    """What a projected event says to the stack with this mark, which runs in that `livemode`."""
    event_id = event.get("id")
    if not is_stripe_id(event_id):
        raise ValueError("an event without an id is refused before it is queued")
    reader = _READERS.get(str(event.get("type")))
    if reader is None:
        return NotOurs(event_id, "ignored")
    if event.get("livemode") is not livemode:
        return NotOurs(event_id, "livemode_mismatch")
    if event.get("account") is not None:
        return NotOurs(event_id, "foreign")
    try:
        return reader(_Event(event_id, event, owner_mark))
    except _Unreadable as unreadable:
        return Impossible(event_id, f"unreadable: {unreadable}")


class _Unreadable(Exception):
    pass


class _Event:
    """Typed access to a projected event; a field of the wrong shape makes the event Impossible."""

    def __init__(self, event_id: str, event: Mapping[str, Any], owner_mark: str) -> None:
        self.id = event_id
        self._envelope = event
        self._owner_mark = owner_mark
        data = event.get("data")
        subject = data.get("object") if isinstance(data, Mapping) else None
        if not isinstance(subject, Mapping):
            raise _Unreadable("it has no data.object")
        self._object = subject

    @property
    def created(self) -> int:
        created: Any = self._envelope.get("created")
        if not is_time(created):
            raise _Unreadable("created is not a time")
        return int(created)

    def text(self, name: str) -> str:
        value = self._object.get(name)
        if not (isinstance(value, str) and value and is_storable(value)):
            raise _Unreadable(f"data.object.{name} is not a text")
        return value

    def id_of(self, name: str) -> str:
        value = self.optional_id_of(name)
        if value is None:
            raise _Unreadable(f"data.object.{name} is missing")
        return value

    def optional_id_of(self, name: str) -> str | None:
        value = self._object.get(name)
        if isinstance(value, Mapping):  # an expanded object
            value = value.get("id")
        if value is None or is_stripe_id(value):
            return value
        raise _Unreadable(f"data.object.{name} is not an id")

    def nested_text(self, name: str, inner: str) -> str | None:
        value = self._object.get(name)
        found = value.get(inner) if isinstance(value, Mapping) else None
        return found if isinstance(found, str) and is_storable(found) else None

    def texts(self, name: str) -> list[str]:
        value = self._object.get(name)
        return value if isinstance(value, list) else []

    def says(self, name: str, value: str) -> bool:
        """Whether it says exactly this, whatever else its shape may be."""
        return self._object.get(name) == value

    def our_mandate(self) -> str | None:
        """The id of the mandate it is about; None if another stack, or nobody's, made the object."""
        if self.nested_text("metadata", METADATA_OWNER_MARK) != self._owner_mark:
            return None
        mandate_id = self.nested_text("metadata", METADATA_MANDATE)
        if not is_stripe_id(mandate_id):  # as ours are, too
            raise _Unreadable("it carries our mark and no mandate id")
        return mandate_id

    def fact(self, kind: Kind, *, detail: Mapping[str, str] | None = None, **named: str | None) -> Fact:
        return Fact(kind, self.created, self.id, ids(**named), detail or {})


def _session(kind: Kind) -> Callable[[_Event], Reading]:
    def reader(event: _Event) -> Reading:
        mandate_id = event.our_mandate()
        if mandate_id is None:
            return NotOurs(event.id, "foreign")
        fact = event.fact(
            kind,
            checkout_session=event.id_of("id"),
            setup_intent=event.optional_id_of("setup_intent"),
        )
        return AboutMandate(event.id, mandate_id, fact, event.id_of("customer"))

    return reader


def _setup_succeeded(event: _Event) -> Reading:
    mandate_id = event.our_mandate()
    if mandate_id is None:
        return NotOurs(event.id, "foreign")
    if event.texts("payment_method_types") != [AMAZON_PAY]:
        return Impossible(event.id, "the SetupIntent is not for Amazon Pay alone")
    fact = event.fact(
        Kind.SETUP_SUCCEEDED,
        setup_intent=event.id_of("id"),
        payment_method=event.id_of("payment_method"),
        stripe_mandate=event.optional_id_of("mandate"),
    )
    return AboutMandate(event.id, mandate_id, fact, event.id_of("customer"))


def _setup_failed(event: _Event) -> Reading:
    mandate_id = event.our_mandate()
    if mandate_id is None:
        return NotOurs(event.id, "foreign")
    code = event.nested_text("last_setup_error", "code") or "unknown"
    fact = event.fact(Kind.SETUP_FAILED, detail={"code": code}, setup_intent=event.id_of("id"))
    return AboutMandate(event.id, mandate_id, fact, event.optional_id_of("customer"))


def _setup_canceled(event: _Event) -> Reading:
    mandate_id = event.our_mandate()
    if mandate_id is None:
        return NotOurs(event.id, "foreign")
    fact = event.fact(Kind.SETUP_CANCELED, setup_intent=event.id_of("id"))
    return AboutMandate(event.id, mandate_id, fact, event.optional_id_of("customer"))


def _detached(event: _Event) -> Reading:
    if event.text("type") != AMAZON_PAY:
        return NotOurs(event.id, "foreign")
    # The object's customer is already null and it carries no metadata of ours, so it can't be told
    # whether it is ours. Recording a stranger's costs an item; dropping ours would cost the withdrawal.
    payment_method_id = event.id_of("id")
    fact = event.fact(Kind.DETACHED, payment_method=payment_method_id)
    return AboutSubject(event.id, payment_method_subject(payment_method_id), fact)


def _mandate_updated(event: _Event) -> Reading:
    if event.nested_text("payment_method_details", "type") not in {AMAZON_PAY, None}:
        return NotOurs(event.id, "foreign")
    if event.text("status") != "inactive":
        return NotOurs(event.id, "ignored")
    # A payment method can have several mandates at Stripe. One for a single payment is inactive once it was
    # used, and is never ours: Checkout's SetupIntent can't ask for one, nor can Amazon Pay have one by a
    # SetupIntent (https://docs.stripe.com/api/setup_intents/create, single_use). Any other may be ours,
    # whose id need not be known yet, or ever: a withdrawal too many can be mended, one too few can't.
    if event.says("type", "single_use"):
        return NotOurs(event.id, "ignored")
    payment_method_id = event.id_of("payment_method")
    fact = event.fact(
        Kind.MANDATE_INACTIVE, payment_method=payment_method_id, stripe_mandate=event.id_of("id")
    )
    return AboutSubject(event.id, payment_method_subject(payment_method_id), fact)


def _customer_deleted(event: _Event) -> Reading:
    stripe_customer_id = event.id_of("id")
    fact = event.fact(Kind.DELETED, stripe_customer=stripe_customer_id)
    return AboutSubject(event.id, stripe_customer_subject(stripe_customer_id), fact)


_READERS: Mapping[str, Callable[[_Event], Reading]] = {
    "checkout.session.completed": _session(Kind.SESSION_COMPLETED),
    "checkout.session.expired": _session(Kind.SESSION_EXPIRED),
    "setup_intent.succeeded": _setup_succeeded,
    "setup_intent.setup_failed": _setup_failed,
    "setup_intent.canceled": _setup_canceled,
    "payment_method.detached": _detached,
    "mandate.updated": _mandate_updated,
    "customer.deleted": _customer_deleted,
}
