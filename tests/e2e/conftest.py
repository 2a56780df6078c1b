"""Tests of the whole system over HTTP, on the run's one stack."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.journey import Customer
from tests.live.shared import StackJson
from tests.live.shoppers import sign_up
from tests.live.stack import LiveStack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Without a token, for whatever address."""
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture
def live(stack: StackJson) -> Iterator[LiveStack]:
    running = LiveStack(stack)
    yield running
    running.control("faults")
    running.close()


@pytest.fixture
def customer(live: LiveStack) -> Iterator[Customer]:
    """Signed up for this test alone: one customer may begin ten checkouts in an hour."""
    (shopper,) = sign_up(live, 1)
    caller = Customer(live.described["api_url"], shopper.token, shopper.customer_id)
    yield caller
    caller.close()
