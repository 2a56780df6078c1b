"""Checkout Sessions: https://docs.stripe.com/api/checkout/sessions/object"""

from collections.abc import Mapping

from mandates.core.facts import Kind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutMandate, Meaning, NotOurs


def _contributes(kind: Kind) -> Reader:
    def reader(event: Event) -> Meaning:
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


READERS: Mapping[str, Reader] = {
    "checkout.session.completed": _contributes(Kind.SESSION_COMPLETED),
    "checkout.session.expired": _contributes(Kind.SESSION_EXPIRED),
}
