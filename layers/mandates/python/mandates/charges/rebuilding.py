"""Rebuilds charges from what Stripe has of them, after the tables were restored to an earlier time.

No call here takes money: intents are listed, read and cancelled. A charge that is no longer here is
recorded again under its old id, so that a repeat of the request that made it finds it. It is not tried again:
nothing shows what permitted it. After a crash, run it again: it continues from what is recorded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import msgspec

from mandates.charges.reserving import CHARGE_BY_SECONDS, permission_under
from mandates.charges.standing import Situation, situation_of
from mandates.charges.surprises import Surprise, surprises
from mandates.core.charging.books import ListedIntent
from mandates.core.charging.calendar import calendar_period, day_of
from mandates.core.charging.change import ChargeChange, charge_change
from mandates.core.charging.decision import ChargeRequest, ChargeRules
from mandates.core.charging.disputes import StripeDispute, facts_of_stripe_dispute
from mandates.core.charging.facts import REBUILT, ChargeFact, ChargeFacts
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.rebuilt import (
    Choice,
    CountsIn,
    choose,
    facts_of_listed,
    facts_of_lost,
    reservation,
)
from mandates.core.charging.refunds import StripeRefund, facts_of_stripe_refund
from mandates.core.clock import Clock, Instant, RandomBytes
from mandates.core.errors import LedgerUnreadable, NotFound
from mandates.core.ledger import keep_beside
from mandates.core.stripe_events.projection import METADATA_REFERENCE
from mandates.core.terms import Terms
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import ResourceMissing
from mandates.gateway.payment_intents import IntentNotCancelable
from mandates.store.charges import commit_charge, read_charge, read_charge_ledger
from mandates.store.conflicts import until_no_conflict
from mandates.store.mandates import read_heads


class Done(StrEnum):
    REBUILT = "rebuilt"
    """The charge was not here."""
    COMPLETED = "completed"
    """It was here, and lacked something."""
    UNCHANGED = "unchanged"
    NO_MANDATE = "no mandate"
    """Its mandate is not here, so nothing is recorded."""


class Rebuilt(msgspec.Struct, frozen=True):
    """`status` is the charge's, or its intent's if there is no mandate. `canceled` are the ids of unused
    intents that are cancelled. `for_people` are sentences about what somebody has to look at."""

    charge_id: str
    done: Done
    intent: ListedIntent
    status: str
    canceled: tuple[str, ...] = ()
    for_people: tuple[str, ...] = ()


type Telling = Callable[[ChargeFacts], Sequence[ChargeFact]]
"""The facts that something adds to those known."""


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """`actor` runs it. With `dry_run` nothing is written or cancelled."""

    gateway: Gateway
    clock: Clock
    random_bytes: RandomBytes
    actor: str
    dry_run: bool = False

    def rebuild(self, charge_id: str, listed: Sequence[ListedIntent]) -> Rebuilt:
        """Make the charge whole. `listed` are intents whose metadata names it: one at least.

        Charging must be paused. An intent of a customer other than the mandate's is left alone: somebody has
        edited its metadata. Raises StripeUnavailable, StripeRefused, IntentNotCancelable, LedgerUnreadable or
        Busy. It can be repeated: nothing that was done then has to be undone.
        """
        strange = _of_other_customers(mandate_id_of_charge(charge_id), listed)
        if strange:
            return self._without(strange, charge_id, listed)
        charge = read_charge(charge_id)
        if charge is None and read_charge_ledger(charge_id):
            raise LedgerUnreadable("its entries are here, and its head is not: the table was altered")
        recorded = charge.payment_intent_id if charge else None
        choice = choose(self._with_recorded(listed, recorded), recorded)
        try:
            _situation(charge_id, choice.own)
        except NotFound:
            return Rebuilt(charge_id, Done.NO_MANDATE, choice.own, choice.own.status)
        canceled = tuple(self._cancel(one) for one in choice.unused)
        own = choice.own if charge else self._over(choice.own)
        change = until_no_conflict(lambda: self._record(charge_id, own))
        known = change.after if change else charge
        if known is None:
            raise AssertionError("a charge that is not here is always changed")
        returned = self._record_returned(known, own)
        word = Done.REBUILT if change and change.is_new else Done.COMPLETED
        return Rebuilt(
            charge_id,
            word if change or returned else Done.UNCHANGED,
            own,
            str(known.status),
            canceled,
            (
                *_for_people(choice, recorded),
                *(_SURPRISES[one] for one in (surprises(change) if change else ())),
            ),
        )

    def _without(
        self, strange: Sequence[ListedIntent], charge_id: str, listed: Sequence[ListedIntent]
    ) -> Rebuilt:
        sentences = tuple(
            f"{one.payment_intent_id} is of another customer than the mandate, and is left as it is"
            for one in strange
        )
        others = [one for one in listed if one not in strange]
        if not others:
            first = strange[0]
            return Rebuilt(charge_id, Done.UNCHANGED, first, first.status, for_people=sentences)
        found = self.rebuild(charge_id, others)
        return replace(found, for_people=(*found.for_people, *sentences))

    def _with_recorded(self, listed: Sequence[ListedIntent], recorded: str | None) -> Sequence[ListedIntent]:
        """The charge's own intent may be older than the list."""
        if recorded is None or any(one.payment_intent_id == recorded for one in listed):
            return listed
        try:
            return [*listed, self.gateway.payment_intents.look(recorded)]
        except ResourceMissing:
            return listed

    def _cancel(self, intent: ListedIntent) -> str:
        if not self.dry_run:
            self.gateway.payment_intents.cancel(intent.payment_intent_id, reason="duplicate")
        return intent.payment_intent_id

    def _over(self, intent: ListedIntent) -> ListedIntent:
        """The intent of a lost charge, cancelled if it can be: nobody will confirm it any more."""
        if self.dry_run or intent.status in {"succeeded", "canceled"}:
            return intent
        intents = self.gateway.payment_intents
        with suppress(IntentNotCancelable):
            intents.cancel(intent.payment_intent_id, reason="abandoned")
        return intents.look(intent.payment_intent_id)

    # ------------------------------------------------------------------------------------ one write

    def _record(self, charge_id: str, own: ListedIntent) -> ChargeChange | None:
        now = Instant(self.clock())
        situation = _situation(charge_id, own)
        charge = situation.charge
        if charge is None:
            return self._record_lost(charge_id, own, situation, now)
        told = facts_of_listed(charge.facts, own, _counting(situation.terms), now.seconds)
        change = charge_change(charge, told, source=REBUILT, now=now)
        if change and not self.dry_run:
            commit_charge(change, now)
        return change

    def _record_lost(
        self, charge_id: str, own: ListedIntent, situation: Situation, now: Instant
    ) -> ChargeChange | None:
        decision = situation.decide(ChargeRequest(own.amount, own.currency))
        reserved = reservation(own, decision, self.actor, own.created + CHARGE_BY_SECONDS)
        told = facts_of_lost(reserved, own, _counting(situation.terms), now.seconds)
        written = {"description": own.description, "reference": own.metadata.get(METADATA_REFERENCE, "")}
        empty = Charge(
            charge_id=charge_id,
            number=situation.register.count + 1,
            created_at=now.text,
            personal=keep_beside({name: text for name, text in written.items() if text}, self.random_bytes),
            digest=None,  # nobody knows the request any more, so any body is taken for it
            create_params={},
        )
        change = charge_change(
            empty,
            told,
            source=REBUILT,
            now=now,
            permission=permission_under(situation, decision),
        )
        if change and not self.dry_run:
            commit_charge(change, now, anchor=situation.anchor_to_freeze(decision))
        return change

    # -------------------------------------------------------------------------- refunds and disputes

    def _record_returned(self, charge: Charge, own: ListedIntent) -> bool:
        """Record what was refunded or disputed, each in a write of its own: an entry makes one outward event.
        Returns whether anything was new."""
        if own.status != "succeeded":
            return False
        changes = [self._add(charge, told) for told in self._returned(charge.charge_id, own)]
        return any(changes)

    def _returned(self, charge_id: str, own: ListedIntent) -> Iterator[Telling]:
        at = Instant(self.clock()).seconds
        for refund in reversed(self.gateway.refunds.of_intent(own.payment_intent_id)):
            yield partial(_told_of_refund, charge_id, refund, at)
        if own.charge and own.charge.disputed:
            for dispute in self.gateway.disputes.of_intent(own.payment_intent_id):
                yield partial(_told_of_dispute, dispute, at)

    def _add(self, charge: Charge, told: Telling) -> bool:
        def attempt() -> bool:
            now = Instant(self.clock())
            known = charge if self.dry_run else read_charge(charge.charge_id) or charge
            change = charge_change(known, told(known.facts), source=REBUILT, now=now)
            if change and not self.dry_run:
                commit_charge(change, now)
            return change is not None

        return until_no_conflict(attempt)


