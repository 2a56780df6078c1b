"""What a token's claims say: what kind of token it is, which client's, and what it permits."""

from typing import Any

import pytest

from mandates.api.callers import Caller
from tests.unit.issuer import AUDIENCE, ISSUER, Issuer, customer_claims, refused, signed, token


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.mark.parametrize("claim", ["client_id", "azp", "cid", "appid"])
def test_a_client_id_has_many_names(issuer: Issuer, claim: str) -> None:
    claims = customer_claims(**{"client_id": ..., "scope": "mandates:read", claim: "back-end"})
    caller, _ = issuer.verifier().verify(token(claims))
    assert caller.is_service
    assert caller.scopes == {"mandates:read"}


@pytest.mark.parametrize("odd", ["", 5, None, ["back-end"], {"back-end": 1}, True, "Back-End"])
@pytest.mark.parametrize("claim", ["client_id", "azp", "cid", "appid"])
def test_what_is_no_listed_client_id_makes_no_service(issuer: Issuer, claim: str, odd: Any) -> None:
    caller, _ = issuer.verifier().verify(token(customer_claims(**{"client_id": ..., claim: odd})))
    assert not caller.is_service
    assert caller.scopes == frozenset()


def test_a_token_without_a_client_is_a_customers(issuer: Issuer) -> None:
    caller, _ = issuer.verifier().verify(token(customer_claims(client_id=..., scope="charges:write")))
    assert caller == Caller("auth0|ann", ISSUER, is_service=False, scopes=frozenset())


@pytest.mark.parametrize("claim", ["azp", "cid", "appid"])
def test_a_token_of_a_service_and_of_another_client_is_refused(issuer: Issuer, claim: str) -> None:
    """Whichever of the two was believed, the other could be right."""
    for names in (
        {"client_id": "storefront", claim: "back-end"},
        {"client_id": "back-end", claim: "storefront"},
    ):
        assert "service's client and another" in refused(issuer, token(customer_claims(**names)))


def test_names_that_differ_do_no_harm_where_they_are_of_one_kind(issuer: Issuer) -> None:
    verifier = issuer.verifier(service_client_ids=frozenset({"back-end", "reports"}))
    assert not verifier.verify(token(customer_claims(client_id="storefront", azp="app")))[0].is_service
    assert verifier.verify(token(customer_claims(client_id="back-end", azp="reports")))[0].is_service
    assert verifier.verify(token(customer_claims(client_id="back-end", azp="back-end")))[0].is_service


@pytest.mark.parametrize("subject", ["back-end", "back-end@clients"])
@pytest.mark.parametrize("client", ["storefront", "", ...])
def test_a_services_subject_is_never_a_customer(issuer: Issuer, subject: str, client: Any) -> None:
    """Nor a service: many issuers let users choose their `sub`, or an administrator choose it for them."""
    claims = customer_claims(sub=subject, client_id=client)
    assert refused(issuer, token(claims)) == "its subject is a service's, but its client is not"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "storefront"},
        {"sub": "storefront@clients"},
        {"sub": "other", "client_id": ..., "azp": "other"},
        {"sub": "other", "cid": "other"},
        {"sub": "other", "client_id": ..., "appid": "other"},
        {"gty": "client-credentials"},
        {"gty": ["client_credentials"]},
        {"grant_type": "client_credentials"},
        {"idtyp": "app"},
        {"oid": "auth0|ann"},
        {"preferred_username": "service-account-reports"},
        {"clientHost": "192.0.2.1"},
        {"clientAddress": "192.0.2.1"},
    ],
    ids=str,
)
def test_a_clients_own_token_is_nobodys_unless_it_is_listed(issuer: Issuer, claims: dict[str, Any]) -> None:
    whole = customer_claims(**claims)
    reason = "it is a client's own, and ServiceClientIds does not list that client"
    assert refused(issuer, token(whole)) == reason
    listed = {str(whole.get(name)) for name in ("client_id", "azp", "cid", "appid")} - {"None"}
    assert issuer.verifier(service_client_ids=frozenset(listed)).verify(token(whole))[0].is_service


@pytest.mark.parametrize(
    "claims",
    [
        {"gty": "password"},
        {"gty": ["authorization_code", "refresh_token"]},
        {"grant_type": "authorization_code"},
        {"idtyp": "user"},
        {"oid": "auth0|ann", "scp": "access_as_user"},  # Azure AD B2C
        {"oid": "another"},
        {"preferred_username": "ann"},
        {"preferred_username": "my-service-account-"},
        {"preferred_username": None},
        {"sub": "storefront-user"},
        {"sub": "ann@clients"},
    ],
    ids=str,
)
def test_a_users_token_is_no_clients_own(issuer: Issuer, claims: dict[str, Any]) -> None:
    whole = customer_claims(**claims)
    assert issuer.verifier().verify(token(whole))[0] == Caller(whole["sub"], ISSUER, False, frozenset())


def test_a_service_without_a_subject_is_its_client(issuer: Issuer) -> None:
    claims = customer_claims(sub=..., client_id="back-end")
    assert issuer.verifier().verify(token(claims))[0].subject == "back-end"


