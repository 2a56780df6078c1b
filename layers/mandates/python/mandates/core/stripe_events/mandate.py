"""Stripe's mandates: https://docs.stripe.com/api/mandates/object"""

from collections.abc import Mapping

from mandates.core.facts import Kind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutSubject, Meaning, NotOurs
from mandates.core.stripe_events.projection import AMAZON_PAY
from mandates.core.subjects import payment_method_subject


def _updated(event: Event) -> Meaning:
    if event.nested_text("payment_method_details", "type") not in {AMAZON_PAY, None}:
        return NotOurs(event.id, "foreign")
    if event.text("status") != "inactive":
        return NotOurs(event.id, "ignored")
    # A payment method can have several mandates at Stripe. A single-use one becomes inactive once it was
    # used, and is never ours: Checkout's SetupIntent can't ask for one, and Amazon Pay can't have one by a
    # SetupIntent (https://docs.stripe.com/api/setup_intents/create, single_use). Any other may be ours: we
    # may not know the id of ours yet, or ever. After a withdrawal too many the customer can consent anew, to
    # another mandate. After one too few they could be charged without permission.
    if event.says("type", "single_use"):
        return NotOurs(event.id, "ignored")
    payment_method_id = event.id_of("payment_method")
    fact = event.fact(
        Kind.MANDATE_INACTIVE, payment_method=payment_method_id, stripe_mandate=event.id_of("id")
    )
    return AboutSubject(event.id, payment_method_subject(payment_method_id), fact)


READERS: Mapping[str, Reader] = {"mandate.updated": _updated}
