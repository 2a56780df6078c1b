"""Keeps pages of other sites away from a server that obeys everybody on this machine."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OUR_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_READING = frozenset({"GET", "HEAD"})


class NoForeignPages:
    """Refuses what a browser sends on behalf of another site.

    A name of another site may lead to this machine (DNS rebinding), so the `Host` has to be this machine's.
    A form or script of another site, or port, has another `Origin`, or says so in `Sec-Fetch-Site`. With
    `only_pages` a request that changes something must come from a page of this server.
    """

    def __init__(
        self, app: ASGIApp, *, only_pages: bool = False, names: Collection[str] = _OUR_NAMES
    ) -> None:
        self._app = app
        self._only_pages = only_pages
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        why = self._refusal(Request(scope))
        answer = self._app if why is None else PlainTextResponse(why, 403)
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> str | None:
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in self._names and host not in self._names:
            return "This server answers only to 127.0.0.1 and localhost."
        if request.method in _READING:
            return None
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site not in {None, "same-origin", "none"} or origin not in {None, f"http://{host}"}:
            return "Another site's page sent this."
        if self._only_pages and site is None and origin is None:
            return "No page of the simulator sent this. Programs use the control API, under /_control."
        return None
