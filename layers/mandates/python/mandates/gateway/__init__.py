"""Stripe, and the only importer of stripe.

Every call has a time-out well inside API Gateway's, every creation an idempotency key of ours, and every
answer is turned into our own types or errors here: nothing else sees a Stripe object.
"""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerUpdateParams,
    EventListParams,
    WebhookEndpointCreateParams,
    WebhookEndpointUpdateParams,
)
from stripe.params.checkout import SessionCreateParams

from mandates.core.clock import Clock
from mandates.core.endpoint_plan import WebhookEndpoint
from mandates.core.errors import InvalidRequest, StripeCustomerUnknown, StripeRefused
from mandates.core.stripe_events.projection import METADATA_CUSTOMER, METADATA_OWNER_MARK
from mandates.gateway.api_keys import ApiKey, FixedKey, livemode_of
from mandates.gateway.error_mapping import (
    REFUSED,
    AnswerReplayed,
    EndpointGone,
    KeyLacksPermission,
    KeyRefused,
    RequestRejected,
    ResourceMissing,
    SessionNotOpen,
    errors_ours,
)
from mandates.gateway.politeness import (
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    Chance,
    Pacer,
    Sleep,
)
from mandates.gateway.setup_sessions import setup_session_params
from mandates.gateway.transport import PoliteClient

__all__ = [
    "API_VERSION",
    "EVENTS_PER_PAGE",
    "REFUSED",
    "AnswerReplayed",
    "ApiKey",
    "CheckoutSession",
    "EndpointGone",
    "EventPage",
    "Gateway",
    "KeyLacksPermission",
    "KeyRefused",
    "RequestRejected",
    "ResourceMissing",
    "SessionNotOpen",
    "setup_session_params",
]

# At INFO the SDK logs the addresses it calls, and a search has the customer's id in it.
logging.getLogger("stripe").setLevel(logging.WARNING)

API_VERSION = "2026-10-28.endive"

