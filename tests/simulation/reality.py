"""What stands between the real handlers and this machine: time, chance, AWS and Stripe are the world's.

Installed once; while no world is entered, everything is as it was.
"""

import functools
import os
import random
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Protocol

import pytest
import stripe

from local.stripe_simulator import DirectClient, FaultPlan, Simulator
from local.stripe_simulator.faults import (
    Latency,
    LockTimeout,
    RateLimit,
    Rejected,
    ResourceMissing,
    ServerError,
    TimeoutAfterEffect,
)
from mandates.charges.agreements import agreed_terms
from mandates.gateway import access
from mandates.gateway.client import Gateway
from mandates.runtime import aws, deadline, telemetry
from mandates.store import conflicts, tables
from tests.aws_calls import real_call, replace_calls
from tests.component.world import ORIGIN, ROOT, TABLES
from tests.simulation.aws import (
    BUS,
    CHARGE_DEAD_LETTERS,
    CHARGE_QUEUE,
    UNPUBLISHED,
    UNPUBLISHED_CHARGES,
    WEBHOOK_QUEUE,
    WORK_DEAD_LETTERS,
    WORK_QUEUE,
    Aws,
)
from tests.simulation.tasks import Call, Clock, ContainerGone, Fault, Tasks

API_KEY_SECRET, WEBHOOK_SECRETS = "api-key", "webhook-secrets"
OWNER_MARK = "test-stack"
SEARCH_LAG_SECONDS = 60
SLOW_SECONDS = 5.0

ENVIRONMENT = {
    "ALLOWED_ORIGINS": ORIGIN,
    "CHARGE_ONLY_AFTER_RETURN": "false",
    "REFUSE_CHARGES_WHILE_DISPUTED": "true",
    "RETRY_DAYS": "1,3,7",
    "CHARGE_DEAD_LETTERS_URL": CHARGE_DEAD_LETTERS,
    "CHARGE_QUEUE_URL": CHARGE_QUEUE,
    "EVENT_BUS_NAME": BUS,
    "OWNER_MARK": OWNER_MARK,
    "SEND_STRIPE_MANDATE": "false",
    "STATEMENT_DESCRIPTOR": "",
    "STRIPE_API_BASE": "",
    "STRIPE_API_KEY_SECRET_ARN": API_KEY_SECRET,
    "STRIPE_LIVEMODE": "false",
    "STRIPE_WORK_QUEUE_URL": WORK_QUEUE,
    "STRIPE_WORK_DEAD_LETTERS_URL": WORK_DEAD_LETTERS,
    "UNPUBLISHED_CHARGES_URL": UNPUBLISHED_CHARGES,
    "UNPUBLISHED_ENTRIES_URL": UNPUBLISHED,
    "STRIPE_WEBHOOK_SECRETS_ARN": WEBHOOK_SECRETS,
    "WEBHOOK_QUEUE_URL": WEBHOOK_QUEUE,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "test",
    "POWERTOOLS_SERVICE_NAME": "test",
    **{f"{name.upper()}_TABLE": name for name in TABLES},
}


class Simulated(Protocol):
    """What a world has to be for the patches below."""

    clock: Clock
    random: random.Random
    tasks: Tasks
    aws: Aws
    stripe: Simulator
    counted: Counter[str]

    def made(self, call: Call, fault: Fault | None, outcome: str) -> None: ...
    def sent(self, call: Call) -> None: ...


class _Entered(threading.local):
    """This thread's worlds: other threads, such as a simulator's that serves HTTP, go on with real time."""

    def __init__(self) -> None:
        self.worlds: list[Simulated] = []


_entered = _Entered()


@contextmanager
def entered(world: Simulated) -> Iterator[None]:
    """Within, the handlers live in this world."""
    _entered.worlds.append(world)
    try:
        yield
    finally:
        _entered.worlds.pop()


def _dispatched[Result](
    of_world: Callable[..., Result], real: Callable[..., Result]
) -> Callable[..., Result]:
    @functools.wraps(real)
    def called(*arguments: Any, **named: Any) -> Result:
        if _entered.worlds:
            return of_world(_entered.worlds[-1], *arguments, **named)
        return real(*arguments, **named)

    return called


