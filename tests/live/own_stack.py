"""A stack for one run, started and stopped with it whatever happens."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local import stack
from local.settings import Settings
from tests.live.stack import LiveStack


@contextmanager
def own_stack() -> Iterator[tuple[LiveStack, Settings]]:
    signal.signal(signal.SIGTERM, _interrupt)  # so that what was started is stopped then, too
    with tempfile.TemporaryDirectory(prefix="mandates-live-") as folder:
        settings = Settings.apart(Path(folder))
        try:
            live = LiveStack(stack.up(settings))
            try:
                yield live, settings
            finally:
                live.close()
        finally:
            stack.down(settings)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
