"""The evidence pack: all that is known of a mandate, as one document that can be checked without us.

Built here, and checked here (all but the signature, which needs more than the standard library). The
document is plain JSON without floats, so RFC 8785 gives it exactly one sequence of bytes, and the
signature is over those. A long ledger is split into pages; each is a whole document that repeats
everything but the entries, and is signed by itself.

`digests` holds the digest of every other section. It adds nothing to the signature; it says *where* a
document was altered once the signature says that it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mandates.core.canonical import canonical_json, digest
from mandates.core.facts import NO_FACTS, Fact, Facts, Kind, from_plain, merge, to_plain
from mandates.core.ledger import GENESIS, Entry, PersonalValue, first_broken
from mandates.core.mandate import WITHDRAWING, Mandate, status
from mandates.core.retention import EVIDENCE_DAYS, evidence_ends, last_of_its_life
from mandates.core.terms import Terms

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

MOST_CHARACTERS = 20_000
"""Per text field of a dispute's evidence: https://docs.stripe.com/api/disputes/update"""

PDF = "evidence.pdf"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agreed:
    """The terms that govern a mandate, as they were published. Times are RFC 3339."""

    terms: Terms
    published_at: str
    retired_at: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store knows of a mandate.

    `subjects` are the facts of what it stands on, by key; `personal` what is still kept, by entry and name.
    """

    mandate: Mandate
    subjects: Mapping[str, Facts]
    entries: Sequence[Entry]
    personal: Mapping[int, Mapping[str, PersonalValue]]
    agreed: Agreed | None
    refusals: Sequence[Json] = field(default=())
    charges: Sequence[Json] = field(default=())

    @property
    def status(self) -> str:
        return str(status(self.mandate.facts, *self.subjects.values()))


# --------------------------------------------------------------------------------------------- build


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
            "terms_version": mandate.terms_version,
            "terms_digest": mandate.terms_digest,
            "locale": mandate.locale,
        },
        "stripe": {
            "customer_id": mandate.stripe_customer_id,
            "checkout_session_id": mandate.checkout_session_id,
            "setup_intent_id": mandate.setup_intent_id,
            "payment_method_id": mandate.payment_method_id,
            "mandate_id": mandate.stripe_mandate_id,
        },
        "consent": _consent(record.entries),
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
        "stripe_dispute_evidence": _dispute_evidence(record),
        "retention": _retention(record.entries),
    }
    return {**sections, "digests": {name: digest(section) for name, section in sections.items()}}


def _entry(entry: Entry) -> dict[str, Any]:
    return {**entry.content(), "facts": list(entry.facts), "hash": entry.hash}


def _consent(entries: Iterable[Entry]) -> dict[str, Any] | None:
    found = _consent_entry(entries)
    if found is None:
        return None
    entry, fact = found
    return {
        "entry": entry.number,
        "accepted_at": _utc(fact["at"]),
        "recorded_at": entry.recorded_at,
        "told_by": entry.source,
        **{name: fact["detail"].get(name) for name in ("terms_version", "terms_digest", "locale")},
        "text_shown": entry.text,
    }


def _consent_entry(entries: Iterable[Entry]) -> tuple[Entry, Json] | None:
    for entry in entries:
        for fact in entry.facts:
            if fact["kind"] == Kind.CONSENT_ACCEPTED:
                return entry, fact
    return None


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
        | {"withdrawn_at": _utc(fact.at)}
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


# --------------------------------------------------------------------------- Stripe's dispute fields


def _dispute_evidence(record: Record) -> dict[str, dict[str, str]]:
    """What we know, under the names of https://docs.stripe.com/api/disputes/update `evidence[…]`.

    `text` can be sent as it is; `files` says which file to upload for a field that takes one. What we don't
    know (e-mail address, product, delivery, refunds policy) is left out rather than guessed at.
    """
    text: dict[str, str] = {}
    files = {"uncategorized_file": PDF}
    found = _consent_entry(record.entries)
    if found:
        entry, fact = found
        known = record.personal.get(entry.number, {})
        accepted_at = _utc(fact["at"])
        if "source_ip" in known:
            text["customer_purchase_ip"] = known["source_ip"].value
        cancellation = _cancellation(record)
        if cancellation:
            files["cancellation_policy"] = PDF
            text["cancellation_policy_disclosure"] = (
                "The customer was shown the cancellation policy below, in the language"
                f" {record.mandate.locale}, as part of the terms {record.mandate.terms_version}, and accepted"
                f" them at {accepted_at}, before their Amazon Pay account was saved.\n\n{cancellation}"
            )
        text["access_activity_log"] = _cut("\n".join(_activity(record)))
        text["uncategorized_text"] = _cut(_statement(record, accepted_at))
    return {"text": text, "files": files}


def _cancellation(record: Record) -> str | None:
    if record.agreed is None:
        return None
    return record.agreed.terms.texts.get(record.mandate.locale, {}).get("cancellation")


def _activity(record: Record) -> Iterator[str]:
    for entry in record.entries:
        known = record.personal.get(entry.number, {})
        about = ", ".join(
            f"{label} {known[name].value}"
            for name, label in (("source_ip", "IP address"), ("user_agent", "browser"))
            if name in known
        )
        for fact in entry.facts:
            ids = " ".join(value for values in fact["ids"].values() for value in values)
            yield " ".join(filter(None, (_utc(fact["at"]), fact["kind"], ids, about and f"({about})")))


def _statement(record: Record, accepted_at: str) -> str:
    mandate = record.mandate
    business = f" by {record.agreed.terms.business_name}" if record.agreed else ""
    set_up = mandate.facts.get(Kind.SETUP_SUCCEEDED)
    authorised = (
        f" They then authorised it at Amazon Pay at {_utc(set_up.at)} (SetupIntent {mandate.setup_intent_id},"
        f" payment method {mandate.payment_method_id})."
        if set_up
        else ""
    )
    return (
        f"At {accepted_at} the customer opted in to being charged later through Amazon Pay{business},"
        f" under the terms {mandate.terms_version} (SHA-256 {mandate.terms_digest}).{authorised}"
        f" Mandate {mandate.mandate_id}, status {record.status}. Its ledger has {mandate.entries} entries,"
        " each of which carries the hash of the one before; the last hash is"
        f" {mandate.head_hash}. The attached document has the wording as it was shown, every event, and a"
        " digital signature."
    )


def _cut(text: str) -> str:
    more = "\n(more in the attached document)"
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(more)] + more


def _utc(epoch_seconds: int) -> str:
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# --------------------------------------------------------------------------------------------- check


def page_problems(evidence: Json) -> Iterator[str]:
    """What is wrong with one page by itself, as sentences; nothing when all of it fits together.

    It may be any JSON object: this is for documents that somebody has altered.
    """
    if evidence.get("format") != FORMAT:
        yield f"format is not {FORMAT}"
    altered = list(_altered_sections(evidence))
    yield from altered
    for check in (_chain_problems, _commitment_problems, _terms_problems, _consent_problems):
        try:
            yield from check(evidence)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            yield f"can't be read as {FORMAT}: {type(error).__name__} {error}"


def _altered_sections(evidence: Json) -> Iterator[str]:
    digests = evidence.get("digests")
    if not isinstance(digests, Mapping):
        yield "digests: is missing"
        return
    for name in sorted((evidence.keys() | digests.keys()) - {"digests"}):
        if name not in evidence:
            yield f"{name}: the section is missing"
        elif digests.get(name) != digest(evidence[name]):
            yield f"{name}: the section, or its digest in digests, was altered"


def _chain_problems(evidence: Json) -> Iterator[str]:
    page, ledger = evidence["page"], evidence["ledger"]
    entries = ledger["entries"]
    yield from _entry_problems(entries, first=page["first_entry"] or 1, after=page["hash_before"])
    if entries and page["last_entry"] != page["first_entry"] + len(entries) - 1:
        yield f"page: says that it ends with entry {page['last_entry']}, which it does not"
    if ledger["first_broken"] is not None:
        yield f"ledger: entry {ledger['first_broken']} was altered before this pack was made"
    mandate_id = evidence["mandate"]["mandate_id"]
    if any(entry.get("mandate_id") != mandate_id for entry in entries):
        yield "ledger: there are entries of another mandate"


def _entry_problems(entries: Iterable[Json], *, first: int, after: str) -> Iterator[str]:
    """The entries that don't fit the hash of their content, their place, or the entry before them."""
    previous = after
    for number, entry in enumerate(entries, start=first):
        content = {name: value for name, value in entry.items() if name != "hash"}
        if digest(content) != entry.get("hash"):
            yield f"entry {number}: was altered, its content does not have its hash"
        if entry.get("number") != number:
            yield f"entry {number}: is numbered {entry.get('number')}"
        if entry.get("previous_hash") != previous:
            yield f"entry {number}: the chain is broken between it and the entry before it"
        previous = entry.get("hash", "")


