"""The currencies that Amazon Pay accepts on Stripe, and amounts in them.

A closed list: https://docs.stripe.com/payments/amazon-pay
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

EXPONENTS: Mapping[str, int] = {
    "aud": 2,
    "chf": 2,
    "dkk": 2,
    "eur": 2,
    "gbp": 2,
    "hkd": 2,
    "jpy": 0,
    "nok": 2,
    "nzd": 2,
    "sek": 2,
    "usd": 2,
    "zar": 2,
}
"""By lower-case ISO 4217 code: how many digits an amount has after the point. An amount is a count of the
currency's smallest unit, so 500 is $5.00 and ¥500: https://docs.stripe.com/currencies#zero-decimal"""

CURRENCIES = frozenset(EXPONENTS)

LARGEST_AMOUNT = 99_999_999
"""Stripe takes at most eight digits: https://docs.stripe.com/api/payment_intents/create#create_payment_intent-amount"""


def is_amount(value: Any) -> TypeGuard[int]:
    """Whether it is an amount in minor units that can be charged. True is not 1, and 10.0 is not 10."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_AMOUNT


def minor_units(whole: int, currency: str) -> int:
    """Whole units (dollars, yen) as the minor units that amounts are given in."""
    return whole * int(10 ** EXPONENTS[currency])


def written(amount: int, currency: str) -> str:
    """An amount in minor units as people read it: USD 12.99, JPY 1299. No number is multiplied or divided."""
    decimals = EXPONENTS[currency]
    digits = str(amount).zfill(decimals + 1)
    point = len(digits) - decimals
    return f"{currency.upper()} {digits[:point]}" + (f".{digits[point:]}" if decimals else "")
