"""Refunds of a charge: what may still be given back, and how each refund stands. Pure functions of its facts.

Stripe's rules for Amazon Pay: https://docs.stripe.com/payments/amazon-pay#refunds
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mandates.core.charging.disputes import currencies_lost, lost, open_disputes
from mandates.core.charging.facts import (
    OF_REFUNDS,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact,
    success_of,
)
from mandates.core.charging.ids import charge_id_of_refund, refund_id_of_stripe
from mandates.core.charging.waits import DAY, KEY_SECONDS, pause_since
from mandates.core.facts import merge

REFUND_SECONDS = 90 * DAY
"""How long after the payment Amazon Pay permits a refund."""

MOST_REFUNDS = 30
"""Of one charge, through our API: all of a charge's facts are in one item, which holds 400 KB. Further
refunds that Stripe reports are recorded all the same."""


class RefundStatus(StrEnum):
    PENDING = "pending"
    """Reserved here, or under way at Stripe and Amazon. It may take days."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The customer does not get the money, and the amount can be refunded again. A refund may fail after it
    succeeded."""


class RefundReason(StrEnum):
    """Why a refund is refused. Each word is part of the API. A refusal names all that apply, in this
    order."""

    NOT_SUCCEEDED = "not_succeeded"
    """The charge took no money."""
    TOO_LATE = "too_late"
    """The payment is more than 90 days old."""
    DISPUTED = "disputed"
    """The customer disputes the charge, and that is not decided."""
    NOTHING_LEFT = "nothing_left"
    """All of it was given back, is on its way, or was lost in a dispute."""
    MORE_THAN_LEFT = "more_than_left"
    """The amount is above what is left."""
    TOO_MANY_REFUNDS = "too_many_refunds"
    """The charge has had its 30 refunds."""


@dataclass(frozen=True, slots=True)
class StripeRefund:
    """A refund as Stripe has it. `amount` is in minor units of `currency`, `created` in epoch seconds.
    `refund_id` is ours, from its metadata. A text is empty if Stripe did not say."""

    stripe_refund_id: str
    payment_intent_id: str | None
    status: str
    amount: int
    currency: str
    created: int
    refund_id: str = ""
    reason: str = ""
    failure_reason: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """What the facts say of a refund. `amount` is in minor units of `currency`, `requested_at` in epoch
    seconds. `failure` is why it failed. `actor` asked for it, with a body that has the digest `request`; both
    are empty if somebody made it at Stripe."""

    refund_id: str
    status: RefundStatus
    amount: int
    currency: str
    reason: str
    failure: str
    actor: str
    request: str
    requested_at: int
    stripe_refund_id: str | None

    @property
    def counts(self) -> bool:
        return self.status is not RefundStatus.FAILED


def refunds(facts: ChargeFacts) -> list[Refund]:
    """Every refund of the charge, oldest first."""
    by_id: dict[str, dict[str, ChargeFact]] = {}
    for fact in facts.values():
        if fact.kind in OF_REFUNDS:
            by_id.setdefault(fact.qualifier, {})[fact.kind] = fact
    found = (_refund(refund_id, told) for refund_id, told in by_id.items())
    return sorted(found, key=lambda refund: (refund.requested_at, refund.refund_id))


def taken(facts: ChargeFacts) -> int:
    """What the charge took, in minor units; 0 if it did not succeed. A success names the amount only if it is
    not the charge's (reports.py)."""
    success = success_of(facts)
    if success is None:
        return 0
    other = success.detail.get("amount")
    return int(other or facts[ChargeKind.RESERVED].detail["amount"])


def currency_taken(facts: ChargeFacts) -> str:
    success = success_of(facts)
    other = success.detail.get("currency") if success else None
    return other or facts[ChargeKind.RESERVED].detail["currency"]


def refunded(facts: ChargeFacts) -> int:
    """What was given back or is on its way, in minor units."""
    return sum(refund.amount for refund in refunds(facts) if refund.counts)


def left_to_refund(facts: ChargeFacts) -> int:
    """In minor units. What the customer got back by a lost dispute can't be given back again. If Stripe says
    that in another currency, nobody can say how much is left: then it is nothing."""
    if currencies_lost(facts) - {currency_taken(facts)}:
        return 0
    return max(0, taken(facts) - refunded(facts) - lost(facts))


def refund_reasons(facts: ChargeFacts, amount: int | None, now: int) -> list[RefundReason]:
    """Why a refund of `amount` minor units (None: of all that is left) is refused at `now` (epoch seconds);
    empty if it is permitted."""
    found = set(_refund_reasons(facts, amount, now))
    return [reason for reason in RefundReason if reason in found]


def _refund_reasons(facts: ChargeFacts, amount: int | None, now: int) -> Iterator[RefundReason]:
    success = success_of(facts)
    if success is None:
        yield RefundReason.NOT_SUCCEEDED
        return
    if now >= success.at + REFUND_SECONDS:
        yield RefundReason.TOO_LATE
    if open_disputes(facts):
        yield RefundReason.DISPUTED
    left = left_to_refund(facts)
    if left == 0:
        yield RefundReason.NOTHING_LEFT
    elif amount is not None and amount > left:
        yield RefundReason.MORE_THAN_LEFT
    if sum(1 for refund in refunds(facts) if refund.request) >= MOST_REFUNDS:
        yield RefundReason.TOO_MANY_REFUNDS


# -------------------------------------------------------------------------------------------- from Stripe

_FAILED = frozenset({"failed", "canceled"})
"""Any other status than these and `succeeded` may still become either:
https://docs.stripe.com/api/refunds/object#refund_object-status"""


