"""What differs between a charge and Stripe, once both were read again, and what the audit does about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mandates.core.charging.audit import (
    amount_taken,
    refund_agrees,
    refunded_between,
    stripe_charge_of,
)
from mandates.core.charging.books import CANCELABLE, BalanceTransaction, ListedIntent
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.differences import Difference, DifferenceKind
from mandates.core.charging.disputes import StripeDispute, disputes, facts_of_stripe_dispute
from mandates.core.charging.facts import ChargeFact, ChargeFacts, success_of
from mandates.core.charging.head import Charge
from mandates.core.charging.refunds import StripeRefund, facts_of_stripe_refunds, refunds

NOT_BOOKED_AFTER = 40 * 86_400
"""Seconds after which a payment must be on the balance at Stripe. Stripe gives no limit. Our own choice."""

RECOVERED_AFTER = 86_400
"""Seconds after which the webhook of a refund or a dispute counts as lost. Until then it may still come."""

LISTED_WITHIN = 3_600
"""Seconds after which Stripe's list must have a refund that Stripe has made. Until then the list may lag, or
the refund may be newer than the list."""


@dataclass(frozen=True, slots=True)
class AtStripe:
    """All that Stripe says of an intent, read at one time. `intent` is None if Stripe does not know it.
    `booked` are the movements of its charge. `at` (epoch seconds) is from before it was read: what Stripe
    tells later is newer."""

    intent: ListedIntent | None
    refunds: Sequence[StripeRefund] = ()
    disputes: Sequence[StripeDispute] = ()
    booked: Sequence[BalanceTransaction] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cancel`: nobody needs the intent, and it can take no money yet. `follow_up`: the charge is open here,
    and Stripe has decided it."""

    differences: tuple[Difference, ...] = ()
    cancel: bool = False
    follow_up: bool = False


def facts_told(
    charge_id: str, known: ChargeFacts, at_stripe: AtStripe, source: str
) -> tuple[ChargeFact, ...]:
    """What Stripe says of refunds and disputes and the charge does not know yet."""
    told = [*facts_of_stripe_refunds(known, charge_id, at_stripe.refunds, at_stripe.at, source)]
    for dispute in at_stripe.disputes:
        told += facts_of_stripe_dispute(known, dispute, None, at_stripe.at, source)
    return tuple(told)


def recovered(charge: Charge, at_stripe: AtStripe, now: int) -> tuple[Difference, ...]:
    """The refunds and disputes that the charge, as it was before, did not know, and should have."""
    refund_ids = {one.stripe_refund_id for one in refunds(charge.facts)}
    dispute_ids = {one.dispute_id for one in disputes(charge.facts)}
    since = now - RECOVERED_AFTER
    intent = charge.payment_intent_id
    unknown_refunds = [
        f"{one.stripe_refund_id} of {_money(one.amount, one.currency)}"
        for one in at_stripe.refunds
        if one.stripe_refund_id not in refund_ids and one.created <= since
    ]
    unknown_disputes = [
        f"{one.dispute_id} about {_money(one.amount, one.currency)}"
        for one in at_stripe.disputes
        if one.dispute_id not in dispute_ids and one.created <= since
    ]
    found = (
        (DifferenceKind.REFUND_MISSING_HERE, "refund", unknown_refunds),
        (DifferenceKind.DISPUTE_MISSING_HERE, "dispute", unknown_disputes),
    )
    return tuple(
        Difference(
            charge.charge_id, kind, f"only Stripe knew of the {word} {', '.join(ones)}: recorded", intent
        )
        for kind, word, ones in found
        if ones
    )


def verdict(
    charge_id: str, charge: Charge | None, recorded_by: str | None, at_stripe: AtStripe, now: int
) -> Verdict:
    """What to say of the charge and this intent. `recorded_by` is the charge that has recorded the intent;
    `charge` is None if there is no such charge."""
    intent = at_stripe.intent
    is_its_own = charge is not None and (
        intent is None or charge.payment_intent_id == intent.payment_intent_id
    )
    if intent is not None and recorded_by not in {None, charge_id} and is_its_own:
        words = f"{intent.payment_intent_id} was recorded by {recorded_by}, and this charge names it, too"
        return Verdict((Difference(charge_id, DifferenceKind.DOUBLED_HERE, words, intent.payment_intent_id),))
    if charge is None or not is_its_own:
        return _of_orphan(charge_id, charge, intent) if intent else Verdict()
    if intent is None:
        return Verdict(tuple(_unknown_at_stripe(charge)))
    return _of_its_own(charge, intent, at_stripe, now)


def _of_orphan(charge_id: str, charge: Charge | None, intent: ListedIntent) -> Verdict:
    """No charge has recorded the intent. Whatever it takes, or took, is no charge's."""
    if intent.status in CANCELABLE:
        is_being_made = charge is not None and not charge.is_final and charge.payment_intent_id is None
        return Verdict(cancel=not is_being_made)
    kept = intent.amount_received - (intent.charge.amount_refunded if intent.charge else 0)
    if intent.status == "canceled" or (intent.status == "succeeded" and kept <= 0):
        return Verdict()
    doubled = charge is not None and charge.status is ChargeStatus.SUCCEEDED
    kind = DifferenceKind.DOUBLED_AT_STRIPE if doubled else DifferenceKind.MISSING_HERE
    amount = _money(intent.amount_received or intent.amount, intent.currency)
    took = f"took {amount}" if intent.status == "succeeded" else f"may take {amount} (it is {intent.status})"
    here = "there is no such charge" if charge is None else f"the charge is {charge.status}"
    also = f" with {charge.payment_intent_id}" if charge and charge.payment_intent_id else ""
    words = f"{intent.payment_intent_id}, which no charge recorded, {took} for it; here {here}{also}"
    return Verdict((Difference(charge_id, kind, words, intent.payment_intent_id),))


