"""A charge is reserved with its room, all or nothing, under everything that was decided from."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import boto3
import pytest

from mandates.charges.recording import record
from mandates.charges.reserving import reserve
from mandates.charges.standing import situation_of
from mandates.core.changes import EventRecord
from mandates.core.charging.charge import ChargeStatus, room
from mandates.core.charging.decision import ChargeRequest, ChargeRules, Decision, Own
from mandates.core.charging.facts import ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.reasons import Reason
from mandates.core.charging.register import Register
from mandates.core.clock import Instant
from mandates.core.errors import Busy, ChargeRefused, InvalidRequest, KeyReused, NotFound
from mandates.core.facts import Fact, Kind, ids
from mandates.core.formats import NewerFormat
from mandates.core.ledger import GENESIS, first_broken
from mandates.core.subjects import payment_intent_subject, payment_method_subject
from mandates.ledger.contributing import withdraw_subject
from mandates.revocation.revoking import revoke
from mandates.store import charging_switch
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, OpenChargeRow, RegisterRow, UsageRow
from mandates.store.charges import (
    due_charges,
    open_charges,
    page_of_charges,
    read_charge,
    read_charge_ledger,
    read_register,
)
from mandates.store.dynamodb import delete, query_raw, read_row
from mandates.store.tables import IntentRow
from tests.component.charging import (
    PAYMENT_METHOD,
    active_mandate,
    head_of,
    order,
    params,
    pending_mandate,
    reserved,
)
from tests.component.world import World
from tests.unit.charging import A_MONTH, MONTHLY, NOW, ONE_TIME, terms, utc

LIMITED = terms(per_period=A_MONTH)
DAY = 86_400


def reasons(refused: pytest.ExceptionInfo[ChargeRefused]) -> list[str]:
    said: list[str] = refused.value.extra["reasons"]
    return said


def used(mandate_id: str, period: str = "2026-11-01") -> int:
    row = read_row(UsageRow, mandate_id, f"period#{period}")
    return int(row.used) if row else 0


def told(charge: Charge, kind: ChargeKind, at: int = NOW, **said: Any) -> Charge:
    fact = charge_fact(kind, at, "api:test", **said)
    return record(charge.charge_id, lambda _charge, _now: [fact], source="api:test", clock=lambda: at).charge


def ended(charge: Charge) -> Charge:
    told(charge, ChargeKind.ENDING, reason=EndReason.OVERDUE)
    return told(charge, ChargeKind.INTENT_CANCELED)


def test_a_reservation_holds_room_and_begins_a_chain(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    made = reserved(mandate_id, NOW)
    charge = read_charge(made.charge.charge_id)
    assert made.created
    assert charge == made.charge
    assert (charge.status, charge.amount, charge.currency) == (ChargeStatus.PENDING, 1_000, "usd")
    assert charge.due_at == NOW + 60
    assert charge.charge_by == NOW + 8 * DAY
    assert used(mandate_id) == 1_000
    assert open_charges(mandate_id) == [charge.charge_id]
    assert [due.charge_id for due in due_charges(NOW + 60, 10)] == [charge.charge_id]
    assert due_charges(NOW + 59, 10) == []
    entries = read_charge_ledger(charge.charge_id)
    assert first_broken(entries, length=charge.entries, head_hash=charge.head_hash) is None
    (first,) = entries
    mandate = head_of(mandate_id)
    assert first.permission == {
        "number": 1,
        "previous": GENESIS,
        "mandate_entries": mandate.entries,
        "mandate_hash": mandate.head_hash,
    }
    assert {name: kept.fits(first.commitments[name]) for name, kept in charge.personal.items()} == {
        "description": True,
        "reference": True,
    }
    assert read_register(mandate_id) == Register(1, first.hash)


def test_the_same_key_is_the_same_charge_and_another_body_is_refused(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    first = reserved(mandate_id, NOW, charge_by=NOW + 60)
    again = reserved(mandate_id, NOW + 3_600, charge_by=NOW + 60)  # charge_by has passed by now
    assert (again.charge, again.created) == (first.charge, False)
    with pytest.raises(KeyReused):
        reserved(mandate_id, NOW, amount=1_001, charge_by=NOW + 60)
    assert used(mandate_id) == 1_000


def test_a_refusal_names_everything_and_uses_no_key_up(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    reserved(mandate_id, NOW, "first", amount=5_000)
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, amount=6_000, reference="order-first")
    assert reasons(refused) == ["above_charge_limit", "above_period_limit", "in_progress"]
    assert refused.value.extra["left"] == 5_000
    assert refused.value.extra["charge_id"].startswith("chg_")
    assert refused.value.extra["earliest"] is None
    assert reserved(mandate_id, NOW, amount=5_000).created


def test_the_earliest_instant_is_the_next_period(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    reserved(mandate_id, NOW, "one", amount=5_000)
    reserved(mandate_id, NOW, "two", amount=5_000)
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, "three", amount=1)
    assert refused.value.extra["earliest"] == "2026-12-01T05:00:00Z"  # New York's midnight
    assert reserved(mandate_id, utc("2026-12-01T05:00"), "three", amount=1).created


def test_a_hundred_at_once_against_room_for_seven(world: World) -> None:
    mandate_id = active_mandate(terms(per_period=A_MONTH))  # 10,000: seven times 1,400

    def attempt(number: int) -> str:
        while True:
            try:
                return reserved(mandate_id, NOW, f"key-{number}", amount=1_400).charge.charge_id
            except ChargeRefused as refused:
                return ",".join(refused.extra["reasons"])
            except Busy:
                continue

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(100)))
    assert sum(outcome.startswith("chg_") for outcome in outcomes) == 7
    assert outcomes.count("above_period_limit") == 93
    assert used(mandate_id) == 9_800
    assert len(open_charges(mandate_id)) == 7


def test_one_reference_has_one_charge(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    first = reserved(mandate_id, NOW, "one", reference="order 7").charge
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, "two", reference="order 7")
    assert (reasons(refused), refused.value.extra["charge_id"]) == (["in_progress"], first.charge_id)
    told(first, ChargeKind.ATTEMPT_BEGUN, attempt=1, day="2026-11-27", period="2026-11-01")
    told(first, ChargeKind.ATTEMPT_SUCCEEDED, attempt=1)
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, "two", reference="order 7")
    assert (reasons(refused), refused.value.extra["charge_id"]) == (["already_charged"], first.charge_id)


def test_a_cancelled_charge_frees_what_it_held(world: World) -> None:
    mandate_id = active_mandate(terms(MONTHLY, per_period=A_MONTH))
    charge = ended(reserved(mandate_id, NOW, "one", reference="order 7").charge)
    assert (charge.status, charge.due_at) == (ChargeStatus.FAILED, None)
    assert used(mandate_id) == 0
    assert open_charges(mandate_id) == []
    assert due_charges(NOW + 10 * DAY, 10) == []
    assert reserved(mandate_id, NOW, "two", reference="order 7").created


def test_a_late_success_counts_beyond_the_limit_and_is_never_forgotten(world: World) -> None:
    mandate_id = active_mandate(terms(MONTHLY, per_period=A_MONTH))
    lost = reserved(mandate_id, NOW, "one", reference="order 7").charge
    told(lost, ChargeKind.ATTEMPT_BEGUN, attempt=1, day="2026-11-27", period="2026-11-01")
    ended(lost)
    other = reserved(mandate_id, NOW, "two", reference="order 7", amount=5_000).charge
    assert told(lost, ChargeKind.ATTEMPT_SUCCEEDED, attempt=1).status is ChargeStatus.SUCCEEDED
    assert used(mandate_id) == 6_000
    ended(other)
    assert used(mandate_id) == 1_000
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, "three", reference="order 7")
    assert reasons(refused) == ["too_frequent", "already_charged"]


def test_recurring_windows_count_from_the_day_that_the_first_charge_froze(world: World) -> None:
    mandate_id = active_mandate(terms(MONTHLY))
    reserved(mandate_id, utc("2026-02-10T12:00"), "one")
    assert read_register(mandate_id).anchor == date(2026, 1, 31)
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, utc("2026-02-27T23:59"), "two")
    assert reasons(refused) == ["too_frequent"]
    assert refused.value.extra["earliest"] == "2026-02-28T00:00:00Z"  # clamped
    assert reserved(mandate_id, utc("2026-02-28T00:00"), "two").created
    assert reserved(mandate_id, utc("2026-03-31T00:00"), "three").created  # and not the 28th


def test_one_time_consent_is_used_once(world: World) -> None:
    mandate_id = active_mandate(terms(ONE_TIME))
    reserved(mandate_id, NOW, "one")
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW + 400 * DAY, "two")
    assert reasons(refused) == ["one_time_already_used"]


@pytest.mark.parametrize("how", ["revoked", "detached", "paused"])
def test_nothing_is_reserved_after_a_withdrawal_or_a_pause_that_was_not_seen(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The decision is made before, and the write comes after it."""
    mandate_id = active_mandate(LIMITED)

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        match how:
            case "revoked":
                revoke(mandate_id, by="customer", reason="requested", clock=lambda: NOW)
            case "detached":
                fact = Fact(Kind.DETACHED, NOW, "evt_9", ids(payment_method=PAYMENT_METHOD))
                withdraw_subject(payment_method_subject(PAYMENT_METHOD), fact, lambda: NOW)
            case "paused":
                assert charging_switch.pause("ann", "an incident", Instant(NOW))
        return params(*arguments)

    with pytest.raises(ChargeRefused) as refused:
        reserve(order(mandate_id), overtaken, lambda: NOW, os.urandom, rules=ChargeRules())
    assert reasons(refused) == ["charging_paused" if how == "paused" else "mandate_revoked"]
    assert open_charges(mandate_id) == []


