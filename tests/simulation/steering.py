"""How a scenario leads a world to one moment: before a certain call of an invocation, say."""

from tests.component.world import CUSTOMER
from tests.simulation.tasks import Task
from tests.simulation.world import Handed, World


def opened(world: World, customer_id: str = CUSTOMER) -> Handed:
    world.finish(world.put_customer(customer_id))
    world.finish(world.post_checkout(customer_id))
    return world.handed[-1]


def is_before(task: Task, operation: str, about: str = "") -> bool:
    """Whether the next call of an invocation is that one (with that in its parameters)."""
    call = task.call
    return call is not None and operation in str(call) and about in str(call.parameters)


def on_to(world: World, task: Task, operation: str, about: str = "") -> None:
    while not is_before(task, operation, about):
        assert task in world.tasks.under_way, f"{task} never came to {operation}"
        world.go_on(task)


def worker_with(world: World, kind: str, *, copies: int = 1) -> list[Task]:
    """An event of that type comes through the endpoint; one invocation per copy is about to begin with it."""
    world.take_due()
    (attempt,) = (attempt for attempt in world.held if attempt.event_type == kind)
    for number in range(copies):
        world.finish(world.deliver(attempt, copy=number < copies - 1))
    tasks = [world.poll_webhooks(1) for _ in range(copies)]
    return [task for task in tasks if task]


def told(world: World, kind: str) -> None:
    for task in worker_with(world, kind):
        world.finish(task)
