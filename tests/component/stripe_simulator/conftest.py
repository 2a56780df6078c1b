from collections.abc import Iterator

import httpx
import pytest
import stripe

from local.stripe_simulator import RunningSimulator, Settings, running_simulator
from tests.component.stripe_simulator.support import Receiver, Shop, client_of

SETTINGS = Settings(business_name="Bean & Leaf", retry_delay=0.02, delivery_attempts=4, redirect_wait=1.0)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningSimulator]:
    with running_simulator(SETTINGS) as running:
        yield running


@pytest.fixture
def simulator(server: RunningSimulator) -> Iterator[RunningSimulator]:
    """A simulator that remembers nothing."""
    server.core.reset()
    yield server
    server.core.reset()


@pytest.fixture(scope="session")
def session_client(server: RunningSimulator) -> stripe.StripeClient:
    return client_of(server)


@pytest.fixture
def client(simulator: RunningSimulator, session_client: stripe.StripeClient) -> stripe.StripeClient:
    return session_client


@pytest.fixture
def shop(simulator: RunningSimulator, client: stripe.StripeClient) -> Shop:
    return Shop(simulator, client)


@pytest.fixture
def control(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.control_url, trust_env=False) as http:
        yield http


@pytest.fixture
def browser(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=simulator.url, trust_env=False, headers={"User-Agent": "Test browser"}
    ) as http:
        yield http


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
