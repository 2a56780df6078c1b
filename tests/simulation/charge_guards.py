"""The guards of charges, each with a way to take it away."""

import os
from collections.abc import Callable, Mapping
from copy import replace
from typing import Any

import pytest

from mandates.charges import attempting, creating, ending, examining, permitting, reading, recording, standing
from mandates.core.charging import charge, cover, decision, head, steps
from mandates.core.charging.reports import facts_of_intent
from mandates.core.mandate import Status
from mandates.gateway.mandates import StripeMandates
from mandates.gateway.payment_intents import StripePaymentIntents
from mandates.revocation import releasing
from mandates.store import charges
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, NoticeRow, RegisterRow, SwitchRow, UsageRow
from mandates.store.dynamodb import Transaction
from mandates.store.tables import EntryRow, SubjectRow
from mandates.webhooks import applying
from tests.simulation.removals import Removal, unchecked, unconditional, unconditional_record


def _new_key_each_time(method: str) -> Removal:
    def remove(patch: pytest.MonkeyPatch) -> None:
        real = getattr(StripePaymentIntents, method)

        def unkeyed(self: Any, *arguments: Any, idempotency_key: str) -> Any:
            return real(self, *arguments, idempotency_key=os.urandom(16).hex())

        patch.setattr(StripePaymentIntents, method, unkeyed)

    return remove


def _instead(where: Any, name: str, of_real: Callable[[Any], Any]) -> Removal:
    return lambda patch: patch.setattr(where, name, of_real(getattr(where, name)))


def _repeats_are_permitted(real: Any) -> Any:
    """Only a new attempt is decided on."""

    def decide(of: Any, charging: Any, *, repeated: bool) -> Any:
        decided = real(of, charging, repeated=repeated)
        return replace(decided, decision=replace(decided.decision, reasons=())) if repeated else decided

    return decide


def _everything_is_permitted(real: Any) -> Any:
    return lambda *arguments: replace(real(*arguments), reasons=())


def _new_attempts_are_permitted(real: Any) -> Any:
    def decide(of: Any, charging: Any, *, repeated: bool) -> Any:
        decided = real(of, charging, repeated=repeated)
        return decided if repeated else replace(decided, decision=replace(decided.decision, reasons=()))

    return decide


def _begun_already(real: Any) -> Any:
    def request(*arguments: Any) -> Any:
        asked = real(*arguments)
        return replace(asked, own=replace(asked.own, answered=True))

    return request


def _nothing_is_in_flight(_real: Any) -> Any:
    def facts(*arguments: Any, confirm_in_flight: bool, **named: Any) -> Any:
        return facts_of_intent(*arguments, confirm_in_flight=False, **named)

    return facts


def _any_intent_is_its_own(real: Any) -> Any:
    def apply(about: Any, *arguments: Any) -> Any:
        found = charges.read_charge(about.charge_id)
        own = found.payment_intent_id if found else None
        return real(replace(about, payment_intent_id=own or about.payment_intent_id), *arguments)

    return apply


def _as_many_attempts_as_days(patch: pytest.MonkeyPatch) -> None:
    """The decision refuses the eleventh, and its charge asks for none after the tenth."""
    for module in (decision, charge):
        patch.setattr(module, "MOST_ATTEMPTS", 99)


# The claim of an intent (IntentRow's condition) is not among them. Two charges never get one intent: the key
# under which Stripe makes it names the charge.
CHARGE_GUARDS: Mapping[str, Removal] = {
    "charge's own condition": unconditional(Transaction, "put", ChargeRow),
    "charge's head condition": unconditional(Transaction, "update", ChargeRow),
    "charge's entry condition": unconditional(Transaction, "put", ChargeEntryRow),
    "charge's event record condition": lambda patch: patch.setattr(
        charges, "not_applied_before", lambda: None
    ),
    "applied read of a charge's event": lambda patch: patch.setattr(
        recording, "already_applied", lambda _: set()
    ),
    "period's condition": unconditional_record(UsageRow, UsageRow.PERIOD),
    "window's condition": unconditional_record(UsageRow, UsageRow.WINDOW),
    "reference's condition": unconditional_record(UsageRow, UsageRow.REFERENCE),
    "register's condition": unconditional(Transaction, "update", RegisterRow),
    "notice's condition": unconditional_record(NoticeRow, NoticeRow.PREFIX),
    "notice's own condition": unconditional(Transaction, "put", NoticeRow),
    "notice's condition on the mandate": unchecked(EntryRow),
    "hours of a notice": lambda patch: patch.setattr(cover, "HOUR", 0),
    "day of a notice": _instead(permitting, "_request", _begun_already),
    "attempt's condition on the mandate": unchecked(EntryRow),
    "attempt's condition on the payment method": unchecked(SubjectRow, "payment_method#"),
    "attempt's condition on the customer": unchecked(SubjectRow, "stripe_customer#"),
    "attempt's condition on the pause": unchecked(SwitchRow),
    "attempt's condition on the declines": unchecked(UsageRow, UsageRow.DECLINES),
    "most attempts of a charge": _as_many_attempts_as_days,
    "body of a repeated request": lambda patch: patch.setattr(head.ChargeDetails, "digest", "0" * 64),
    "intent's idempotency key": _new_key_each_time("create"),
    "attempt's idempotency key": _new_key_each_time("confirm"),
    "end of an attempt's key": lambda patch: patch.setattr(steps, "KEY_SECONDS", 99 * 3600),
    "decision before a confirm is repeated": _instead(
        attempting, "decide_on_attempt", _repeats_are_permitted
    ),
    "period of a repeated confirm": lambda patch: patch.setattr(attempting, "room", lambda _: None),
    "decision before a charge is reserved": _instead(standing, "decide", _everything_is_permitted),
    "decision before an attempt is begun": _instead(
        attempting, "decide_on_attempt", _new_attempts_are_permitted
    ),
    "newest time of a charge": lambda patch: patch.setattr(permitting, "not_before", lambda _: 0),
    "seconds left to begin an attempt": lambda patch: patch.setattr(attempting, "BEGIN_SECONDS", 0),
    "cancellation of an intent made in vain": lambda patch: patch.setattr(
        creating, "cancel_unused", lambda *_: None
    ),
    "intent that is read while a confirm is under way": _instead(
        reading, "facts_of_intent", _nothing_is_in_flight
    ),
    "intent of an event": _instead(applying, "apply_outcome", _any_intent_is_its_own),
    "end of the charges before the release": lambda patch: patch.setattr(
        releasing, "end_open_charges", lambda *_: []
    ),
    "cancellation before the end": lambda patch: patch.setattr(ending, "newest_attempt", lambda _: 1),
    "cancellation before the payment method's release": lambda patch: patch.setattr(
        releasing, "StripeRefused", Exception
    ),
    "withdrawal before the release": lambda patch: patch.setattr(
        releasing, "status", lambda *_: Status.REVOKED
    ),
    "look at Stripe's mandate": lambda patch: patch.setattr(
        StripeMandates, "retrieve", lambda *_: "inactive"
    ),
    "pause after errors about mandates": lambda patch: patch.setattr(examining, "MOST_MANDATE_ERRORS", 99),
    "due time as it was found": unconditional(charges, "update", ChargeRow),
}