def _commitment_problems(evidence: Json) -> Iterator[str]:
    commitments = {entry["number"]: entry["commitments"] for entry in evidence["ledger"]["entries"]}
    listed = {(given["entry"], given["name"]) for given in evidence["personal_values"]}
    committed_to = {(number, name) for number, names in commitments.items() for name in names}
    for number, name in sorted(committed_to - listed):
        yield f"personal_values: {name} of entry {number} is not listed"
    for given in evidence["personal_values"]:
        if given["erased"]:
            continue
        committed = commitments[given["entry"]].get(given["name"])
        if PersonalValue(given["value"], given["salt"]).commitment != committed:
            yield (
                f"personal_values: the commitment of {given['name']} in entry {given['entry']}"
                " is not that of the value given"
            )


def _terms_problems(evidence: Json) -> Iterator[str]:
    terms, mandate = evidence["terms"], evidence["mandate"]
    if terms["document"] is None:
        yield f"terms: version {mandate['terms_version']} was not found when this pack was made"
    elif digest(terms["document"]) != mandate["terms_digest"]:
        yield "terms: the document does not have the digest that the mandate names"


def _consent_problems(evidence: Json) -> Iterator[str]:
    consent = evidence["consent"]
    if consent is None:
        yield "consent: the ledger has none"
        return
    if consent["terms_digest"] != evidence["mandate"]["terms_digest"]:
        yield "consent: it was given to other terms than the mandate names"
    for entry in evidence["ledger"]["entries"]:
        if entry["number"] == consent["entry"] and entry["text"] != consent["text_shown"]:
            yield f"consent: the text is not the one in entry {consent['entry']}"


