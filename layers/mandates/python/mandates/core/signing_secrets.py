"""The value of the secret with the webhook endpoints' signing secrets, and how it changes.

    {"format": 1,
     "secrets": ["whsec_…", …],
     "endpoints": [{"id": "we_…", "fingerprint": "…", "stored_at": 1790000000, "removed_at": null}],
     "registered": {…}}

`secrets` are all valid secrets, and all that `receive_webhook` reads. A person may add one there by hand, so
a value without `format` counts as the first format. `endpoints` says which secret belongs to which endpoint
at Stripe, by the beginning of its SHA-256, so that a secret stands here only once. `registered` is what the
last deployment asked for and got.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mandates.core.signature import SECRETS_FORMAT, valid_secrets

_FINGERPRINT_LENGTH = 16


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint whose secret was stored. Times in epoch seconds; `removed_at` is when it went at Stripe."""

    endpoint_id: str
    fingerprint: str
    stored_at: int
    removed_at: int | None = None


@dataclass(frozen=True)
class SigningSecrets:
    secrets: tuple[str, ...] = ()
    endpoints: tuple[KnownEndpoint, ...] = ()
    registered: Mapping[str, Any] = field(default_factory=dict)

    def endpoint(self, endpoint_id: str) -> KnownEndpoint | None:
        return next((known for known in self.endpoints if known.endpoint_id == endpoint_id), None)

    def knows(self, endpoint_id: str) -> bool:
        """Whether this endpoint's signatures are accepted: its secret was stored and not removed again."""
        known = self.endpoint(endpoint_id)
        return known is not None and known.fingerprint in {fingerprint(secret) for secret in self.secrets}

    def with_secret(self, endpoint_id: str, secret: str, now: int) -> "SigningSecrets":
        """The secrets with this one, valid from now on beside all others."""
        others = tuple(known for known in self.endpoints if known.endpoint_id != endpoint_id)
        added = KnownEndpoint(endpoint_id, fingerprint(secret), now)
        secrets = tuple(dict.fromkeys((*self.secrets, secret)))
        return replace(self, secrets=secrets, endpoints=(*others, added))

    def removed(self, endpoint_ids: Collection[str], now: int) -> "SigningSecrets":
        """Their endpoints are gone at Stripe since `now`. What they signed may still be under way."""
        return replace(
            self,
            endpoints=tuple(
                replace(known, removed_at=now)
                if known.endpoint_id in endpoint_ids and known.removed_at is None
                else known
                for known in self.endpoints
            ),
        )

    def without_removed(self, before: float) -> "SigningSecrets":
        """The value without the secrets of endpoints that went at or before then."""
        gone = [
            known for known in self.endpoints if known.removed_at is not None and known.removed_at <= before
        ]
        kept = tuple(known for known in self.endpoints if known not in gone)
        needed = {known.fingerprint for known in kept}
        dropped = {known.fingerprint for known in gone} - needed
        secrets = tuple(secret for secret in self.secrets if fingerprint(secret) not in dropped)
        return replace(self, secrets=secrets, endpoints=kept)

    @property
    def by_hand(self) -> int:
        """How many secrets belong to no endpoint that was registered here."""
        ours = {known.fingerprint for known in self.endpoints}
        return sum(fingerprint(secret) not in ours for secret in self.secrets)

    def text(self) -> str:
        endpoints = [
            {
                "id": known.endpoint_id,
                "fingerprint": known.fingerprint,
                "stored_at": known.stored_at,
                "removed_at": known.removed_at,
            }
            for known in self.endpoints
        ]
        value = {
            "format": SECRETS_FORMAT,
            "secrets": self.secrets,
            "endpoints": endpoints,
            "registered": self.registered,
        }
        return json.dumps(value, sort_keys=True)


def fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:_FINGERPRINT_LENGTH]


def parsed_secrets(text: str) -> SigningSecrets:
    """Raises NewerFormat, or ValueError unless `secrets` is a list of signing secrets.

    Any other part that can't be read counts as absent. That leads to a new endpoint, and never to a lost
    secret.
    """
    value = json.loads(text)
    registered = value.get("registered") if isinstance(value, dict) else None
    endpoints = value.get("endpoints") if isinstance(value, dict) else None
    return SigningSecrets(
        valid_secrets(value),
        tuple(filter(None, map(_known, endpoints if isinstance(endpoints, list) else []))),
        registered if isinstance(registered, dict) else {},
    )


def _known(stored: Any) -> KnownEndpoint | None:
    match stored:
        case {
            "id": str(endpoint_id),
            "fingerprint": str(fingerprint_of_secret),
            "stored_at": int(stored_at),
            "removed_at": int() | None as removed_at,
        }:
            return KnownEndpoint(endpoint_id, fingerprint_of_secret, stored_at, removed_at)
    return None
