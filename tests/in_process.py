"""A browser for an ASGI application, in this process and without a socket."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answered() -> httpx.Response:
            answer = await self._app.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(answered())


def browser_of(app: Callable[..., Any], origin: str) -> httpx.Client:
    """It keeps cookies, and follows no redirects by itself."""
    return httpx.Client(transport=_InProcess(app), base_url=origin)
