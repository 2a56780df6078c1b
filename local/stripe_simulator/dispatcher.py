"""Delivers webhooks over HTTP: takes what is due, posts it, reports the answer."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import httpx

from .outbox import Delivery, DeliveryAttempt
from .simulator import Simulator

CONCURRENCY = 16
ANSWER_WITHIN = 10.0


class Dispatcher:
    """Runs in one event loop. The simulator may change in any thread and wakes it up."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._under_way = 0

    async def run(self) -> None:
        """Deliver until cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self._simulator.on_change(wake)
        try:
            async with (
                httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False) as client,
                asyncio.TaskGroup() as tasks,
            ):
                while True:
                    self._wake.clear()
                    for attempt in self._simulator.take_due(CONCURRENCY - self._under_way):
                        self._under_way += 1
                        tasks.create_task(self._deliver(client, attempt))
                    await self._tell()
                    await self._sleep()
        finally:
            self._simulator.on_change(lambda: None)

    async def first_answers(self, event: str, timeout: float) -> bool:
        """Wait until every endpoint has answered an event once. False if ``timeout`` seconds pass first."""
        deliveries = self._simulator.deliveries(event)
        return await self._until(
            lambda: all(item.answers or item.status != "pending" for item in deliveries), timeout
        )

    async def flush(self, timeout: float) -> dict[str, int]:
        """Attempt every outstanding delivery once without waiting, and those that this gives rise to as well.

        Returns how many ended as ``delivered``, ``failed`` for good or ``stopped``, and how many are still
        ``pending``. ``timeout`` is in seconds.
        """
        deadline = self._loop_time() + timeout
        tried: dict[int, Delivery] = {}
        while fresh := self._simulator.make_due(tried.keys()):
            tried |= {item.id: item for item in fresh}
            if self._simulator.fault_plan.webhooks.outage:
                break
            if not await self._until(_all_answered_again(fresh), deadline - self._loop_time()):
                break
        counts = Counter(item.status for item in tried.values())
        return {status: counts[status] for status in ("delivered", "failed", "pending", "stopped")}

    async def _deliver(self, client: httpx.AsyncClient, attempt: DeliveryAttempt) -> None:
        answer: int | str
        try:
            response = await client.post(attempt.url, content=attempt.body, headers=attempt.headers)
            answer = response.status_code
        except Exception as error:  # a bad address must not stop the other deliveries
            answer = type(error).__name__
        self._under_way -= 1
        self._simulator.record_answer(attempt, answer)
        await self._tell()

    async def _sleep(self) -> None:
        """Sleep until something changes or falls due. Without a free slot, only an answer makes room."""
        due = self._simulator.next_due() if self._under_way < CONCURRENCY else None
        timeout = None if due is None else max(0.0, due - self._simulator.clock())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout)

    async def _tell(self) -> None:
        async with self._progress:
            self._progress.notify_all()

    async def _until(self, done: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout), self._progress:
                await self._progress.wait_for(done)
        except TimeoutError:
            return False
        return True

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()


def _all_answered_again(deliveries: list[Delivery]) -> Callable[[], bool]:
    """A test of whether each delivery has had another answer since now, or won't get one."""
    answers = {item.id: len(item.answers) for item in deliveries}
    return lambda: all(
        item.status != "pending" or len(item.answers) > answers[item.id] for item in deliveries
    )
