"""Stripe's API as it answers, without the gateway's types: the rehearsal looks at what those leave out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import stripe

from mandates.core.clock import Sleep
from mandates.gateway.client import API_VERSION
from mandates.gateway.http_client import Urllib3Client
from mandates.gateway.politeness import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS

REPEATS = 2
"""How often the SDK repeats a request that Stripe did not answer, under the same key."""


class NotTried(Exception):
    """The assumption could not be tried. The message says why."""


class KeyMayNot(NotTried):
    """The key lacks a permission."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is Stripe's object, list or error. Names of headers are lower case."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400

    @property
    def code(self) -> str:
        """Of an error; Stripe gives some errors only a type."""
        error = self.body.get("error", {})
        return str(error.get("code") or error.get("type") or "no code")

    @property
    def intent(self) -> Mapping[str, Any]:
        """The intent in an error."""
        return self.body.get("error", {}).get("payment_intent") or {}

    @property
    def is_replayed(self) -> bool:
        """https://docs.stripe.com/api/idempotent_requests"""
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def in_short(self) -> str:
        """For a refusal its HTTP status and code; else the object's status."""
        return f"{self.status} {self.code}" if self.is_refusal else str(self.body.get("status", "an answer"))


class RawStripe:
    def __init__(self, key: str, api_base: str = "", sleep: Sleep = time.sleep) -> None:
        """`api_base` is empty for Stripe itself."""
        self._sleep = sleep
        self._sdk = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            http_client=Urllib3Client(
                api_base or stripe.DEFAULT_API_BASE,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
            ),
            max_network_retries=REPEATS,
            base_addresses={"api": api_base} if api_base else {},
        )

    def get(self, path: str, **params: Any) -> Answer:
        return self._ask("get", path, params)

    def post(self, path: str, key: str, params: Mapping[str, Any]) -> Answer:
        """`key` is the idempotency key."""
        return self._ask("post", path, {**params, "idempotency_key": key})

    def until(self, found: Callable[[], Any], what: str, *, within: int = 15) -> Any:
        """The first value of `found` that is not None. Raises NotTried after so many seconds."""
        waited, pause = 0, 1
        while (value := found()) is None:
            if waited >= within:
                raise NotTried(f"{what} did not come within {waited} seconds")
            self._sleep(pause)
            waited, pause = waited + pause, 2 * pause
        return value

    def _ask(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        """Raises NotTried if Stripe does not answer, is busy, fails, or does not let the key do it."""
        try:
            response = self._sdk.raw_request(method, path, **params)
        except stripe.PermissionError as error:
            raise KeyMayNot(f"the key may not {method.upper()} {path}") from error
        except (stripe.RateLimitError, stripe.AuthenticationError) as error:
            raise NotTried(f"Stripe answered {error.http_status} to {method.upper()} {path}") from error
        except stripe.StripeError as error:
            if error.http_status is None or error.http_status >= 500:
                raise NotTried(f"Stripe failed on {method.upper()} {path}") from error
            return _answer(error.http_status, error.json_body, error.headers)
        return _answer(response.code, response.data, response.headers)


def _answer(status: int, body: Any, headers: Mapping[str, str] | None) -> Answer:
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return Answer(status, cast("Mapping[str, Any]", body or {}), lower)
