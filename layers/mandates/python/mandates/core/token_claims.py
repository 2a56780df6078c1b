"""What a verified token's claims say: the kind of token, the client that got it, and what it permits.

Issuers agree on how a token is signed, and on little else. tests/unit/vendors.py has tokens of each issuer
that was examined, with the page that documents them.
"""

from collections.abc import Collection, Mapping
from typing import Any

Claims = Mapping[str, Any]

CLIENT_CLAIMS = ("client_id", "azp", "cid", "appid")
"""RFC 9068 and Cognito; Auth0, Entra v2 and Keycloak; Okta; Entra v1."""

GRANT_CLAIMS = ("scope", "scp", "roles", "permissions")
"""Entra gives roles to a client that calls for itself. Auth0 gives permissions if its API has RBAC on."""

OIDC_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""OpenID Connect Core, sections 5.4 and 11. They ask who somebody is, and permit nothing at an API."""

HASHES_OF_ID_TOKENS = frozenset({"at_hash", "c_hash", "s_hash"})
"""OpenID Connect Core, section 3.3.2.11; FAPI 1.0 part 2, section 5.1.1."""

OTHER_KINDS = frozenset({"id", "refresh", "offline", "logout"})
"""What Keycloak writes into the claim `typ` of tokens that are not access tokens."""

CLIENT_CREDENTIALS = frozenset({"client-credentials", "client_credentials"})


class TokenRefused(Exception):
    """Its message says why, for the log, and never contains the token."""


def must_be_an_access_token(header: Claims, claims: Claims) -> None:
    """Raises TokenRefused for a token that says it is something else, or has no mark of an access token."""
    if _is_of_another_kind(header, claims):
        raise TokenRefused("it is not an access token")
    if not _is_marked(header, claims) and not _permits_something(claims):
        raise TokenRefused("nothing marks it as an access token: docs/deploying.md lists the marks")


def clients_of(claims: Claims) -> frozenset[str]:
    """The client that got the token, under every claim that an issuer may use. Usually one, or none."""
    return frozenset(name for claim in CLIENT_CLAIMS if (name := _text(claims.get(claim))))


def audiences_of(claims: Claims) -> frozenset[str]:
    return _listed(claims.get("aud"))


def grants_of(claims: Claims) -> frozenset[str]:
    """Every scope, role and permission, as the issuer writes it."""
    return frozenset[str]().union(*(_words(claims.get(claim)) for claim in GRANT_CLAIMS))


def subjects_of(client_ids: Collection[str]) -> frozenset[str]:
    """The `sub` that issuers write if a client calls for itself. The second form is Auth0's."""
    return frozenset({*client_ids, *(f"{client_id}@clients" for client_id in client_ids)})


def is_of_a_client_itself(subject: str, claims: Claims) -> bool:
    """Whether the client got it with its own credentials, and nobody signed in.

    Recognised by `sub` (RFC 9068, section 2.2); by the grant that Auth0 and UAA name; by Entra's `idtyp`, or
    by `oid` being equal to `sub` if the API does not ask for that claim; by Keycloak's claims of a service
    account. Azure AD B2C writes a user's `oid` into `sub`, but only users' tokens have `scp`.
    """
    return (
        subject in subjects_of(clients_of(claims))
        or not CLIENT_CREDENTIALS.isdisjoint(_words(claims.get("gty")) | _words(claims.get("grant_type")))
        or claims.get("idtyp") == "app"
        or (claims.get("oid") == subject and "scp" not in claims)
        or _text(claims.get("preferred_username")).startswith("service-account-")
        or not {"clientHost", "clientAddress"}.isdisjoint(claims)
    )


def _is_of_another_kind(header: Claims, claims: Claims) -> bool:
    """These beat every mark: if an issuer adds scopes to its ID tokens, they are still ID tokens."""
    media_type = _media_type(header)
    return (
        not HASHES_OF_ID_TOKENS.isdisjoint(claims)
        or claims.get("token_use", "access") != "access"
        or _text(claims.get("typ")).lower() in OTHER_KINDS
        or (media_type.endswith("+jwt") and media_type != "at+jwt")  # RFC 8725, section 3.11
    )


def _is_marked(header: Claims, claims: Claims) -> bool:
    """RFC 9068, section 2.1; Cognito; Keycloak; Entra v1 and v2, which say how the client authenticated."""
    return (
        _media_type(header) == "at+jwt"
        or claims.get("token_use") == "access"
        or _text(claims.get("typ")).lower() == "bearer"
        or not {"appidacr", "azpacr"}.isdisjoint(claims)
    )


def _permits_something(claims: Claims) -> bool:
    """Whether scopes or roles show it to be an access token.

    Some ID tokens have them, too: Cloud Foundry's UAA writes the scope `openid`, Entra writes a user's roles.
    But an ID token is for the client that asked for it (OpenID Connect Core, section 2). So a scope beyond
    OpenID Connect's own is always a mark. Any other grant is a mark only in a token for another audience.
    """
    scopes = _words(claims.get("scope")) | _words(claims.get("scp"))
    if scopes - OIDC_SCOPES:
        return True
    clients = clients_of(claims)
    is_for_its_client = not clients or audiences_of(claims) <= clients
    return not is_for_its_client and any(isinstance(claims.get(claim), str | list) for claim in GRANT_CLAIMS)


def _media_type(header: Claims) -> str:
    """RFC 7515, section 4.1.9: case does not matter, and `application/` may be left out."""
    return _text(header.get("typ")).lower().removeprefix("application/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> frozenset[str]:
    """A claim that may be one text or a list of texts. Any other type gives nothing."""
    if isinstance(value, str):
        return frozenset({value})
    return (
        frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()
    )


def _words(value: Any) -> frozenset[str]:
    """A claim that may be a list of words or one text with spaces between them."""
    return frozenset(value.split()) if isinstance(value, str) else _listed(value)
