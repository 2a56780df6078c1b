"""Finds a customer that was deleted at Stripe by asking Stripe, before the webhook has come."""

from mandates.core.clock import Clock, Instant
from mandates.core.facts import Fact, Kind, ids
from mandates.core.subjects import stripe_customer_subject
from mandates.gateway.customers import StripeCustomers
from mandates.ledger.contributing import withdraw_subject

SOURCE = "api:customer_deleted"


def found_deleted(stripe_customer_id: str, stripe_customers: StripeCustomers, clock: Clock) -> bool:
    """Ask Stripe about a customer that it refused to use. If it says `deleted`, record what the webhook will.

    Only that word counts. Raises ResourceMissing if Stripe does not know the customer at all: a key of
    another account gets the same answer, and a withdrawal never lapses.
    https://docs.stripe.com/api/customers/retrieve
    """
    if not stripe_customers.is_deleted(stripe_customer_id):
        return False
    named = ids(stripe_customer=stripe_customer_id)
    deleted = Fact(Kind.DELETED, Instant(clock()).seconds, SOURCE, named)
    withdraw_subject(stripe_customer_subject(stripe_customer_id), deleted, clock)
    return True
