"""Stripe's API by its resources: `gateway.customers.create(...)`.

Every call has a time-out well inside API Gateway's, and every creation an idempotency key of ours. Every
answer becomes one of our own types or errors here: nothing else sees a Stripe object.
"""

import logging
import random
import time
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import stripe

from mandates.core.clock import Clock, Sleep
from mandates.gateway.api_keys import ApiKey, FixedKey, livemode_of
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.gateway.customers import StripeCustomers
from mandates.gateway.events import StripeEvents
from mandates.gateway.http_client import Urllib3Client
from mandates.gateway.mandates import StripeMandates
from mandates.gateway.payment_intents import StripePaymentIntents
from mandates.gateway.payment_methods import StripePaymentMethods
from mandates.gateway.politeness import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, Chance, Pacer
from mandates.gateway.transport import PoliteClient
from mandates.gateway.webhook_endpoints import StripeWebhookEndpoints

# At INFO the SDK logs the addresses it calls, and a search has the customer's id in its address.
logging.getLogger("stripe").setLevel(logging.WARNING)

if TYPE_CHECKING:
    from mandates.gateway.balance import StripeBalance
    from mandates.gateway.disputes import StripeDisputes
    from mandates.gateway.payouts import StripePayouts
    from mandates.gateway.refunds import StripeRefunds

API_VERSION = "2026-10-28.endive"


class Gateway:
    """Pass a use case the one resource it uses; pass the Gateway where it uses several."""

    def __init__(
        self,
        api_key: str | ApiKey,
        *,
        api_base: str = "",
        http_client: stripe.HTTPClient | None = None,
        pacer: Pacer | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        chance: Chance = random.random,
    ) -> None:
        """`api_base` is empty for Stripe itself. Background work should pass a `pacer`.

        Tests may pass an HTTP client, a clock and chance of their own.
        """
        self._key = FixedKey(api_key) if isinstance(api_key, str) else api_key
        client = http_client or Urllib3Client(
            api_base or stripe.DEFAULT_API_BASE,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
        )
        self._polite = PoliteClient(client, self._key, pacer=pacer, clock=clock, sleep=sleep, chance=chance)
        sdk = stripe.StripeClient(
            "set-by-the-http-client",  # so that a container can start while the key can't be fetched
            stripe_version=API_VERSION,
            http_client=self._polite,
            max_network_retries=0,  # the SDK's own retries leave out 429 and have no deadline
            base_addresses={"api": api_base} if api_base else {},
        )
        self._sdk = sdk
        self.checkout_sessions = StripeCheckoutSessions(sdk)
        self.customers = StripeCustomers(sdk)
        self.events = StripeEvents(sdk)
        self.mandates = StripeMandates(sdk)
        self.payment_intents = StripePaymentIntents(sdk)
        self.payment_methods = StripePaymentMethods(sdk)
        self.webhook_endpoints = StripeWebhookEndpoints(sdk)

    @property
    def livemode(self) -> bool | None:
        """Whether the key is a live one; None if its form does not say."""
        return livemode_of(self._key.get())

    def begin(self, within: float) -> None:
        """From now on all calls together take at most `within` seconds; after that StripeUnavailable."""
        self._polite.begin(within)

    # Each class is compiled at every cold start, so only the functions that use these resources load them.

    @cached_property
    def balance(self) -> "StripeBalance":
        balance: StripeBalance = _loaded("balance").StripeBalance(self._sdk)
        return balance

    @cached_property
    def disputes(self) -> "StripeDisputes":
        disputes: StripeDisputes = _loaded("disputes").StripeDisputes(self._sdk)
        return disputes

    @cached_property
    def payouts(self) -> "StripePayouts":
        payouts: StripePayouts = _loaded("payouts").StripePayouts(self._sdk)
        return payouts

    @cached_property
    def refunds(self) -> "StripeRefunds":
        refunds: StripeRefunds = _loaded("refunds").StripeRefunds(self._sdk)
        return refunds


def _loaded(module: str) -> Any:
    return import_module(f"mandates.gateway.{module}")
