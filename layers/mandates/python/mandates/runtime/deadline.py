"""How long the invocation that is running still has: Lambda ends it without a word when that is over."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

TimeLeft = Callable[[], float]
"""In seconds."""

_time_left: ContextVar[TimeLeft] = ContextVar("time_left", default=lambda: math.inf)


def time_left() -> float:
    """In seconds; infinite outside an invocation."""
    return _time_left.get()()


@contextmanager
def invocation(left: TimeLeft) -> Iterator[None]:
    """What is called inside has so much time."""
    before = _time_left.set(left)
    try:
        yield
    finally:
        _time_left.reset(before)
