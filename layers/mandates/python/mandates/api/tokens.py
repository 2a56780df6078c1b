"""Verifies bearer tokens of any OIDC issuer: signature, issuer, audience, expiry, and who is calling.

RFC 9068 (JWT access tokens), RFC 8725 (JWT best practice), and what issuers do differently
(`core/token_claims.py`).
"""

import contextlib
from typing import Annotated, Any

import jwt
import msgspec

from mandates.api.callers import Caller, Scope
from mandates.api.issuer_keys import ALGORITHMS, FetchJson, IssuerKey, Keys
from mandates.core.clock import Clock
from mandates.core.ids import MAX_ID_LENGTH, is_printable_id
from mandates.core.token_claims import (
    Claims,
    TokenRefused,
    audiences_of,
    clients_of,
    grants_of,
    is_of_a_client_itself,
    must_be_an_access_token,
    subjects_of,
)
from mandates.runtime.addresses import URL

LEEWAY_SECONDS = 5
"""Allows for clocks that differ slightly."""

MAX_TOKEN_LENGTH = 16 * 1024

LATEST = 253_402_300_799
"""The last second of the year 9999. A token may name no later one."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a bearer token must satisfy (design: any OIDC issuer).

    `oidc_jwks_url` is empty if the issuer's discovery document names the keys' address.
    """

    oidc_issuer: Annotated[str, msgspec.Meta(pattern=f"^{URL}$")]
    oidc_audiences: frozenset[str]
    oidc_jwks_url: Annotated[str, msgspec.Meta(pattern=f"^({URL})?$")] = ""
    service_client_ids: frozenset[str] = frozenset()
    scope_prefix: str = ""


class Verifier:
    def __init__(self, settings: Tokens, fetch_json: FetchJson, clock: Clock) -> None:
        self._settings = settings
        self._keys = Keys(settings.oidc_issuer, settings.oidc_jwks_url, fetch_json, clock)
        self._clock = clock

    def verify(self, token: str) -> tuple[Caller, int]:
        """Whom the token speaks for, and when it expires (epoch seconds).

        Raises TokenRefused, or whatever fetching the issuer's keys raises.
        """
        header, claims = self._verified(token)
        expires_at = self._expiry(claims)
        must_be_an_access_token(header, claims)
        self._must_be_for_us(claims)
        return self._caller(claims), expires_at + LEEWAY_SECONDS

    def _verified(self, token: str) -> tuple[Claims, Claims]:
        """Its header and claims, signed by the issuer."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
                raise TokenRefused("its algorithm is not one we accept")
            return header, self._signed_claims(token, header.get("kid"), algorithm)
        except (jwt.PyJWTError, UnicodeError) as error:
            raise TokenRefused(f"it does not verify ({type(error).__name__})") from None

    def _signed_claims(self, token: str, key_id: str | None, algorithm: str) -> Claims:
        try:
            return self._decoded(token, algorithm, self._keys.fitting(key_id, algorithm))
        except jwt.InvalidSignatureError:
            # Without a key id, nothing shows that the token's key is new. So the keys are fetched again.
            if key_id is not None or not self._keys.look_again():
                raise
        return self._decoded(token, algorithm, self._keys.fitting(key_id, algorithm))

    def _decoded(self, token: str, algorithm: str, keys: list[IssuerKey]) -> Claims:
        for key in keys:
            with contextlib.suppress(jwt.InvalidSignatureError):
                claims: Claims = jwt.decode(
                    token,
                    key.key,
                    algorithms=[algorithm],  # on our list, and allowed for this kind of key
                    issuer=self._settings.oidc_issuer,
                    options={
                        "require": ["exp", "iss"],
                        "enforce_minimum_key_length": True,  # RFC 7518, section 3.3: 2048 bits
                        # Checked below, with our own clock, and also for tokens without `aud`.
                        "verify_aud": False,
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                        "verify_jti": False,
                        "verify_sub": False,
                    },
                )
                return claims
        raise jwt.InvalidSignatureError

    def _expiry(self, claims: Claims) -> int:
        now = self._clock()
        expires_at = _seconds(claims, "exp")
        if now >= expires_at + LEEWAY_SECONDS:
            raise TokenRefused("it has expired")
        if "nbf" in claims and now < _seconds(claims, "nbf") - LEEWAY_SECONDS:
            raise TokenRefused("it is not valid yet")
        return expires_at

    def _must_be_for_us(self, claims: Claims) -> None:
        """Cognito's access tokens lack `aud` unless the client asked for it: then the client id counts."""
        is_cognitos = claims.get("token_use") == "access" and "aud" not in claims
        audiences = audiences_of({"aud": claims.get("client_id")} if is_cognitos else claims)
        if not audiences & self._settings.oidc_audiences:
            raise TokenRefused("it is for another audience")

    def _caller(self, claims: Claims) -> Caller:
        clients = clients_of(claims)
        services = clients & self._settings.service_client_ids
        if services and services != clients:
            raise TokenRefused("it names a service's client and another client")
        subject = _subject(claims, services)
        if services:
            return Caller(subject, self._settings.oidc_issuer, is_service=True, scopes=self._scopes(claims))
        if subject in subjects_of(self._settings.service_client_ids):
            raise TokenRefused("its subject is a service's, but its client is not")
        if is_of_a_client_itself(subject, claims):
            raise TokenRefused("it is a client's own, and ServiceClientIds does not list that client")
        return Caller(subject, self._settings.oidc_issuer, is_service=False, scopes=frozenset())

    def _scopes(self, claims: Claims) -> frozenset[str]:
        granted = grants_of(claims)
        return frozenset(scope for scope in Scope if self._settings.scope_prefix + scope in granted)


def _subject(claims: Claims, services: frozenset[str]) -> str:
    """A service's token may have no `sub` (Duende's IdentityServer): then it speaks for its client."""
    subject: Any = claims.get("sub", min(services, default=None))
    if not is_printable_id(subject):
        raise TokenRefused(f"its subject is not 1 to {MAX_ID_LENGTH} printable characters")
    return subject


def _seconds(claims: Claims, name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LATEST <= value <= LATEST:
        raise TokenRefused(f"its {name} is not a number of seconds")
    return int(value)
