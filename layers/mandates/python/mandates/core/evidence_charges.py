"""The sections of the evidence pack about charges: a slice of the mandate's register, and what it proves.

Everything in `charges` follows from the chains that are shown, and from the values beside them. So the
offline check reads the slice back from a page, and derives the sections again.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.disputes import Dispute, disputes
from mandates.core.charging.facts import (
    OF_ATTEMPTS,
    ChargeFacts,
    ChargeKind,
    attempts,
    intent_of,
    of_attempt,
)
from mandates.core.charging.notice import Notice
from mandates.core.charging.proof import ProvenCharge, StoredCharge, proven_charge
from mandates.core.charging.refunds import Refund, refunds
from mandates.core.charging.register import Register
from mandates.core.charging.register_slice import Registered, RegisterSlice, link_of, place_of
from mandates.core.facts import the_id, utc
from mandates.core.ledger import GENESIS, PersonalValue, first_broken
from mandates.core.record import Json, Proven

POSITIONS_PER_PAGE = 10
"""How many charges and notices are on one page.

A charge has at most 30 days and, if its attempts fail for a reason of ours, about 127 of them: see
tests/unit/test_evidence_charges.py for how large that is. A page has to fit into what a function can answer,
as in evidence_pack.py."""


def register_pages(count: int) -> int:
    return -(-count // POSITIONS_PER_PAGE)


def first_of_page(page: int) -> int:
    """The number of its first charge or notice, where it has any. Pages count from 1."""
    return (page - 1) * POSITIONS_PER_PAGE + 1


def sections_of_charges(part: RegisterSlice, mandate: Proven) -> dict[str, Any]:
    first, last = part.first, part.first + len(part.positions) - 1
    place = place_of(part.positions[0]) if part.positions else None
    return {
        "register": {
            "count": part.register.count,
            "head_hash": part.register.hash,
            "first": first if part.positions else None,
            "last": last if part.positions else None,
            "hash_before": place[1] if place else None,
        },
        "charges": [_charge(charge, mandate) for charge in part.charges],
        "notices": [_notice(notice, mandate) for notice in part.notices],
    }


def _charge(stored: StoredCharge, mandate: Proven) -> dict[str, Any]:
    """`status` is that of the last entry; null, if the chain is broken, like all that is then not known."""
    known = proven_charge(stored)
    said = known.reserved.detail if known.reserved else {}
    ending = known.facts.get(ChargeKind.ENDING)
    return {
        "number": known.permission.number if known.permission else None,
        "charge_id": stored.charge_id,
        "status": known.status,
        "amount": int(said["amount"]) if said else None,
        "currency": said["currency"] if said else None,
        "reserved_at": utc(known.reserved.at) if known.reserved else None,
        "charge_by": utc(int(said["charge_by"])) if said else None,
        "ended_at": known.ended_at,
        "end_reason": ending.detail.get("reason") if ending else None,
        "after_room_was_given_up": known.late,
        "rebuilt": known.rebuilt,
        "stripe": {
            "payment_intent_id": intent_of(known.facts),
            "charge_id": _stripe_charge(known.facts),
        },
        "permission": _permission(known, mandate),
        "notice": _notice(stored.notice, mandate) if stored.notice else None,
        "attempts": [_attempt(known.facts, number) for number in attempts(known.facts)],
        "refunds": [_refund(refund) for refund in refunds(known.facts)],
        "disputes": [_dispute(dispute) for dispute in disputes(known.facts)],
        "personal_values": personal_values(_commitments(known), known.personal, mandate),
        "chain": {
            "length": len(known.entries),
            "head_hash": known.entries[-1].hash if known.entries else GENESIS,
            "first_broken": stored.first_broken,
            "entries": [
                {**one.content(), "facts": list(one.facts), "hash": one.hash} for one in known.entries
            ],
        },
    }


def _commitments(known: ProvenCharge) -> Mapping[str, str]:
    return known.entries[0].commitments if known.entries else {}


def _permission(known: ProvenCharge, mandate: Proven) -> dict[str, Any] | None:
    if known.permission is None:
        return None
    agreed = mandate.head
    return {
        **known.permission.to_plain(),
        "terms_version": agreed.terms_version if agreed else None,
        "terms_digest": agreed.terms_digest if agreed else None,
    }


def _stripe_charge(facts: ChargeFacts) -> str | None:
    """A dispute names a charge of Stripe's, too, and that is not ours to believe."""
    return the_id({key: fact for key, fact in facts.items() if fact.kind in OF_ATTEMPTS}, "charge")


