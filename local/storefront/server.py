"""Serves the shop's pages and passes /api on to the API, so that a browser sees a single origin.

In production the API answers browsers across origins with CORS. The pages would be the same.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = Path(__file__).parent / "pages"

# Scripts and styles only from here, nothing inline, no frames. Forms go nowhere: scripts make the requests.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_METHODS = ["GET", "POST", "PUT", "DELETE"]
_PASSED_ON = {
    "authorization",
    "content-type",
    "idempotency-key",
    "accept",
    "origin",
    "user-agent",
    "stripe-signature",  # `stripe listen` forwards to this address, which stays the same
}
_NOT_PASSED_BACK = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}


def create_app(stack_file: Path) -> Starlette:
    """`stack_file` is read at each request, since the shop may start before the stack is deployed."""

    def stack() -> dict[str, Any] | None:
        try:
            written: dict[str, Any] = json.loads(stack_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return written

    async def sign_in(_: Request) -> Response:
        """A token of the local customer, instead of a sign-in page. For this machine only."""
        if (running := stack()) is None:
            return _not_ready()
        return JSONResponse(
            {"customer_id": running["customer_ids"]["customer"], "token": running["tokens"]["customer"]}
        )

    async def api(request: Request) -> Response:
        if (running := stack()) is None:
            return _not_ready()
        client: httpx.AsyncClient = request.state.http
        # The path as it was sent: decoding and encoding again could change an id in it.
        path = request.scope["raw_path"].decode("ascii").removeprefix("/api")
        query = f"?{request.url.query}" if request.url.query else ""
        answer = await client.request(
            request.method,
            f"{running['api_url']}{path}{query}",
            headers={name: value for name, value in request.headers.items() if name in _PASSED_ON},
            content=await request.body(),
        )
        headers = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_BACK}
        return Response(answer.content, answer.status_code, headers)

    return Starlette(
        routes=[
            Route("/", _page("index.html")),
            Route("/return", _page("return.html")),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/api/{path:path}", api, methods=_METHODS),
            Mount("/static", StaticFiles(directory=PAGES / "static")),
        ],
        middleware=[Middleware(_SecurityHeaders)],
        lifespan=_with_http_client,
    )


@asynccontextmanager
async def _with_http_client(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    async with httpx.AsyncClient(timeout=60.0, trust_env=False) as client:
        yield {"http": client}


class _SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode())
                    for name, value in _HEADERS.items()
                    if name.lower().encode() not in present
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _page(name: str) -> Any:
    async def endpoint(_: Request) -> Response:
        return FileResponse(PAGES / name)

    return endpoint


def _not_ready() -> Response:
    problem = {
        "title": "Service Unavailable",
        "status": 503,
        "code": "not_ready",
        "detail": "Not deployed yet.",
    }
    return JSONResponse(problem, 503, media_type="application/problem+json")
