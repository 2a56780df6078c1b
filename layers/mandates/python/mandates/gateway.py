"""Stripe, and the only importer of stripe.

Every call has a time-out well inside API Gateway's, every creation an idempotency key of ours, and every
answer is turned into our own types or errors here: nothing else sees a Stripe object.
"""

import logging
import math
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, cast

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerUpdateParams,
    EventListParams,
    WebhookEndpointCreateParams,
    WebhookEndpointUpdateParams,
)
from stripe.params.checkout import SessionCreateParams

from mandates.core.stripe_events import METADATA_CUSTOMER, METADATA_MANAGED_BY, METADATA_MANDATE
from mandates.core.webhook_endpoints import WebhookEndpoint
from mandates.errors import InvalidRequest, StripeCustomerUnknown, StripeRefused, StripeUnavailable
from mandates.moment import Clock
from mandates.politeness import (
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    Chance,
    Pacer,
    Sleep,
    Tries,
    is_worth_repeating,
)

# At INFO the SDK logs the addresses it calls, and a search has the customer's id in it.
logging.getLogger("stripe").setLevel(logging.WARNING)

API_VERSION = "2026-10-28.endive"


class ApiKey(Protocol):
    """The key as it is now: secret_values.Secret[str], for one."""

    def get(self) -> str: ...

    def newer_than(self, refused: str) -> str | None:
        """Another key than the one Stripe has just refused; None if there is none, or none to be had yet."""
        ...


EVENTS_PER_PAGE = 100  # the most there is: https://docs.stripe.com/api/pagination


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """An open session. `expires_at` in epoch seconds."""

    checkout_session_id: str
    url: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as plain values, newest first. `has_more` if older ones follow."""

    events: Sequence[Mapping[str, Any]]
    has_more: bool


REFUSED = "Stripe refused the request: this service or its Stripe account is set up wrongly"


class RequestRejected(StripeRefused):
    """Stripe looked at the request and won't do it. `param` is what it found fault with, if it said."""

    param: str | None = None


class KeyLacksPermission(StripeRefused):
    """A restricted key without the right to what was asked."""


class AnswerReplayed(StripeUnavailable):
    """Stripe failed once under this idempotency key, and will say so again for as long as it knows the key.

    Whether it was done is not known: https://docs.stripe.com/error-low-level#server-errors
    """


class KeyRefused(StripeRefused):
    """Stripe does not take the API key, nor a newer one. It has not looked at the request."""


class EndpointGone(StripeRefused):
    """The webhook endpoint no longer exists."""


