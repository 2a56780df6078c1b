"""What happens by the passage of time, such as a session's expiry. A name has at most one timer."""

import math
from collections.abc import Callable


class Timers:
    """Times are seconds since the epoch. Nothing in here looks at a clock."""

    def __init__(self) -> None:
        self._timers: dict[str, tuple[float, Callable[[], object]]] = {}
        self._nothing_before = math.inf

    def set(self, identifier: str, at: float, ring: Callable[[], object]) -> None:
        """Call ``ring`` when ``at`` has come. Replaces the earlier timer of this name, such as an id."""
        self._timers[identifier] = at, ring
        self._nothing_before = min(self._nothing_before, at)

    def cancel(self, identifier: str) -> None:
        self._timers.pop(identifier, None)

    def ring(self, now: float) -> None:
        """Ring every timer whose time has come, in the order in which they were set."""
        if now < self._nothing_before:
            return
        for identifier, (at, ring) in list(self._timers.items()):
            if at <= now and identifier in self._timers:
                del self._timers[identifier]
                ring()
        self._nothing_before = self.next_due() or math.inf

    def next_due(self) -> float | None:
        return min((at for at, _ in self._timers.values()), default=None)
