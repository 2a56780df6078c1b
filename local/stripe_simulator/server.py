"""The simulator over HTTP.

Stripe's API is under /v1, its hosted pages under /c, the control API under /_control, and the dashboard at /.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http.h11_impl import H11Protocol

from local import brand

from .control import Control, refused
from .dashboard.routes import Dashboard
from .dispatcher import Dispatcher
from .durations import Durations
from .errors import StripeError
from .guard import NoForeignPages
from .hosted_page.rendering import STATIC
from .hosted_page.routes import HostedPage
from .simulator import Simulator

CLOSE_CONNECTION = "stripe_simulator.close_connection"


def create_app(simulator: Simulator) -> Starlette:
    """The whole HTTP side. Webhooks go out during the application's lifespan."""
    dispatcher = Dispatcher(simulator)
    page = HostedPage(simulator, dispatcher)
    durations = Durations()
    control = Starlette(
        routes=Control(simulator, dispatcher).routes(),
        middleware=[Middleware(NoForeignPages)],
        exception_handlers={StripeError: refused, HTTPException: refused},
    )

    async def api(request: Request) -> Response:
        return await _api(simulator, durations, request)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(dispatcher.run())
        yield
        deliveries.cancel()
        with suppress(asyncio.CancelledError):
            await deliveries

    return Starlette(
        routes=[
            Route("/v1/{rest:path}", api, methods=["GET", "POST", "DELETE", "PUT", "PATCH"]),
            Mount("/_control", control),
            Mount("/brand", StaticFiles(directory=brand.FOLDER)),
            Mount("/c/static", StaticFiles(directory=STATIC)),
            *page.routes(),
            Mount("/", Dashboard(simulator, durations).app()),
        ],
        exception_handlers={StripeError: page.not_found, HTTPException: page.not_found},
        lifespan=lifespan,
    )


async def _api(simulator: Simulator, durations: Durations, request: Request) -> Response:
    began = time.perf_counter()
    body = (await request.body()).decode("utf-8", "replace")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    response = simulator.request(request.method, target, request.headers, body)
    if response.delay:
        await asyncio.sleep(response.delay)
    durations.note(response.headers["Request-Id"], time.perf_counter() - began)
    if not response.answered:
        await _close_unanswered(request)
    return JSONResponse(response.body, response.status, headers=response.headers)


async def _close_unanswered(request: Request) -> None:
    """Returns once the connection is gone. An answer after that goes nowhere."""
    request.scope[CLOSE_CONNECTION]()
    while (await request.receive())["type"] != "http.disconnect":
        continue


class ClosableProtocol(H11Protocol):
    """HTTP in which the application can close its connection without an answer. ASGI can't say that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_close(scope: Any, receive: Any, send: Any) -> None:
            scope[CLOSE_CONNECTION] = transport.abort
            await app(scope, receive, send)

        self.app = with_close
