"""Finds what is stored about charges and follows neither from their chains, nor from the mandate's ledger and
its terms.

The sentences are logged, and they stand in signed packs: see core/faults.py. They name places and never a
personal value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from mandates.core.canonical import digest
from mandates.core.charging.calendar import (
    ONCE,
    calendar_period,
    day_of,
    end_of_day,
    start_of_day,
    window,
)
from mandates.core.charging.charge import FINAL, charge_status
from mandates.core.charging.cover import cover, cover_of_day, needs_notice
from mandates.core.charging.facts import (
    REBUILT,
    ChargeFact,
    ChargeFacts,
    ChargeKind,
    charge_fact_from_plain,
    newest_attempt,
    whole_number,
)
from mandates.core.charging.head import Charge, ChargeDetails
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.notice import Notice
from mandates.core.charging.proof import ProvenCharge, StoredCharge, proven_charge
from mandates.core.charging.refund_faults import refund_faults
from mandates.core.charging.refunds import pending_refunds
from mandates.core.charging.register_slice import Registered, RegisterSlice, link_of, place_of
from mandates.core.charging.waits import MOST_CHARGE_BY_SECONDS
from mandates.core.facts import Kind, merge
from mandates.core.ledger import GENESIS, Entry, PersonalValue
from mandates.core.mandate import Status
from mandates.core.record import Proven
from mandates.core.terms import FrequencyKind, Terms


def slice_faults(part: RegisterSlice, mandate: Proven) -> list[str]:
    """Every fault of these charges and notices, and of their places in the register."""
    return [
        *_of_the_register(part),
        *(fault for charge in part.charges for fault in charge_faults(charge, mandate)),
        *(fault for notice in part.notices for fault in notice_faults(notice, erased=mandate.erased)),
    ]


def _of_the_register(part: RegisterSlice) -> Iterator[str]:
    register = part.register
    if part.highest > register.count:
        yield f"register: it has {register.count} charges and notices, and there is a number {part.highest}"
    if (part.last_link if register.count else GENESIS) != register.hash:
        yield "register: its hash is not that of its last charge or notice"
    yield from chain_faults(part.first, part.positions)


def chain_faults(first: int, positions: Sequence[Registered]) -> Iterator[str]:
    """Where these are not one chain. What comes before the first of them is known only for number 1."""
    before = GENESIS if first == 1 else None
    for number, position in enumerate(positions, start=first):
        place = place_of(position)
        if position is None:
            yield f"register: number {number} is missing"
        elif place is None or place[0] != number:
            yield f"register: what is found as number {number} does not say so"
        elif before is not None and place[1] != before:
            yield f"register: the chain is broken between number {number} and the one before it"
        before = link_of(position)


# ------------------------------------------------------------------------------------------- one charge


def charge_faults(stored: StoredCharge, mandate: Proven) -> list[str]:
    """Every fault of one charge, as sentences. `mandate` is what the mandate's ledger proves."""
    known = proven_charge(stored)
    found = [
        *_of_the_chain(stored, mandate),
        *_of_statuses(known),
        *_of_personal_values(known.personal, stored.personal, _commitments(known), erased=mandate.erased),
        *_of_the_permission(known, mandate),
        *_of_the_terms(known, mandate),
        *_of_what_was_taken(known),
        *refund_faults(stored.charge_id, known.entries),
        *_of_the_notice(known, stored.notice, mandate),
        *(_of_the_head(stored.head, known, mandate) if stored.head and not stored.first_broken else ()),
    ]
    return [f"{stored.charge_id}: {fault}" for fault in found]


def _of_the_chain(stored: StoredCharge, mandate: Proven) -> Iterator[str]:
    if stored.first_broken is not None:
        yield f"entry {stored.first_broken} is the first that was altered, removed or put in"
    if any(entry.charge_id != stored.charge_id for entry in stored.sound):
        yield "its chain has entries of another charge"
    if mandate.head and mandate_id_of_charge(stored.charge_id) != mandate.head.mandate_id:
        yield "it is a charge of another mandate"


def _of_statuses(known: ProvenCharge) -> Iterator[str]:
    """How a failed attempt is called may differ between releases; what is final may not."""
    facts: ChargeFacts = {}
    for entry in known.entries:
        facts = merge(facts, [charge_fact_from_plain(plain) for plain in entry.facts])
        follows = charge_status(facts)
        if follows != entry.status and (follows in FINAL or entry.status in FINAL):
            yield f"entry {entry.number}: its status does not follow from the facts up to it"


def _commitments(known: ProvenCharge) -> Mapping[str, str]:
    return known.entries[0].commitments if known.entries else {}


def _of_personal_values(
    fitting: Mapping[str, PersonalValue],
    kept: Mapping[str, PersonalValue],
    commitments: Mapping[str, str],
    *,
    erased: bool,
) -> Iterator[str]:
    for name in sorted(kept.keys() - fitting.keys()):
        yield f"personal_values: {name} is not what was committed to"
    gone = sorted(commitments.keys() - kept.keys())
    if gone and (kept or not erased):
        yield f"personal_values: gone without an erasure: {', '.join(gone)}"


