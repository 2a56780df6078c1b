"""Whether an evidence pack fits together, by what is in it alone.

All but the signature, which needs more than the standard library: `ops/evidence.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mandates.core.canonical import digest
from mandates.core.evidence import FORMAT
from mandates.core.ledger import GENESIS, PersonalValue
from mandates.core.record import Json
from mandates.core.terms import wording_digest


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
    for name in ("terms_version", "terms_digest", "locale", "wording_digest"):
        if consent[name] != evidence["mandate"][name]:
            yield f"consent: its {name} is not the one that the mandate names"
    document = evidence["terms"]["document"]
    if document is not None and consent["wording_digest"] != _wording_digest(document, consent["locale"]):
        yield "consent: the wording shown is not that of the terms in its language"
    for entry in evidence["ledger"]["entries"]:
        if entry["number"] == consent["entry"] and entry["text"] != consent["text_shown"]:
            yield f"consent: the text is not the one in entry {consent['entry']}"


def _wording_digest(document: Json, locale: str) -> str | None:
    sections = document["texts"].get(locale)
    return None if sections is None else wording_digest(document["version"], locale, sections)


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
