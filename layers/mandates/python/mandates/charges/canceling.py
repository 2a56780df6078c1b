"""Cancels a charge: no further attempt begins, and its intent is cancelled at Stripe.

Once an attempt was begun, the end is recorded before Stripe is asked, in a conditional write. So another
attempt either loses to it, or was begun before it; then Stripe decides whether its confirm or the
cancellation came first.
"""

from mandates.charges.ending import end_now
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.charging.head import Charge
from mandates.core.clock import Clock
from mandates.core.errors import ChargeIsFinal, NotFound, StripeRefused, StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.store.charges import read_charge


def cancel_charge(
    charge_id: str, actor: str, source: str, gateway: Gateway, clock: Clock, *, why: str = ""
) -> Charge:
    """The charge: `canceled`, or `processing` while Stripe has not decided or can't be asked. The service
    follows it up until it is final. Safe to repeat.

    `actor` is who cancels it, and `why` in their words; both are recorded with the end. Raises ChargeIsFinal
    if it succeeded or failed, also meanwhile; NotFound or Busy; StripeUnavailable or StripeRefused if nothing
    was recorded.
    """
    charge = read_charge(charge_id)
    if charge is None:
        raise NotFound(f"there is no charge {charge_id}")
    try:
        charge = end_now(charge, EndReason.CANCELED, gateway, clock, source=source, actor=actor, why=why)
    except (StripeUnavailable, StripeRefused):
        charge = read_charge(charge_id) or charge
        if ChargeKind.ENDING not in charge.facts:
            raise
    if charge.is_final and charge.status is not ChargeStatus.CANCELED:
        raise ChargeIsFinal(f"the charge has {charge.status}", charge_status=str(charge.status))
    return charge
