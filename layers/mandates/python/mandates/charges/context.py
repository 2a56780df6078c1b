"""What the steps of a charge need, and what a step results in."""

import msgspec

from mandates.core.charging.decision import ChargeRules
from mandates.core.charging.head import Charge
from mandates.core.clock import Clock
from mandates.gateway.client import Gateway
from mandates.runtime.deadline import TimeLeft

SOURCE = "api:advance_charges"


class Charging(msgspec.Struct, frozen=True, kw_only=True):
    """`time_left` says how many seconds calls to Stripe still have. `owner_mark` marks what is ours there.

    `rules` and `send_stripe_mandate` are parameters of the stack: when it charges, and whether a confirm
    names Stripe's Mandate.
    """

    gateway: Gateway
    clock: Clock
    time_left: TimeLeft
    owner_mark: str
    rules: ChargeRules
    send_stripe_mandate: bool


class Taken(msgspec.Struct, frozen=True):
    """The charge after a step. `again_at` (epoch seconds) is when somebody should look at it again, if the
    step knows that better than the charge's facts; nothing else is done until then."""

    charge: Charge
    again_at: int | None = None
