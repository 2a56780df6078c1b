"""A charge from its reservation to its end, whatever Stripe answers and wherever the process ends."""

from collections.abc import Callable
from typing import Any

import pytest

from local.stripe_simulator.resources.payment_intents import Fail, Succeed
from mandates.charges import permitting
from mandates.charges.advancing import advance_if_due
from mandates.charges.attempting import BEGIN_SECONDS
from mandates.charges.context import SOURCE
from mandates.charges.ending import end_open_charges
from mandates.core.charging.charge import ChargeStatus, first_attempt_at
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import (
    ChargeKind,
    EndReason,
    Finding,
    counted_attempts,
    failure_class,
    newest_attempt,
    of_attempt,
)
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import attempt_key, create_key
from mandates.core.charging.messages import DueMessage
from mandates.core.clock import Instant
from mandates.core.errors import StripeRefused, StripeUnavailable
from mandates.core.facts import Fact, Kind, has, ids
from mandates.core.ledger import first_broken
from mandates.core.subjects import payment_method_subject
from mandates.ledger.contributing import statuses
from mandates.revocation.releasing import release
from mandates.revocation.revoking import revoke
from mandates.runtime import telemetry
from mandates.store import charging_switch
from mandates.store.charges import open_charges, read_charge_ledger
from mandates.store.mandates import add_subject_facts, read_heads, read_ledger
from tests.component.advancing import DAY, HOUR, MINUTE, Crash, Till, crash, till_of
from tests.component.test_erasing_meanwhile import before_write
from tests.component.test_revoking import DOWN, attached_to
from tests.component.world import World, metrics, stripes_clock

SUCCEEDED, FAILED, CANCELED = ChargeStatus.SUCCEEDED, ChargeStatus.FAILED, ChargeStatus.CANCELED
CONFIRM = {"method": "POST", "endpoint": "POST /v1/payment_intents/:id/confirm"}
CREATE = {"method": "POST", "endpoint": "POST /v1/payment_intents"}
CANCEL = {"method": "POST", "endpoint": "POST /v1/payment_intents/:id/cancel"}
SILENT = {"effect": "timeout_after_effect", **CONFIRM}
UNHEARD = {"effect": "timeout_before_effect", **CONFIRM}
DECLINED = {"outcome": "declined", "code": "payment_method_provider_decline"}


@pytest.fixture
def till(world: World) -> Till:
    return till_of(world)


def withdraw(till: Till) -> None:
    revoke(till.mandate_id, by="customer", reason="", clock=stripes_clock)


def keys_of(till: Till, path: str) -> list[str]:
    return [str(request.idempotency_key) for request in till.sent(path)]


def reason_of(charge: Charge) -> str:
    return charge.facts[ChargeKind.ENDING].detail["reason"]


def is_intact(charge: Charge) -> bool:
    entries = read_charge_ledger(charge.charge_id)
    return first_broken(entries, length=charge.entries, head_hash=charge.head_hash) is None


# ------------------------------------------------------------------------------- the usual way


def test_a_charge_is_created_recorded_begun_and_confirmed(till: Till) -> None:
    charge_id = till.reserve()
    charge = till.advance(charge_id)
    assert (charge.status, till.taken, till.used) == (SUCCEEDED, [1_000], 1_000)
    assert charge == till.read(charge_id)
    assert charge.due_at is None
    assert is_intact(charge)
    assert keys_of(till, "/payment_intents") == [create_key(charge_id)]
    [confirm] = till.sent("/confirm")
    assert confirm.idempotency_key == attempt_key(charge_id, 1)
    assert confirm.params == {
        "payment_method": till.payment_method,
        "off_session": "true",
        "error_on_requires_action": "true",
        "expand": {"0": "latest_charge"},
    }
    assert till.advance(charge_id) == charge
    assert till.taken == [1_000]


def test_nothing_is_begun_without_time_to_hear_the_answer(till: Till) -> None:
    charge_id = till.reserve()
    till.seconds_left = BEGIN_SECONDS - 0.1
    charge = till.advance(charge_id)
    assert (charge.status, charge.payment_intent_id is not None) == (ChargeStatus.PENDING, True)
    assert till.sent("/confirm") == []
    till.seconds_left = BEGIN_SECONDS
    assert till.when_due(charge_id).status is SUCCEEDED


