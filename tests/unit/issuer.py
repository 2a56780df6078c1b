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
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mandates.api.tokens import Tokens, Verifier
from mandates.core.token_claims import TokenRefused

Curve = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.shop.example"
JWKS_URL = "https://keys.issuer.example/jwks.json"
NOW = 1_790_000_000


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


CURVES: dict[str, tuple[str, Curve]] = {
    "ec-1": ("ES256", ec.SECP256R1()),
    "ec-384": ("ES384", ec.SECP384R1()),
    "ec-521": ("ES512", ec.SECP521R1()),
}


@functools.cache
def ec_key(name: str = "ec-1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(CURVES[name][1])


@functools.cache
def ed_key(name: str = "ed-1") -> Ed25519PrivateKey | Ed448PrivateKey:
    return Ed448PrivateKey.generate() if name == "ed-448" else Ed25519PrivateKey.generate()


def public_pem(name: str) -> bytes:
    return rsa_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def published(name: str, **changes: Any) -> dict[str, Any]:
    """The public half, as the issuer's JWKS has it. The name is the key id."""
    if name.startswith("ec"):
        key = ECAlgorithm.to_jwk(ec_key(name).public_key(), as_dict=True)
    elif name.startswith("ed"):
        key = OKPAlgorithm.to_jwk(ed_key(name).public_key(), as_dict=True)
    else:
        key = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    whole = {"key_ops": ..., **key, "kid": name, "use": "sig", **changes}
    if "key_ops" not in changes:
        del whole["key_ops"]
    return {field: value for field, value in whole.items() if value is not ...}


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
    """An access token (RFC 9068), signed with that key, which the header names unless it is told otherwise.

    `...` takes a field out of the header.
    """
    given = customer_claims() if claims is None else dict(claims)
    headers = {"kid": key, "typ": "at+jwt", **header}
    without = {name: value for name, value in headers.items() if value is not ...}
    if "typ" not in without:
        without["typ"] = ""  # else PyJWT writes `JWT`
    if key.startswith("ec"):
        return jwt.encode(given, ec_key(key), CURVES[key][0], headers=without)
    if key.startswith("ed"):
        return jwt.encode(given, ed_key(key), "EdDSA", headers=without)
    return jwt.encode(given, rsa_key(key), header.get("alg", "RS256"), headers=without)


def base64url(data: bytes | Mapping[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes) -> str:
    """Properly signed, with any header and any claims. `...` takes a field out of the header."""
    whole = {"alg": "RS256", "kid": "rsa-1", **header}
    head = {name: value for name, value in whole.items() if value is not ...}
    text = f"{base64url(head)}.{base64url(claims)}"
    return f"{text}.{base64url(rsa_key('rsa-1').sign(text.encode(), PKCS1v15(), SHA256()))}"


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


def refused(issuer: Issuer, text: str, **settings: Any) -> str:
    """Why the token is refused, with the stack's parameters changed as told."""
    with pytest.raises(TokenRefused) as error:
        issuer.verifier(**settings).verify(text)
    return str(error.value)
