"""The card behind a saved Amazon Pay account, as Stripe tells it with a payment that succeeded.

It is only for display: no decision is made from it, no ledger has it and nothing signs it. It is personal
data.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BRAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")
_LAST4 = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Funding:
    """`brand` is Stripe's word, such as `Visa`; `last4` are four digits."""

    brand: str
    last4: str

    @property
    def name(self) -> str:
        """For people, in English. Stripe calls some brands by a code, such as `visa`."""
        return f"{_brand_name(self.brand)} ending in {self.last4}"


def funding_of_charge(stripe_charge: Mapping[str, Any]) -> Funding | None:
    """None if Stripe tells no card, or tells it in another way than documented: that must not fail a charge.

    https://docs.stripe.com/api/charges/object, `payment_method_details.amazon_pay.funding.card`
    """
    found: object = stripe_charge
    for member in ("payment_method_details", "amazon_pay", "funding", "card"):
        found = found.get(member) if isinstance(found, Mapping) else None
    return funding_from_plain(found)


def funding_from_plain(plain: object) -> Funding | None:
    """From `brand` and `last4`, as Stripe and the store have them; None if they are not both there and
    sound."""
    if not isinstance(plain, Mapping):
        return None
    brand, last4 = plain.get("brand"), plain.get("last4")
    if not (isinstance(brand, str) and isinstance(last4, str)):
        return None
    return Funding(brand, last4) if _BRAND.fullmatch(brand) and _LAST4.fullmatch(last4) else None


def _brand_name(brand: str) -> str:
    if brand.lower() == "unknown":
        return "card"
    return brand.replace("_", " ").title() if brand.islower() else brand
