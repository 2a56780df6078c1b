"""The example shop: its pages, the API behind the same origin, and the headers of every answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local import brand
from local.settings import PLACEHOLDER_STRIPE_KEY, ROOT
from local.storefront import relay
from local.storefront.api import Api
from local.storefront.console.routes import Console
from local.storefront.console.stripe import Stripe
from local.storefront.languages import language_of
from local.storefront.rendering import page
from local.storefront.running import NotReady, RunningStack
from local.storefront.sessions import Forged
from local.storefront.shop import Shop
from local.storefront.tokens import Tokens

STATIC = Path(__file__).parent / "static"
CLIENT = ROOT / "clients" / "javascript"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not `no-store`: browsers would not restore such a page when somebody goes back to it.
    "Cache-Control": "private, no-cache",
}
_SOON = {"Retry-After": "5"}
# A foreign name that leads to this machine (DNS rebinding) gets nothing.
_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def content_security_policy(api: str) -> str:
    """Scripts and styles only from here, nothing inline, no frames. Forms lead to no other origin."""
    elsewhere = urlsplit(api)
    connect = f"'self' {elsewhere.scheme}://{elsewhere.netloc}" if elsewhere.netloc else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {connect}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def create_app(
    stack_file: Path,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    stripe_key: str = PLACEHOLDER_STRIPE_KEY,
    api: str = "/api",
) -> Starlette:
    """`stack_file` is read at each request, since the shop may start before the stack is deployed.
    `transport` is the way to the API and to Stripe; tests have one of their own. The console asks Stripe with
    `stripe_key`. Browsers find the API at `api`."""
    running = RunningStack(stack_file)
    tokens = Tokens(running)
    http = httpx.AsyncClient(timeout=60.0, trust_env=False, transport=transport)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with http:
            yield

    calls = Api(running, tokens, http)
    return Starlette(
        routes=[
            *Shop(running, tokens, calls, api).routes(),
            Console(running, calls, Stripe(http, stripe_key)).mount(),
            relay.route(running, http),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/brand", StaticFiles(directory=brand.FOLDER)),
            Mount("/amazon-pay-mandates", _Modules(directory=CLIENT)),
        ],
        middleware=[
            Middleware(_SecurityHeaders, content_security_policy=content_security_policy(api)),
            Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False),
        ],
        exception_handlers={
            NotReady: _not_ready,
            httpx.HTTPError: _unreachable,
            Forged: _forged,
            404: _not_found,
        },
        lifespan=lifespan,
    )


class _Modules(StaticFiles):
    """What the package ships to browsers, and not what it is tested with."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(".js") or path.startswith(("node_modules/", "test/")):
            raise HTTPException(404)
        return await super().get_response(path, scope)


class _SecurityHeaders:
    def __init__(self, app: ASGIApp, content_security_policy: str) -> None:
        self._app = app
        self._headers = {"Content-Security-Policy": content_security_policy, **_HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode())
                    for name, value in self._headers.items()
                    if name.lower().encode() not in present
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _not_ready(request: Request, _: Exception) -> Response:
    return page(
        "message.html",
        None,
        language_of(request.headers.get("accept-language", "")),
        status=503,
        headers=_SOON,
        title="We open in a moment",
        text="The shop is being set up on this machine. Please load this page again shortly.",
    )


def _unreachable(request: Request, _: Exception) -> Response:
    return page(
        "message.html",
        None,
        language_of(request.headers.get("accept-language", "")),
        status=503,
        headers=_SOON,
        title="We can't do that right now",
        text="Nothing was charged. Please try again in a moment.",
    )


def _forged(request: Request, _: Exception) -> Response:
    return page(
        "message.html",
        None,
        language_of(request.headers.get("accept-language", "")),
        status=403,
        title="That page was out of date",
        text="Nothing has happened. Please go back to the shop and try again.",
    )


def _not_found(request: Request, _: Exception) -> Response:
    return page(
        "message.html",
        None,
        language_of(request.headers.get("accept-language", "")),
        status=404,
        title="There is nothing here",
        text="The address may be mistyped, or the page has moved.",
    )
