"""Requests as API Gateway passes them on, and how a route becomes a Lambda handler."""

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from mandates.api.problems import UNEXPECTED, problem
from mandates.api.responses import Response, cors_headers, to_gateway
from mandates.core import errors, strict_json
from mandates.core.ids import MAX_ID_LENGTH, is_printable_id
from mandates.runtime.telemetry import correlate, count, instrumented, logger

MAX_BODY_BYTES = 64 * 1024


class Request:
    """An API Gateway proxy event (REST API, payload 1.0), read with care."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self.headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        self.path: Mapping[str, str] = event.get("pathParameters") or {}
        self.query: Mapping[str, str] = event.get("queryStringParameters") or {}

    @property
    def resource(self) -> str:
        """The route as declared, e.g. `/mandates/{mandate_id}`."""
        return str(self._event.get("resource"))

    @property
    def authorizer(self) -> Mapping[str, Any] | None:
        """What the authorizer passed on; None without an authorizer."""
        context = (self._event.get("requestContext") or {}).get("authorizer")
        return context if isinstance(context, Mapping) and context else None

    @property
    def source_ip(self) -> str:
        return str(((self._event.get("requestContext") or {}).get("identity") or {}).get("sourceIp") or "")

    @property
    def request_id(self) -> str:
        """The gateway's id of the request, which is also in its access log."""
        return request_id(self._event)

    def path_id(self, name: str) -> str:
        """A path parameter, percent-decoded once: REST APIs pass it on as it was sent."""
        raw = str(self.path.get(name) or "")
        try:
            value = unquote_to_bytes(raw).decode()
        except UnicodeError:
            raise errors.InvalidRequest(f"{name} in the path is not UTF-8") from None
        if not is_printable_id(value):
            raise errors.InvalidRequest(
                f"{name} in the path must be 1 to {MAX_ID_LENGTH} printable characters"
            )
        return value

    def only_header(self, name: str) -> str | None:
        """A header that means nothing if it is given twice; None if it is not given.

        The gateway's `headers` has only the last one. Raises an InvalidRequest that names the header.
        """
        every = self._event.get("multiValueHeaders") or {}
        given = [value for key, values in every.items() if key.lower() == name.lower() for value in values]
        if len(given) > 1:
            raise errors.InvalidRequest(f"the header {name} is given twice: give it once")
        return given[0] if given else self.headers.get(name.lower())

    def raw_body(self) -> bytes:
        """The bytes exactly as they were sent."""
        return raw_body(self._event)

    def body[Body](self, kind: type[Body]) -> Body:
        """The JSON body as a `kind`, a msgspec Struct that forbids unknown fields.

        Raises an InvalidRequest that names the field, UnsupportedMediaType or RequestTooLarge. A field that
        is given twice is refused: msgspec alone would take the last one.
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
    """Turn a function from Request to Response into a Lambda handler.

    Our own errors become problem documents. Any other error is logged, and answered with a 500 that does not
    say what it was.
    """

    def decorate(route: Route) -> LambdaHandler:
        @instrumented
        def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
            request = Request(event)
            correlate(**{name: request.path.get(name) for name in ("mandate_id", "charge_id")})
            try:
                response = route(request)
            except errors.MandatesError as error:
                logger.info("refused", extra={"code": error.code, **_loggable(error.extra)})
                response = problem(error)
                _count(error, response.status)
            except Exception:
                logger.exception("unexpected error")
                response = UNEXPECTED
            headers = cors_headers(request.headers.get("origin"), allowed_origins)
            return to_gateway(response, headers, request.request_id)

        return handler

    return decorate


def _count(error: errors.MandatesError, status: int) -> None:
    """Count what the status alone does not say: a 502 for an object that Stripe does not know, a 503 without
    an outage at Stripe."""
    if isinstance(error, errors.UnknownAtStripe):
        count("UnknownAtStripe")
    if status == HTTPStatus.SERVICE_UNAVAILABLE and not isinstance(error, errors.StripeUnavailable):
        count("UnavailableHere")


def _loggable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Stripe's request id and code, and why a charge was refused, which help an operator. The rest may be the
    customer's data."""
    return {name: value for name, value in extra.items() if name.startswith("stripe_") or name == "reasons"}
