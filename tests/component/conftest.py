"""The real handlers, on moto's AWS and the Stripe simulator over real HTTP."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.stripe_simulator import RunningSimulator, running_simulator
from mandates.gateway import politeness
from tests.aws_calls import real_call, replace_calls
from tests.component.memory import InMemory, tables_in_memory
from tests.component.world import AwsCall, World, create_tables, running, stripes_clock


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[RunningSimulator]:
    with running_simulator(clock=stripes_clock) as running:
        yield running


@pytest.fixture
def world(
    simulator_server: RunningSimulator, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[World]:
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
    monkeypatch.setattr(botocore.session.Session, "create_client", made_once())
    on_moto = request.node.get_closest_marker("moto") or os.environ.get("DYNAMODB") == "moto"
    with mock_aws(), empty_tables() if on_moto else tables_in_memory(in_memory):
        yield World(simulator_server, monkeypatch, calls)


in_memory = InMemory()


@contextmanager
def empty_tables() -> Iterator[None]:
    """As template.yaml declares them; made once for the run, which takes 50 ms, and emptied for each test."""
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    if not _tables:
        create_tables()
        _tables.update(backend.tables)
    for table in _tables.values():
        table.items.clear()
    backend.tables.update(_tables)
    yield


_tables: dict[str, Any] = {}


@functools.cache
def made_once() -> Callable[..., BaseClient]:
    """What makes AWS clients, for the whole run: one takes 40 ms to make, and leads to moto in each test.

    A function's are its own, so that a test may break them. What leads to moto is a handler that every client
    has (moto.core.botocore_stubber).
    """
    make, made = botocore.session.Session.create_client, dict[str, BaseClient]()

    def create_client(
        self: botocore.session.Session, service_name: str, *arguments: Any, **options: Any
    ) -> BaseClient:
        plain = [vars(option) if isinstance(option, Config) else option for option in options.values()]
        of = (running.get(), service_name, self.get_config_variable("region"))
        key = repr((of, arguments, list(options), plain))
        if key not in made:
            made[key] = make(self, service_name, *arguments, **options)
        return made[key]

    return create_client


def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch, calls: list[AwsCall]) -> None:
    """DynamoDB's calls are atomic; moto's are not (a failed transaction rolls back other threads' writes).

    Each is also written down, with the function that made it.
    """
    lock, call = threading.Lock(), real_call()

    def atomically(self: BaseClient, operation: str, parameters: Any) -> Any:
        calls.append(AwsCall(running.get(), self.meta.service_model.service_name, operation, parameters))
        if operation == "ReceiveMessage":
            parameters = {**parameters, "WaitTimeSeconds": 0}  # moto has every message at once
        if self.meta.service_model.service_name == "dynamodb":
            in_memory.serve(self)
        with lock:
            return call(self, operation, parameters)

    replace_calls(monkeypatch, atomically)
