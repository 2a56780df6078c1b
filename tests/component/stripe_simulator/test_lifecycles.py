"""The states of Stripe's objects: the tables hold, and nothing bypasses them."""

import ast
from contextlib import suppress
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
import stripe

from local.stripe_simulator import (
    DirectClient,
    NotPossible,
    PaymentPlan,
    RefundPlan,
    Settings,
    Simulator,
    resources,
)
from local.stripe_simulator.account import Account
from local.stripe_simulator.ids import random_ids
from local.stripe_simulator.lifecycle import ImpossibleTransition, Lifecycle
from local.stripe_simulator.resources import RESOURCES
from local.stripe_simulator.resources.balance import FailPayout
from local.stripe_simulator.resources.checkout_sessions import Choose
from local.stripe_simulator.resources.disputes import Open, State
from local.stripe_simulator.resources.refunds import Cancel, Fail, Succeed
from tests.component.stripe_simulator.sdk_types import CLASSES, hints_of, parts_of

LIFECYCLES = [one for resource in RESOURCES for one in resource.lifecycles]
EDGES = [(one, state, then) for one in LIFECYCLES for state, row in one.table.items() for then in row]
NO_EDGES = [
    (one, state, then)
    for one in LIFECYCLES
    for state, then in product(one.table, repeat=2)
    if then not in one.table[state]
]


def name_of(value: object) -> str:
    return value.kind if isinstance(value, Lifecycle) else str(value)


def an_account() -> Account:
    return Account(Settings(), lambda: 1_800_000_000.0, random_ids(Random(1)))


def thing_in(account: Account, one: Lifecycle, state: str) -> dict[str, Any]:
    """An object of this kind, in this state, by the shortest way through the table."""
    ways = [[one.first]]
    while ways[0][-1] != state:
        way = ways.pop(0)
        ways += [[*way, then] for then in one.table[way[-1]] if then not in way]
    thing = one.start(account, {"id": "x_1", "object": one.kind})
    for then in ways[0][1:]:
        one.move(account, thing, then)
    return thing


def announced(account: Account) -> list[str]:
    return [event["type"] for event in account.all("event")]


@pytest.mark.parametrize(("one", "state", "then"), EDGES, ids=name_of)
def test_every_transition_of_a_table(one: Lifecycle, state: str, then: str) -> None:
    account = an_account()
    thing = thing_in(account, one, state)
    before = len(announced(account))
    event = one.move(account, thing, then, {"colour": "red"})
    assert one.state_of(account, thing) == then
    assert thing["colour"] == "red"
    expected = one.table[state][then]
    assert announced(account)[before:] == ([] if expected is None else [expected])
    if event is None:
        assert expected is None
        return
    assert event["data"]["object"] == thing
    former = {"colour": None, "status": state} if event["type"].endswith(".updated") else None
    assert event["data"].get("previous_attributes") == former


@pytest.mark.parametrize(("one", "state", "then"), NO_EDGES, ids=name_of)
def test_an_impossible_transition_is_refused(one: Lifecycle, state: str, then: str) -> None:
    account = an_account()
    thing = thing_in(account, one, state)
    before, events = dict(thing), announced(account)
    assert not one.allows(account, thing, then)
    with pytest.raises(ImpossibleTransition, match=f"is {state}, so it can't become {then}") as refused:
        one.move(account, thing, then, {"colour": "red"})
    assert refused.value.status == 409
    assert isinstance(refused.value, NotPossible)
    assert (one.state_of(account, thing), thing, announced(account)) == (state, before, events)


def test_a_silent_transition_is_not_announced() -> None:
    account = an_account()
    (mandate,) = [one for one in LIFECYCLES if one.kind == "mandate"]
    thing = thing_in(account, mandate, "active")
    assert mandate.move(account, thing, "inactive", announce=False) is None
    assert (thing["status"], announced(account)) == ("inactive", [])


