"""Signs evidence with a key of KMS, and shows the public keys that verify it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mandates.core.canonical import canonical_json
from mandates.core.evidence_pack import ALGORITHM


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`der` is its SubjectPublicKeyInfo (RFC 5280). The fingerprint is the SHA-256 of that, in hex."""

    key_id: str
    der: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        encoded = base64.b64encode(self.der).decode()
        lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


class Signer:
    """Signs with the first of these KMS keys. The others signed earlier, and are still published."""

    def __init__(self, kms: Any, key_ids: Sequence[str]) -> None:
        self._kms = kms
        self._key_ids = key_ids

    @cached_property
    def public_keys(self) -> list[PublicKey]:
        """In the order given. A key's public half never changes, so it is fetched once."""
        return [self._public_key(key_id) for key_id in self._key_ids]

    def signed(self, evidence: Mapping[str, Any]) -> dict[str, Any]:
        """The document with its signature, over the canonical bytes of `evidence`."""
        key = self._current
        answer = self._kms.sign(
            KeyId=key.key_id,
            Message=hashlib.sha256(canonical_json(evidence)).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=ALGORITHM,
        )
        return {
            "evidence": evidence,
            "signature": {
                "algorithm": ALGORITHM,
                "key_fingerprint": key.fingerprint,
                "public_key": key.pem,
                "value": base64.b64encode(answer["Signature"]).decode(),
            },
        }

    @cached_property
    def _current(self) -> PublicKey:
        """Fetched alone: a function that only signs need not be allowed, or able, to fetch earlier keys."""
        return self._public_key(self._key_ids[0])

    def _public_key(self, key_id: str) -> PublicKey:
        return PublicKey(key_id, self._kms.get_public_key(KeyId=key_id)["PublicKey"])


def keys_view(public_keys: Sequence[PublicKey]) -> list[dict[str, str]]:
    return [
        {
            "fingerprint": key.fingerprint,
            "algorithm": ALGORITHM,
            "public_key": key.pem,
            "use": "previous" if index else "current",
        }
        for index, key in enumerate(public_keys)
    ]