def _unknown_at_stripe(charge: Charge) -> Iterator[Difference]:
    intent = charge.payment_intent_id
    if intent is None and charge.status is not ChargeStatus.SUCCEEDED:
        return
    words = f"Stripe does not know {intent}" if intent else "it names no PaymentIntent"
    what = f"here the charge is {charge.status}, and {words}"
    yield Difference(charge.charge_id, DifferenceKind.MISSING_AT_STRIPE, what, intent)


def _of_its_own(charge: Charge, intent: ListedIntent, at_stripe: AtStripe, now: int) -> Verdict:
    succeeded = intent.status == "succeeded"
    succeeded_here = charge.status is ChargeStatus.SUCCEEDED
    if not charge.is_final and (succeeded or intent.status == "canceled"):
        return Verdict(follow_up=True)
    if succeeded != succeeded_here:
        words = (
            f"at Stripe {intent.payment_intent_id} is {intent.status}, and here the charge is {charge.status}"
        )
        return Verdict((_difference(charge, DifferenceKind.STATUS, words),))
    if not succeeded:
        found = _compared(
            charge, (intent.amount, intent.currency), (charge.amount, charge.currency), "asks for"
        )
        return Verdict(tuple(found), cancel=charge.is_final and intent.status in CANCELABLE)
    return Verdict(tuple(_of_success(charge, intent, at_stripe, now)))


def _of_success(charge: Charge, intent: ListedIntent, at_stripe: AtStripe, now: int) -> Iterator[Difference]:
    took = amount_taken(charge.facts)
    yield from _once(
        [
            *_compared(charge, (intent.amount_received, intent.currency), took, "took"),
            *_booked_otherwise(charge, at_stripe, took),
        ]
    )
    known = stripe_charge_of(charge.facts)
    others = {intent.charge.stripe_charge} if intent.charge else set()
    others |= {one.source.source_id for one in at_stripe.booked if one.source and one.source.kind == "charge"}
    if known and others - {known}:
        words = f"Stripe booked {', '.join(sorted(others - {known}))}, and here the payment is {known}"
        yield _difference(charge, DifferenceKind.DOUBLED_AT_STRIPE, words)
    least, most = refunded_between(charge.facts)
    if intent.charge and not least <= intent.charge.amount_refunded <= most:
        here = _money(least, took[1]) if least == most else f"{least} to {_money(most, took[1])}"
        words = f"Stripe gave back {_money(intent.charge.amount_refunded, took[1])}, and here it is {here}"
        yield _difference(charge, DifferenceKind.REFUNDED, words)
    yield from _of_refunds(charge, at_stripe, now)
    success = success_of(charge.facts)
    if not at_stripe.booked and success and success.at <= now - NOT_BOOKED_AFTER:
        words = f"{intent.payment_intent_id} succeeded, and Stripe has not booked it"
        yield _difference(charge, DifferenceKind.NOT_BOOKED, words)


def _of_refunds(charge: Charge, at_stripe: AtStripe, now: int) -> Iterator[Difference]:
    there = {one.stripe_refund_id: one for one in at_stripe.refunds}
    missing, otherwise = [], []
    for refund in refunds(charge.facts):
        if refund.stripe_refund_id is None:
            continue  # Stripe was not asked yet, or never answered
        told = there.get(refund.stripe_refund_id)
        if told is None and refund.requested_at > now - LISTED_WITHIN:
            continue
        if told is None:
            missing.append(refund.stripe_refund_id)
        elif not refund_agrees(refund, told.status, told.amount, told.currency):
            at_stripe_it_is = f"{told.status} there with {_money(told.amount, told.currency)}"
            here_it_is = f"{refund.status} here with {_money(refund.amount, refund.currency)}"
            otherwise.append(f"{told.stripe_refund_id} is {at_stripe_it_is}, and {here_it_is}")
    if missing:
        words = f"Stripe does not know {', '.join(missing)}"
        yield _difference(charge, DifferenceKind.REFUND_MISSING_AT_STRIPE, words)
    if otherwise:
        yield _difference(charge, DifferenceKind.REFUND, "; ".join(otherwise))


def _compared(
    charge: Charge, there: tuple[int, str], here: tuple[int, str], does: str
) -> Iterator[Difference]:
    words = f"Stripe {does} {_money(*there)}, and here it is {_money(*here)}"
    if there[0] != here[0]:
        yield _difference(charge, DifferenceKind.AMOUNT, words)
    if there[1] != here[1]:
        yield _difference(charge, DifferenceKind.CURRENCY, words)


def _booked_otherwise(charge: Charge, at_stripe: AtStripe, took: tuple[int, str]) -> Iterator[Difference]:
    """The payment on the balance. If it was converted, only what was converted can be compared."""
    for one in at_stripe.booked:
        source = one.source
        if source is None or source.kind != "charge" or one.type not in _PAYMENTS:
            continue
        yield from _compared(charge, (source.amount, source.currency), took, "booked")
        if one.currency == source.currency and one.amount != source.amount:
            yield from _compared(charge, (one.amount, one.currency), took, "booked")


_PAYMENTS = frozenset({"charge", "payment"})
"""A fee or an adjustment about the payment is booked on its own:
https://docs.stripe.com/reports/balance-transaction-types"""


def _once(found: Sequence[Difference]) -> Iterator[Difference]:
    """The first of each kind."""
    yield from {one.kind: one for one in reversed(found)}.values()


def _difference(charge: Charge, kind: DifferenceKind, details: str) -> Difference:
    return Difference(charge.charge_id, kind, details, charge.payment_intent_id)


def _money(amount: int, currency: str) -> str:
    """In minor units, as everywhere."""
    return f"{amount} {currency}"
