"""What other payments of a shared Stripe account take in a day, at the edge and in reconciliation. Of their
events, each tenth is about a refund or a dispute.

    python -m tests.budget.strangers        prints the table of docs/deploying.md

The real reconciler reads a canned list in virtual time, run by run. A request takes as long as Stripe is
assumed to take, and as the SDK takes on Lambda with a page of events, which is measured. The edge is the real
handler, measured as `make bench` measures it.
"""

import argparse
import hashlib
import hmac
import json
import os
import resource
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import stripe

from local.settings import ROOT
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import Gateway
from mandates.gateway.events import EVENTS_PER_PAGE, EventPage
from mandates.gateway.politeness import BACKGROUND_PER_SECOND
from mandates.runtime.queues import Queue
from mandates.store.events import seen
from mandates.webhooks import reconciling
from mandates.webhooks import strangers as telling
from mandates.webhooks.reconciling import Found, Reconciler
from tests.budget import artefacts, bench, cost, examples
from tests.budget.metering import Meter
from tests.component.world import World, template
from tests.live.table import table
from tests.unit.examples import event, refund

Json = dict[str, Any]

HOUR, DAY, EVERY = 3600, 86_400, 900
BEGINS = 1_795_737_600
VCPU_MB = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: at so much a function has one vCPU,
and CPU in proportion below."""

ONE_REFUND_IN = 10
"""Assumed: each tenth event is about a refund or a dispute. A refund makes two or three events, a payment
one."""

LIST_SECONDS = 0.5
"""Assumed: how long Stripe takes for a page of 100 events."""


def strangers_event(number: int, created: int) -> Json:
    """One of some other system of the business, with metadata of its own."""
    sample = json.loads((ROOT / "events/receive_webhook/payment_intent_succeeded.json").read_text())
    event: Json = json.loads(sample["body"])
    event |= {"id": f"evt_stranger_{number}", "created": created}
    event["data"]["object"] |= {"id": f"pi_stranger_{number}", "metadata": {"order_id": f"order-{number}"}}
    return event


def strangers_refund(number: int, created: int) -> Json:
    """One of some other system of the business. Only its intent tells it from one of ours that was made in
    the Dashboard."""
    about = refund(id=f"re_stranger_{number}", payment_intent=f"pi_stranger_{number}", metadata={})
    return event("refund.updated", about, id=f"evt_stranger_{number}", created=created)


# --------------------------------------------------------------------------------- reconciliation


@dataclass
class VirtualTime:
    now: float

    def __call__(self) -> float:
        return self.now


class Strangers:
    """Stripe's list with nothing but strangers' payments in it, created at these times (ascending).

    Each request moves the clock on.
    """

    def __init__(self, created: Sequence[int], clock: VirtualTime, seconds: float) -> None:
        self.requests = 0
        self._created, self._clock, self._seconds = created, clock, seconds
        self._payment, self._refund = strangers_event(0, 0), strangers_refund(0, 0)

    def list_page(
        self, types: Sequence[str], *, created_from: int, created_before: int, after: str | None = None
    ) -> EventPage:
        self.requests += 1
        self._clock.now += self._seconds
        if self._payment["type"] not in types:
            return EventPage([], has_more=False)
        assert self._refund["type"] in types
        first = bisect_left(self._created, created_from)
        last = int(after.rpartition("_")[2]) if after else self._visible(created_before)
        begin = max(first, last - EVENTS_PER_PAGE)
        events = [self._event(number) for number in range(last - 1, begin - 1, -1)]
        return EventPage(events, has_more=begin > first)

    def _event(self, number: int) -> Json:
        told = {"id": f"evt_stranger_{number}", "created": self._created[number]}
        if number % ONE_REFUND_IN:
            return {**self._payment, **told}
        about = {**self._refund["data"]["object"], "payment_intent": f"pi_stranger_{number}"}
        return {**self._refund, **told, "data": {"object": about}}

    def _visible(self, created_before: int) -> int:
        return bisect_left(self._created, min(created_before, self._clock.now))


class NoQueue(Queue):
    """Nothing of strangers is ever queued."""

    def __init__(self) -> None:
        pass

    def length(self) -> int:
        raise AssertionError("a stranger's payment was missed")


@dataclass
class Stored:
    """The cursors, and how many records of events and how many recorded intents were asked for."""

    cursors: dict[str, int] = field(default_factory=dict)
    records_read: int = 0
    intents_read: int = 0

    def read_positions(self, names: Iterable[str]) -> dict[str, int]:
        return {name: self.cursors[name] for name in names if name in self.cursors}

    def advance_cursor(self, name: str, position: int, *_: Any) -> None:
        self.cursors[name] = max(position, self.cursors.get(name, 0))

    def recorded(self, event_ids: Iterable[str]) -> set[str]:
        self.records_read += len(list(event_ids))
        return set()

    def charges_of_intents(self, payment_intent_ids: Iterable[str]) -> dict[str, str]:
        self.intents_read += len(set(payment_intent_ids))
        return {}


@dataclass
class Run:
    seconds: float
    requests: int
    found: Found


@contextmanager
def stored_in_memory() -> Iterator[Stored]:
    stored = Stored()
    with (
        patch.object(reconciling, "read_positions", stored.read_positions),
        patch.object(reconciling, "advance_cursor", stored.advance_cursor),
        patch.object(reconciling, "recorded", stored.recorded),
        patch.object(telling, "charges_of_intents", stored.charges_of_intents),
    ):
        yield stored


def runs_of(created: Sequence[int], *, page_seconds: float, until: int, stored: Stored) -> list[Run]:
    """The scheduled runs until then, beginning with a stack that has just read everything."""
    clock = VirtualTime(BEGINS)
    for group in reconciling.groups_of(HANDLED_TYPES):
        stored.cursors |= {group.cursor: BEGINS, group.second_cursor: BEGINS - HOUR}
    lasts = float(template()["Resources"]["ReconcileEvents"]["Properties"]["Timeout"])
    runs = []
    for scheduled in range(BEGINS + EVERY, until + 1, EVERY):
        clock.now = scheduled
        stripes = Strangers(created, clock, page_seconds)
        gateway: Any = Gateway("sk_test_placeholder")
        gateway.events = stripes
        found = Reconciler(
            gateway,
            NoQueue(),
            livemode=False,
            owner_mark=examples.OWNER_MARK,
            clock=VirtualTime(scheduled),
            time_left=partial(_left, clock, scheduled + lasts),
        ).run()
        runs.append(Run(clock.now - scheduled, stripes.requests, found))
    return runs


def _left(clock: VirtualTime, ends: float) -> float:
    return ends - clock.now


def evenly(count: int, begin: int, seconds: int) -> list[int]:
    return [begin + number * seconds // count for number in range(count)]


def a_day(events: int, burst: int) -> list[int]:
    """So many, evenly but for one hour with `burst` of them, at noon."""
    noon = BEGINS + 12 * HOUR
    rest = events - burst
    morning, afternoon = rest * 12 // 23, rest - rest * 12 // 23
    return [
        *evenly(morning, BEGINS, 12 * HOUR),
        *evenly(burst, noon, HOUR),
        *evenly(afternoon, noon + HOUR, 11 * HOUR),
    ]


class CannedPage(stripe.HTTPClient):
    """Answers with the same page."""

    name = "canned"

    def __init__(self) -> None:
        super().__init__()
        events = [strangers_event(number, BEGINS) for number in range(EVENTS_PER_PAGE)]
        self.body = json.dumps({"object": "list", "url": "/v1/events", "has_more": True, "data": events})

    def request(self, *_: Any, **__: Any) -> tuple[str, int, Mapping[str, str]]:
        return self.body, 200, {}


def cpu_of_a_page(pages: int) -> float:
    """Seconds of CPU that the SDK takes to make a page of what Stripe answers, on this machine."""
    gateway = Gateway("sk_test_placeholder", http_client=CannedPage(), sleep=lambda _: None)
    taken = []
    for _ in range(pages):
        before = time.process_time()
        gateway.events.list_page(HANDLED_TYPES, created_from=0, created_before=1)
        taken.append(time.process_time() - before)
    return median(taken)


def page_seconds(cpu: float, list_seconds: float = LIST_SECONDS) -> float:
    """How long a request takes on Lambda, at the function's memory and pace."""
    return max(1 / BACKGROUND_PER_SECOND, list_seconds + cpu * VCPU_MB / memory_of("ReconcileEvents"))


