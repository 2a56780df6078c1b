"""The API as the console calls it: an answer that is not a success is a problem, with its code."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from local.storefront import api as business

type Json = dict[str, Any]

_TRIES = 3
_LONGEST_WAIT = 4.0  # seconds; a person waits for the page
_NOT_NOW = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


class ApiProblem(Exception):
    """An answer that is not a success, or none at all. `body` is the API's problem (RFC 9457)."""

    def __init__(self, code: str, status: int, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.body = body or {}

    @property
    def unknown_outcome(self) -> bool:
        """Whether it may have been done all the same, so that only a repeat under the same key is safe."""
        return (
            self.status >= 500 or self.status == httpx.codes.TOO_MANY_REQUESTS or self.code == "unreachable"
        )


class Api:
    """Calls with the business's token. A 429 or 503 is repeated, as the API asks for: a repeat has the same
    Idempotency-Key, or is safe by its nature."""

    def __init__(
        self, calls: business.Api, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._calls = calls
        self._sleep = sleep

    async def get(self, path: str, **query: str | int | None) -> Json:
        """Raises ApiProblem. Values of `query` that are None or empty are left out."""
        given = {name: value for name, value in query.items() if value not in {None, ""}}
        return _json(await self._ask("GET", f"{path}?{urlencode(given)}" if given else path))

    async def post(self, path: str, body: Json, *, key: str | None = None) -> tuple[int, Json]:
        """The status, 200 or 201, and the answer. Raises ApiProblem."""
        answer = await self._ask("POST", path, json=body, idempotency_key=key)
        return answer.status_code, _json(answer)

    async def file(self, path: str, media_type: str) -> bytes:
        """Raises ApiProblem."""
        answer = await self._ask("GET", path, accept=media_type)
        return answer.content

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        for left in reversed(range(_TRIES)):
            try:
                answer = await self._calls.call(method, path, **more)
            except httpx.HTTPError:
                raise ApiProblem("unreachable", 0) from None  # its text has the address and is of no use here
            if answer.is_success:
                return answer
            if not left or answer.status_code not in _NOT_NOW:
                raise _problem(answer)
            await self._sleep(min(_seconds(answer.headers.get("Retry-After")), _LONGEST_WAIT))
        raise AssertionError("the last try returns or raises")


def path_of(*parts: str) -> str:
    """A path with every part percent-encoded once. Raises ApiProblem `not_found` for what can't be an id."""
    if any(part in {"", ".", ".."} for part in parts):
        raise ApiProblem("not_found", 404)
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _json(answer: httpx.Response) -> Json:
    try:
        body = answer.json()
    except ValueError:
        raise ApiProblem("not_the_api", answer.status_code) from None
    if not isinstance(body, dict):
        raise ApiProblem("not_the_api", answer.status_code)
    return body


def _problem(answer: httpx.Response) -> ApiProblem:
    body = _json(answer)
    code = body.get("code")
    return ApiProblem(code if isinstance(code, str) else "not_the_api", answer.status_code, body)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 1.0
