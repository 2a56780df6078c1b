"""Checks that an evidence pack is consistent, using only the pack itself.

`ops/evidence.py` checks the signature, which needs more than the standard library.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mandates.core.canonical import digest
from mandates.core.charging.charge import FINAL
from mandates.core.charging.proof import StoredCharge
from mandates.core.charging.register_slice import NO_CHARGES, link_of, place_of
from mandates.core.charging.usage_faults import over_use, proofs_of
from mandates.core.evidence_charges import sections_of_charges, slice_of_page
from mandates.core.evidence_pack import FORMAT, statement
from mandates.core.facts import Fact, Facts, fact_from_plain
from mandates.core.faults import faults
from mandates.core.formats import NewerFormat
from mandates.core.ledger import FORMAT as ENTRY_FORMAT
from mandates.core.ledger import GENESIS, Entry, PersonalValue, first_broken
from mandates.core.record import Json, Record, proven
from mandates.core.terms import terms_from_plain

_UNREADABLE = (NewerFormat, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def page_problems(evidence: Json) -> Iterator[str]:
    """What is wrong with one page by itself, as sentences; nothing if the page is consistent.

    It may be any JSON object: this also checks documents that somebody has altered.
    """
    if evidence.get("format") != FORMAT:
        yield f"format is not {FORMAT}, the only one this release reads: use the release that made the pack"
    yield from _altered_sections(evidence)
    try:
        yield from _chain_problems(evidence)
        yield from (f"faults: when this pack was made, {fault}" for fault in evidence["faults"])
    except _UNREADABLE as error:
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
        yield f"page: says that it ends with entry {page['last_entry']}, but it does not"
    if ledger["first_broken"] is not None:
        yield f"ledger: entry {ledger['first_broken']} was altered before this pack was made"
    mandate_id = evidence["mandate"]["mandate_id"]
    if any(entry.get("mandate_id") != mandate_id for entry in entries):
        yield "ledger: there are entries of another mandate"


def _entry_problems(entries: Iterable[Json], *, first: int, after: str) -> Iterator[str]:
    """The entries that don't match the hash of their content, their place, or the entry before them."""
    previous = after
    for number, entry in enumerate(entries, start=first):
        if entry.get("format") != ENTRY_FORMAT:
            yield f"entry {number}: its format is not {ENTRY_FORMAT}, the only one this release reads"
        content = {name: value for name, value in entry.items() if name != "hash"}
        if digest(content) != entry.get("hash"):
            yield f"entry {number}: was altered: its content does not match its hash"
        if entry.get("number") != number:
            yield f"entry {number}: is numbered {entry.get('number')}"
        if entry.get("previous_hash") != previous:
            yield f"entry {number}: the chain is broken between it and the entry before it"
        previous = entry.get("hash", "")


# ------------------------------------------------------------------------------- several pages together


def set_problems(pages: Sequence[Json], kept: Sequence[tuple[int, str]] = ()) -> Iterator[str]:
    """What is wrong with the pages together: they must be one whole ledger, up to its head, and each must say
    about the mandate what follows from that ledger.

    Pages may have been fetched at different times. Each names the head of its time. So each head must be an
    entry of the chain, and the chain must reach the longest of them. `kept` are the numbers and hashes of
    entries that somebody kept elsewhere.
    """
    try:
        yield from dict.fromkeys(_set_problems(pages))
        yield from kept_hash_problems(kept, _hashes(pages))
    except _UNREADABLE as error:
        yield f"the pages can't be put together: {type(error).__name__} {error}"


def _set_problems(pages: Sequence[Json]) -> Iterator[str]:
    if len({page["mandate"]["mandate_id"] for page in pages}) != 1:
        yield "these are packs of different mandates"
        return
    entries: dict[int, Json] = {}
    for page in pages:
        for entry in page["ledger"]["entries"]:
            if entries.setdefault(entry["number"], entry)["hash"] != entry["hash"]:
                yield f"entry {entry['number']}: two pages disagree about it"
    known = {0: GENESIS, **_hashes(pages)}
    for page in pages:
        first, before = page["page"]["first_entry"], page["page"]["hash_before"]
        if first is not None and known.get(first - 1, before) != before:
            yield f"entry {first}: the chain is broken between its page and the page before it"
    yield from _head_problems(
        {page["ledger"]["length"]: page["ledger"]["head_hash"] for page in pages}, known
    )
    yield from _register_problems([page for page in pages if "register" in page])
    for page in pages:
        if all(number in entries for number in range(1, page["ledger"]["length"] + 1)):
            yield from _what_does_not_follow(page, entries)
    yield from _over_use(max(pages, key=lambda page: page["ledger"]["length"]), pages, entries)


def _head_problems(heads: Mapping[int, str], known: Mapping[int, str]) -> Iterator[str]:
    """`heads` are hashes by length; `known` has the hash of each existing entry."""
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


