"""What a withdrawn mandate still has at Stripe, as far as we know, and must be released there."""

from collections.abc import Mapping
from dataclasses import dataclass

from mandates.core.changes import Subject
from mandates.core.facts import Kind, all_ids, has
from mandates.core.mandate import Mandate, Status, status
from mandates.core.subjects import payment_method_subject, stripe_customer_subject


@dataclass(frozen=True, slots=True)
class ToRelease:
    """Payment methods to detach, and a Checkout Session to expire."""

    payment_methods: tuple[str, ...] = ()
    checkout_session: str | None = None

    @property
    def stripe_ids(self) -> tuple[str, ...]:
        return (*self.payment_methods, *((self.checkout_session,) if self.checkout_session else ()))


def to_release(mandate: Mandate, subjects: Mapping[str, Subject]) -> ToRelease:
    """Nothing, unless the mandate is revoked. `subjects` are those that it stands on.

    Deleting a customer detaches its payment methods: https://docs.stripe.com/api/customers/delete
    """
    if status(mandate.facts, *(subject.facts for subject in subjects.values())) is not Status.REVOKED:
        return ToRelease()
    if has(subjects[stripe_customer_subject(mandate.stripe_customer_id)].facts, Kind.DELETED):
        attached = []
    else:
        attached = [
            payment_method_id
            for payment_method_id in sorted(all_ids(mandate.facts, "payment_method"))
            if not has(subjects[payment_method_subject(payment_method_id)].facts, Kind.DETACHED)
        ]
    may_be_open = not mandate.payment_method_id and not _session_ended(mandate)
    return ToRelease(tuple(attached), mandate.checkout_session_id if may_be_open else None)


def _session_ended(mandate: Mandate) -> bool:
    """Whether Stripe says so. SESSION_CANCELLED is our own fact and does not count: of two calls under one
    idempotency key, one may be refused and the other may create the session."""
    return has(mandate.facts, Kind.SESSION_EXPIRED, Kind.SETUP_CANCELED)
