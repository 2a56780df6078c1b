"""Each guard, taken away, is missed: the same scenario passes with it, and is a violation without.

A scenario stops an invocation before a certain call, lets others overtake it, and goes on: the race, crash or
message that the guard is there for. Many more in random worlds: `python -m tests.simulation.soak`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.component.world import CUSTOMER, STRANGER
from tests.simulation.charge_scenarios import CHARGE_SCENARIOS, OTHER_TERMS
from tests.simulation.charging import DAILY_LIMIT
from tests.simulation.guards import GUARDS
from tests.simulation.invariants import Invariants
from tests.simulation.refund_guards import REFUND_SCENARIOS
from tests.simulation.steering import on_to, opened, told, worker_with
from tests.simulation.tasks import Fault
from tests.simulation.world import URLS, Violation, World

Scenario = Callable[[World], None]


# ------------------------------------------------------------------------------------- the scenarios


def two_workers_with_one_event(world: World) -> None:
    """The second looks whether it is known before the first has applied it, and for the head afterwards."""
    world.authorize(opened(world).checkout_session_id)
    first, second = worker_with(world, "setup_intent.succeeded", copies=2)
    on_to(world, first, "BatchGetItem", "mandates")
    world.go_on(first)  # the records; the heads come next
    world.finish(second)
    world.finish(first)
    world.converge()


def two_workers_with_one_withdrawal(world: World) -> None:
    """It is told to no mandate yet, so nothing but its record says that it was applied."""
    world.authorize(opened(world).checkout_session_id)
    detach(world)
    first, second = worker_with(world, "payment_method.detached", copies=2)
    on_to(world, first, "UpdateItem", "stripe_subjects")
    world.finish(second)
    world.finish(first)
    world.converge()


def one_event_again(world: World) -> None:
    world.authorize(opened(world).checkout_session_id)
    first, second = worker_with(world, "setup_intent.succeeded", copies=2)
    world.finish(first)
    world.finish(second)
    world.converge()


def overtaken_by_a_writer_whose_entry_is_gone(world: World) -> None:
    """The entries' own condition would refuse it, too; so the entry is taken away."""
    handed = opened(world)
    world.authorize(handed.checkout_session_id)
    (slow,) = worker_with(world, "checkout.session.completed")
    on_to(world, slow, "TransactWriteItems")
    told(world, "setup_intent.succeeded")
    rows = world.aws.dynamodb.tables["mandates"].items
    del rows[max(key for key in rows if key[0] == handed.mandate_id and key[1].startswith("entry#"))]
    world.finish(slow)
    if "setup_succeeded" not in rows[handed.mandate_id, "head"]["facts"]["S"]:
        world.fail("the head was overwritten, and a fact is lost")


def a_head_from_an_old_backup(world: World) -> None:
    """What the head does not know of any more must not be written over."""
    handed = opened(world)
    head = handed.mandate_id, "head"
    world.authorize(handed.checkout_session_id)
    rows = world.aws.dynamodb.tables["mandates"].items
    before = rows[head]
    told(world, "setup_intent.succeeded")
    rows[head] = before
    (late,) = worker_with(world, "checkout.session.completed")
    late.faults.append(Fault.CONFLICT)  # that it comes back to the queue is right
    world.finish(late)


def an_altered_entry(world: World) -> None:
    handed = opened(world)
    world.invariants.check()
    rows = world.aws.dynamodb.tables["mandates"].items
    consent = handed.mandate_id, "entry#000001"
    rows[consent] = {**rows[consent], "text": {"S": "By continuing, you authorize us to do as we like."}}
    world.invariants = Invariants(world)
    world.invariants.wrote_to(handed.mandate_id)
    try:
        world.invariants.check()
    except Violation:
        world.violation = None
    else:
        world.fail("an altered entry goes unnoticed")


def withdrawn_while_being_activated(withdraw: Callable[[World], Any], kind: str) -> Scenario:
    def scenario(world: World) -> None:
        world.authorize(opened(world).checkout_session_id)
        (slow,) = worker_with(world, "setup_intent.succeeded")
        on_to(world, slow, "TransactWriteItems")
        withdraw(world)
        told(world, kind)
        world.finish(slow)
        world.converge()

    return scenario


def withdrawn_before_it_is_activated(
    withdraw: Callable[[World], Any], kind: str, *, mandate: bool = True
) -> Scenario:
    """Without a mandate at Stripe, a detached payment method is told of by one event alone."""

    def scenario(world: World) -> None:
        world.authorize(opened(world).checkout_session_id, mandate=mandate)
        withdraw(world)
        told(world, kind)
        told(world, "setup_intent.succeeded")
        world.converge()

    return scenario


def end_at_amazon(world: World) -> None:
    world.stripe.revoke_at_amazon(world.objects("payment_method")[-1]["id"])


def detach(world: World) -> None:
    world.stripe.detach(world.objects("payment_method")[-1]["id"])


def delete_customer(world: World) -> None:
    world.stripe.delete_customer(world.objects("customer")[-1]["id"])


