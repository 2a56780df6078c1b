"""Stripe's PaymentIntents: https://docs.stripe.com/api/payment_intents

An intent is created without a confirm, so that it can be recorded before it can take money. In its life it
makes at most one successful charge: https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

import stripe

from mandates.core.charging.reports import Intent, PaymentError
from mandates.core.errors import StripeRefused
from mandates.core.facts import is_time
from mandates.core.funding import funding_of_charge
from mandates.core.stripe_events.projection import (
    METADATA_CHARGE,
    METADATA_MANDATE,
    METADATA_OWNER_MARK,
    METADATA_REFERENCE,
)
from mandates.gateway.error_mapping import RequestRejected, ResourceMissing, errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
    )

    from mandates.core.charging.books import ListedIntent, Page
    from mandates.gateway.listed_intents import StripeListedIntents

CancellationReason = Literal["abandoned", "duplicate", "fraudulent", "requested_by_customer"]
"""https://docs.stripe.com/api/payment_intents/cancel#cancel_payment_intent-cancellation_reason"""


class PaymentRefused(StripeRefused):
    """Stripe answered, and the answer is no: an outcome, which a repeat under the same key would not change.

    Every 4xx is one, except 409 and 429: those say "not now". They raise StripeUnavailable, as a time-out and
    a 5xx do (AnswerReplayed, if Stripe repeats the 5xx under the key). Then nobody knows the outcome.
    """

    error = PaymentError()
    param = ""
    """The parameter that Stripe objects to, if it says."""
    intent: Intent | None = None
    """The intent after the refusal, if Stripe's answer has it."""


class IntentNotCancelable(Exception):
    """Stripe does not cancel the intent in its present state: it has succeeded, or is processing."""

    def __init__(self, intent: Intent) -> None:
        super().__init__(f"the intent is {intent.status}")
        self.intent = intent


class StripePaymentIntents:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def create(self, params: Mapping[str, Any], *, idempotency_key: str) -> Intent:
        """Create an intent from the stored parameters of `create_params`. Raises PaymentRefused."""
        with payment_errors_ours():
            intent = self._sdk.v1.payment_intents.create(
                cast("PaymentIntentCreateParams", dict(params)), {"idempotency_key": idempotency_key}
            )
        return _intent(intent.to_dict())

    def confirm(self, payment_intent_id: str, params: Mapping[str, Any], *, idempotency_key: str) -> Intent:
        """Take the money, with the stored parameters of `confirm_params`. Raises PaymentRefused.

        The intent that returns need not have succeeded: `status` may be `processing`.
        """
        with payment_errors_ours():
            intent = self._sdk.v1.payment_intents.confirm(
                payment_intent_id,
                cast("PaymentIntentConfirmParams", dict(params)),
                {"idempotency_key": idempotency_key},
            )
        answer = intent.to_dict()
        return replace(_intent(answer), charged_at=_charged_at(answer))

    def retrieve(self, payment_intent_id: str) -> Intent:
        """The intent as Stripe has it now. Raises ResourceMissing, which says nothing about the money: a key
        of another account does not know the intent either."""
        with errors_ours():
            known = self._sdk.v1.payment_intents.retrieve(payment_intent_id, {"expand": list(_EXPANDED)})
            return _intent(known.to_dict())

    def look(self, payment_intent_id: str) -> "ListedIntent":
        """The intent as `page` shows it. Raises what `retrieve` raises."""
        return self._listed.look(payment_intent_id)

    def page(self, created_from: int, created_before: int, after: str | None = None) -> "Page[ListedIntent]":
        """A page of the account's intents (gateway/listed_intents.py)."""
        return self._listed.page(created_from, created_before, after)

    @cached_property
    def _listed(self) -> "StripeListedIntents":
        """Loaded when it is used: most functions never list."""
        module = import_module("mandates.gateway.listed_intents")
        return cast("StripeListedIntents", module.StripeListedIntents(self._sdk))

    def cancel(self, payment_intent_id: str, *, reason: CancellationReason) -> Intent:
        """Make sure that the intent can't take money any more. Nothing happens if it was cancelled before.

        Raises IntentNotCancelable. After RequestRejected it is as it was. After ResourceMissing nobody knows.
        """
        try:
            return self._canceled(payment_intent_id, reason)
        except ResourceMissing:
            raise
        except RequestRejected:
            # Whatever the code: only the intent can tell whether its state is why.
            found = self.retrieve(payment_intent_id)
            if found.status == "canceled":
                return found
            if found.status in _NOT_CANCELABLE:
                raise IntentNotCancelable(found) from None
        # It was processing, and failed before it was read. Now it can be cancelled.
        return self._canceled(payment_intent_id, reason)

    def _canceled(self, payment_intent_id: str, reason: CancellationReason) -> Intent:
        with errors_ours():
            canceled = self._sdk.v1.payment_intents.cancel(payment_intent_id, {"cancellation_reason": reason})
            return _intent(canceled.to_dict())


