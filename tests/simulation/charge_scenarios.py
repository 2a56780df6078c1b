"""For each guard of charges, the race, crash or message that it is there for."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mandates.core.charging.calendar import calendar_period, day_of, start_of_day
from mandates.core.clock import Instant
from mandates.core.terms import Period
from tests.simulation.charge_invariants import FORGED
from tests.simulation.charging import CUSTOMER, SOFT, Ordered
from tests.simulation.dynamodb import Table
from tests.simulation.steering import on_to, told, worker_with
from tests.simulation.tasks import Fault, Task
from tests.simulation.world import Handed, World

Scenario = Callable[[World], None]
CONFIRM, HOUR = "/confirm", 3600


# ------------------------------------------------------------------------------------------ moments


def ordered(world: World, **body: Any) -> tuple[Handed, Ordered]:
    """A mandate that may be charged, and an order that was not sent yet."""
    handed = world.activate()
    return handed, world.charging.order(handed.mandate_id, **body)


def charged(world: World, **body: Any) -> Handed:
    handed, order = ordered(world, **body)
    world.finish(world.charging.post(order))
    return handed


def posted(world: World, operation: str, about: str = "", **body: Any) -> tuple[Handed, Task]:
    """The request is about to make that call."""
    handed, order = ordered(world, **body)
    task = world.charging.post(order)
    on_to(world, task, operation, about)
    return handed, task


def begins(world: World, **body: Any) -> tuple[Handed, Task]:
    """Everything is decided and read; the attempt's write is next."""
    handed, task = posted(world, "POST /v1/payment_intents", **body)
    world.go_on(task)
    on_to(world, task, "TransactWriteItems")
    return handed, task


def unanswered(world: World, fault: Fault = Fault.CRASH_BEFORE, **body: Any) -> Handed:
    """An attempt was begun, and nobody knows what came of it."""
    handed, task = posted(world, CONFIRM, **body)
    world.go_on(task, fault)
    world.finish_all()
    return handed


def rows(world: World) -> Table:
    return world.aws.dynamodb.tables["charges"]


def forget(world: World, key: tuple[str, str]) -> dict[tuple[str, ...], Any]:
    """The item that is not there any more."""
    return {key: rows(world).items.pop(key)}


def the_head(world: World) -> tuple[str, ...]:
    (key,) = (key for key in rows(world).items if key[1].startswith("charge#"))
    return key


def entries_of(world: World) -> int:
    return int(rows(world).items[the_head(world)]["entries"]["N"])


def last_entry(world: World) -> tuple[str, ...]:
    return max(key for key in rows(world).items if key[1].startswith("entry#"))


def looked_after(world: World, seconds: float = 121) -> None:
    """So much later, the schedule and the queue's consumer run."""
    world.pass_time(seconds)
    advanced(world)


def advanced(world: World) -> None:
    world.finish(world.charging.look_for_due())
    while task := world.poll_charges():
        world.finish(task)


# --------------------------------------------------------------------------------------- two at once


def one_request_twice(world: World) -> None:
    """The entry, the reference and the register have conditions of their own, so all are taken away."""
    _, order = ordered(world)
    slow = world.charging.post(order)
    on_to(world, slow, "TransactWriteItems")
    world.charging.script({"outcome": "declined", "code": CUSTOMER})
    world.finish(world.charging.post(order))
    items = rows(world).items
    for key in [key for key in items if key[1].startswith(("entry#", "reference#", "register"))]:
        del items[key]
    world.finish(slow)
    held = {row["used"]["N"] for key, row in items.items() if key[1].startswith("period#")}
    if held != {"1000"}:
        world.fail(f"one request holds {held}")


def overtaken_by_a_report_whose_entry_is_gone(world: World) -> None:
    """The entries' own condition would refuse it, too; so the entry is taken away."""
    _, task = posted(world, CONFIRM)
    world.go_on(task)
    on_to(world, task, "TransactWriteItems")
    told(world, "payment_intent.succeeded")
    told_entries = entries_of(world)
    del rows(world).items[last_entry(world)]
    world.finish(task)
    if entries_of(world) == told_entries:
        world.fail("the head was overwritten: our own answer counts as the entry that the event made")