def test_a_pause_lasts_until_somebody_resumes(world: World) -> None:
    assert charging_switch.pause("ann", "an incident", Instant(NOW))
    assert not charging_switch.pause("bob", "another", Instant(NOW))
    pause = charging_switch.read_pause()
    assert pause is not None
    assert (pause.by, pause.why) == ("ann", "an incident")
    assert charging_switch.resume("bob", "mended", Instant(NOW))
    assert not charging_switch.resume("bob", "mended", Instant(NOW))
    assert charging_switch.read_pause() is None
    assert reserved(active_mandate(LIMITED), NOW).created


def test_a_return_that_the_stack_requires(world: World) -> None:
    mandate_id = active_mandate(LIMITED)
    with pytest.raises(ChargeRefused) as refused:
        reserve(order(mandate_id), params, lambda: NOW, os.urandom, rules=ChargeRules(return_required=True))
    assert reasons(refused) == ["return_not_seen"]


def test_a_mandate_that_is_not_set_up_or_not_there(world: World) -> None:
    with pytest.raises(ChargeRefused) as refused:
        reserved(pending_mandate(LIMITED), NOW)
    assert reasons(refused) == ["mandate_not_active"]
    with pytest.raises(NotFound):
        reserved("mdt_" + "z" * 24, NOW)