def memory_of(function: str) -> int:
    properties = template()["Resources"][function]["Properties"]
    return int(properties.get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


# --------------------------------------------------------------------------------------- the edge


def one_webhook(world: World, meter: Meter) -> None:
    world.function("receive_webhook")
    meter.start_again()
    world.deliver(strangers_event(1, BEGINS))
    assert world.queued() == []
    meter.requests_at_the_api(1)


def one_refund(world: World, meter: Meter) -> None:
    """A stranger's, from the edge to the queue's consumer."""
    for function in ("receive_webhook", "process_webhook"):
        world.function(function)
    meter.start_again()
    world.deliver(strangers_refund(1, BEGINS))
    assert world.process(world.queued()) == []
    assert seen("evt_stranger_1") == []
    meter.requests_at_the_api(1)


def edge_job(runs: int, aws_url: str) -> Json:
    """The warm handler, and beside it the SQS send that a stranger's payment does not cost."""
    job = bench.receive_job(runs, aws_url)
    timestamp = str(int(time.time()))
    for number in range(runs):
        payload = json.dumps(strangers_event(number, BEGINS), indent=2)
        signed = hmac.new(
            examples.WEBHOOK_SECRET.encode(), f"{timestamp}.{payload}".encode(), hashlib.sha256
        ).hexdigest()
        job["events"][number] = examples.webhook_request(payload, f"t={timestamp},v1={signed}")
    return job


def cpu_at_the_edge(calls: int) -> float:
    """Milliseconds of CPU of a warm call, on this machine."""
    build = artefacts.built()
    with tempfile.TemporaryDirectory() as folder, bench.canned_aws() as aws_url:
        job = edge_job(calls, aws_url)
        measured = bench.measured_warm(build, Path(folder), aws_url, "ReceiveWebhook", job)
    return float(median(measured["handler"])) / 1e6


# ---------------------------------------------------------------------------------------- figures


def dollars_of_runs(runs: Sequence[Run]) -> float:
    """Lambda's duration alone. Everything else is the same with no strangers."""
    gigabyte_seconds = sum(run.seconds for run in runs) * memory_of("ReconcileEvents") / 1024
    price = cost.PRICES["Lambda duration"]
    return gigabyte_seconds * price.dollars / price.per


def row(name: str, runs: Sequence[Run]) -> Sequence[str]:
    return (
        name,
        f"{sum(run.requests for run in runs):,}",
        f"{median(run.seconds for run in runs):.0f} s",
        f"{max(run.seconds for run in runs):.0f} s",
        f"{max(run.found.lag_seconds or 0 for run in runs):,} s",
        f"{sum(run.found.stopped is not None for run in runs)}",
        f"${dollars_of_runs(runs):.3f}",
    )


def print_bill(of: str, one_of_them: Callable[[World, Meter], None], events: int) -> None:
    one = cost.counted_of(one_of_them)
    each = {name: dollars * events / cost.MILLION for name, dollars in one.dollars_per_million().items()}
    bill = [(name, f"{one.units[name]:g}", f"${dollars:.2f}") for name, dollars in each.items()]
    print(table((of, "units of one", "a day"), [*bill, ("all", "", f"${sum(each.values()):.2f}")]))


HEAD = ("a day of", "requests", "a run (median)", "longest", "lag at most", "stopped by time", "Lambda")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.budget.strangers", description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--burst", type=int, default=50_000, help="how many of them in one hour")
    parser.add_argument("--list-seconds", type=float, default=LIST_SECONDS)
    parser.add_argument("--calls", type=int, default=200, help="warm calls at the edge; 0 leaves them out")
    chosen = parser.parse_args()
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    cpu = cpu_of_a_page(50)
    takes = page_seconds(cpu, chosen.list_seconds)
    print(f"a page of {EVENTS_PER_PAGE}: {cpu * 1000:.0f} ms of CPU here, {takes:.2f} s on Lambda")
    days = {
        f"{chosen.events:,} events, evenly": evenly(chosen.events, BEGINS, DAY),
        f"{chosen.events:,} events, {chosen.burst:,} in an hour": a_day(chosen.events, chosen.burst),
        "no events": [],
    }
    rows = []
    for name, created in days.items():
        with stored_in_memory() as stored:
            rows.append(row(name, runs_of(created, page_seconds=takes, until=BEGINS + DAY, stored=stored)))
        print(
            f"{name}: {stored.records_read} records of events read, {stored.intents_read} intents", flush=True
        )
    print(table(HEAD, rows))
    print(
        f"memory of this process at its peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )
    refunds = chosen.events // ONE_REFUND_IN
    print_bill(f"of {chosen.events - refunds:,} payments", one_webhook, chosen.events - refunds)
    print_bill(f"of {refunds:,} refunds and disputes", one_refund, refunds)
    if chosen.calls:
        cpu_ms = cpu_at_the_edge(chosen.calls)
        on_lambda = cpu_ms * VCPU_MB / memory_of("ReceiveWebhook")
        at_once = chosen.burst / HOUR * on_lambda / 1000
        print(
            f"a warm call: {cpu_ms:.2f} ms of CPU here, {on_lambda:.1f} ms on Lambda; {at_once:.2f} at once"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
