"""SetupIntents: https://docs.stripe.com/api/setup_intents/object"""

from collections.abc import Mapping

from mandates.core.facts import Kind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutMandate, Impossible, Meaning, NotOurs
from mandates.core.stripe_events.projection import AMAZON_PAY


def _succeeded(event: Event) -> Meaning:
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


def _failed(event: Event) -> Meaning:
    mandate_id = event.our_mandate()
    if mandate_id is None:
        return NotOurs(event.id, "foreign")
    code = event.nested_text("last_setup_error", "code") or "unknown"
    fact = event.fact(Kind.SETUP_FAILED, detail={"code": code}, setup_intent=event.id_of("id"))
    return AboutMandate(event.id, mandate_id, fact, event.optional_id_of("customer"))


def _canceled(event: Event) -> Meaning:
    mandate_id = event.our_mandate()
    if mandate_id is None:
        return NotOurs(event.id, "foreign")
    fact = event.fact(Kind.SETUP_CANCELED, setup_intent=event.id_of("id"))
    return AboutMandate(event.id, mandate_id, fact, event.optional_id_of("customer"))


READERS: Mapping[str, Reader] = {
    "setup_intent.canceled": _canceled,
    "setup_intent.setup_failed": _failed,
    "setup_intent.succeeded": _succeeded,
}
