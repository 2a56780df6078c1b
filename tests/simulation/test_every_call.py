"""Two journeys, and at each of their calls each thing that can go wrong, one at a time: crashes above all.

The front end asks twice for everything, as one does whose first answer did not come.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mandates.setup.customers import SEARCHABLE_AFTER_SECONDS
from tests.simulation.charging import CUSTOMER, SOFT
from tests.simulation.tasks import CRASHES, Fault, Task
from tests.simulation.world import URLS, World

PARTS = 4
DAY = 86_400
EVERYTHING = os.environ.get("SOAK") == "1"
ALWAYS = {*CRASHES, Fault.TIMED_OUT, Fault.FAILED_APPLIED}
"""At each call that has an effect. With SOAK=1 all that can go wrong is tried, at the reads too."""


class OneFault(World):
    """A world in which the call of that number meets that fault, and no other any."""

    def __init__(self, number: int = -1, fault: Fault | None = None) -> None:
        super().__init__(11)
        self.calls: list[Any] = []
        self.has_begun = False
        self._number = number
        self._fault = fault

    def go_on(self, task: Task, fault: Fault | None = None) -> None:
        if task.call is not None and self.has_begun:
            if len(self.calls) == self._number:
                fault = self._fault
            self.calls.append(task.call)
        super().go_on(task, fault)


def journey(world: OneFault) -> None:
    """Set up, replaced, set up again, active, withdrawn, and erased; then all that follows."""
    world.has_begun = True
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


def charges(world: OneFault) -> None:
    """Of one mandate: declined and tried again, processing and then taken, and withdrawn between attempts."""
    handed = world.activate()
    world.has_begun = True
    later = {"outcome": "processing", "then": "succeeded", "seconds": 10}
    for outcome in ({"outcome": "declined", "code": SOFT}, later, {"outcome": "declined", "code": CUSTOMER}):
        world.charging.script({**outcome, "times": 1})
        order = world.charging.order(handed.mandate_id, amount=700)
        for _ in range(2):
            world.finish(world.charging.post(order))
            world.invariants.check()
        world.pass_time(DAY + 100)
        for _ in range(2):
            world.finish(world.charging.look_for_due())
        while task := world.poll_charges():
            world.finish(task)
        world.take_due()
        for attempt in list(world.held):
            world.finish(world.deliver(attempt))
        while task := world.poll_webhooks():
            world.finish(task)
        world.invariants.check()
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.converge()
    ends = world.invariants.charges.ends()
    assert ends["charges succeeded in the end"] in {1, 2}
    assert ends.total() == 3


JOURNEYS: dict[str, Callable[[OneFault], None]] = {"mandate": journey, "charges": charges}


def every_fault(name: str) -> Iterator[tuple[int, Fault]]:
    undisturbed = OneFault()
    with undisturbed.entered():
        JOURNEYS[name](undisturbed)
    cursors = 0
    for number, call in enumerate(undisturbed.calls):
        cursors += _moves_a_cursor(call)
        if _moves_a_cursor(call) and cursors > 2:
            continue  # a slice of Stripe's list like any other
        if EVERYTHING or call.writes:
            usual = ALWAYS if name == "mandate" else _of_charges(call)
            yield from ((number, fault) for fault in call.faults if EVERYTHING or fault in usual)


def _of_charges(call: Any) -> set[Fault]:
    """What comes before and after a charge is the other journey's."""
    if call.service == "stripe":
        return ALWAYS
    return {*CRASHES} if "charge" in str(call.parameters) else set()


def _moves_a_cursor(call: Any) -> bool:
    return bool(call.operation == "UpdateItem" and call.parameters["TableName"] == "events")


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", JOURNEYS)
def test_each_fault_at_each_call_of_a_journey(name: str, part: int) -> None:
    tried = list(every_fault(name))
    assert len(tried) > 100
    assert {fault for _, fault in tried} == (set(Fault) if EVERYTHING else ALWAYS)
    for number, fault in tried[part::PARTS]:
        world = OneFault(number, fault)
        with world.entered():
            try:
                JOURNEYS[name](world)
            except (AssertionError, IndexError) as error:
                call = world.calls[number]
                pytest.fail(f"call {number}, {call}, meets {fault.value}: {error}")
