"""Ending at Stripe what a withdrawn mandate still has there; withdrawals.py says why this comes after."""

from mandates.core.changes import stands_on
from mandates.core.facts import Kind, all_ids, has
from mandates.core.mandate import Mandate, Status, status
from mandates.core.stripe_events import payment_method_subject, stripe_customer_subject
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
    subjects = read_subjects(stands_on(head, head.facts))
    if status(head.facts, *(subject.facts for subject in subjects.values())) is not Status.REVOKED:
        return
    customer_deleted = has(subjects[stripe_customer_subject(head.stripe_customer_id)].facts, Kind.DELETED)
    for payment_method_id in sorted(all_ids(head.facts, "payment_method")):
        payment_method = subjects[payment_method_subject(payment_method_id)]
        if not customer_deleted and not has(payment_method.facts, Kind.DETACHED):
            gateway.detach(payment_method_id)
    if not head.payment_method_id and head.checkout_session_id and not _session_ended(head):
        try:
            gateway.expire_session(head.checkout_session_id)
        except SessionNotOpen:
            return


def _session_ended(head: Mandate) -> bool:
    return has(head.facts, Kind.SESSION_EXPIRED, Kind.SESSION_CANCELLED, Kind.SETUP_CANCELED)
