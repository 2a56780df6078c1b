"""Stripe's webhook signature, checked with the standard library.

`import stripe` would take the function that answers Stripe more time than all its work.
Contract: https://docs.stripe.com/webhooks#verify-manually. Unlike the SDK, this also refuses a timestamp from
the future, and accepts several secrets at once (while one is being rolled).
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

from mandates.core.formats import must_be_known

TOLERANCE_SECONDS = 300
"""Stripe's default, applied in both directions: a clock that is ahead is no better than one behind."""

MAX_HEADER_LENGTH = 4096

SECRETS_FORMAT = 1
"""The format of the secret's value (signing_secrets.py). It stands here because receive_webhook must start
fast: it reads the value, and loads nothing else for that."""

_PREFIX = "whsec_"


class SignatureRefused(Exception):
    """Its message says why, and never contains the header, the secret or the body."""


class NoMatchingSignature(SignatureRefused):
    """Well-formed and fresh, but made with none of our secrets: one may just have been rolled."""


def verify(payload: bytes, header: str | None, secrets: Iterable[str], now: float) -> None:
    """Return if any `v1` in the header is the HMAC-SHA256 of `timestamp.payload` under any secret.

    `now` is in epoch seconds. Raises SignatureRefused.
    """
    timestamp, candidates = _parsed(header)
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureRefused(f"the timestamp is more than {TOLERANCE_SECONDS} s away from our clock")
    signed = timestamp.encode() + b"." + payload
    for secret in secrets:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for candidate in candidates:
            if hmac.compare_digest(expected.encode(), candidate.encode()):
                return
    raise NoMatchingSignature("no signature in the header was made with a known secret for this body")


def _parsed(header: str | None) -> tuple[str, list[str]]:
    if not header:
        raise SignatureRefused("the Stripe-Signature header is missing")
    if len(header) > MAX_HEADER_LENGTH or not header.isascii():
        raise SignatureRefused("the Stripe-Signature header is too long or not ASCII")
    pairs = [item.strip().partition("=") for item in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    candidates = [value for name, _, value in pairs if name == "v1"]
    if len(timestamps) != 1 or not _is_epoch_seconds(timestamps[0]):
        raise SignatureRefused("the Stripe-Signature header has no single timestamp (t=)")
    if not candidates:
        raise SignatureRefused("the Stripe-Signature header has no v1 signature")
    return timestamps[0], candidates


def _is_epoch_seconds(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 12


def valid_secrets(value: Any) -> tuple[str, ...]:
    """Raises NewerFormat or ValueError: only a signing secret may ever verify a signature."""
    if isinstance(value, dict):
        must_be_known(
            "the secret with the webhook secrets", value.get("format", SECRETS_FORMAT), SECRETS_FORMAT
        )
    secrets = value.get("secrets") if isinstance(value, dict) else None
    if not isinstance(secrets, list) or not all(_is_signing_secret(secret) for secret in secrets):
        raise ValueError('the webhook secrets must be {"secrets": ["whsec_…"]}')
    return tuple(secret.strip() for secret in secrets)


def _is_signing_secret(value: Any) -> bool:
    return isinstance(value, str) and value.strip().startswith(_PREFIX) and len(value.strip()) > len(_PREFIX)
