"""Withdraws a mandate: here at once, in one write; at Stripe afterwards, repeated until it is done.

The write is what counts: nothing is charged after it. Its ledger entry, read from the table's stream, brings
the mandate to releasing.py, which releases at Stripe whatever could still be used there. So a crash or an
outage between the two delays the second step but never loses it.
"""

from mandates.core.clock import Clock
from mandates.core.facts import Fact, Kind, has
from mandates.ledger.contributing import contribute_ours
from mandates.store.mandates import read_heads

SOURCE = "api:revoke_mandate"


def revoke(mandate_id: str, *, by: str, reason: str, clock: Clock) -> None:
    """Withdraw the mandate. A second call changes nothing, and the first call's words stand.

    `by` is `customer` or `service`. Raises NotFound or Busy.
    """
    head = read_heads([mandate_id]).get(mandate_id)
    if head is not None and has(head.facts, Kind.REVOKED):
        return
    detail = {"by": by, "reason": reason}
    contribute_ours(mandate_id, SOURCE, lambda now: Fact(Kind.REVOKED, now, SOURCE, detail=detail), clock)
