"""https://docs.stripe.com/api/charges: an attempt at a payment that got as far as the payment method."""

from copy import deepcopy

from local.stripe_simulator.account import Account
from local.stripe_simulator.lifecycle import SILENT, Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.payments import Funding
from local.stripe_simulator.resource import Resource
from local.stripe_simulator.routing import Call, Operation

from .balance import book

# Stripe also announces a charge that stays pending, which nobody here listens to.
CHARGE = Lifecycle(
    "charge",
    {
        "pending": {"succeeded": "charge.succeeded", "failed": "charge.failed"},
        "succeeded": {},
        "failed": {},
    },
    created=SILENT,
)

_FEE_PER_MILLE, _FIXED_FEE = 29, 30

# What Amazon Pay tells of the card behind it, once a payment has succeeded.
_CARD: Json = {
    "card": {
        "brand": "Visa",
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "last4": "4242",
    },
    "type": "card",
}


def add(account: Account, intent: Json, method: Json) -> Json:
    """The charge of a new attempt. Its fee is known later: ``balance_transaction`` is null."""
    of_card = method["type"] == "card" or account.settings.amazon_pay_charges_are == "charge"
    prefix = "ch" if of_card else "py"
    details: Json = {}
    if method["type"] == "amazon_pay":
        details = {"funding": None, "transaction_id": account.new_id("amzn")}
    return CHARGE.start(
        account,
        {
            "id": account.new_id(prefix),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": intent["statement_descriptor"],
            "captured": False,
            "created": account.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": None,
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {method["type"]: details, "type": method["type"]},
            "receipt_email": None,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": None,
            "transfer_data": None,
            "transfer_group": None,
        },
    )


def succeed(account: Account, charge: Json, funding: Funding) -> None:
    details = deepcopy(charge["payment_method_details"])
    if funding == "card" and "amazon_pay" in details:
        details["amazon_pay"]["funding"] = _CARD
    changes = {
        "amount_captured": charge["amount"],
        "captured": True,
        "outcome": _outcome("authorized", "approved_by_network", "Payment complete."),
        "paid": True,
        "payment_method_details": None if funding == "unsaid" else details,
    }
    CHARGE.move(account, charge, "succeeded", changes)
    if account.settings.fee_seconds:
        at = account.clock() + account.settings.fee_seconds
        account.timers.set(f"fee of {charge['id']}", at, lambda: _book(account, charge))
    else:
        _book(account, charge)


def _book(account: Account, charge: Json) -> None:
    """The charge is captured asynchronously, so its fee comes with a later event
    (https://docs.stripe.com/payments/payment-intents/asynchronous-capture)."""
    if account.get("charge", charge["id"]) is None:
        return  # erased
    kind = "payment" if is_payment(charge) else "charge"
    fee = charge["amount"] * _FEE_PER_MILLE // 1000 + _FIXED_FEE
    booked = book(account, charge, kind=kind, category="charge", amount=charge["amount"], fee=fee)
    account.update(charge, {"balance_transaction": booked}, "charge.updated")


def is_payment(charge: Json) -> bool:
    """Whether Stripe books it as a payment with something else than a card."""
    return str(charge["id"]).startswith("py_")


def fail(account: Account, charge: Json, code: str, message: str) -> None:
    changes = {
        "failure_code": code,
        "failure_message": message,
        "outcome": _outcome("issuer_declined", "declined_by_network", message),
    }
    CHARGE.move(account, charge, "failed", changes)


def succeeded_charge(account: Account, intent: Json) -> Json | None:
    """The charge with which a PaymentIntent took its money, if it did: the latest, since none follows it."""
    latest = intent["latest_charge"] and account.find("charge", intent["latest_charge"])
    return latest if latest and latest["status"] == "succeeded" else None


def count_refund(account: Account, charge: Json, amount: int) -> None:
    """Count a new refund, or a failed one with a negative ``amount``. Stripe announces only the former."""
    refunded = charge["amount_refunded"] + amount
    changes = {"amount_refunded": refunded, "refunded": refunded >= charge["amount_captured"]}
    account.change(charge, changes)
    if amount > 0:
        account.emit("charge.refunded", charge)


def retrieve(account: Account, call: Call) -> Json:
    return account.find("charge", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(matching(account.all("charge"), call.params), call.params, "/v1/charges")


def _outcome(kind: str, network: str, message: str) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": None,
        "risk_level": "not_assessed",
        "seller_message": message,
        "type": kind,
    }


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/charges", "ChargeListParams", list_all),
        Operation("GET", "/v1/charges/:id", "ChargeRetrieveParams", retrieve),
    ),
    lifecycles=(CHARGE,),
    references={"charge": "charge", "latest_charge": "charge"},
)
