"""An OIDC issuer as the verifier meets it: real keys, and a count of who asked for them."""

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mandates.settings import Tokens
from mandates.tokens import Verifier

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.shop.example"
JWKS_URL = "https://keys.issuer.example/jwks.json"
NOW = 1_790_000_000


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def ed_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def public_pem(name: str) -> bytes:
    return rsa_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def published(name: str, **changes: Any) -> dict[str, Any]:
    """The public half, as the issuer's JWKS has it. The name is the key id."""
    if name.startswith("ec"):
        key = ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True)
    elif name.startswith("ed"):
        key = OKPAlgorithm.to_jwk(ed_key().public_key(), as_dict=True)
    else:
        key = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    whole = {**key, "kid": name, "use": "sig", **changes}
    return {field: value for field, value in whole.items() if value is not ... and field != "key_ops"}


def customer_claims(**changes: Any) -> dict[str, Any]:
    """An access token's claims (RFC 9068). `...` takes one out."""
    claims = {
        "iss": ISSUER,
        "sub": "auth0|ann",
        "aud": AUDIENCE,
        "client_id": "storefront",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "jti": "token-1",
        "scope": "openid mandates:write",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def cognito_claims(**changes: Any) -> dict[str, Any]:
    """Amazon Cognito's access tokens: `client_id` and no `aud`, and `token_use`."""
    return customer_claims(**{"aud": ..., "client_id": "app-client", "token_use": "access", **changes})


def token(claims: Mapping[str, Any] | None = None, key: str = "rsa-1", **header: Any) -> str:
    """Signed with that key, which the header names unless it is told to name another."""
    given = customer_claims() if claims is None else dict(claims)
    headers = {"kid": key, **header}
    if key.startswith("ec"):
        return jwt.encode(given, ec_key(), "ES256", headers=headers)
    if key.startswith("ed"):
        return jwt.encode(given, ed_key(), "EdDSA", headers=headers)
    return jwt.encode(given, rsa_key(key), "RS256", headers=headers)


def base64url(data: bytes | Mapping[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, secret: bytes | None = None) -> str:
    """What no library would make: any header, signed with a shared secret or not at all."""
    signed = f"{base64url(header)}.{base64url(claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret is not None else b""
    return f"{signed}.{base64url(signature)}"


@dataclass
class Issuer:
    """`now` is the verifier's clock."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [published("rsa-1")])
    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    now: float = NOW

    def fetch_json(self, address: str) -> Any:
        self.asked.append(address)
        if self.is_down:
            raise OSError("out of reach")
        if address == JWKS_URL:
            return {"keys": self.keys}
        return self.documents[address]

    def verifier(self, **changes: Any) -> Verifier:
        values: dict[str, Any] = {
            "oidc_issuer": ISSUER,
            "oidc_audiences": frozenset({AUDIENCE, "app-client", "back-end"}),
            "oidc_jwks_url": JWKS_URL,
            "service_client_ids": frozenset({"back-end"}),
            "scope_prefix": "",
            **changes,
        }
        return Verifier(Tokens(**values), self.fetch_json, lambda: self.now)
