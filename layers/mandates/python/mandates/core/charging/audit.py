"""Compares pages of Stripe's lists with the heads of our charges. Whatever does not agree is a suspect.

A list and a head are read at different times, so a suspect need not differ. It is read again on both sides,
and audit_verdict.py decides. So a refund that is made in this second is no difference.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mandates.core.charging.books import BalanceTransaction, ListedIntent, Source
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.disputes import disputes
from mandates.core.charging.facts import ChargeFacts, ChargeKind, success_of
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import CHARGE_ID
from mandates.core.charging.movements import Movement
from mandates.core.charging.refunds import Refund, RefundStatus, currency_taken, refunds, taken
from mandates.core.stripe_events.projection import METADATA_CHARGE, METADATA_OWNER_MARK

BOOKED_WITHIN = 2 * 86_400
"""Seconds after which a payment or a refund should be on the balance, and in our copy of it."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A charge that may differ from what Stripe says of this intent. Without one, its own intent is meant."""

    charge_id: str
    payment_intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a page of a list says. `ours` and `strangers` count its items."""

    movements: Sequence[Movement] = ()
    suspects: Sequence[Suspect] = ()
    ours: int = 0
    strangers: int = 0


def charge_behind(
    payment_intent_id: str | None, metadata: Mapping[str, str], recorded: Mapping[str, str], owner_mark: str
) -> str | None:
    """The charge that something at Stripe belongs to; None if it is a stranger's.

    `recorded` are the charges that have recorded these intents. Anybody with access to the Dashboard can edit
    metadata, so it counts only for an intent that no charge has recorded.
    """
    if payment_intent_id is not None and payment_intent_id in recorded:
        return recorded[payment_intent_id]
    named = metadata.get(METADATA_CHARGE, "")
    is_ours = metadata.get(METADATA_OWNER_MARK) == owner_mark and CHARGE_ID.fullmatch(named)
    return named if is_ours else None


# ---------------------------------------------------------------------------------- Stripe → here


@dataclass(slots=True)
class _Looking:
    movements: list[Movement] = field(default_factory=list)
    suspects: dict[Suspect, None] = field(default_factory=dict)
    ours: int = 0
    strangers: int = 0

    def looked(self) -> Looked:
        return Looked(self.movements, list(self.suspects), self.ours, self.strangers)


def look_at_transactions(
    page: Iterable[BalanceTransaction],
    recorded: Mapping[str, str],
    charges: Mapping[str, Charge],
    owner_mark: str,
    payout: str | None = None,
) -> Looked:
    """Movements on the balance, against the heads of the charges that they belong to. `payout` is the payout
    whose list this is."""
    looking = _Looking()
    for transaction in page:
        source = transaction.source
        owner = (
            charge_behind(source.payment_intent_id, source.metadata, recorded, owner_mark) if source else None
        )
        if source is None or owner is None:
            looking.strangers += 1
            continue
        looking.ours += 1
        looking.movements.append(movement(owner, transaction, source, payout))
        charge, intent = charges.get(owner), source.payment_intent_id
        if charge is None or intent != charge.payment_intent_id or not _agrees(transaction, source, charge):
            looking.suspects[Suspect(owner, intent)] = None
    return looking.looked()


def movement(
    charge_id: str, transaction: BalanceTransaction, source: Source, payout: str | None = None
) -> Movement:
    return Movement(
        charge_id=charge_id,
        transaction_id=transaction.transaction_id,
        type=transaction.type,
        source=source.source_id,
        amount=transaction.amount,
        fee=transaction.fee,
        net=transaction.net,
        currency=transaction.currency,
        created=transaction.created,
        available_on=transaction.available_on,
        exchange_rate=transaction.exchange_rate,
        payout=payout,
    )


def look_at_intents(
    page: Iterable[ListedIntent], recorded: Mapping[str, str], charges: Mapping[str, Charge], owner_mark: str
) -> Looked:
    """PaymentIntents, against the charges that have recorded them. One of ours that none has recorded is a
    suspect unless it is cancelled."""
    looking = _Looking()
    for intent in page:
        owner = charge_behind(intent.payment_intent_id, intent.metadata, recorded, owner_mark)
        if owner is None:
            looking.strangers += 1
            continue
        looking.ours += 1
        charge = charges.get(owner)
        is_its_own = charge is not None and charge.payment_intent_id == intent.payment_intent_id
        if charge is None or not is_its_own:
            agrees = intent.payment_intent_id not in recorded and intent.status == "canceled"
        else:
            agrees = intent_agrees(charge, intent)
        if not agrees:
            looking.suspects[Suspect(owner, intent.payment_intent_id)] = None
    return looking.looked()


def intent_agrees(charge: Charge, intent: ListedIntent) -> bool:
    """Whether the charge's own intent says what its facts say. While the charge is open, Stripe may be ahead
    of us only in what is not an end."""
    succeeded, canceled = intent.status == "succeeded", intent.status == "canceled"
    if succeeded != (charge.status is ChargeStatus.SUCCEEDED):
        return False
    if not succeeded:
        return canceled == charge.is_final and (intent.amount, intent.currency) == _asked(charge)
    listed = intent.charge
    return (intent.amount_received, intent.currency) == amount_taken(charge.facts) and (
        listed is None
        or (
            listed.stripe_charge == stripe_charge_of(charge.facts)
            and _refunded_agrees(charge, listed.amount_refunded)
        )
    )


def _asked(charge: Charge) -> tuple[int, str]:
    return charge.amount, charge.currency


def _agrees(transaction: BalanceTransaction, source: Source, charge: Charge) -> bool:
    if transaction.currency == source.currency and abs(transaction.amount) != source.amount:
        return False
    match source.kind:
        case "charge":
            return (
                charge.status is ChargeStatus.SUCCEEDED
                and source.status == "succeeded"
                and source.source_id == stripe_charge_of(charge.facts)
                and (source.amount, source.currency) == amount_taken(charge.facts)
                and _refunded_agrees(charge, source.amount_refunded)
            )
        case "refund":
            known = {refund.stripe_refund_id: refund for refund in refunds(charge.facts)}
            refund = known.get(source.source_id)
            return refund is not None and refund_agrees(refund, source.status, source.amount, source.currency)
        case "dispute":
            return any(
                (one.dispute_id, one.status) == (source.source_id, source.status)
                for one in disputes(charge.facts)
            )
    return True  # some fee about the payment: it has no other side here


def refund_agrees(refund: Refund, status: str, amount: int, currency: str) -> bool:
    """Whether our refund is what Stripe says of it. Stripe's words are those of its refund object:
    https://docs.stripe.com/api/refunds/object#refund_object-status"""
    there = _OF_STRIPE.get(status, RefundStatus.PENDING)
    return (refund.status, refund.amount, refund.currency) == (there, amount, currency)


