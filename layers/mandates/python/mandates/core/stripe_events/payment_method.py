"""Payment methods: https://docs.stripe.com/api/payment_methods/object"""

from collections.abc import Mapping

from mandates.core.facts import Kind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutSubject, Meaning, NotOurs
from mandates.core.stripe_events.projection import AMAZON_PAY
from mandates.core.subjects import payment_method_subject


def _detached(event: Event) -> Meaning:
    if event.text("type") != AMAZON_PAY:
        return NotOurs(event.id, "foreign")
    # The object's customer is already null and it carries no metadata of ours, so nothing tells whether it is
    # ours. Recording a stranger's costs an item; dropping ours would lose the withdrawal.
    payment_method_id = event.id_of("id")
    fact = event.fact(Kind.DETACHED, payment_method=payment_method_id)
    return AboutSubject(event.id, payment_method_subject(payment_method_id), fact)


READERS: Mapping[str, Reader] = {"payment_method.detached": _detached}
