"""Sends requests to Stripe, and repeats them."""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import stripe

from mandates.core.clock import Clock, Sleep
from mandates.gateway.api_keys import ApiKey
from mandates.gateway.politeness import Chance, Pacer, Tries, is_worth_repeating


class PoliteClient(stripe.HTTPClient):
    """The SDK's HTTP client, with retries (gateway/politeness.py) and the current key.

    It sits below the SDK, so a repeated request is the same to the byte, including the idempotency key.
    Stripe checks the API key before that: https://docs.stripe.com/api/idempotent_requests
    """

    name = "polite"

    def __init__(
        self,
        inner: stripe.HTTPClient,
        api_key: ApiKey,
        *,
        pacer: Pacer | None,
        clock: Clock,
        sleep: Sleep,
        chance: Chance,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._api_key = api_key
        self._pacer = pacer
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._deadline = math.inf

    def begin(self, within: float) -> None:
        self._deadline = self._clock() + within

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        tries = Tries(self._deadline, self._clock, self._sleep, self._chance)
        _in_time(tries)
        key = self._api_key.get()
        _in_time(tries)  # fetching the key may have taken long
        while True:
            tries.begun()
            signed = {**(headers or {}), "Authorization": f"Bearer {key}"}
            try:
                with self._pacer.turn() if self._pacer else nullcontext():
                    answer = self._inner.request(method, url, signed, post_data)
            except stripe.APIConnectionError as error:
                if error.should_retry and tries.pause():
                    continue
                raise
            _, status, answered = answer
            if status == 401 and tries.may_begin() and (newer := self._api_key.newer_than(key)):
                _in_time(tries)
                key = newer
            elif not (is_worth_repeating(status, answered.get("stripe-should-retry")) and tries.pause()):
                return answer

    def close(self) -> None:
        self._inner.close()  # type: ignore[no-untyped-call]


def _in_time(tries: Tries) -> None:
    if not tries.may_begin():
        raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
            "There is no time left for another call to Stripe.", should_retry=False
        )
