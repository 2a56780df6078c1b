"""Reads a mandate for a caller: ownership first."""

from mandates.api.callers import NOT_YOURS, Caller, Scope
from mandates.core.errors import NotFound
from mandates.core.ledger import Entry
from mandates.core.mandate import Mandate, Status
from mandates.runtime.telemetry import count, logger
from mandates.store.mandates import read_heads


def mandate_for(caller: Caller, mandate_id: str, scope: Scope) -> Mandate:
    """The mandate, if it is the caller's own or they are a service with that scope.

    Raises NotFound in the same words for a mandate that does not exist and for somebody else's. A service
    without the scope gets InsufficientScope for either.
    """
    mandate = read_heads([mandate_id]).get(mandate_id)
    caller.must_reach(mandate.customer_id if mandate else "", scope)
    if mandate is None:
        raise NotFound(NOT_YOURS)
    return mandate


def mandate_for_service(caller: Caller, mandate_id: str, scope: Scope) -> Mandate:
    """The mandate, if the caller is a service with that scope.

    Raises InsufficientScope for any other service, and for the mandate's own customer. Raises NotFound in the
    same words for another customer and for a mandate that does not exist.
    """
    mandate = mandate_for(caller, mandate_id, scope)
    caller.must_be_service(scope)
    return mandate


def ledger_status(mandate: Mandate, status: Status, last: Entry | None) -> str | None:
    """The mandate's status in the last entry, shown beside the status that follows from what it stands on.

    They differ while a withdrawal of what it stands on is not in the ledger yet. A withdrawal in the ledger
    never lapses. So if the mandate has any other status, what is stored was altered; so it was if the entry
    is gone.
    """
    if last is None or (last.status == Status.REVOKED and status is not Status.REVOKED):
        count("BrokenLedgers")
        logger.error("a mandate is not what its ledger says", extra={"mandate_id": mandate.mandate_id})
    return last.status if last else None
