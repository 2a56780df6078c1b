"""The guards of refunds, disputes and cancellations: each with a way to take it away, and with the race,
crash or message that it is there for."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.stripe_simulator.resources.disputes import Open
from mandates.charges import canceling, refund_orders, refunding
from mandates.core.charging import refunds
from mandates.core.charging.ids import refund_id_of_stripe
from mandates.core.charging.refunds import RefundReason
from mandates.gateway.refunds import StripeRefunds
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, RegisterRow
from mandates.store.dynamodb import Transaction
from tests.simulation.charge_scenarios import HOUR, advanced, charged, looked_after
from tests.simulation.charging import SOFT
from tests.simulation.removals import Removal, unconditional
from tests.simulation.steering import on_to, told
from tests.simulation.tasks import Fault
from tests.simulation.world import World

Scenario = Callable[[World], None]
SEND = "POST /v1/refunds"


# ------------------------------------------------------------------------------------------ removals


def _no_reason(*ignored: RefundReason) -> Removal:
    def remove(patch: pytest.MonkeyPatch) -> None:
        real = refunds.refund_reasons

        def others(*arguments: Any) -> list[RefundReason]:
            return [reason for reason in real(*arguments) if reason not in ignored]

        patch.setattr(refund_orders, "refund_reasons", others)

    return remove


def _unconditional_charges(patch: pytest.MonkeyPatch) -> None:
    """Head and entry have the same condition each."""
    unconditional(Transaction, "update", ChargeRow)(patch)
    unconditional(Transaction, "put", ChargeEntryRow)(patch)


def _new_key_each_time(patch: pytest.MonkeyPatch) -> None:
    real = StripeRefunds.create

    def unkeyed(self: StripeRefunds, params: Any, *, idempotency_key: str) -> Any:
        return real(self, params, idempotency_key=os.urandom(16).hex())

    patch.setattr(StripeRefunds, "create", unkeyed)


def _sent_for_days(patch: pytest.MonkeyPatch) -> None:
    for name in ("KEY_SECONDS", "GIVE_UP_SECONDS"):
        patch.setattr(refunds, name, 99 * HOUR)


def _by_stripes_id(_known: Any, charge_id: str, refund: Any) -> str:
    return refund_id_of_stripe(charge_id, refund.stripe_refund_id)


REFUND_GUARDS: Mapping[str, Removal] = {
    "room of a refund": _no_reason(RefundReason.MORE_THAN_LEFT, RefundReason.NOTHING_LEFT),
    "refund's write condition": _unconditional_charges,
    "dispute that refuses a refund": _no_reason(RefundReason.DISPUTED),
    "register's open disputes": lambda patch: patch.setattr(
        RegisterRow, "is_undisputed", classmethod(lambda _: None)
    ),
    "refund's idempotency key": _new_key_each_time,
    "end of a refund's key": _sent_for_days,
    "look at Stripe's refunds": lambda patch: patch.setattr(
        refunding.Following, "read", lambda _, charge: charge
    ),
    "our id in a refund's metadata": lambda patch: patch.setattr(refunds, "our_refund_id", _by_stripes_id),
    "end of a cancelled charge": lambda patch: patch.setattr(
        canceling, "end_now", lambda charge, *_, **__: charge
    ),
}


# ----------------------------------------------------------------------------------------- scenarios


def paid(world: World) -> str:
    """The id of a charge that took 1,000."""
    charged(world)
    (charge_id,) = world.invariants.charges.ids(succeeded=True)
    return charge_id


def dispute(world: World) -> None:
    (intent_id,) = world.charging.intents("succeeded")
    world.charging.dispute(intent_id, Open())
    told(world, "charge.dispute.created")


def refunded_twice(world: World) -> None:
    charge_id = paid(world)
    for key in ("one", "two"):
        world.finish(world.charging.refund(charge_id, key, 600))
    world.converge()


def two_refunds_at_once(world: World) -> None:
    """Both are decided on before either is written."""
    charge_id = paid(world)
    both = [world.charging.refund(charge_id, key, 600) for key in ("one", "two")]
    for task in both:
        on_to(world, task, "TransactWriteItems")
    for task in both:
        world.go_on(task)
        world.invariants.check()
    for task in both:
        world.finish(task)
    world.converge()


def refunded_while_disputed(world: World) -> None:
    charge_id = paid(world)
    dispute(world)
    world.finish(world.charging.refund(charge_id, "one", 100))
    world.converge()


def disputed_before_the_next_is_reserved(world: World) -> None:
    """Everything is decided and read; the reservation is next."""
    handed = charged(world)
    task = world.charging.post(world.charging.order(handed.mandate_id))
    on_to(world, task, "TransactWriteItems")
    dispute(world)
    world.finish(task)
    world.converge()


def sent_by_two(world: World) -> None:
    """The request is slow, and the queue's consumer has begun to follow it up."""
    charge_id = paid(world)
    slow = world.charging.refund(charge_id, "one", 300)
    on_to(world, slow, SEND)
    world.clock.now += 121
    world.finish(world.charging.look_for_due())
    second = world.poll_charges()
    assert second
    on_to(world, second, SEND)
    for task in (slow, second):
        world.finish(task)
        world.invariants.check()
    world.converge()


def unanswered(world: World, fault: Fault) -> None:
    slow = world.charging.refund(paid(world), "one", 300)
    on_to(world, slow, SEND)
    world.go_on(slow, fault)
    world.finish_all()


def never_sent_for_a_day(world: World) -> None:
    unanswered(world, Fault.CRASH_BEFORE)
    looked_after(world, 25 * HOUR)
    world.converge()


def sent_and_not_heard_of_for_a_day(world: World) -> None:
    unanswered(world, Fault.CRASH_AFTER)
    looked_after(world, 25 * HOUR)
    world.converge()


def found_at_stripe(world: World) -> None:
    unanswered(world, Fault.CRASH_AFTER)
    looked_after(world)
    world.converge()


def called_off_between_attempts(world: World) -> None:
    world.charging.script({"outcome": "declined", "code": SOFT, "times": 1})
    charged(world)
    (charge_id,) = world.invariants.charges.ids(succeeded=False)
    world.finish(world.charging.call_off(charge_id))
    world.pass_time(24 * HOUR)
    advanced(world)
    world.converge()


REFUND_SCENARIOS: Mapping[str, Scenario] = {
    "room of a refund": refunded_twice,
    "refund's write condition": two_refunds_at_once,
    "dispute that refuses a refund": refunded_while_disputed,
    "register's open disputes": disputed_before_the_next_is_reserved,
    "refund's idempotency key": sent_by_two,
    "end of a refund's key": never_sent_for_a_day,
    "look at Stripe's refunds": sent_and_not_heard_of_for_a_day,
    "our id in a refund's metadata": found_at_stripe,
    "end of a cancelled charge": called_off_between_attempts,
}
