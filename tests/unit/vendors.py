"""Tokens as issuers make them: the shapes they document, with made-up values.

Each names the page that documents it, and the stack parameters that docs/deploying.md gives for that issuer.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.unit.issuer import NOW

API = "https://mandates.shop.example"
USER, OBJECT, DAEMON = (
    "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
    "6fa459ea-ee8a-4ca4-894e-db77e160355e",
    "16fd2706-8baf-433b-82eb-8c7fada847da",
)
TENANT = "886313e1-3b8a-4372-9b90-0c9aee199e5d"
READ_WRITE = {"mandates:read", "mandates:write"}
TIMES = {"iat": NOW - 10, "exp": NOW + 3590}


@dataclass(frozen=True)
class Customer:
    subject: str


@dataclass(frozen=True)
class Service:
    """The caller if ServiceClientIds lists `client`; without that, the token is refused."""

    client: str
    subject: str
    scopes: set[str] = field(default_factory=lambda: set(READ_WRITE))


@dataclass(frozen=True)
class Refused:
    reason: str


NOT_ACCESS = Refused("it is not an access token")
UNMARKED = Refused("nothing marks it as an access token")


@dataclass(frozen=True)
class Recorded:
    """`settings` are the stack's parameters, `header` what there is beside `kid` and `alg`."""

    what: str
    page: str
    settings: dict[str, Any]
    claims: dict[str, Any]
    expected: Customer | Service | Refused
    header: dict[str, Any] = field(default_factory=lambda: {"typ": "JWT"})

    def __str__(self) -> str:
        return self.what


# ------------------------------------------------------------------------------------ Amazon Cognito

COGNITO = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example"
COGNITO_ACCESS = (
    "https://docs.aws.amazon.com/cognito/latest/developerguide/"
    "amazon-cognito-user-pools-using-the-access-token.html"
)
COGNITO_ID = (
    "https://docs.aws.amazon.com/cognito/latest/developerguide/"
    "amazon-cognito-user-pools-using-the-id-token.html"
)
COGNITO_STACK = {
    "oidc_issuer": COGNITO,
    "oidc_audiences": frozenset({"4shopclientexample", "5backendclientexample"}),
    "scope_prefix": "mandates-api/",
}
_COGNITO_ANY = {"iss": COGNITO, **TIMES, "auth_time": NOW - 10, "jti": OBJECT}

AMAZON_COGNITO = [
    Recorded(
        "Cognito, a user's access token",
        COGNITO_ACCESS,
        COGNITO_STACK,
        {
            **_COGNITO_ANY,
            "sub": USER,
            "cognito:groups": ["shoppers"],
            "client_id": "4shopclientexample",
            "origin_jti": OBJECT,
            "event_id": OBJECT,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "username": "ann",
            "version": 2,
        },
        Customer(USER),
        header={},
    ),
    Recorded(
        "Cognito, client credentials",
        COGNITO_ACCESS,
        COGNITO_STACK,
        {
            **_COGNITO_ANY,
            "sub": "5backendclientexample",
            "client_id": "5backendclientexample",
            "token_use": "access",
            "scope": "mandates-api/mandates:read mandates-api/mandates:write",
            "version": 2,
        },
        Service("5backendclientexample", "5backendclientexample"),
        header={},
    ),
    Recorded(
        "Cognito, an ID token",
        COGNITO_ID,
        COGNITO_STACK,
        {
            **_COGNITO_ANY,
            "sub": USER,
            "aud": "4shopclientexample",
            "cognito:username": "ann",
            "cognito:roles": ["arn:aws:iam::111122223333:role/shopper"],
            "email": "ann@shop.example",
            "email_verified": True,
            "origin_jti": OBJECT,
            "token_use": "id",
        },
        NOT_ACCESS,
        header={},
    ),
]

# -------------------------------------------------------------------------------------------- Auth0