def crash_before_a_deletion_is_told(world: World) -> None:
    """In one second with Stripe's own word, so that ours is the one that stays."""
    handed = opened(world)
    world.authorize(handed.checkout_session_id)
    world.drain()
    world.clock.now = float(int(world.clock.now) + 1)
    delete_customer(world)
    task = world.put_customer(email="ann@shop.example")
    on_to(world, task, "TransactWriteItems", "mandates")
    world.go_on(task, Fault.CRASH_BEFORE)
    world.converge()


def crash_after_the_customer_was_made(world: World) -> None:
    task = world.put_customer()
    on_to(world, task, "stripe POST /v1/customers")
    world.go_on(task, Fault.CRASH_AFTER)
    world.finish(world.put_customer())
    world.converge()


def crash_after_the_session_was_made(world: World) -> None:
    world.finish(world.put_customer())
    task = world.post_checkout()
    on_to(world, task, "stripe POST /v1/checkout/sessions")
    world.go_on(task, Fault.CRASH_AFTER)
    world.finish(world.post_checkout())
    world.converge()


def two_first_visits_at_once(world: World) -> None:
    both = [world.put_customer(), world.put_customer()]
    for task in both:
        on_to(world, task, "PutItem", "customers")
    for task in both:
        world.finish(task)
    world.converge()


def a_double_click(world: World) -> None:
    world.finish(world.put_customer())
    both = [world.post_checkout(), world.post_checkout()]
    for task in both:
        on_to(world, task, "TransactWriteItems", "checkout")
    for task in both:
        world.finish(task)
    world.invariants.check()
    world.converge()


def ever_another_checkout(world: World) -> None:
    world.finish(world.put_customer())
    for number in range(12):
        world.finish(world.post_checkout(url=URLS[number % 2]))
        world.invariants.check()
    world.pass_time(3600)
    world.finish(world.post_checkout(locale="de"))
    world.converge()


def stripe_will_not_end_it(fault: Fault) -> Scenario:
    """Another checkout begins, and what Stripe says of the open session is not that it has ended."""

    def scenario(world: World) -> None:
        opened(world)
        task = world.post_checkout(url=URLS[1])
        on_to(world, task, "/expire")
        world.go_on(task, fault)
        world.finish(task)
        world.invariants.check()
        world.finish(world.post_checkout(url=URLS[1]))
        world.converge()

    return scenario


def stripe_does_not_know_it(world: World) -> None:
    opened(world)
    task = world.post_checkout()
    on_to(world, task, "stripe GET /v1/checkout/sessions/")
    world.go_on(task, Fault.MISSING)
    world.finish(task)
    world.invariants.check()
    world.converge()


LONGER_THAN_ANY_SCENARIO = 3000.0


def erased_between_reading_and_writing(world: World) -> None:
    """There is no slot yet, whose own condition would refuse the checkout."""
    world.finish(world.put_customer())
    task = world.post_checkout()
    on_to(world, task, "TransactWriteItems", "checkout")
    world.finish(world.erase())
    world.finish(task)
    world.converge()


def begun_while_being_erased(world: World) -> None:
    world.aws.longest_index_lag = LONGER_THAN_ANY_SCENARIO
    opened(world)
    erasing = world.erase()
    on_to(world, erasing, "DeleteItem", "customers")
    world.finish(world.post_checkout(url=URLS[1]))
    world.finish(erasing)
    world.converge()


def renewed_while_being_erased(world: World) -> None:
    opened(world)
    erasing = world.erase()
    on_to(world, erasing, "DeleteItem", "customers")
    delete_customer(world)
    told(world, "customer.deleted")
    world.finish(world.put_customer())
    world.finish(erasing)
    world.converge()


def replaced_and_erased(world: World) -> None:
    """The index knows neither of the two yet."""
    world.aws.longest_index_lag = LONGER_THAN_ANY_SCENARIO
    opened(world)
    world.finish(world.post_checkout(url=URLS[1]))
    world.finish(world.erase())
    world.converge()


def renewed_and_erased(world: World) -> None:
    world.finish(world.put_customer())
    delete_customer(world)
    told(world, "customer.deleted")
    world.finish(world.put_customer())
    world.finish(world.erase())
    world.converge()


def begun_and_broken_off(world: World) -> str:
    """A mandate that does not know its session yet: its customer is all that an event can be held against."""
    world.finish(world.put_customer())
    task = world.post_checkout()
    on_to(world, task, "stripe POST /v1/checkout/sessions")
    world.go_on(task, Fault.CRASH_BEFORE)
    (head,) = world.invariants.heads()
    return str(head["mandate_id"]["S"])


def two_return_pages_at_once(world: World) -> None:
    handed = opened(world)
    both = [world.return_page(handed), world.return_page(handed)]
    for task in both:
        on_to(world, task, "UpdateItem", "stripe_subjects")
        world.pass_time(1)
    for task in both:
        world.finish(task)
    world.converge()


