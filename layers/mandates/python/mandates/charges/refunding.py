"""Follows up the refunds of a charge that Stripe has not decided: reads them at Stripe, and sends those that
Stripe lacks.

The intent's refunds are always listed first. A refund with our id is ours, even if a crashed process, an
unanswered call or this stack before a restore sent it. So a refund is made once, although Stripe forgets
idempotency keys.
"""

from collections.abc import Callable, Sequence

from mandates.charges.context import SOURCE, Taken
from mandates.charges.reading import intent_id
from mandates.charges.recording import record
from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_key
from mandates.core.charging.refund_refusals import is_final_refusal
from mandates.core.charging.refunds import (
    Refund,
    StripeRefund,
    facts_of_stripe_refunds,
    is_given_up,
    is_unanswered,
    may_be_sent,
    pending_refunds,
)
from mandates.core.clock import Clock, Instant
from mandates.core.errors import StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.gateway.payment_intents import PaymentRefused
from mandates.gateway.refunds import refund_params
from mandates.runtime.telemetry import count, logger

NOT_ANSWERED = "not_answered"
"""The failure of a refund that Stripe never confirmed and does not list. All others are Stripe's words."""


def follow_refunds(charge: Charge, gateway: Gateway, clock: Clock, owner_mark: str) -> Taken:
    """The charge with what Stripe says of its refunds, and with those sent that it lacks.

    After news it is looked at again when it is due, not before. Raises StripeUnavailable, StripeRefused or
    Busy; what was learnt until then is recorded. A refund that can't be sent keeps no other from being sent.
    """
    following, entries = Following(gateway, clock, owner_mark), charge.entries
    charge = following.read(charge)
    unavailable: list[StripeUnavailable] = []
    for refund in _waiting(charge):
        try:
            charge = following.send_or_give_up(charge, refund)
        except StripeUnavailable as error:
            unavailable.append(error)
    if unavailable:
        raise unavailable[0]
    return Taken(charge, again_at=charge.due_at if charge.entries > entries else None)


class Following:
    """What one look at a charge's refunds does. Each step returns the charge as it is then."""

    def __init__(self, gateway: Gateway, clock: Clock, owner_mark: str) -> None:
        self._refunds = gateway.refunds
        self._clock = clock
        self._owner_mark = owner_mark

    def read(self, charge: Charge) -> Charge:
        """The charge with all refunds that Stripe lists, including those from the Dashboard."""
        listed = self._refunds.of_intent(intent_id(charge))
        return self._told(charge, lambda known, now: _facts(known, listed, now))

    def send_or_give_up(self, charge: Charge, refund: Refund) -> Charge:
        now = Instant(self._clock()).seconds
        if is_given_up(refund, now):
            return self._failed(charge, refund, NOT_ANSWERED)
        if not may_be_sent(refund, now):
            return charge  # the list is read once more
        try:
            sent = self._refunds.create(
                self._params(charge, refund), idempotency_key=refund_key(refund.refund_id)
            )
        except PaymentRefused as refused:
            if is_final_refusal(status=refused.error.status, code=refused.error.code, param=refused.param):
                return self._failed(charge, refund, refused.error.code or refused.param)
            about = {"charge_id": charge.charge_id, "stripe": refused.error.said}
            logger.error("Stripe refuses a refund for a reason that is ours to mend", extra=about)
            count("RefundsOursToMend")
            return charge  # it is sent again less and less often
        return self._told(charge, lambda known, now: _facts(known, [sent], now))

    def _params(self, charge: Charge, refund: Refund) -> dict[str, object]:
        """From facts alone, so that a repeat under the same key has the same."""
        return dict(
            refund_params(
                payment_intent_id=intent_id(charge),
                amount=refund.amount,
                reason=refund.reason or None,
                owner_mark=self._owner_mark,
                mandate_id=charge.mandate_id,
                charge_id=charge.charge_id,
                refund_id=refund.refund_id,
            )
        )

    def _failed(self, charge: Charge, refund: Refund, reason: str) -> Charge:
        """Record the failure, unless Stripe has reported the refund meanwhile."""

        def fails(known: Charge, now: int) -> Sequence[ChargeFact]:
            if not _is_waiting(refund, known):
                return ()
            return (
                charge_fact(ChargeKind.REFUND_FAILED, now, SOURCE, about=refund.refund_id, reason=reason),
            )

        return self._told(charge, fails)

    def _told(self, charge: Charge, facts: Callable[[Charge, int], Sequence[ChargeFact]]) -> Charge:
        return record(charge.charge_id, facts, source=SOURCE, clock=self._clock, known=charge).charge


def _waiting(charge: Charge) -> list[Refund]:
    """Those that Stripe may not have."""
    return [refund for refund in pending_refunds(charge.facts) if is_unanswered(refund)]


def _is_waiting(refund: Refund, charge: Charge) -> bool:
    return refund.refund_id in {one.refund_id for one in _waiting(charge)}


def _facts(known: Charge, told: Sequence[StripeRefund], now: int) -> Sequence[ChargeFact]:
    return facts_of_stripe_refunds(known.facts, known.charge_id, told, now, SOURCE)
