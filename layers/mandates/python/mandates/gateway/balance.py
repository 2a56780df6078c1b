"""Stripe's balance transactions: https://docs.stripe.com/api/balance_transactions

The key must be able to read what `source` is expanded to:
https://docs.stripe.com/stripe-apps/reference/permissions
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import stripe

from mandates.core.charging.books import BalanceTransaction, Page, Source
from mandates.gateway.disputes import stripe_dispute
from mandates.gateway.error_mapping import errors_ours
from mandates.gateway.lists import PER_PAGE, page_of, page_params
from mandates.gateway.refunds import stripe_refund

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import BalanceTransactionListParams

_EXPANDED = ("data.source",)


class StripeBalance:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def page(
        self, created_from: int, created_before: int, after: str | None = None
    ) -> Page[BalanceTransaction]:
        """Balance transactions of every kind, newest first, with what caused them.

        They were created from `created_from` until just before `created_before`, in epoch seconds. `after` is
        the id of the last one of the previous page. https://docs.stripe.com/api/balance_transactions/list
        """
        return self._page(
            page_params(
                created_from=created_from,
                created_before=created_before,
                after=after,
                expand=_EXPANDED,
            )
        )

    def of_payout(self, payout_id: str, after: str | None = None) -> Page[BalanceTransaction]:
        """What an automatic payout paid, and the payout's own transaction. Complete once it is reconciled.

        Raises RequestRejected for a manual payout: nobody can say what it paid.
        https://docs.stripe.com/api/balance_transactions/list#balance_transaction_list-payout
        """
        params = {"payout": payout_id, "limit": PER_PAGE, "expand": [*_EXPANDED]}
        return self._page(params | ({"starting_after": after} if after else {}))

    def of_source(self, source_id: str) -> list[BalanceTransaction]:
        """The balance transactions of one charge, refund or dispute, newest first."""
        return list(self._page({"source": source_id, "limit": PER_PAGE, "expand": [*_EXPANDED]}).items)

    def _page(self, params: Mapping[str, Any]) -> Page[BalanceTransaction]:
        with errors_ours():
            listed = self._sdk.v1.balance_transactions.list(cast("BalanceTransactionListParams", params))
        return page_of(listed, _transaction)


def _transaction(transaction: Mapping[str, Any]) -> BalanceTransaction:
    rate = transaction.get("exchange_rate")
    return BalanceTransaction(
        transaction_id=transaction["id"],
        type=transaction["type"],
        amount=transaction["amount"],
        fee=transaction["fee"],
        net=transaction["net"],
        currency=transaction["currency"],
        created=transaction["created"],
        available_on=transaction["available_on"],
        exchange_rate=None if rate is None else f"{Decimal(str(rate)):f}",
        source=_source(transaction.get("source")),
    )


def _source(source: Mapping[str, Any] | str | None) -> Source | None:
    """Stripe leaves the id where it can't expand it."""
    if source is None:
        return None
    if isinstance(source, str):
        return Source("", source)
    kind, source_id = source["object"], source["id"]
    known = kind in {"charge", "refund", "dispute"}
    return Source(
        kind=kind,
        source_id=source_id,
        status=source.get("status") or "",
        amount=source.get("amount") or 0,
        currency=source.get("currency") or "",
        payment_intent_id=source.get("payment_intent") if known else None,
        stripe_charge=source_id if kind == "charge" else source.get("charge") if known else None,
        amount_refunded=source["amount_refunded"] if kind == "charge" else 0,
        metadata=source.get("metadata") or {} if known else {},
        refund=stripe_refund(source) if kind == "refund" else None,
        dispute=stripe_dispute(source) if kind == "dispute" else None,
    )
