"""A charge is called off: before, between and during its attempts, and whatever Stripe says about that."""

from collections.abc import Callable
from typing import Any

import pytest

from local.stripe_simulator.resources.payment_intents import Fail, Succeed
from mandates.charges.canceling import cancel_charge
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.facts import ChargeKind, newest_attempt
from mandates.core.charging.head import Charge
from mandates.core.clock import Instant
from mandates.core.errors import ChargeIsFinal, NotFound, StripeUnavailable
from mandates.revocation.revoking import revoke
from mandates.runtime import telemetry
from mandates.store import charging_switch
from mandates.store.charges import open_charges
from tests.component.advancing import Till, till_of
from tests.component.test_erasing_meanwhile import before_write
from tests.component.test_revoking import DOWN
from tests.component.world import World, stripes_clock

CANCELED, PROCESSING, SUCCEEDED = ChargeStatus.CANCELED, ChargeStatus.PROCESSING, ChargeStatus.SUCCEEDED
DECLINED = {"outcome": "declined", "code": "payment_method_provider_decline"}
BY = "the-back-end"
CANCELS = {"method": "POST", "endpoint": "POST /v1/payment_intents/:id/cancel"}


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def called_off(till: Till, charge_id: str) -> Charge:
    return cancel_charge(charge_id, BY, "api:cancel_charge", till.gateway, stripes_clock)


def when(till: Till, called: str, happens: Callable[[], object], *, done: bool) -> None:
    """Once, at the next request to Stripe whose path ends so: before Stripe has it, or after it is done."""

    def reached(_method: str, url: str) -> None:
        if url.endswith(called):
            till.http.before = till.http.after = lambda _method, _url: None
            happens()

    setattr(till.http, "after" if done else "before", reached)


def is_over(till: Till, charge: Charge, confirms: int) -> None:
    """Nothing is left here or at Stripe, and nothing follows."""
    assert charge.status is CANCELED
    assert till.intent(charge.charge_id)["status"] == "canceled"
    assert till.advance(charge.charge_id).status is CANCELED
    assert (len(till.sent("/confirm")), till.taken, till.used) == (confirms, [], 0)
    assert open_charges(till.mandate_id) == []


def test_between_two_attempts_nothing_follows(till: Till) -> None:
    """The end has the first actor: a repeat changes nothing."""
    till.script(DECLINED)
    charge_id = till.reserve()
    assert till.advance(charge_id).status is ChargeStatus.RETRYING
    canceled = called_off(till, charge_id)
    assert canceled.facts[ChargeKind.ENDING].detail == {"reason": "canceled", "actor": BY}
    again = cancel_charge(charge_id, "another", "ops:charges", till.gateway, stripes_clock)
    assert again == canceled == till.read(charge_id)
    assert canceled.due_at is None
    is_over(till, canceled, confirms=1)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_nothing_follows_a_cancellation_a_pause_or_a_withdrawal_between_attempts(
    till: Till, attempts: int
) -> None:
    """polarsource/polar#6542: a subscription was cancelled while its payment was being retried, and retries
    went on."""
    till.script(DECLINED)
    canceled, paused, withdrawn = charges = [till.reserve(100) for _ in range(3)]
    for charge_id in charges:
        till.advance(charge_id)
    for _ in range(attempts - 1):
        for charge_id in charges:
            till.when_due(charge_id)
    confirms = len(till.sent("/confirm"))
    assert confirms == 3 * attempts
    called_off(till, canceled)
    charging_switch.pause("ann", "", Instant(0))
    assert till.when_due(paused).status is ChargeStatus.RETRYING
    revoke(till.mandate_id, by="customer", reason="", clock=stripes_clock)
    assert [till.to_its_end(charge_id).status for charge_id in (paused, withdrawn)] == [CANCELED, CANCELED]
    till.script()
    assert {till.advance(charge_id).status for charge_id in charges} == {CANCELED}
    assert {till.intent(charge_id)["status"] for charge_id in charges} == {"canceled"}
    assert (len(till.sent("/confirm")), till.taken, till.used) == (confirms, [], 0)


