"""Finds what contradicts itself among the refunds and disputes of a charge.

Each request is decided on once more, on the facts of the entries before its own: that is what its write was
conditional on. Stripe's reports come in any order and prove none of that.
"""

from collections.abc import Iterator, Sequence

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import FINAL, ChargeStatus, charge_status
from mandates.core.charging.facts import (
    OF_DISPUTES,
    OF_REFUNDS,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact_from_plain,
    success_of,
    whole_number,
)
from mandates.core.charging.ids import charge_id_of_refund
from mandates.core.charging.refunds import RefundReason, refund_reasons
from mandates.core.facts import all_ids, merge

_SAID = {
    RefundReason.NOT_SUCCEEDED: "it was requested before the charge had succeeded",
    RefundReason.TOO_LATE: "it was requested more than 90 days after the payment",
    RefundReason.DISPUTED: "it was requested while the charge was disputed",
    RefundReason.NOTHING_LEFT: "it was requested when nothing was left to refund",
    RefundReason.MORE_THAN_LEFT: "it was requested for more than was left",
    RefundReason.TOO_MANY_REFUNDS: "it was requested after the 30 refunds that a charge may have",
}


def refund_faults(charge_id: str, entries: Sequence[ChargeEntry]) -> list[str]:
    """As sentences. `entries` are the sound ones of the charge's chain, in order."""
    facts: ChargeFacts = {}
    found: list[str] = []
    for entry in entries:
        told = [charge_fact_from_plain(plain) for plain in entry.facts]
        for fact in told:
            if fact.kind == ChargeKind.REFUND_REQUESTED and fact.key not in facts:
                found += (f"refund {fact.qualifier}: {fault}" for fault in _of_the_request(facts, fact))
        facts = merge(facts, told)
    for refund_id, of_it in _by_qualifier(facts, OF_REFUNDS).items():
        found += (f"refund {refund_id}: {fault}" for fault in _of_the_refund(charge_id, of_it, facts))
    for dispute_id, of_it in _by_qualifier(facts, OF_DISPUTES).items():
        found += (f"dispute {dispute_id}: {fault}" for fault in _of_the_dispute(of_it, facts))
    return found


def _by_qualifier(facts: ChargeFacts, kinds: frozenset[ChargeKind]) -> dict[str, ChargeFacts]:
    about = sorted({fact.qualifier for fact in facts.values() if fact.kind in kinds})
    return {
        one: {fact.kind: fact for fact in facts.values() if fact.kind in kinds and fact.qualifier == one}
        for one in about
    }


def _of_the_request(known: ChargeFacts, request: ChargeFact) -> Iterator[str]:
    amount = whole_number(request.detail.get("amount"))
    if not amount:
        yield "it was requested without an amount"
    elif ChargeKind.RESERVED in known:
        yield from (_SAID[reason] for reason in refund_reasons(known, amount, request.at))


def _of_the_refund(charge_id: str, of_it: ChargeFacts, facts: ChargeFacts) -> Iterator[str]:
    if any(charge_id_of_refund(fact.qualifier) != charge_id for fact in of_it.values()):
        yield "it is a refund of another charge"
    requested, created = of_it.get(ChargeKind.REFUND_REQUESTED), of_it.get(ChargeKind.REFUND_CREATED)
    if requested and created and _money(requested) != _money(created):
        yield "Stripe made it of another amount or currency than was requested"
    if any(fact.detail.get("currency") != _currency(facts) for fact in (requested, created) if fact):
        yield "it is in another currency than the charge"
    if len(all_ids(of_it, "refund")) > 1:
        yield "Stripe has more than one under its id"
    if all_ids(of_it, "refund") and _took_nothing(facts):
        yield "Stripe has it, and the charge took no money"


def _of_the_dispute(of_it: ChargeFacts, facts: ChargeFacts) -> Iterator[str]:
    if _took_nothing(facts):
        yield "it was opened, and the charge took no money"
    named, success = all_ids(of_it, "charge"), success_of(facts)
    known = success.ids.get("charge", frozenset()) if success else frozenset()
    if named and known and not named & known:
        yield "it is about another of Stripe's charges"


def _took_nothing(facts: ChargeFacts) -> bool:
    """For good, as far as anybody knows."""
    status = charge_status(facts)
    return status in FINAL and status is not ChargeStatus.SUCCEEDED


def _money(fact: ChargeFact) -> tuple[str | None, str | None]:
    return fact.detail.get("amount"), fact.detail.get("currency")


def _currency(facts: ChargeFacts) -> str | None:
    reserved = facts.get(ChargeKind.RESERVED)
    return reserved.detail.get("currency") if reserved else None
