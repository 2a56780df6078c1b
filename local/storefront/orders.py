"""The shop's orders, in this process's memory: what was ordered, and what is known of its charge."""

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

_MOST_ORDERS = 10_000  # the oldest is forgotten
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no letter looks like a digit


class Payment(Enum):
    """What the shop knows of an order's charge."""

    UNKNOWN = "unknown"
    """It may exist: the request was sent, or is about to be, and no answer has said."""
    REFUSED = "refused"
    """Nothing was charged, and `problem` says why."""
    CHARGED = "charged"
    """There is a charge; its own status says how it is doing."""


@dataclass
class Order:
    """`number` is the charge's Idempotency-Key and reference, too. It is kept before anything is sent."""

    number: str
    customer: str
    mandate_id: str
    item: str
    amount: int
    currency: str
    placed_at: datetime
    payment: Payment = Payment.UNKNOWN
    charge: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)
    following: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """One request at a time asks or tells the API about this order."""


class Orders:
    def __init__(self) -> None:
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def add(self, order: Order) -> Order:
        """The order that now has this number: the earlier one, if a form was sent twice."""
        kept = self._orders.setdefault(order.number, order)
        while len(self._orders) > _MOST_ORDERS:
            self._orders.popitem(last=False)
        return kept

    def of(self, customer: str) -> list[Order]:
        """Newest first."""
        return [order for order in reversed(self._orders.values()) if order.customer == customer]

    def get(self, number: str, customer: str | None) -> Order | None:
        """Nobody sees another customer's order."""
        order = self._orders.get(number)
        return order if order and order.customer == customer else None


def new_number() -> str:
    """Such as 7F3K-2M9Q-H4TX: hard to guess, easy to read out."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return "-".join((drawn[:4], drawn[4:8], drawn[8:]))


def is_number(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [4, 4, 4] and set("".join(parts)) <= set(_ALPHABET)
