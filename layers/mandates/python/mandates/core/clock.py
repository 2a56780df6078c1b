"""What comes from outside and is passed in: the time, in the two forms that are stored, and randomness."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Epoch seconds. `time.time` outside tests."""

Sleep = Callable[[float], None]
"""Waits that many seconds. `time.sleep` outside tests."""

RandomBytes = Callable[[int], bytes]
"""That many bytes nobody can guess. `os.urandom` outside tests."""


def has_passed(seconds: float, since: float, now: float) -> bool:
    """Whether that much time has passed. Nobody waits for a clock that was set back to catch up."""
    elapsed = now - since
    return elapsed >= seconds or elapsed < 0


@dataclass(frozen=True, slots=True)
class Instant:
    epoch: float

    @property
    def seconds(self) -> int:
        return int(self.epoch)

    @property
    def text(self) -> str:
        """RFC 3339 in UTC with milliseconds."""
        return (
            datetime.fromtimestamp(self.epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )


def rfc3339(epoch_seconds: int) -> str:
    """RFC 3339 in whole seconds, like Stripe's times."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
