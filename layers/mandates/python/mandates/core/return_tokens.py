"""Who came back from Stripe's page: an indication, and not a proof.

The address of Stripe's page works for anybody who opens it. So somebody else may authorise their own Amazon
account for the mandate of the customer who got the address. Therefore the address that Stripe sends them back
to carries a token that no answer of ours contains, and the page there posts it under the sign-in that it
finds. Only the token's digest is kept, in the customer's consent.

This proves nothing: somebody may close the page before it has loaded, or pass its address on.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

from mandates.core.facts import Fact, Facts, Kind

TOKEN_BYTES = 32
WELL_FORMED = r"^[A-Za-z0-9_-]{43}$(?!\n)"

EXPECTED = "return_token_digest"
"""The member of a consent's detail with the digest of the checkout's token."""


class By(StrEnum):
    """Whose sign-in it was: the mandate's own customer's, or somebody else's. The values are stored."""

    CUSTOMER = "customer"
    ANOTHER = "another"


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    return base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).decode().rstrip("=")


def digest_of(token: str) -> str:
    """It needs no salt: the token has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def expecting(consent: Fact, token: str) -> Fact:
    """The consent of a mandate whose checkout has this token."""
    return replace(consent, detail={**consent.detail, EXPECTED: digest_of(token)})


def is_expected(facts: Facts, token: str) -> bool:
    """Whether it is the token of the checkout with which the mandate of these facts began."""
    consent = facts.get(Kind.CONSENT_ACCEPTED)
    return consent is not None and consent.detail.get(EXPECTED) == digest_of(token)


def returned(by: By, at: int, source: str) -> Fact:
    """The fact that somebody came back. Both kinds may stand, each with the earliest time reported.

    It does not name the other person: that would be personal data, in a record that their own erasure does
    not reach.
    """
    return Fact(Kind.RETURNED, at, source, detail={"by": str(by)}, qualifier=str(by))


def returns(facts: Facts) -> Mapping[By, int | None]:
    """When they first came back, in epoch seconds; None if not yet."""
    known = {by: facts.get(returned(by, 0, "").key) for by in By}
    return {by: fact.at if fact else None for by, fact in known.items()}
