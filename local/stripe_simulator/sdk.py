"""The simulator under the real SDK without a socket."""

from collections.abc import Mapping
from typing import Any

import msgspec
import stripe
from requests.structures import CaseInsensitiveDict

from .simulator import Simulator


class DirectClient(stripe.HTTPClient):
    """Pass it as ``http_client`` to ``stripe.StripeClient``: requests become calls in the caller's thread.

    It does not wait for delays: with a virtual clock, the caller decides about time. An answer that never
    comes is the connection error that the SDK would see.
    """

    name = "simulator"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._simulator = simulator

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        target = "/" + url.split("://", 1)[-1].partition("/")[2]
        response = self._simulator.request(method.upper(), target, headers or {}, post_data or "")
        if not response.answered:
            raise _connection_closed()
        answered = CaseInsensitiveDict(response.headers)  # like the SDK's own client over requests
        return msgspec.json.encode(response.body).decode(), response.status, answered

    def close(self) -> None:
        """Nothing to close."""


def _connection_closed() -> stripe.APIConnectionError:
    return stripe.APIConnectionError(  # type: ignore[no-untyped-call]
        "The connection was closed without an answer.", should_retry=True
    )
