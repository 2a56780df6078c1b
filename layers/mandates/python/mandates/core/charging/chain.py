"""A charge's ledger: an append-only chain of entries, as a mandate has one (core/ledger.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mandates.core.canonical import digest
from mandates.core.charging.permission import Permission
from mandates.core.facts import Fact, to_plain
from mandates.core.ledger import PersonalValue

FORMAT = 1
"""The format of new entries. It is hashed with the rest of an entry (docs/versions.md)."""


@dataclass(frozen=True, slots=True)
class ChargeEntry:
    """One entry. `recorded_at` is our clock (RFC 3339, UTC); `status` is the charge's after it.

    The first entry has the charge's `permission` (core/charging/permission.py), and commits to what the
    business wrote about the charge. Those words lie beside the chain, as a mandate's personal values do.
    """

    format: int
    charge_id: str
    number: int
    recorded_at: str
    source: str
    facts: tuple[Mapping[str, Any], ...]
    status: str
    permission: Mapping[str, Any] | None
    commitments: Mapping[str, str]
    previous_hash: str
    hash: str

    def content(self) -> dict[str, Any]:
        """Everything except the hash. The hash is taken over exactly this."""
        return {name: getattr(self, name) for name in _CONTENT}


_CONTENT = tuple(field.name for field in fields(ChargeEntry) if field.name != "hash")


def append_entry(
    *,
    charge_id: str,
    length: int,
    head_hash: str,
    recorded_at: str,
    source: str,
    facts: Sequence[Fact[str]],
    status: str,
    permission: Permission | None = None,
    personal: Mapping[str, PersonalValue] | None = None,
) -> ChargeEntry:
    """The next entry after a chain of `length` entries whose last hash is `head_hash`."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "charge_id": charge_id,
        "number": length + 1,
        "recorded_at": recorded_at,
        "source": source,
        "facts": tuple(to_plain(fact) for fact in facts),
        "status": status,
        "permission": permission.to_plain() if permission else None,
        "commitments": {name: kept.commitment for name, kept in sorted((personal or {}).items())},
        "previous_hash": head_hash,
    }
    return ChargeEntry(**content, hash=digest(content))
