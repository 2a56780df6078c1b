"""The API behind `/api`, so that the shop's pages need a single origin.

In production the API answers browsers across origins with CORS. The pages would be the same.
"""

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.storefront.running import RunningStack

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


def route(running: RunningStack, http: httpx.AsyncClient) -> Route:
    async def pass_on(request: Request) -> Response:
        # The path as it was sent: decoding and encoding again could change an id in it.
        path = request.scope["raw_path"].decode("ascii").removeprefix("/api")
        query = f"?{request.url.query}" if request.url.query else ""
        answer = await http.request(
            request.method,
            f"{running.described()['api_url']}{path}{query}",
            headers={name: value for name, value in request.headers.items() if name in _PASSED_ON},
            content=await request.body(),
        )
        headers = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_BACK}
        return Response(answer.content, answer.status_code, headers)

    return Route("/api/{path:path}", pass_on, methods=_METHODS)