def test_a_charge_whose_intent_lost_its_metadata_finds_out_by_itself(till: Till) -> None:
    """Nothing tells such an event from a stranger's at the edge, so none is queued."""
    charge_id = till.reserve()
    till.world.faults(SILENT)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    (succeeded,) = till.world.events("payment_intent.succeeded")
    succeeded["data"]["object"]["metadata"] = {}
    till.world.deliver(succeeded)
    assert till.world.queued() == []
    assert not till.read(charge_id).is_final
    assert (till.to_its_end(charge_id).status, till.taken) == (SUCCEEDED, [1_000])


# ------------------------------------------------------------------ crashes, silence and repeats


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(5))
def test_a_crash_anywhere_charges_once(till: Till, at: int, done: bool) -> None:
    charge_id = till.reserve()
    with crash(till, at, done=done) as ended, pytest.raises(Crash):
        till.advance(charge_id)
    assert ended
    assert till.read(charge_id).is_final == ((at, done) >= (3, True))
    assert till.to_its_end(charge_id).status is SUCCEEDED
    assert (till.taken, till.used) == ([1_000], 1_000)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(4))
def test_a_crash_while_it_ends_is_made_up_for(till: Till, at: int, done: bool) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "refused", "code": "payment_method_currency_mismatch"})
    with crash(till, at + 3, done=done) as ended, pytest.raises(Crash):
        till.advance(charge_id)
    assert ended
    charge = till.to_its_end(charge_id)
    assert (charge.status, reason_of(charge)) == (FAILED, EndReason.DECLINED)
    assert till.intent(charge_id)["status"] == "canceled"
    assert (till.used, open_charges(till.mandate_id)) == (0, [])
    assert is_intact(charge)


@pytest.mark.parametrize("fault", [SILENT, UNHEARD])
def test_an_unanswered_confirm_is_repeated_under_its_key(till: Till, fault: dict[str, Any]) -> None:
    charge_id = till.reserve()
    till.world.faults(fault)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    assert till.read(charge_id).status is ChargeStatus.PENDING
    till.world.faults()
    assert till.when_due(charge_id).status is SUCCEEDED
    assert set(keys_of(till, "/confirm")) == {attempt_key(charge_id, 1)}
    assert till.taken == [1_000]


