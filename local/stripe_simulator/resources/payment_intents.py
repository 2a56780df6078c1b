"""https://docs.stripe.com/api/payment_intents: attempts, one after another, to take one payment.

An intent is created with or without its first attempt (``payment_attempts``). At most one attempt succeeds.
"""

from typing import Literal

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import NotPossible, not_simulated
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.payments import DECLINED, Code, Declined
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from .payment_attempts import PAYMENT_INTENT, Attempt, attempt, open_attempt, unexpected
from .payment_parameters import ECHOED, check_confirm, check_create, offered_types

_CANCELABLE = "requires_payment_method, requires_capture, requires_confirmation, requires_action, processing"


def create(account: Account, call: Call) -> Json:
    params = call.params
    check_create(params)
    if "customer" in params:
        account.find("customer", params["customer"], "customer")
    intent: Json = {
        "id": account.new_id("pi"),
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": 0,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": account.now(),
        "currency": "",
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": offered_types(account, params),
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "transfer_data": None,
        "transfer_group": None,
    }
    intent |= {key: value for key, value in params.items() if key in ECHOED}
    intent["client_secret"] = f"{intent['id']}_{account.new_id('secret')}"
    PAYMENT_INTENT.start(account, intent)
    if params.get("confirm"):
        attempt(account, intent, params)
    return intent


def retrieve(account: Account, call: Call) -> Json:
    if "client_secret" in call.params:
        raise not_simulated("client_secret")
    return account.find("payment_intent", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(
        matching(account.listed("payment_intent"), call.params), call.params, "/v1/payment_intents"
    )


def confirm(account: Account, call: Call) -> Json:
    check_confirm(call.params)
    intent = account.find("payment_intent", call.id)
    attempt(account, intent, call.params)
    return intent


def cancel(account: Account, call: Call) -> Json:
    intent = account.find("payment_intent", call.id)
    if not PAYMENT_INTENT.allows(account, intent, "canceled"):
        raise unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {_CANCELABLE}.",
        )
    changes = {
        "canceled_at": account.now(),
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    PAYMENT_INTENT.move(account, intent, "canceled", changes)
    return intent


class Cancel(Action):
    """Somebody cancels it in the Dashboard."""

    reason: Literal["abandoned", "duplicate", "fraudulent", "requested_by_customer"] = "requested_by_customer"

    def perform(self, account: Account, identifier: str) -> Json:
        canceled = cancel(account, Call({"cancellation_reason": self.reason}, (identifier,)))
        return {"payment_intent": dict(canceled)}


class Succeed(Action):
    """The open attempt succeeds: Amazon decides so, or the customer does what is required."""

    def perform(self, account: Account, identifier: str) -> Json:
        under_way = open_attempt(account, identifier)
        under_way.succeed()
        return {"payment_intent": dict(under_way.intent)}


class Fail(Action):
    """The open attempt fails."""

    code: Code = DECLINED

    def perform(self, account: Account, identifier: str) -> Json:
        under_way = open_attempt(account, identifier)
        under_way.fail(Declined(code=self.code, charge=False))
        return {"payment_intent": dict(under_way.intent)}


class Double(Action):
    """Another intent with the same parameters and metadata, as somebody makes it who has lost the first.

    It takes the money again, unless ``succeeded`` is false.
    """

    succeeded: bool = True

    def perform(self, account: Account, identifier: str) -> Json:
        first = account.find("payment_intent", identifier)
        method = first["payment_method"]
        if self.succeeded and method is None:
            raise NotPossible("This PaymentIntent has no payment method to charge again.")
        given = {key: first[key] for key in ECHOED if first[key] is not None}
        second = create(account, Call(given | {"metadata": first["metadata"]}))
        if self.succeeded:
            Attempt(account, second, account.find("payment_method", method)).succeed()
        return {"payment_intent": dict(second)}


RESOURCE = Resource(
    operations=(
        Operation(
            "POST",
            "/v1/payment_intents",
            "PaymentIntentCreateParams",
            create,
            replaced={"payment_method_types": "allowed_payment_method_types"},
        ),
        Operation("GET", "/v1/payment_intents", "PaymentIntentListParams", list_all),
        Operation("GET", "/v1/payment_intents/:id", "PaymentIntentRetrieveParams", retrieve),
        Operation(
            "POST",
            "/v1/payment_intents/:id/confirm",
            "PaymentIntentConfirmParams",
            confirm,
            replaced={"payment_method_types": "allowed_payment_method_types"},
        ),
        Operation("POST", "/v1/payment_intents/:id/cancel", "PaymentIntentCancelParams", cancel),
    ),
    lifecycles=(PAYMENT_INTENT,),
    references={"payment_intent": "payment_intent"},
    containers=frozenset({"last_payment_error"}),
    actions={
        "/payment_intents/{id}/cancel": Cancel,
        "/payment_intents/{id}/succeed": Succeed,
        "/payment_intents/{id}/fail": Fail,
        "/payment_intents/{id}/double": Double,
    },
)
