"""Stripe's webhook endpoints: https://docs.stripe.com/api/webhook_endpoints"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import stripe

from mandates.core.errors import StripeRefused
from mandates.core.webhook_endpoint import WebhookEndpoint
from mandates.gateway.error_mapping import REFUSED, ResourceMissing, errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import WebhookEndpointCreateParams, WebhookEndpointUpdateParams


class EndpointGone(StripeRefused):
    """The webhook endpoint no longer exists."""


class StripeWebhookEndpoints:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def list_all(self) -> list[WebhookEndpoint]:
        """All endpoints of the key's account and mode; Stripe allows 16."""
        with errors_ours():
            listed = self._sdk.v1.webhook_endpoints.list({"limit": 100})
            return [_endpoint(one) for one in listed.auto_paging_iter()]

    def create(self, params: Mapping[str, Any], *, idempotency_key: str) -> tuple[WebhookEndpoint, str]:
        """The endpoint with its signing secret, which Stripe shows this once."""
        with errors_ours():
            created = self._sdk.v1.webhook_endpoints.create(
                cast("WebhookEndpointCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        if created.secret is None:
            raise StripeRefused(REFUSED, stripe_request_id=None)
        return _endpoint(created), created.secret

    def update(self, endpoint_id: str, changes: Mapping[str, Any]) -> None:
        """Set the given parameters. Safe to repeat. Raises EndpointGone."""
        try:
            with errors_ours():
                self._sdk.v1.webhook_endpoints.update(
                    endpoint_id, cast("WebhookEndpointUpdateParams", dict(changes))
                )
        except ResourceMissing:
            raise EndpointGone("somebody has removed this webhook endpoint meanwhile") from None

    def delete(self, endpoint_id: str) -> None:
        """Nothing happens if somebody else deleted it first."""
        try:
            with errors_ours():
                self._sdk.v1.webhook_endpoints.delete(endpoint_id)
        except ResourceMissing:
            return


def _endpoint(found: stripe.WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint(
        found.id,
        found.url,
        found.api_version,
        frozenset(found.enabled_events),
        found.status == "enabled",
        found.created,
        found.metadata.to_dict() if found.metadata else {},
    )