EVENTS_PER_PAGE = 100  # the most there is: https://docs.stripe.com/api/pagination


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """An open session. `expires_at` in epoch seconds. Stripe need not name the SetupIntent yet."""

    checkout_session_id: str
    url: str
    expires_at: int
    setup_intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as plain values, newest first. `has_more` if older ones follow."""

    events: Sequence[Mapping[str, Any]]
    has_more: bool


class Gateway:
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
        """`api_base` is empty for Stripe itself; tests may bring their own HTTP client, clock and chance.

        Background work is to bring a `pacer`.
        """
        key = FixedKey(api_key) if isinstance(api_key, str) else api_key
        self._key = key
        client = http_client or stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS))
        self._polite = PoliteClient(client, key, pacer=pacer, clock=clock, sleep=sleep, chance=chance)
        self._stripe = stripe.StripeClient(
            "set-by-the-http-client",  # so a container can start while the key can't be fetched
            stripe_version=API_VERSION,
            http_client=self._polite,
            max_network_retries=0,  # the SDK's own leave out 429 and know no end
            base_addresses={"api": api_base} if api_base else {},
        )

    @property
    def livemode(self) -> bool | None:
        """What the key works in, None if its form does not say so."""
        return livemode_of(self._key.get())

    def begin(self, within: float) -> None:
        """From now on all calls together take no longer than `within` seconds; then StripeUnavailable."""
        self._polite.begin(within)

    def create_customer(self, customer_id: str, owner_mark: str, *, idempotency_key: str) -> str:
        """Create a Stripe customer and return its id.

        Only what never changes goes in: the same key with other parameters would be an error for ever.
        """
        params: CustomerCreateParams = {
            "metadata": {METADATA_CUSTOMER: customer_id, METADATA_OWNER_MARK: owner_mark}
        }
        with errors_ours():
            return self._stripe.v1.customers.create(params, {"idempotency_key": idempotency_key}).id

    def find_customer(self, customer_id: str, owner_mark: str) -> str | None:
        """The newest Stripe customer made for this customer id. Stripe's search lags by about a minute.

        https://docs.stripe.com/search#data-freshness
        """
        query = (
            f"metadata['{METADATA_CUSTOMER}']:'{_quoted(customer_id)}'"
            f" AND metadata['{METADATA_OWNER_MARK}']:'{_quoted(owner_mark)}'"
        )
        with errors_ours():
            found = self._stripe.v1.customers.search({"query": query, "limit": 100}).data
        # The search tells "Ann" and "ann" not apart; ids do.
        wanted = {METADATA_CUSTOMER: customer_id, METADATA_OWNER_MARK: owner_mark}
        exact = [one for one in found if one.metadata and wanted.items() <= one.metadata.to_dict().items()]
        return max(exact, key=lambda customer: customer.created).id if exact else None

    def check_customer(self, stripe_customer_id: str) -> None:
        """Raise StripeCustomerUnknown unless Stripe has this customer and has not deleted it."""
        try:
            usable = not self.is_deleted(stripe_customer_id)
        except ResourceMissing:
            usable = False
        if not usable:
            raise StripeCustomerUnknown(f"Stripe has no customer {stripe_customer_id}")

    def is_deleted(self, stripe_customer_id: str) -> bool:
        """Whether Stripe says that this customer was deleted. Raises ResourceMissing if it has no such id."""
        with errors_ours():
            customer = self._stripe.v1.customers.retrieve(stripe_customer_id)
        return bool(getattr(customer, "deleted", False))

    def update_customer(self, stripe_customer_id: str, profile: Mapping[str, str]) -> None:
        """Set `email` and `name`, as far as given. Twice is harmless, so the SDK's own key will do."""
        params = cast("CustomerUpdateParams", dict(profile))
        try:
            with errors_ours():
                self._stripe.v1.customers.update(stripe_customer_id, params)
        except RequestRejected as refused:
            if refused.param in profile:
                raise InvalidRequest(f"Stripe does not accept this {refused.param}") from None
            raise

    def create_session(self, params: Mapping[str, Any], *, idempotency_key: str) -> CheckoutSession:
        """Create a Checkout Session from parameters built by `setup_session_params`."""
        with errors_ours():
            session = self._stripe.v1.checkout.sessions.create(
                cast("SessionCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if session.url is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        setup_intent = session.setup_intent
        return CheckoutSession(
            session.id,
            session.url,
            session.expires_at,
            setup_intent if isinstance(setup_intent, str) else None,
        )

    def read_session(self, checkout_session_id: str) -> Mapping[str, Any]:
        """The session as Stripe has it now, with its SetupIntent.

        Plain values in the shapes of the objects in Stripe's events. Raises ResourceMissing, which says
        nothing of how the session ended: a key of another account does not know it, either.
        """
        with errors_ours():
            session = self._stripe.v1.checkout.sessions.retrieve(
                checkout_session_id, {"expand": ["setup_intent"]}
            )
        return session.to_dict()

    def list_events(
        self, types: Sequence[str], *, created_from: int, created_before: int, after: str | None = None
    ) -> EventPage:
        """A page of the events of these types (20 at most) made in this time (epoch seconds; the second is
        left out), of the last 30 days. `after` is the id of the last event of the page before.

        Each has the shape of the API version it was made with, which need not be ours; the fields that
        `project` keeps are the same in all. https://docs.stripe.com/api/events/list
        """
        params: EventListParams = {
            "types": list(types),
            "created": {"gte": created_from, "lt": created_before},
            "limit": EVENTS_PER_PAGE,
        }
        if after:
            params["starting_after"] = after
        with errors_ours():
            page = self._stripe.v1.events.list(params)
        return EventPage([event.to_dict() for event in page.data], page.has_more)

    def detach(self, payment_method_id: str) -> None:
        """Take the payment method from its customer for good; nothing to do if that was done before.

        After RequestRejected it is attached still; after ResourceMissing nobody knows.
        """
        try:
            with errors_ours():
                self._stripe.v1.payment_methods.detach(payment_method_id)
        except ResourceMissing:
            raise
        except RequestRejected:
            # Stripe has no code of its own for "not attached": only the payment method can tell.
            with errors_ours():
                found = self._stripe.v1.payment_methods.retrieve(payment_method_id)
            if found.customer is not None:
                raise

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """All there are in the key's account and mode; Stripe allows 16."""
        with errors_ours():
            listed = self._stripe.v1.webhook_endpoints.list({"limit": 100})
            return [_webhook_endpoint(one) for one in listed.auto_paging_iter()]

    def create_webhook_endpoint(
        self, params: Mapping[str, Any], *, idempotency_key: str
    ) -> tuple[WebhookEndpoint, str]:
        """The endpoint with its signing secret, which Stripe shows this once."""
        with errors_ours():
            created = self._stripe.v1.webhook_endpoints.create(
                cast("WebhookEndpointCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if created.secret is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        return _webhook_endpoint(created), created.secret

    def update_webhook_endpoint(self, endpoint_id: str, changes: Mapping[str, Any]) -> None:
        """Sets what it is told, so twice is harmless. Raises EndpointGone."""
        try:
            with errors_ours():
                self._stripe.v1.webhook_endpoints.update(
                    endpoint_id, cast("WebhookEndpointUpdateParams", dict(changes))
                )
        except ResourceMissing:
            raise EndpointGone("somebody has removed this webhook endpoint meanwhile") from None

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Nothing to do if somebody was faster."""
        try:
            with errors_ours():
                self._stripe.v1.webhook_endpoints.delete(endpoint_id)
        except ResourceMissing:
            return

    def expire_session(self, checkout_session_id: str) -> None:
        """End an open session, so that it can't be completed any more.

        Raises SessionNotOpen if it has ended. After RequestRejected it is open still; after ResourceMissing
        nobody knows.
        """
        sessions = self._stripe.v1.checkout.sessions
        try:
            with errors_ours():
                sessions.expire(checkout_session_id)
        except ResourceMissing:
            raise
        except RequestRejected:
            # Stripe has no code of its own for "not open": only the session can tell.
            with errors_ours():
                found = sessions.retrieve(checkout_session_id)
            if found.status == "open":
                raise
            raise SessionNotOpen from None

    def read_event(self, event_id: str) -> Mapping[str, Any] | None:
        """The event as a webhook would bring it; None if Stripe has none by that id (it keeps 30 days)."""
        try:
            with errors_ours():
                return self._stripe.v1.events.retrieve(event_id).to_dict()
        except ResourceMissing:
            return None


def _webhook_endpoint(found: stripe.WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint(
        found.id,
        found.url,
        found.api_version,
        frozenset(found.enabled_events),
        found.status == "enabled",
        found.created,
        found.metadata.to_dict() if found.metadata else {},
    )


def _quoted(value: str) -> str:
    """A value inside a search query's quotes. https://docs.stripe.com/search#search-query-language"""
    return value.replace("\\", "\\\\").replace("'", "\\'")
