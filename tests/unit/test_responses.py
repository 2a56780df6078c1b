"""Answers that a browser may read, from the allowed origins alone."""

import pytest

from mandates.api.responses import Response, cors_headers, to_gateway
from mandates.core import errors
from tests.unit.gateway_events import ALLOWED, ORIGIN, answered, raising


def test_an_answer_is_json_that_nobody_keeps() -> None:
    status, headers, body = answered(lambda request: Response(201, {"name": "Ånn", "at": request.resource}))
    assert (status, body) == (201, {"name": "Ånn", "at": "/things/{thing_id}"})
    assert headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Vary": "Origin",
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "Retry-After",
    }


def test_an_empty_answer_has_no_content_type() -> None:
    status, headers, body = answered(lambda _: Response(204))
    assert (status, body) == (204, None)
    assert "Content-Type" not in headers


def test_a_route_may_say_otherwise() -> None:
    raw = to_gateway(Response(200, {}, {"Cache-Control": "max-age=60"}), {"Vary": "Origin"}, "")
    assert raw["headers"]["Cache-Control"] == "max-age=60"


ROUTES = {
    "answer": lambda _: Response(200, {}),
    "empty": lambda _: Response(204),
    "refusal": raising(errors.NotFound("no")),
    "retryable": raising(errors.Busy("busy")),
    "unexpected": raising(RuntimeError("secret detail")),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("origin", sorted(ALLOWED))
def test_every_answer_can_be_read_by_an_allowed_origin(route: str, origin: str) -> None:
    _, headers, _ = answered(ROUTES[route], headers={"origin": origin})
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "*",
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example/",
        "HTTPS://SHOP.EXAMPLE",
        "https://shop.example, https://evil.example",
    ],
)
def test_no_answer_can_be_read_by_another(origin: str | None) -> None:
    for route in ROUTES.values():
        _, headers, _ = answered(route, headers={"Origin": origin} if origin is not None else None)
        assert not any(name.startswith("Access-Control-") for name in headers)
        assert headers["Vary"] == "Origin"


def test_credentials_are_never_asked_for() -> None:
    assert "Access-Control-Allow-Credentials" not in cors_headers(ORIGIN, ALLOWED)
