"""An attempt at a PaymentIntent: what has to hold before it, and how it turns out.

How it turns out is scripted (``payments``). Where Stripe's documentation is silent, a comment says what is
assumed.
"""

from copy import deepcopy
from dataclasses import dataclass

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import (
    DOCUMENTATION,
    NotPossible,
    StripeError,
    resource_missing,
    unexpected_state,
)
from local.stripe_simulator.faults import did_not_arrive
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.payments import (
    Declined,
    Funding,
    Nothing,
    Processing,
    Refused,
    RequiresAction,
    Succeeded,
)

from . import charges

_ATTEMPTED = {
    "requires_payment_method": "payment_intent.payment_failed",
    "requires_action": "payment_intent.requires_action",
    "processing": "payment_intent.processing",
    "succeeded": "payment_intent.succeeded",
    "canceled": "payment_intent.canceled",
}
# Stripe cancels an intent that is processing "in rare cases"; here it does not.
PAYMENT_INTENT = Lifecycle(
    "payment_intent",
    {
        "requires_payment_method": _ATTEMPTED,
        "requires_action": _ATTEMPTED,
        "processing": {
            "requires_payment_method": "payment_intent.payment_failed",
            "succeeded": "payment_intent.succeeded",
        },
        "succeeded": {},
        "canceled": {},
    },
    created="payment_intent.created",
)

ACTION_REQUIRED = "payment_intent_action_required"

_MESSAGES = {
    ACTION_REQUIRED: "The payment needs an action of the customer, but `error_on_requires_action` was set.",
}


@dataclass(frozen=True)
class Attempt:
    """An attempt under way. ``charge`` is None until it got as far as the payment method."""

    account: Account
    intent: Json
    method: Json
    charge: Json | None = None

    def succeed(self, funding: Funding = "card") -> None:
        charge = self.charge or self._charge()
        charges.succeed(self.account, charge, funding)
        changes = {"amount_received": self.intent["amount"], "latest_charge": charge["id"]}
        self._move("succeeded", changes)

    def fail(self, declined: Declined) -> Json:
        """The intent asks for a payment method again. Returns the error that it keeps."""
        charge = self.charge or (self._charge() if declined.charge else None)
        message = _MESSAGES.get(declined.code, "The payment was declined.")
        error: Json = {
            "code": declined.code,
            "doc_url": DOCUMENTATION + declined.code.replace("_", "-"),
            "message": message,
            "payment_method": deepcopy(self.method),
            "type": "card_error",
        }
        words = {"decline_code": declined.decline_code, "advice_code": declined.advice_code}
        error |= {name: word for name, word in words.items() if word}
        changes: Json = {"last_payment_error": error, "payment_method": None}
        if charge:
            charges.fail(self.account, charge, declined.code, message)
            error["charge"] = changes["latest_charge"] = charge["id"]
        self._move("requires_payment_method", changes)
        return error

    def require_action(self) -> None:
        url = f"{self.account.settings.base_url}/payment/{self.intent['id']}"
        redirect = {"redirect_to_url": {"return_url": None, "url": url}, "type": "redirect_to_url"}
        self._move("requires_action", {"next_action": redirect})

    def process(self, outcome: Processing) -> None:
        """The outcome comes later."""
        charge = self._charge()
        self._move("processing", {"latest_charge": charge["id"]})
        later = Attempt(self.account, self.intent, self.method, charge)
        timers, at = self.account.timers, self.account.clock() + outcome.seconds
        match outcome.then:
            case "succeeded":
                timers.set(self.intent["id"], at, later.succeed)
            case "failed":
                timers.set(self.intent["id"], at, lambda: later.fail(Declined(code=outcome.code)))

    def _charge(self) -> Json:
        return charges.add(self.account, self.intent, self.method)

    def _move(self, state: str, changes: Json) -> None:
        usual = {"last_payment_error": None, "next_action": None, "payment_method": self.method["id"]}
        PAYMENT_INTENT.move(self.account, self.intent, state, usual | changes)


