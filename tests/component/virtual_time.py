"""Time that only sleeping moves, for one thread or for workers that take turns; and Stripe in that time."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import stripe

from local.stripe_simulator import Simulator
from mandates.gateway.politeness import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS


class VirtualTime:
    """A clock, and a sleep that takes no time.

    Among the jobs of `run` one goes on at a time: whoever sleeps hands over to the one that is to wake next.
    So moto's tables are safe, and nothing depends on how fast this machine is.
    """

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now
        self._wakes: dict[int, float] = {}
        self._awake: int | None = None
        self._handed_over = threading.Condition()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._handed_over:
            if me not in self._wakes:
                self.now += seconds
                return
            self._wakes[me] = self.now + seconds
            self._hand_over()
            self._handed_over.wait_for(lambda: self._awake == me)

    def run(self, *jobs: Callable[[], object]) -> None:
        """All jobs side by side, until the last has ended. Raises what one of them raised."""
        raised: list[BaseException] = []
        ready = threading.Barrier(len(jobs) + 1)

        def work(job: Callable[[], object]) -> None:
            me = threading.get_ident()
            with self._handed_over:
                self._wakes[me] = self.now
            ready.wait()
            with self._handed_over:
                self._handed_over.wait_for(lambda: self._awake == me)
            try:
                job()
            except BaseException as error:
                raised.append(error)
            with self._handed_over:
                del self._wakes[me]
                self._hand_over()

        threads = [threading.Thread(target=work, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        ready.wait()
        with self._handed_over:
            self._hand_over()
        for thread in threads:
            thread.join()
        if raised:
            raise raised[0]

    def _hand_over(self) -> None:
        if self._wakes:
            self._awake = min(self._wakes, key=lambda one: (self._wakes[one], one))
            self.now = max(self.now, self._wakes[self._awake])
            self._handed_over.notify_all()


class TimedClient(stripe.HTTPClient):
    """The simulator under the real SDK, where an answer takes its time and a client has time-outs."""

    name = "timed"

    def __init__(self, simulator: Simulator, time: VirtualTime, latency: float = 0.02) -> None:
        super().__init__()
        self._simulator = simulator
        self._time = time
        self.latency = latency
        self.is_reachable = True
        self.after_each: Callable[[], object] = lambda: None
        self.keys: list[str] = []
        """The API key of each request, which the simulator does not keep."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        given = dict(headers or {})
        self.keys.append(given["Authorization"].removeprefix("Bearer "))
        if not self.is_reachable:
            self._time.sleep(CONNECT_TIMEOUT_SECONDS)
            raise _timed_out()
        target = "/" + url.split("://", 1)[-1].partition("/")[2]
        answer = self._simulator.request(method.upper(), target, given, post_data or "")
        takes = self.latency + answer.delay
        self._time.sleep(min(takes, READ_TIMEOUT_SECONDS))
        if takes > READ_TIMEOUT_SECONDS or not answer.answered:
            raise _timed_out()
        self.after_each()
        answered = {name.lower(): value for name, value in answer.headers.items()}
        return json.dumps(answer.body), answer.status, answered

    def close(self) -> None:
        """Nothing to close."""


def _timed_out() -> stripe.APIConnectionError:
    return stripe.APIConnectionError("timed out", should_retry=True)  # type: ignore[no-untyped-call]