# -------------------------------------------------------------------------------------------- permission


def _of_the_permission(known: ProvenCharge, mandate: Proven) -> Iterator[str]:
    if not known.entries:
        return
    permission = known.permission
    if permission is None or known.reserved is None:
        yield "entry 1: it is not a reservation under a permission"
        return
    if any(entry.permission is not None or entry.commitments for entry in known.entries[1:]):
        yield "only the first entry may have a permission and commitments"
    if known.facts[ChargeKind.RESERVED] != known.reserved:
        yield "what was reserved is not what the first entry says"
    if known.rebuilt:
        yield "permission: the charge was rebuilt from what Stripe has of it; nothing shows what permitted it"
        return
    given = _given(permission.mandate_entries, mandate)
    if given is None or given.hash != permission.mandate_hash:
        yield "permission: the mandate's ledger has no such entry"
    elif given.status != Status.ACTIVE:
        yield f"permission: the mandate was not active at its entry {given.number}"


def _given(number: Any, mandate: Proven) -> Entry | None:
    is_there = isinstance(number, int) and 1 <= number <= len(mandate.entries)
    return mandate.entries[number - 1] if is_there else None


def activation_days(up_to: int, mandate: Proven, terms: Terms) -> set[str]:
    """The local days on which the set-up succeeded, by any report in the ledger up to that entry. The first
    reservation freezes one of them; the set-up's own time may still become earlier."""
    return {
        day_of(fact["at"], terms.zone).isoformat()
        for entry in mandate.entries[:up_to]
        for fact in entry.facts
        if fact["kind"] == Kind.SETUP_SUCCEEDED
    }


# ------------------------------------------------------------------------------------------------- terms


def _of_the_terms(known: ProvenCharge, mandate: Proven) -> Iterator[str]:
    """Whether the terms allow what was reserved and begun. What other charges had used is not known here."""
    terms, reserved, permission = mandate.terms, known.reserved, known.permission
    if terms is None or reserved is None or permission is None:
        return
    yield from _of_the_amount(reserved, terms)
    anchor, days = permission.anchor, activation_days(permission.mandate_entries, mandate, terms)
    if (terms.frequency.interval is not None and anchor is None) or anchor not in {None, *days}:
        yield "permission: its anchor is not a day on which the set-up succeeded"
    elif reserved.detail.get("window") != _window_key(terms, anchor, reserved.at):
        yield "reserved: its window is not the one of its time"
    charge_by = whole_number(reserved.detail.get("charge_by")) or 0
    if not reserved.at < charge_by <= reserved.at + MOST_CHARGE_BY_SECONDS:
        yield "reserved: its charge_by is not within 30 days"
    begun = sorted(_of_kind(known.facts, ChargeKind.ATTEMPT_BEGUN), key=lambda fact: fact.at)
    for fact in (reserved, *begun):
        yield from (f"{_name(fact)}: {fault}" for fault in _of_the_time(fact, terms))
    for fact in begun:
        if fact.at >= charge_by:
            yield f"{_name(fact)}: it was begun after charge_by"
        if fact.detail.get("day") != day_of(fact.at, terms.zone).isoformat():
            yield f"{_name(fact)}: its day is not the one of its time"


def _of_the_amount(reserved: ChargeFact, terms: Terms) -> Iterator[str]:
    amount = whole_number(reserved.detail.get("amount"))
    if reserved.detail.get("currency") != terms.limits.currency:
        yield "terms: they are in another currency"
    elif amount is None or amount > terms.limits.per_charge or terms.amount not in {None, amount}:
        yield "terms: they don't allow that amount"


def _of_the_time(fact: ChargeFact, terms: Terms) -> Iterator[str]:
    limits, zone = terms.limits, terms.zone
    if limits.first_date and fact.at < start_of_day(date.fromisoformat(limits.first_date), zone):
        yield "it is before the first agreed day"
    end = end_of_day(date.fromisoformat(limits.last_date), zone) if limits.last_date else None
    if end is not None and fact.at >= end:
        yield "it is after the last agreed day"
    limit = limits.per_period
    if fact.detail.get("period") != (calendar_period(limit.period, fact.at, zone).key if limit else None):
        yield "its period is not the one of its time"


def _of_what_was_taken(known: ProvenCharge) -> Iterator[str]:
    """A success names an amount only if it is another one (reports.py)."""
    for fact in _of_kind(known.facts, ChargeKind.ATTEMPT_SUCCEEDED):
        if "amount" in fact.detail:
            yield f"{_name(fact)}: it took another amount or currency than was reserved"


