"""Requests read with care, answers that a browser may read, errors that say only what they should."""

import base64
import json
import pkgutil
from http import HTTPStatus
from importlib import import_module
from typing import Annotated, Any

import msgspec
import pytest

import mandates
from mandates.api.problems import STATUSES, problem
from mandates.api.requests import MAX_BODY_BYTES, Request, api, raw_body
from mandates.api.responses import Response, cors_headers, to_gateway
from mandates.core import errors
from mandates.gateway.error_mapping import REFUSED, RequestRejected

ORIGIN = "https://shop.example"
ALLOWED = frozenset({ORIGIN, "http://localhost:3000"})


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    size: int = 0
    tags: list[str] = []


def event(body: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "resource": "/things/{thing_id}",
        "headers": {"Content-Type": "application/json", "Origin": ORIGIN},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"identity": {"sourceIp": "203.0.113.7"}, "requestId": "the-gateways-id"},
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def typed(content_type: str | None, body: str = '{"name": "a"}') -> Request:
    headers = {} if content_type is None else {"content-TYPE": content_type}
    return Request(event(body, headers=headers))


# ------------------------------------------------------------------------------------------- body


def test_a_body_is_read_as_what_is_asked_for() -> None:
    assert Request(event('{"name": "Ånn", "size": 3}')).body(Body) == Body("Ånn", 3, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "name"),
        ('{"name": ""}', r"\$\.name"),
        ('{"name": "01234567890"}', r"\$\.name"),
        ('{"name": null}', r"\$\.name"),
        ('{"name": 5}', r"\$\.name"),
        ('{"name": ["a"]}', r"\$\.name"),
        ('{"name": "a", "size": "3"}', r"\$\.size"),
        ('{"name": "a", "size": 1.5}', r"\$\.size"),
        ('{"name": "a", "size": true}', r"\$\.size"),
        ('{"name": "a", "tags": ["b", 5]}', r"\$\.tags\[1\]"),
        ('{"name": "a", "tags": {}}', r"\$\.tags"),
        ('{"name": "a", "nmae": "b"}', "`nmae`"),
        ('{"name": "a", "__class__": "b"}', "`__class__`"),
        ("[]", "array"),
        ("null", "null"),
        ("5", "int"),
        ('"a"', "str"),
    ],
)
def test_an_error_names_the_field(body: str, message: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=message):
        Request(event(body)).body(Body)


def test_an_error_does_not_repeat_what_was_sent() -> None:
    for body in ('{"name": "a-private-value"}', '{"name": "a", "size": "a-private-value"}'):
        with pytest.raises(errors.InvalidRequest) as error:
            Request(event(body)).body(Body)
        assert "private" not in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " ",
        "{",
        '{"name": "a"',
        '{"name": "a"}}',
        '{"name": "a"}{"name": "b"}',
        "{'name': 'a'}",
        "name=a",
        '{"name": "a",}',
        '{"name": "a" /* x */}',
        '{"name": "a", "size": NaN}',
        '{"name": "a", "size": Infinity}',
        '{"name": "a", "size": 03}',
        '{"name": "\\ud800"}',
        '{"name": "a\nb"}',
        '\ufeff{"name": "a"}',
        "[" * 50_000,
        '{"name": ' * 5000,
        '{"tags": ' + "[" * 30_000 + "]" * 30_000 + "}",
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_is_not_json_is_refused(body: str | None) -> None:
    with pytest.raises(errors.InvalidRequest):
        Request(event(body)).body(Body)


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "\xc0\xaf"}', b'{"name": "\xed\xa0\x80"}']
)
def test_bytes_that_are_not_utf_8_are_refused(raw: bytes) -> None:
    encoded = event(base64.b64encode(raw).decode(), isBase64Encoded=True)
    with pytest.raises(errors.InvalidRequest):
        Request(encoded).body(Body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"name": "a", "name": "b"}', "name"),
        ('{"name": "a", "name": "a"}', "name"),
        ('{"name": "a", "n\\u0061me": "b"}', "name"),
        ('{"size": 1, "name": "a", "tags": [], "size": 1}', "size"),
    ],
)
def test_a_field_given_twice_is_refused_by_its_name(body: str, field: str) -> None:
    """msgspec takes the last one, others the first: what is recorded must not depend on who reads it."""
    with pytest.raises(errors.InvalidRequest, match=f'the field "{field}" is given twice'):
        Request(event(body)).body(Body)


def test_a_number_too_long_to_read_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest):
        Request(event('{"name": "a", "size": ' + "9" * 5000 + "}")).body(Body)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON ; charset=utf-8",
        " application/json ",
    ],
)
def test_json_may_say_its_charset(content_type: str) -> None:
    assert typed(content_type).body(Body).name == "a"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "application/json, text/plain",
        "application/problem+json",
        "text/plain; application/json",
    ],
)
def test_any_other_content_type_is_unsupported(content_type: str | None) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        typed(content_type).body(Body)


def sized(size: int) -> str:
    return '{"name": "a"}' + " " * (size - len('{"name": "a"}'))


def test_a_body_of_64_kb_is_the_largest() -> None:
    assert MAX_BODY_BYTES == 64 * 1024
    assert Request(event(sized(MAX_BODY_BYTES))).body(Body)
    with pytest.raises(errors.RequestTooLarge):
        Request(event(sized(MAX_BODY_BYTES + 1))).body(Body)


