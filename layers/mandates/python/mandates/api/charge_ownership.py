"""Reads a charge for a caller: ownership first."""

from mandates.api.callers import NOT_YOURS, Caller, Scope
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import CHARGE_ID
from mandates.core.errors import NotFound
from mandates.store.charges import read_charge
from mandates.store.mandates import read_heads


def charge_for(caller: Caller, charge_id: str, scope: Scope) -> Charge:
    """The charge, if its mandate is the caller's own or they are a service with that scope.

    Raises NotFound in the same words for a charge that does not exist and for somebody else's. A service
    without the scope gets InsufficientScope for either.
    """
    charge = read_charge(charge_id) if CHARGE_ID.fullmatch(charge_id) else None
    mandate = read_heads([charge.mandate_id]).get(charge.mandate_id) if charge else None
    caller.must_reach(mandate.customer_id if mandate else "", scope)
    if charge is None or mandate is None:
        raise NotFound(NOT_YOURS)
    return charge


def charge_for_service(caller: Caller, charge_id: str, scope: Scope) -> Charge:
    """The charge, if the caller is a service with that scope.

    Raises InsufficientScope for any other service, and for the charge's own customer. Raises NotFound in the
    same words for another customer and for a charge that does not exist.
    """
    charge = charge_for(caller, charge_id, scope)
    caller.must_be_service(scope)
    return charge