@pytest.mark.parametrize(
    ("prefix", "claim", "expected"),
    [
        ("", {"scope": "mandates:read mandates:write"}, {"mandates:read", "mandates:write"}),
        ("", {"scope": ""}, set()),
        ("", {"scope": "  mandates:read  "}, {"mandates:read"}),
        ("", {"scope": ["mandates:read", "charges:write"]}, {"mandates:read", "charges:write"}),
        ("", {"scope": ..., "scp": "mandates:read charges:write"}, {"mandates:read", "charges:write"}),
        ("", {"scope": ..., "scp": ["mandates:read"]}, {"mandates:read"}),
        ("", {"scope": ..., "roles": ["mandates:read"]}, {"mandates:read"}),
        ("", {"scope": ..., "permissions": ["mandates:read"]}, {"mandates:read"}),
        ("", {"scope": ...}, set()),
        ("", {"scope": None, "scp": 5, "roles": {"mandates:read": 1}, "permissions": [["x"], None]}, set()),
        ("", {"scope": "mandates:read", "roles": ["charges:write"]}, {"mandates:read", "charges:write"}),
        ("", {"scope": "mandates:read admin"}, {"mandates:read"}),
        ("", {"roles": ["admin charges:write"], "scope": ...}, set()),
        ("", {"scope": "MANDATES:READ mandates:read/x xmandates:read"}, set()),
        ("shop/", {"scope": "shop/mandates:read openid other/charges:write"}, {"mandates:read"}),
        ("shop/", {"scope": "mandates:read"}, set()),
        ("shop/", {"scope": "shop/shop/mandates:read"}, set()),
        ("shop/", {"scope": ..., "roles": ["shop/mandates:read", "charges:write"]}, {"mandates:read"}),
        ("https://api.example/", {"scope": "https://api.example/charges:write"}, {"charges:write"}),
    ],
)
def test_scopes_are_those_behind_the_prefix(
    issuer: Issuer, prefix: str, claim: dict[str, Any], expected: set[str]
) -> None:
    claims = customer_claims(sub="back-end", client_id="back-end", **claim)
    caller, _ = issuer.verifier(scope_prefix=prefix).verify(token(claims))
    assert caller.scopes == expected


# ----------------------------------------------------------------------------------- kinds of token

UNSAID = {"scope": ..., "client_id": ...}
"""Takes out of the usual claims what tells an access token."""


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "at+jwt"}, UNSAID),
        ({"typ": "AT+JWT"}, UNSAID),
        ({"typ": "application/at+jwt"}, UNSAID),
        ({"typ": "Application/AT+jwt"}, UNSAID),
        ({}, {**UNSAID, "token_use": "access"}),
        ({}, {**UNSAID, "typ": "Bearer"}),
        ({}, {**UNSAID, "azpacr": "0"}),
        ({}, {**UNSAID, "appidacr": "1"}),
        ({}, {**UNSAID, "scope": "mandates:write"}),
        ({}, {**UNSAID, "scope": ["openid", "mandates:write"]}),
        ({}, {**UNSAID, "scp": "access_as_user"}),
        ({}, {**UNSAID, "scp": ["shopping"]}),
        # For an API, so not for its client.
        ({}, {"scope": "openid profile"}),
        ({}, {"scope": ""}),
        ({}, {"scope": ..., "scp": ["openid"]}),
        ({}, {"scope": ..., "roles": ["shopper"]}),
        ({}, {"scope": ..., "permissions": []}),
        ({}, {"scope": "openid", "aud": [AUDIENCE, "storefront"]}),
    ],
    ids=str,
)
@pytest.mark.parametrize("nonce", [..., "example"])
def test_an_access_token_is_known_by_any_mark(
    issuer: Issuer, header: dict[str, Any], claims: dict[str, Any], nonce: Any
) -> None:
    text = token(customer_claims(nonce=nonce, **claims), **{"typ": "JWT", **header})
    assert issuer.verifier().verify(text)[0].subject == "auth0|ann"


@pytest.mark.parametrize("typ", ["JWT", "jwt", ..., "", "at", "jwt+at", 5, None, ["at+jwt"]])
@pytest.mark.parametrize(
    "claims",
    [
        UNSAID,
        {**UNSAID, "azp": "storefront"},
        {**UNSAID, "azp": "storefront", "scope": None, "roles": 5, "permissions": {}},
        {**UNSAID, "scope": "openid profile email address phone offline_access"},
        {**UNSAID, "roles": ["shopper"], "permissions": ["mandates:read"]},
        {**UNSAID, "typ": "JWT"},
        {**UNSAID, "typ": ["Bearer"]},
        {"scope": "openid", "aud": "app-client", "client_id": "app-client"},
        {"scope": ..., "roles": ["shopper"], "aud": ["app-client"], "client_id": ..., "azp": "app-client"},
    ],
    ids=str,
)
def test_a_token_without_a_mark_is_refused(issuer: Issuer, typ: Any, claims: dict[str, Any]) -> None:
    for nonce in ({}, {"nonce": "example"}):
        text = signed({"typ": typ}, customer_claims(**claims, **nonce))
        assert refused(issuer, text).startswith("nothing marks it as an access token")


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"at_hash": "x"}),
        ({}, {"at_hash": None}),
        ({}, {"c_hash": "x"}),
        ({}, {"s_hash": "x"}),
        ({}, {"token_use": "id"}),
        ({}, {"token_use": "refresh"}),
        ({}, {"token_use": None}),
        ({}, {"token_use": ["access"]}),
        ({}, {"typ": "ID"}),
        ({}, {"typ": "Refresh"}),
        ({}, {"typ": "Offline"}),
        ({}, {"typ": "Logout"}),
        ({"typ": "logout+jwt"}, {}),
        ({"typ": "secevent+jwt"}, {}),
        ({"typ": "application/token-introspection+jwt"}, {}),
        ({"typ": "application/okta-internal-at+jwt"}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "mark",
    [{}, {"token_use": "access"}, {"typ": "Bearer"}, {"scope": "mandates:write"}, {"azpacr": "0"}],
    ids=str,
)
def test_no_mark_makes_an_access_token_of_what_says_it_is_another_kind(
    issuer: Issuer, header: dict[str, Any], claims: dict[str, Any], mark: dict[str, Any]
) -> None:
    text = token(customer_claims(**{**mark, **claims}), **header)
    assert refused(issuer, text) == "it is not an access token"
