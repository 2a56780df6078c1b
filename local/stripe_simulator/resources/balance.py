"""https://docs.stripe.com/api/balance_transactions and https://docs.stripe.com/api/payouts: the books.

Every movement of money is booked as one transaction. Its net becomes available later, and what is available
is paid out once a day, at midnight (UTC). Where Stripe's documentation is silent, a comment says what is
assumed.
"""

from collections import Counter
from typing import Annotated

from msgspec import Meta, Struct

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated
from local.stripe_simulator.lifecycle import SILENT, Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import ANY_KIND, Action, Resource
from local.stripe_simulator.routing import Call, Operation

DAY = 24 * 60 * 60

BALANCE_TRANSACTION = Lifecycle(
    "balance_transaction", {"pending": {"available": SILENT}, "available": {}}, created=SILENT
)

# "Some payouts that fail might initially show as paid, then change to failed"
# (https://docs.stripe.com/api/payouts/object#payout_object-status). Here all do.
PAYOUT = Lifecycle(
    "payout",
    {"in_transit": {"paid": "payout.paid"}, "paid": {"failed": "payout.failed"}, "failed": {}},
    created="payout.created",
)


def book(
    account: Account, source: Json, *, kind: str, category: str, amount: int, fee: int = 0, payout: str = ""
) -> str:
    """Book a movement that ``source`` causes. Returns the transaction's id.

    ``amount`` is in the source's currency: positive for money that comes in. ``fee`` is taken from it. The
    account books in another currency if the settings have a rate for it.
    """
    given = source["currency"]
    currency, rate = account.settings.exchange_rates.get(given, (given, None))
    amount, fee = (round(amount * rate), round(fee * rate)) if rate else (amount, fee)
    details = {"amount": fee, "application": None, "currency": currency, "type": "stripe_fee"}
    transaction = {
        "id": account.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": account.now() + (0 if payout else account.settings.available_after),
        "balance_type": "payments",
        "created": account.now(),
        "currency": currency,
        "description": None,
        "exchange_rate": rate,
        "fee": fee,
        "fee_details": [details | {"description": "Stripe processing fees"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source["id"],
        "type": kind,
    }
    BALANCE_TRANSACTION.start(account, transaction)
    account.unshown(transaction)["payout"] = payout or None
    if payout:
        BALANCE_TRANSACTION.move(account, transaction, "available")
    else:
        _close_the_day_at_midnight(account)
    return str(transaction["id"])


def pay_out(account: Account, currency: str, amount: int, paid: list[Json] | None = None) -> Json:
    """Pay out to the bank: an automatic payout of the transactions ``paid``, or a manual one without them."""
    payout: Json = {
        "id": account.new_id("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": account.now() + DAY,
        "automatic": paid is not None,
        "balance_transaction": None,
        "created": account.now(),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "not_applicable" if paid is None else "in_progress",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "trace_id": None,
        "type": "bank_account",
    }
    for transaction in paid or []:
        account.unshown(transaction)["payout"] = payout["id"]
    payout["balance_transaction"] = book(
        account, payout, kind="payout", category="payout", amount=-amount, payout=payout["id"]
    )
    PAYOUT.start(account, payout)
    account.timers.set(payout["id"], payout["arrival_date"], lambda: _arrive(account, payout))
    return payout


def _arrive(account: Account, payout: Json) -> None:
    """Only now can it be said which transactions it paid."""
    completed = {"reconciliation_status": "completed"} if payout["automatic"] else {}
    PAYOUT.move(account, payout, "paid", completed)
    if completed:
        account.emit("payout.reconciliation_completed", payout)


def _close_the_day_at_midnight(account: Account) -> None:
    midnight = (account.now() // DAY + 1) * DAY
    account.timers.set("midnight", midnight, lambda: _close_the_day(account))


def _close_the_day(account: Account) -> None:
    waiting = False
    for transaction in account.all("balance_transaction"):
        if transaction["status"] == "pending" and transaction["available_on"] <= account.now():
            BALANCE_TRANSACTION.move(account, transaction, "available")
        waiting |= transaction["status"] == "pending"
    if account.settings.automatic_payouts:
        _pay_what_is_available(account)
    if waiting:
        _close_the_day_at_midnight(account)


def _pay_what_is_available(account: Account) -> None:
    """One payout for each currency, if its balance is positive."""
    unpaid = [
        transaction
        for transaction in account.all("balance_transaction")
        if transaction["status"] == "available" and account.unshown(transaction)["payout"] is None
    ]
    balance: Counter[str] = Counter()
    for transaction in unpaid:
        balance[transaction["currency"]] += transaction["net"]
    for currency, amount in sorted(balance.items()):
        if amount > 0:
            paid = [transaction for transaction in unpaid if transaction["currency"] == currency]
            pay_out(account, currency, amount, paid)


def retrieve_transaction(account: Account, call: Call) -> Json:
    return account.find("balance_transaction", call.id)


def list_transactions(account: Account, call: Call) -> Json:
    params = dict(call.params)
    transactions = account.all("balance_transaction")
    if named := params.pop("payout", None):
        transactions = _paid_by(account, account.find("payout", named, "payout"), transactions)
    return paginated(matching(transactions, params), params, "/v1/balance_transactions")


def _paid_by(account: Account, payout: Json, transactions: list[Json]) -> list[Json]:
    """The payout's own transaction is among them. Assumption: no other is until the payout is reconciled."""
    if not payout["automatic"]:
        message = "Balance transaction history can only be filtered on automatic transfers, not manual."
        raise invalid(message, "payout")
    mine = [one for one in transactions if account.unshown(one)["payout"] == payout["id"]]
    if payout["reconciliation_status"] != "completed":
        return [one for one in mine if one["source"] == payout["id"]]
    return mine


def retrieve_payout(account: Account, call: Call) -> Json:
    return account.find("payout", call.id)


def list_payouts(account: Account, call: Call) -> Json:
    if "arrival_date" in call.params:
        raise not_simulated("arrival_date")
    return paginated(matching(account.all("payout"), call.params), call.params, "/v1/payouts")


class ManualPayout(Struct, forbid_unknown_fields=True):
    """Somebody asks for a payout in the Dashboard. Nothing checks that the balance is enough."""

    amount: Annotated[int, Meta(ge=1)]
    currency: str = "usd"


class FailPayout(Action):
    """The bank returns it: the money is in the balance again."""

    def perform(self, account: Account, identifier: str) -> Json:
        payout = account.find("payout", identifier)
        PAYOUT.move(account, payout, "failed", {"failure_code": "account_closed"})
        payout["failure_balance_transaction"] = book(
            account, payout, kind="payout_failure", category="payout_reversal", amount=payout["amount"]
        )
        return {"payout": dict(payout)}


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/balance_transactions", "BalanceTransactionListParams", list_transactions),
        Operation(
            "GET",
            "/v1/balance_transactions/:id",
            "BalanceTransactionRetrieveParams",
            retrieve_transaction,
        ),
        Operation("GET", "/v1/payouts", "PayoutListParams", list_payouts),
        Operation("GET", "/v1/payouts/:id", "PayoutRetrieveParams", retrieve_payout),
    ),
    lifecycles=(BALANCE_TRANSACTION, PAYOUT),
    references={
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "source": ANY_KIND,
    },
    actions={"/payouts/{id}/fail": FailPayout},
)
