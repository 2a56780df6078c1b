"""Requests are read with care: bodies, paths, headers."""

import base64
import json
from typing import Annotated, Any

import msgspec
import pytest

from mandates.api.requests import MAX_BODY_BYTES, Request, raw_body
from mandates.core import errors
from tests.unit.gateway_events import event


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    size: int = 0
    tags: list[str] = []


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


# ------------------------------------------------------------------------- a header that may come once


def key_of(headers: dict[str, str] | None, every: dict[str, list[str]] | None) -> str | None:
    request = Request(event(headers=headers, multiValueHeaders=every))
    return request.only_header("Idempotency-Key")


@pytest.mark.parametrize(
    ("headers", "every", "expected"),
    [
        (None, None, None),
        ({"Accept": "*/*"}, {"Accept": ["*/*"]}, None),
        ({"idempotency-key": "a"}, None, "a"),
        ({"IDEMPOTENCY-KEY": "a"}, {"IDEMPOTENCY-KEY": ["a"]}, "a"),
        ({"Idempotency-Key": ""}, {"Idempotency-Key": [""]}, ""),
        ({"Idempotency-Key": "a, b"}, {"Idempotency-Key": ["a, b"]}, "a, b"),
    ],
)
def test_a_header_is_found_in_any_case(
    headers: dict[str, str] | None, every: dict[str, list[str]] | None, expected: str | None
) -> None:
    assert key_of(headers, every) == expected


@pytest.mark.parametrize(
    "every",
    [
        {"Idempotency-Key": ["a", "b"]},
        {"Idempotency-Key": ["a", "a"]},
        {"Idempotency-Key": ["a"], "idempotency-key": ["b"]},
    ],
)
def test_a_header_that_is_given_twice_is_refused_by_its_name(every: dict[str, list[str]]) -> None:
    """The gateway's `headers` would have the last one only."""
    with pytest.raises(errors.InvalidRequest, match="the header Idempotency-Key is given twice"):
        key_of({"Idempotency-Key": "b"}, every)
