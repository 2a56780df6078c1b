"""The public keys an OIDC issuer signs with: fetched, kept, and chosen for a token (RFC 7517)."""

import functools
import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from mandates.core.clock import Clock, has_passed
from mandates.core.token_claims import TokenRefused
from mandates.runtime.addresses import URL

FETCH_SECONDS = 3
KEYS_KEPT_SECONDS = 3600
SOONEST_REFETCH_SECONDS = 60

FetchJson = Callable[[str], Any]

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
ALGORITHMS = frozenset({*_RSA, *_CURVES.values()})
"""Asymmetric algorithms only: never `none`, and never one whose key an issuer would have to share."""

_PUBLIC_MEMBERS = ("kty", "crv", "n", "e", "x", "y")


class IssuerUnreadable(Exception):
    """The issuer answered, but not with what it must publish. The token is not at fault."""


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """`algorithms` are those that its kind allows, or the one that its issuer names."""

    key_id: str | None
    algorithms: tuple[str, ...]
    key: Any


class Keys:
    """The issuer's keys. An unknown key makes us fetch them again, at most once a minute.

    `jwks_url` is empty if the issuer's discovery document names the keys' address.
    """

    def __init__(self, issuer: str, jwks_url: str, fetch_json: FetchJson, clock: Clock) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._fetch_json = fetch_json
        self._clock = clock
        self._keys: list[IssuerKey] = []
        self._tried_at = float("-inf")
        self._fetched_at = float("-inf")

    def fitting(self, key_id: str | None, algorithm: str) -> list[IssuerKey]:
        """Every key that may have signed a token with this header: one, or all of that kind if it names none.

        Raises TokenRefused if the issuer has none, or whatever fetching raises.
        """
        found = self._known(key_id, algorithm)
        is_stale = has_passed(KEYS_KEPT_SECONDS, self._fetched_at, self._clock())
        if is_stale or not found:
            try:
                self.look_again()
            except Exception:
                if not found:
                    raise
            found = self._known(key_id, algorithm)
        if not found:
            raise TokenRefused("it is signed with a key its issuer does not have")
        return found

    def look_again(self) -> bool:
        """Fetch the keys again if it is time to, and say if it was. If that raises, the old keys stay."""
        now = self._clock()
        if not has_passed(SOONEST_REFETCH_SECONDS, self._tried_at, now):
            return False
        self._tried_at = now
        try:
            self._keys = self._fetched()
        except Exception:
            if not self._keys:
                self._tried_at = float("-inf")  # nobody can be let in: the next request may try
            raise
        self._fetched_at = now
        return True

    def _known(self, key_id: str | None, algorithm: str) -> list[IssuerKey]:
        return [key for key in self._keys if algorithm in key.algorithms and key_id in (None, key.key_id)]

    def _fetched(self) -> list[IssuerKey]:
        address = self._jwks_url or self._discovered()
        match self._fetch_json(address):
            case {"keys": list(published)}:
                return [key for entry in published if (key := public_key(entry)) is not None]
        raise IssuerUnreadable(f"{address} does not return a JSON Web Key Set")

    def _discovered(self) -> str:
        """OpenID Connect Discovery, section 4."""
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        match self._fetch_json(address):
            case {"jwks_uri": str(found)}:
                return found
        raise IssuerUnreadable(f"{address} names no jwks_uri")


def public_key(published: Any) -> IssuerKey | None:
    """None if no token could be verified with it: such entries are ignored (RFC 7517, section 5)."""
    if not isinstance(published, dict) or not _is_for_verifying(published):
        return None
    algorithms = tuple(name for name in _algorithms(published) if published.get("alg") in (None, name))
    if not algorithms:
        return None
    members = {name: published[name] for name in _PUBLIC_MEMBERS if name in published}
    try:
        key = jwt.PyJWK(members, algorithms[0]).key
    except (jwt.PyJWTError, ArithmeticError):
        return None
    key_id = published.get("kid")
    return IssuerKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def _is_for_verifying(published: dict[str, Any]) -> bool:
    uses = published.get("key_ops")
    return published.get("use") in (None, "sig") and (
        uses is None or (isinstance(uses, list) and "verify" in uses)
    )


def _algorithms(published: dict[str, Any]) -> tuple[str, ...]:
    """What a key of this kind can verify (RFC 7518, section 3; RFC 8037, section 3.1)."""
    match published:
        case {"kty": "RSA"}:
            return _RSA
        case {"kty": "EC" | "OKP", "crv": str(curve)} if curve in _CURVES:
            return (_CURVES[curve],)
    return ()


def fetch_json(address: str) -> Any:
    """GET a JSON document over TLS (or from this machine). Its time-out leaves the gateway time to answer."""
    if not re.fullmatch(URL, address):
        raise ValueError("an issuer's keys must be fetched over https")
    with _opener().open(address, timeout=FETCH_SECONDS) as answer:
        return json.load(answer)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer's keys are where it says they are. A redirect could lead away from TLS, or anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    """Made at the first fetch. Reading the machine's certificates takes a quarter of a start, and a token
    that is refused for its form does not need them."""
    return urllib.request.build_opener(_NoRedirects)
