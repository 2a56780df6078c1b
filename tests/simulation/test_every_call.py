"""One journey, and at each of its calls each thing that can go wrong there, one at a time: crashes above all.

The front end asks twice for everything, as one does whose first answer did not come.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from mandates.setup.customers import SEARCHABLE_AFTER_SECONDS
from tests.simulation.tasks import CRASHES, Fault, Task
from tests.simulation.world import URLS, World

PARTS = 4
EVERYTHING = os.environ.get("SOAK") == "1"
ALWAYS = {*CRASHES, Fault.TIMED_OUT, Fault.FAILED_APPLIED}
"""At each call that has an effect. With SOAK=1 all that can go wrong is tried, at the reads too."""


class OneFault(World):
    """A world in which the call of that number meets that fault, and no other any."""

    def __init__(self, number: int = -1, fault: Fault | None = None) -> None:
        super().__init__(11)
        self.calls: list[Any] = []
        self._number = number
        self._fault = fault

    def go_on(self, task: Task, fault: Fault | None = None) -> None:
        if task.call is not None:
            if len(self.calls) == self._number:
                fault = self._fault
            self.calls.append(task.call)
        super().go_on(task, fault)


def journey(world: World) -> None:
    """Set up, replaced, set up again, active, withdrawn, and erased; then all that follows."""
    for _ in range(2):
        world.finish(world.put_customer(email="ann@shop.example"))
        world.pass_time(SEARCHABLE_AFTER_SECONDS)
    for url in (URLS[0], URLS[0], URLS[1], URLS[1]):
        world.finish(world.post_checkout(url=url))
        world.invariants.check()
    handed = world.handed[-1]
    assert world.authorize(handed.checkout_session_id)
    for _ in range(2):
        world.finish(world.come_back(handed, handed.customer_id))
        world.finish(world.return_page(handed))
    world.drain()
    for _ in range(2):
        world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.converge()
    statuses = {head["mandate_id"]["S"]: world.invariants.status(head) for head in world.invariants.heads()}
    assert statuses.pop(handed.mandate_id) == "revoked"
    assert set(statuses.values()) == {"expired"}
    for _ in range(2):
        world.finish(world.erase())
    world.converge()


def every_fault() -> Iterator[tuple[int, Fault]]:
    undisturbed = OneFault()
    with undisturbed.entered():
        journey(undisturbed)
    cursors = 0
    for number, call in enumerate(undisturbed.calls):
        cursors += _moves_a_cursor(call)
        if _moves_a_cursor(call) and cursors > 2:
            continue  # a slice of Stripe's list like any other
        if EVERYTHING or call.writes:
            yield from ((number, fault) for fault in call.faults if EVERYTHING or fault in ALWAYS)


def _moves_a_cursor(call: Any) -> bool:
    return bool(call.operation == "UpdateItem" and call.parameters["TableName"] == "events")


@pytest.mark.parametrize("part", range(PARTS))
def test_each_fault_at_each_call_of_a_journey(part: int) -> None:
    tried = list(every_fault())
    assert len(tried) > 100
    assert {fault for _, fault in tried} == (set(Fault) if EVERYTHING else ALWAYS)
    for number, fault in tried[part::PARTS]:
        world = OneFault(number, fault)
        with world.entered():
            try:
                journey(world)
            except (AssertionError, IndexError) as error:
                call = world.calls[number]
                pytest.fail(f"call {number}, {call}, meets {fault.value}: {error}")
