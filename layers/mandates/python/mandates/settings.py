"""Settings: read once, when a container starts, into a frozen object. Nothing else reads os.environ.

Each function declares a msgspec Struct of what it needs; a missing or malformed variable is an error that
names every one of them at once.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from mandates.addresses import ORIGIN, SERVER, URL


class SettingsError(Exception):
    pass


class StripeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """`stripe_api_base` is empty for Stripe itself. `owner_mark` marks what is ours in a shared account."""

    stripe_api_key_secret_arn: str
    stripe_api_base: Annotated[str, msgspec.Meta(pattern=f"^({SERVER})?$")] = ""
    owner_mark: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a bearer token must satisfy (design: any OIDC issuer).

    `oidc_jwks_url` is empty where the issuer's discovery document names the keys' address.
    """

    oidc_issuer: Annotated[str, msgspec.Meta(pattern=f"^{URL}$")]
    oidc_audiences: frozenset[str]
    oidc_jwks_url: Annotated[str, msgspec.Meta(pattern=f"^({URL})?$")] = ""
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
    is_list = field.type in (frozenset[str], tuple[str, ...])
    value = [item.strip() for item in raw.split(",") if item.strip()] if is_list else raw
    if not value and field.required:
        raise msgspec.ValidationError("it is empty")
    return msgspec.convert(value, field.type, strict=False)


def normalised_origins(origins: frozenset[str]) -> frozenset[str]:
    """Origins as they are compared, without the scheme's own port. Raises SettingsError for anything else."""
    for origin in sorted(origins):
        if not re.fullmatch(ORIGIN, origin):
            raise SettingsError(
                f"ALLOWED_ORIGINS: {origin} is not an origin as a browser sends it, such as https://shop.example:"
                " lower case, without a path, and https unless it is this machine"
            )
    own_port = {"https": ":443", "http": ":80"}
    return frozenset(origin.removesuffix(own_port[origin.partition(":")[0]]) for origin in origins)
