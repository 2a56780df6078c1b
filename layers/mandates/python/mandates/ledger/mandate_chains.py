"""Reads mandates' ledgers for the publisher."""

from collections.abc import Sequence

from mandates.core.outward import outward_event
from mandates.ledger.publishing import Publication, Reader
from mandates.ledger.stream import Added, entry_in


class MandateChains:
    def chain_of(self, added: Added) -> str:
        return added.mandate_id

    def reader(self, _added: Sequence[Added]) -> Reader:
        """An entry has all that its event needs."""
        return _publication


def _publication(added: Added) -> Publication:
    entry = entry_in(added.image)
    return Publication(
        added=added,
        chain=entry.mandate_id,
        number=entry.number,
        recorded_at=entry.recorded_at,
        source=entry.source,
        event=outward_event(entry),
    )
