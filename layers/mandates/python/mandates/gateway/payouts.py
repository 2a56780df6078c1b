"""Stripe's payouts to the bank: https://docs.stripe.com/api/payouts"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import stripe

from mandates.core.charging.books import Page, Payout
from mandates.gateway.error_mapping import errors_ours
from mandates.gateway.lists import page_of, page_params

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import PayoutListParams


class StripePayouts:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def page(self, created_from: int, created_before: int, after: str | None = None) -> Page[Payout]:
        """Payouts that were created from `created_from` until just before `created_before`, in epoch seconds,
        newest first. `after` is the id of the last one of the previous page.

        https://docs.stripe.com/api/payouts/list
        """
        params = page_params(created_from=created_from, created_before=created_before, after=after)
        with errors_ours():
            listed = self._sdk.v1.payouts.list(cast("PayoutListParams", params))
        return page_of(listed, _payout)


def _payout(payout: Mapping[str, Any]) -> Payout:
    return Payout(
        payout_id=payout["id"],
        status=payout["status"],
        automatic=payout["automatic"],
        reconciled=payout.get("reconciliation_status") == "completed",
        created=payout["created"],
        arrival_date=payout["arrival_date"],
        amount=payout["amount"],
        currency=payout["currency"],
    )
