"""Reads a suspect of the audit again on both sides, records what only Stripe knew, keeps what differs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mandates.charges.recording import record
from mandates.core.charging.audit import Suspect, movement
from mandates.core.charging.audit_verdict import AtStripe, facts_told, recovered, verdict
from mandates.core.charging.books import ListedIntent
from mandates.core.charging.differences import Difference
from mandates.core.charging.facts import ChargeFact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.reports import facts_of_intent
from mandates.core.clock import Clock, Instant
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import ResourceMissing
from mandates.gateway.payment_intents import IntentNotCancelable
from mandates.runtime.telemetry import logger
from mandates.store.batch_reads import charges_of_intents
from mandates.store.charges import read_charge
from mandates.store.differences import differences_of, keep_difference, resolve
from mandates.store.mandates import read_heads
from mandates.store.movements import keep_movements

SOURCE = "api:audit_charges"


@dataclass(slots=True)
class Examined:
    """`differ` stand now, and `new` of them were not known before. `recovered` were recorded from Stripe and
    differ no longer, `resolved` is how many known ones were found to hold no longer. What an operator
    dismissed is named again only if it changes."""

    differ: list[Difference] = field(default_factory=list)
    recovered: list[Difference] = field(default_factory=list)
    new: int = 0
    resolved: int = 0
    canceled: int = 0
    followed_up: int = 0


@dataclass(frozen=True, slots=True)
class Examiner:
    gateway: Gateway
    clock: Clock

    def examine(self, suspect: Suspect) -> Examined:
        """Safe to repeat, and to run beside whatever else happens to the charge. Raises StripeUnavailable,
        StripeRefused, Busy or StoreError; and one of ALTERED_ITEMS_RAISE for a charge that can't be read: its
        intent must not count as nobody's."""
        examined = Examined()
        charge = read_charge(suspect.charge_id)
        intent_id = suspect.payment_intent_id or (charge.payment_intent_id if charge else None)
        owner = charges_of_intents([intent_id]).get(intent_id) if intent_id else None
        at_stripe = self._at_stripe(intent_id)
        if (
            charge
            and at_stripe.intent
            and charge.payment_intent_id == intent_id
            and owner in {None, charge.charge_id}
        ):
            self._keep_movements(charge, at_stripe)
            examined.recovered += recovered(charge, at_stripe, self._now)
            charge = self._record(charge, at_stripe)
        said = verdict(suspect.charge_id, charge, owner, at_stripe, self._now)
        if said.cancel and at_stripe.intent and _is_of_the_customer(suspect.charge_id, at_stripe.intent):
            if self._cancel(at_stripe.intent):
                examined.canceled += 1
            else:
                said = verdict(suspect.charge_id, charge, owner, self._at_stripe(intent_id), self._now)
        if said.follow_up and charge and intent_id:
            self._follow_up(charge, intent_id)
            examined.followed_up += 1
        examined.differ += said.differences
        self._keep(suspect.charge_id, intent_id, examined)
        return examined

    @property
    def _now(self) -> int:
        return Instant(self.clock()).seconds

    def _at_stripe(self, intent_id: str | None) -> AtStripe:
        if intent_id is None:
            return AtStripe(None)
        at = self._now
        try:
            intent = self.gateway.payment_intents.look(intent_id)
        except ResourceMissing:
            return AtStripe(None)
        if intent.status != "succeeded":
            return AtStripe(intent)
        refunds = self.gateway.refunds.of_intent(intent_id)
        disputes = self.gateway.disputes.of_intent(intent_id)
        sources = [intent.charge.stripe_charge] if intent.charge else []
        sources += [one.stripe_refund_id for one in refunds] + [one.dispute_id for one in disputes]
        booked = [one for source in sources for one in self.gateway.balance.of_source(source)]
        return AtStripe(intent, refunds, disputes, booked, at)

    def _keep_movements(self, charge: Charge, at_stripe: AtStripe) -> None:
        """Stripe may list what it booked under an earlier time than that at which it could be read."""
        keep_movements(
            movement(charge.charge_id, one, one.source) for one in at_stripe.booked if one.source is not None
        )

    def _record(self, charge: Charge, at_stripe: AtStripe) -> Charge:
        def says(known: Charge, _now: int) -> Sequence[ChargeFact]:
            return facts_told(known.charge_id, known.facts, at_stripe, SOURCE)

        return record(charge.charge_id, says, source=SOURCE, clock=self.clock, known=charge).charge

    def _cancel(self, intent: ListedIntent) -> bool:
        """False if Stripe refuses: it was confirmed meanwhile."""
        try:
            self.gateway.payment_intents.cancel(intent.payment_intent_id, reason="abandoned")
        except IntentNotCancelable:
            return False
        about = {"payment_intent_id": intent.payment_intent_id}
        logger.warning("an intent that no charge needs is cancelled", extra=about)
        return True

    def _follow_up(self, charge: Charge, intent_id: str) -> None:
        """Stripe never takes back that an intent succeeded or was cancelled, whatever is under way."""
        intent = self.gateway.payment_intents.retrieve(intent_id)

        def says(known: Charge, now: int) -> Sequence[ChargeFact]:
            return facts_of_intent(known.facts, intent, now, SOURCE, confirm_in_flight=True)

        record(charge.charge_id, says, source=SOURCE, clock=self.clock, known=charge)

    def _keep(self, charge_id: str, intent_id: str | None, examined: Examined) -> None:
        now = Instant(self.clock())
        named = differences_of(charge_id)
        dismissed = {one.difference for one in named if one.resolved_by}
        examined.differ = [one for one in examined.differ if one not in dismissed]
        for one in [*examined.recovered, *examined.differ]:
            examined.new += keep_difference(one, now)
            about = {"charge_id": charge_id, "kind": one.kind, "details": one.details}
            logger.error("a charge and Stripe's books differ", extra=about)
        standing = {one.kind for one in examined.differ}
        known = {one.difference for one in named if not one.resolved_at} | set(examined.recovered)
        for one in known:
            if one.payment_intent_id == intent_id and one.kind not in standing:
                examined.resolved += resolve(one, now) and one not in examined.recovered


def _is_of_the_customer(charge_id: str, intent: ListedIntent) -> bool:
    """Anybody with access to the Dashboard, and any program with the API key, can copy our metadata to a
    stranger's intent. That may be a checkout that somebody is about to pay."""
    mandate_id = mandate_id_of_charge(charge_id)
    mandate = read_heads([mandate_id]).get(mandate_id)
    return mandate is not None and intent.customer == mandate.stripe_customer_id
