"""Through the handlers: whatever the order of the real events, the batches, the copies, the outcome is one.

All events have the same `created` second, so nothing but the merge can settle what comes first. With SOAK=1
five times as many orders.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import project
from tests.component.world import CUSTOMER, STRANGER, sqs_event
from tests.simulation.expressions import Item
from tests.simulation.invariants import Invariants
from tests.simulation.reality import OWNER_MARK
from tests.simulation.world import World

SAMPLES, PARTS = 2_000 if os.environ.get("SOAK") == "1" else 400, 2
REVOKE = "revoke"
BACK, ANOTHER_BACK = "the customer comes back", "another comes back"
CALLS = (REVOKE, BACK, ANOTHER_BACK)

ORDINARY = (
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
    "payment_method.attached",
    "checkout.session.completed",
    "checkout.session.expired",
)
USED_UP = "another payment's mandate is used up"
ANOTHERS = ("another's setup_intent.succeeded", "another's session.completed", "another's session.expired")
NOT_OURS = (USED_UP, *ANOTHERS)
"""What is not about our mandate, though it names our payment method, or our mandate itself."""
WITHDRAWALS = ("mandate.updated", "payment_method.detached", "customer.deleted")

Tables = Mapping[str, Mapping[tuple[str, ...], Item]]
Told = str
"""A type of event, one of what is another's, or one of CALLS."""


@dataclass(frozen=True)
class Beginning:
    """A customer with an open session, as stored; and a message for each type of event about it."""

    world: World
    mandate_id: str
    tables: Tables
    messages: Mapping[str, str]


@pytest.fixture(scope="module")
def beginning() -> Beginning:
    from tests.simulation import reality

    with reality.installed():
        world = World(1)
        world.slowest_call = 0.0  # every event in one second
        with world.entered():
            world.finish(world.put_customer())
            world.finish(world.post_checkout())
            (handed,) = world.handed
            tables = {name: dict(table.items) for name, table in world.aws.dynamodb.tables.items()}
            session = handed.checkout_session_id
            anothers = events_of_another_session(world, handed.mandate_id)
            world.stripe.decline(session)
            world.authorize(session)
            method = world.objects("payment_method")[-1]
            world.stripe.end_another_mandate(method["id"])
            used_up = world.objects("event")[-1]
            world.stripe.detach(method["id"])  # says mandate.updated, too
            world.stripe.delete_customer(method_customer(world))
            events = {event["type"]: event for event in world.objects("event")}
            expired = json.loads(json.dumps(events["checkout.session.completed"]))
            expired |= {"id": "evt_expired", "type": "checkout.session.expired"}
            expired["data"]["object"]["status"] = "expired"
            events["checkout.session.expired"] = expired
            events |= {USED_UP: used_up} | anothers
            assert len({event["created"] for event in events.values()}) == 1
            messages = {
                kind: EVENT.text(project(events[kind])) for kind in (*ORDINARY, *WITHDRAWALS, *NOT_OURS)
            }
    return Beginning(world, handed.mandate_id, tables, messages)


def events_of_another_session(world: World, mandate_id: str) -> dict[Told, Any]:
    """Somebody with the account's key has made a session for the same customer, with our metadata."""
    begun = len(world.objects("event"))
    session = world.forge(mandate_id, method_customer(world), OWNER_MARK)
    made = {event["type"]: event for event in world.objects("event")[begun:]}
    completed = made["checkout.session.completed"]
    assert completed["data"]["object"]["id"] == session
    expired = json.loads(json.dumps(completed))
    expired |= {"id": "evt_anothers_expired", "type": "checkout.session.expired"}
    return dict(zip(ANOTHERS, (made["setup_intent.succeeded"], completed, expired), strict=True))


def method_customer(world: World) -> str:
    (customer,) = (one["id"] for one in world.objects("customer"))
    return str(customer)


def outcome(beginning: Beginning, batches: Sequence[Sequence[Told]]) -> tuple[Any, ...]:
    """The merged facts of the mandate and of all it may stand on, and its status, after these batches."""
    world = beginning.world
    for name, table in world.aws.dynamodb.tables.items():
        table.items.clear()
        table.items.update(beginning.tables[name])
    world.invariants = Invariants(world)
    with world.entered():
        for batch in batches:
            for kind in batch:
                if kind == REVOKE:
                    world.finish(world.revoke(CUSTOMER, beginning.mandate_id))
                elif kind in CALLS:
                    who = CUSTOMER if kind == BACK else STRANGER
                    world.finish(world.come_back(world.handed[0], who))
            events = [beginning.messages[kind] for kind in batch if kind not in CALLS]
            if events:
                failed: list[Any] = []
                world.finish(
                    world.start(
                        "process_webhook",
                        sqs_event(events),
                        lambda result, failed=failed: failed.extend(result["batchItemFailures"]),  # type: ignore[misc]
                    )
                )
                assert failed == []
        world.invariants.check()
        head = world.aws.items("mandates")[beginning.mandate_id, "head"]
        subjects = world.aws.items("stripe_subjects")
        return (
            head["facts"]["S"],
            {key: item["facts"]["S"] for key, item in sorted(subjects.items()) if "facts" in item},
            world.invariants.status(head),
        )


def expected_status(told: frozenset[Told]) -> str:
    """By the table of docs/architecture.md. The set-up tells which payment method is the mandate's; what is
    another's counts for nothing."""
    set_up = "setup_intent.succeeded" in told
    of_its_method = {"mandate.updated", "payment_method.detached"} if set_up else set()
    if told & {REVOKE, "customer.deleted", *of_its_method}:
        return "revoked"
    if set_up:
        return "active"
    return "expired" if "checkout.session.expired" in told else "pending"


def sample(random: Random) -> list[list[Told]]:
    """Some of the events in some order, one of them twice, cut into batches, perhaps with a revocation."""
    kinds = random.sample(ORDINARY, random.randint(1, len(ORDINARY)))
    if random.random() < 0.6:
        kinds += random.sample(WITHDRAWALS, random.randint(1, len(WITHDRAWALS)))
    if random.random() < 0.4:
        kinds += random.sample(NOT_OURS, random.randint(1, len(NOT_OURS)))
    random.shuffle(kinds)
    kinds.insert(random.randint(0, len(kinds)), random.choice(kinds))
    batches: list[list[Told]] = [[]]
    for kind in kinds:
        if random.random() < 0.4:
            batches.append([])
        batches[-1].append(kind)
    for call in CALLS:
        if random.random() < (0.3 if call == REVOKE else 0.1):
            batches.insert(random.randint(0, len(batches)), [call])
    return [batch for batch in batches if batch]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_order_of_the_same_events_has_the_same_outcome(part: int, beginning: Beginning) -> None:
    random = Random(f"any order {part}")
    known: dict[frozenset[Told], Any] = {}
    begun = time.process_time()
    for _ in range(SAMPLES // PARTS):
        batches = sample(random)
        told = frozenset(kind for batch in batches for kind in batch)
        if told not in known:
            known[told] = outcome(beginning, [[kind] for kind in sorted(told)])
            assert known[told][2] == expected_status(told), told
        assert outcome(beginning, batches) == known[told], batches
    spent = time.process_time() - begun
    runs = SAMPLES // PARTS + len(known)
    each = 1000 * spent / runs
    print(f"{SAMPLES // PARTS} samples of {len(known)} sets of events: {each:.1f} ms of CPU each")
    assert {expected_status(told) for told in known} == {"revoked", "active", "expired", "pending"}