class SessionNotOpen(Exception):
    """It was completed or has expired already; a webhook says which."""


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
        key = _FixedKey(api_key) if isinstance(api_key, str) else api_key
        self._key = key
        client = http_client or stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS))
        self._polite = _Polite(client, key, pacer=pacer, clock=clock, sleep=sleep, chance=chance)
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
        return _livemode_of(self._key.get())

    def begin(self, within: float) -> None:
        """From now on all calls together take no longer than `within` seconds; then StripeUnavailable."""
        self._polite.begin(within)

    def create_customer(self, customer_id: str, managed_by: str, *, idempotency_key: str) -> str:
        """Create a Stripe customer and return its id.

        Only what never changes goes in: the same key with other parameters would be an error for ever.
        """
        params: CustomerCreateParams = {
            "metadata": {METADATA_CUSTOMER: customer_id, METADATA_MANAGED_BY: managed_by}
        }
        with _errors_ours():
            return self._stripe.v1.customers.create(params, {"idempotency_key": idempotency_key}).id

    def find_customer(self, customer_id: str, managed_by: str) -> str | None:
        """The newest Stripe customer made for this customer id. Stripe's search lags by about a minute.

        https://docs.stripe.com/search#data-freshness
        """
        query = (
            f"metadata['{METADATA_CUSTOMER}']:'{_quoted(customer_id)}'"
            f" AND metadata['{METADATA_MANAGED_BY}']:'{_quoted(managed_by)}'"
        )
        with _errors_ours():
            found = self._stripe.v1.customers.search({"query": query, "limit": 100}).data
        # The search tells "Ann" and "ann" not apart; ids do.
        wanted = {METADATA_CUSTOMER: customer_id, METADATA_MANAGED_BY: managed_by}
        exact = [one for one in found if one.metadata and wanted.items() <= one.metadata.to_dict().items()]
        return max(exact, key=lambda customer: customer.created).id if exact else None

    def check_customer(self, stripe_customer_id: str) -> None:
        """Raise StripeCustomerUnknown unless Stripe has this customer and has not deleted it."""
        try:
            with _errors_ours():
                customer = self._stripe.v1.customers.retrieve(stripe_customer_id)
        except _ResourceMissing:
            customer = None
        if customer is None or getattr(customer, "deleted", False):
            raise StripeCustomerUnknown(f"Stripe has no customer {stripe_customer_id}")

    def update_customer(self, stripe_customer_id: str, profile: Mapping[str, str]) -> None:
        """Set `email` and `name`, as far as given. Twice is harmless, so the SDK's own key will do."""
        params = cast("CustomerUpdateParams", dict(profile))
        try:
            with _errors_ours():
                self._stripe.v1.customers.update(stripe_customer_id, params)
        except RequestRejected as refused:
            if refused.param in profile:
                raise InvalidRequest(f"Stripe does not accept this {refused.param}") from None
            raise

    def create_session(self, params: Mapping[str, Any], *, idempotency_key: str) -> CheckoutSession:
        """Create a Checkout Session from parameters built by `setup_session_params`."""
        with _errors_ours():
            session = self._stripe.v1.checkout.sessions.create(
                cast("SessionCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if session.url is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        return CheckoutSession(session.id, session.url, session.expires_at)

    def read_session(self, checkout_session_id: str) -> Mapping[str, Any] | None:
        """The session as Stripe has it now, with its SetupIntent; None if Stripe does not know it.

        Plain values in the shapes of the objects in Stripe's events.
        """
        try:
            with _errors_ours():
                session = self._stripe.v1.checkout.sessions.retrieve(
                    checkout_session_id, {"expand": ["setup_intent"]}
                )
        except _ResourceMissing:
            return None
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
        with _errors_ours():
            page = self._stripe.v1.events.list(params)
        return EventPage([event.to_dict() for event in page.data], page.has_more)

    def detach(self, payment_method_id: str) -> None:
        """Take the payment method from its customer for good; nothing to do if that was done before."""
        try:
            with _errors_ours():
                self._stripe.v1.payment_methods.detach(payment_method_id)
        except _ResourceMissing:
            return
        except RequestRejected:
            # Stripe has no code of its own for "not attached": only the payment method can tell.
            with _errors_ours():
                found = self._stripe.v1.payment_methods.retrieve(payment_method_id)
            if found.customer is not None:
                raise

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """All there are in the key's account and mode; Stripe allows 16."""
        with _errors_ours():
            listed = self._stripe.v1.webhook_endpoints.list({"limit": 100})
            return [_webhook_endpoint(one) for one in listed.auto_paging_iter()]

    def create_webhook_endpoint(
        self, params: Mapping[str, Any], *, idempotency_key: str
    ) -> tuple[WebhookEndpoint, str]:
        """The endpoint with its signing secret, which Stripe shows this once."""
        with _errors_ours():
            created = self._stripe.v1.webhook_endpoints.create(
                cast("WebhookEndpointCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if created.secret is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        return _webhook_endpoint(created), created.secret

    def update_webhook_endpoint(self, endpoint_id: str, changes: Mapping[str, Any]) -> None:
        """Sets what it is told, so twice is harmless. Raises EndpointGone."""
        try:
            with _errors_ours():
                self._stripe.v1.webhook_endpoints.update(
                    endpoint_id, cast("WebhookEndpointUpdateParams", dict(changes))
                )
        except _ResourceMissing:
            raise EndpointGone("somebody has removed this webhook endpoint meanwhile") from None

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Nothing to do if somebody was faster."""
        try:
            with _errors_ours():
                self._stripe.v1.webhook_endpoints.delete(endpoint_id)
        except _ResourceMissing:
            return

    def expire_session(self, checkout_session_id: str) -> None:
        """End an open session, so that it can't be completed any more. Raises SessionNotOpen."""
        sessions = self._stripe.v1.checkout.sessions
        try:
            with _errors_ours():
                sessions.expire(checkout_session_id)
        except RequestRejected:
            # Stripe has no code of its own for "not open": only the session can tell.
            with _errors_ours():
                found = sessions.retrieve(checkout_session_id)
            if found.status == "open":
                raise
            raise SessionNotOpen from None

    def read_event(self, event_id: str) -> Mapping[str, Any] | None:
        """The event as a webhook would bring it; None if Stripe has none by that id (it keeps 30 days)."""
        try:
            with _errors_ours():
                return self._stripe.v1.events.retrieve(event_id).to_dict()
        except _ResourceMissing:
            return None


def setup_session_params(
    *,
    mandate_id: str,
    managed_by: str,
    stripe_customer_id: str,
    currency: str,
    success_url: str,
    cancel_url: str,
    locale: str,
    expires_at: int,
) -> SessionCreateParams:
    """All that Stripe is sent to set up Amazon Pay for later.

    `allowed_payment_method_types` is a filter over what the account has enabled: Amazon Pay must be on
    in its payment method settings. The metadata is set on both objects, since setup_intent.* events
    carry only the SetupIntent's. https://docs.stripe.com/payments/amazon-pay/set-up-future-payments
    """
    metadata = {METADATA_MANDATE: mandate_id, METADATA_MANAGED_BY: managed_by}
    return {
        "mode": "setup",
        "allowed_payment_method_types": ["amazon_pay"],
        "currency": currency,
        "customer": stripe_customer_id,
        "client_reference_id": mandate_id,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": cast("Any", locale),
        "expires_at": expires_at,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
    }


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


class _FixedKey:
    def __init__(self, key: str) -> None:
        self._key = key

    def get(self) -> str:
        return self._key

    def newer_than(self, refused: str) -> str | None:  # noqa: ARG002 - it is the only one there is
        return None


class _Polite(stripe.HTTPClient):
    """The SDK's way to Stripe, with patience (politeness.py) and the key as it is at the moment.

    It sits below the SDK, so what is repeated is the same request to the byte, idempotency key included.
    Stripe checks the API key before it looks at that: https://docs.stripe.com/api/idempotent_requests
    """

    name = "polite"

    def __init__(
        self,
        inner: stripe.HTTPClient,
        api_key: ApiKey,
        *,
        pacer: Pacer | None,
        clock: Clock,
        sleep: Sleep,
        chance: Chance,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._api_key = api_key
        self._pacer = pacer
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._deadline = math.inf

    def begin(self, within: float) -> None:
        self._deadline = self._clock() + within

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        tries = Tries(self._deadline, self._clock, self._sleep, self._chance)
        if not tries.may_begin():
            raise _no_answer("There is no time left for another call to Stripe.")
        key = self._api_key.get()
        while True:
            tries.begun()
            signed = {**(headers or {}), "Authorization": f"Bearer {key}"}
            try:
                with self._pacer.turn() if self._pacer else nullcontext():
                    answer = self._inner.request(method, url, signed, post_data)
            except stripe.APIConnectionError as error:
                if error.should_retry and tries.pause():
                    continue
                raise
            _, status, answered = answer
            if status == 401 and tries.may_begin() and (newer := self._api_key.newer_than(key)):
                key = newer
            elif not (is_worth_repeating(status, answered.get("stripe-should-retry")) and tries.pause()):
                return answer

    def close(self) -> None:
        self._inner.close()  # type: ignore[no-untyped-call]


def _no_answer(message: str) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(message, should_retry=False)  # type: ignore[no-untyped-call]


class _ResourceMissing(RequestRejected):
    pass


class _errors_ours:  # noqa: N801 - reads as a word in `with _errors_ours():`
    """Turns the SDK's exceptions into ours, by type and code and never by message text."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, stripe.StripeError):
            return
        code = error.error.code if error.error else None
        about = {"stripe_code": code, "stripe_request_id": error.request_id}
        match error:
            case stripe.AuthenticationError():
                raise KeyRefused(REFUSED, **about) from error
            case stripe.InvalidRequestError() if code == "resource_missing":
                raise _ResourceMissing("Stripe does not know this object", **about) from error
            case stripe.InvalidRequestError():
                rejected = RequestRejected(REFUSED, **about)
                rejected.param = error.param
                raise rejected from error
            case stripe.PermissionError():
                raise KeyLacksPermission("the Stripe API key may not do this", **about) from error
            case stripe.APIError() if _header(error, "idempotent-replayed") == "true":
                raise AnswerReplayed("Stripe failed at this request; try again", **about) from error
            case stripe.RateLimitError() | stripe.APIConnectionError() | stripe.APIError():
                raise StripeUnavailable("Stripe can't be reached or is busy; try again", **about) from error
            case _:
                raise StripeRefused(REFUSED, **about) from error


def _header(error: stripe.StripeError, name: str) -> str | None:
    """HTTP clients differ in the case they give a header's name."""
    return {key.lower(): value for key, value in (error.headers or {}).items()}.get(name)


def _livemode_of(api_key: str) -> bool | None:
    """By the key's form (https://docs.stripe.com/keys), None if it is of another."""
    mode = api_key.split("_", 2)[1:2]
    return {"live": True, "test": False}.get(mode[0]) if mode else None


def _quoted(value: str) -> str:
    """A value inside a search query's quotes. https://docs.stripe.com/search#search-query-language"""
    return value.replace("\\", "\\\\").replace("'", "\\'")
