"""Stripe's webhook endpoint for the deployed API, registered with the real SDK as an operator would."""

from typing import Any, cast

import stripe

from local.settings import PLACEHOLDER_STRIPE_KEY, Settings
from mandates.core.stripe_events import HANDLED_TYPES


def register(settings: Settings, url: str) -> str:
    """Have the simulator send its events to `url`. Returns the signing secret, which is shown only now."""
    client = stripe.StripeClient(PLACEHOLDER_STRIPE_KEY, base_addresses={"api": settings.stripe_url})
    endpoints = client.v1.webhook_endpoints
    for endpoint in endpoints.list().auto_paging_iter():
        endpoints.delete(endpoint.id)  # of an earlier deployment, whose API may be gone
    handled = cast("Any", list(HANDLED_TYPES))
    version = cast("Any", stripe.api_version)  # typed as the version it is, where a str is stored
    created = endpoints.create({"url": url, "enabled_events": handled, "api_version": version})
    if created.secret is None:
        raise RuntimeError("a new webhook endpoint comes with its secret")
    return created.secret