def test_bytes_are_counted_and_not_characters() -> None:
    body = json.dumps({"name": "a", "tags": ["é" * (MAX_BODY_BYTES // 2)]}, ensure_ascii=False)
    assert len(body) < MAX_BODY_BYTES
    with pytest.raises(errors.RequestTooLarge):
        Request(event(body)).body(Body)


def test_what_base64_stands_for_is_counted() -> None:
    for size, fits in ((MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)):
        encoded = event(base64.b64encode(sized(size).encode()).decode(), isBase64Encoded=True)
        if fits:
            assert Request(encoded).body(Body)
        else:
            with pytest.raises(errors.RequestTooLarge):
                Request(encoded).body(Body)


def test_a_body_comes_back_byte_by_byte() -> None:
    assert raw_body(event("é\r\n\x00")) == b"\xc3\xa9\r\n\x00"
    assert raw_body(event(base64.b64encode(b"\xff\x00").decode(), isBase64Encoded=True)) == b"\xff\x00"
    assert raw_body(event(None)) == b""
    assert Request(event("a")).raw_body() == b"a"


@pytest.mark.parametrize("body", ["%%%", "a", "YQ", "YQ==\n!", "Y Q = =", "e30-"])
def test_base64_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="base64"):
        raw_body(event(body, isBase64Encoded=True))


def test_base64_outside_ascii_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest, match="base64"):
        raw_body(event("é", isBase64Encoded=True))


@pytest.mark.parametrize("changes", [{"body": "\ud800"}, {"pathParameters": {"thing_id": "\ud800"}}])
def test_half_a_surrogate_pair_is_refused(changes: dict[str, Any]) -> None:
    request = Request(event(**changes))
    with pytest.raises(errors.InvalidRequest):
        request.body(Body) if "body" in changes else request.path_id("thing_id")


# ------------------------------------------------------------------------------------- path and rest


def path_id(raw: Any) -> str:
    return Request(event(pathParameters={"thing_id": raw})).path_id("thing_id")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("mdt_example", "mdt_example"),
        ("auth0%7Cann", "auth0|ann"),
        ("auth0%7cann", "auth0|ann"),
        ("auth0|ann", "auth0|ann"),
        ("%252F", "%2F"),
        ("%2F", "/"),
        ("a%2F..%2Fb", "a/../b"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("%C3%A5nn", "ånn"),
        ("ånn", "ånn"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a" * 255, "a" * 255),
        ("%41" * 255, "A" * 255),
    ],
)
def test_a_path_id_is_decoded_once(raw: str, expected: str) -> None:
    assert path_id(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [None, "", "a" * 256, "%41" * 256, "%00", "a%0Ab", "a%0D%0Ab", "%7F", "a\nb", "%E2%80%AE", "%C2%A0"],
)
def test_a_path_id_that_is_empty_long_or_unprintable_is_refused(raw: str | None) -> None:
    with pytest.raises(errors.InvalidRequest, match="thing_id in the path must be 1 to 255"):
        path_id(raw)


@pytest.mark.parametrize("raw", ["%FF", "%C3", "%C3%28", "a%80", "%ED%A0%80", "%C0%AF"])
def test_a_path_id_that_is_not_utf_8_is_refused(raw: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="thing_id in the path is not UTF-8"):
        path_id(raw)


def test_a_path_id_that_the_route_has_not_is_refused() -> None:
    for parameters in (None, {}, {"other": "x"}):
        with pytest.raises(errors.InvalidRequest):
            Request(event(pathParameters=parameters)).path_id("thing_id")


def test_the_rest_of_a_request() -> None:
    request = Request(event(queryStringParameters={"locale": "de"}, headers={"X-Thing": "a", "ORIGIN": "b"}))
    assert (request.resource, request.source_ip) == ("/things/{thing_id}", "203.0.113.7")
    assert (request.query, request.headers) == ({"locale": "de"}, {"x-thing": "a", "origin": "b"})


@pytest.mark.parametrize(
    "bare", [{}, {"headers": None, "requestContext": None}, {"requestContext": {"identity": None}}]
)
def test_a_request_without_anything(bare: dict[str, Any]) -> None:
    request = Request(bare)
    assert (request.headers, request.query, request.source_ip) == ({}, {}, "")
    assert request.authorizer is None


@pytest.mark.parametrize("context", [None, {}, "", "x", [], False])
def test_no_authorizer_context_is_none(context: Any) -> None:
    assert Request(event(requestContext={"authorizer": context})).authorizer is None


def test_the_authorizers_context() -> None:
    assert Request(event(requestContext={"authorizer": {"subject": "a"}})).authorizer == {"subject": "a"}


# ------------------------------------------------------------------------------------------ answers


def answered(route: Any, **changes: Any) -> tuple[int, dict[str, str], Any]:
    raw = api(ALLOWED)(route)(event(**changes), None)
    assert raw["isBase64Encoded"] is False
    return raw["statusCode"], raw["headers"], json.loads(raw["body"]) if raw["body"] else None


def raising(error: Exception) -> Any:
    def route(_: Request) -> Response:
        raise error

    return route


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


# ------------------------------------------------------------------------------------------- errors


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
        "RequestTooLarge": 413,
        "UnsupportedMediaType": 415,
        "ConsentRequired": 422,
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


def test_errors_that_carry_a_body_keep_their_content_type() -> None:
    _, headers, _ = answered(raising(errors.NotFound("no")))
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
