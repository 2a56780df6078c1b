"""Published terms: each version written once, and a pointer to the current one."""

from mandates.core.terms import Terms, from_plain
from mandates.moment import Moment
from mandates.store.tables import TermsRow
from mandates.store.writing import transaction

_VERSIONS = "version"
_POINTERS, _CURRENT = "pointer", "current"


def publish_terms(terms: Terms, moment: Moment) -> None:
    """Store a version and make it the current one. Raises Conflict if that version was published before."""
    never_published = TermsRow.record.does_not_exist()
    with transaction() as writing:
        writing.save(
            TermsRow(
                _VERSIONS,
                terms.version,
                document=terms.to_plain(),
                digest=terms.digest,
                published_at=moment.text,
            ),
            condition=never_published,
        )
        writing.save(
            TermsRow(
                _POINTERS,
                _CURRENT,
                document={"version": terms.version},
                digest=terms.digest,
                published_at=moment.text,
            )
        )


def read_terms(version: str) -> Terms | None:
    for row in TermsRow.batch_get([(_VERSIONS, version)], consistent_read=True):
        return from_plain(row.document)
    return None


def current_terms() -> Terms | None:
    for row in TermsRow.batch_get([(_POINTERS, _CURRENT)], consistent_read=True):
        return read_terms(row.document["version"])
    return None
