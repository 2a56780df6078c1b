"""The gateway with Stripe's current API key: a rotated key is used without a deployment."""

import math
import time
from typing import Annotated

import msgspec

from mandates.gateway.client import Gateway
from mandates.gateway.politeness import Pacer
from mandates.runtime import aws
from mandates.runtime.addresses import SERVER
from mandates.runtime.secret_values import Secret, plain


class StripeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """`stripe_api_base` is empty for Stripe itself. `owner_mark` marks what is ours in a shared account."""

    stripe_api_key_secret_arn: str
    stripe_api_base: Annotated[str, msgspec.Meta(pattern=f"^({SERVER})?$")] = ""
    owner_mark: str


class Stripe:
    """One for each container.

    `within` limits all calls to Stripe of one invocation, in seconds. A function that has to answer in time
    sets it. Without it each call has its own limit, and there may be many calls. `per_second` is for
    background work: it limits the rate of an invocation's calls, which it makes one after the other.
    """

    def __init__(
        self, settings: StripeAccess, *, within: float = math.inf, per_second: float | None = None
    ) -> None:
        client = aws.client("secretsmanager")
        self._api_key = Secret(client, settings.stripe_api_key_secret_arn, plain, time.time)
        self._api_key.prefetch()
        self._within = within
        self._ends_at = math.inf
        self._gateway = Gateway(
            self._api_key,
            api_base=settings.stripe_api_base,
            pacer=Pacer(per_second, time.monotonic, time.sleep) if per_second else None,
            clock=time.monotonic,
            sleep=time.sleep,
        )

    def gateway(self) -> Gateway:
        """The gateway for one invocation. The time that its calls share begins now."""
        self._gateway.begin(self._within)
        self._ends_at = time.monotonic() + self._within
        return self._gateway

    def time_left(self) -> float:
        """How much of the time that the invocation's calls share is left, in seconds."""
        return self._ends_at - time.monotonic()