@pytest.mark.parametrize("charge_by", [NOW, NOW - 1, NOW + 30 * DAY + 1])
def test_charge_by_is_within_thirty_days(world: World, charge_by: int) -> None:
    with pytest.raises(InvalidRequest, match="charge_by"):
        reserved(active_mandate(LIMITED), NOW, charge_by=charge_by)


def test_ten_declines_a_day(world: World) -> None:
    mandate_id = active_mandate(terms())
    for number in range(10):
        charge = reserved(mandate_id, NOW, f"key-{number}").charge
        told(charge, ChargeKind.ATTEMPT_BEGUN, attempt=1, day="2026-11-27")
        told(charge, ChargeKind.ATTEMPT_FAILED, attempt=1, status="402", code="processing_error")
        ended(charge)
    with pytest.raises(ChargeRefused) as refused:
        reserved(mandate_id, NOW, "key-10")
    assert reasons(refused) == ["too_many_attempts"]
    assert refused.value.extra["earliest"] == "2026-11-28T00:00:00Z"


@pytest.mark.parametrize("key", ["a", "b", "c", "d", "e"])
def test_a_late_success_is_in_the_way_of_the_charge_that_has_its_place(world: World, key: str) -> None:
    """The charge that was made instead has not begun. The ids of the two sort either way."""
    mandate_id = active_mandate(terms(ONE_TIME))
    lost = reserved(mandate_id, NOW, key, reference="order 7").charge
    told(lost, ChargeKind.ATTEMPT_BEGUN, attempt=1, day="2026-11-27")
    ended(lost)
    instead = reserved(mandate_id, NOW, "instead", reference="order 7").charge
    assert next_attempt(instead).reasons == ()
    told(lost, ChargeKind.ATTEMPT_SUCCEEDED, attempt=1)
    assert next_attempt(instead).reasons == (Reason.ONE_TIME_ALREADY_USED, Reason.ALREADY_CHARGED)


