"""Stripe's list of PaymentIntents: https://docs.stripe.com/api/payment_intents/list"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import stripe

from mandates.core.charging.books import ListedCharge, ListedIntent, Page
from mandates.core.funding import funding_of_charge
from mandates.gateway.error_mapping import errors_ours
from mandates.gateway.lists import page_of, page_params

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import PaymentIntentListParams

_EXPANDED = ("latest_charge",)


class StripeListedIntents:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def look(self, payment_intent_id: str) -> ListedIntent:
        """The intent as a list would show it. Raises what `retrieve` raises."""
        with errors_ours():
            known = self._sdk.v1.payment_intents.retrieve(payment_intent_id, {"expand": list(_EXPANDED)})
            return _listed(known.to_dict())

    def page(self, created_from: int, created_before: int, after: str | None = None) -> Page[ListedIntent]:
        """The account's intents, ours and others, that were created from `created_from` until just before
        `created_before`, in epoch seconds, newest first.

        `after` is the id of the last one of the previous page.
        https://docs.stripe.com/api/payment_intents/list
        """
        params = page_params(
            created_from=created_from,
            created_before=created_before,
            after=after,
            expand=tuple(f"data.{name}" for name in _EXPANDED),
        )
        with errors_ours():
            listed = self._sdk.v1.payment_intents.list(cast("PaymentIntentListParams", params))
        return page_of(listed, _listed)


def _listed(intent: Mapping[str, Any]) -> ListedIntent:
    charge = intent.get("latest_charge")
    return ListedIntent(
        payment_intent_id=intent["id"],
        status=intent["status"],
        amount=intent["amount"],
        amount_received=intent["amount_received"],
        currency=intent["currency"],
        customer=intent.get("customer"),
        created=intent["created"],
        description=intent.get("description") or "",
        metadata=intent.get("metadata") or {},
        charge=_listed_charge(charge) if isinstance(charge, Mapping) else None,
    )


def _listed_charge(charge: Mapping[str, Any]) -> ListedCharge:
    return ListedCharge(
        stripe_charge=charge["id"],
        status=charge["status"],
        created=charge["created"],
        amount=charge["amount"],
        currency=charge["currency"],
        amount_refunded=charge["amount_refunded"],
        refunded=charge["refunded"],
        disputed=charge["disputed"],
        card=funding_of_charge(charge),
    )
