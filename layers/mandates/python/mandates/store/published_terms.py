"""Published terms: each version written once, and a pointer to the current one.

Superseded and retired versions stay: they still govern the mandates that were given under them.
"""

import msgspec

from mandates.core.clock import Instant
from mandates.core.terms import Terms, terms_from_plain
from mandates.store.dynamodb import query, read_row, transaction, update
from mandates.store.tables import TermsRow

_VERSIONS = "version"
_POINTERS, _CURRENT = "pointer", "current"


class Published(msgspec.Struct, frozen=True):
    """A version with its history. Times are RFC 3339. `digest` was computed when it was published."""

    terms: Terms
    digest: str
    published_at: str
    retired_at: str | None


def publish_terms(terms: Terms, now: Instant) -> None:
    """Store a version and make it the current one. Raises Conflict if that version was published before."""
    never_published = TermsRow.record.does_not_exist()
    format_ = TermsRow.ZONED if terms.time_zone else TermsRow.format.written
    with transaction() as writing:
        writing.put(
            TermsRow,
            {
                "record": _VERSIONS,
                "version": terms.version,
                "format": format_,
                "document": terms.to_plain(),
                "digest": terms.digest,
                "published_at": now.text,
            },
            condition=never_published,
        )
        writing.put(
            TermsRow,
            {
                "record": _POINTERS,
                "version": _CURRENT,
                "document": {"version": terms.version},
                "digest": terms.digest,
                "published_at": now.text,
            },
            condition=None,
        )


def retire_terms(version: str, now: Instant) -> None:
    """Stop offering a version. Raises Conflict if it was never published or is already retired."""
    published_and_offered = TermsRow.record.exists() & TermsRow.retired_at.does_not_exist()
    update(TermsRow, (_VERSIONS, version), [TermsRow.retired_at.set(now.text)], published_and_offered)


def read_terms(version: str) -> Published | None:
    row = read_row(TermsRow, _VERSIONS, version)
    return _published(row) if row else None


def current_terms() -> Terms | None:
    """The terms to offer: the last published version, unless it is retired."""
    pointer = read_row(TermsRow, _POINTERS, _CURRENT)
    published = read_terms(pointer.document["version"]) if pointer else None
    return published.terms if published and not published.retired_at else None


def all_terms() -> list[Published]:
    """Every version ever published, oldest first."""
    versions = map(_published, query(TermsRow, TermsRow.record == _VERSIONS))
    return sorted(versions, key=lambda published: published.published_at)


def _published(row: TermsRow) -> Published:
    return Published(terms_from_plain(row.document), row.digest, row.published_at, row.retired_at)