def test_a_table_without_a_row_for_a_state_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no row for \['lost'\] in the states of parcel"):
        Lifecycle("parcel", {"sent": {"lost": None}})


@pytest.mark.parametrize("one", LIFECYCLES, ids=name_of)
def test_stripe_knows_the_states_and_events(one: Lifecycle) -> None:
    """Compared with the SDK, which is generated from Stripe's OpenAPI document."""
    assert {type_ for row in one.table.values() for type_ in row.values() if type_} <= EVENT_TYPES
    assert one.created is None or one.created in EVENT_TYPES
    if one.shown:
        known = {
            value for part in parts_of(hints_of(CLASSES[one.kind])["status"]) for value in get_args(part)
        }
        assert not known or one.table.keys() <= known


def enumeration_of(class_: type[stripe.StripeObject], member: str) -> set[str]:
    """Empty where the SDK has a plain string."""
    return {value for part in parts_of(hints_of(class_)[member]) for value in get_args(part)}


EVENT_TYPES = enumeration_of(stripe.Event, "type")


def test_every_kind_with_a_status_has_a_table() -> None:
    shown = {one.kind for one in LIFECYCLES if one.shown}
    assert shown == {kind for kind, class_ in CLASSES.items() if "status" in hints_of(class_)}


def test_every_transition_can_be_caused_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API, the actions and time together cause every transition of every table."""
    met: set[tuple[str, str, str]] = set()
    move = Lifecycle.move

    def noted(self: Lifecycle, account: Account, thing: Any, state: str, *rest: Any, **named: Any) -> Any:
        before = self.state_of(account, thing)
        event = move(self, account, thing, state, *rest, **named)
        met.add((self.kind, before, state))
        return event

    monkeypatch.setattr(Lifecycle, "move", noted)
    a_life_at_stripe()
    assert met == {(one.kind, state, then) for one, state, then in EDGES}


def a_life_at_stripe() -> list[str]:
    """A story in which every transition happens. Returns the types of its events."""
    simulator = Simulator()
    sdk = stripe.StripeClient("sk_test_placeholder", http_client=DirectClient(simulator))
    client = sdk.v1
    endpoint = client.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]})
    client.webhook_endpoints.update(endpoint.id, {"disabled": True})
    client.webhook_endpoints.update(endpoint.id, {"disabled": False})
    customer = client.customers.create({})

    def session() -> str:
        return client.checkout.sessions.create(
            {
                "mode": "setup",
                "allowed_payment_method_types": ["amazon_pay"],
                "customer": customer.id,
                "success_url": "https://shop.example/",
            }
        ).id

    simulator.expire(session())
    left = session()
    simulator.act(left, Choose("amazon_pay"))
    simulator.act(left, Choose("amazon_pay"))
    simulator.advance(24 * 60 * 60)
    for _ in range(2):
        saved = session()
        simulator.decline(saved)
        simulator.authorize(saved)
    payments(simulator, sdk, customer.id)
    client.payment_methods.detach(client.payment_methods.list().data[0].id)
    client.customers.delete(customer.id)
    return [event["type"] for event in simulator.events()]


def payments(simulator: Simulator, client: stripe.StripeClient, customer: str) -> None:
    """Every transition of an intent and of a charge. The plan has the attempts in their order."""
    intents, method = client.v1.payment_intents, client.v1.payment_methods.list().data[0].id

    def intent() -> str:
        return intents.create({"amount": 4200, "currency": "usd", "customer": customer}).id

    def attempt(payment_intent: str, **outcome: Any) -> None:
        simulator.set_payments(PaymentPlan.parse({"payments": [outcome]}))
        with suppress(stripe.CardError):
            intents.confirm(payment_intent, {"payment_method": method, "off_session": True})

    intents.cancel(intent())
    paid = intent()
    attempt(paid, outcome="succeeded")
    refunds(simulator, client, paid)
    simulator.advance(5 * 24 * 60 * 60)
    simulator.act(client.v1.payouts.list().data[0].id, FailPayout())
    disputes(simulator, paid)
    for then in ("succeeded", "failed"):
        attempt(intent(), outcome="processing", then=then, seconds=60)
    simulator.advance(60)
    refused = intent()
    attempt(refused, outcome="declined")
    attempt(refused, outcome="requires_action")
    attempt(refused, outcome="declined")
    for outcome in ("processing", "succeeded", "requires_action"):
        waiting = intent()
        attempt(waiting, outcome="requires_action")
        attempt(waiting, outcome=outcome)
    intents.cancel(waiting)


def refunds(simulator: Simulator, client: stripe.StripeClient, paid: str) -> None:
    """Every transition of a refund."""

    def refund(**outcome: Any) -> str:
        simulator.set_refunds(RefundPlan.parse({"refunds": [outcome]}))
        return client.v1.refunds.create({"payment_intent": paid, "amount": 10}).id

    refund(outcome="succeeded", seconds=60)
    refund(outcome="failed", seconds=60, after_success=60)
    simulator.advance(60)
    for waits in (False, True):
        for action in (Succeed(), Fail(), Cancel()):
            simulator.act(refund(outcome="pending", requires_action=waits), action)


def disputes(simulator: Simulator, paid: str) -> None:
    """Every transition of a dispute."""
    inquiry = Open(status="warning_needs_response")
    ways: list[tuple[Open, list[State]]] = [
        (inquiry, ["warning_closed"]),
        (inquiry, ["warning_under_review", "warning_closed"]),
        (inquiry, ["warning_under_review", "needs_response", "won"]),
        (inquiry, ["needs_response", "under_review", "won"]),
        (Open(), ["prevented"]),
        (Open(), ["lost", "appeal_needs_response", "appeal_under_review", "won"]),
        (Open(), ["under_review", "lost", "appeal_needs_response", "appeal_under_review", "lost"]),
    ]
    for opened, way in ways:
        dispute = simulator.dispute(paid, opened)
        for status in way:
            simulator.move_dispute(dispute, status)


def test_every_event_of_a_life_is_in_a_table() -> None:
    tables = {type_ for one in LIFECYCLES for row in one.table.values() for type_ in row.values()}
    created = {one.created for one in LIFECYCLES}
    assert set(a_life_at_stripe()) <= tables | created | BESIDE_THE_TABLES


BESIDE_THE_TABLES = {
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.refunded",
    "charge.updated",
    "payout.reconciliation_completed",
    "refund.failed",
}
"""Further events about what a table or an amount announces."""


def states_written(source: str) -> list[int]:
    """The lines that write an object's state, or keep a new object, without its table."""
    lines = []
    nodes = list(ast.walk(ast.parse(source)))
    parts = [part for node in nodes if isinstance(node, ast.Dict) for part in node.values]
    for node in nodes:
        match node:
            case ast.Dict(keys=keys) if node not in parts:  # a hash within an object has no states
                lines += [
                    key.lineno for key in keys if isinstance(key, ast.Constant) and key.value == "status"
                ]
            case ast.Subscript(slice=ast.Constant(value="status" | "state"), ctx=ast.Store()):
                lines.append(node.lineno)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="account"), attr="add")):
                lines.append(node.lineno)
    return lines


def test_only_the_tables_write_states() -> None:
    sources = Path(resources.__path__[0]).glob("*.py")
    written = {source.name: states_written(source.read_text()) for source in sources}
    assert {name for name, lines in written.items() if lines} == set()


@pytest.mark.parametrize(
    "source",
    [
        'thing["status"] = "paid"',
        'thing |= {"status": "paid"}',
        "account.add(thing)",
        'unshown["state"] = "x"',
    ],
)
def test_writing_a_state_is_found(source: str) -> None:
    assert states_written(source) == [1]
