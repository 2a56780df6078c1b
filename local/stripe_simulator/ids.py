"""Ids that look like Stripe's, from an injected source of randomness."""

import string
from collections.abc import Callable
from random import Random

type NewId = Callable[[str], str]

ALPHABET = string.ascii_letters + string.digits

# The usual lengths. Nothing may depend on them: Stripe allows object ids of up to 255 characters
# (https://docs.stripe.com/upgrades).
_LENGTHS = {"cs_test": 58, "cus": 14, "req": 14, "whsec": 32}
_USUAL_LENGTH = 24


def random_ids(random: Random) -> NewId:
    """A function that makes a new id with a prefix: ``new_id("cus")`` is ``cus_Q2r7...``."""

    def new_id(prefix: str) -> str:
        length = _LENGTHS.get(prefix, _USUAL_LENGTH)
        return f"{prefix}_{''.join(random.choices(ALPHABET, k=length))}"

    return new_id
