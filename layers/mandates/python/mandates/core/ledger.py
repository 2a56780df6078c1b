"""The ledger: an append-only chain of entries per mandate.

Each entry carries the hash of the entry before, so the chain shows if an entry inside it was changed, moved
or removed. A chain alone can't show that its end was cut off or that all of it was computed again. Only an
earlier signed head, kept elsewhere, can (docs/architecture.md).

Personal values (IP address, user agent, token subject) never enter the chain. The chain holds SHA-256(salt ‖
canonical value); value and salt are kept beside it. Erasing both leaves the chain whole and the hash
meaningless.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from mandates.core.canonical import canonical_json, digest
from mandates.core.facts import Fact, to_plain

GENESIS = "0" * 64
"""The hash before the first entry."""

SALT_BYTES = 32

FORMAT = 1
"""The format of new entries. It is hashed with the rest of an entry, and no entry is ever rewritten. So every
format that a release has written stays readable forever (docs/versions.md)."""


@dataclass(frozen=True, slots=True)
class PersonalValue:
    """A value kept beside the chain. `salt` is random hex, one per value, so that equal values don't show."""

    value: str
    salt: str

    @property
    def commitment(self) -> str:
        return hashlib.sha256(bytes.fromhex(self.salt) + canonical_json(self.value)).hexdigest()

    def fits(self, commitment: str | None) -> bool:
        """Whether it is the value that was committed to, with its salt written in the same way."""
        try:
            return self.commitment == commitment and bytes.fromhex(self.salt).hex() == self.salt
        except (ValueError, TypeError):
            return False


def keep_beside(values: Mapping[str, str], random_bytes: Callable[[int], bytes]) -> dict[str, PersonalValue]:
    return {name: PersonalValue(value, random_bytes(SALT_BYTES).hex()) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `recorded_at` is our clock (RFC 3339, UTC); each fact has its own `at` from its source.

    `status` follows from the mandate's facts once this entry was added. In the entry that records a consent,
    `text` is the exact wording that the customer was shown; otherwise None. `format` is the entry's format.
    """

    format: int
    mandate_id: str
    number: int
    recorded_at: str
    source: str
    facts: tuple[Mapping[str, Any], ...]
    status: str
    text: str | None
    commitments: Mapping[str, str]
    previous_hash: str
    hash: str

    def content(self) -> dict[str, Any]:
        """Everything except the hash. The hash is taken over exactly this."""
        return {name: getattr(self, name) for name in _CONTENT}

    @property
    def kinds(self) -> list[str]:
        return [fact["kind"] for fact in self.facts]


_CONTENT = tuple(field.name for field in fields(Entry) if field.name != "hash")


class Link(Protocol):
    """An entry of any chain: a mandate's or a charge's."""

    @property
    def number(self) -> int: ...
    @property
    def previous_hash(self) -> str: ...
    @property
    def hash(self) -> str: ...
    def content(self) -> dict[str, Any]: ...


def append(
    *,
    mandate_id: str,
    length: int,
    head_hash: str,
    recorded_at: str,
    source: str,
    facts: Sequence[Fact],
    status: str,
    text: str | None = None,
    personal: Mapping[str, PersonalValue] | None = None,
) -> Entry:
    """The next entry after a ledger of `length` entries whose last hash is `head_hash`."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "mandate_id": mandate_id,
        "number": length + 1,
        "recorded_at": recorded_at,
        "source": source,
        "facts": tuple(to_plain(fact) for fact in facts),
        "status": status,
        "text": text,
        "commitments": {name: kept.commitment for name, kept in sorted((personal or {}).items())},
        "previous_hash": head_hash,
    }
    return Entry(**content, hash=digest(content))


def first_broken(entries: Iterable[Link], *, length: int, head_hash: str) -> int | None:
    """The number of the first entry that is altered, missing or out of place; None if the chain holds.

    `length` and `head_hash` are those of the head. If the head names more entries than exist, the
    chain is broken at the first missing one.
    """
    previous, number = GENESIS, 0
    for number, entry in enumerate(entries, start=1):
        in_place = entry.number == number and entry.previous_hash == previous and number <= length
        if not in_place or not _unaltered(entry):
            return number
        previous = entry.hash
    if number < length:
        return number + 1
    return None if previous == head_hash else number


def first_unsound(stored: Sequence[tuple[int, Link | None]], *, length: int, head_hash: str) -> int | None:
    """`first_broken` for a ledger that may hold unreadable entries.

    `stored` are the entries in the order of their keys: the number in the key, and the entry, or None if it
    can't be read.
    """
    readable: list[Link] = []
    for position, (number, entry) in enumerate(stored, start=1):
        if entry is None or number != position:
            tip = readable[-1].hash if readable else GENESIS
            broken = first_broken(readable, length=len(readable), head_hash=tip)
            return broken if broken is not None else position
        readable.append(entry)
    return first_broken(readable, length=length, head_hash=head_hash)


def _unaltered(entry: Link) -> bool:
    try:
        return digest(entry.content()) == entry.hash
    except ValueError:  # it holds something that no entry of ours ever held
        return False
