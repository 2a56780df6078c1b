"""Two stacks of one name on one Stripe account, in two regions or two developers'; and one that comes after.

Each has its own tables, functions and signing secret, and the mark that template.yaml gives it.
"""

import copy
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.store.tables import EventRow
from tests.component.cloudformation import CloudFormation
from tests.component.world import CUSTOMER, TABLES, WEBHOOK_SECRET, World, customer
from tests.template.stack import raw, resolved

pytestmark = pytest.mark.moto

NAMED = "arn:aws:cloudformation:{region}:123456789012:stack/mandates-prod/{unique}"
HERE = NAMED.format(region="eu-west-1", unique="51af3dc0-da77-11e4-872e-1234567db123")
ELSEWHERE = NAMED.format(region="us-east-1", unique="7bc2a0e1-da78-11e4-9c1f-50d5cafe7636")
LATER = NAMED.format(region="eu-west-1", unique="c0ffee00-da79-11e4-8b53-500c217b26c6")


def mark_of(stack_id: str, parameter: str = "") -> str:
    template = raw()
    mark = template["Globals"]["Function"]["Environment"]["Variables"]["OWNER_MARK"]
    return str(resolved(mark, template, {"AWS::StackId": stack_id, "OwnerMark": parameter}))


@dataclass
class Deployed:
    """A stack on the same AWS and Stripe as others; `entered`, its tables are those that there are."""

    world: World
    stack_id: str
    mark: str
    _items: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def beside(cls, world: World, stack_id: str, parameter: str = "") -> "Deployed":
        mark, own = mark_of(stack_id, parameter), copy.copy(world)
        secret = own.secrets.create_secret(
            Name=str(uuid.uuid4()), SecretString=json.dumps({"secrets": [WEBHOOK_SECRET]})
        )
        own.webhook_secrets_arn = secret["ARN"]
        own.environment = world.environment | {
            "OWNER_MARK": mark,
            "STRIPE_WEBHOOK_SECRETS_ARN": secret["ARN"],
        }
        own.functions = {}
        return cls(own, stack_id, mark)

    @contextmanager
    def entered(self) -> Iterator[World]:
        stored = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
        others = {name: stored[name].items for name in TABLES}
        for name, items in others.items():
            empty = copy.copy(items)
            empty.clear()
            stored[name].items = self._items.setdefault(name, items if name == "terms" else empty)
        try:
            yield self.world
        finally:
            for name, items in others.items():
                stored[name].items = items

    def cloudformation(self) -> CloudFormation:
        return CloudFormation(self.world, stack_id=self.stack_id, properties={"OwnerMark": self.mark})


@pytest.fixture
def two(world: World) -> tuple[Deployed, Deployed]:
    return Deployed.beside(world, HERE), Deployed.beside(world, ELSEWHERE)


def outcomes() -> dict[str, set[str]]:
    """The ids of the events on record, by what became of them."""
    found: dict[str, set[str]] = {}
    for row in EventRow.scan(EventRow.record == "event"):
        found.setdefault(row.outcome, set()).add(row.event_id)
    return found


def test_neither_acts_on_what_the_other_made_nor_sets_it_aside(two: tuple[Deployed, Deployed]) -> None:
    mandates = {}
    for stack in two:
        with stack.entered() as world:
            opened = world.begun()
            world.stripe.core.authorize(opened["checkout_session_id"])
            mandates[stack.mark] = opened["mandate_id"]
    of_a_mandate = ("checkout.session.completed", "setup_intent.succeeded")
    for stack in two:
        with stack.entered() as world:
            world.run_webhooks()
            mandate = world.get_mandate(mandates[stack.mark]).body
            assert mandate["status"] == "active"
            found = outcomes()
            assert "quarantined" not in found
            ours = {
                event["id"]: event["data"]["object"]["metadata"]["mandate_id"] == mandates[stack.mark]
                for event in world.events(*of_a_mandate)
            }
            assert sorted(ours.values()) == [False, False, True, True]
            assert {event_id for event_id, own in ours.items() if own} <= found["applied"]
            assert {event_id for event_id, own in ours.items() if not own} == found["foreign"]


def test_neither_adopts_the_others_customer(
    two: tuple[Deployed, Deployed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim too old for its idempotency key is looked for at Stripe, where the other's can be found."""
    one, other = two
    with one.entered() as world:
        theirs = world.put_customer().body["stripe_customer_id"]
    with other.entered() as world:
        world.faults({"effect": "server_error", "status": 503, "path": "/v1/customers"})
        assert world.put_customer().status == 503
        world.faults()
        later = IDEMPOTENCY_WINDOW_SECONDS + 7200
        world.advance_stripe(later)
        now = time.time() + later
        monkeypatch.setattr(world.function("create_customer").time, "time", lambda: now)
        saved = world.call(
            "create_customer",
            "/customers/{customer_id}",
            method="PUT",
            path={"customer_id": CUSTOMER},
            body={},
            caller=customer(CUSTOMER, expires_at=str(int(now) + 60)),
        )
        assert saved.status == 201
        assert saved.body["stripe_customer_id"] != theirs


def test_each_has_its_own_webhook_endpoint_to_the_end(two: tuple[Deployed, Deployed]) -> None:
    one, other = (stack.cloudformation() for stack in two)
    assert one.create()["Status"] == other.create()["Status"] == "SUCCESS"
    first, second = one.endpoints()
    assert one.update(EventTypes=["customer.deleted"])["Status"] == "SUCCESS"
    assert [endpoint["id"] for endpoint in one.endpoints()] == [first["id"], second["id"]]
    one.delete()
    assert other.endpoints() == [second]


def test_only_with_its_predecessors_mark_does_a_stack_go_on_from_its_tables(world: World) -> None:
    """They were retained when that was deleted, or are a copy restored to a point in time."""
    before = Deployed.beside(world, HERE)
    with before.entered() as first:
        opened = first.begun()
        first.stripe.core.authorize(opened["checkout_session_id"])
        events = first.events("checkout.session.completed", "setup_intent.succeeded")
        stripe_customer_id = first.put_customer().body["stripe_customer_id"]
    for parameter, status, outcome in (("", "pending", "foreign"), (before.mark, "active", "applied")):
        after = Deployed.beside(world, LATER, parameter)
        after._items = {name: copy.deepcopy(items) for name, items in before._items.items()}
        with after.entered() as second:
            assert second.process(events) == []
            assert {event["id"] for event in events} == outcomes()[outcome]
            assert second.get_mandate(opened["mandate_id"]).body["status"] == status
            # The return page asks Stripe: it believes a session with the mark alone.
            page = second.return_page(opened["checkout_session_id"])
            assert page.body["status"] == status
            assert second.put_customer().body["stripe_customer_id"] == stripe_customer_id
