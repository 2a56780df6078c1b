"""The ids of charges and refunds, and the idempotency keys of their calls.

They are derived, so that every repeat finds the same ones.
"""

import base64
import hashlib
import re

CHARGE_ID = re.compile(r"chg_[a-z2-7]{24}_[a-z2-7]{16}")
REFUND_ID = re.compile(r"rfn_[a-z2-7]{24}_[a-z2-7]{16}_[a-z2-7]{16}")

_API_KEY = re.compile(r"[!-~]{1,255}")
_ATTEMPT_KEY = re.compile(rf"charge/({CHARGE_ID.pattern})/attempt/([1-9][0-9]{{0,3}})")


def is_idempotency_key(value: str) -> bool:
    """Whether a caller's Idempotency-Key has 1 to 255 visible ASCII characters."""
    return _API_KEY.fullmatch(value) is not None


def charge_id(mandate_id: str, idempotency_key: str) -> str:
    """The charge that a caller's key names. It is scoped to the mandate and not to the caller: a client whose
    id was rotated must not charge twice."""
    return f"chg_{mandate_id.removeprefix('mdt_')}_{_hashed('api', idempotency_key)}"


def mandate_id_of_charge(charge: str) -> str:
    """The id of the charge's mandate. Raises ValueError if it is not the id of a charge."""
    if not CHARGE_ID.fullmatch(charge):
        raise ValueError("not the id of a charge")
    return f"mdt_{charge[4:28]}"


def create_key(charge: str, number: int = 1) -> str:
    """Stripe's Idempotency-Key for creating the intent; after a 500 that Stripe replays, the next number."""
    return f"charge/{charge}/create" + (f"/{number}" if number > 1 else "")


def attempt_key(charge: str, attempt: int) -> str:
    """Stripe's Idempotency-Key for confirming the intent."""
    return f"charge/{charge}/attempt/{attempt}"


def attempt_in(charge: str, idempotency_key: str | None) -> int | None:
    """The attempt that a key of `attempt_key` names, if it is one of this charge."""
    found = _ATTEMPT_KEY.fullmatch(idempotency_key or "")
    return int(found[2]) if found and found[1] == charge else None


def refund_id(charge: str, idempotency_key: str) -> str:
    """The refund that a caller's key names. It is scoped to the charge."""
    return f"rfn_{charge.removeprefix('chg_')}_{_hashed('api', idempotency_key)}"


def refund_id_of_stripe(charge: str, stripe_refund_id: str) -> str:
    """The id of a refund that we did not make: somebody did so in the Dashboard."""
    return f"rfn_{charge.removeprefix('chg_')}_{_hashed('stripe', stripe_refund_id)}"


def charge_id_of_refund(refund: str) -> str:
    """The id of the refund's charge. Raises ValueError if it is not the id of a refund."""
    if not REFUND_ID.fullmatch(refund):
        raise ValueError("not the id of a refund")
    return f"chg_{refund[4:45]}"


def refund_key(refund: str) -> str:
    """Stripe's Idempotency-Key for making the refund."""
    return f"refund/{refund}"


def _hashed(origin: str, word: str) -> str:
    hashed = hashlib.sha256(f"{origin}\0{word}".encode()).digest()
    return base64.b32encode(hashed).decode().lower()[:16]
