"""https://docs.stripe.com/api/refunds: giving back what a charge took, all or a part of it.

A refund counts from its creation: while it is ``pending``, its amount can't be refunded again. One that fails
gives its amount back. How a refund turns out is scripted (``refunding``). Where Stripe's documentation is
silent, a comment says what is assumed.
"""

from collections.abc import Callable
from typing import Literal

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import (
    NotPossible,
    StripeError,
    invalid,
    not_simulated,
    parameter_missing,
    unexpected_state,
)
from local.stripe_simulator.faults import Seconds, did_not_arrive
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.payments import Amount
from local.stripe_simulator.refunding import (
    Failed,
    FailureReason,
    Nothing,
    Outcome,
    Pending,
    Refused,
    Succeeded,
)
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from . import charges
from .balance import book

DAY = 24 * 60 * 60
REFUNDABLE_FOR = 90 * DAY
"""https://docs.stripe.com/payments/amazon-pay#refunds"""

REFUND = Lifecycle(
    "refund",
    {
        "pending": {
            "requires_action": "refund.updated",
            "succeeded": "refund.updated",
            "failed": "refund.updated",
            "canceled": "refund.updated",
        },
        "requires_action": {
            "succeeded": "refund.updated",
            "failed": "refund.updated",
            "canceled": "refund.updated",
        },
        "succeeded": {"failed": "refund.updated"},
        "failed": {},
        "canceled": {},
    },
    created="refund.created",
)

_USED = frozenset({"amount", "charge", "expand", "metadata", "payment_intent", "reason"})


def create(account: Account, call: Call) -> Json:
    params = call.params
    charge = _charge_of(account, params)
    amount = _amount(account, charge, params.get("amount"))
    outcome = account.refunds.next(charge["payment_intent"], amount)
    account.verdict.replace_answer(outcome.answer)
    match outcome:
        case Nothing(answer="lost"):
            raise did_not_arrive()
        case Nothing():
            return {}
        case Refused():
            message = "This charge can't be refunded."
            raise StripeError(outcome.status, message, code=outcome.code, param=outcome.param)
    metadata = merged_metadata({}, params.get("metadata", {}))
    refund = _add(account, charge, amount, params.get("reason"), metadata)
    _take_course(account, refund, outcome)
    return refund


def retrieve(account: Account, call: Call) -> Json:
    return account.find("refund", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(matching(account.listed("refund"), call.params), call.params, "/v1/refunds")


def _charge_of(account: Account, params: Json) -> Json:
    """The charge to refund. It must have taken money."""
    for param in params.keys() - _USED:
        raise not_simulated(param)
    named = [param for param in ("charge", "payment_intent") if param in params]
    if not named:
        raise parameter_missing("payment_intent")
    if len(named) > 1:
        raise invalid("You may only specify one of these parameters: charge, payment_intent.", "charge")
    thing = account.find(named[0], params[named[0]], named[0])
    charge = charges.succeeded_charge(account, thing) if named[0] == "payment_intent" else thing
    if charge is None or charge["status"] != "succeeded":
        # The words are Stripe's. It is assumed that they have no code.
        noun = "PaymentIntent" if named[0] == "payment_intent" else "Charge"
        raise unexpected_state(f"This {noun} ({thing['id']}) does not have a successful charge to refund.")
    return charge


def _amount(account: Account, charge: Json, wanted: int | None) -> int:
    """How much to give back: what is wanted, or all that is left."""
    if wanted is not None and wanted < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, "amount", "parameter_invalid_integer")
    disputes = [one for one in account.all("dispute") if one["charge"] == charge["id"]]
    undecided = any(not one["is_charge_refundable"] and one["status"] != "lost" for one in disputes)
    lost = sum(one["amount"] for one in disputes if one["status"] == "lost")
    left = charge["amount_captured"] - charge["amount_refunded"] - lost
    if undecided or (lost and left <= 0):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise unexpected_state(message, code="charge_disputed")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise unexpected_state(message, code="charge_already_refunded")
    if account.now() - charge["created"] > REFUNDABLE_FOR:
        # Assumption: the code. Stripe's page says only that it can't be done.
        message = "Payments with Amazon Pay can be refunded for 90 days."
        raise unexpected_state(message, code="charge_not_refundable")
    if wanted is not None and wanted > left:
        message = f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})"
        raise unexpected_state(message, "amount", account.settings.over_refund_code)
    return wanted or left


