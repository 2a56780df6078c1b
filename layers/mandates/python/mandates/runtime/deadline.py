"""How much time the running invocation has left. Lambda then ends it without notice."""

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
    """Code called inside has this much time."""
    before = _time_left.set(left)
    try:
        yield
    finally:
        _time_left.reset(before)
