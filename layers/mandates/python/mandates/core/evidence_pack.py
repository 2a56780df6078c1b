"""The evidence pack: all that is known about a mandate, as one document that can be checked without us.

It holds what follows from the ledger (record.py) and from the charges' chains (evidence_charges.py), and the
faults found in everything else. Only the counts of refusals follow from neither, and say so. The document is
plain JSON without floats, so RFC 8785 gives it exactly one sequence of bytes. The signature is over those
bytes. A long ledger and a long register of charges are split into pages: page n has the n-th part of each.
Each page is a whole document with its own signature, and repeats everything except the entries, the charges
and the notices. evidence_check.py checks packs.

`digests` holds the digest of every other section. It adds nothing to the signature. If the signature says
that a document was altered, the digests say *where*.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mandates.core.canonical import canonical_json, digest
from mandates.core.dispute_evidence import dispute_evidence
from mandates.core.evidence_charges import register_pages, sections_of_charges
from mandates.core.facts import NO_FACTS, to_plain, utc
from mandates.core.faults import faults
from mandates.core.ledger import GENESIS, Entry
from mandates.core.record import ConsentEntry, Proven, Record, proven
from mandates.core.retention import EVIDENCE_DAYS, evidence_ends, last_of_its_life
from mandates.core.return_tokens import returns

FORMAT = "amazon-pay-mandate-evidence/1"
"""It changes whenever a reader of the old form would misread the new one."""

ALGORITHM = "ECDSA_SHA_256"
"""KMS's name for ECDSA over SHA-256, here on the curve P-256; the signature is DER.
https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html"""

PAGE_BYTES = 400_000
"""How much of the ledger goes on one page, in canonical bytes.

Lambda answers with at most 6 MB and API Gateway with at most 10 MB
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html). The PDF of a page is several times
the size of its JSON, which is attached to it, and travels in base64. The rest of a page is bounded by the
terms, which are one DynamoDB item of at most 400 KB. So is an entry that is larger than a page."""


def page_slices(entries: Sequence[Entry]) -> list[slice]:
    """Which entries go on which page: as many as fit, in order. There is always a first page.

    An entry stays on its page forever, since a ledger only grows at its end.
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


def build_pack(record: Record, *, page: int, generated_at: str) -> dict[str, Any]:
    """One page of the document, counted from 1. `record` has the part of the register that belongs on it.

    Raises IndexError if the page does not exist.
    """
    slices = page_slices(record.entries)
    of = max(len(slices), register_pages(record.charging.register.count))
    if not 1 <= page <= of:
        raise IndexError(page)
    after_all = slice(len(record.entries), len(record.entries))
    shown = slices[page - 1] if page <= len(slices) else after_all
    entries = record.entries[shown]
    sections: dict[str, Any] = {
        "format": FORMAT,
        "generated_at": generated_at,
        "page": {
            "number": page,
            "of": of,
            "next": page + 1 if page < of else None,
            "first_entry": shown.start + 1 if entries else None,
            "last_entry": shown.stop if entries else None,
            "hash_before": record.entries[shown.start - 1].hash if shown.start else GENESIS,
        },
        **statement(record),
        "faults": faults(record),
        "ledger": {
            "length": len(record.entries),
            "head_hash": record.entries[-1].hash if record.entries else GENESIS,
            "first_broken": record.first_broken,
            "entries": [_entry(entry) for entry in entries],
        },
        "refusals": [{**refusal, "proven": False} for refusal in record.refusals],
        **sections_of_charges(record.charging, proven(record)),
        "stripe_dispute_evidence": dispute_evidence(record),
    }
    return {**sections, "digests": {name: digest(section) for name, section in sections.items()}}


def statement(record: Record) -> dict[str, Any]:
    """The sections that follow from the ledger, value by value: anybody who has it can derive them again."""
    known = proven(record)
    return {
        "mandate": {
            "mandate_id": record.mandate_id,
            "customer_id": known.customer_id,
            "customer_erased": known.erased and known.customer_id is None,
            "status": str(known.status) if known.status else None,
            **_of_the_head(known, {name: name for name in ("created_at", *_SHOWN)}),
        },
        "stripe": _of_the_head(known, _STRIPE_IDS),
        "consent": _consent(known.consent) if known.consent else None,
        "terms": _terms(known),
        "returned": _returned(known),
        "withdrawals": _withdrawals(known),
        "personal_values": _personal_values(known),
        "retention": _retention(known.entries),
    }


_SHOWN = ("terms_version", "terms_digest", "locale", "wording_digest")
_STRIPE_IDS = {
    "customer_id": "stripe_customer_id",
    "checkout_session_id": "checkout_session_id",
    "setup_intent_id": "setup_intent_id",
    "payment_method_id": "payment_method_id",
    "mandate_id": "stripe_mandate_id",
}


def _of_the_head(known: Proven, attributes: Mapping[str, str]) -> dict[str, str | None]:
    """The head's values by the document's names: null while unknown, and all null without a consent."""
    return {name: getattr(known.head, attribute, None) for name, attribute in attributes.items()}


def _entry(entry: Entry) -> dict[str, Any]:
    return {**entry.content(), "facts": list(entry.facts), "hash": entry.hash}


def _consent(consent: ConsentEntry) -> dict[str, Any]:
    detail = consent.fact.detail
    return {
        "entry": consent.entry.number,
        "accepted_at": utc(consent.fact.at),
        "recorded_at": consent.entry.recorded_at,
        "told_by": consent.entry.source,
        **{name: detail[name] for name in _SHOWN},
        "text_shown": consent.entry.text,
    }


def _terms(known: Proven) -> dict[str, Any]:
    """The whole document in every language: only then can its digest be recomputed."""
    return {
        **_of_the_head(known, {"version": "terms_version", "digest": "terms_digest", "locale": "locale"}),
        "document": known.terms.to_plain() if known.terms else None,
    }


def _returned(known: Proven) -> dict[str, str | None]:
    """When somebody came back from Stripe's page. It indicates who it was, and does not prove it."""
    facts = known.head.facts if known.head else NO_FACTS
    return {str(by): None if at is None else utc(at) for by, at in returns(facts).items()}


def _withdrawals(known: Proven) -> list[dict[str, Any]]:
    return [
        {
            "subject": withdrawal.subject.partition("#")[0],
            "id": withdrawal.subject.partition("#")[2],
            "withdrawn_at": utc(withdrawal.fact.at),
            "told": withdrawal.told,
            "fact": to_plain(withdrawal.fact),
        }
        for withdrawal in known.withdrawals
    ]


def _retention(entries: Sequence[Entry]) -> dict[str, Any]:
    """Evidence is never deleted by itself, and its personal values are not erased before that day."""
    last = last_of_its_life(entries)
    until = evidence_ends(last).isoformat(timespec="seconds").replace("+00:00", "Z") if last else None
    return {"days_after_last_charge": EVIDENCE_DAYS, "kept_at_least_until": until}


def _personal_values(known: Proven) -> list[dict[str, Any]]:
    """Each with its salt, so that its commitment in the chain can be recomputed. Erased values say so."""
    listed: list[dict[str, Any]] = []
    for entry in known.entries:
        for name in sorted(entry.commitments):
            value = known.personal[entry.number].get(name)
            listed.append(
                {
                    "entry": entry.number,
                    "name": name,
                    "erased": value is None and known.erased,
                    "value": value.value if value else None,
                    "salt": value.salt if value else None,
                }
            )
    return listed