def _add(account: Account, charge: Json, amount: int, reason: str | None, metadata: dict[str, str]) -> Json:
    """A new refund. Its metadata is its own, and not the intent's."""
    method = charge["payment_method_details"]
    kind = method["type"] if method else "amazon_pay"
    refund = {
        "id": account.new_id("pyr" if charges.is_payment(charge) else "re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": {kind: {}, "type": kind},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": "processing",
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "transfer_reversal": None,
    }
    booked = "payment_refund" if charges.is_payment(charge) else "refund"
    refund["balance_transaction"] = book(account, refund, kind=booked, category="refund", amount=-amount)
    REFUND.start(account, refund)
    charges.count_refund(account, charge, amount)
    return refund


def _take_course(account: Account, refund: Json, outcome: Outcome) -> None:
    match outcome:
        case Succeeded(seconds=0):
            succeed(account, refund)
        case Succeeded(seconds=seconds):
            _later(account, refund, seconds, lambda: succeed(account, refund))
        case Failed(after_success=None):
            _later(account, refund, outcome.seconds, lambda: fail(account, refund, outcome.reason))
        case Failed():
            _later(account, refund, outcome.seconds, lambda: _succeed_in_vain(account, refund, outcome))
        case Pending(requires_action=True):
            REFUND.move(account, refund, "requires_action")


def _later(account: Account, refund: Json, seconds: float, ring: Callable[[], None]) -> None:
    account.timers.set(refund["id"], account.clock() + seconds, ring)


def _succeed_in_vain(account: Account, refund: Json, outcome: Failed) -> None:
    succeed(account, refund)
    _later(account, refund, outcome.after_success or 0, lambda: fail(account, refund, outcome.reason))


def succeed(account: Account, refund: Json) -> None:
    REFUND.move(account, refund, "succeeded", {"pending_reason": None})


def fail(account: Account, refund: Json, reason: str) -> None:
    """A failed refund has been updated, so Stripe announces it twice."""
    _end_in_vain(account, refund, "failed", {"failure_reason": reason})
    account.emit("refund.failed", refund)


def fail_pending(account: Account, charge: Json, reason: str) -> None:
    for refund in account.all("refund"):
        if refund["charge"] == charge["id"] and refund["status"] in {"pending", "requires_action"}:
            account.timers.cancel(refund["id"])
            fail(account, refund, reason)


def _end_in_vain(account: Account, refund: Json, state: str, changes: Json) -> None:
    """The money returns to the account's balance, and the amount can be refunded again."""
    REFUND.move(account, refund, state, changes | {"pending_reason": None})
    charge = account.find("charge", refund["charge"])
    charges.count_refund(account, charge, -refund["amount"])
    booked = "payment_failure_refund" if charges.is_payment(charge) else "refund_failure"
    refund["failure_balance_transaction"] = book(
        account, refund, kind=booked, category="refund_failure", amount=refund["amount"]
    )


class _Decision(Action):
    """What becomes of a refund is decided now; time no longer does it."""

    def perform(self, account: Account, identifier: str) -> Json:
        refund = account.find("refund", identifier)
        self.decide(account, refund)
        account.timers.cancel(refund["id"])
        return {"refund": dict(refund)}

    def decide(self, account: Account, refund: Json) -> None:
        raise NotImplementedError


class Succeed(_Decision):
    def decide(self, account: Account, refund: Json) -> None:
        succeed(account, refund)


class Fail(_Decision):
    """Even after it succeeded."""

    reason: FailureReason = "unknown"

    def decide(self, account: Account, refund: Json) -> None:
        fail(account, refund, self.reason)


class Cancel(_Decision):
    def decide(self, account: Account, refund: Json) -> None:
        _end_in_vain(account, refund, "canceled", {})


class Refund(Action):
    """Somebody refunds a payment in the Dashboard: all that is left, or ``amount``. It has no metadata. After
    ``seconds`` it is decided, unless ``then`` is null."""

    amount: Amount | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    then: Literal["succeeded", "failed"] | None = "succeeded"
    seconds: Seconds = 60.0

    def perform(self, account: Account, identifier: str) -> Json:
        charge = charges.succeeded_charge(account, account.find("payment_intent", identifier))
        if charge is None:
            raise NotPossible("This PaymentIntent has taken no money.")
        refund = _add(account, charge, _amount(account, charge, self.amount), self.reason, {})
        courses: dict[str | None, Outcome] = {
            "succeeded": Succeeded(seconds=self.seconds),
            "failed": Failed(seconds=self.seconds),
            None: Pending(),
        }
        _take_course(account, refund, courses[self.then])
        return {"refund": dict(refund)}


RESOURCE = Resource(
    operations=(
        Operation("POST", "/v1/refunds", "RefundCreateParams", create),
        Operation("GET", "/v1/refunds", "RefundListParams", list_all),
        Operation("GET", "/v1/refunds/:id", "RefundRetrieveParams", retrieve),
    ),
    lifecycles=(REFUND,),
    actions={
        "/payment_intents/{id}/refund": Refund,
        "/refunds/{id}/succeed": Succeed,
        "/refunds/{id}/fail": Fail,
        "/refunds/{id}/cancel": Cancel,
    },
)