def test_before_stripe_was_asked_there_is_nothing_to_cancel(till: Till) -> None:
    charge_id = till.reserve()
    assert called_off(till, charge_id).status is CANCELED
    assert till.advance(charge_id).status is CANCELED
    assert (till.sent(""), till.used) == ([], 0)


def test_while_the_intent_is_created(till: Till) -> None:
    charge_id = till.reserve()
    when(till, "/payment_intents", lambda: called_off(till, charge_id), done=True)
    is_over(till, till.advance(charge_id), confirms=0)


@pytest.mark.parametrize("attempt", [1, 2])
def test_while_an_attempt_is_begun(till: Till, attempt: int) -> None:
    """It was permitted, and loses to the end."""
    charge_id = till.reserve()
    if attempt == 2:
        till.script(DECLINED)
        till.advance(charge_id)
    with before_write(0, lambda: called_off(till, charge_id)) as stopped:
        charge = till.advance(charge_id) if attempt == 1 else till.when_due(charge_id)
    assert stopped
    assert newest_attempt(charge.facts) == attempt - 1
    is_over(till, charge, confirms=attempt - 1)


def test_before_stripe_has_the_confirm_it_takes_nothing(till: Till) -> None:
    charge_id = till.reserve()
    when(till, "/confirm", lambda: called_off(till, charge_id), done=False)
    is_over(till, till.advance(charge_id), confirms=1)


def test_after_the_money_was_taken_it_says_so(till: Till) -> None:
    charge_id, said = till.reserve(), list[Any]()

    def too_late() -> None:
        with pytest.raises(ChargeIsFinal) as refused:
            called_off(till, charge_id)
        said.append(refused.value.extra)

    when(till, "/confirm", too_late, done=True)
    assert till.advance(charge_id).status is SUCCEEDED
    too_late()
    assert said == [{"charge_status": "succeeded"}] * 2
    assert (till.taken, till.used) == ([1_000], 1_000)


@pytest.mark.parametrize(
    ("decided", "ended"), [(Succeed(), SUCCEEDED), (Fail("payment_method_provider_decline"), CANCELED)]
)
def test_while_stripe_has_not_decided_it_is_processing(till: Till, decided: Any, ended: ChargeStatus) -> None:
    till.script({"outcome": "processing"})
    charge_id = till.reserve()
    till.advance(charge_id)
    assert [called_off(till, charge_id).status for _ in range(2)] == [PROCESSING, PROCESSING]
    till.world.stripe.core.act(till.intent(charge_id)["id"], decided)
    assert till.to_its_end(charge_id).status is ended
    assert len(till.sent("/confirm")) == 1


def test_what_stripe_cannot_cancel_now_is_cancelled_later(till: Till) -> None:
    till.script(DECLINED)
    charge_id = till.reserve()
    till.advance(charge_id)
    till.world.faults({**DOWN, **CANCELS})
    assert called_off(till, charge_id).status is PROCESSING
    till.world.faults()
    is_over(till, till.to_its_end(charge_id), confirms=1)


def test_a_first_attempt_that_waits_is_called_off_or_nothing_is_recorded(till: Till) -> None:
    """Its intent is cancelled before the end is recorded, since nobody would look after it."""
    till.seconds_left = 0
    charge_id = till.reserve()
    waits = till.advance(charge_id)
    assert waits.payment_intent_id
    till.world.faults({**DOWN, **CANCELS})
    with pytest.raises(StripeUnavailable):
        called_off(till, charge_id)
    assert till.read(charge_id).facts == waits.facts
    till.world.faults()
    is_over(till, called_off(till, charge_id), confirms=0)


def test_the_route_answers_with_the_charge(till: Till) -> None:
    till.script(DECLINED)
    charge_id = till.reserve()
    till.advance(charge_id)
    answer = till.world.cancel_charge(charge_id)
    assert (answer.status, answer.body["status"], answer.body["end_reason"]) == (200, "canceled", "canceled")
    telemetry.metrics.clear_metrics()
    with pytest.raises(NotFound):
        called_off(till, f"{charge_id[:-1]}7")