AUTH0 = "https://shop-example.us.auth0.com/"
AUTH0_ACCESS = "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles"
AUTH0_ID = "https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure"
AUTH0_STACK = {"oidc_issuer": AUTH0, "oidc_audiences": frozenset({API})}
_AUTH0_ANY = {"iss": AUTH0, **TIMES}
_AUTH0_USER = {
    **_AUTH0_ANY,
    "sub": "auth0|ann",
    "aud": [API, f"{AUTH0}userinfo"],
    "scope": "openid profile email",
}
_AUTH0_MACHINE = {**_AUTH0_ANY, "sub": "auth0backend@clients", "aud": API}

AUTH0S = [
    Recorded(
        "Auth0, a user's access token",
        AUTH0_ACCESS,
        AUTH0_STACK,
        {**_AUTH0_USER, "azp": "auth0shop"},
        Customer("auth0|ann"),
    ),
    Recorded(
        "Auth0, a user's access token, RFC 9068 profile",
        AUTH0_ACCESS,
        AUTH0_STACK,
        {**_AUTH0_USER, "client_id": "auth0shop", "jti": "73exampleexample"},
        Customer("auth0|ann"),
        header={"typ": "at+jwt"},
    ),
    Recorded(
        "Auth0, a user who gave a password to the front end",
        AUTH0_ACCESS,
        AUTH0_STACK,
        {**_AUTH0_USER, "azp": "auth0shop", "gty": "password"},
        Customer("auth0|ann"),
    ),
    Recorded(
        "Auth0, a user without scopes, RBAC on",
        "https://auth0.com/docs/get-started/apis/enable-role-based-access-control-for-apis",
        AUTH0_STACK,
        {**_AUTH0_ANY, "sub": "auth0|ann", "aud": API, "azp": "auth0shop", "permissions": []},
        Customer("auth0|ann"),
    ),
    Recorded(
        "Auth0, client credentials",
        AUTH0_ACCESS,
        AUTH0_STACK,
        {
            **_AUTH0_MACHINE,
            "azp": "auth0backend",
            "gty": "client-credentials",
            "scope": "mandates:read mandates:write",
        },
        Service("auth0backend", "auth0backend@clients"),
    ),
    Recorded(
        "Auth0, client credentials, RFC 9068 profile",
        AUTH0_ACCESS,
        AUTH0_STACK,
        {**_AUTH0_MACHINE, "client_id": "auth0backend", "jti": "73exampleexample", "scope": "mandates:read"},
        Service("auth0backend", "auth0backend@clients", {"mandates:read"}),
        header={"typ": "at+jwt"},
    ),
    Recorded(
        "Auth0, client credentials, RBAC on",
        "https://auth0.com/docs/get-started/apis/enable-role-based-access-control-for-apis",
        AUTH0_STACK,
        {
            **_AUTH0_MACHINE,
            "azp": "auth0backend",
            "gty": "client-credentials",
            "permissions": ["mandates:read", "mandates:write"],
        },
        Service("auth0backend", "auth0backend@clients"),
    ),
    Recorded(
        "Auth0, an ID token",
        AUTH0_ID,
        {**AUTH0_STACK, "oidc_audiences": frozenset({"auth0shop"})},
        {
            **_AUTH0_ANY,
            "sub": "auth0|ann",
            "aud": "auth0shop",
            "nickname": "ann",
            "email": "ann@shop.example",
            "sid": "example-session",
        },
        UNMARKED,
    ),
    Recorded(
        "Auth0, an ID token with nonce",
        AUTH0_ID,
        {**AUTH0_STACK, "oidc_audiences": frozenset({"auth0shop"})},
        {**_AUTH0_ANY, "sub": "auth0|ann", "aud": "auth0shop", "nonce": "example-nonce"},
        UNMARKED,
    ),
]

# --------------------------------------------------------------------------------------------- Okta

OKTA = "https://shop-example.okta.com/oauth2/aus1example"
OKTA_PAGE = "https://developer.okta.com/docs/reference/api/oidc/"
OKTA_STACK = {"oidc_issuer": OKTA, "oidc_audiences": frozenset({API})}
_OKTA_ANY = {"ver": 1, "iss": OKTA, **TIMES}

