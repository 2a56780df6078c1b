"""Stripe's customers: https://docs.stripe.com/api/customers"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import stripe

from mandates.core.errors import InvalidRequest, StripeCustomerUnknown
from mandates.core.stripe_events.projection import METADATA_CUSTOMER, METADATA_OWNER_MARK
from mandates.gateway.error_mapping import RequestRejected, ResourceMissing, errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import CustomerCreateParams, CustomerUpdateParams


class StripeCustomers:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def create(self, customer_id: str, owner_mark: str, *, idempotency_key: str) -> str:
        """Create a Stripe customer and return its id.

        It is sent nothing that may change: Stripe would refuse the same key with other parameters.
        """
        params: CustomerCreateParams = {
            "metadata": {METADATA_CUSTOMER: customer_id, METADATA_OWNER_MARK: owner_mark}
        }
        with errors_ours():
            return self._sdk.v1.customers.create(params, {"idempotency_key": idempotency_key}).id

    def find(self, customer_id: str, owner_mark: str) -> str | None:
        """The newest Stripe customer made for this customer id. Stripe's search lags by about a minute.

        https://docs.stripe.com/search#data-freshness
        """
        query = (
            f"metadata['{METADATA_CUSTOMER}']:'{_quoted(customer_id)}'"
            f" AND metadata['{METADATA_OWNER_MARK}']:'{_quoted(owner_mark)}'"
        )
        with errors_ours():
            found = self._sdk.v1.customers.search({"query": query, "limit": 100}).data
        # The search ignores upper and lower case; our ids don't.
        wanted = {METADATA_CUSTOMER: customer_id, METADATA_OWNER_MARK: owner_mark}
        exact = [one for one in found if one.metadata and wanted.items() <= one.metadata.to_dict().items()]
        return max(exact, key=lambda customer: customer.created).id if exact else None

    def check_exists(self, stripe_customer_id: str) -> None:
        """Raise StripeCustomerUnknown unless Stripe has this customer and has not deleted it."""
        try:
            exists = not self.is_deleted(stripe_customer_id)
        except ResourceMissing:
            exists = False
        if not exists:
            raise StripeCustomerUnknown(f"Stripe has no customer {stripe_customer_id}")

    def is_deleted(self, stripe_customer_id: str) -> bool:
        """Whether Stripe says that this customer was deleted. Raises ResourceMissing if it has no such id."""
        with errors_ours():
            customer = self._sdk.v1.customers.retrieve(stripe_customer_id)
        return bool(getattr(customer, "deleted", False))

    def update(self, stripe_customer_id: str, profile: Mapping[str, str]) -> None:
        """Set `email` and `name`, whichever are given. Safe to repeat, so the SDK's own key is enough.

        Raises InvalidRequest if Stripe does not accept one of them.
        """
        params = cast("CustomerUpdateParams", dict(profile))
        try:
            with errors_ours():
                self._sdk.v1.customers.update(stripe_customer_id, params)
        except RequestRejected as refused:
            if refused.param in profile:
                raise InvalidRequest(f"Stripe does not accept this {refused.param}") from None
            raise


def _quoted(value: str) -> str:
    """A value inside a search query's quotes. https://docs.stripe.com/search#search-query-language"""
    return value.replace("\\", "\\\\").replace("'", "\\'")