def set_problems(pages: Sequence[Json]) -> Iterator[str]:
    """What is wrong with several pages together: whether they are one whole ledger, up to its head.

    Pages may have been fetched at different times. Each names the head of its time, so each head must be
    an entry of the chain, and the chain must reach the longest of them.
    """
    try:
        yield from _set_problems(pages)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield f"the pages can't be put together: {type(error).__name__} {error}"


def _set_problems(pages: Sequence[Json]) -> Iterator[str]:
    if len({page["mandate"]["mandate_id"] for page in pages}) != 1:
        yield "these are packs of different mandates"
        return
    known: dict[int, str] = {0: GENESIS}
    for page in pages:
        for entry in page["ledger"]["entries"]:
            if known.setdefault(entry["number"], entry["hash"]) != entry["hash"]:
                yield f"entry {entry['number']}: two pages have it differently"
    for page in pages:
        first, before = page["page"]["first_entry"], page["page"]["hash_before"]
        if first is not None and known.get(first - 1, before) != before:
            yield f"entry {first}: the chain is broken between its page and the page before it"
    yield from _head_problems(
        {page["ledger"]["length"]: page["ledger"]["head_hash"] for page in pages}, known
    )


def _head_problems(heads: Mapping[int, str], known: Mapping[int, str]) -> Iterator[str]:
    """`heads` by length, `known` the hash of each entry there is."""
    longest = max(heads)
    missing = sorted(set(range(1, longest + 1)) - known.keys())
    if missing:
        yield f"the set of pages is incomplete: of {longest} entries, {_ranges(missing)} missing"
    for length, head_hash in sorted(heads.items()):
        if known.get(length, head_hash) != head_hash:
            yield f"the head does not match: it says {head_hash}, entry {length} has {known[length]}"
    if max(known) > longest:
        yield f"entry {longest + 1}: is beyond the head, which says {longest} entries"


def _ranges(numbers: Sequence[int]) -> str:
    ends = [number for number in numbers if number + 1 not in numbers]
    begins = [number for number in numbers if number - 1 not in numbers]
    spans = [str(one) if one == two else f"{one} to {two}" for one, two in zip(begins, ends, strict=True)]
    return f"{', '.join(spans)} {'is' if len(numbers) == 1 else 'are'}"


# ---------------------------------------------------------------------------- as stored, in the tables


def first_unsound(stored: Sequence[tuple[int, Entry | None]], *, length: int, head_hash: str) -> int | None:
    """`first_broken` for a ledger that may hold entries nobody can read any more.

    `stored` are the entries in the order of their keys: the number in the key, and the entry or None.
    """
    readable: list[Entry] = []
    for position, (number, entry) in enumerate(stored, start=1):
        if entry is None or number != position:
            tip = readable[-1].hash if readable else GENESIS
            broken = first_broken(readable, length=len(readable), head_hash=tip)
            return broken if broken is not None else position
        readable.append(entry)
    return first_broken(readable, length=length, head_hash=head_hash)


_OF_SUBJECTS = frozenset({Kind.DETACHED, Kind.MANDATE_INACTIVE, Kind.DELETED})


def head_follows(mandate: Mandate, entries: Iterable[Entry]) -> bool:
    """Whether the head's facts are those its ledger tells of: status is computed from the head's."""
    told = (from_plain(fact) for entry in entries for fact in entry.facts)
    return merge(NO_FACTS, (fact for fact in told if fact.kind not in _OF_SUBJECTS)) == mandate.facts
