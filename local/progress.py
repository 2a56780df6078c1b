"""Says what is happening and how long it took. A silent minute looks like a hang."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ops.printing import write

_started = time.monotonic()


def say(text: str) -> None:
    write(text)


@contextmanager
def step(what: str) -> Iterator[None]:
    began = time.monotonic()
    say(f"  … {what}")
    yield
    say(f"  ✓ {what} ({time.monotonic() - began:.1f} s)")