_OUTCOMES = {
    ChargeKind.ATTEMPT_SUCCEEDED: "succeeded",
    ChargeKind.ATTEMPT_FAILED: "failed",
    ChargeKind.ATTEMPT_NEEDS_ACTION: "needs_action",
    ChargeKind.ATTEMPT_PROCESSING: "processing",
}
"""The first that there is counts."""


def _attempt(facts: ChargeFacts, number: int) -> dict[str, Any]:
    begun = of_attempt(facts, ChargeKind.ATTEMPT_BEGUN, number)
    told = ((word, of_attempt(facts, kind, number)) for kind, word in _OUTCOMES.items())
    outcome, fact = next(((word, fact) for word, fact in told if fact), (None, None))
    return {
        "attempt": number,
        "begun_at": utc(begun.at) if begun else None,
        "outcome": outcome,
        "outcome_at": utc(fact.at) if fact else None,
        "said": dict(sorted(fact.detail.items())) if fact else {},
    }


def _refund(refund: Refund) -> dict[str, Any]:
    """`requested_by` is null if it was made at Stripe."""
    return {
        "refund_id": refund.refund_id,
        "status": str(refund.status),
        "amount": refund.amount,
        "currency": refund.currency,
        "reason": refund.reason or None,
        "failure": refund.failure or None,
        "requested_at": utc(refund.requested_at),
        "requested_by": refund.actor or None,
        "stripe_refund_id": refund.stripe_refund_id,
    }


def _dispute(dispute: Dispute) -> dict[str, Any]:
    """`status`, `reason` and `kind` are Stripe's words."""
    due_by = dispute.evidence_due_by
    return {
        "dispute_id": dispute.dispute_id,
        "status": dispute.status or None,
        "amount": dispute.amount,
        "currency": dispute.currency or None,
        "reason": dispute.reason or None,
        "kind": dispute.kind or None,
        "opened_at": utc(dispute.opened_at),
        "evidence_due_by": None if due_by is None else utc(due_by),
    }


def _notice(notice: Notice, mandate: Proven) -> dict[str, Any]:
    fitting = {name: one for name, one in notice.personal.items() if one.fits(notice.commitments.get(name))}
    values = personal_values(notice.commitments, fitting, mandate)
    return {**notice.content(), "hash": notice.hash, "personal_values": values}


def personal_values(
    commitments: Mapping[str, str], kept: Mapping[str, PersonalValue], mandate: Proven
) -> list[dict[str, Any]]:
    """Each with its salt, so that its commitment can be recomputed. Erased values say so."""
    return [
        {
            "name": name,
            "erased": name not in kept and mandate.erased,
            "value": kept[name].value if name in kept else None,
            "salt": kept[name].salt if name in kept else None,
        }
        for name in sorted(commitments)
    ]


# ---------------------------------------------------------------------------------------- read from a page


def slice_of_page(page: Json) -> RegisterSlice:
    """What a page says is in the register. Raises KeyError, TypeError, ValueError or AttributeError."""
    said = page["register"]
    register = Register(said["count"], said["head_hash"])
    found: dict[int, Registered] = {plain["number"]: _notice_of(plain) for plain in page["notices"]}
    found |= {plain["number"]: _stored(plain) for plain in page["charges"]}
    first, last = said["first"] or 1, said["last"] or 0
    positions = [found.get(number) for number in range(first, last + 1)]
    ends_here = bool(positions) and last == register.count
    last_link = link_of(positions[-1]) if ends_here else register.hash
    return RegisterSlice(register, first, positions, last_link, highest=max(found, default=0))


def _stored(plain: Json) -> StoredCharge:
    chain, notice = plain["chain"], plain["notice"]
    entries = [_entry_of(one) for one in chain["entries"]]
    broken_here = first_broken(entries, length=chain["length"], head_hash=chain["head_hash"])
    return StoredCharge(
        charge_id=plain["charge_id"],
        entries=entries,
        first_broken=chain["first_broken"] if broken_here is None else broken_here,
        personal=_kept(plain["personal_values"]),
        notice=_notice_of(notice) if notice else None,
    )


def _entry_of(plain: Json) -> ChargeEntry:
    return ChargeEntry(**{**plain, "facts": tuple(plain["facts"])})


def _notice_of(plain: Json) -> Notice:
    apart = {"date", "personal_values"}
    content = {name: value for name, value in plain.items() if name not in apart}
    day = date.fromisoformat(plain["date"])
    return Notice(**content, day=day, personal=_kept(plain["personal_values"]))


def _kept(listed: Iterable[Json]) -> dict[str, PersonalValue]:
    return {
        given["name"]: PersonalValue(given["value"], given["salt"])
        for given in listed
        if given["value"] is not None
    }