OKTAS = [
    Recorded(
        "Okta, a user's access token",
        OKTA_PAGE,
        OKTA_STACK,
        {
            **_OKTA_ANY,
            "jti": "AT.example",
            "aud": API,
            "cid": "0oashopexample",
            "uid": "00uannexample",
            "scp": ["openid", "profile"],
            "auth_time": NOW - 60,
            "sub": "00uannexample",
        },
        Customer("00uannexample"),
        header={},
    ),
    Recorded(
        "Okta, client credentials",
        OKTA_PAGE,
        OKTA_STACK,
        {
            **_OKTA_ANY,
            "jti": "AT.example",
            "aud": API,
            "cid": "0oabackendexample",
            "scp": ["mandates:read", "mandates:write"],
            "sub": "0oabackendexample",
        },
        Service("0oabackendexample", "0oabackendexample"),
        header={},
    ),
    Recorded(
        "Okta, an ID token",
        OKTA_PAGE,
        {**OKTA_STACK, "oidc_audiences": frozenset({"0oashopexample"})},
        {
            **_OKTA_ANY,
            "jti": "ID.example",
            "sub": "00uannexample",
            "aud": "0oashopexample",
            "amr": ["pwd"],
            "idp": "00oexample",
            "preferred_username": "ann@shop.example",
            "auth_time": NOW - 60,
            "at_hash": "example-hash",
        },
        NOT_ACCESS,
        header={},
    ),
    Recorded(
        "Okta, an ID token that came alone",
        OKTA_PAGE,
        {**OKTA_STACK, "oidc_audiences": frozenset({"0oashopexample"})},
        {
            **_OKTA_ANY,
            "jti": "ID.example",
            "sub": "00uannexample",
            "aud": "0oashopexample",
            "nonce": "example",
        },
        UNMARKED,
        header={},
    ),
]

# ----------------------------------------------------------------------------------- Microsoft Entra

ENTRA_ACCESS = "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference"
ENTRA_ID = "https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference"
ENTRA_DAEMONS = (
    "https://learn.microsoft.com/entra/identity-platform/"
    "scenario-protected-web-api-verification-scope-app-roles"
)
ENTRA_V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ENTRA_V1 = f"https://sts.windows.net/{TENANT}/"
ENTRA_V2_STACK = {"oidc_issuer": ENTRA_V2, "oidc_audiences": frozenset({"entra-api"})}
ENTRA_V1_STACK = {"oidc_issuer": ENTRA_V1, "oidc_audiences": frozenset({"api://entra-api"})}
_ENTRA_ANY = {**TIMES, "nbf": NOW - 10, "aio": "example", "rh": "example", "tid": TENANT, "uti": "example"}
_ENTRA_V2 = {**_ENTRA_ANY, "iss": ENTRA_V2, "ver": "2.0"}
_ENTRA_V1 = {**_ENTRA_ANY, "iss": ENTRA_V1, "ver": "1.0"}
_ENTRA_V2_USER = {
    **_ENTRA_V2,
    "aud": "entra-api",
    "azp": "entra-shop",
    "azpacr": "0",
    "name": "Ann",
    "oid": OBJECT,
    "preferred_username": "ann@shop.example",
    "scp": "access_as_user",
    "sub": USER,
}
_ENTRA_V2_DAEMON = {
    **_ENTRA_V2,
    "aud": "entra-api",
    "azp": "entra-backend",
    "azpacr": "1",
    "oid": DAEMON,
    "sub": DAEMON,
}
_ENTRA_V2_ID = {
    **_ENTRA_V2,
    "aud": "entra-shop",
    "name": "Ann",
    "oid": OBJECT,
    "preferred_username": "ann@shop.example",
    "sub": USER,
}

