"""Settings: read once, when a container starts, into a frozen object. Nothing else reads os.environ.

Each function declares a msgspec Struct of what it needs; a missing or malformed variable is an error that
names every one of them at once.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mandates.core.redirects import RedirectRefused, origin_of


class SettingsError(Exception):
    pass


class StripeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """`stripe_api_base` is empty for Stripe itself. `owner_mark` marks what is ours in a shared account."""

    stripe_api_key_secret_arn: str
    stripe_api_base: str = ""
    owner_mark: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a bearer token must satisfy (design: any OIDC issuer).

    `oidc_jwks_url` is empty where the issuer's discovery document names the keys' address.
    """

    oidc_issuer: str
    oidc_audiences: frozenset[str]
    oidc_jwks_url: str = ""
    service_client_ids: frozenset[str] = frozenset()
    scope_prefix: str = ""


def read[Settings: msgspec.Struct](kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Fill `kind` from the environment variables named as its fields, in capitals.

    Lists are separated by commas; truth is `true` or `false`; only what has a default may be empty.
    Raises SettingsError.
    """
    names = {field.name: field.name.upper() for field in msgspec.structs.fields(kind)}
    missing = [variable for variable in names.values() if variable not in environment]
    if missing:
        raise SettingsError(f"set these environment variables: {', '.join(sorted(missing))}")
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for field in msgspec.structs.fields(kind):
        try:
            values[field.name] = _converted(environment[names[field.name]].strip(), field)
        except msgspec.ValidationError as error:
            wrong.append(f"{names[field.name]} can't be used: {error}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return kind(**values)


def _converted(raw: str, field: msgspec.structs.FieldInfo) -> Any:
    if not raw and field.required:
        raise msgspec.ValidationError("it is empty")
    is_list = field.type in {frozenset[str], tuple[str, ...]}
    value = [item.strip() for item in raw.split(",") if item.strip()] if is_list else raw
    return msgspec.convert(value, field.type, strict=False)


def normalised_origins(origins: frozenset[str]) -> frozenset[str]:
    """Origins as they are compared. Raises SettingsError for anything that is more than an origin."""
    try:
        normalised = {origin: origin_of(origin) for origin in origins}
    except RedirectRefused as refused:
        raise SettingsError(f"ALLOWED_ORIGINS: an origin {refused}") from None
    for origin in origins:
        parts = urlsplit(origin)
        if parts.path or parts.query or parts.fragment or "?" in origin or "#" in origin:
            raise SettingsError(f"ALLOWED_ORIGINS: {origin} is more than an origin (scheme, host and port)")
    return frozenset(normalised.values())