def _window_key(terms: Terms, anchor: str | None, at: int) -> str | None:
    """A one-time consent has one window, whatever its anchor."""
    if terms.frequency.kind is FrequencyKind.ONE_TIME:
        return ONCE
    found = window(terms.frequency, date.fromisoformat(anchor), at, terms.zone) if anchor else None
    return found.key if found else None


def _of_kind(facts: ChargeFacts, kind: ChargeKind) -> list[ChargeFact]:
    return [fact for fact in facts.values() if fact.kind == kind]


def _name(fact: ChargeFact) -> str:
    return f"attempt {fact.qualifier}" if fact.qualifier else "reserved"


# ------------------------------------------------------------------------------------------------ notice


def _of_the_notice(known: ProvenCharge, notice: Notice | None, mandate: Proven) -> Iterator[str]:
    terms, permission, reserved = mandate.terms, known.permission, known.reserved
    if permission is None or reserved is None or terms is None:
        return
    used = permission.notice
    if used is None:
        if needs_notice(terms):
            yield "notice: the terms promise one, and its permission names none"
        return
    if notice is None:
        yield "notice: the one that its permission names is not stored"
        return
    if (notice.notice_id, notice.hash) != (used.notice_id, used.hash) or digest(
        notice.content()
    ) != used.hash:
        yield "notice: what is stored is not the one that its permission names"
        return
    if (str(notice.amount), notice.currency) != (reserved.detail["amount"], reserved.detail["currency"]):
        yield "notice: it is of another amount"
    if notice.number >= permission.number:
        yield "notice: it was recorded after the charge"
    if reserved.at not in cover(notice.day, notice.known_from, terms):
        yield "notice: it does not cover the time of the reservation"
    first = known.facts.get(f"{ChargeKind.ATTEMPT_BEGUN}#1")
    if first and first.at not in cover_of_day(notice.day, terms):
        yield "notice: it does not cover the day of the first attempt"


def notice_faults(notice: Notice, *, erased: bool) -> list[str]:
    """Every fault of one notice by itself."""
    fitting = {
        name: value for name, value in notice.personal.items() if value.fits(notice.commitments.get(name))
    }
    found = [
        *_of_personal_values(fitting, notice.personal, notice.commitments, erased=erased),
        *(["it was altered"] if digest(notice.content()) != notice.hash else []),
    ]
    return [f"{notice.notice_id}: {fault}" for fault in found]


# -------------------------------------------------------------------------------------------------- head

_FOLLOW_OTHERWISE = {"personal", "digest", "create_params", "confirm", "due_at"}
"""Compared below."""


def _of_the_head(head: Charge, known: ProvenCharge, mandate: Proven) -> Iterator[str]:
    derived = {
        "charge_id": known.entries[0].charge_id if known.entries else None,
        "number": known.permission.number if known.permission else None,
        "created_at": known.entries[0].recorded_at if known.entries else None,
        "facts": known.facts,
        "entries": len(known.entries),
        "head_hash": known.entries[-1].hash if known.entries else None,
    }
    for name in (field.name for field in fields(Charge) if field.name not in _FOLLOW_OTHERWISE):
        if getattr(head, name) != derived[name]:
            yield f"head: `{name}` does not follow from the chain"
    if known.reserved is None:
        return
    if (head.due_at is None) != (head.is_final and not pending_refunds(head.facts)):
        yield "head: `due_at` belongs to a charge that is not final or has a pending refund, and to no other"
    if not known.rebuilt:
        if not _is_of_the_request(head, known.reserved):
            yield "head: `digest` is not that of the request"
        yield from _of_params(head, known, mandate)


def _is_of_the_request(head: Charge, reserved: ChargeFact) -> bool:
    if head.reference is None or head.description is None:
        return head.digest is None
    said = reserved.detail
    digests = {
        ChargeDetails(int(said["amount"]), said["currency"], head.reference, head.description, by).digest
        for by in (None, int(said["charge_by"]))
    }
    return head.digest in digests


def _of_params(head: Charge, known: ProvenCharge, mandate: Proven) -> Iterator[str]:
    """What Stripe is sent, where it says how much is taken, and from whom."""
    said, sent = known.reserved.detail if known.reserved else {}, head.create_params
    expected = {
        "amount": int(said["amount"]),
        "currency": said["currency"],
        "customer": mandate.head.stripe_customer_id if mandate.head else None,
        "description": head.description,
    }
    for name, value in expected.items() if sent or not mandate.erased else ():
        if sent.get(name) != value:
            yield f"head: `create_params` has another {name}"
    newest = newest_attempt({key: fact for key, fact in known.facts.items() if fact.source != REBUILT})
    if (head.confirm.attempt if head.confirm else 0) != newest:
        yield "head: `confirm` is not that of the newest attempt"
        return
    method = mandate.head.payment_method_id if mandate.head else None
    if head.confirm and head.confirm.params.get("payment_method") != method:
        yield "head: `confirm` has another payment method"
