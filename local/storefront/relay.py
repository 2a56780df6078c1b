"""The API behind `/api`. The shop's own pages find it on their origin; another front end gets CORS as on AWS.

Preflights are passed on, too. The emulator's API is made from the template that SAM expanded, so it answers
them as that template declares: https://github.com/ministackorg/ministack. There API Gateway can name one
origin or all of them. The relay knows every allowed origin, and tells any other in words why it is refused.
"""

from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.storefront.running import NotReady, RunningStack

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PASSED_ON = {
    "authorization",
    "content-type",
    "idempotency-key",
    "accept",
    "access-control-request-headers",
    "access-control-request-method",
    "if-none-match",
    "origin",
    "user-agent",
    "stripe-signature",  # `stripe listen` forwards to this address, which stays the same
}
_NOT_PASSED_BACK = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}


def route(running: RunningStack, http: httpx.AsyncClient) -> Route:
    async def answer(request: Request) -> Response:
        try:
            described = running.described()
        except NotReady:
            return _problem(503, "not_ready", "Not deployed yet.")
        origin = request.headers.get("origin")
        is_ours = origin in described["allowed_origins"]
        if request.method == "OPTIONS" and origin and not is_ours:
            return _foreign(origin)
        try:
            return await _passed_on(request, http, described["api_url"])
        except httpx.HTTPError:
            detail = "The stack on this machine does not answer: make up"
            readable = {"Access-Control-Allow-Origin": origin or "", "Vary": "Origin"} if is_ours else {}
            return _problem(503, "unreachable", detail, {"Retry-After": "5", **readable})

    return Route("/api/{path:path}", answer, methods=_METHODS)


async def _passed_on(request: Request, http: httpx.AsyncClient, api_url: str) -> Response:
    # The path as it was sent: decoding and encoding again could change an id in it.
    path = request.scope["raw_path"].decode("ascii").removeprefix("/api")
    query = f"?{request.url.query}" if request.url.query else ""
    answer = await http.request(
        request.method,
        f"{api_url}{path}{query}",
        headers={name: value for name, value in request.headers.items() if name in _PASSED_ON},
        content=await request.body(),
    )
    headers = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_BACK}
    return Response(answer.content, answer.status_code, headers)


def _foreign(origin: str) -> Response:
    detail = (
        f"{origin} is not an origin of this stack's front ends. "
        f"If it is yours, run: MANDATES_ORIGINS={origin} make up"
    )
    return _problem(403, "origin_not_allowed", detail)


def _problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    title = httpx.codes.get_reason_phrase(status)
    problem: dict[str, Any] = {"title": title, "status": status, "code": code, "detail": detail}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")
