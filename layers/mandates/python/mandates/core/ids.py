"""The forms of ids, to stop whatever is not an id."""

import re
from typing import TypeGuard

MANDATE_ID = re.compile(r"mdt_[a-z2-7]{24}")

MAX_ID_LENGTH = 255
"""https://docs.stripe.com/upgrades: ids may be up to 255 characters."""

STRIPE_ID = re.compile(rf"[A-Za-z0-9_]{{1,{MAX_ID_LENGTH}}}")
"""The ids in Stripe's documentation have this form, whatever their prefix. It excludes the separators in our
own keys and sources (`#`, `:`), and every character that a terminal could take for a command."""


_PRINTABLE_ID = re.compile(
    r"[^\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff"
    rf"\ufff9-\ufffb]{{1,{MAX_ID_LENGTH}}}"
)
"""Excludes invisible characters, those that set the direction of text, and unusual spaces. It uses ranges and
not Python's own tables, so that openapi.yaml says the same to every reader (PathId)."""


def is_mandate_id(value: object) -> bool:
    return isinstance(value, str) and MANDATE_ID.fullmatch(value) is not None


def is_stripe_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and STRIPE_ID.fullmatch(value) is not None


def is_printable_id(value: object) -> TypeGuard[str]:
    """Whether it can be the id of a customer, or of anything else that a path names."""
    return isinstance(value, str) and _PRINTABLE_ID.fullmatch(value) is not None