def next_attempt(charge: Charge) -> Decision:
    situation = situation_of(
        charge.mandate_id,
        NOW,
        charge_id=charge.charge_id,
        reference=charge.reference,
        rules=ChargeRules(),
    )
    held = room(charge.facts)
    assert held
    own = Own(held.period, held.window, attempts=0)
    return situation.decide(ChargeRequest(charge.amount, charge.currency, own))


def test_an_intent_is_one_charges(world: World) -> None:
    mandate_id = active_mandate(terms())
    one, two = (reserved(mandate_id, NOW, key).charge for key in ("one", "two"))
    fact = Fact(ChargeKind.INTENT_CREATED, NOW, "api:test", ids(payment_intent="pi_1"))
    record(one.charge_id, lambda _charge, _now: [fact], source="api:test", clock=lambda: NOW)
    claimed = read_row(IntentRow, payment_intent_subject("pi_1"))
    assert claimed is not None
    assert claimed.charge_id == one.charge_id
    with pytest.raises(Busy):
        record(two.charge_id, lambda _charge, _now: [fact], source="api:test", clock=lambda: NOW)


def test_a_charge_in_a_restored_table_finds_its_own_intent_again(world: World) -> None:
    """Stripe answers with the same intent to the same key. The intent's item is in the table of mandates."""
    mandate_id = active_mandate(terms())
    for _ in range(2):
        charge = told(reserved(mandate_id, NOW).charge, ChargeKind.INTENT_CREATED, payment_intent="pi_1")
        assert charge.payment_intent_id == "pi_1"
        lose_all_charges_of(mandate_id)


def lose_all_charges_of(mandate_id: str) -> None:
    for kind in (ChargeRow, ChargeEntryRow, OpenChargeRow, RegisterRow, UsageRow):
        for item in query_raw(kind, kind.mandate_id == mandate_id):
            delete(kind, (mandate_id, item["record"]["S"]))


def test_an_event_is_applied_once(world: World) -> None:
    charge = reserved(active_mandate(terms()), NOW).charge
    event = EventRecord("evt_1", type="payment_intent.processing", created=NOW)
    fact = charge_fact(ChargeKind.ATTEMPT_PROCESSING, NOW, "evt_1", attempt=1)
    first, second = (
        record(charge.charge_id, lambda _charge, _now: [fact], source="evt_1", clock=lambda: NOW, event=event)
        for _ in range(2)
    )
    assert first.change is not None
    assert second.change is None
    assert second.charge == first.charge


def test_a_charge_of_a_later_release_does_not_hide_the_others_that_are_due(world: World) -> None:
    mandate_id = active_mandate(terms())
    later, known = (reserved(mandate_id, NOW, key).charge for key in ("later", "known"))
    boto3.client("dynamodb").update_item(
        TableName="charges",
        Key={"mandate_id": {"S": mandate_id}, "record": {"S": f"charge#{later.charge_id}"}},
        UpdateExpression="SET #format = :newer",
        ExpressionAttributeNames={"#format": "format"},
        ExpressionAttributeValues={":newer": {"N": "9"}},
    )
    assert {due.charge_id for due in due_charges(NOW + 60, 10)} == {later.charge_id, known.charge_id}
    with pytest.raises(NewerFormat):
        read_charge(later.charge_id)


def test_charges_are_listed_newest_first(world: World) -> None:
    mandate_id = active_mandate(terms())
    made = [reserved(mandate_id, NOW + number, f"key-{number}").charge.charge_id for number in range(5)]
    first, after = page_of_charges(mandate_id, 3, None)
    assert after is not None
    second, end = page_of_charges(mandate_id, 3, after)
    assert [charge.charge_id for charge in (*first, *second)] == made[::-1]
    assert end is None
