"""What happens by the passage of time, such as a session's expiry. A name has at most one timer."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timers:
    """Times are seconds since the epoch. Nothing in here looks at a clock."""

    def __init__(self) -> None:
        self._timers: dict[str, tuple[float, int, Callable[[], object]]] = {}
        self._due: list[tuple[float, int, str]] = []
        self._numbers = count()

    def set(self, name: str, at: float, ring: Callable[[], object]) -> None:
        """Call ``ring`` when ``at`` has come. Replaces the earlier timer of this name, such as an id."""
        number = next(self._numbers)
        self._timers[name] = at, number, ring
        heappush(self._due, (at, number, name))

    def cancel(self, name: str) -> None:
        self._timers.pop(name, None)

    def ring(self, now: float) -> None:
        """Ring every timer whose time has come, in the order of their times, and then as they were set."""
        while (at := self.next_due()) is not None and at <= now:
            _, _, name = heappop(self._due)
            _, _, ring = self._timers.pop(name)
            ring()

    def next_due(self) -> float | None:
        while self._due and not self._is_set(*self._due[0]):
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def _is_set(self, at: float, number: int, name: str) -> bool:
        return self._timers.get(name, (None, None))[:2] == (at, number)
