"""One rule for what a deployment names: what CloudFormation takes a function can use, and vice versa.

CloudFormation's AllowedPattern has to match the whole value:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.api.issuer_keys import fetch_json
from mandates.api.tokens import Tokens
from mandates.core.redirects import RedirectRefused, origin_of
from mandates.gateway.access import StripeAccess
from mandates.runtime.addresses import ORIGIN, SERVER, URL, normalised_origins
from mandates.runtime.settings import SettingsError, read_settings
from tests.template.stack import raw
from tests.unit.laws import law

PARAMETERS: dict[str, dict[str, Any]] = raw()["Parameters"]

PATTERNS = {
    "AllowedOrigins": f"^({ORIGIN} *(, *|$))+$",
    "CorsOrigin": f"^([*]|{ORIGIN})$",
    "OidcIssuer": f"^{URL}$",
    "OidcJwksUrl": f"^({URL})?$",
    "StripeApiBase": f"^({SERVER})?$",
    "ApiBaseUrl": f"^({URL})?$",
}

ANY_TEXT_WILL_DO = {
    "ServiceClientIds": "compared with a claim, text by text",
    "ScopePrefix": "compared with a claim, text by text",
}


class Origins(msgspec.Struct, frozen=True):
    allowed_origins: frozenset[str]


TOKENS = {
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCES": "api",
    "OIDC_JWKS_URL": "",
    "SERVICE_CLIENT_IDS": "",
    "SCOPE_PREFIX": "",
}
STRIPE = {"STRIPE_API_KEY_SECRET_ARN": "arn", "STRIPE_API_BASE": "", "OWNER_MARK": "a-mark"}


def starts(kind: type[msgspec.Struct], variable: str, others: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a function that needs `kind` would start with that value for the variable."""

    def with_value(value: str) -> bool:
        try:
            configured = read_settings(kind, {**others, variable: value})
            if isinstance(configured, Origins):
                normalised_origins(configured.allowed_origins)
        except SettingsError:
            return False
        return True

    return with_value


STARTS = {
    "AllowedOrigins": starts(Origins, "ALLOWED_ORIGINS", {}),
    "OidcIssuer": starts(Tokens, "OIDC_ISSUER", TOKENS),
    "OidcJwksUrl": starts(Tokens, "OIDC_JWKS_URL", TOKENS),
    "OidcAudiences": starts(Tokens, "OIDC_AUDIENCES", TOKENS),
    "ServiceClientIds": starts(Tokens, "SERVICE_CLIENT_IDS", TOKENS),
    "ScopePrefix": starts(Tokens, "SCOPE_PREFIX", TOKENS),
    "StripeApiBase": starts(StripeAccess, "STRIPE_API_BASE", STRIPE),
}
"""Of the parameters that a function reads and that may be any of many texts."""

ORIGINS = {
    "https://shop.example": True,
    "https://shop.example:8443": True,
    "https://shop.example,http://localhost:3000": True,
    "https://shop.example, https://www.shop.example": True,
    "https://xn--bcher-kva.example": True,
    "http://127.0.0.1:4000": True,
    "http://[::1]:3000": True,
    "http://shop.example": False,
    "http://localhost.evil.example": False,
    "https://my_shop.example": False,
    "https://bücher.example": False,
    "https://Shop.example": False,
    "HTTPS://shop.example": False,
    "https://shop.example/": False,
    "https://shop.example/app": False,
    "https://shop.example?a": False,
    "https://shop.example#a": False,
    "https://ann@shop.example": False,
    "https://*.shop.example": False,
    "https://[:::]": False,
    "https://[2001:db8::1]": False,
    "https://shop.example:": False,
    "https://shop.example:0": False,
    "https://shop.example:port": False,
    "https://shop.example:443443": False,
    "https://shop.example https://www.shop.example": False,
    "https://shop.example,shop.example": False,
    "https://" + "a" * 254: False,
    "https://": False,
    "shop.example": False,
    "null": False,
    "*": False,
    ",": False,
    "": False,
}
SERVERS = {
    "https://server.example": True,
    "https://server.example:8443": True,
    "https://Server.example": True,
    "https://a_server.internal": True,
    "http://127.0.0.1:4010": True,
    "http://localhost:4010": True,
    "http://[::1]:4010": True,
    "http://host.docker.internal:4010": True,
    "http://server.example": False,
    "http://127.0.0.1.evil.example": False,
    "http://localhost@evil.example": False,
    "http://169.254.169.254": False,
    "https://ann@server.example": False,
    "https://sérver.example": False,
    "https://server.example:port": False,
    "https://server example": False,
    "https://": False,
    "server.example": False,
    "ftp://server.example": False,
    "file:///etc/passwd": False,
}
URLS = {
    **SERVERS,
    "https://issuer.example/": True,
    "https://issuer.example/realms/shop": True,
    "https://issuer.example/keys?p=b2c_1_sign_in": True,
    "https://issuer.example/two words": False,
    "https://issuer.example/é": False,
    "http://issuer.example/keys": False,
}
EMPTY = {"": True}
CASES: dict[str, dict[str, bool]] = {
    "AllowedOrigins": ORIGINS,
    "OidcIssuer": {**URLS, "": False},
    "OidcJwksUrl": {**URLS, **EMPTY},
    "OidcAudiences": {
        "api": True,
        "https://mandates.shop.example": True,
        "a,b": True,
        " a , b ,": True,
        ",,a": True,
        "an audience": True,
        "": False,
        " ": False,
        ",": False,
        " , ,": False,
    },
    "ServiceClientIds": {"": True, ",": True, "a, b": True, "ä": True},
    "ScopePrefix": {"": True, "mandates-api/": True, "https://api.example/": True},
    "StripeApiBase": {
        **SERVERS,
        **EMPTY,
        "https://server.example/": False,
        "https://server.example/v1": False,
    },
}


