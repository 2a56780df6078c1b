"""Explains what became of a charge, and why, from its chain."""

from collections.abc import Iterator, Mapping, Sequence

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    ChargeFact,
    ChargeKind,
    EndReason,
    charge_fact_from_plain,
    failure_class,
    newest_attempt,
    of_attempt,
    succeeded_attempt,
)
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import CHARGE_ID
from mandates.core.clock import rfc3339
from mandates.core.ledger import first_broken
from mandates.store.charges import read_charge, read_charge_ledger
from mandates.store.charging_switch import ChargingPause, read_pause
from ops.charge_words import money, paused_line

Lines = Iterator[str]

CHARGE_MEANS: Mapping[ChargeKind, str] = {
    ChargeKind.RESERVED: "it was permitted, and its room is reserved",
    ChargeKind.INTENT_CREATED: "Stripe has a PaymentIntent for it, which can't take money yet",
    ChargeKind.ATTEMPT_BEGUN: "Stripe may be told to take the money",
    ChargeKind.ATTEMPT_PROCESSING: "Stripe has not decided",
    ChargeKind.ATTEMPT_NEEDS_ACTION: "the customer has to do something",
    ChargeKind.ATTEMPT_FAILED: "Stripe refused",
    ChargeKind.ATTEMPT_EXAMINED: "we read the object at Stripe that it failed at",
    ChargeKind.ATTEMPT_SUCCEEDED: "the money was taken",
    ChargeKind.ENDING: "we decided to end it",
    ChargeKind.INTENT_CANCELED: "Stripe can't take money for it any more",
    ChargeKind.REFUND_REQUESTED: "its amount is held back, and Stripe may be told to give it back",
    ChargeKind.REFUND_CREATED: "Stripe has it",
    ChargeKind.REFUND_SUCCEEDED: "Stripe gave the money back",
    ChargeKind.REFUND_FAILED: "the customer did not get the money",
    ChargeKind.DISPUTE_OPENED: "the customer disputes the payment",
    ChargeKind.DISPUTE_CHANGED: "Stripe says how the dispute stands",
    ChargeKind.DISPUTE_CLOSED: "the dispute is decided",
}

CLASS_MEANS: Mapping[ErrorClass, str] = {
    ErrorClass.SOFT: "it may succeed later, so it is tried again",
    ErrorClass.CUSTOMER: "only the customer can help",
    ErrorClass.FINAL: "it can't succeed, so it is cancelled",
    ErrorClass.MANDATE: "Stripe's Mandate is read: only if it is inactive, ours is withdrawn",
    ErrorClass.STATE: "the payment method and the PaymentIntent are read",
    ErrorClass.OURS_TO_MEND: "the request, the key or the account is wrong: an operator has to fix it",
}

END_MEANS: Mapping[EndReason, str] = {
    EndReason.DECLINED: "Stripe says that it can't succeed, or declined its last retry",
    EndReason.NOT_PERMITTED: "another attempt would not be permitted before charge_by",
    EndReason.OVERDUE: "charge_by has passed",
    EndReason.WITHDRAWN: "the mandate was withdrawn",
    EndReason.CANCELED: "somebody cancelled it",
}


def story_of(charge_id: str) -> list[str]:
    """The story in lines; none if there is no such charge."""
    found = _of_one_moment(charge_id) if CHARGE_ID.fullmatch(charge_id) else None
    return list(charge_story(*found, read_pause())) if found else []


def _of_one_moment(charge_id: str) -> tuple[Charge, list[ChargeEntry]] | None:
    """The charge and its chain, read again if an entry was added meanwhile: it would look altered."""
    charge = read_charge(charge_id)
    while charge:
        chain, after = read_charge_ledger(charge_id), read_charge(charge_id)
        if after and after.entries == charge.entries:
            return charge, chain
        charge = after
    return None


