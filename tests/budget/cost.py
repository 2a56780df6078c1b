"""What a set-up and a webhook cost on AWS: calls counted in the real handlers, times the price list.

The prices can't be read from here; each names the page it is from, to be checked there.
"""

import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.stripe_simulator import running_simulator
from mandates.core.stripe_events.projection import HANDLED_TYPES
from tests.component.conftest import one_call_at_a_time
from tests.component.test_publish_changes import BUS, images, publish
from tests.component.world import AwsCall, Context, World, create_tables, stripes_clock, template
from tests.functions import BY_FOLDER

PRICES_ASSUMED_ON = "2026-11-24"
MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """Dollars in us-east-1 for `per` of a unit."""

    dollars: float
    per: int
    unit: str
    page: str


PRICES: Mapping[str, Price] = {
    "API Gateway": Price(3.50, MILLION, "REST API requests", "https://aws.amazon.com/api-gateway/pricing/"),
    "Lambda requests": Price(0.20, MILLION, "invocations", "https://aws.amazon.com/lambda/pricing/"),
    "Lambda duration": Price(
        13.3334, MILLION, "GB-seconds on arm64", "https://aws.amazon.com/lambda/pricing/"
    ),
    "DynamoDB writes": Price(
        0.625, MILLION, "write request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "DynamoDB reads": Price(
        0.125, MILLION, "read request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "SQS": Price(0.40, MILLION, "standard requests", "https://aws.amazon.com/sqs/pricing/"),
    "EventBridge": Price(1.00, MILLION, "custom events", "https://aws.amazon.com/eventbridge/pricing/"),
    "CloudWatch Logs": Price(0.50, 10**9, "bytes taken in", "https://aws.amazon.com/cloudwatch/pricing/"),
    "X-Ray": Price(5.00, MILLION, "traces recorded", "https://aws.amazon.com/xray/pricing/"),
    "Secrets Manager": Price(0.05, 10_000, "API calls", "https://aws.amazon.com/secrets-manager/pricing/"),
}

AWS_CALL_SECONDS = 0.010
STRIPE_CALL_SECONDS = 0.300
OWN_SECONDS = 0.010
TRACED = 0.05
ASSUMPTIONS = (
    "Free tiers and discounts are left out. So are monthly costs that do not depend on traffic (secrets,"
    " keys, custom metrics, alarms, stored data).",
    f"A warm invocation is billed {OWN_SECONDS * 1000:.0f} ms of its own, {AWS_CALL_SECONDS * 1000:.0f} ms"
    f" for each AWS call and {STRIPE_CALL_SECONDS * 1000:.0f} ms for each Stripe call, at its memory in"
    " template.yaml.",
    "Cold starts are left out: at a million a month they are one in thousands.",
    f"X-Ray records its default {TRACED:.0%} of invocations as traces.",
    "Every message is received alone: one SQS request sends it, one receives it, one deletes it. Empty polls"
    " are left out: they cost the same every month.",
    "The authorizer's answer is cached, so the authorizer runs once for the requests of one customer.",
    "A set-up reads the terms, creates the customer and the session, receives Stripe's webhooks, reads the"
    " return page once and the mandate once, and publishes every ledger entry.",
    "DynamoDB units are calculated from the items as written: 1 KB for a write (twice in a transaction), 4 KB"
    " for a strongly consistent read, including a read of an item that does not exist.",
)


@dataclass
class Counted:
    """What was asked of AWS, in the units of PRICES."""

    units: Counter[str]

    def dollars_per_million(self) -> dict[str, float]:
        return {
            name: self.units[name] * PRICES[name].dollars / PRICES[name].per * MILLION
            for name in PRICES
            if self.units[name]
        }


def model() -> dict[str, Any]:
    """Dollars per million set-ups and per million webhooks, by service, with the units of one."""
    counted = {"set-ups": _count(_set_up), "webhooks": _count(_one_webhook)}
    return {
        of: {
            "units_of_one": dict(sorted(one.units.items())),
            "dollars_per_million": one.dollars_per_million(),
            "total": sum(one.dollars_per_million().values()),
        }
        for of, one in counted.items()
    }


class _Meter:
    """Runs a function as the world does, and counts what that one invocation used."""

    def __init__(self, world: World, logged: io.StringIO) -> None:
        self.world, self._logged = world, logged
        self.units: Counter[str] = Counter()
        self._invoke = world.invoke
        world.invoke = self.invoke  # type: ignore[method-assign]

    def invoke(self, name: str, event: Mapping[str, Any], context: Context | None = None) -> Any:
        self.world.function(name)  # what it does at its start is not what it does each time
        calls, stripe = len(self.world.calls), len(self.world.stripe.core.requests())
        logged = self._logged.tell()
        answer = self._invoke(name, event, context)
        made = self.world.calls[calls:]
        self.units["CloudWatch Logs"] += self._logged.tell() - logged
        self._one_invocation(name, len(made), len(self.world.stripe.core.requests()) - stripe)
        for call in made:
            self._aws(call)
        return answer

    def _one_invocation(self, name: str, aws_calls: int, stripe_calls: int) -> None:
        seconds = OWN_SECONDS + aws_calls * AWS_CALL_SECONDS + stripe_calls * STRIPE_CALL_SECONDS
        self.units["Lambda requests"] += 1
        self.units["Lambda duration"] += seconds * _memory(name) / 1024  # type: ignore[assignment]
        self.units["X-Ray"] += TRACED  # type: ignore[assignment]

    def _aws(self, call: AwsCall) -> None:
        match call.service, call.operation:
            case "dynamodb", "TransactWriteItems":
                writes = [item for one in call.parameters["TransactItems"] for item in one.values()]
                self.units["DynamoDB writes"] += sum(2 * self._write_units(item) for item in writes)
            case "dynamodb", "PutItem" | "UpdateItem":
                self.units["DynamoDB writes"] += self._write_units(call.parameters)
            case "dynamodb", "BatchGetItem":
                self.units["DynamoDB reads"] += sum(
                    self._read_units(table, key)
                    for table, wanted in call.parameters["RequestItems"].items()
                    for key in wanted["Keys"]
                )
            case "dynamodb", "Query":
                self.units["DynamoDB reads"] += 1
            case "sqs", "SendMessage" | "SendMessageBatch":
                self.units["SQS"] += 3
            case "events", _:
                self.units["EventBridge"] += len(call.parameters["Entries"])
            case "secretsmanager", _:
                self.units["Secrets Manager"] += 1

    def _write_units(self, write: Mapping[str, Any]) -> int:
        item = write.get("Item") or self._item(write["TableName"], write["Key"])
        index = 1 if "customer_id" in item and "mandate_id" in item and "Item" in write else 0
        return math.ceil(_bytes(item) / 1024) + index

    def _read_units(self, table: str, key: Mapping[str, Any]) -> int:
        return max(1, math.ceil(_bytes(self._item(table, key)) / 4096))

    def _item(self, table: str, key: Mapping[str, Any]) -> dict[str, Any]:
        made = len(self.world.calls)
        found: dict[str, Any] = _dynamodb().get_item(TableName=table, Key=key).get("Item", {})
        del self.world.calls[made:]
        return found


def _dynamodb() -> Any:
    return boto3.client("dynamodb")


def _bytes(item: Mapping[str, Any]) -> int:
    return sum(len(name) + len(str(next(iter(value.values())))) for name, value in item.items())


def _memory(function: str) -> int:
    properties = template()["Resources"][BY_FOLDER[function]]["Properties"]
    return int(properties.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


def _count(happens: Any) -> Counted:
    calls: list[AwsCall] = []
    logged = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        running_simulator(clock=stripes_clock) as simulator,
        redirect_stdout(logged),
    ):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        one_call_at_a_time(patch, calls)
        with mock_aws():
            create_tables()
            world = World(simulator, patch, calls)
            meter = _Meter(world, logged)
            happens(world, meter)
    return Counted(meter.units)


def _set_up(world: World, meter: _Meter) -> None:
    world.call("read_terms", "/terms/current")
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    events = world.events(*HANDLED_TYPES)
    world.deliver(*events)
    for event in world.queued():
        assert world.process([event]) == []
    assert world.return_page(begun["checkout_session_id"]).body["status"] == "active"
    assert world.get_mandate(begun["mandate_id"]).body["status"] == "active"
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    assert publish(world, images(begun["mandate_id"])) == []
    asked_by_the_front_end = 5
    meter.units["API Gateway"] += asked_by_the_front_end + len(events)
    meter._one_invocation("authorize_request", 0, 0)


def _one_webhook(world: World, meter: _Meter) -> None:
    """The dearest that comes: a set-up that succeeded, received, queued, applied."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    meter.units.clear()
    (event,) = world.events("setup_intent.succeeded")
    world.deliver(event)
    assert world.process(world.queued()) == []
    meter.units["API Gateway"] += 1


if __name__ == "__main__":
    print(json.dumps(model(), indent=1))
