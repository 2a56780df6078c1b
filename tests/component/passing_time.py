"""Time that passes when a test says so."""

import time

import pytest


class PassingTime:
    """The time of day for every container that starts after this, and for the simulator."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        self._now = time.time
        patch.setattr(time, "time", lambda: self._now() + self._ahead)

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += seconds

    def be_at(self, instant: float) -> None:
        """Earlier or later than now, in epoch seconds."""
        self._ahead = instant - self._now()
