"""Reading a mandate for somebody: ownership first."""

from mandates.caller import NOT_YOURS, Caller, Scope
from mandates.core.mandate import Mandate
from mandates.errors import NotFound
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
