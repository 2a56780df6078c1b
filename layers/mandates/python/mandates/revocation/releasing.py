"""Releases at Stripe what a withdrawn mandate still has there. revoking.py says why this comes later."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from mandates.charges.ending import end_open_charges
from mandates.core.changes import stands_on
from mandates.core.charging.facts import EndReason
from mandates.core.clock import Clock, Instant
from mandates.core.errors import MandatesError, StripeRefused
from mandates.core.facts import all_ids
from mandates.core.mandate import Mandate, Status, status
from mandates.core.release import ToRelease, to_release
from mandates.gateway.checkout_sessions import SessionNotOpen, StripeCheckoutSessions
from mandates.gateway.client import Gateway
from mandates.ledger.contributing import tell_what_we_found
from mandates.store.mandates import read_heads, read_subjects
from mandates.store.unreleased import Unreleased, add_unreleased, read_unreleased, remove_unreleased


def release(mandate_id: str, gateway: Gateway, clock: Clock) -> list[str]:
    """Release at Stripe what a withdrawn mandate still has there. Safe to repeat at any time.

    It first ends the open charges: what Stripe can cancel is cancelled. If that fails for now, nothing else
    is released yet; but a payment that is processing, or that Stripe refuses to cancel, holds nothing up.

    Then it detaches the payment methods, or expires a session that could still be completed. If the customer
    completes the session at the same moment, the set-up's own event leads here again. Whatever Stripe does
    not release, or does not know, is listed (store/unreleased.py) until it is released. Then this raises the
    first error, to be tried again. Returns the Stripe ids that an operator has dismissed; they are left as
    they are.
    """
    head = read_heads([mandate_id]).get(mandate_id)
    if head is None:
        return []
    subjects = read_subjects(stands_on(head, head.facts))
    if status(head.facts, *(subject.facts for subject in subjects.values())) is not Status.REVOKED:
        return []
    for subject in subjects.values():
        tell_what_we_found(subject, clock)
    not_ended = end_open_charges(mandate_id, EndReason.WITHDRAWN, gateway, clock)
    for passing in (error for error in not_ended if not isinstance(error, StripeRefused)):
        raise passing
    left = _releases(to_release(head, subjects), gateway)
    known = read_unreleased(mandate_id, _at_stripe(head))
    dismissed = [stripe_id for stripe_id, one in known.items() if one.is_dismissed and stripe_id in left]
    errors = {
        stripe_id: error
        for stripe_id, release in left.items()
        if stripe_id not in dismissed and (error := _tried(release))
    }
    for stripe_id, error in errors.items():
        add_unreleased(mandate_id, stripe_id, _code(error), Instant(clock()).seconds)
    _unlist(known, errors)
    for first in (*errors.values(), *not_ended):
        raise first
    return dismissed


def _releases(left: ToRelease, gateway: Gateway) -> dict[str, Callable[[], None]]:
    """How each object is released, by its Stripe id."""
    releases: dict[str, Callable[[], None]] = {
        payment_method_id: partial(gateway.payment_methods.detach, payment_method_id)
        for payment_method_id in left.payment_methods
    }
    if left.checkout_session:
        releases[left.checkout_session] = partial(_expire, gateway.checkout_sessions, left.checkout_session)
    return releases


def _expire(sessions: StripeCheckoutSessions, checkout_session_id: str) -> None:
    with suppress(SessionNotOpen):
        sessions.expire(checkout_session_id)


def _at_stripe(head: Mandate) -> set[str]:
    """All Stripe ids of the mandate that could ever be listed."""
    return {*all_ids(head.facts, "payment_method"), *all_ids(head.facts, "checkout_session")}


def _tried(release: Callable[[], None]) -> Exception | None:
    """Try each. One that fails does not keep the others from being tried."""
    try:
        release()
    except Exception as error:
        return error
    return None


def _code(error: Exception) -> str:
    return error.code if isinstance(error, MandatesError) else type(error).__name__


def _unlist(known: Mapping[str, Unreleased], errors: Mapping[str, Exception]) -> None:
    for stripe_id, one in known.items():
        if stripe_id not in errors and not one.is_dismissed:
            remove_unreleased(one)