def _register_problems(pages: Sequence[Json]) -> Iterator[str]:
    """As for the ledger: the pages must have every number, in one chain up to the longest register's tip."""
    if not pages:
        return
    links = {0: GENESIS}
    for part in map(slice_of_page, pages):
        for number, position in enumerate(part.positions, start=part.first):
            link = link_of(position) or ""
            if links.setdefault(number, link) != link:
                yield f"number {number} of the register: two pages disagree about it"
            place = place_of(position)
            before = links.get(number - 1)
            if place and before is not None and place[1] != before:
                yield f"register: the chain is broken between number {number} and the one before it"
    tips = {page["register"]["count"]: page["register"]["head_hash"] for page in pages}
    longest = max(tips)
    missing = sorted(set(range(1, longest + 1)) - links.keys())
    if missing:
        found = _ranges(missing)
        yield f"the set of pages is incomplete: of {longest} charges and notices, {found} missing"
    for count, tip in sorted(tips.items()):
        if links.get(count, tip) != tip:
            yield f"register: its head does not match: it says {tip}, number {count} has {links[count]}"


def _over_use(newest: Json, pages: Sequence[Json], entries: Mapping[int, Json]) -> Iterator[str]:
    """Whether all charges together kept to the limits. Of each charge, the longest chain counts. A charge
    that was still open on an earlier page may have given up its room before the newest one was made."""
    charges: dict[str, StoredCharge] = {}
    latest = max(page["generated_at"] for page in pages)
    for page in pages:
        for charge in slice_of_page(page).charges if "register" in page else ():
            known = charges.get(charge.charge_id)
            still_open = not charge.entries or charge.entries[-1].status not in FINAL
            if still_open and page["generated_at"] < latest:
                continue
            if known is None or len(known.entries) < len(charge.entries):
                charges[charge.charge_id] = charge
    if charges and all(number in entries for number in range(1, newest["ledger"]["length"] + 1)):
        yield from over_use(proofs_of(charges.values()), proven(_record(newest, entries)))


def _what_does_not_follow(page: Json, entries: Mapping[int, Json]) -> Iterator[str]:
    """Derives what the page says again, from the ledger and from what lies beside it in the page.

    The prose for a dispute is not derived again: another version may word it differently.
    """
    record = _record(page, entries)
    yield from (fault for fault in faults(record) if fault not in page["faults"])
    of_charges = sections_of_charges(record.charging, proven(record)) if "register" in page else {}
    for name, section in {**statement(record), **of_charges}.items():
        if digest(page[name]) != digest(section):
            yield f"{name}: is not what follows from the ledger"


def _record(page: Json, entries: Mapping[int, Json]) -> Record:
    """What the page shows. Packs of release 0.1.0 have no register: then there were no charges."""
    ledger, document = page["ledger"], page["terms"]["document"]
    chain = [_entry(entries[number]) for number in range(1, ledger["length"] + 1)]
    return Record(
        mandate_id=page["mandate"]["mandate_id"],
        entries=chain,
        first_broken=first_broken(chain, length=ledger["length"], head_hash=ledger["head_hash"]),
        personal=_personal(page["personal_values"]),
        subjects=_subjects(page["withdrawals"]),
        terms=terms_from_plain(document) if document else None,
        charging=slice_of_page(page) if "register" in page else NO_CHARGES,
    )


def _entry(plain: Json) -> Entry:
    return Entry(**{**plain, "facts": tuple(plain["facts"])})


def _personal(listed: Iterable[Json]) -> dict[int, dict[str, PersonalValue]]:
    kept: dict[int, dict[str, PersonalValue]] = {}
    for given in listed:
        if given["value"] is not None:
            kept.setdefault(given["entry"], {})[given["name"]] = PersonalValue(given["value"], given["salt"])
    return kept


def _subjects(withdrawals: Iterable[Json]) -> Mapping[str, Facts]:
    """What the page says about the subjects. If it leaves out a told withdrawal, the check misses it here."""
    subjects: dict[str, dict[str, Fact]] = {}
    for withdrawal in withdrawals:
        fact = fact_from_plain(withdrawal["fact"])
        subjects.setdefault(f"{withdrawal['subject']}#{withdrawal['id']}", {})[fact.key] = fact
    return subjects


def _hashes(pages: Sequence[Json]) -> dict[int, str]:
    return {entry["number"]: entry["hash"] for page in pages for entry in page["ledger"]["entries"]}


# ---------------------------------------------------------------------------- a hash from somewhere else


def kept_hash_problems(kept: Iterable[tuple[int, str]], hashes: Mapping[int, str]) -> Iterator[str]:
    """Whether entries have the hashes that somebody kept when the entries were made, by number.

    `hashes` are those of the existing entries. Only this reveals a chain that was made anew, or cut off.
    """
    for number, kept_hash in kept:
        if number not in hashes:
            yield f"entry {number}: is missing, but its hash was kept: the ledger was cut off before it"
        elif hashes[number] != kept_hash:
            yield f"entry {number}: its hash is not the one that was kept: the ledger was made anew"