_EXPANDED = ("latest_charge",)
"""Stripe then answers with the charge itself, which tells its time and the card. The key must be able to read
charges: https://docs.stripe.com/stripe-apps/reference/permissions"""

_NOT_CANCELABLE = frozenset({"processing", "succeeded"})
"""https://docs.stripe.com/api/payment_intents/cancel"""


class payment_errors_ours(errors_ours):  # noqa: N801 - reads as a word after `with`
    """`errors_ours`, with PaymentRefused for every answer that is an outcome."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case (
                stripe.CardError()
                | stripe.InvalidRequestError()
                | stripe.IdempotencyError()
                | stripe.AuthenticationError()
                | stripe.PermissionError()
            ):
                raise _refusal(error) from error
            case _:
                super().__exit__(kind, error, trace)


def _refusal(error: stripe.StripeError) -> PaymentRefused:
    answer = error.error.to_dict() if error.error else {}
    refused = _payment_error(answer, status=str(error.http_status or ""))
    about = {"stripe_code": refused.code or None, "stripe_request_id": error.request_id}
    intent = answer.get("payment_intent")
    refusal = PaymentRefused("Stripe refused the payment", **about)
    refusal.error, refusal.intent = refused, _intent(intent) if intent else None
    refusal.param = answer.get("param") or ""
    return refusal


def _payment_error(answer: Mapping[str, Any], status: str = "") -> PaymentError:
    """A key that was used with other parameters has a type of error of its own, and no code."""
    without_code = _IDEMPOTENCY_ERROR if answer.get("type") == _IDEMPOTENCY_ERROR else ""
    return PaymentError(
        status=status,
        code=answer.get("code") or without_code,
        decline_code=answer.get("decline_code") or "",
        advice=answer.get("advice_code") or "",
    )


_IDEMPOTENCY_ERROR = "idempotency_error"


def _intent(intent: Mapping[str, Any]) -> Intent:
    charge, error = intent.get("latest_charge"), intent.get("last_payment_error")
    expanded: Mapping[str, Any] = charge if isinstance(charge, Mapping) else {"id": charge}
    succeeded = intent["status"] == "succeeded"
    return Intent(
        payment_intent_id=intent["id"],
        status=intent["status"],
        amount=intent["amount_received" if succeeded else "amount"],
        currency=intent["currency"],
        latest_charge=expanded["id"],
        last_error=_payment_error(error) if error else None,
        funding=funding_of_charge(expanded) if succeeded else None,
    )


def _charged_at(intent: Mapping[str, Any]) -> int | None:
    """https://docs.stripe.com/api/charges/object#charge_object-created"""
    charge = intent.get("latest_charge")
    created = charge.get("created") if isinstance(charge, Mapping) else None
    return created if is_time(created) else None


# ---------------------------------------------------------------------------------------- parameters


def create_params(
    *,
    charge_id: str,
    mandate_id: str,
    owner_mark: str,
    stripe_customer_id: str,
    amount: int,
    currency: str,
    reference: str,
    description: str,
    statement_descriptor: str | None,
) -> "PaymentIntentCreateParams":
    """All that Stripe is sent to create a charge's intent. It has no payment method: it can't take money.

    `amount` in minor units. `statement_descriptor` has at most 22 characters; without one Stripe takes the
    account's. Only Amazon Pay is allowed, so that no other type that the account has enabled gets in the way.
    """
    params: PaymentIntentCreateParams = {
        "amount": amount,
        "currency": currency,
        "customer": stripe_customer_id,
        "allowed_payment_method_types": ["amazon_pay"],
        "description": description,
        "metadata": {
            METADATA_OWNER_MARK: owner_mark,
            METADATA_MANDATE: mandate_id,
            METADATA_CHARGE: charge_id,
            METADATA_REFERENCE: reference,
        },
    }
    if statement_descriptor:
        params["statement_descriptor"] = statement_descriptor
    return params


def confirm_params(
    *, payment_method_id: str, stripe_mandate_id: str | None = None
) -> "PaymentIntentConfirmParams":
    """All that Stripe is sent for one attempt at a charge, while the customer is away.

    With `error_on_requires_action` an attempt that needs the customer fails, and the intent waits for another
    attempt; without it the intent would wait for a customer that nobody has told. Stripe's sample for Amazon
    Pay sends no mandate, so pass one only if the deployment asks for it.
    https://docs.stripe.com/api/payment_intents/confirm
    """
    params: PaymentIntentConfirmParams = {
        "payment_method": payment_method_id,
        "off_session": True,
        "error_on_requires_action": True,
        "expand": list(_EXPANDED),
    }
    if stripe_mandate_id:
        params["mandate"] = stripe_mandate_id
    return params
