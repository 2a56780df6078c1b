"""Stripe's API as the console asks it: reading only, with the stack's test key."""

from collections.abc import Mapping
from typing import Any

import httpx

from local.settings import PLACEHOLDER_STRIPE_KEY
from local.storefront.console.stripe_lookup import StripeNotAsked

_STRIPE = "https://api.stripe.com"
TEST_KEYS = ("sk_test_", "rk_test_")


class Stripe:
    """`key` has to be a test key: the console of a stack on one machine has no business in a live account. It
    is sent to Stripe only; the simulator takes any key."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http = http
        self._key = key

    async def get(self, base_url: str, path: str) -> Mapping[str, Any] | None:
        """None if Stripe does not have it, or has deleted it. Raises StripeNotAsked."""
        key = self._key if base_url == _STRIPE else PLACEHOLDER_STRIPE_KEY
        if not key.startswith(TEST_KEYS):
            raise StripeNotAsked("The console looks things up at Stripe with a test key only.")
        try:
            answer = await self._http.get(
                base_url + path, headers={"Authorization": f"Bearer {key}"}, timeout=20.0
            )
        except httpx.HTTPError:
            raise StripeNotAsked("Stripe does not answer. Try again in a moment.") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise StripeNotAsked(f"Stripe refused to look it up (status {answer.status_code}).")
        found: Mapping[str, Any] = answer.json()
        return None if found.get("deleted") else found