def test_a_repeat_that_is_not_answered_either_is_followed_by_a_look(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults(SILENT)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    assert till.sent("", method="GET") == []
    assert till.when_due(charge_id).status is SUCCEEDED
    assert till.taken == [1_000]


def test_a_look_while_a_confirm_may_be_under_way_proves_no_failure(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults(UNHEARD)
    for _ in range(2):
        with pytest.raises(StripeUnavailable):
            till.after(MINUTE, charge_id)
    assert till.read(charge_id).status is ChargeStatus.PENDING


@pytest.mark.parametrize(
    ("payment", "attempts"),
    [
        ({"outcome": "succeeded", "answer": "server_error", "times": 1}, 1),
        ({"outcome": "nothing", "answer": "server_error", "times": 1}, 2),
        ({"outcome": "declined", "answer": "server_error", "times": 1}, 2),
    ],
)
def test_a_500_that_is_replayed_is_not_the_end(till: Till, payment: dict[str, Any], attempts: int) -> None:
    charge_id = till.reserve()
    till.script(payment)
    charge = till.to_its_end(charge_id)
    assert (charge.status, newest_attempt(charge.facts)) == (SUCCEEDED, attempts)
    assert till.taken == [1_000]


def test_an_outage_with_500s_uses_no_attempts_up(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "nothing", "answer": "server_error"})
    for _ in range(12):
        with pytest.raises(StripeUnavailable):
            till.when_due(charge_id)
        charge = till.when_due(charge_id)
    assert newest_attempt(charge.facts) == 12
    assert counted_attempts(charge.facts) == 0
    till.script()
    assert till.when_due(charge_id).status is SUCCEEDED


def test_a_create_that_is_replayed_as_500_goes_on_under_the_next_key(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults({"effect": "server_error", "applied": True, "times": 1, **CREATE})
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    assert till.when_due(charge_id).status is SUCCEEDED
    assert keys_of(till, "/payment_intents")[-1] == create_key(charge_id, 2)
    assert till.taken == [1_000]


@pytest.mark.parametrize("fault", [SILENT, UNHEARD])
def test_a_key_that_is_too_old_is_not_used_again(till: Till, fault: dict[str, Any]) -> None:
    charge_id = till.reserve()
    till.world.faults(fault)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    charge = till.after(23 * HOUR, charge_id)
    attempts = 1 if fault is SILENT else 2
    assert (charge.status, newest_attempt(charge.facts)) == (SUCCEEDED, attempts)
    assert keys_of(till, "/confirm")[-1] == attempt_key(charge_id, attempts)
    assert till.taken == [1_000]


def test_whoever_loses_the_record_cancels_the_intent_it_made(till: Till) -> None:
    charge_id = till.reserve()
    other = till.gateway

    def faster(method: str, url: str) -> None:
        if url.endswith("/payment_intents"):
            till.http.after = lambda _method, _url: None
            params = till.read(charge_id).create_params
            made = other.payment_intents.create(params, idempotency_key="another")
            till.record_intent(charge_id, made.payment_intent_id)

    till.http.after = faster
    charge = till.advance(charge_id)
    assert (charge.status, till.taken) == (SUCCEEDED, [1_000])
    [lost] = [one for one in till.intents if one["id"] != charge.payment_intent_id]
    assert lost["status"] == "canceled"


def test_an_intent_that_is_recorded_after_the_end_is_cancelled_even_late(till: Till) -> None:
    """The charge is final then and has no due time, so it is the message that must not be dropped."""
    charge_id = till.reserve()
    message = DueMessage(charge_id, 0, int(stripes_clock()) + HOUR)

    def withdrawn(method: str, url: str) -> None:
        if url.endswith("/payment_intents"):
            till.http.after = lambda _method, _url: None
            withdraw(till)
            assert end_open_charges(till.mandate_id, EndReason.WITHDRAWN, till.gateway, stripes_clock) == []
            till.world.faults({**DOWN, **CANCEL})

    till.http.after = withdrawn
    with pytest.raises(StripeUnavailable):
        advance_if_due(message, till.charging)
    assert (till.read(charge_id).is_final, till.intent(charge_id)["status"]) == (
        True,
        "requires_payment_method",
    )
    till.world.faults()
    advance_if_due(message, till.charging)
    assert till.intent(charge_id)["status"] == "canceled"
    assert advance_if_due(message, till.charging) is None


def test_two_workers_at_once_charge_once(till: Till) -> None:
    charge_id = till.reserve()
    statuses_ = []

    def beside(method: str, url: str) -> None:
        till.http.before = lambda _method, _url: None
        statuses_.append(till.advance(charge_id).status)

    till.http.before = beside
    assert till.advance(charge_id).status is SUCCEEDED
    assert (statuses_, till.taken, till.used) == ([SUCCEEDED], [1_000], 1_000)


# --------------------------------------------------------------------------- what Stripe refuses


def test_a_soft_decline_is_tried_again_in_an_attempt_of_its_own(till: Till) -> None:
    charge_id = till.reserve()
    till.script({**DECLINED, "times": 2})
    charge = till.advance(charge_id)
    assert (charge.status, till.used) == (ChargeStatus.RETRYING, 1_000)
    assert till.after(MINUTE, charge_id).entries == charge.entries
    charge = till.to_its_end(charge_id)
    assert (charge.status, newest_attempt(charge.facts)) == (SUCCEEDED, 3)
    assert keys_of(till, "/confirm") == [attempt_key(charge_id, attempt) for attempt in (1, 2, 3)]
    assert till.taken == [1_000]


@pytest.mark.parametrize("outcome", [{"outcome": "requires_action"}, {**DECLINED, "code": "card_declined"}])
def test_what_needs_the_customer_waits_until_charge_by_and_ends(till: Till, outcome: dict[str, Any]) -> None:
    charge_id = till.reserve()
    till.script(outcome)
    charge = till.advance(charge_id)
    assert (charge.status, charge.due_at) == (ChargeStatus.NEEDS_CUSTOMER, charge.charge_by)
    charge = till.when_due(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (FAILED, EndReason.OVERDUE, 0)
    assert till.intent(charge_id)["status"] == "canceled"
    assert len(till.sent("/confirm")) == 1


def test_what_can_never_succeed_ends_at_once(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "refused", "code": "payment_method_currency_mismatch"})
    charge = till.advance(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (FAILED, EndReason.DECLINED, 0)
    assert till.intent(charge_id)["status"] == "canceled"


def test_an_amount_that_stripe_does_not_take_ends_before_there_is_an_intent(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults({"effect": "rejected", "param": "amount", "code": "amount_too_small", **CREATE})
    charge = till.advance(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (FAILED, EndReason.DECLINED, 0)
    assert charge.payment_intent_id is None


def test_a_create_that_is_ours_to_mend_is_tried_again_less_and_less_often(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults({"effect": "forbidden"})
    seen = metrics(lambda: counted(till.advance, charge_id))
    assert seen == {"ChargesOursToMend": [1.0]}
    pauses = []
    for _ in range(4):
        charge = till.when_due(charge_id)
        assert charge.due_at
        pauses.append(round((charge.due_at - stripes_clock()) / MINUTE))
    assert charge.status is ChargeStatus.PENDING
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 8
    till.world.faults()
    assert till.when_due(charge_id).status is SUCCEEDED


def test_an_attempt_that_is_ours_to_mend_counts_as_none(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "refused", "code": "payment_method_unactivated", "times": 2})
    seen = metrics(lambda: counted(till.advance, charge_id))
    assert seen == {"ChargesOursToMend": [1.0]}
    charge = till.when_due(charge_id)
    assert (charge.status, counted_attempts(charge.facts)) == (ChargeStatus.RETRYING, 0)
    assert till.when_due(charge_id).status is SUCCEEDED


def test_a_mandate_that_has_ended_at_stripe_is_withdrawn_before_the_charge_ends(till: Till) -> None:
    charge_id = till.reserve()
    till.world.stripe.core.revoke_at_amazon(till.payment_method)
    with crash(till, 7, done=False) as ended, pytest.raises(Crash):
        till.advance(charge_id)
    assert ended == ["TransactWriteItems"]
    head = read_heads([till.mandate_id])[till.mandate_id]
    assert has(head.facts, Kind.CHARGE_MANDATE_INVALID)
    assert not till.read(charge_id).is_final
    charge = till.to_its_end(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (CANCELED, EndReason.WITHDRAWN, 0)
    assert till.taken == []


def test_a_mandate_error_that_nothing_explains_withdraws_nobody(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "refused", "code": "payment_intent_mandate_invalid", "times": 1})
    charge = till.advance(charge_id)
    assert charge.status is ChargeStatus.RETRYING
    assert failure_class(charge.facts, 1) is ErrorClass.OURS_TO_MEND
    assert statuses(list(read_heads([till.mandate_id]).values())) == {till.mandate_id: "active"}
    assert till.when_due(charge_id).status is SUCCEEDED


def test_three_mandate_errors_in_an_hour_that_nothing_explains_pause_charging(till: Till) -> None:
    till.script({"outcome": "refused", "code": "payment_intent_mandate_invalid"})
    charges = [till.reserve() for _ in range(4)]
    till.advance(charges[0])
    till.world.advance_stripe(HOUR + 1)
    for charge_id in charges[1:3]:
        till.advance(charge_id)
        assert charging_switch.read_pause() is None
    till.advance(charges[3])
    pause = charging_switch.read_pause()
    assert pause
    assert pause.by == "charging itself"
    confirms = len(till.sent("/confirm"))
    for charge_id in charges:
        till.after(DAY, charge_id)
    assert len(till.sent("/confirm")) == confirms


def test_one_charge_pauses_no_others_however_often_it_is_tried(till: Till) -> None:
    till.script({"outcome": "refused", "code": "payment_intent_mandate_invalid"})
    charge_id = till.reserve()
    till.advance(charge_id)
    for _ in range(4):
        till.when_due(charge_id)
    assert len(till.sent("/confirm")) == 5
    assert charging_switch.read_pause() is None


def test_a_payment_method_that_was_detached_withdraws_the_mandate(till: Till) -> None:
    charge_id = till.reserve()
    till.world.stripe.core.detach(till.payment_method)
    till.script({"outcome": "refused", "code": "payment_method_unexpected_state"})
    charge = till.advance(charge_id)
    assert till.sent("/confirm")
    assert (charge.status, till.taken) == (CANCELED, [])
    assert statuses(list(read_heads([till.mandate_id]).values())) == {till.mandate_id: "revoked"}


def test_a_payment_method_that_is_as_it_should_be_is_ours_to_mend(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "refused", "code": "payment_method_unexpected_state", "times": 1})
    charge = till.advance(charge_id)
    examined = of_attempt(charge.facts, ChargeKind.ATTEMPT_EXAMINED, 1)
    assert examined
    assert examined.detail["found"] == Finding.NOTHING
    assert till.when_due(charge_id).status is SUCCEEDED


def test_an_intent_in_another_state_has_taken_the_money(till: Till) -> None:
    """The first confirm took the money after all, and its answer never came."""
    charge_id = till.reserve()
    till.world.faults(SILENT)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults({"effect": "timeout_before_effect", "method": "GET", "times": 5})
    with pytest.raises(StripeUnavailable):
        till.after(23 * HOUR, charge_id)
    assert till.after(HOUR, charge_id).status is SUCCEEDED
    assert till.taken == [1_000]


# --------------------------------------------------------------------- processing, and the end


@pytest.mark.parametrize(("then", "status"), [("succeeded", SUCCEEDED), ("failed", ChargeStatus.RETRYING)])
def test_what_processes_for_days_ends_either_way(till: Till, then: str, status: ChargeStatus) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "processing", "seconds": 3 * DAY / 4, "then": then, "times": 1})
    charge = till.advance(charge_id)
    looks = 0
    while charge.status is ChargeStatus.PROCESSING:
        charge = till.when_due(charge_id)
        looks += 1
    assert charge.status is status
    assert 5 < looks < 20
    assert till.used == 1_000
    assert till.to_its_end(charge_id).status is SUCCEEDED


def test_what_processes_at_charge_by_is_over_when_stripe_says_so(till: Till) -> None:
    charge_id = till.reserve(charge_by=int(stripes_clock()) + HOUR)
    till.script({"outcome": "processing", "seconds": DAY / 2, "then": "failed"})
    till.advance(charge_id)
    charge = till.after(HOUR + 1, charge_id)
    assert (charge.status, reason_of(charge), till.used) == (
        ChargeStatus.PROCESSING,
        EndReason.OVERDUE,
        1_000,
    )
    charge = till.to_its_end(charge_id)
    assert (charge.status, till.used, till.taken) == (FAILED, 0, [])
    assert len(till.sent("/confirm")) == 1


def test_charge_by_ends_an_unanswered_attempt_and_what_stripe_says_counts(till: Till) -> None:
    charge_id = till.reserve(charge_by=int(stripes_clock()) + HOUR)
    till.world.faults(SILENT)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    charge = till.after(HOUR, charge_id)
    assert (charge.status, till.taken, till.used) == (SUCCEEDED, [1_000], 1_000)
    assert len(set(keys_of(till, "/confirm"))) == 1


def test_somebody_cancels_the_intent_at_stripe(till: Till) -> None:
    charge_id = till.reserve()
    till.script({"outcome": "processing"})
    till.advance(charge_id)
    till.script(DECLINED)
    intent = till.intent(charge_id)["id"]
    till.world.stripe.core.act(intent, Fail())
    charge = till.when_due(charge_id)
    assert charge.status is ChargeStatus.RETRYING
    till.world.stripe.core.cancel_payment(intent)
    charge = till.when_due(charge_id)
    assert (charge.status, till.used) == (CANCELED, 0)


# ------------------------------------------------------------------------- withdrawals and pauses


def test_nothing_follows_a_withdrawal_between_retries(till: Till) -> None:
    charge_id = till.reserve()
    till.script({**DECLINED, "times": 1})
    till.advance(charge_id)
    withdraw(till)
    charge = till.to_its_end(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (CANCELED, EndReason.WITHDRAWN, 0)
    assert len(till.sent("/confirm")) == 1
    assert till.intent(charge_id)["status"] == "canceled"


def test_an_unanswered_confirm_is_not_repeated_after_a_withdrawal(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults(UNHEARD)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    withdraw(till)
    confirms = len(till.sent("/confirm"))
    charge = till.when_due(charge_id)
    assert (charge.status, till.taken, till.used) == (CANCELED, [], 0)
    assert len(till.sent("/confirm")) == confirms


@pytest.mark.parametrize("stop", [withdraw, lambda _till: charging_switch.pause("ann", "", Instant(0))])
def test_what_is_committed_before_the_begin_stops_it(till: Till, stop: Callable[[Till], object]) -> None:
    charge_id = till.reserve()
    with before_write(0, lambda: stop(till)) as stopped:
        till.advance(charge_id)
    assert stopped
    assert till.sent("/confirm") == []
    charge = till.read(charge_id)
    assert newest_attempt(charge.facts) == 0
    assert charge.payment_intent_id  # recorded alone: it is cancelled once the charge ends


def test_a_success_whose_confirm_was_under_way_at_the_withdrawal_counts(till: Till) -> None:
    charge_id = till.reserve()

    def withdrawn(method: str, url: str) -> None:
        if url.endswith("/confirm"):
            withdraw(till)

    till.http.before = withdrawn
    charge = till.advance(charge_id)
    assert (charge.status, till.taken, till.used) == (SUCCEEDED, [1_000], 1_000)


def test_a_release_tells_the_ledger_what_a_charge_found_and_could_not_tell(till: Till) -> None:
    """The charge's function ended between the two, and another withdrawal came before it was repeated."""
    now = int(stripes_clock())
    detached = Fact(Kind.DETACHED, now, SOURCE, ids(payment_method=till.payment_method))
    add_subject_facts(payment_method_subject(till.payment_method), [detached])
    withdraw(till)
    for _ in range(2):
        release(till.mandate_id, till.gateway, stripes_clock)
    told = [entry.kinds for entry in read_ledger(till.mandate_id)]
    assert told.count([Kind.DETACHED]) == 1


def test_a_withdrawal_cancels_what_can_be_before_it_lets_go_of_the_payment_method(till: Till) -> None:
    reserved = till.reserve()
    till.seconds_left = 0
    created = till.reserve()
    till.advance(created)
    till.seconds_left = 60
    till.script({**DECLINED, "amount": 2_000}, {"outcome": "processing", "amount": 3_000})
    retrying, processing = till.reserve(2_000), till.reserve(3_000)
    till.advance(retrying)
    till.advance(processing)
    withdraw(till)
    release(till.mandate_id, till.gateway, stripes_clock)
    assert attached_to(till.world, till.payment_method) is None
    asked = [request.path for request in till.world.stripe.core.requests()]
    assert max(number for number, path in enumerate(asked) if path.endswith("/cancel")) < asked.index(
        f"/v1/payment_methods/{till.payment_method}/detach"
    )
    ended = {one: till.read(one).status for one in (reserved, created, retrying, processing)}
    assert ended == {
        reserved: CANCELED,
        created: CANCELED,
        retrying: CANCELED,
        processing: ChargeStatus.PROCESSING,
    }
    assert [till.intent(one)["status"] for one in (created, retrying)] == ["canceled"] * 2
    assert open_charges(till.mandate_id) == [processing]
    till.world.stripe.core.act(till.intent(processing)["id"], Succeed())
    assert till.to_its_end(processing).status is SUCCEEDED
    assert till.used == 3_000


def two_declined(till: Till) -> list[str]:
    till.script(DECLINED)
    charges = [till.reserve(), till.reserve()]
    for charge_id in charges:
        till.advance(charge_id)
    return charges


def test_what_cant_be_cancelled_now_is_cancelled_before_the_payment_method_is_released(till: Till) -> None:
    charges = two_declined(till)
    withdraw(till)
    till.world.faults({**DOWN, **CANCEL})
    with pytest.raises(StripeUnavailable):
        release(till.mandate_id, till.gateway, stripes_clock)
    assert attached_to(till.world, till.payment_method)
    till.world.faults()
    release(till.mandate_id, till.gateway, stripes_clock)
    assert attached_to(till.world, till.payment_method) is None
    assert {till.read(one).status for one in charges} == {CANCELED}
    assert end_open_charges(till.mandate_id, EndReason.WITHDRAWN, till.gateway, stripes_clock) == []


def test_what_stripe_refuses_to_cancel_keeps_nothing_from_being_released(till: Till) -> None:
    charges = two_declined(till)
    withdraw(till)
    till.world.faults({"effect": "rejected", "times": 2, **CANCEL})
    with pytest.raises(StripeRefused):
        release(till.mandate_id, till.gateway, stripes_clock)
    assert attached_to(till.world, till.payment_method) is None
    assert sorted(till.read(one).status for one in charges) == [CANCELED, ChargeStatus.PROCESSING]


def test_a_pause_holds_charges_up_and_ends_none(till: Till) -> None:
    charge_id = till.reserve()
    charging_switch.pause("ann", "checking", Instant(stripes_clock()))
    for _ in range(3):
        charge = till.when_due(charge_id)
        assert charge.due_at
        assert charge.due_at >= stripes_clock() + permitting.PAUSED_SECONDS - 1
    assert till.sent("/confirm") == []
    charging_switch.resume("ann", "checked", Instant(stripes_clock()))
    assert till.when_due(charge_id).status is SUCCEEDED


def test_a_pause_holds_the_repeat_of_a_confirm_up_and_the_intent_is_read(till: Till) -> None:
    charge_id = till.reserve()
    till.world.faults(SILENT)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    charging_switch.pause("ann", "checking", Instant(stripes_clock()))
    confirms = len(till.sent("/confirm"))
    assert till.when_due(charge_id).status is SUCCEEDED
    assert len(till.sent("/confirm")) == confirms


# ------------------------------------------------------------------------------ limits and time


def test_declines_are_capped_by_day(till: Till) -> None:
    till.script(DECLINED)
    *declined, charge_id = (till.reserve(100) for _ in range(11))
    for one in declined:
        till.advance(one)
    charge = till.advance(charge_id)
    assert (charge.status, newest_attempt(charge.facts)) == (ChargeStatus.PENDING, 0)
    assert len(till.sent("/confirm")) == 10
    assert charge.due_at
    assert charge.due_at > stripes_clock() + MINUTE
    till.script()
    assert till.when_due(charge_id).status is SUCCEEDED


def test_a_charge_ends_when_its_last_retry_is_declined(till: Till) -> None:
    charge_id = till.reserve(charge_by=int(stripes_clock()) + 29 * DAY)
    till.script(DECLINED)
    charge = till.to_its_end(charge_id)
    assert (charge.status, reason_of(charge), till.used) == (FAILED, EndReason.DECLINED, 0)
    begun = sorted(fact.at for fact in charge.facts.values() if fact.kind == ChargeKind.ATTEMPT_BEGUN)
    assert [(at - first_attempt_at(charge.facts)) // DAY for at in begun] == [0, 1, 3, 7]
    assert len(till.sent("/confirm")) == 4


def test_an_attempt_counts_in_the_period_in_which_it_is_begun(till: Till) -> None:
    till.world.advance_stripe(till.seconds_to_next_month() - MINUTE)
    charge_id = till.reserve()
    this_month = till.periods
    assert list(this_month.values()) == [1_000]
    charge = till.after(2 * MINUTE, charge_id)
    assert charge.status is SUCCEEDED
    assert [used for period, used in till.periods.items() if period in this_month] == [0]
    assert [used for period, used in till.periods.items() if period not in this_month] == [1_000]


@pytest.mark.parametrize(("fault", "attempts", "used"), [(UNHEARD, 2, [0, 1_000]), (SILENT, 1, [1_000])])
def test_an_unanswered_attempt_of_the_last_period_is_not_repeated_in_this_one(
    till: Till, fault: dict[str, Any], attempts: int, used: list[int]
) -> None:
    """The money is counted where it is taken. Read first: the first attempt may have taken it."""
    till.world.advance_stripe(till.seconds_to_next_month() - MINUTE / 2)
    charge_id = till.reserve()
    till.world.faults(fault)
    with pytest.raises(StripeUnavailable):
        till.advance(charge_id)
    till.world.faults()
    charge = till.when_due(charge_id)
    assert (charge.status, newest_attempt(charge.facts)) == (SUCCEEDED, attempts)
    assert [used for _, used in sorted(till.periods.items())] == used
    assert till.taken == [1_000]


def test_an_attempt_that_the_new_period_has_no_room_for_is_put_off_or_ends(till: Till) -> None:
    till.script({**DECLINED, "amount": 29_000})
    till.world.advance_stripe(till.seconds_to_next_month() - HOUR / 2)
    late = till.reserve(29_000)
    till.advance(late)
    till.world.advance_stripe(HOUR / 2 + MINUTE)
    for _ in range(3):
        till.advance(till.reserve(30_000))
    confirms = len(till.sent("/confirm"))
    charge = till.when_due(late)
    assert (charge.status, reason_of(charge)) == (FAILED, EndReason.NOT_PERMITTED)
    assert len(till.sent("/confirm")) == confirms


def counted(advance: Callable[[str], Charge], charge_id: str) -> None:
    """With the metrics sent, as at the end of an invocation."""
    advance(charge_id)
    telemetry.metrics.flush_metrics()