_OF_STRIPE = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def _refunded_agrees(charge: Charge, amount_refunded: int) -> bool:
    least, most = refunded_between(charge.facts)
    return least <= amount_refunded <= most


def refunded_between(facts: ChargeFacts) -> tuple[int, int]:
    """What Stripe may say was given back: at least what succeeded, at most all that it has or may have.
    Stripe does not document whether `amount_refunded` of a charge counts those that are pending or failed:
    https://docs.stripe.com/api/charges/object#charge_object-amount_refunded"""
    all_of_it = refunds(facts)
    succeeded = sum(one.amount for one in all_of_it if one.status is RefundStatus.SUCCEEDED)
    others = [one for one in all_of_it if one.status is not RefundStatus.SUCCEEDED]
    return succeeded, succeeded + sum(one.amount for one in others if one.counts or one.stripe_refund_id)


def amount_taken(facts: ChargeFacts) -> tuple[int, str]:
    """In minor units, and the currency."""
    return taken(facts), currency_taken(facts)


def stripe_charge_of(facts: ChargeFacts) -> str | None:
    """Stripe's id of the charge that took the money, if it is known."""
    success = success_of(facts)
    return min(success.ids.get("charge", ()), default=None) if success else None


# ---------------------------------------------------------------------------------- here → Stripe


def differs_from_movements(charge: Charge, movements: Collection[Movement], now: int) -> bool:
    """Whether our copy of the balance lacks something that the charge should have moved by `now` (epoch
    seconds), has another amount, or has something although the charge took no money."""
    booked = {one.source for one in movements}
    if charge.status is not ChargeStatus.SUCCEEDED:
        return charge.is_final and bool(booked)
    lacks = any(source not in booked for source in _settled_by(charge.facts, now - BOOKED_WITHIN))
    return lacks or any(_is_of_other_amount(charge.facts, one) for one in movements)


def _is_of_other_amount(facts: ChargeFacts, movement: Movement) -> bool:
    """Whether the payment or a refund was booked with another amount. What was converted can't be compared,
    and the money of a refund that failed comes back."""
    if movement.source == stripe_charge_of(facts):
        amount, currency = amount_taken(facts)
        return movement.amount > 0 and movement.currency == currency and movement.amount != amount
    return any(
        movement.source == one.stripe_refund_id
        and movement.currency == one.currency
        and abs(movement.amount) != one.amount
        for one in refunds(facts)
    )


def _settled_by(facts: ChargeFacts, at: int) -> Iterator[str | None]:
    """Stripe's ids of the payment and the refunds that had succeeded by then."""
    success = success_of(facts)
    if success and success.at <= at:
        yield stripe_charge_of(facts)
    for refund in refunds(facts):
        if refund.status is RefundStatus.SUCCEEDED:
            told = facts[f"{ChargeKind.REFUND_SUCCEEDED}#{refund.refund_id}"]
            if told.at <= at:
                yield refund.stripe_refund_id
