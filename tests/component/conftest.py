"""The real handlers, on moto's AWS and the Stripe simulator over real HTTP."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws

from local.stripe_simulator import RunningSimulator, running_simulator
from mandates import politeness
from tests.component.world import AwsCall, World, create_tables, running, stripes_clock

# Powertools reads it when telemetry is first imported, which a test module may do before any fixture runs.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[RunningSimulator]:
    with running_simulator(clock=stripes_clock) as running:
        yield running


@pytest.fixture
def world(simulator_server: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Tables, queue, secrets and a fresh simulator; handlers are loaded as `world.function(name)`."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    # Nobody waits here for real: tests/component/test_politeness.py shows what waits, and for how long.
    monkeypatch.setattr(politeness, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(politeness, "BACKGROUND_PER_SECOND", 1e6)
    stripes_clock.ahead = 0
    simulator_server.core.reset()
    calls: list[AwsCall] = []
    one_call_at_a_time(monkeypatch, calls)
    with mock_aws():
        create_tables()
        yield World(simulator_server, monkeypatch, calls)


def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch, calls: list[AwsCall]) -> None:
    """DynamoDB's calls are atomic; moto's are not (a failed transaction rolls back other threads' writes).

    Each is also written down, with the function that made it.
    """
    lock, call = threading.Lock(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def atomically(self: BaseClient, operation: str, parameters: Any) -> Any:
        calls.append(AwsCall(running.get(), self.meta.service_model.service_name, operation, parameters))
        with lock:
            return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", atomically)
