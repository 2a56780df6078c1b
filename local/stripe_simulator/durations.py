"""How long the newest API requests took, by the id of the request."""

from collections import OrderedDict

_KEPT = 1000


class Durations:
    def __init__(self) -> None:
        self._seconds: OrderedDict[str, float] = OrderedDict()

    def note(self, request_id: str, seconds: float) -> None:
        self._seconds[request_id] = seconds
        while len(self._seconds) > _KEPT:
            self._seconds.popitem(last=False)

    def of(self, request_id: str) -> float | None:
        """None for one that has not been answered yet, or was long ago."""
        return self._seconds.get(request_id)