def attempt(account: Account, intent: Json, params: Json) -> None:
    """Confirm an intent. Raises Stripe's refusal."""
    _check_confirmable(account, intent)
    method = _method_of(account, intent, params)
    _check_mandate(account, intent, method, params.get("mandate"))
    begun = Attempt(account, intent, method)
    outcome = account.payments.next(method["id"], intent["amount"])
    account.verdict.replace_answer(outcome.answer)
    match outcome:
        case Nothing(answer="lost"):
            raise did_not_arrive()
        case Nothing():
            return
        case Refused():
            raise StripeError(
                outcome.status,
                "The payment method can't be used for this payment.",
                code=outcome.code,
                param=outcome.param,
                details={"payment_intent": deepcopy(intent)},
            )
        case Declined():
            raise _declined(intent, begun.fail(outcome))
        case RequiresAction() if params.get("error_on_requires_action"):
            raise _declined(intent, begun.fail(Declined(code=ACTION_REQUIRED, charge=False)))
        case RequiresAction():
            begun.require_action()
        case Processing():
            begun.process(outcome)
        case Succeeded(funding=funding):
            begun.succeed(funding)


def open_attempt(account: Account, identifier: str) -> Attempt:
    """The intent's attempt without an outcome. The caller decides it now; time no longer does."""
    intent = account.find("payment_intent", identifier)
    if intent["status"] not in {"processing", "requires_action"}:
        raise NotPossible(f"This PaymentIntent is {intent['status']}; no attempt is open.")
    account.timers.cancel(intent["id"])
    charge = account.find("charge", intent["latest_charge"]) if intent["status"] == "processing" else None
    return Attempt(account, intent, account.find("payment_method", intent["payment_method"]), charge)


def unexpected(intent: Json, message: str) -> StripeError:
    code = "payment_intent_unexpected_state"
    return unexpected_state(message, code=code, details={"payment_intent": deepcopy(intent)})


def _check_confirmable(account: Account, intent: Json) -> None:
    if PAYMENT_INTENT.allows(account, intent, "requires_action"):
        return
    if intent["status"] == "succeeded":
        why = "it has already succeeded after being previously confirmed"
    else:
        why = f"it has a status of {intent['status']}"
    raise unexpected(intent, f"You cannot confirm this PaymentIntent because {why}.")


def _method_of(account: Account, intent: Json, params: Json) -> Json:
    """The payment method of an attempt: of the intent's customer, and not detached."""
    identifier = params.get("payment_method") or intent["payment_method"]
    if identifier is None:
        raise unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. To confirm it, "
            "specify a payment method attached to this customer along with the customer ID.",
        )
    method = account.find("payment_method", identifier, "payment_method")
    if method["customer"] is None:
        # The words are Stripe's (liberapay/liberapay.com#2686); the code is assumed.
        raise unexpected_state(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
            "attachment, shared with a connected account without Customer attachment, or was detached from a "
            "Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it "
            "to a Customer first.",
            "payment_method",
            "payment_method_unexpected_state",
        )
    if method["customer"] != intent["customer"]:
        missing = resource_missing("payment_method", identifier, "payment_method")
        missing.message = (
            f"The customer does not have a payment method with the ID {identifier}. The payment method must "
            "be attached to the customer."
        )
        raise missing
    if method["type"] not in intent["payment_method_types"]:
        raise unexpected_state(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            "payment_method",
            "payment_intent_incompatible_payment_method",
        )
    return method


def _check_mandate(account: Account, intent: Json, method: Json, identifier: str | None) -> None:
    """A mandate that is given has to be active, and of the payment method.

    Assumption: where none is given, Stripe finds the payment method's own, and refuses if all have ended. A
    payment method without any mandate is charged.
    """
    if identifier:
        mandates = [account.find("mandate", identifier, "mandate")]
    else:
        mandates = [one for one in account.all("mandate") if one["payment_method"] == method["id"]]
    usable = [one for one in mandates if one["status"] == "active" and one["payment_method"] == method["id"]]
    if mandates and not usable:
        raise unexpected_state(
            "The provided mandate is invalid and can not be used for the payment intent.",
            "mandate" if identifier else None,
            "payment_intent_mandate_invalid",
            {"payment_intent": deepcopy(intent)},
        )


def _declined(intent: Json, failed: Json) -> StripeError:
    """Stripe answers 402 with a ``card_error`` about any type of payment method."""
    members = {key: deepcopy(failed[key]) for key in failed.keys() - {"code", "doc_url", "message", "type"}}
    return StripeError(
        402,
        failed["message"],
        type=failed["type"],
        code=failed["code"],
        details=members | {"payment_intent": deepcopy(intent)},
    )
