"""Ending at Stripe what a withdrawn mandate still has there; withdrawals.py says why this comes after."""

from contextlib import suppress

from mandates.core.changes import stands_on
from mandates.core.leftovers import left_at_stripe
from mandates.gateway import Gateway, SessionNotOpen
from mandates.store.mandates import read_heads, read_subjects


def settle(mandate_id: str, gateway: Gateway) -> None:
    """End at Stripe what a withdrawn mandate still has there; safe to repeat at any time.

    Detaches the payment method, or expires a session that could still be completed. If the customer
    completes it in the same moment, the set-up's own event leads here again. Raises StripeUnavailable or
    StripeRefused, to be tried again.
    """
    head = read_heads([mandate_id]).get(mandate_id)
    if head is None:
        return
    left = left_at_stripe(head, read_subjects(stands_on(head, head.facts)))
    for payment_method_id in left.payment_methods:
        gateway.detach(payment_method_id)
    if left.checkout_session:
        with suppress(SessionNotOpen):
            gateway.expire_session(left.checkout_session)
