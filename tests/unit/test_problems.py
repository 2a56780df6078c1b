"""Every error is a problem document that says only what it should."""

import pkgutil
from http import HTTPStatus
from importlib import import_module

import pytest

import mandates
from mandates.api.problems import STATUSES, problem
from mandates.core import errors
from mandates.gateway.error_mapping import REFUSED, RequestRejected
from tests.unit.gateway_events import ORIGIN, answered, raising


def all_errors() -> list[type[errors.MandatesError]]:
    """Those of every module of the layer."""
    for module in pkgutil.walk_packages(mandates.__path__, "mandates."):
        import_module(module.name)
    found: list[type[errors.MandatesError]] = []
    waiting: list[type[errors.MandatesError]] = [errors.MandatesError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            found.append(kind)
            waiting.append(kind)
    return sorted(found, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_a_problem_document(kind: type[errors.MandatesError]) -> None:
    answer = problem(kind("what to do", field="name"))
    assert 400 <= answer.status <= 599
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body == {
        "type": "about:blank",
        "title": HTTPStatus(answer.status).phrase,
        "status": answer.status,
        "code": kind.code,
        "detail": "what to do",
        "field": "name",
    }


def test_stripe_refusing_a_request_is_a_502_that_a_browser_can_read() -> None:
    refusal = RequestRejected(REFUSED, stripe_code="email_invalid", stripe_request_id="req_1")
    status, headers, body = answered(raising(refusal))
    assert (status, body["code"]) == (502, "stripe_refused")
    assert headers["Access-Control-Allow-Origin"] == ORIGIN


def test_every_code_is_one_errors_own() -> None:
    own = [kind.code for kind in all_errors() if "code" in vars(kind)]
    assert len(own) == len(set(own))
    assert all(code.replace("_", "").isalpha() and code == code.lower() for code in own)
    assert "internal_error" not in own


def test_each_status_in_the_table_is_used_as_meant() -> None:
    expected = {
        "InvalidRequest": 400,
        "Unauthenticated": 401,
        "InsufficientScope": 403,
        "NotFound": 404,
        "NoTerms": 404,
        "TermsChanged": 409,
        "CustomerRequired": 409,
        "CustomerAlreadyLinked": 409,
        "ChargeRefused": 409,
        "RequestTooLarge": 413,
        "UnsupportedMediaType": 415,
        "ConsentRequired": 422,
        "KeyReused": 422,
        "RedirectNotAllowed": 422,
        "StripeCustomerUnknown": 422,
        "TooManyCheckouts": 429,
        "StripeRefused": 502,
        "Busy": 503,
        "StripeUnavailable": 503,
    }
    found = {kind.__name__: int(status) for kind, status in STATUSES.items()}
    assert expected.items() <= found.items()


@pytest.mark.parametrize("kind", STATUSES)
def test_what_can_be_retried_says_when(kind: type[errors.MandatesError]) -> None:
    assert ("Retry-After" in problem(kind("x")).headers) is kind.retryable
    if kind.retryable:
        assert STATUSES[kind] in {429, 503}


def test_an_error_may_know_better_when() -> None:
    limited = problem(errors.TooManyCheckouts("wait", retry_after=1234))
    assert (limited.status, limited.headers["Retry-After"]) == (429, "1234")
    assert problem(errors.Busy("busy")).headers["Retry-After"] == "1"
    assert "retry_after" not in limited.body


def test_an_unauthenticated_caller_is_told_how() -> None:
    assert problem(errors.Unauthenticated("x")).headers["WWW-Authenticate"] == "Bearer"


def test_an_unexpected_error_is_a_500_that_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (RuntimeError("secret detail"), KeyError("secret detail"), RecursionError("secret detail")):
        status, headers, body = answered(raising(error))
        assert status == 500
        assert headers["Content-Type"] == "application/problem+json"
        assert body == {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "code": "internal_error",
            "detail": "something went wrong here; try again",
            "request_id": "the-gateways-id",
        }


def test_an_errors_message_goes_to_the_caller_and_its_extras_too() -> None:
    _, _, body = answered(raising(errors.TermsChanged("ask again", current_version="2", current_digest="ab")))
    assert (body["detail"], body["current_version"], body["current_digest"]) == ("ask again", "2", "ab")


def test_the_log_says_why_a_charge_was_refused_and_not_how_much_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[dict[str, object]] = []
    monkeypatch.setattr("mandates.api.requests.logger.info", lambda _, extra: logged.append(extra))
    refused = errors.ChargeRefused("no", reasons=["too_frequent"], left=5, currency="usd", earliest=None)
    status, _, body = answered(raising(refused))
    assert logged == [{"code": "charge_not_permitted", "reasons": ["too_frequent"]}]
    assert (status, body["reasons"], body["left"]) == (409, ["too_frequent"], 5)


def test_errors_that_carry_a_body_keep_their_content_type() -> None:
    _, headers, _ = answered(raising(errors.NotFound("no")))
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
