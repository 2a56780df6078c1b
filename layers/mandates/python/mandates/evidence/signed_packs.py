"""The evidence pack: reads what is known about a mandate, builds the document, signs it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from mandates.api.callers import NOT_YOURS, Caller, Scope
from mandates.core.canonical import canonical_json
from mandates.core.clock import Clock, Instant
from mandates.core.errors import (
    InsufficientScope,
    InvalidRequest,
    LedgerUnreadable,
    NotFound,
)
from mandates.core.evidence_pack import ALGORITHM, build_pack
from mandates.ledger.snapshot import altered_is_unreadable, read_record
from mandates.runtime.telemetry import count, logger
from mandates.store.mandates import read_heads


class Settings(msgspec.Struct, frozen=True):
    """What a function that returns evidence needs. The first key signs."""

    allowed_origins: frozenset[str]
    evidence_key_ids: tuple[str, ...]
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


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


def signed_evidence(
    mandate_id: str, page: int, caller: Caller, signer: Signer, clock: Clock
) -> dict[str, Any]:
    """A page of a mandate's evidence, for a service that may read mandates.

    Raises NotFound, InsufficientScope, LedgerUnreadable or Busy.
    """
    _must_be_a_service(mandate_id, caller)
    try:
        with altered_is_unreadable("what is stored"):
            record = read_record(mandate_id)
            if record is None:
                raise NotFound(NOT_YOURS)
            evidence = build_pack(record, page=page, generated_at=Instant(clock()).text)
    except IndexError:
        raise NotFound("there is no such page: follow `next` from page 1") from None
    except LedgerUnreadable:
        count("BrokenLedgers")
        logger.exception("stored evidence can't be read", extra={"mandate_id": mandate_id})
        raise LedgerUnreadable(
            f"what is stored of {mandate_id} was altered and can't be read:"
            f" python -m ops mandate verify {mandate_id} says where"
        ) from None
    if evidence["faults"]:
        count("BrokenLedgers")
        found = {"mandate_id": mandate_id, "faults": evidence["faults"]}
        logger.error("what is stored does not follow from its ledger", extra=found)
    count("EvidenceExported")
    return signer.signed(evidence)


def page_asked_for(query: Mapping[str, str]) -> int:
    page = query.get("page", "1")
    if not (page.isascii() and page.isdecimal() and 0 < len(page) < 10 and int(page)):
        raise InvalidRequest("page must be a whole number from 1")
    return int(page)


def _must_be_a_service(mandate_id: str, caller: Caller) -> None:
    """A customer learns that evidence is not for them only for a mandate of their own."""
    head = None if caller.is_service else read_heads([mandate_id]).get(mandate_id)
    caller.must_reach(head.customer_id if head else "", Scope.MANDATES_READ)
    if not caller.is_service:
        raise InsufficientScope(
            f"evidence is for the business: use a service token with {Scope.MANDATES_READ}"
        )
