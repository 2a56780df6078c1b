"""Settings: read once, and wrong ones named all at once."""

import msgspec
import pytest

from mandates.api.tokens import Tokens
from mandates.gateway.access import StripeAccess
from mandates.runtime.addresses import normalised_origins
from mandates.runtime.settings import SettingsError, read_settings, table_names


class Everything(StripeAccess, frozen=True):
    """One of each type a function asks for."""

    allowed_origins: frozenset[str]
    stripe_livemode: bool
    batch_size: int
    names: tuple[str, ...]


ENVIRONMENT = {
    "STRIPE_API_KEY_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
    "STRIPE_API_BASE": "",
    "OWNER_MARK": " test-stack ",
    "ALLOWED_ORIGINS": "https://shop.example, https://www.shop.example ,,",
    "STRIPE_LIVEMODE": "true",
    "BATCH_SIZE": "10",
    "NAMES": "b,a",
    "SOMETHING_ELSE": "x",
}


def test_settings_are_the_variables_named_as_the_fields_in_capitals() -> None:
    assert read_settings(Everything, ENVIRONMENT) == Everything(
        stripe_api_key_secret_arn="arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
        stripe_api_base="",
        owner_mark="test-stack",
        allowed_origins=frozenset({"https://shop.example", "https://www.shop.example"}),
        stripe_livemode=True,
        batch_size=10,
        names=("b", "a"),
    )


def test_all_that_is_missing_is_listed_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(Everything, {"OWNER_MARK": "x", "STRIPE_LIVEMODE": "perhaps"})
    assert str(error.value) == (
        "set these environment variables: ALLOWED_ORIGINS, BATCH_SIZE, NAMES, STRIPE_API_BASE,"
        " STRIPE_API_KEY_SECRET_ARN"
    )


@pytest.mark.parametrize("name", sorted(set(ENVIRONMENT) - {"SOMETHING_ELSE"}))
def test_each_one_is_missed(name: str) -> None:
    with pytest.raises(SettingsError, match=f": {name}$"):
        read_settings(Everything, {key: value for key, value in ENVIRONMENT.items() if key != name})


def test_names_are_case_sensitive() -> None:
    with pytest.raises(SettingsError, match="OWNER_MARK"):
        read_settings(StripeAccess, {"managed_by": "x"})


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("false", False), ("True", True), ("FALSE", False)]
)
def test_truth_is_true_or_false(text: str, expected: bool) -> None:
    assert read_settings(Everything, {**ENVIRONMENT, "STRIPE_LIVEMODE": text}).stripe_livemode is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_LIVEMODE", "yes"),
        ("STRIPE_LIVEMODE", ""),
        ("STRIPE_LIVEMODE", "2"),
        ("NAMES", ""),
        ("NAMES", " , "),
        ("STRIPE_API_BASE", "http://api.stripe.example"),
        ("BATCH_SIZE", ""),
        ("BATCH_SIZE", "ten"),
        ("BATCH_SIZE", "1.5"),
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(Everything, {**ENVIRONMENT, name: value})


def test_an_error_does_not_show_the_value() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(Everything, {**ENVIRONMENT, "BATCH_SIZE": "sk_test_placeholder"})
    assert "placeholder" not in str(error.value)


def test_all_that_is_malformed_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(Everything, {**ENVIRONMENT, "BATCH_SIZE": "ten", "STRIPE_LIVEMODE": "yes"})
    assert "batch_size" in str(error.value).lower()
    assert "stripe_livemode" in str(error.value).lower()


def test_a_list_may_be_empty() -> None:
    settings = read_settings(
        Tokens,
        {
            "OIDC_ISSUER": "https://issuer.example",
            "OIDC_AUDIENCES": "api",
            "OIDC_JWKS_URL": "",
            "SERVICE_CLIENT_IDS": " , ",
            "SCOPE_PREFIX": "",
        },
    )
    assert settings.service_client_ids == frozenset()
    assert settings.oidc_jwks_url == ""


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        read_settings(Everything, ENVIRONMENT).owner_mark = "other"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [StripeAccess, Tokens])
def test_the_shared_settings_are_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


# ----------------------------------------------------------------------------------------- origins


def test_a_schemes_own_port_makes_no_difference() -> None:
    given = {
        "https://shop.example",
        "https://www.shop.example:443",
        "http://localhost:80",
        "http://[::1]:443",
    }
    assert normalised_origins(frozenset(given)) == {
        "https://shop.example",
        "https://www.shop.example",
        "http://localhost",
        "http://[::1]:443",
    }
    assert normalised_origins(frozenset()) == frozenset()


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://shop.example/",
        "https://shop.example/shop",
        "shop.example",
        "http://shop.example",
        "https://",
        "https://a@shop.example",
        "https://é",
    ],
)
def test_an_origin_that_nothing_could_match_is_an_error(origin: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS"):
        normalised_origins(frozenset({"https://shop.example", origin}))


def test_a_wildcard_is_an_error() -> None:
    with pytest.raises(SettingsError):
        normalised_origins(frozenset({"https://*.shop.example"}))


@pytest.mark.parametrize(
    "origin", ["https://shop.example/app", "https://shop.example?a", "https://shop.example#a"]
)
def test_more_than_an_origin_is_an_error(origin: str) -> None:
    """Whoever wrote a path meant to allow that path alone."""
    with pytest.raises(SettingsError):
        normalised_origins(frozenset({origin}))


def test_each_setting_that_ends_in_table_names_one() -> None:
    class Tables(msgspec.Struct, frozen=True):
        stripe_subjects_table: str
        table: str
        mandates_table: str
        tables: str

    names = table_names(Tables("stack-Subjects-1", "x", "stack-Mandates-1", "y"))
    assert names == {"stripe_subjects": "stack-Subjects-1", "mandates": "stack-Mandates-1"}