ENTRAS = [
    Recorded("Entra v2, a user's access token", ENTRA_ACCESS, ENTRA_V2_STACK, _ENTRA_V2_USER, Customer(USER)),
    Recorded(
        "Entra v2, a user with roles, API and front end registered as one",
        ENTRA_ACCESS,
        ENTRA_V2_STACK,
        {**_ENTRA_V2_USER, "azp": "entra-api", "roles": ["Shopper"]},
        Customer(USER),
    ),
    Recorded(
        "Entra v2, client credentials",
        ENTRA_DAEMONS,
        ENTRA_V2_STACK,
        {**_ENTRA_V2_DAEMON, "roles": ["mandates:read", "mandates:write"]},
        Service("entra-backend", DAEMON),
    ),
    Recorded(
        "Entra v2, client credentials with the optional claim idtyp",
        "https://learn.microsoft.com/entra/identity-platform/optional-claims-reference",
        ENTRA_V2_STACK,
        {**_ENTRA_V2_DAEMON, "oid": OBJECT, "idtyp": "app", "roles": ["mandates:read"]},
        Service("entra-backend", DAEMON, {"mandates:read"}),
    ),
    Recorded(
        "Entra v2, client credentials of a client without a role",
        "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow",
        ENTRA_V2_STACK,
        _ENTRA_V2_DAEMON,
        Service("entra-backend", DAEMON, set()),
    ),
    Recorded(
        "Entra v2, an ID token",
        ENTRA_ID,
        {**ENTRA_V2_STACK, "oidc_audiences": frozenset({"entra-shop"})},
        {**_ENTRA_V2_ID, "nonce": "example"},
        UNMARKED,
    ),
    Recorded(
        "Entra v2, an ID token of a user with roles",
        ENTRA_ID,
        {**ENTRA_V2_STACK, "oidc_audiences": frozenset({"entra-shop"})},
        {**_ENTRA_V2_ID, "roles": ["mandates:read"]},
        UNMARKED,
    ),
    Recorded(
        "Entra v2, an ID token of the hybrid flow",
        ENTRA_ID,
        {**ENTRA_V2_STACK, "oidc_audiences": frozenset({"entra-shop"})},
        {**_ENTRA_V2_ID, "nonce": "example", "c_hash": "example", "roles": ["mandates:read"]},
        NOT_ACCESS,
    ),
    Recorded(
        "Entra v1, a user's access token",
        ENTRA_ACCESS,
        ENTRA_V1_STACK,
        {
            **_ENTRA_V1,
            "aud": "api://entra-api",
            "acr": "1",
            "amr": ["pwd"],
            "appid": "entra-shop",
            "appidacr": "0",
            "oid": OBJECT,
            "scp": "access_as_user",
            "sub": USER,
            "unique_name": "ann@shop.example",
        },
        Customer(USER),
    ),
    Recorded(
        "Entra v1, client credentials",
        ENTRA_DAEMONS,
        ENTRA_V1_STACK,
        {
            **_ENTRA_V1,
            "aud": "api://entra-api",
            "appid": "entra-backend",
            "appidacr": "1",
            "oid": DAEMON,
            "roles": ["mandates:read", "mandates:write"],
            "sub": DAEMON,
        },
        Service("entra-backend", DAEMON),
    ),
    Recorded(
        "Entra v1, an ID token",
        ENTRA_ID,
        {**ENTRA_V1_STACK, "oidc_audiences": frozenset({"entra-shop"})},
        {
            **_ENTRA_V1,
            "aud": "entra-shop",
            "amr": ["pwd"],
            "oid": OBJECT,
            "roles": ["Shopper"],
            "sub": USER,
            "unique_name": "ann@shop.example",
        },
        UNMARKED,
    ),
]

# ------------------------------------------------------------------------------------------ Keycloak

KEYCLOAK = "https://sso.shop.example/realms/shop"
KEYCLOAK_PAGE = "https://www.keycloak.org/docs/latest/server_admin/#_service_accounts"
KEYCLOAK_NONCE = (
    "https://www.keycloak.org/docs-api/latest/javadocs/"
    "org/keycloak/protocol/oidc/mappers/NonceBackwardsCompatibleMapper.html"
)
KEYCLOAK_STACK = {"oidc_issuer": KEYCLOAK, "oidc_audiences": frozenset({API})}
_KEYCLOAK_ANY = {"iss": KEYCLOAK, **TIMES, "jti": OBJECT, "acr": "1"}
_KEYCLOAK_USER = {
    **_KEYCLOAK_ANY,
    "aud": [API, "account"],
    "sub": USER,
    "typ": "Bearer",
    "azp": "shop",
    "sid": OBJECT,
    "allowed-origins": ["https://shop.example"],
    "realm_access": {"roles": ["offline_access"]},
    "scope": "openid email profile",
    "email_verified": True,
    "preferred_username": "ann",
}
_KEYCLOAK_MACHINE = {
    **_KEYCLOAK_ANY,
    "aud": [API, "account"],
    "sub": OBJECT,
    "typ": "Bearer",
    "azp": "back-end",
    "scope": "mandates:read mandates:write",
}

