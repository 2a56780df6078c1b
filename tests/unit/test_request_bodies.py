"""What the routes' bodies may hold. The modules are loaded without AWS: none is called."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tests.functions import BY_FOLDER
from tests.variables import environment

FUNCTIONS = Path(__file__).parents[2] / "functions"


class SecretsManager:
    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        return {"SecretString": "sk_test_placeholder"}


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for variable, value in environment(BY_FOLDER[name], "http://127.0.0.1:1").items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("mandates.runtime.aws.client", lambda service: SecretsManager())
    for prepares_tables in ("bind", "warm"):
        monkeypatch.setattr(f"mandates.store.tables.{prepares_tables}", lambda *_: None)
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / name / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bodies() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        names = ("create_customer", "create_checkout_session")
        return {name: loaded(name, monkeypatch).Body for name in names}


CHECKOUT = {
    "terms_version": "2026-11-01",
    "terms_digest": "ab" * 32,
    "accepted": True,
    "success_url": "https://shop.example/return",
    "cancel_url": "https://shop.example/cart",
    "locale": "en",
    "wording_digest": "cd" * 32,
}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("create_customer", {}),
        ("create_customer", {"email": "ann@shop.example", "name": "Ånn O'Neil"}),
        ("create_customer", {"email": "a@b"}),
        ("create_customer", {"stripe_customer_id": "cus_example"}),
        ("create_customer", {"stripe_customer_id": None}),
        ("create_checkout_session", CHECKOUT),
        ("create_checkout_session", {**CHECKOUT, "locale": "zh-Hant-TW"}),
        ("create_checkout_session", {**CHECKOUT, "locale": "de-DE-x-formal"}),
        ("create_checkout_session", {**CHECKOUT, "accepted": False}),
    ],
)
def test_a_body_of_these_is_taken(bodies: dict[str, Any], name: str, body: dict[str, Any]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(body), type=bodies[name])


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("create_customer", {"email": ""}, "email"),
        ("create_customer", {"email": None}, "email"),
        ("create_customer", {"email": "ann"}, "email"),
        ("create_customer", {"email": "ann@"}, "email"),
        ("create_customer", {"email": "a@b@c"}, "email"),
        ("create_customer", {"email": "ann smith@shop.example"}, "email"),
        ("create_customer", {"email": "ann@shop.example\nBcc: x@y"}, "email"),
        ("create_customer", {"email": "a" * 510 + "@b.example"}, "email"),
        ("create_customer", {"name": ""}, "name"),
        ("create_customer", {"name": "a" * 257}, "name"),
        ("create_customer", {"stripe_customer_id": ""}, "stripe_customer_id"),
        ("create_customer", {"stripe_customer_id": "acct_example"}, "stripe_customer_id"),
        ("create_customer", {"stripe_customer_id": "cus_"}, "stripe_customer_id"),
        ("create_customer", {"stripe_customer_id": "cus_a/../b"}, "stripe_customer_id"),
        ("create_customer", {"stripe_customer_id": "cus_" + "a" * 252}, "stripe_customer_id"),
        ("create_customer", {"customer_id": "auth0|bob"}, "customer_id"),
        ("create_checkout_session", {**CHECKOUT, "accepted": "true"}, "accepted"),
        ("create_checkout_session", {**CHECKOUT, "accepted": 1}, "accepted"),
        ("create_checkout_session", {**CHECKOUT, "accepted": None}, "accepted"),
        ("create_checkout_session", {**CHECKOUT, "locale": ""}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "locale": None}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "wording_digest": None}, "wording_digest"),
        ("create_checkout_session", {**CHECKOUT, "locale": "../../etc"}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "locale": "es_419"}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "locale": "EN"}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "locale": "en-" + "a" * 40}, "locale"),
        ("create_checkout_session", {**CHECKOUT, "success_url": ""}, "success_url"),
        ("create_checkout_session", {**CHECKOUT, "cancel_url": "https://" + "a" * 2041}, "cancel_url"),
        ("create_checkout_session", {**CHECKOUT, "terms_version": 20261101}, "terms_version"),
        ("create_checkout_session", {**CHECKOUT, "customer_id": "auth0|bob"}, "customer_id"),
        *(
            (
                "create_checkout_session",
                {key: CHECKOUT[key] for key in CHECKOUT if key != left_out},
                left_out,
            )
            for left_out in CHECKOUT
            if left_out != "accepted"
        ),
        ("create_customer", {"email": "a@b\n"}, "email"),
        ("create_customer", {"stripe_customer_id": "cus_a\n"}, "stripe_customer_id"),
        ("create_checkout_session", {**CHECKOUT, "locale": "en\n"}, "locale"),
    ],
)
def test_anything_else_is_refused_by_name(
    bodies: dict[str, Any], name: str, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"[.`]{field}`"):
        msgspec.json.decode(msgspec.json.encode(body), type=bodies[name])


def test_a_checkout_is_not_accepted_unless_it_says_so(bodies: dict[str, Any]) -> None:
    silent = {name: value for name, value in CHECKOUT.items() if name != "accepted"}
    body = msgspec.json.decode(msgspec.json.encode(silent), type=bodies["create_checkout_session"])
    assert body.accepted is False
