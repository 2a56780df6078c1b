"""A charge's balance transactions at Stripe: the payment, its refunds and its disputes, each with its fee.

Movements come from Stripe's books and are not facts: nothing signs them, and no decision is made from them.
https://docs.stripe.com/api/balance_transactions/object
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Movement:
    """A balance transaction of a charge. `transaction_id` and `source` (the charge, refund or dispute that it
    books) are Stripe's ids, `type` is Stripe's word.

    `amount`, `fee` and `net` are in minor units of `currency`, the currency of the Stripe balance. What left
    the balance is negative. `exchange_rate` is the decimal number by which Stripe converted the charge's
    currency to it; None if it did not. Times are in epoch seconds. `payout` is the automatic payout that paid
    it out; None until then, and for ever if payouts are made by hand.
    """

    charge_id: str
    transaction_id: str
    type: str
    source: str
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    available_on: int
    exchange_rate: str | None = None
    payout: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """In minor units."""

    amount: int = 0
    fee: int = 0
    net: int = 0

    def plus(self, movement: Movement) -> "Total":
        return Total(self.amount + movement.amount, self.fee + movement.fee, self.net + movement.net)


def totals(movements: Iterable[Movement]) -> dict[str, Total]:
    """By currency of the balance: amounts of different currencies are never added."""
    found: dict[str, Total] = {}
    for movement in movements:
        found[movement.currency] = found.get(movement.currency, Total()).plus(movement)
    return found