KEYCLOAKS = [
    Recorded(
        "Keycloak, a user's access token",
        KEYCLOAK_PAGE,
        KEYCLOAK_STACK,
        _KEYCLOAK_USER,
        Customer(USER),
    ),
    Recorded(
        "Keycloak, a user's access token with nonce",
        KEYCLOAK_NONCE,
        KEYCLOAK_STACK,
        {**_KEYCLOAK_USER, "nonce": "example"},
        Customer(USER),
    ),
    Recorded(
        "Keycloak, a user's access token without scopes",
        KEYCLOAK_PAGE,
        KEYCLOAK_STACK,
        {name: value for name, value in _KEYCLOAK_USER.items() if name != "scope"},
        Customer(USER),
    ),
    Recorded(
        "Keycloak, a service account",
        KEYCLOAK_PAGE,
        KEYCLOAK_STACK,
        {
            **_KEYCLOAK_MACHINE,
            "client_id": "back-end",
            "clientHost": "192.0.2.1",
            "clientAddress": "192.0.2.1",
            "preferred_username": "service-account-back-end",
        },
        Service("back-end", OBJECT),
    ),
    Recorded(
        "Keycloak, a service account without its user name",
        KEYCLOAK_PAGE,
        KEYCLOAK_STACK,
        {**_KEYCLOAK_MACHINE, "clientId": "back-end", "clientAddress": "192.0.2.1"},
        Service("back-end", OBJECT),
    ),
    Recorded(
        "Keycloak, a service account with nothing but its user name",
        KEYCLOAK_PAGE,
        KEYCLOAK_STACK,
        {**_KEYCLOAK_MACHINE, "preferred_username": "service-account-back-end"},
        Service("back-end", OBJECT),
    ),
    Recorded(
        "Keycloak, an ID token",
        KEYCLOAK_PAGE,
        {**KEYCLOAK_STACK, "oidc_audiences": frozenset({"shop"})},
        {
            **_KEYCLOAK_ANY,
            "aud": "shop",
            "sub": USER,
            "typ": "ID",
            "azp": "shop",
            "nonce": "example",
            "sid": OBJECT,
            "at_hash": "example",
        },
        NOT_ACCESS,
    ),
    Recorded(
        "Keycloak, an ID token into which a mapper wrote roles and scopes",
        KEYCLOAK_PAGE,
        {**KEYCLOAK_STACK, "oidc_audiences": frozenset({"shop"})},
        {
            **_KEYCLOAK_ANY,
            "aud": "shop",
            "sub": USER,
            "typ": "ID",
            "azp": "shop",
            "scope": "mandates:read",
            "roles": ["mandates:read"],
        },
        NOT_ACCESS,
    ),
]

# -------------------------------------------------------------------------------------------- Google

GOOGLE = "https://accounts.google.com"
GOOGLE_PAGE = "https://developers.google.com/identity/openid-connect/reference"
GOOGLE_CLIENT = "1234567890-example.apps.googleusercontent.com"
GOOGLE_STACK = {"oidc_issuer": GOOGLE, "oidc_audiences": frozenset({GOOGLE_CLIENT, API})}
_GOOGLE_ID = {
    "iss": GOOGLE,
    **TIMES,
    "azp": GOOGLE_CLIENT,
    "aud": GOOGLE_CLIENT,
    "sub": "110169484474386276334",
    "email": "ann@shop.example",
    "email_verified": True,
    "hd": "shop.example",
}