def a_charge_from_an_old_backup(world: World) -> None:
    _, task = posted(world, CONFIRM)
    before = rows(world).items[the_head(world)]
    world.finish(task)
    rows(world).items[the_head(world)] = before
    (late,) = worker_with(world, "payment_intent.succeeded")
    late.faults.append(Fault.CONFLICT)  # that it comes back to the queue is right
    world.finish(late)


def one_report_twice_and_an_old_backup(world: World) -> None:
    """The head's condition would refuse the second, too; so the head is as before."""
    _, task = posted(world, CONFIRM)
    world.go_on(task, Fault.CRASH_AFTER)
    before = rows(world).items[the_head(world)]
    first, second = worker_with(world, "payment_intent.succeeded", copies=2)
    on_to(world, second, "TransactWriteItems")
    world.pass_time(2)
    world.finish(first)
    del rows(world).items[last_entry(world)]
    rows(world).items[the_head(world)] = before
    world.finish(second)


def one_report_twice(world: World) -> None:
    """The second looks whether it was applied before the first has done so."""
    _, task = posted(world, CONFIRM)
    world.finish(task)
    first, second = worker_with(world, "payment_intent.succeeded", copies=2)
    on_to(world, second, "BatchGetItem", "charges")
    world.finish(first)
    world.finish(second)
    world.converge()


def two_requests(first: Mapping[str, Any], second: Mapping[str, Any], *, registered: bool) -> Scenario:
    """Both were decided on before either is written. Unless it is `registered`, the register does not know of
    the first when the second is written: it would refuse the second, too."""

    def scenario(world: World) -> None:
        handed = world.activate()
        both = [
            world.charging.post(world.charging.order(handed.mandate_id, **body)) for body in (first, second)
        ]
        for task in both:
            on_to(world, task, "TransactWriteItems")
        world.go_on(both[0])
        world.invariants.check()
        known = {} if registered else forget(world, (handed.mandate_id, "register"))
        world.go_on(both[1])
        rows(world).items.update(known)
        world.invariants.check()
        for task in both:
            world.finish(task)
        world.converge()

    return scenario


# --------------------------------------------------------------------- what changes before the write


