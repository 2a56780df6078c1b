"""What a back end sends to charge a mandate, checked for its form before anything is read."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from mandates.api.requests import Request
from mandates.core.charging.head import ChargeDetails
from mandates.core.charging.ids import is_idempotency_key
from mandates.core.currencies import LARGEST_AMOUNT
from mandates.core.errors import InvalidRequest

IDEMPOTENCY_KEY = "Idempotency-Key"

# "$(?!\n)" is the end in Python and in JavaScript; a bare "$" lets Python take a newline after it.
_REFERENCE = (
    r"^[^\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb]+"
    r"$(?!\n)"
)
_DESCRIPTION = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+$(?!\n)"
"""Without what `visible` would show as an escape: customers read it."""

Amount = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_AMOUNT)]
Currency = Literal["aud", "chf", "dkk", "eur", "gbp", "hkd", "jpy", "nok", "nzd", "sek", "usd", "zar"]
OwnReference = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_REFERENCE)]
Description = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_DESCRIPTION)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with an offset."""


class ChargeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A charge as a business asks for it. `amount` is in minor units."""

    amount: Amount
    currency: Currency
    reference: OwnReference
    description: Description
    charge_by: Time | None = None

    @property
    def details(self) -> ChargeDetails:
        return ChargeDetails(
            amount=self.amount,
            currency=self.currency,
            reference=self.reference,
            description=self.description,
            charge_by=None if self.charge_by is None else seconds(self.charge_by),
        )


def seconds(time: datetime) -> int:
    """Epoch seconds, rounded down."""
    return int(time.timestamp() // 1)


MOST_YEARS_AHEAD = 10


def checked_at(asked: datetime | None, now: int) -> int:
    """The instant (epoch seconds) that a check is about: now, unless it asks for a later one.

    Raises an InvalidRequest that names `at` if it is so late that it must be an error.
    """
    at = now if asked is None else seconds(asked)
    if at > now + MOST_YEARS_AHEAD * 366 * 86_400:
        raise InvalidRequest(f"at must be at most {MOST_YEARS_AHEAD} years ahead")
    return max(at, now)


def idempotency_key(request: Request, of: str = "charge") -> str:
    """The key that names the charge or refund. Raises an InvalidRequest that names the header."""
    key = request.only_header(IDEMPOTENCY_KEY)
    if key is None:
        raise InvalidRequest(
            f"the header {IDEMPOTENCY_KEY} is missing: send one, with a new key for each {of}"
        )
    if not is_idempotency_key(key):
        raise InvalidRequest(f"the header {IDEMPOTENCY_KEY} must be 1 to 255 visible ASCII characters")
    return key