def facts_of_stripe_refund(
    known: ChargeFacts, charge_id: str, refund: StripeRefund, at: int, source: str
) -> tuple[ChargeFact, ...]:
    """The facts that Stripe's refund adds to those `known` of its charge; empty if they say so already. `at`
    (epoch seconds) is when Stripe said so."""
    about = our_refund_id(known, charge_id, refund)
    named = refund.stripe_refund_id
    created = charge_fact(
        ChargeKind.REFUND_CREATED,
        refund.created,
        source,
        about=about,
        refund=named,
        amount=str(refund.amount),
        currency=refund.currency,
        reason=refund.reason,
    )
    told = [created]
    if refund.status == "succeeded":
        told.append(charge_fact(ChargeKind.REFUND_SUCCEEDED, at, source, about=about, refund=named))
    if refund.status in _FAILED:
        why = refund.failure_reason or refund.status
        told.append(charge_fact(ChargeKind.REFUND_FAILED, at, source, about=about, refund=named, reason=why))
    return tuple(fact for fact in told if not _is_known(known, fact))


def facts_of_stripe_refunds(
    known: ChargeFacts, charge_id: str, listed: Iterable[StripeRefund], at: int, source: str
) -> tuple[ChargeFact, ...]:
    """Those of `facts_of_stripe_refund` for all of a list, in whatever order it comes."""
    told: tuple[ChargeFact, ...] = ()
    for refund in sorted(listed, key=lambda one: (one.created, one.stripe_refund_id)):
        told += facts_of_stripe_refund(merge(known, told), charge_id, refund, at, source)
    return told


def _is_known(known: ChargeFacts, fact: ChargeFact) -> bool:
    """A second report with another time adds nothing that anybody needs."""
    there = known.get(fact.key)
    return there is not None and fact.ids.get("refund", frozenset()) <= there.ids.get("refund", frozenset())


def our_refund_id(known: ChargeFacts, charge_id: str, refund: StripeRefund) -> str:
    """Our id of the refund. Stripe's own id says it, once we know that: anybody with access to the Dashboard
    can edit its metadata. So of two refunds with one id of ours, only the first is ours: each of them gave
    money back, and the failure of one is not the other's."""
    named = {one: fact.qualifier for fact in known.values() for one in _stripe_ids(fact)}
    if refund.stripe_refund_id in named:
        return named[refund.stripe_refund_id]
    try:
        if charge_id_of_refund(refund.refund_id) == charge_id and refund.refund_id not in named.values():
            return refund.refund_id
    except ValueError:
        pass
    return refund_id_of_stripe(charge_id, refund.stripe_refund_id)


def _stripe_ids(fact: ChargeFact) -> frozenset[str]:
    return fact.ids.get("refund", frozenset()) if fact.kind in OF_REFUNDS else frozenset()


def _failed(told: dict[str, ChargeFact]) -> ChargeFact | None:
    """The failure, if it counts. A refund that was given up, and that Stripe turns out to have, is as Stripe
    says."""
    failed = told.get(ChargeKind.REFUND_FAILED)
    was_given_up = failed is not None and not failed.ids.get("refund")
    return None if was_given_up and ChargeKind.REFUND_CREATED in told else failed


def _refund(refund_id: str, told: dict[str, ChargeFact]) -> Refund:
    requested, created = told.get(ChargeKind.REFUND_REQUESTED), told.get(ChargeKind.REFUND_CREATED)
    failed, succeeded = _failed(told), told.get(ChargeKind.REFUND_SUCCEEDED)
    asked = requested.detail if requested else {}
    said = created.detail if created else asked
    status = RefundStatus.SUCCEEDED if succeeded else RefundStatus.PENDING
    stripe_ids = {id_ for fact in told.values() for id_ in fact.ids.get("refund", ())}
    return Refund(
        refund_id=refund_id,
        status=RefundStatus.FAILED if failed else status,
        amount=int(said.get("amount", "0")),
        currency=said.get("currency", ""),
        reason=asked.get("reason") or said.get("reason", ""),
        failure=failed.detail.get("reason", "") if failed else "",
        actor=asked.get("actor", ""),
        request=asked.get("request", ""),
        requested_at=min(fact.at for fact in told.values()),
        stripe_refund_id=min(stripe_ids, default=None),
    )


# -------------------------------------------------------------------------------------------- next steps

GIVE_UP_SECONDS = KEY_SECONDS + 3600
"""How long after its request a refund that Stripe's list lacks has failed. The last hour leaves time for a
refund that another worker sent last: Stripe need not list it at once."""


def pending_refunds(facts: ChargeFacts) -> list[Refund]:
    """Those that Stripe has not decided, oldest first."""
    return [refund for refund in refunds(facts) if refund.status is RefundStatus.PENDING]


def is_unanswered(refund: Refund) -> bool:
    """Whether Stripe may lack it: it was requested here, and Stripe has not confirmed it."""
    return refund.status is RefundStatus.PENDING and refund.stripe_refund_id is None


def may_be_sent(refund: Refund, now: int) -> bool:
    """Whether its idempotency key is young enough at `now` (epoch seconds) to send it, if Stripe has not got
    it."""
    return now < refund.requested_at + KEY_SECONDS


def is_given_up(refund: Refund, now: int) -> bool:
    """Whether it has failed at `now` (epoch seconds), if Stripe has not got it: whatever was sent has arrived
    or never will."""
    return now >= refund.requested_at + GIVE_UP_SECONDS


def refunds_due_at(facts: ChargeFacts, now: int) -> int | None:
    """When somebody looks at the pending refunds again (epoch seconds); None if there is none. Pauses grow
    with the time since the last news, as those of charges do."""
    pending = {refund.refund_id for refund in pending_refunds(facts)}
    if not pending:
        return None
    newest = max(fact.at for fact in facts.values() if fact.qualifier in pending)
    return now + pause_since(newest, now)
