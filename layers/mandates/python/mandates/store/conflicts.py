"""A write that lost a race: read again, decide again, and write again."""

import math
import random
import time
from collections.abc import Callable

from mandates.core.errors import Busy
from mandates.runtime.deadline import TimeLeft, time_left

ATTEMPTS = 20
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""How much of the invocation's time must be left after an attempt, to report whether it succeeded."""


class Conflict(Exception):
    """A named condition did not hold, somebody was writing the same item, or DynamoDB throttled a
    transaction: read again and retry."""


def until_no_conflict[Result](
    attempt: Callable[[], Result],
    sleep: Callable[[float], None] = time.sleep,
    time_left: TimeLeft = time_left,
) -> Result:
    """Repeat `attempt`, which reads, decides and writes, while it raises Conflict.

    Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), at most
    ATTEMPTS times. No attempt begins that the invocation may have no time for. When it gives up it raises
    Busy, and nothing was done.
    """
    for tried in range(ATTEMPTS):
        left_before = time_left()
        try:
            return attempt()
        except Conflict:
            longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**tried)
            pause = random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing
            left = time_left()
            like_the_last = left_before - left if left < math.inf else 0.0
            if tried + 1 == ATTEMPTS or left < pause + like_the_last + ANSWER_SECONDS:
                break
            sleep(pause)
    raise Busy("others kept changing this at the same time; try again")
