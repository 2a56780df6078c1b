"""A mandate's register numbers its charges and notices. Each of them holds the link of the one before.

A charge's link is the hash of its first entry, a notice's is its own hash. So the register gives them an
order and a count, and shows if one was altered, removed or put in. Like a ledger, it can't show that its end
was cut off, or that all of it was made anew (docs/architecture.md).
"""

from dataclasses import dataclass
from datetime import date

from mandates.core.ledger import GENESIS


@dataclass(frozen=True, slots=True)
class Register:
    """`count` charges and notices; `hash` is the last one's link. `anchor` is the local day that windows
    count from, once the first reservation has frozen it. `disputes` are Stripe's ids of the open ones."""

    count: int = 0
    hash: str = GENESIS
    anchor: date | None = None
    disputes: frozenset[str] = frozenset()
