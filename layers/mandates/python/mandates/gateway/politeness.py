"""How Stripe is asked: again after a while but not for too long, and in the background not too often.

Only times and numbers; gateway/transport.py applies them to its requests. Clock, sleep and chance
are passed in.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mandates.core.clock import Clock

Sleep = Callable[[float], None]
"""`time.sleep` outside tests."""

Chance = Callable[[], float]
"""From 0 to 1. `random.random` outside tests."""

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 8.0
ATTEMPT_SECONDS = CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS

ATTEMPTS = 5
"""Where Stripe refuses at once. Of slow ones only two have room in CALL_SECONDS."""

CALL_SECONDS = 21
"""All attempts and pauses of one call: two that wait as long as they may, and a second between them."""

REQUEST_SECONDS = CALL_SECONDS
"""All calls of one request to the API: its function ends after 25 s, and the gateway gives up after 29 s."""

BACKGROUND_SECONDS = 45
"""All calls of one background message, inside its function's 60 s: what is not done by then is put off."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 4.0

FIRST_PUT_OFF_SECONDS = 15
LONGEST_PUT_OFF_SECONDS = 3600

STRIPE_PER_SECOND = 25
"""What Stripe takes for each endpoint of its API: https://docs.stripe.com/rate-limits"""

BACKGROUND_PER_SECOND = 10
"""For each background worker, where one more may fall into a second. So two workers at a time (that is their
MaximumConcurrency) stay under STRIPE_PER_SECOND, and leave some of it to requests that somebody waits for."""


class Tries:
    """The attempts at one call. One is begun only if it can end before `deadline`, however slow it is."""

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
        """Wait before the next attempt; false, at once, if there is not to be one.

        Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        seconds = self._chance() * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._made - 1))
        if not self.may_begin(seconds):
            return False
        self._sleep(seconds)
        return True


class Pacer:
    """Has each turn last at least 1/`per_second` seconds, by waiting at its end.

    So whoever takes one turn after the other takes no more than `per_second` in any second. It needs no
    memory between turns: the workers that run at a time stay under so many times `per_second` together,
    whichever process each of them happens to run in.
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
    """Whether the same request under the same idempotency key may get another answer in a moment.

    Stripe's own word goes first (the header `Stripe-Should-Retry`); it says none with a plain 429. With a 409
    the same request is still running. https://docs.stripe.com/error-low-level
    """
    if should_retry in {"true", "false"}:
        return should_retry == "true"
    return status in {409, 429} or status >= 500


def put_off(received: int, chance: Chance) -> int:
    """For how many seconds a message that was received so often and failed is hidden again.

    15 s, 30 s, a minute …, at most an hour; of each, chance takes up to a half off, so that what failed
    together does not come back together.
    """
    longest = min(LONGEST_PUT_OFF_SECONDS, FIRST_PUT_OFF_SECONDS * 2.0 ** min(received - 1, 10))
    return math.ceil(longest * (0.5 + 0.5 * chance()))
