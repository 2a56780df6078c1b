"""https://docs.stripe.com/api/disputes: the customer wants the money back, from Amazon or the card's bank.

Amazon Pay's are chargebacks or A-to-z claims (https://docs.stripe.com/payments/amazon-pay#disputed-payments).
Where Stripe's documentation is silent, a comment says what is assumed.
"""

from typing import Literal

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import NotPossible
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.payments import Amount, Code
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from . import charges, refunds
from .balance import book

DAY = 24 * 60 * 60
EVIDENCE_WITHIN = 10 * DAY

_UPDATED, _CLOSED = "charge.dispute.updated", "charge.dispute.closed"

# "Occurs when a dispute is closed and the dispute status changes to lost, warning_closed, or won"
# (https://docs.stripe.com/api/events/types). So `prevented` is assumed to be an update.
DISPUTE = Lifecycle(
    "dispute",
    {
        "warning_needs_response": {
            "warning_under_review": _UPDATED,
            "warning_closed": _CLOSED,
            "needs_response": _UPDATED,
        },
        "warning_under_review": {"warning_closed": _CLOSED, "needs_response": _UPDATED},
        "warning_closed": {},
        "needs_response": {
            "under_review": _UPDATED,
            "won": _CLOSED,
            "lost": _CLOSED,
            "prevented": _UPDATED,
        },
        "under_review": {"won": _CLOSED, "lost": _CLOSED},
        "won": {},
        "lost": {"appeal_needs_response": _UPDATED},
        "appeal_needs_response": {"appeal_under_review": _UPDATED},
        "appeal_under_review": {"won": _CLOSED, "lost": _CLOSED},
        "prevented": {},
    },
    created="charge.dispute.created",
)

type State = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "appeal_needs_response",
    "appeal_under_review",
    "prevented",
]

# The money was not taken, or is back.
_HARMLESS = frozenset(
    {"warning_needs_response", "warning_under_review", "warning_closed", "won", "prevented"}
)

_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("dispute", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(matching(account.listed("dispute"), call.params), call.params, "/v1/disputes")


class Open(Action):
    """The customer disputes a payment: all of it, or ``amount``.

    A status of ``warning_needs_response`` is an inquiry, which takes no money. With ``fail_refunds`` the
    charge's pending refunds fail because of it.
    """

    amount: Amount | None = None
    reason: Code = "product_not_received"
    dispute_type: Literal["chargeback", "claim"] = "claim"
    status: Literal["needs_response", "warning_needs_response"] = "needs_response"
    fail_refunds: bool = False

    def perform(self, account: Account, identifier: str) -> Json:
        charge = charges.succeeded_charge(account, account.find("payment_intent", identifier))
        if charge is None:
            raise NotPossible("This PaymentIntent has taken no money.")
        dispute = self._dispute(account, charge)
        account.change(charge, {"disputed": True})
        inquiry = self.status == "warning_needs_response"
        if not inquiry:
            _withdraw(account, dispute)
        DISPUTE.start(account, dispute, self.status)
        if not inquiry:
            account.emit("charge.dispute.funds_withdrawn", dispute)
        if self.fail_refunds:
            refunds.fail_pending(account, charge, "charge_for_pending_refund_disputed")
        return {"dispute": dict(dispute)}

    def _dispute(self, account: Account, charge: Json) -> Json:
        return {
            "id": account.new_id("du"),
            "object": "dispute",
            "amount": self.amount or charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": account.now(),
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": dict.fromkeys(_EVIDENCE) | _known_of_the_customer(charge),
            "evidence_details": {
                "due_by": account.now() + EVIDENCE_WITHIN,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": self.status in _HARMLESS,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "amazon_pay": {"dispute_type": self.dispute_type},
                "type": "amazon_pay",
            },
            "reason": self.reason,
        }


def _known_of_the_customer(charge: Json) -> Json:
    """Stripe fills in what it knows. None of it may be kept."""
    details = charge["billing_details"]
    known = {"customer_email_address": details["email"], "customer_name": details["name"]}
    return known | {"enhanced_evidence": {}}


class Move(Action):
    """It goes on: evidence is submitted, somebody decides, the business appeals."""

    status: State

    def perform(self, account: Account, identifier: str) -> Json:
        dispute = account.find("dispute", identifier)
        changes: Json = {"is_charge_refundable": self.status in _HARMLESS}
        if self.status.endswith("under_review"):
            submitted = {"has_evidence": True, "submission_count": 1, "submission_method": "manual"}
            changes["evidence_details"] = dispute["evidence_details"] | submitted
        DISPUTE.move(account, dispute, self.status, changes)
        withdrawn = sum(one["amount"] for one in dispute["balance_transactions"]) < 0
        if self.status == "needs_response":
            _withdraw(account, dispute)
            account.emit("charge.dispute.funds_withdrawn", dispute)
        elif self.status in _HARMLESS and withdrawn:
            _book(account, dispute, "dispute_reversal", dispute["amount"], 0)
            account.emit("charge.dispute.funds_reinstated", dispute)
        return {"dispute": dict(dispute)}


def _withdraw(account: Account, dispute: Json) -> None:
    """A claim has no fee."""
    claim = dispute["payment_method_details"]["amazon_pay"]["dispute_type"] == "claim"
    _book(account, dispute, "dispute", -dispute["amount"], 0 if claim else account.settings.dispute_fee)


def _book(account: Account, dispute: Json, category: str, amount: int, fee: int) -> None:
    made = book(account, dispute, kind="adjustment", category=category, amount=amount, fee=fee)
    transactions = [*dispute["balance_transactions"], dict(account.find("balance_transaction", made))]
    account.change(dispute, {"balance_transactions": transactions})


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/disputes", "DisputeListParams", list_all),
        Operation("GET", "/v1/disputes/:id", "DisputeRetrieveParams", retrieve),
    ),
    lifecycles=(DISPUTE,),
    actions={"/payment_intents/{id}/dispute": Open, "/disputes/{id}/move": Move},
)
