"""Whatever is signed, published or sent: a caller, a refusal, or the issuer's own failure."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mandates.api.callers import Scope
from mandates.api.issuer_keys import IssuerUnreadable
from mandates.core.token_claims import CLIENT_CLAIMS, GRANT_CLAIMS, TokenRefused, subjects_of
from tests.unit.issuer import (
    AUDIENCE,
    ISSUER,
    NOW,
    Issuer,
    base64url,
    customer_claims,
    published,
    signed,
    token,
)

SERVICES = frozenset({"back-end"})
ISSUERS = Issuer(keys=[published("rsa-1"), published("ec-1"), published("ed-1")])

HUGE = st.sampled_from([10**400, -(10**400), 2**63, 1e308, float("nan"), float("inf"), -0.0])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | HUGE
WORDS = st.sampled_from(
    [
        *("back-end", "storefront", "back-end@clients", "auth0|ann", "service-account-x", AUDIENCE, ISSUER),
        *("openid", "mandates:read", "client-credentials", "access", "app", "Bearer", "ID", "at+jwt", "JWT"),
        *("rsa-1", "RS256", "ES256", "HS256", "none"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
CLAIMS = [
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "token_use", "nonce", "at_hash", "c_hash"),
    *("gty", "grant_type", "idtyp", "oid", "preferred_username", "clientHost", "azpacr"),
    *(*CLIENT_CLAIMS, *GRANT_CLAIMS),
]
SOME_CLAIMS = st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=5)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "cty", "zip"]), JSON, max_size=4
)
BOUNDS = settings(max_examples=200, deadline=None)


def outcome(text: str, issuer: Issuer = ISSUERS) -> str:
    try:
        caller, expires_at = issuer.verifier(service_client_ids=SERVICES).verify(text)
    except TokenRefused:
        return "refused"
    except IssuerUnreadable:
        return "unreadable"
    assert caller.issuer == ISSUER
    assert NOW < expires_at < 10**12
    assert caller.scopes <= set(Scope)
    if caller.is_service:
        return "service"
    assert caller.scopes == frozenset()
    assert caller.subject not in subjects_of(SERVICES)
    return "customer"


@BOUNDS
@given(HEADERS, SOME_CLAIMS)
@example({}, {"exp": 10**400})
@example({}, {"exp": float("nan")})
@example({"kid": None, "alg": ["RS256"]}, {})
def test_whatever_the_issuer_signs(header: dict[str, Any], claims: dict[str, Any]) -> None:
    who = outcome(signed({"typ": "at+jwt", **header}, {**customer_claims(), **claims}))
    named = {value for name in CLIENT_CLAIMS if isinstance(value := claims.get(name), str)} - {""}
    assert who in {"refused", "customer", "service"}
    if who == "service":
        assert named | {"storefront"} >= SERVICES
    if who == "customer":
        assert not named & SERVICES


@BOUNDS
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'{"a":' * 3000)
@example(b'{"exp":' + b"9" * 5000 + b"}")
def test_whatever_bytes_the_issuer_signs(claims: bytes) -> None:
    assert outcome(signed({"typ": "at+jwt"}, claims)) == "refused"


@BOUNDS
@given(
    st.text(max_size=40)
    | st.lists(st.text(max_size=12) | st.binary(max_size=40).map(base64url), max_size=4).map(".".join)
    | st.tuples(HEADERS, SOME_CLAIMS).map(lambda pair: f"{base64url(pair[0])}.{base64url(pair[1])}.AAAA")
)
def test_whatever_somebody_else_sends(text: str) -> None:
    assert outcome(text) == "refused"


KEY_FIELDS = st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "d"])
KEY_VALUES = JSON | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "sig", "AQAB", "AA"])
ENTRIES = st.builds(
    lambda name, changes: {**published(name), **changes},
    st.sampled_from(["rsa-1", "ec-1", "ed-1"]),
    st.dictionaries(KEY_FIELDS, KEY_VALUES, max_size=3),
)


@BOUNDS
@given(
    JSON | st.fixed_dictionaries({"keys": JSON | st.lists(ENTRIES | JSON, max_size=3)}),
    st.sampled_from(["rsa-1", "ec-1", "ed-1"]),
    st.booleans(),
)
def test_whatever_the_issuer_publishes(document: Any, key: str, names_its_key: bool) -> None:
    address = "https://keys.example/"
    issuer = Issuer(documents={address: document})
    text = token(key=key, kid=key if names_its_key else ...)
    try:
        issuer.verifier(oidc_jwks_url=address).verify(text)
    except (TokenRefused, IssuerUnreadable):
        return
    assert any(isinstance(entry, dict) for entry in document["keys"])
