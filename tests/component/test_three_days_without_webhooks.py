"""Three days in which not one webhook arrives, and what it takes to make them good.

`pytest -s tests/component/test_three_days_without_webhooks.py` prints the figures of docs/reliability.md.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from local.stripe_simulator import FaultPlan
from local.stripe_simulator.resources.checkout_sessions import Visit
from mandates.core.ledger import first_broken
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.store.events import recorded
from mandates.store.mandates import read_heads, read_ledger
from tests.component.world import World, customer, service, signed, stripes_clock

HOUR = 3600
OUTAGE_HOURS = 72
ALL_LOST = {"webhooks": {"drop_first": 1, "dropped": "lost"}}
CLOCKED = (
    "create_checkout_session",
    "process_webhook",
    "read_checkout_session",
    "read_mandates",
    "receive_webhook",
    "reconcile_events",
    "revoke_mandate",
    "release_withdrawals",
)


@dataclass
class Figures:
    runs: int = 0
    recovered: int = 0
    swept: int = 0
    gaps: list[int] = field(default_factory=list)


class ThreeDays:
    """A shop of so many customers, twelve kinds of them, on Stripe's clock."""

    def __init__(self, world: World, customers: int) -> None:
        self.world = world
        self.core = world.stripe.core
        self.ids = [f"auth0|{number}" for number in range(customers)]
        self.mandates: dict[str, dict[str, Any]] = {}
        self.revoked_here: set[str] = set()
        self.figures = Figures()
        for name in CLOCKED:
            world.function(name).time = SimpleNamespace(time=stripes_clock)

    def caller(self, customer_id: str) -> dict[str, str]:
        return customer(customer_id, expires_at=str(int(stripes_clock()) + 600))

    def reader(self) -> dict[str, str]:
        return {**service("mandates:read"), "expires_at": str(int(stripes_clock()) + 600)}

    # ------------------------------------------------------------------------------ what people do

    def begin(self, one: str) -> None:
        opened = self.world.post_checkout(one, caller=self.caller(one))
        assert opened.status == 201, opened
        self.mandates[one] = opened.body

    def authorize(self, one: str) -> None:
        self.core.authorize(self.session(one))

    def decline(self, one: str) -> None:
        self.core.decline(self.session(one))

    def session(self, one: str) -> str:
        return str(self.mandates[one]["checkout_session_id"])

    def payment_method(self, one: str) -> str:
        return str(self.page(one)["setup_intent"]["payment_method"])

    def page(self, one: str) -> dict[str, Any]:
        return self.core.act(self.session(one), Visit())

    def detach(self, one: str) -> None:
        self.core.detach(self.payment_method(one))

    def revoke_at_amazon(self, one: str) -> None:
        self.core.revoke_at_amazon(self.payment_method(one))

    def delete_customer(self, one: str) -> None:
        self.core.delete_customer(self.page(one)["checkout_session"]["customer"])

    def revoke_here(self, one: str) -> None:
        mandate_id = self.mandates[one]["mandate_id"]
        assert self.world.revoke(mandate_id, self.caller(one)).status == 200
        assert self.world.release(mandate_id) == []
        self.revoked_here.add(mandate_id)

    def return_page(self, one: str) -> None:
        page = self.world.return_page(self.session(one), self.caller(one))
        assert page.body["status"] == "active"

    def plan(self) -> list[tuple[float, str, Callable[[str], None]]]:
        """(hour, who, what); what is before hour 0 comes before the outage."""
        during: list[list[tuple[float, Callable[[str], None]]]] = [
            [(0, self.begin), (0.1, self.authorize)],
            [(0, self.begin), (0.1, self.decline), (0.2, self.authorize)],
            [(0, self.begin), (0.1, self.decline)],
            [(0, self.begin)],
            [(-99, self.begin), (-98, self.authorize), (0, self.detach)],
            [(-99, self.begin), (-98, self.authorize), (0, self.revoke_at_amazon)],
            [(-99, self.begin), (-98, self.authorize), (0, self.delete_customer)],
            [(0, self.begin), (0.1, self.authorize), (0.2, self.detach)],
            [(-99, self.begin), (-98, self.authorize)],
            [(0, self.begin), (0.1, self.revoke_here)],
            [(0, self.begin), (0.1, self.authorize), (0.2, self.return_page)],
            [(0, self.begin), (0.1, self.authorize), (0.2, self.revoke_here)],
        ]
        actions = []
        for number, one in enumerate(self.ids):
            begins = (number * 7 + 1) % (OUTAGE_HOURS - 1)
            for at, what in during[number % len(during)]:
                actions.append((at if at < 0 else begins + at, one, what))
        return sorted(actions, key=lambda action: action[0])

    # ------------------------------------------------------------------------------ what we do

    def deliver(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            payload = json.dumps(event)
            header = signed(payload, at=int(stripes_clock()))
            assert self.world.post_webhook(payload, header=header).status == 200
        self.drain()

    def drain(self) -> None:
        """The worker empties the queue."""
        sqs, url = self.world.sqs, self.world.queue_url
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            assert self.world.process([json.loads(message["Body"]) for message in messages]) == []
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def reconcile(self) -> int:
        """One scheduled run, and the worker after it. Returns the gap it found."""
        sent = self.world.reconcile()
        self.figures.runs += 1
        self.figures.recovered += int(sent["EventsRecovered"][0])
        self.figures.swept += int(sent["MandatesSwept"][0])
        self.figures.gaps.append(int(sent["EventGap"][0]))
        self.drain()
        return self.figures.gaps[-1]

    def handled(self) -> list[dict[str, Any]]:
        return [event for event in self.core.events() if event["type"] in HANDLED_TYPES]

    def asked(self) -> Counter[str]:
        paths = [request.path for request in self.core.requests() if request.method == "GET"]
        return Counter("events" if path == "/v1/events" else "sessions" for path in paths)

    # ------------------------------------------------------------------------------ what must be

    def status_at_stripe(self, one: str) -> str:
        client = self.world.stripe_client().v1
        page = self.page(one)
        session, intent = page["checkout_session"], page["setup_intent"]
        if self.mandates[one]["mandate_id"] in self.revoked_here:
            return "revoked"
        if getattr(client.customers.retrieve(session["customer"]), "deleted", False):
            return "revoked"
        if intent["status"] == "succeeded":
            attached = client.payment_methods.retrieve(intent["payment_method"]).customer
            usable = client.mandates.retrieve(intent["mandate"]).status == "active"
            return "active" if attached and usable else "revoked"
        return {"open": "pending", "expired": "expired"}[session["status"]]

    def status_here(self, one: str) -> str:
        found = self.world.get_mandate(self.mandates[one]["mandate_id"], self.reader())
        return str(found.body["status"])

    def assert_healed(self) -> Counter[str]:
        """Every event recorded, none in a ledger twice, every chain whole, every status as Stripe has it."""
        events = {event["id"] for event in self.handled()}
        assert recorded(events) == events
        told: Counter[str] = Counter()
        for one in self.ids:
            mandate_id = self.mandates[one]["mandate_id"]
            entries, head = read_ledger(mandate_id), read_heads([mandate_id])[mandate_id]
            assert first_broken(entries, length=head.entries, head_hash=head.head_hash) is None
            told.update(entry.source for entry in entries if entry.source in events)
        assert set(told.values()) == {1}
        assert told.keys() == events
        assert {one: self.status_here(one) for one in self.ids} == {
            one: self.status_at_stripe(one) for one in self.ids
        }
        return Counter(self.status_here(one) for one in self.ids)


@pytest.mark.parametrize(("customers", "every"), [(12, None), (6, 6)], ids=["afterwards", "meanwhile"])
def test_heals_with_no_loss_and_no_duplicate(world: World, customers: int, every: int | None) -> None:
    """`every`: reconcile_events runs each so many hours during the outage; None: it is down as well."""
    days = ThreeDays(world, customers)
    for one in days.ids:
        assert world.put_customer(one).status == 201
    plan = days.plan()
    before = list(itertools.takewhile(lambda action: action[0] < 0, plan))
    for _, one, what in before:
        what(one)
    days.deliver(days.handled())
    days.reconcile()
    known = {event["id"] for event in days.handled()}

    world.stripe_client().v1.webhook_endpoints.create(
        {"url": "https://api.example/webhooks/stripe", "enabled_events": ["*"]}
    )
    days.core.set_faults(FaultPlan.parse(ALL_LOST))
    hour = 0.0
    for at, one, what in plan[len(before) :]:
        while hour < at:
            step = min(at - hour, every or at)
            world.advance_stripe(step * HOUR)
            hour += step
            if every and hour < at:
                days.reconcile()
        what(one)
    world.advance_stripe((OUTAGE_HOURS - hour) * HOUR)
    world.advance_stripe(HOUR / 4)  # nothing is on its way any more
    days.core.take_due()
    days.core.set_faults(FaultPlan())

    missed = [event for event in days.handled() if event["id"] not in known]
    lost = [event for event in missed if {d["status"] for d in event["deliveries"]} == {"failed"}]
    assert lost == missed
    assert len(lost) >= customers
    if every is None:
        assert days.status_here(days.ids[0]) == "pending"
    asked = days.asked()
    days.figures = Figures() if every is None else days.figures
    while days.reconcile():
        assert days.figures.runs < 200
    while days.reconcile():
        pass
    requests = days.asked() - asked
    statuses = days.assert_healed()
    if every is None:
        assert days.figures.gaps[0] == days.figures.recovered == len(lost)
        assert days.figures.gaps[-1] == 0
    assert {"active", "expired", "revoked"} <= statuses.keys()

    lengths = {one: len(read_ledger(days.mandates[one]["mandate_id"])) for one in days.ids}
    days.deliver(missed)  # and now Stripe sends it all again
    assert {one: len(read_ledger(days.mandates[one]["mandate_id"])) for one in days.ids} == lengths
    assert days.assert_healed() == statuses
    print(
        f"\n{customers} customers, {len(days.handled())} events, {len(lost)} of them lost;"
        f" recovered {days.figures.recovered} in {days.figures.runs} runs (gaps {days.figures.gaps[-3:]}),"
        f" mandates swept {days.figures.swept}, Stripe asked {dict(requests)}; in the end {dict(statuses)}"
    )
