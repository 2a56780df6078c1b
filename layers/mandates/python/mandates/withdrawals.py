"""Withdrawing a mandate: here at once, in one write; at Stripe afterwards, until it is done.

The write is what counts: nothing is charged from then on. Its ledger entry, published from the table's
stream, brings the mandate to `settle`, which ends at Stripe what could still be used there. So a crash
or an outage between the two delays the second and never loses it.
"""

from mandates.core.facts import Fact, Kind, has
from mandates.core.mandate import Mandate, Status, status
from mandates.core.stripe_events import payment_method_subject, stripe_customer_subject
from mandates.gateway import Gateway, SessionNotOpen
from mandates.moment import Clock
from mandates.recording import contribute_ours
from mandates.store.mandates import read_heads, read_subjects, subject_keys

SOURCE = "api:revoke_mandate"


def revoke(mandate_id: str, *, by: str, reason: str, clock: Clock) -> None:
    """Withdraw the mandate; a second time changes nothing, and the first one's words stand.

    `by` is `customer` or `service`. Raises NotFound or Busy.
    """
    head = read_heads([mandate_id]).get(mandate_id)
    if head is not None and has(head.facts, Kind.REVOKED):
        return
    detail = {"by": by, "reason": reason}
    contribute_ours(mandate_id, SOURCE, lambda now: Fact(Kind.REVOKED, now, SOURCE, detail=detail), clock)


def settle(mandate_id: str, gateway: Gateway) -> None:
    """End at Stripe what a withdrawn mandate still has there; safe to repeat at any time.

    Detaches the payment method, or expires a session that could still be completed. If the customer
    completes it in the same moment, the set-up's own event leads here again. Raises StripeUnavailable or
    StripeRefused, to be tried again.
    """
    head = read_heads([mandate_id]).get(mandate_id)
    if head is None:
        return
    keys = subject_keys(head, head.payment_method_id)
    subjects = read_subjects(keys)
    if status(head.facts, *(subjects[key].facts for key in keys)) is not Status.REVOKED:
        return
    customer_deleted = has(subjects[stripe_customer_subject(head.stripe_customer_id)].facts, Kind.DELETED)
    if head.payment_method_id:
        payment_method = subjects[payment_method_subject(head.payment_method_id)]
        if not customer_deleted and not has(payment_method.facts, Kind.DETACHED):
            gateway.detach(head.payment_method_id)
    elif head.checkout_session_id and not _session_ended(head):
        try:
            gateway.expire_session(head.checkout_session_id)
        except SessionNotOpen:
            return


def _session_ended(head: Mandate) -> bool:
    return has(head.facts, Kind.SESSION_EXPIRED, Kind.SESSION_CANCELLED, Kind.SETUP_CANCELED)
