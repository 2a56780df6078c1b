"""Settings: read once, when a container starts, into a frozen object. Nothing else reads os.environ.

Each function declares a msgspec Struct of what it needs; a missing or malformed variable is an error that
names every one of them at once.
"""

from collections.abc import Mapping

import msgspec

from mandates.core.redirects import RedirectRefused, origin_of


class SettingsError(Exception):
    pass


class Api(msgspec.Struct, frozen=True):
    """What every function behind the API needs. Origins are exact: scheme, host and port."""

    allowed_origins: frozenset[str]


class StripeAccess(msgspec.Struct, frozen=True):
    """`stripe_api_base` is empty for Stripe itself. `managed_by` marks what is ours in a shared account."""

    stripe_api_key_secret_arn: str
    stripe_api_base: str
    managed_by: str


class Tokens(msgspec.Struct, frozen=True):
    """What a bearer token must satisfy (design: any OIDC issuer).

    `oidc_jwks_url` is empty where the issuer's discovery document names the keys' address.
    """

    oidc_issuer: str
    oidc_audiences: frozenset[str]
    oidc_jwks_url: str
    service_client_ids: frozenset[str]
    scope_prefix: str


def read[Settings: msgspec.Struct](kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Fill `kind` from the environment variables named as its fields, in capitals.

    Lists are separated by commas; truth is `true` or `false`. Raises SettingsError.
    """
    names = {field.name: field.name.upper() for field in msgspec.structs.fields(kind)}
    missing = [variable for variable in names.values() if variable not in environment]
    if missing:
        raise SettingsError(f"set these environment variables: {', '.join(sorted(missing))}")
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        raw = environment[names[field.name]].strip()
        is_list = field.type in {frozenset[str], tuple[str, ...]}
        values[field.name] = [item.strip() for item in raw.split(",") if item.strip()] if is_list else raw
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"an environment variable can't be used: {error}") from None


def normalised_origins(origins: frozenset[str]) -> frozenset[str]:
    """Origins as they are compared. Raises SettingsError for one that no redirect could match."""
    try:
        return frozenset(origin_of(origin) for origin in origins)
    except RedirectRefused as refused:
        raise SettingsError(f"ALLOWED_ORIGINS: an origin {refused}") from None
