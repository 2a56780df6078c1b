"""Behind the gateway: requests in, responses out, and the one table from errors to HTTP statuses.

Errors are RFC 9457 `application/problem+json` with a stable `code`. Whatever a browser gets carries the
CORS headers, errors too; without them a front end could not read why it was refused.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from mandates.core import errors, strict_json
from mandates.core.ids import MAX_ID_LENGTH, is_printable_id
from mandates.runtime.telemetry import (
    correlate,
    count,
    instrumented,
    logger,
)

MAX_BODY_BYTES = 64 * 1024

STATUSES: Mapping[type[errors.MandatesError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.InsufficientScope: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NoTerms: HTTPStatus.NOT_FOUND,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.TermsChanged: HTTPStatus.CONFLICT,
    errors.CustomerRequired: HTTPStatus.CONFLICT,
    errors.CustomerAlreadyLinked: HTTPStatus.CONFLICT,
    errors.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.ConsentRequired: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RedirectNotAllowed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RedirectRefusedByStripe: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.StripeCustomerUnknown: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.WrongReturnToken: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyCheckouts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.LedgerUnreadable: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StripeRefused: HTTPStatus.BAD_GATEWAY,
    errors.UnknownAtStripe: HTTPStatus.BAD_GATEWAY,
    errors.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StripeUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Response:
    """`body` is any JSON value, bytes that are sent as they are, or None for an empty answer.

    The gateway takes text: bytes that are not UTF-8 are `binary`, and get through only where the request
    accepts a type that the API lists under BinaryMediaTypes.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    binary: bool = False


class Request:
    """An API Gateway proxy event (REST API, payload 1.0), read with care."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self.headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        self.query: Mapping[str, str] = event.get("queryStringParameters") or {}

    @property
    def resource(self) -> str:
        """The route as declared, e.g. `/mandates/{mandate_id}`."""
        return str(self._event.get("resource"))

    @property
    def authorizer(self) -> Mapping[str, Any] | None:
        """What the authorizer said, None if there was none."""
        context = (self._event.get("requestContext") or {}).get("authorizer")
        return context if isinstance(context, Mapping) and context else None

    @property
    def source_ip(self) -> str:
        return str(((self._event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or "")

    @property
    def request_id(self) -> str:
        """The gateway's id of the request, which its access log has, too."""
        return request_id(self._event)

    def path_id(self, name: str) -> str:
        """A path parameter, percent-decoded once: REST APIs hand it over as it was sent."""
        raw = str((self._event.get("pathParameters") or {}).get(name) or "")
        try:
            value = unquote_to_bytes(raw).decode()
        except UnicodeError:
            raise errors.InvalidRequest(f"{name} in the path is not UTF-8") from None
        if not is_printable_id(value):
            raise errors.InvalidRequest(
                f"{name} in the path must be 1 to {MAX_ID_LENGTH} printable characters"
            )
        return value

    def raw_body(self) -> bytes:
        """The bytes exactly as they were sent."""
        return raw_body(self._event)

    def body[Body](self, kind: type[Body]) -> Body:
        """The JSON body as a `kind`, a msgspec Struct that forbids unknown fields.

        Raises InvalidRequest that names the field, UnsupportedMediaType or RequestTooLarge. A field that is
        given twice is refused: msgspec alone would take the last one.
        """
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise errors.UnsupportedMediaType("send the body as application/json")
        body = self.raw_body()
        if len(body) > MAX_BODY_BYTES:
            raise errors.RequestTooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
        try:
            decoded = msgspec.json.decode(body, type=kind)
            strict_json.parsed(body.decode())
        except (msgspec.ValidationError, strict_json.FieldGivenTwice) as error:
            raise errors.InvalidRequest(str(error)) from None
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise errors.InvalidRequest("the body is not JSON") from None
        return decoded


def request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId") or "")


def raw_body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise errors.InvalidRequest("the body is marked as base64, but is not base64") from None


Route = Callable[[Request], Response]
LambdaHandler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def api(allowed_origins: frozenset[str]) -> Callable[[Route], LambdaHandler]:
    """Make a Lambda handler of a function from Request to Response.

    Our own errors become problem documents by STATUSES; anything else is logged, and a 500 that says
    nothing of it.
    """

    def decorate(route: Route) -> LambdaHandler:
        @instrumented
        def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
            request = Request(event)
            correlate(mandate_id=(event.get("pathParameters") or {}).get("mandate_id"))
            try:
                response = route(request)
            except errors.MandatesError as error:
                logger.info("refused", extra={"code": error.code, **_loggable(error.extra)})
                response = problem(error)
                _count(error, response.status)
            except Exception:
                logger.exception("unexpected error")
                response = _UNEXPECTED
            headers = cors_headers(request.headers.get("origin"), allowed_origins)
            return to_gateway(response, headers, request.request_id)

        return handler

    return decorate


def _count(error: errors.MandatesError, status: int) -> None:
    """What the status alone does not tell: a 503 from an outage at Stripe, a 502 from another 502."""
    if isinstance(error, errors.UnknownAtStripe):
        count("UnknownAtStripe")
    if status == HTTPStatus.SERVICE_UNAVAILABLE and not isinstance(error, errors.StripeUnavailable):
        count("UnavailableHere")


def problem(error: errors.MandatesError) -> Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retryable else {}
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return problem_response(status, error.code, str(error), headers, error.extra)


def problem_response(
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
        **(extra or {}),
    }
    return Response(status.value, body, {"Content-Type": PROBLEM, **(headers or {})})


_UNEXPECTED = problem_response(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "something went wrong here; try again"
)


def cors_headers(origin: str | None, allowed_origins: frozenset[str]) -> dict[str, str]:
    if origin not in allowed_origins:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": str(origin),
        "Access-Control-Expose-Headers": "Retry-After",
    }


def to_gateway(response: Response, headers: Mapping[str, str], request_id: str) -> dict[str, Any]:
    """The answer as API Gateway wants it. Nothing is to be cached unless the route says so.

    A problem carries the gateway's id of the request: whoever got it can name it, and the logs have it.
    """
    if response.headers.get("Content-Type") == PROBLEM:
        response = replace(response, body={**response.body, "request_id": request_id})
    return {
        "statusCode": response.status,
        "headers": {
            **({"Content-Type": "application/json"} if response.body is not None else {}),
            "Cache-Control": "no-store",
            **headers,
            **response.headers,
        },
        "body": _text(response),
        "isBase64Encoded": response.binary,
    }


def _text(response: Response) -> str:
    match response.body:
        case None:
            return ""
        case bytes() as binary if response.binary:
            return base64.b64encode(binary).decode()
        case bytes() as text:
            return text.decode()
        case value:
            return json.dumps(value, ensure_ascii=False)


def _loggable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Stripe's request id and code help an operator; the rest of an answer may be the customer's."""
    return {name: value for name, value in extra.items() if name.startswith("stripe_")}
