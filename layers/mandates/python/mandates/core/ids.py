"""The forms of ids, where something that is not one must not get further."""

import re
from typing import TypeGuard

MANDATE_ID = re.compile(r"mdt_[a-z2-7]{24}")

MAX_ID_LENGTH = 255
"""https://docs.stripe.com/upgrades: ids may be up to 255 characters."""

STRIPE_ID = re.compile(rf"[A-Za-z0-9_]{{1,{MAX_ID_LENGTH}}}")
"""The ids in Stripe's documentation have this form, whatever their prefix. It leaves out what tells our own
keys and sources apart (`#`, `:`), and every character that a terminal could take for a command."""


def is_mandate_id(value: object) -> bool:
    return isinstance(value, str) and MANDATE_ID.fullmatch(value) is not None


def is_stripe_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and STRIPE_ID.fullmatch(value) is not None
