"""How Stripe is called: failed calls are repeated, but not for too long, and background calls are not too
frequent.

Here are only times and numbers; gateway/transport.py applies them to its requests. Clock, sleep and chance
are passed in.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mandates.core.clock import Clock, Sleep

Chance = Callable[[], float]
"""From 0 to 1. `random.random` outside tests."""

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 8.0
ATTEMPT_SECONDS = CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS

ATTEMPTS = 5
"""If Stripe refuses at once. Only two slow attempts fit into CALL_SECONDS."""

CALL_SECONDS = 21
"""All attempts and pauses of one call: two attempts of maximum length, and a second between them."""

REQUEST_SECONDS = CALL_SECONDS
"""All calls of one request to the API: its function ends after 25 s, and the gateway gives up after 29 s."""

BACKGROUND_SECONDS = 45
"""All calls of one background message, within its function's 60 s. What is not done by then is put off."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 4.0

FIRST_PUT_OFF_SECONDS = 15
LONGEST_PUT_OFF_SECONDS = 3600

STRIPE_PER_SECOND = 25
"""How many requests Stripe accepts for each endpoint of its API: https://docs.stripe.com/rate-limits"""

BACKGROUND_PER_SECOND = 10
"""For each background worker; one more may fall into a second. So two workers at a time (their
MaximumConcurrency) stay under STRIPE_PER_SECOND, and leave room for requests that somebody waits for."""

CHARGES_PER_SECOND = 4
"""For each worker that advances charges. Two of them, and the requests to the API (at most twelve in a
second), confirm fewer than STRIPE_PER_SECOND."""


class Tries:
    """The attempts at one call. Each begins only if it can end before `deadline`, however slow it is."""

    def __init__(self, deadline: float, clock: Clock, sleep: Sleep, chance: Chance) -> None:
        self._deadline = min(deadline, clock() + CALL_SECONDS)
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._made = 0

    def may_begin(self, after: float = 0.0) -> bool:
        return self._made < ATTEMPTS and self._clock() + after + ATTEMPT_SECONDS <= self._deadline

    def begun(self) -> None:
        self._made += 1

    def pause(self) -> bool:
        """Wait before the next attempt. Returns False, at once, if there must not be one.

        Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        seconds = self._chance() * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._made - 1))
        if not self.may_begin(seconds):
            return False
        self._sleep(seconds)
        return True


class Pacer:
    """Makes each turn last at least 1/`per_second` seconds, by waiting at its end.

    So a worker that takes one turn after the other takes at most `per_second` in any second. The pacer needs
    no memory between turns: n workers at a time stay under n times `per_second` together, whatever processes
    they run in.
    """

    def __init__(self, per_second: float, clock: Clock, sleep: Sleep) -> None:
        self._seconds = 1 / per_second
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self._sleep(max(0.0, began + self._seconds - self._clock()))


def is_worth_repeating(status: int, should_retry: str | None) -> bool:
    """Whether the same request under the same idempotency key may soon get another answer.

    Stripe's header `Stripe-Should-Retry` decides; a plain 429 comes without it. After a 409 the same request
    is still running. https://docs.stripe.com/error-low-level
    """
    if should_retry in {"true", "false"}:
        return should_retry == "true"
    return status in {409, 429} or status >= 500


def put_off(received: int, chance: Chance) -> int:
    """For how many seconds a failed message is hidden again, by how often it was received.

    15 s, 30 s, a minute …, at most an hour. Chance shortens each by up to a half, so that messages that
    failed together do not come back together.
    """
    longest = min(LONGEST_PUT_OFF_SECONDS, FIRST_PUT_OFF_SECONDS * 2.0 ** min(received - 1, 10))
    return math.ceil(longest * (0.5 + 0.5 * chance()))