def accepted(parameter: str, value: str) -> bool:
    """Whether CloudFormation takes the value."""
    declared = PARAMETERS[parameter]
    if "AllowedValues" in declared:
        return value in declared["AllowedValues"]
    return re.fullmatch(declared.get("AllowedPattern", "(?s:.*)"), value) is not None


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [(parameter, *case) for parameter, cases in CASES.items() for case in cases.items()],
)
def test_what_one_side_takes_the_other_takes(parameter: str, value: str, expected: bool) -> None:
    assert (accepted(parameter, value), STARTS[parameter](value)) == (expected, expected)


@pytest.mark.parametrize("parameter", [name for name in STARTS if "AllowedPattern" in PARAMETERS[name]])
@law
@given(data=st.data())
def test_a_function_starts_with_whatever_the_pattern_allows(parameter: str, data: st.DataObject) -> None:
    value = data.draw(st.from_regex(PARAMETERS[parameter]["AllowedPattern"], fullmatch=True))
    assert STARTS[parameter](value.removesuffix("\n"))


def test_every_free_text_has_a_pattern_or_a_reason_why_not() -> None:
    free = {
        name
        for name, declared in PARAMETERS.items()
        if declared["Type"] == "String" and not {"AllowedValues", "AllowedPattern"} & declared.keys()
    }
    assert free == ANY_TEXT_WILL_DO.keys()
    assert CASES.keys() == STARTS.keys()
    assert CASES.keys() >= free


@pytest.mark.parametrize("parameter", PATTERNS)
def test_the_templates_patterns_are_the_codes(parameter: str) -> None:
    assert PARAMETERS[parameter]["AllowedPattern"] == PATTERNS[parameter]


@pytest.mark.parametrize("parameter", [name for name in PARAMETERS if "AllowedPattern" in PARAMETERS[name]])
def test_a_default_is_allowed_and_a_refusal_says_what_is(parameter: str) -> None:
    declared = PARAMETERS[parameter]
    if "Default" in declared:
        assert accepted(parameter, declared["Default"])
    assert declared["ConstraintDescription"]


@law
@given(st.from_regex(ORIGIN, fullmatch=True))
def test_an_origin_is_compared_as_that_of_a_return_url(origin: str) -> None:
    try:
        of_a_url = origin_of(f"{origin}/return")
    except RedirectRefused:
        assert int(origin.rpartition(":")[2]) > 65535  # no URL has such a port, so none is allowed by it
        return
    assert normalised_origins(frozenset({origin})) == {of_a_url}


@law
@given(address=st.from_regex(URL, fullmatch=True))
def test_keys_are_fetched_from_wherever_the_parameters_may_lead(address: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("urllib.request.OpenerDirector.open", opened := Opened())
        with pytest.raises(ConnectionError):
            fetch_json(address)
    assert opened.address == address


class Opened:
    address = ""

    def __call__(self, address: str, **_: Any) -> None:
        self.address = address
        raise ConnectionError


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:mandates/stripe-key-AbC123", True),
        ("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a+b=c.d@e_f-000000", True),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe", False),
        ("arn:aws:secretsmanager:us-east-1:123456789012:secret:*", False),
        ("arn:aws:secretsmanager:*:*:secret:mandates/stripe-key-AbC123", False),
        ("arn:aws:secretsmanager:x", False),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/key-AbC123", False),
        ("mandates/stripe-key", False),
        ("", False),
    ],
)
def test_the_secret_is_one_and_named_whole(arn: str, expected: bool) -> None:
    """With part of an ARN the roles could not read it, with `*` they could read others."""
    assert accepted("StripeApiKeySecretArn", arn) is expected
