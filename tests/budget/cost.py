"""What set-ups, webhooks, charges and refunds cost on AWS: calls counted in the real handlers, times prices.

The prices can't be read from here; each names the page it is from, to be checked there.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.stripe_simulator import running_simulator
from mandates.core.stripe_events.projection import HANDLED_TYPES
from tests.budget.metering import (
    ACCESS_LOG_BYTES,
    AWS_CALL_SECONDS,
    CHARGE_OWN_SECONDS,
    OWN_SECONDS,
    STRIPE_CALL_SECONDS,
    TRACED,
    Meter,
)
from tests.component.conftest import one_call_at_a_time
from tests.component.test_publish_changes import BUS, images, publish, stream_event
from tests.component.world import AwsCall, World, create_tables, stripes_clock

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

REFUND_DECIDED_AFTER = 61
"""Seconds; the simulator takes a minute."""

MOST_FOR_A_MILLION_CHARGES = 60.0
"""Dollars, without Stripe's fees."""

ASSUMPTIONS = (
    "Free tiers and discounts are left out. So are monthly costs that do not depend on traffic (secrets,"
    " keys, custom metrics, alarms, stored data).",
    f"A warm invocation is billed {OWN_SECONDS * 1000:.0f} ms of its own"
    f" ({CHARGE_OWN_SECONDS * 1000:.0f} ms if it makes a charge), {AWS_CALL_SECONDS * 1000:.0f} ms"
    f" for each AWS call and {STRIPE_CALL_SECONDS * 1000:.0f} ms for each Stripe call, at its memory in"
    " template.yaml.",
    "Cold starts are left out: at a million a month they are one in thousands.",
    f"Beside what our code logs, API Gateway logs {ACCESS_LOG_BYTES} bytes for a request.",
    f"X-Ray records its default {TRACED:.0%} of invocations as traces.",
    "Every message is received alone: one SQS request sends it, one receives it, one deletes it. Empty polls"
    " are left out: they cost the same every month.",
    "The authorizer's answer is cached, so the authorizer runs once for the requests of one customer. For a"
    " charge it is counted in full, although one back end makes many.",
    "A set-up reads the terms, creates the customer and the session, receives Stripe's webhooks, reads the"
    " return page once and the mandate once, and publishes every ledger entry.",
    "A charge is not its mandate's first, and succeeds within its request. Stripe then sends the one event"
    " that the endpoint is subscribed to, `payment_intent.succeeded`. One invocation publishes the charge's"
    " entries: the stream waits for five seconds.",
    "A refund is pending when its request is answered. Stripe then sends `refund.created` and, once it is"
    " decided, `refund.updated`. One invocation publishes its entries. Looks at Stripe until then (after a"
    " minute, then less and less often) are left out.",
    "DynamoDB units are calculated from the items before and after each call, by AWS's rules"
    " (tests/budget/capacity.py): 1 KB for a write (twice in a transaction), 4 KB for a strongly consistent"
    " read, an absent item like a small one, and each index that a write changes. AWS does not document what"
    " a `ConditionCheck` costs. It is counted as a write of the item that is checked.",
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

    @property
    def total(self) -> float:
        """Dollars per million."""
        return sum(self.dollars_per_million().values())


def model() -> dict[str, Any]:
    """Dollars per million of each, by service, with the units of one."""
    happens = {
        "set-ups": _set_up,
        "webhooks": _one_webhook,
        "charges": one_charge,
        "refunds": _one_refund,
    }
    counted = {of: counted_of(what) for of, what in happens.items()}
    return {
        of: {
            "units_of_one": dict(sorted(one.units.items())),
            "dollars_per_million": one.dollars_per_million(),
            "total": one.total,
        }
        for of, one in counted.items()
    }


def counted_of(happens: Callable[[World, Meter], None]) -> Counted:
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
            meter = Meter(world, logged)
            happens(world, meter)
    return Counted(meter.units)


def _set_up(world: World, meter: Meter) -> None:
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
    meter.requests_at_the_api(asked_by_the_front_end + len(events))
    meter.one_invocation("authorize_request")


def _one_webhook(world: World, meter: Meter) -> None:
    """The dearest that comes: a set-up that succeeded, received, queued, applied."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    meter.start_again()
    (event,) = world.events("setup_intent.succeeded")
    world.deliver(event)
    assert world.process(world.queued()) == []
    meter.requests_at_the_api(1)


def one_charge(world: World, meter: Meter) -> None:
    """One that succeeds within its request, and what follows from it. The containers are warm, and the
    mandate was charged before."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    assert world.charge(begun["mandate_id"]).status == 201
    world.run_webhooks()
    meter.start_again()
    made = world.charge(begun["mandate_id"], "order-2026-11-27-000042", reference="order-2026-11-27-000042")
    assert (made.status, made.body["status"]) == (201, "succeeded")
    events = world.events("payment_intent.succeeded")[1:]
    world.deliver(*events)
    assert world.process(world.queued()) == []
    meter.requests_at_the_api(1 + len(events))
    meter.one_invocation("authorize_request")
    _publish(world, _entries(made.body["charge_id"]))


def _one_refund(world: World, meter: Meter) -> None:
    """One that Stripe decides on a minute later, and what follows from it. The containers are warm."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    charge_id = world.charge(begun["mandate_id"]).body["charge_id"]
    world.run_webhooks()
    assert world.refund(charge_id, "before", amount=1).status == 201
    world.stripe.core.advance(REFUND_DECIDED_AFTER)
    world.run_webhooks()
    known = len(_entries(charge_id))
    meter.start_again()
    made = world.refund(charge_id, "order-2026-11-27-000042", amount=100)
    assert (made.status, made.body["status"]) == (201, "pending")
    world.stripe.core.advance(REFUND_DECIDED_AFTER)
    events = [world.events(kind)[-1] for kind in ("refund.created", "refund.updated")]
    for event in events:
        world.deliver(event)
        assert world.process(world.queued()) == []
    meter.requests_at_the_api(1 + len(events))
    meter.one_invocation("authorize_request")
    _publish(world, _entries(charge_id)[known:])


def _entries(charge_id: str) -> list[Any]:
    items = boto3.client("dynamodb").scan(TableName="charges")["Items"]
    found = [item for item in items if str(item["record"]["S"]).startswith(f"entry#{charge_id}")]
    return sorted(found, key=lambda item: str(item["record"]["S"]))


def _publish(world: World, entries: list[Any]) -> None:
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    assert world.invoke("publish_charges", stream_event(entries)) == {"batchItemFailures": []}


if __name__ == "__main__":
    print(json.dumps(model(), indent=1))
