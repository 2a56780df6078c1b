"""The handlers live in simulated worlds for as long as these tests run."""

from collections.abc import Iterator

import pytest

from tests.simulation import reality


@pytest.fixture(autouse=True)
def simulated() -> Iterator[None]:
    with reality.installed():
        yield
