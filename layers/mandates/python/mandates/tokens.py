"""Verifying bearer tokens of any OIDC issuer: signature, issuer, audience, expiry, kind.

RFC 9068 (JWT access tokens), RFC 8725 (JWT best practice), and what Amazon Cognito does differently: its
access tokens carry `client_id` and no `aud`, and say `token_use`.
"""

import functools
import json
import math
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt

from mandates.caller import Caller
from mandates.core.redirects import LOOPBACK_HOSTS
from mandates.moment import Clock, has_passed
from mandates.settings import Tokens

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: never `none`, never one whose key an issuer would have to share."""

LEEWAY_SECONDS = 5
"""For clocks that differ a little."""

FETCH_SECONDS = 3
KEYS_KEPT_SECONDS = 3600
SOONEST_REFETCH_SECONDS = 60
MAX_TOKEN_LENGTH = 16 * 1024

FetchJson = Callable[[str], Any]


class TokenRefused(Exception):
    """The message says why, for the log. It never contains the token."""


class Keys:
    """The issuer's public keys. An unknown key id makes us look again, at most once a minute."""

    def __init__(self, settings: Tokens, fetch_json: FetchJson, clock: Clock) -> None:
        self._settings = settings
        self._fetch_json = fetch_json
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_at = float("-inf")
        self._fetched_at = float("-inf")

    def get(self, key_id: str) -> jwt.PyJWK:
        """Raises TokenRefused for a key the issuer does not have, or whatever fetching raised."""
        now = self._clock()
        stale = has_passed(KEYS_KEPT_SECONDS, self._fetched_at, now)
        may_look = has_passed(SOONEST_REFETCH_SECONDS, self._tried_at, now)
        if may_look and (stale or key_id not in self._keys):
            self._tried_at = now
            try:
                self._keys = self._fetched()
                self._fetched_at = now
            except Exception:
                if not self._keys:
                    self._tried_at = float("-inf")  # nobody can be let in: the next request may try
                    raise
                if key_id not in self._keys:
                    raise
        if key_id not in self._keys:
            raise TokenRefused("it is signed with a key its issuer does not have")
        return self._keys[key_id]

    def _fetched(self) -> dict[str, jwt.PyJWK]:
        address = self._settings.oidc_jwks_url
        if not address:
            issuer = self._settings.oidc_issuer.rstrip("/")
            address = self._fetch_json(f"{issuer}/.well-known/openid-configuration")["jwks_uri"]
        keys: dict[str, jwt.PyJWK] = {}
        for published in self._fetch_json(address)["keys"]:
            if published.get("kid") and published.get("use", "sig") == "sig":
                try:
                    keys[published["kid"]] = jwt.PyJWK(published)
                except jwt.PyJWTError:
                    continue  # a kind of key we could not use anyway
        return keys


class Verifier:
    def __init__(self, settings: Tokens, fetch_json: FetchJson, clock: Clock) -> None:
        self._settings = settings
        self._keys = Keys(settings, fetch_json, clock)
        self._clock = clock

    def verify(self, token: str) -> tuple[Caller, int]:
        """Who the token speaks for, and when it expires (epoch seconds). Raises TokenRefused."""
        claims = self._verified_claims(token)
        now = self._clock()
        expires_at = _seconds(claims, "exp")
        if now >= expires_at + LEEWAY_SECONDS:
            raise TokenRefused("it has expired")
        if "nbf" in claims and now < _seconds(claims, "nbf") - LEEWAY_SECONDS:
            raise TokenRefused("it is not valid yet")
        self._must_be_an_access_token(claims)
        client_id = str(claims.get("client_id") or claims.get("azp") or "")
        self._must_be_for_us(claims, client_id)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise TokenRefused("its subject is not 1 to 255 printable characters")
        is_service = client_id in self._settings.service_client_ids
        scopes = self._scopes(claims) if is_service else frozenset[str]()
        return Caller(subject, self._settings.oidc_issuer, is_service, scopes), expires_at + LEEWAY_SECONDS

    def _verified_claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise TokenRefused("its algorithm is not one we accept")
            key_id = header.get("kid")
            if not isinstance(key_id, str):
                raise TokenRefused("it names no key")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._keys.get(key_id),
                algorithms=ALGORITHMS,
                issuer=self._settings.oidc_issuer,
                options={
                    "require": ["exp", "iss", "sub"],
                    # Checked here, with our own clock, and for tokens without `aud` too.
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, UnicodeError) as error:
            raise TokenRefused(f"it does not verify ({type(error).__name__})") from None
        return claims

    def _must_be_an_access_token(self, claims: Mapping[str, Any]) -> None:
        # Only ID tokens have these: OpenID Connect Core, sections 2 and 3.3.2.11.
        if claims.get("token_use", "access") != "access" or {"at_hash", "c_hash", "nonce"} & claims.keys():
            raise TokenRefused("it is not an access token")

    def _must_be_for_us(self, claims: Mapping[str, Any], client_id: str) -> None:
        cognitos = {"aud": client_id} if claims.get("token_use") == "access" else {}
        audience = {**cognitos, **claims}.get("aud")
        if not set(_words(audience)) & self._settings.oidc_audiences:
            raise TokenRefused("it is for another audience")

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        granted = claims.get("scope", claims.get("scp"))
        words = granted.split() if isinstance(granted, str) else _words(granted)
        prefix = self._settings.scope_prefix
        return frozenset(word.removeprefix(prefix) for word in words if word.startswith(prefix))


def fetch_json(address: str) -> Any:
    """GET a JSON document over TLS (or from this machine). The time-out leaves the gateway time to answer."""
    parts = urlsplit(address)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _THIS_MACHINE):
        raise ValueError("an issuer's keys must be fetched over https")
    with _opener().open(address, timeout=FETCH_SECONDS) as answer:
        return json.load(answer)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer's keys are where it says they are: a redirect could lead off TLS, or anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    """Made with the first fetch: reading the machine's certificates takes a quarter of a start, and a token
    that is refused for its form needs none."""
    return urllib.request.build_opener(_NoRedirects)


# What a container calls the machine it runs on (`sam local`). Nobody can register a name under `.internal`.
_CONTAINERS_HOST = "host.docker.internal"
_THIS_MACHINE = {_CONTAINERS_HOST, *(host.strip("[]") for host in LOOPBACK_HOSTS)}


def _words(value: Any) -> list[str]:
    """A claim that may be one text or a list of texts; nothing of any other kind."""
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenRefused(f"its {name} is not a number")
    return int(value)