def stripe_does_not_know_what_is_withdrawn(call: str, *, authorised: bool) -> Scenario:
    def scenario(world: World) -> None:
        handed = opened(world)
        if authorised:
            world.authorize(handed.checkout_session_id)
        world.drain()  # what came later would lead to another try
        world.finish(world.revoke(handed.customer_id, handed.mandate_id))
        for shard in world.aws.shards:
            if task := world.poll_stream(shard):
                world.finish(task)
        task = world.poll_work()
        assert task
        on_to(world, task, call)
        world.go_on(task, Fault.MISSING)
        world.finish(task)
        world.converge()

    return scenario


def two_come_back_at_once(world: World) -> None:
    """The one that looked at its clock first is the second to write."""
    handed = opened(world)
    slow = world.come_back(handed, CUSTOMER)
    on_to(world, slow, "TransactWriteItems", "mandates")
    world.pass_time(2)
    world.finish(world.come_back(handed, CUSTOMER))
    world.finish(slow)
    world.converge()


def another_comes_back(world: World) -> None:
    handed = opened(world)
    world.finish(world.come_back(handed, STRANGER))
    world.converge()


def somebody_guesses_the_token(world: World) -> None:
    handed = opened(world)
    for who in (CUSTOMER, STRANGER):
        world.finish(world.come_back(handed, who, wrong=True))
    world.converge()


def a_session_of_another_customer(world: World) -> None:
    """It names our mandate and carries our mark."""
    mandate_id = begun_and_broken_off(world)
    opened(world, STRANGER)
    world.forge(mandate_id, world.objects("customer")[-1]["id"], "test-stack")
    world.converge()


def another_session_of_the_same_customer(world: World) -> None:
    """With our mark and the mandate's id in its metadata, made by somebody with a key of the account."""
    world.forge(opened(world).mandate_id, world.objects("customer")[-1]["id"], "test-stack")
    world.converge()


def a_session_of_another_stack(world: World) -> None:
    """Same mandate id, same Stripe customer: two stacks made from one backup, say."""
    world.forge(begun_and_broken_off(world), world.objects("customer")[-1]["id"], "another-stack")
    world.converge()


SCENARIOS: Mapping[str, Scenario] = {
    "event record condition": two_workers_with_one_event,
    "event record condition of what changes no mandate": two_workers_with_one_withdrawal,
    "head condition": overtaken_by_a_writer_whose_entry_is_gone,
    "entry condition": a_head_from_an_old_backup,
    "chain check": an_altered_entry,
    "payment method's condition of activation": withdrawn_while_being_activated(
        end_at_amazon, "mandate.updated"
    ),
    "customer's condition of activation": withdrawn_while_being_activated(
        delete_customer, "customer.deleted"
    ),
    "payment method read before activation": withdrawn_before_it_is_activated(
        detach, "payment_method.detached"
    ),
    "customer read before activation": withdrawn_before_it_is_activated(delete_customer, "customer.deleted"),
    "customer's idempotency key": crash_after_the_customer_was_made,
    "session's idempotency key": crash_after_the_session_was_made,
    "customer claim": two_first_visits_at_once,
    "checkout slot condition": a_double_click,
    "limit of new sessions": ever_another_checkout,
    "end of the session before": stripe_will_not_end_it(Fault.REJECTED),
    "session that Stripe does not know": stripe_does_not_know_it,
    "withdrawn payment method that Stripe does not know": stripe_does_not_know_what_is_withdrawn(
        "/detach", authorised=True
    ),
    "withdrawn session that Stripe does not know": stripe_does_not_know_what_is_withdrawn(
        "/expire", authorised=False
    ),
    "checkout's check of the customer's claim": erased_between_reading_and_writing,
    "customer's condition of an erasure": renewed_while_being_erased,
    "checkout slot's condition of an erasure": begun_while_being_erased,
    "checkouts of the hour before": replaced_and_erased,
    "Stripe customers of before": renewed_and_erased,
    "customer match of events": a_session_of_another_customer,
    "checkout match of events": another_session_of_the_same_customer,
    "ownership of events": a_session_of_another_stack,
    "tombstones of withdrawn subjects": withdrawn_before_it_is_activated(
        detach, "payment_method.detached", mandate=False
    ),
    "telling of a deletion that was found out": crash_before_a_deletion_is_told,
    "applied read": one_event_again,
    "one entry for whoever comes back": two_come_back_at_once,
    "the token of a return": somebody_guesses_the_token,
    "whose a return is": another_comes_back,
    "pause between questions about a session": two_return_pages_at_once,
    **CHARGE_SCENARIOS,
    **REFUND_SCENARIOS,
}


def play(guard: str) -> None:
    world = World(7, terms=OTHER_TERMS.get(guard, DAILY_LIMIT))
    with world.entered():
        SCENARIOS[guard](world)
        world.raise_violation()


def test_every_guard_has_a_scenario() -> None:
    assert SCENARIOS.keys() == GUARDS.keys()


@pytest.mark.parametrize("guard", GUARDS)
def test_with_the_guard_all_is_well(guard: str) -> None:
    play(guard)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_the_guard_it_is_noticed(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    GUARDS[guard](monkeypatch)
    with pytest.raises(Violation) as noticed:
        play(guard)
    print(f"{guard}: {str(noticed.value).partition('\n')[0]}")