def _told_of_refund(
    charge_id: str, refund: StripeRefund, at: int, known: ChargeFacts
) -> Sequence[ChargeFact]:
    return facts_of_stripe_refund(known, charge_id, refund, at, REBUILT)


def _told_of_dispute(dispute: StripeDispute, at: int, known: ChargeFacts) -> Sequence[ChargeFact]:
    return facts_of_stripe_dispute(known, dispute, None, at, REBUILT)


def _of_other_customers(mandate_id: str, listed: Sequence[ListedIntent]) -> list[ListedIntent]:
    """None of them, if the mandate is not here."""
    mandate = read_heads([mandate_id]).get(mandate_id)
    if mandate is None:
        return []
    return [one for one in listed if one.customer not in {None, mandate.stripe_customer_id}]


def _situation(charge_id: str, own: ListedIntent) -> Situation:
    """As of when Stripe made the intent. Raises NotFound if the mandate is not here."""
    mandate_id = mandate_id_of_charge(charge_id)
    return situation_of(mandate_id, own.created, charge_id=charge_id, rules=ChargeRules())


def _counting(terms: Terms) -> Callable[[int], CountsIn]:
    limit, zone = terms.limits.per_period, terms.zone

    def counts_in(at: int) -> CountsIn:
        period = calendar_period(limit.period, at, zone).key if limit else ""
        return CountsIn(period, day_of(at, zone).isoformat())

    return counts_in


_SURPRISES: Mapping[Surprise, str] = {
    Surprise.LATE: "the money was taken after the charge was given up",
    Surprise.OTHER_AMOUNT: "another amount was taken than was reserved",
    Surprise.AFTER_WITHDRAWAL: "the money was taken after the mandate was withdrawn",
}


def _for_people(choice: Choice, recorded: str | None) -> tuple[str, ...]:
    return tuple(_sentences(choice, recorded))


def _sentences(choice: Choice, recorded: str | None) -> Iterator[str]:
    own = choice.own
    undecided = [one for one in choice.also if one.status != "succeeded"]
    if own.status == "processing" and recorded not in {None, own.payment_intent_id}:
        undecided.append(own)
    for one in choice.also:
        if one.status == "succeeded":
            taken = f"{one.amount_received} {one.currency}"
            yield f"{one.payment_intent_id} took {taken} too: refund one of the two at Stripe"
    for one in undecided:
        yield f"{one.payment_intent_id} is processing: run this again once Stripe has decided"