def revoked_before_it_is_written(world: World) -> None:
    handed, task = begins(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.finish(task)
    world.converge()


def withdrawn_before_it_is_written(withdraw: Callable[[World], Any], kind: str) -> Scenario:
    """The subject's own withdrawal is committed, and the mandate's ledger has not heard of it."""

    def scenario(world: World) -> None:
        _, task = begins(world)
        withdraw(world)
        (worker,) = worker_with(world, kind)
        on_to(world, worker, "UpdateItem", "stripe_subjects")
        world.go_on(worker)
        world.finish(task)
        world.converge()

    return scenario


def end_at_amazon(world: World) -> None:
    world.stripe.revoke_at_amazon(world.objects("payment_method")[-1]["id"])


def delete_customer(world: World) -> None:
    world.stripe.delete_customer(world.objects("customer")[-1]["id"])


def paused_before_it_is_written(world: World) -> None:
    _, task = begins(world)
    world.finish(world.charging.pause())
    world.finish(task)
    world.converge()


def the_tenth_decline_comes_in_between(world: World) -> None:
    handed = world.activate()
    world.charging.script({"outcome": "declined", "code": CUSTOMER})
    for _ in range(9):
        world.finish(world.charging.post(world.charging.order(handed.mandate_id, amount=100)))
    both = [world.charging.post(world.charging.order(handed.mandate_id, amount=100)) for _ in range(2)]
    for task in both:
        on_to(world, task, "POST /v1/payment_intents")
        world.go_on(task)
        on_to(world, task, "TransactWriteItems")
    for task in both:
        world.finish(task)
    world.converge()


# ---------------------------------------------------------------------------------- again and again


def declined_ever_again(world: World) -> None:
    """Soft declines for weeks, in a stack that retries every day; the business gave it 30 days."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETRY_DAYS", ",".join(map(str, range(1, 15))))
        handed = world.activate()
        world.charging.script({"outcome": "declined", "code": SOFT})
        charge_by = Instant(world.clock.now + 29 * 24 * HOUR).text
        world.finish(world.charging.post(world.charging.order(handed.mandate_id, charge_by=charge_by)))
        for _ in range(14):
            if (due := world.charging.next_due()) is None:
                break
            looked_after(world, max(0, due - world.clock.now) + 1)
        world.converge()


def another_body_under_the_key(world: World) -> None:
    handed = charged(world, key="one")
    before = world.counted["answer 422"]
    world.finish(world.charging.post(world.charging.order(handed.mandate_id, "one", amount=700)))
    if world.counted["answer 422"] == before:
        world.fail("another amount under the same key was not refused")
    world.converge()


def crash_after_the_intent_was_made(world: World) -> None:
    _, task = posted(world, "POST /v1/payment_intents")
    world.go_on(task, Fault.CRASH_AFTER)
    looked_after(world)
    world.converge()


def crash_after_the_confirm(world: World) -> None:
    unanswered(world, Fault.CRASH_AFTER)
    looked_after(world)
    world.converge()


def unanswered_for_a_day(world: World) -> None:
    unanswered(world)
    looked_after(world, 25 * HOUR)
    world.converge()


def unanswered_until_tomorrow(world: World) -> None:
    """Its key is still young, and a day's limit begins anew."""
    unanswered(world)
    today = calendar_period(Period.DAY, int(world.clock.now), world.terms.zone)
    assert today.end
    looked_after(world, today.end + 1 - world.clock.now)
    world.converge()


def withdrawn_before_it_is_repeated(world: World) -> None:
    handed = unanswered(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    looked_after(world)
    world.converge()


def withdrawn_before_it_is_ordered(world: World) -> None:
    handed, order = ordered(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.finish(world.charging.post(order))
    world.converge()


def withdrawn_before_it_is_begun(world: World) -> None:
    handed, task = begins(world)
    world.go_on(task, Fault.CRASH_BEFORE)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    looked_after(world)
    world.converge()


def crash_when_it_ends(world: World) -> None:
    """In the request that made it, so no queue repeats it."""
    handed, task = begins(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.go_on(task)
    on_to(world, task, "TransactWriteItems", "withdrawn")
    world.go_on(task, Fault.CRASH_AFTER)
    world.converge()


def stripe_is_down_for_cancellations(world: World) -> None:
    world.charging.script({"outcome": "declined", "code": SOFT, "times": 1})
    handed = charged(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    for shard in world.aws.shards:
        if task := world.poll_stream(shard):
            world.finish(task)
    release = world.poll_work()
    assert release
    while release in world.tasks.under_way:
        cancels = release.call is not None and str(release.call).endswith("/cancel")
        world.go_on(release, Fault.UNAVAILABLE if cancels else None)
    world.converge()


def released_without_a_withdrawal(world: World) -> None:
    """Somebody puts the wrong message in the queue."""
    world.charging.script({"outcome": "declined", "code": SOFT, "times": 1})
    handed = charged(world)
    world.aws.work.send(json.dumps({"format": 1, "mandate_id": handed.mandate_id}), world.clock.now)
    world.converge()


def a_clock_that_goes_back(world: World) -> None:
    """The intent is recorded, and there was no time for the attempt."""
    _, task = posted(world, "POST /v1/payment_intents")
    world.go_on(task)
    world.clock.now += 15
    world.finish(task)
    world.pass_time(121)
    world.finish(world.charging.look_for_due())
    world.clock.now -= 7200
    for message in world.aws.charges.messages.values():
        message.visible_at = world.clock.now
    while late := world.poll_charges():
        world.finish(late)
    world.converge()


def no_time_is_left(world: World) -> None:
    """Reading took so long that the confirm could not end before the function does."""
    _, task = posted(world, "POST /v1/payment_intents")
    world.go_on(task)
    world.clock.now += 15
    world.finish(task)
    if "attempt_begun" in rows(world).items[the_head(world)]["facts"]["S"]:
        world.fail("an attempt was begun for which there was no time")
    world.converge()


def two_made_an_intent(world: World) -> None:
    """Stripe has forgotten the first one's key, whose clock is a day behind."""
    _, slow = posted(world, "POST /v1/payment_intents")
    world.go_on(slow)
    world.clock.now += 25 * HOUR
    advanced(world)
    world.clock.now -= 25 * HOUR
    world.finish(slow)
    world.clock.now += 25 * HOUR
    world.converge()


def read_while_a_confirm_is_under_way(world: World) -> None:
    """The intent keeps the error of the attempt before, and the newest has not come to Stripe yet."""
    world.charging.script({"outcome": "declined", "code": SOFT, "times": 1})
    charged(world)
    world.pass_time(24 * HOUR + 1)
    world.finish(world.charging.look_for_due())
    slow = world.poll_charges()
    assert slow
    on_to(world, slow, CONFIRM)
    world.clock.now += 121
    world.finish(world.charging.look_for_due())
    second = world.poll_charges()
    assert second
    while second in world.tasks.under_way:
        lost = second.call is not None and CONFIRM in str(second.call)
        world.go_on(second, Fault.UNREACHABLE if lost else None)
    world.finish(slow)
    world.converge()


def somebody_elses_intent_with_our_marks(world: World) -> None:
    """Made with a key of the account, for a charge of ours that Stripe declined."""
    world.charging.script({"outcome": "declined", "code": CUSTOMER, "times": 1})
    charged(world)
    (ours,) = world.objects("payment_intent")
    (method,) = world.objects("payment_method")
    metadata = "&".join(f"metadata[{name}]={value}" for name, value in ours["metadata"].items())
    made = world.stripe_api(
        "POST",
        "/v1/payment_intents",
        f"amount=1000&currency=usd&customer={ours['customer']}&description={FORGED}"
        f"&allowed_payment_method_types[0]=amazon_pay&{metadata}",
    )
    world.stripe_api("POST", f"/v1/payment_intents/{made['id']}/confirm", f"payment_method={method['id']}")
    world.drain()
    world.invariants.converged()


# ------------------------------------------------------------------------------------ what withdraws


def released_with_an_open_charge(world: World) -> None:
    world.charging.script({"outcome": "declined", "code": SOFT, "times": 1})
    handed = charged(world)
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.converge()


def refused_for_a_mandate_that_is_in_order(world: World) -> None:
    world.charging.script({"outcome": "refused", "code": "payment_intent_mandate_invalid", "times": 1})
    charged(world)
    looked_after(world)
    world.converge()


def three_refused_for_mandates_that_are_in_order(world: World) -> None:
    world.charging.script({"outcome": "refused", "code": "payment_intent_mandate_invalid"})
    handed = world.activate()
    for _ in range(3):
        world.finish(world.charging.post(world.charging.order(handed.mandate_id, amount=100)))
    looked_after(world)
    if not world.charging.is_paused:
        world.fail("three errors about mandates in one hour do not pause charging")
    world.converge()


def ended_while_it_is_put_off(world: World) -> None:
    """Found as due; its success is recorded before it is made due later."""
    unanswered(world, Fault.CRASH_AFTER)
    world.pass_time(121)
    slow = world.charging.look_for_due()
    on_to(world, slow, "UpdateItem", "charges")
    told(world, "payment_intent.succeeded")
    world.finish(slow)
    world.invariants.check()
    world.converge()


# --------------------------------------------------------------------------------------------- notices


def noticed(world: World, **body: Any) -> Handed:
    """A mandate whose customer was told of a charge tomorrow, and tomorrow has begun."""
    handed = world.activate()
    world.finish(world.charging.notice(handed.mandate_id, 24 * HOUR, **body))
    begins = start_of_day(day_of(int(world.clock.now + 24 * HOUR), world.terms.zone), world.terms.zone)
    world.pass_time(begins - world.clock.now + HOUR)
    return handed


def two_charges_of_one_notice(world: World) -> None:
    """Both were decided on before either is written, and the register does not know of the first."""
    handed = noticed(world)
    both = [world.charging.post(world.charging.order(handed.mandate_id)) for _ in range(2)]
    for task in both:
        on_to(world, task, "TransactWriteItems")
    register = rows(world).items[handed.mandate_id, "register"]
    world.go_on(both[0])
    known = rows(world).items[handed.mandate_id, "register"]
    rows(world).items[handed.mandate_id, "register"] = register
    world.go_on(both[1])
    rows(world).items[handed.mandate_id, "register"] = known
    world.invariants.check()
    for task in both:
        world.finish(task)
    world.converge()


def one_notice_twice(world: World) -> None:
    """At the same moment; and the register does not know of the first."""
    handed = world.activate()
    both = [world.charging.notice(handed.mandate_id, 24 * HOUR) for _ in range(2)]
    for task in both:
        on_to(world, task, "TransactWriteItems")
    world.go_on(both[0])
    known = forget(world, (handed.mandate_id, "register"))
    world.go_on(both[1])
    rows(world).items.update(known)
    world.invariants.check()
    for task in both:
        world.finish(task)
    world.converge()


def revoked_before_the_notice_is_written(world: World) -> None:
    handed = world.activate()
    task = world.charging.notice(handed.mandate_id, 24 * HOUR)
    on_to(world, task, "TransactWriteItems")
    world.finish(world.revoke(handed.customer_id, handed.mandate_id))
    world.finish(task)
    world.converge()


def charged_before_the_hours_have_passed(world: World) -> None:
    handed = noticed(world)
    world.finish(world.charging.notice(handed.mandate_id, 3 * HOUR, amount=700))
    world.pass_time(HOUR)
    world.finish(world.charging.post(world.charging.order(handed.mandate_id, amount=700)))
    world.converge()


def begun_on_the_day_after_its_notice(world: World) -> None:
    """Reserved on the day, and whoever would begin it dies until the next one."""
    handed = noticed(world)
    task = world.charging.post(world.charging.order(handed.mandate_id))
    on_to(world, task, "POST /v1/payment_intents")
    world.go_on(task, Fault.CRASH_BEFORE)
    world.finish_all()
    looked_after(world, 24 * HOUR)
    world.converge()


ROOM = {"amount": 1_500}

CHARGE_SCENARIOS: Mapping[str, Scenario] = {
    "charge's own condition": one_request_twice,
    "charge's head condition": overtaken_by_a_report_whose_entry_is_gone,
    "charge's entry condition": a_charge_from_an_old_backup,
    "charge's event record condition": one_report_twice_and_an_old_backup,
    "applied read of a charge's event": one_report_twice,
    "register's condition": two_requests({"amount": 400}, {"amount": 400}, registered=True),
    "period's condition": two_requests(ROOM, ROOM, registered=False),
    "window's condition": two_requests({"amount": 400}, {"amount": 400}, registered=False),
    "reference's condition": two_requests({"reference": "one"}, {"reference": "one"}, registered=False),
    "notice's condition": two_charges_of_one_notice,
    "notice's own condition": one_notice_twice,
    "notice's condition on the mandate": revoked_before_the_notice_is_written,
    "hours of a notice": charged_before_the_hours_have_passed,
    "day of a notice": begun_on_the_day_after_its_notice,
    "attempt's condition on the mandate": revoked_before_it_is_written,
    "attempt's condition on the payment method": withdrawn_before_it_is_written(
        end_at_amazon, "mandate.updated"
    ),
    "attempt's condition on the customer": withdrawn_before_it_is_written(
        delete_customer, "customer.deleted"
    ),
    "attempt's condition on the pause": paused_before_it_is_written,
    "attempt's condition on the declines": the_tenth_decline_comes_in_between,
    "most attempts of a charge": declined_ever_again,
    "body of a repeated request": another_body_under_the_key,
    "intent's idempotency key": crash_after_the_intent_was_made,
    "attempt's idempotency key": crash_after_the_confirm,
    "end of an attempt's key": unanswered_for_a_day,
    "decision before a confirm is repeated": withdrawn_before_it_is_repeated,
    "period of a repeated confirm": unanswered_until_tomorrow,
    "decision before a charge is reserved": withdrawn_before_it_is_ordered,
    "decision before an attempt is begun": withdrawn_before_it_is_begun,
    "newest time of a charge": a_clock_that_goes_back,
    "seconds left to begin an attempt": no_time_is_left,
    "cancellation of an intent made in vain": two_made_an_intent,
    "intent that is read while a confirm is under way": read_while_a_confirm_is_under_way,
    "intent of an event": somebody_elses_intent_with_our_marks,
    "end of the charges before the release": released_with_an_open_charge,
    "cancellation before the end": crash_when_it_ends,
    "cancellation before the payment method's release": stripe_is_down_for_cancellations,
    "withdrawal before the release": released_without_a_withdrawal,
    "look at Stripe's mandate": refused_for_a_mandate_that_is_in_order,
    "pause after errors about mandates": three_refused_for_mandates_that_are_in_order,
    "due time as it was found": ended_while_it_is_put_off,
}

OTHER_TERMS: Mapping[str, str] = {
    "window's condition": "one time",
    "end of an attempt's key": "no period",
    "notice's condition": "notice",
    "notice's own condition": "notice",
    "notice's condition on the mandate": "notice",
    "hours of a notice": "notice",
    "day of a notice": "notice",
}
"""By scenario; the others are played under terms with a daily limit."""
