"""The API as the shop's server calls it: with the business's own token, which no browser ever gets."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
from starlette.concurrency import run_in_threadpool

from local import aws
from local.storefront.running import RunningStack
from local.storefront.tokens import Tokens


class Api:
    def __init__(self, running: RunningStack, tokens: Tokens, http: httpx.AsyncClient) -> None:
        self._running = running
        self._tokens = tokens
        self._http = http

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        accept: str = "application/json",
    ) -> httpx.Response:
        """Whatever the answer is. A refused token is replaced once. Raises httpx.HTTPError, NotReady."""
        headers = {"Accept": accept}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        answer = await self._send(method, path, json, headers, fresh=False)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            answer = await self._send(method, path, json, headers, fresh=True)
        return answer

    async def read(self, path: str) -> dict[str, Any]:
        """Raises httpx.HTTPError, also for an answer that is an error; NotReady."""
        answer: dict[str, Any] = (await self.call("GET", path)).raise_for_status().json()
        return answer

    async def items(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        """All of a list, page by page. Raises httpx.HTTPError, NotReady."""
        query = ""
        while True:
            page = await self.read(f"{path}{query}")
            for item in page[name]:
                yield item
            if not page["next_cursor"]:
                return
            query = f"?cursor={quote(page['next_cursor'], safe='')}"

    async def _send(
        self,
        method: str,
        path: str,
        json: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        *,
        fresh: bool,
    ) -> httpx.Response:
        token = await run_in_threadpool(self._tokens.of, aws.SERVICE, fresh=fresh)
        return await self._http.request(
            method,
            f"{self._running.described()['api_url']}{path}",
            json=json,
            headers={**headers, "Authorization": f"Bearer {token}"},
        )
