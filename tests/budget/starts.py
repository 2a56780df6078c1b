"""Whether functions start in their time, in as few starts as can tell it.

A busy machine makes a start take more CPU, never less. So the least of several counts, and a function that
was in time once is not started again.
"""

from collections.abc import Callable, Iterable

from tests.budget import budgets
from tests.functions import FUNCTIONS

MOST_ROUNDS = 7

Measure = Callable[[str], float]
"""CPU seconds of one start of that function, or of its floor."""


def too_slow(functions: Iterable[str], own: Measure, floor: Measure, rounds: int = MOST_ROUNDS) -> list[str]:
    """What takes too long in every round. Functions that make the same clients have one floor."""
    least: dict[str, float] = {}
    least_floor: dict[frozenset[str], float] = {}
    waiting = sorted(functions, key=lambda name: sorted(FUNCTIONS[name].clients))
    problems: list[str] = []
    for _ in range(rounds):
        problems = []
        for clients in dict.fromkeys(frozenset(FUNCTIONS[name].clients) for name in waiting):
            alike = [name for name in waiting if frozenset(FUNCTIONS[name].clients) == clients]
            bare = least_floor[clients] = min(floor(alike[0]), least_floor.get(clients, float("inf")))
            for name in alike:
                least[name] = min(own(name), least.get(name, float("inf")))
                problems += budgets.starts_in_time(name, least[name] / bare)
        waiting = [name for name in waiting if any(problem.startswith(f"{name} ") for problem in problems)]
        if not waiting:
            break
    return problems
