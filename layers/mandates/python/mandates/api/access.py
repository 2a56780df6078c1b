"""Reading a mandate for somebody: ownership first."""

from mandates.api.callers import NOT_YOURS, Caller, Scope
from mandates.core.errors import NotFound
from mandates.core.ledger import Entry
from mandates.core.mandate import Mandate, Status
from mandates.runtime.telemetry import count, logger
from mandates.store.mandates import read_heads


def mandate_for(caller: Caller, mandate_id: str, scope: Scope) -> Mandate:
    """The mandate, if it is the caller's own or they are a service with that scope.

    Raises NotFound in the same words for what does not exist and what is somebody else's; a service
    without the scope gets InsufficientScope for either.
    """
    mandate = read_heads([mandate_id]).get(mandate_id)
    caller.must_reach(mandate.customer_id if mandate else "", scope)
    if mandate is None:
        raise NotFound(NOT_YOURS)
    return mandate


def ledger_status(mandate: Mandate, status: Status, last: Entry | None) -> str | None:
    """What the last entry says of the mandate, to stand beside what it is by what it stands on.

    They differ while a withdrawal of that is not told yet. A withdrawal in the ledger never lapses: if the
    mandate is said to be anything else, what is stored was altered, and so it was if the entry is gone.
    """
    if last is None or (last.status == Status.REVOKED and status is not Status.REVOKED):
        count("BrokenLedgers")
        logger.error("a mandate is not what its ledger says", extra={"mandate_id": mandate.mandate_id})
    return last.status if last else None