def charge_story(charge: Charge, chain: Sequence[ChargeEntry], paused: ChargingPause | None) -> Lines:
    yield f"{charge.charge_id} is {charge.status}"
    yield f"  what    {money(charge)} of mandate {charge.mandate_id}, reference {charge.reference}"
    yield f"  asked   at {charge.created_at} by client {charge.actor}, until {rfc3339(charge.charge_by)}"
    said = charge.facts[ChargeKind.RESERVED].detail
    if "notice" in said:
        yield f"  notice  {said['notice']}, for {said['notice_day']}"
    yield f"  Stripe  {charge.payment_intent_id or 'has no PaymentIntent for it that we know of'}"
    for line in charge_reasons(charge):
        yield f"  why     {line}"
    if charge.due_at is not None:
        yield f"  next    its next step is due at {rfc3339(charge.due_at)}"
        if paused:
            yield f"  next    {paused_line(paused)}"
    yield f"  chain   {len(chain)} entries{_broken(charge, chain)}"
    for entry in chain:
        yield f"    {_entry(entry)}"


def charge_reasons(charge: Charge) -> Lines:
    """Why its status is what it is."""
    facts, newest = charge.facts, newest_attempt(charge.facts)
    ending, failed = facts.get(ChargeKind.ENDING), failure_class(facts, newest)
    match charge.status:
        case ChargeStatus.SUCCEEDED:
            number = succeeded_attempt(facts) or 0
            taken = of_attempt(facts, ChargeKind.ATTEMPT_SUCCEEDED, number)
            yield f"attempt {number} took the money" + (f" at {rfc3339(taken.at)}" if taken else "")
        case ChargeStatus.FAILED | ChargeStatus.CANCELED:
            yield _ended(ending)
        case _ if ending:
            yield f"{_ended(ending)}; Stripe has not cancelled its PaymentIntent yet"
        case ChargeStatus.PENDING if newest == 0:
            yield "no attempt has begun yet"
        case ChargeStatus.PENDING:
            yield f"attempt {newest} has begun, and its outcome is not known yet"
        case ChargeStatus.PROCESSING if not failed:
            yield f"Stripe has not decided attempt {newest}"
        case ChargeStatus.NEEDS_CUSTOMER if not failed:
            yield f"attempt {newest} waits for the customer"
    refused = of_attempt(facts, ChargeKind.ATTEMPT_FAILED, newest)
    if failed and refused:
        yield f"attempt {newest} failed ({failed}: {CLASS_MEANS[failed]}){_said(refused)}"


def _ended(ending: ChargeFact | None) -> str:
    reason = ending.detail["reason"] if ending else EndReason.CANCELED
    return f"it ends as {reason}: {END_MEANS[EndReason(reason)]}"


def _said(fact: ChargeFact) -> str:
    detail = ", ".join(f"{name} {value}" for name, value in sorted(fact.detail.items()))
    return f": {detail}" if detail else ""


def _broken(charge: Charge, chain: Sequence[ChargeEntry]) -> str:
    broken = first_broken(chain, length=charge.entries, head_hash=charge.head_hash)
    return "" if broken is None else f"; IT WAS ALTERED: entry {broken} does not follow from those before it"


def _entry(entry: ChargeEntry) -> str:
    facts = [charge_fact_from_plain(dict(fact)) for fact in entry.facts]
    told = "; ".join(f"{_kind(fact)}{_said(fact)}" for fact in facts)
    return f"{entry.number:>3}  {entry.recorded_at}  {entry.status:<14} {told}  from {entry.source}"


def _kind(fact: ChargeFact) -> str:
    """The kind, with the attempt's number and words for those of this release."""
    number = f" {fact.qualifier}" if fact.qualifier else ""
    meaning = CHARGE_MEANS.get(ChargeKind(fact.kind)) if fact.kind in set(ChargeKind) else None
    return f"{fact.kind}{number}" + (f" ({meaning})" if meaning else "")
