"""Time that passes when a test says so."""

import time

import pytest


class PassingTime:
    """The time of day for every container that starts after this."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        now = time.time
        patch.setattr(time, "time", lambda: now() + self._ahead)

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += seconds
