"""Our guards, each with a way to take it away, as if its line had been deleted from the source."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import replace
from typing import Any

import pytest
from pynamodb.expressions.update import AddAction

from mandates.core import ledger
from mandates.core.changes import Contribution, Subject
from mandates.core.clock import Clock
from mandates.core.facts import Fact
from mandates.core.return_tokens import By, returned
from mandates.core.stripe_events.event import Event
from mandates.core.stripe_events.projection import METADATA_MANDATE
from mandates.gateway.checkout_sessions import SessionNotOpen, StripeCheckoutSessions
from mandates.gateway.customers import StripeCustomers
from mandates.gateway.error_mapping import RequestRejected, ResourceMissing
from mandates.gateway.payment_methods import StripePaymentMethods
from mandates.ledger import contributing
from mandates.privacy import erasure, holdings
from mandates.revocation import releasing
from mandates.setup import checkouts, customer_returns
from mandates.store import batch_reads as store_together
from mandates.store import customers, events, mandates, sessions
from mandates.store.batch_reads import ReadTogether
from mandates.store.dynamodb import Transaction, delete, read_rows
from mandates.store.tables import CheckoutRow, CustomerRow, EntryRow, HeadRow, SessionRow, SubjectRow
from mandates.webhooks import applying
from tests.simulation.charge_guards import CHARGE_GUARDS
from tests.simulation.refund_guards import REFUND_GUARDS
from tests.simulation.removals import Removal, unconditional


def _returns_each_time(patch: pytest.MonkeyPatch) -> None:
    def contribute(mandate_id: str, fact: Fact, clock: Clock) -> bool:
        contributing.contribute(mandate_id, [Contribution(fact.source, (fact,))], clock)
        return True

    patch.setattr(customer_returns, "contribute_once", contribute)


def _unconditional_records(module: Any) -> Removal:
    return lambda patch: patch.setattr(module, "not_applied_before", lambda: None)


def _links_without_condition(prefix: str) -> Removal:
    """The links alone: the claim of a Stripe customer is an update of the same kind of item."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = Transaction.update

        def update(self: Transaction, kind: Any, key: Any, actions: Any, condition: Any) -> None:
            links = any(isinstance(action, AddAction) for action in actions)
            unguarded = kind is SubjectRow and key[0].startswith(prefix) and links
            real(self, kind, key, actions, None if unguarded else condition)

        patch.setattr(Transaction, "update", update)

    return remove


def _subjects_unread(prefix: str) -> Removal:
    """Activation takes what it stands on for alive, without looking."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real, together = mandates.read_subjects, store_together.read_together

        def unread(keys: Iterable[str]) -> dict[str, Subject]:
            read = real(keys)
            return forgotten(read)

        def forgotten(read: Mapping[str, Subject]) -> dict[str, Subject]:
            return {key: Subject(key) if key.startswith(prefix) else found for key, found in read.items()}

        def read_together(*arguments: Any) -> ReadTogether:
            known = together(*arguments)
            return replace(known, subjects=forgotten(known.subjects))

        patch.setattr(contributing, "read_subjects", unread)
        patch.setattr(applying, "read_together", read_together)

    return remove


def _new_key_each_time(resource: type[StripeCustomers | StripeCheckoutSessions]) -> Removal:
    def remove(patch: pytest.MonkeyPatch) -> None:
        real = resource.create

        def unkeyed(self: Any, *arguments: Any, idempotency_key: str) -> Any:
            return real(self, *arguments, idempotency_key=os.urandom(16).hex())

        patch.setattr(resource, "create", unkeyed)

    return remove


def _no_tombstones(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal of something that was never heard of is dropped."""
    real = mandates.add_subject_facts

    def known_only(key: str, new: Iterable[Fact]) -> Subject:
        known = read_rows(SubjectRow, [(key,)])
        return real(key, new) if known else Subject(key)

    patch.setattr(contributing, "add_subject_facts", known_only)


def _believes_any_metadata(patch: pytest.MonkeyPatch) -> None:
    """An object that names a mandate of ours is taken for ours, whichever stack made it."""
    patch.setattr(Event, "our_mandate", lambda self: self.nested_text("metadata", METADATA_MANDATE))


def _never_applied(patch: pytest.MonkeyPatch) -> None:
    for module in (applying, contributing):
        patch.setattr(module, "already_applied", lambda _: set())
    together = store_together.read_together
    patch.setattr(applying, "read_together", lambda *given: replace(together(*given), applied=frozenset()))


def _any_refusal_is_an_end(patch: pytest.MonkeyPatch) -> None:
    """That Stripe won't end an open session is taken for its end."""
    real = StripeCheckoutSessions.expire

    def expire(self: StripeCheckoutSessions, checkout_session_id: str) -> None:
        try:
            real(self, checkout_session_id)
        except RequestRejected:
            raise SessionNotOpen from None

    patch.setattr(StripeCheckoutSessions, "expire", expire)


