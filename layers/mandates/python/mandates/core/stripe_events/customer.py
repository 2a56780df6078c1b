"""Stripe customers: https://docs.stripe.com/api/customers/object"""

from collections.abc import Mapping

from mandates.core.facts import Kind
from mandates.core.stripe_events.event import Event, Reader
from mandates.core.stripe_events.meaning import AboutSubject, Meaning
from mandates.core.subjects import stripe_customer_subject


def _deleted(event: Event) -> Meaning:
    # Not checked for our mark: it withdraws only mandates that stand on a customer with this id. Recording a
    # stranger's costs an item; dropping ours would lose the withdrawal.
    stripe_customer_id = event.id_of("id")
    fact = event.fact(Kind.DELETED, stripe_customer=stripe_customer_id)
    return AboutSubject(event.id, stripe_customer_subject(stripe_customer_id), fact)


READERS: Mapping[str, Reader] = {"customer.deleted": _deleted}