GOOGLES = [
    Recorded(
        "Google, an ID token",
        GOOGLE_PAGE,
        GOOGLE_STACK,
        {**_GOOGLE_ID, "at_hash": "example", "nonce": "example"},
        NOT_ACCESS,
    ),
    Recorded(
        "Google, an ID token with nonce",
        GOOGLE_PAGE,
        GOOGLE_STACK,
        {**_GOOGLE_ID, "nonce": "example"},
        UNMARKED,
    ),
    Recorded(
        "Google, an ID token of Sign in with Google",
        "https://developers.google.com/identity/gsi/web/guides/verify-google-id-token",
        GOOGLE_STACK,
        {**_GOOGLE_ID, "nbf": NOW - 300, "jti": "example", "name": "Ann"},
        UNMARKED,
    ),
    Recorded(
        "Google, a service account's ID token",
        "https://cloud.google.com/docs/authentication/token-types",
        GOOGLE_STACK,
        {
            **_GOOGLE_ID,
            "azp": "back-end@shop-example.iam.gserviceaccount.com",
            "aud": API,
            "sub": "103456789012345678901",
        },
        UNMARKED,
    ),
]

# ---------------------------------------------------------------------------- Cloud Foundry UAA, Duende

UAA = "https://uaa.shop.example/oauth/token"
UAA_PAGE = "https://docs.cloudfoundry.org/api/uaa/"
UAA_STACK = {"oidc_issuer": UAA, "oidc_audiences": frozenset({"mandates", "shop"})}
_UAA_ANY = {"iss": UAA, **TIMES, "jti": "example", "rev_sig": "example", "zid": "uaa"}
_UAA_USER = {
    **_UAA_ANY,
    "sub": USER,
    "user_id": USER,
    "client_id": "shop",
    "cid": "shop",
    "azp": "shop",
    "grant_type": "authorization_code",
    "origin": "uaa",
    "user_name": "ann",
    "nonce": "example",
}
DUENDE = "https://identity.shop.example"
DUENDE_PAGE = "https://docs.duendesoftware.com/identityserver/tokens/requesting/"
DUENDE_STACK = {"oidc_issuer": DUENDE, "oidc_audiences": frozenset({API})}
_DUENDE_ANY = {"iss": DUENDE, "nbf": NOW - 10, **TIMES, "aud": API, "jti": "EXAMPLE"}

OTHERS = [
    Recorded(
        "UAA, a user's access token",
        UAA_PAGE,
        UAA_STACK,
        {**_UAA_USER, "aud": ["openid", "mandates", "shop"], "scope": ["openid", "mandates.use"]},
        Customer(USER),
    ),
    Recorded(
        "UAA, a user's access token with OpenID Connect's scopes only",
        UAA_PAGE,
        UAA_STACK,
        {**_UAA_USER, "aud": ["openid", "shop"], "scope": ["openid"]},
        Customer(USER),
    ),
    Recorded(
        "UAA, client credentials",
        UAA_PAGE,
        UAA_STACK,
        {
            **_UAA_ANY,
            "sub": "back-end",
            "client_id": "back-end",
            "cid": "back-end",
            "azp": "back-end",
            "grant_type": "client_credentials",
            "aud": ["mandates", "back-end"],
            "authorities": ["mandates:read", "mandates:write"],
            "scope": ["mandates:read", "mandates:write"],
        },
        Service("back-end", "back-end"),
    ),
    Recorded(
        "UAA, an ID token, which has a scope and roles",
        UAA_PAGE,
        UAA_STACK,
        {**_UAA_USER, "aud": ["shop"], "scope": ["openid"], "roles": ["shopper"]},
        UNMARKED,
    ),
    Recorded(
        "Duende, a user's access token",
        DUENDE_PAGE,
        DUENDE_STACK,
        {
            **_DUENDE_ANY,
            "sub": "88421113",
            "client_id": "shop",
            "scope": ["openid", "mandates"],
            "idp": "local",
        },
        Customer("88421113"),
        header={"typ": "at+jwt"},
    ),
    Recorded(
        "Duende, client credentials, without a subject",
        "https://github.com/DuendeSoftware/Support/issues/888",
        DUENDE_STACK,
        {**_DUENDE_ANY, "client_id": "back-end", "scope": ["mandates:read", "mandates:write"]},
        Service("back-end", "back-end"),
        header={"typ": "at+jwt"},
    ),
]

RECORDED = [*AMAZON_COGNITO, *AUTH0S, *OKTAS, *ENTRAS, *KEYCLOAKS, *GOOGLES, *OTHERS]
