"""authorize_request: from the gateway's event to a policy and an identity."""

import importlib.util
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mandates.api.callers import Caller, caller_of
from tests.unit.issuer import AUDIENCE, ISSUER, JWKS_URL, NOW, Issuer, customer_claims, token

APP = Path(__file__).parents[2] / "functions" / "authorize_request" / "app.py"
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/v1/GET/mandates/mdt_example"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "OIDC_ISSUER": ISSUER,
        "OIDC_AUDIENCES": AUDIENCE,
        "OIDC_JWKS_URL": JWKS_URL,
        "SERVICE_CLIENT_IDS": "back-end",
        "SCOPE_PREFIX": "",
    }.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("authorize_request", APP)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "verifier", Issuer().verifier())
    return module


def authorize(app: ModuleType, header: Any) -> Any:
    event = {"type": "TOKEN", "authorizationToken": header, "methodArn": METHOD_ARN}
    return app.handler(event, None)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", " Bearer  "])
def test_a_good_token_opens_every_route_of_its_stage_and_no_other(app: ModuleType, scheme: str) -> None:
    answer = authorize(app, scheme + token())
    assert answer["principalId"] == "auth0|ann"
    assert answer["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": "arn:aws:execute-api:us-east-1:123456789012:abc123/v1/*/*",
            }
        ],
    }


def test_handlers_find_the_caller_in_the_context(app: ModuleType) -> None:
    claims = customer_claims(sub="back-end", client_id="back-end", scope="mandates:read")
    caller = caller_of(authorize(app, f"Bearer {token(claims)}")["context"], NOW)
    assert caller == Caller("back-end", ISSUER, is_service=True, scopes=frozenset({"mandates:read"}))


@pytest.mark.parametrize(
    "header", [None, "", " ", "Bearer", "Bearer ", "Basic YTpi", "Token x", "x", "Bearer x y", "Bearer, x"]
)
def test_anything_else_is_unauthorized_in_the_gateways_own_word(app: ModuleType, header: Any) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, header)


def test_a_token_without_its_scheme_is_unauthorized(app: ModuleType) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, token())


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records]


def test_a_refused_token_is_unauthorized_and_not_logged(
    app: ModuleType, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    text = token(customer_claims(exp=1, sub="ann@private.example"))
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, f"Bearer {text}")
    written = f"{capsys.readouterr()} {logged(caplog)}"
    assert "it has expired" in written
    assert text.split(".")[1] not in written
    assert "private" not in written


def test_the_log_says_why_an_unlisted_clients_own_token_is_refused(
    app: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, f"Bearer {token(customer_claims(sub='reports', client_id='reports'))}")
    (line,) = logged(caplog)
    assert line["reason"] == "it is a client's own, and ServiceClientIds does not list that client"


def test_an_issuer_out_of_reach_is_not_the_callers_fault(
    app: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "verifier", Issuer(is_down=True).verifier())
    with pytest.raises(OSError, match="out of reach"):
        authorize(app, f"Bearer {token()}")