def _aws_call(world: Simulated, client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
    call = Call(client.meta.service_model.service_name, operation, parameters)
    fault = world.tasks.boundary(call)
    if fault is None and len(parameters.get("RequestItems", ())) > 1:
        return _read_apart(world, call)
    try:
        answer = world.aws.call(call, fault)
    except BaseException as error:
        world.made(call, fault, _named(error))
        raise
    world.made(call, fault, "done")
    return answer


def _read_apart(world: Simulated, call: Call) -> Any:
    """BatchGetItem over several tables is of no single moment: others may write between one and the next."""
    answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    for table, wanted in sorted(call.parameters["RequestItems"].items()):
        if answer["Responses"]:
            world.tasks.sleep(0.0)
        part = Call(call.service, call.operation, {"RequestItems": {table: wanted}})
        answer["Responses"] |= world.aws.call(part, None)["Responses"]
        world.made(part, None, f"done, {table}")
    return answer


def _named(error: BaseException) -> str:
    response: Any = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


_STRIPE_FAULTS: Mapping[Fault, Any] = {
    Fault.THROTTLED: RateLimit(times=1),
    Fault.LOCKED: LockTimeout(times=1),
    Fault.TIMED_OUT: TimeoutAfterEffect(times=1),
    Fault.FAILED: ServerError(status=500, times=1),
    Fault.FAILED_APPLIED: ServerError(status=500, applied=True, times=1),
    Fault.UNAVAILABLE: ServerError(status=503, times=1),
    Fault.UNAVAILABLE_APPLIED: ServerError(status=503, applied=True, times=1),
    Fault.SLOW: Latency(seconds=SLOW_SECONDS, times=1),
    Fault.REJECTED: Rejected(times=1),
    Fault.MISSING: ResourceMissing(times=1),
}
_CUSTOMER_MISSING = ResourceMissing(param="customer", times=1)
"""Where no id is in the path."""
NO_FAULTS = FaultPlan(search_lag=SEARCH_LAG_SECONDS)


class SimulatedStripe(DirectClient):
    """Stripe of the world that is entered, each request a boundary."""

    def __init__(self) -> None:
        stripe.HTTPClient.__init__(self)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        world = _entered.worlds[-1]
        self._simulator = world.stripe
        path = url.split("://", 1)[-1].partition("/")[2].partition("?")[0]
        given = {"key": (headers or {}).get("Idempotency-Key"), "body": post_data}
        call = Call("stripe", f"{method.upper()} /{path}", given)
        fault = world.tasks.boundary(call)
        if fault is Fault.UNREACHABLE:
            world.made(call, fault, "unreachable")
            raise stripe.APIConnectionError("unreachable", should_retry=True)  # type: ignore[no-untyped-call]
        if fault is not None and fault in _STRIPE_FAULTS:
            by_parameter = fault is Fault.MISSING and call.operation == "POST /v1/checkout/sessions"
            effect = _CUSTOMER_MISSING if by_parameter else _STRIPE_FAULTS[fault]
            world.stripe.set_faults(FaultPlan(api=(effect,), search_lag=SEARCH_LAG_SECONDS))
        world.sent(call)
        try:
            answer = super().request(method, url, headers, post_data)
            outcome = str(answer[1])
        except stripe.APIConnectionError:
            world.made(call, fault, "no answer")
            raise
        finally:
            world.stripe.set_faults(NO_FAULTS)
        world.made(call, fault, outcome)
        if fault is Fault.CRASH_AFTER:
            raise ContainerGone
        if fault is Fault.SLOW:
            world.tasks.sleep(SLOW_SECONDS)
        return answer


_compiled: dict[str, types.CodeType] = {}
_containers = count(1)


def load(function: str) -> Any:
    """Another container of the function: its module, run anew (tests/component/world.py does the same)."""
    path = ROOT / "functions" / function / "app.py"
    if function not in _compiled:
        _compiled[function] = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    module = types.ModuleType(f"simulated_{function}_{next(_containers)}")
    module.__file__ = str(path)
    agreed_terms.cache_clear()
    sys.modules[module.__name__] = module  # msgspec looks annotations up there
    try:
        exec(_compiled[function], module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


@contextmanager
def installed() -> Iterator[None]:
    """The patches, for as long as this lasts."""
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    sleep = _dispatched(lambda world, seconds: world.tasks.sleep(seconds), time.sleep)
    patch.setattr(time, "time", _dispatched(lambda world: world.clock.now, time.time))
    patch.setattr(time, "sleep", sleep)
    patch.setattr(time, "monotonic", _dispatched(lambda world: world.clock.now, time.monotonic))
    patch.setattr(os, "urandom", _dispatched(lambda world, size: world.random.randbytes(size), os.urandom))
    patch.setattr(random, "random", _dispatched(lambda world: world.random.random(), random.random))
    patch.setattr(
        random,
        "uniform",
        _dispatched(lambda world, low, high: world.random.uniform(low, high), random.uniform),
    )
    patch.setattr(conflicts.until_no_conflict, "__defaults__", (sleep, deadline.time_left))
    replace_calls(patch, _dispatched(_aws_call, real_call()))
    patch.setattr(aws, "client", functools.cache(aws.client))
    client = SimulatedStripe()
    patch.setattr(
        access,
        "Gateway",
        lambda key, **given: Gateway(key, http_client=client, chance=random.random, **given),
    )
    patch.setattr(stripe, "enable_telemetry", False)
    patch.setattr(telemetry.metrics, "add_metric", _count)
    level = telemetry.logger.log_level
    telemetry.logger.setLevel("CRITICAL")
    tables.bind({name: name for name in TABLES})
    try:
        yield
    finally:
        telemetry.logger.setLevel(level)
        patch.undo()


def _count(*, name: str, value: float, **_: Any) -> None:
    if _entered.worlds:
        _entered.worlds[-1].counted[name] += int(value)
