"""Checks about the account's books and disputes."""

from typing import Any

from ops.rehearsal.checks import Checks, Seen
from ops.rehearsal.raw_stripe import KeyMayNot, NotTried
from ops.rehearsal.trial import Trial

checks = Checks()
LATE = 63
"""For how many seconds Stripe is given time to enter a movement. It does not say how long that takes."""
TYPES_OF_PAYMENTS = frozenset({"charge", "payment"})
TYPES_OF_REFUNDS = frozenset({"refund", "payment_refund"})


@checks.assumes(
    "the charge's balance transaction is null at first, or is there at once", "api/charges/object"
)
def balance_transaction_at_first(trial: Trial) -> Seen:
    """The code takes either: fees are filled in by the audit."""
    named = trial.paid["latest_charge"]["balance_transaction"]
    return Seen(named is None or str(named).startswith("txn_"), "null" if named is None else "named")


@checks.assumes(
    "a payment is listed in the books as a charge or a payment, with its source",
    "reports/balance-transaction-types",
)
def payment_in_the_books(trial: Trial) -> Seen:
    return _in_the_books(trial, trial.paid["latest_charge"]["id"], TYPES_OF_PAYMENTS)


@checks.assumes(
    "a refund is listed in the books as a refund, with its source", "reports/balance-transaction-types"
)
def refund_in_the_books(trial: Trial) -> Seen:
    return _in_the_books(trial, trial.part_refund["id"], TYPES_OF_REFUNDS)


@checks.assumes("the key may list an intent's disputes", "api/disputes/list")
def disputes_listed(trial: Trial) -> Seen:
    return _may_be_listed(trial, "/v1/disputes", payment_intent=trial.paid["id"])


@checks.assumes("the key may list payouts", "api/payouts/list")
def payouts_listed(trial: Trial) -> Seen:
    return _may_be_listed(trial, "/v1/payouts")


@checks.assumes("the movements of an automatic payout can be listed by it", "api/balance_transactions/list")
def movements_of_a_payout(trial: Trial) -> Seen:
    payouts = trial.stripe.get("/v1/payouts", limit=100).body["data"]
    automatic = [one["id"] for one in payouts if one["automatic"]]
    if not automatic:
        raise NotTried("the account has had no automatic payout")
    answer = trial.stripe.get("/v1/balance_transactions", payout=automatic[0], limit=100)
    return Seen(isinstance(answer.body.get("data"), list), answer.in_short)


def _may_be_listed(trial: Trial, path: str, **params: Any) -> Seen:
    try:
        answer = trial.stripe.get(path, limit=100, **params)
    except KeyMayNot as refused:
        return Seen(False, str(refused))
    listed = answer.body.get("data")
    return Seen(listed is not None, answer.in_short if listed is None else f"{len(listed)} listed")


def _in_the_books(trial: Trial, source: str, types: frozenset[str]) -> Seen:
    def listed() -> Any:
        found = trial.stripe.get(
            "/v1/balance_transactions", source=source, limit=100, expand=["data.source"]
        ).body["data"]
        return found[0] if found else None

    entry = trial.stripe.until(listed, f"the balance transaction of {source}", within=LATE)
    told = entry["type"] in types and entry["source"]["id"] == source
    return Seen(told, f"type {entry['type']}, fee {entry['fee']}, net {entry['net']}")
