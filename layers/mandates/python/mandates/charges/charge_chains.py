"""Reads charges' chains for the publisher.

Amount, currency and reference are not in every entry. So the heads of a batch's charges are read, all in one
request.
"""

from collections.abc import Sequence

from mandates.core.charging.outward import charge_event
from mandates.ledger.publishing import Publication, Reader
from mandates.ledger.stream import Added
from mandates.store.charge_stream import charge_entry_in, charge_id_in, charge_in, stored_heads


class NoHead(Exception):
    """The charge of an entry is not in the table, which was restored or altered."""


class ChargeChains:
    def chain_of(self, added: Added) -> str:
        return charge_id_in(added.record)

    def reader(self, added: Sequence[Added]) -> Reader:
        """Raises StoreError if DynamoDB can't be asked now. A head that is missing or can't be read makes
        only its own entries unreadable."""
        heads = stored_heads((one.mandate_id, charge_id_in(one.record)) for one in added)

        def publication(one: Added) -> Publication:
            entry = charge_entry_in(dict(one.image))
            head = heads.get((one.mandate_id, entry.charge_id))
            if head is None:
                raise NoHead
            return Publication(
                added=one,
                chain=entry.charge_id,
                number=entry.number,
                recorded_at=entry.recorded_at,
                source=entry.source,
                event=charge_event(entry, charge_in(head)),
            )

        return publication