def _what_stripe_does_not_know_has_ended(patch: pytest.MonkeyPatch) -> None:
    real = StripeCheckoutSessions.retrieve

    def retrieve(self: StripeCheckoutSessions, checkout_session_id: str) -> Mapping[str, Any]:
        try:
            return real(self, checkout_session_id)
        except ResourceMissing:
            return {"id": checkout_session_id, "status": "expired"}

    patch.setattr(StripeCheckoutSessions, "retrieve", retrieve)


def _a_call_that_died_tells_nobody(patch: pytest.MonkeyPatch) -> None:
    """The webhook tells its own word alone, and a release tells nothing."""
    real = contributing.withdraw_subject

    def withdraw(key: str, fact: Fact, clock: Any, *, event: Any = None) -> None:
        with pytest.MonkeyPatch.context() as inside:
            if event:
                inside.setattr(Fact, "is_our_own", False)
            real(key, fact, clock, event=event)

    patch.setattr(applying, "withdraw_subject", withdraw)
    patch.setattr(releasing, "tell_what_we_found", lambda *_: None)


def _unknown_is_released(module: Any, method: str) -> Removal:
    """What Stripe does not know is taken for released."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = getattr(module, method)

        def release(*arguments: Any) -> None:
            with suppress(ResourceMissing):
                real(*arguments)

        patch.setattr(module, method, release)

    return remove


def _checkouts_without_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Transaction, "check", lambda *_: None)


def _erases_whatever_is_there(name: str, row: type[CustomerRow | CheckoutRow]) -> Removal:
    """An erasure deletes it unconditionally, though it may not be what was read."""

    def erase(what: Any, *_: Any) -> None:
        delete(row, (getattr(what, "customer_id", what), row.RECORD))

    return lambda patch: patch.setattr(erasure, name, erase)


def _forgets(name: str, **what: Any) -> Removal:
    """An erasure reads it without that."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        real = getattr(holdings, name)

        def read(customer_id: str) -> Any:
            found = real(customer_id)
            return replace(found, **what) if found else None

        patch.setattr(holdings, name, read)

    return remove


GUARDS: Mapping[str, Removal] = {
    "event record condition": _unconditional_records(mandates),
    "event record condition of what changes no mandate": _unconditional_records(events),
    "head condition": unconditional(Transaction, "update", HeadRow),
    "entry condition": unconditional(Transaction, "put", EntryRow),
    "chain check": lambda patch: patch.setattr(ledger, "first_broken", lambda *_, **__: None),
    "payment method's condition of activation": _links_without_condition("payment_method#"),
    "customer's condition of activation": _links_without_condition("stripe_customer#"),
    "payment method read before activation": _subjects_unread("payment_method#"),
    "customer read before activation": _subjects_unread("stripe_customer#"),
    "customer's idempotency key": _new_key_each_time(StripeCustomers),
    "session's idempotency key": _new_key_each_time(StripeCheckoutSessions),
    "customer claim": unconditional(customers, "put", CustomerRow),
    "checkout slot condition": unconditional(Transaction, "put", CheckoutRow),
    "limit of new sessions": lambda patch: patch.setattr(checkouts, "wait_before_another", lambda *_: 0),
    "end of the session before": _any_refusal_is_an_end,
    "session that Stripe does not know": _what_stripe_does_not_know_has_ended,
    "withdrawn payment method that Stripe does not know": _unknown_is_released(
        StripePaymentMethods, "detach"
    ),
    "withdrawn session that Stripe does not know": _unknown_is_released(StripeCheckoutSessions, "expire"),
    "checkout's check of the customer's claim": _checkouts_without_claim,
    "customer's condition of an erasure": _erases_whatever_is_there("delete_customer", CustomerRow),
    "checkout slot's condition of an erasure": _erases_whatever_is_there("delete_slot", CheckoutRow),
    "checkouts of the hour before": _forgets("read_slot", starts={}),
    "Stripe customers of before": _forgets("read_customer", earlier=()),
    "customer match of events": lambda patch: patch.setattr(
        applying, "is_of_another_customer", lambda *_: False
    ),
    "checkout match of events": lambda patch: patch.setattr(
        applying, "is_of_another_checkout", lambda *_: False
    ),
    "ownership of events": _believes_any_metadata,
    "tombstones of withdrawn subjects": _no_tombstones,
    "telling of a deletion that was found out": _a_call_that_died_tells_nobody,
    "applied read": _never_applied,
    "one entry for whoever comes back": _returns_each_time,
    "the token of a return": lambda patch: patch.setattr(customer_returns, "is_expected", lambda *_: True),
    "whose a return is": lambda patch: patch.setattr(
        customer_returns,
        "returned",
        lambda _by, at, source: returned(By.CUSTOMER, at, source),
    ),
    "pause between questions about a session": unconditional(sessions, "update", SessionRow),
    **CHARGE_GUARDS,
    **REFUND_GUARDS,
}
