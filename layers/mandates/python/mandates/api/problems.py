"""The only table from errors to HTTP statuses, and the problem document that describes an error.

A problem document is RFC 9457's `application/problem+json` with a stable `code`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mandates.api.responses import PROBLEM, Response
from mandates.core import errors

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
    errors.ChargeRefused: HTTPStatus.CONFLICT,
    errors.RefundRefused: HTTPStatus.CONFLICT,
    errors.ChargeIsFinal: HTTPStatus.CONFLICT,
    errors.NoticeRefused: HTTPStatus.CONFLICT,
    errors.NoticeTooLate: HTTPStatus.CONFLICT,
    errors.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.ConsentRequired: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
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


UNEXPECTED = problem_response(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "something went wrong here; try again"
)
