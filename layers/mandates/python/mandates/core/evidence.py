"""The evidence pack: all that is known of a mandate, as one document that can be checked without us.

The document is plain JSON without floats, so RFC 8785 gives it exactly one sequence of bytes, and the
signature is over those. A long ledger is split into pages; each is a whole document that repeats
everything but the entries, and is signed by itself. evidence_check.py checks it.

`digests` holds the digest of every other section. It adds nothing to the signature; it says *where* a
document was altered once the signature says that it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mandates.core.canonical import canonical_json, digest
from mandates.core.dispute_evidence import dispute_evidence
from mandates.core.facts import Fact, to_plain
from mandates.core.ledger import GENESIS, Entry, PersonalValue, first_broken
from mandates.core.mandate import WITHDRAWING, Mandate
from mandates.core.record import Agreed, Record, consent_entry, utc
from mandates.core.retention import EVIDENCE_DAYS, evidence_ends, last_of_its_life

FORMAT = "amazon-pay-mandate-evidence/1"
"""Changes whenever a reader of the old form would misread the new one."""

ALGORITHM = "ECDSA_SHA_256"
"""KMS's name for ECDSA over SHA-256, here on the curve P-256; the signature is DER.
https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html"""

PAGE_BYTES = 400_000
"""How much of the ledger goes on a page, in canonical bytes.

Lambda answers with at most 6 MB and API Gateway with at most 10 MB
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html). The PDF of a page is several
times the size of its JSON, which is attached to it, and travels in base64. The rest of a page is bounded
by the terms, which are one DynamoDB item of at most 400 KB; so is an entry that is larger than a page."""


def page_slices(entries: Sequence[Entry]) -> list[slice]:
    """Which entries go on which page: as many as fit, in order. There is always a first page.

    An entry stays on its page for ever, since a ledger only grows at its end.
    """
    slices: list[slice] = []
    begin, size = 0, 0
    for index, entry in enumerate(entries):
        more = len(canonical_json(_entry(entry)))
        if index > begin and size + more > PAGE_BYTES:
            slices.append(slice(begin, index))
            begin, size = index, 0
        size += more
    return [*slices, slice(begin, len(entries))]


def build(record: Record, *, page: int, generated_at: str) -> dict[str, Any]:
    """One page of the document, counted from 1. Raises IndexError for a page that there is not."""
    mandate = record.mandate
    slices = page_slices(record.entries)
    if page < 1:
        raise IndexError(page)
    shown = slices[page - 1]
    entries = record.entries[shown]
    before = record.entries[shown.start - 1].hash if shown.start else GENESIS
    sections: dict[str, Any] = {
        "format": FORMAT,
        "generated_at": generated_at,
        "page": {
            "number": page,
            "of": len(slices),
            "next": page + 1 if page < len(slices) else None,
            "first_entry": shown.start + 1 if entries else None,
            "last_entry": shown.stop if entries else None,
            "hash_before": before,
        },
        "mandate": {
            "mandate_id": mandate.mandate_id,
            "customer_id": mandate.customer_id,
            "status": record.status,
            "created_at": mandate.created_at,
            **mandate.shown,
        },
        "stripe": {
            "customer_id": mandate.stripe_customer_id,
            "checkout_session_id": mandate.checkout_session_id,
            "setup_intent_id": mandate.setup_intent_id,
            "payment_method_id": mandate.payment_method_id,
            "mandate_id": mandate.stripe_mandate_id,
        },
        "consent": _consent(mandate, record.entries),
        "terms": _terms(mandate, record.agreed),
        "withdrawals": _withdrawals(record),
        "ledger": {
            "length": mandate.entries,
            "head_hash": mandate.head_hash,
            "first_broken": first_broken(record.entries, length=mandate.entries, head_hash=mandate.head_hash),
            "entries": [_entry(entry) for entry in entries],
        },
        "personal_values": _personal_values(entries, record.personal),
        "refusals": [dict(refusal) for refusal in record.refusals],
        "charges": [dict(charge) for charge in record.charges],
        "stripe_dispute_evidence": dispute_evidence(record),
        "retention": _retention(record.entries),
    }
    return {**sections, "digests": {name: digest(section) for name, section in sections.items()}}


def _entry(entry: Entry) -> dict[str, Any]:
    return {**entry.content(), "facts": list(entry.facts), "hash": entry.hash}


def _consent(mandate: Mandate, entries: Iterable[Entry]) -> dict[str, Any] | None:
    found = consent_entry(entries)
    if found is None:
        return None
    entry, fact = found
    return {
        "entry": entry.number,
        "accepted_at": utc(fact["at"]),
        "recorded_at": entry.recorded_at,
        "told_by": entry.source,
        **{name: fact["detail"].get(name) for name in mandate.shown},
        "text_shown": entry.text,
    }


def _terms(mandate: Mandate, agreed: Agreed | None) -> dict[str, Any]:
    """The whole document, every language of it: only then can its digest be recomputed."""
    return {
        "version": mandate.terms_version,
        "digest": mandate.terms_digest,
        "locale": mandate.locale,
        "published_at": agreed.published_at if agreed else None,
        "retired_at": agreed.retired_at if agreed else None,
        "document": agreed.terms.to_plain() if agreed else None,
    }


def _withdrawals(record: Record) -> list[dict[str, Any]]:
    subjects = {f"mandate#{record.mandate.mandate_id}": record.mandate.facts, **record.subjects}
    found = [
        (fact, key) for key, facts in subjects.items() for fact in facts.values() if fact.kind in WITHDRAWING
    ]
    return [
        {"subject": key.partition("#")[0], "id": key.partition("#")[2], "fact": to_plain(fact)}
        | {"withdrawn_at": utc(fact.at)}
        for fact, key in sorted(found, key=_in_time)
    ]


def _in_time(found: tuple[Fact, str]) -> tuple[int, str]:
    return found[0].at, found[0].key


def _retention(entries: Sequence[Entry]) -> dict[str, Any]:
    """Nothing deletes it by itself; until that day, nobody erases what is personal in it either."""
    last = last_of_its_life(entries)
    until = evidence_ends(last).isoformat(timespec="seconds").replace("+00:00", "Z") if last else None
    return {"days_after_last_charge": EVIDENCE_DAYS, "kept_at_least_until": until}


def _personal_values(
    entries: Iterable[Entry], kept: Mapping[int, Mapping[str, PersonalValue]]
) -> list[dict[str, Any]]:
    """With its salt, so that the commitment in the chain can be recomputed; an erased one is said to be."""
    listed: list[dict[str, Any]] = []
    for entry in entries:
        for name in sorted(entry.commitments):
            value = kept.get(entry.number, {}).get(name)
            listed.append(
                {
                    "entry": entry.number,
                    "name": name,
                    "erased": value is None,
                    "value": value.value if value else None,
                    "salt": value.salt if value else None,
                }
            )
    return listed
