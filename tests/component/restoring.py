"""Tables that go back to an earlier time, as a restored table does."""

import copy

from tests.component.conftest import in_memory
from tests.simulation.dynamodb import Tables


def snapshot() -> Tables:
    assert in_memory.database
    return copy.deepcopy(in_memory.database.tables)


def go_back(to: Tables) -> None:
    """Everything that was written since is lost, in every table."""
    assert in_memory.database
    in_memory.database.tables = copy.deepcopy(to)
