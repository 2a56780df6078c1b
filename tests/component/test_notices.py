"""Notices are recorded once, and each covers one charge; refused charges are counted."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mandates.charges.noticing import NoticeRecorded, NoticeSent, record_notice
from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.charge import room
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.charging.head import Charge
from mandates.core.charging.notice import Notice
from mandates.core.charging.register import Register
from mandates.core.errors import Busy, ChargeRefused, NoticeRefused
from mandates.core.ledger import first_broken
from mandates.revocation.revoking import revoke
from mandates.store import refusals
from mandates.store.charges import read_charge, read_charge_ledger, read_register, registered
from mandates.store.dynamodb import StoreError
from mandates.store.notices import notices_from, page_of_notices, read_notice
from mandates.store.refusals import Refusals, read_refusals
from tests.component.charging import CLIENT, active_mandate, begun, head_of, pending_mandate, reserved
from tests.component.test_charge_reservation import told
from tests.component.world import STRANGER, Answer, World, customer, in_days, service
from tests.unit.charging import NOW, terms, utc

PROMISED = terms(notice_hours=24, time_zone="America/New_York")
"""At NOW it is 07:00 on 27 November there."""
A_DAY = 86_400
TOMORROW = date(2026, 11, 28)
THEN = NOW + A_DAY
"""Tomorrow at the same time, when a notice of now is old enough."""


def sent(mandate_id: str, now: float = NOW, **said: Any) -> NoticeRecorded:
    what: dict[str, Any] = {"amount": 1_000, "currency": None, "day": TOMORROW, "reference": "message-1"}
    notice = NoticeSent(mandate_id, **(what | said), actor=CLIENT)
    return record_notice(notice, lambda: now, os.urandom)


def stored(mandate_id: str, notice: Notice) -> Notice:
    found = read_notice(mandate_id, notice.key)
    assert found is not None
    return found


def refused(mandate_id: str, now: float, key: str = "key-1") -> dict[str, Any]:
    with pytest.raises(ChargeRefused) as raised:
        reserved(mandate_id, now, key)
    return dict(raised.value.extra)


# ----------------------------------------------------------------------------------------- recording


def test_a_notice_is_recorded_once_in_the_mandates_register(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    first = sent(mandate_id)
    again = sent(mandate_id, NOW + 3_600)
    assert (first.created, again.created) == (True, False)
    assert again.notice == first.notice == stored(mandate_id, first.notice)
    assert first.notice.recorded_at == "2026-11-27T12:00:00.000Z"
    assert (first.notice.reference, first.notice.actor, first.notice.currency) == ("message-1", CLIENT, "usd")
    other = sent(mandate_id, reference="message-2").notice
    assert (other.number, other.previous) == (2, first.notice.hash)
    assert read_register(mandate_id) == Register(2, other.hash)
    assert len(registered(mandate_id, 1, 2)) == 2


def test_notices_and_charges_are_one_register(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    notice = sent(mandate_id).notice
    charge = reserved(mandate_id, THEN).charge
    assert (charge.number, read_register(mandate_id).count) == (2, 2)
    entry = _first_entry(charge)
    assert entry.permission is not None
    assert entry.permission["previous"] == notice.hash
    assert entry.permission["notice"] == {"notice_id": notice.notice_id, "hash": notice.hash}
    assert read_register(mandate_id).hash == entry.hash


def test_the_same_notice_at_the_same_time_is_one(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: sent(mandate_id), range(4)))
    assert sorted(one.created for one in made) == [False, False, False, True]
    assert len({one.notice.notice_id for one in made}) == 1
    assert read_register(mandate_id).count == 1


def test_none_is_recorded_for_a_mandate_that_is_not_active(world: World) -> None:
    revoked = active_mandate(PROMISED)
    known = sent(revoked).notice
    revoke(revoked, by="customer", reason="requested", clock=time.time)
    for mandate_id, reason in (
        (pending_mandate(PROMISED), "mandate_not_active"),
        (revoked, "mandate_revoked"),
    ):
        with pytest.raises(NoticeRefused) as raised:
            sent(mandate_id, reference="another")
        assert raised.value.extra["reasons"] == [reason]
    assert sent(revoked).notice == known


def test_a_withdrawal_that_is_committed_first_keeps_it_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id = active_mandate(PROMISED)
    stale = head_of(mandate_id)
    revoke(mandate_id, by="customer", reason="requested", clock=time.time)
    monkeypatch.setattr("mandates.store.charging_reads.mandate_of", lambda _: stale)
    monkeypatch.setattr("mandates.store.conflicts.ATTEMPTS", 2)
    with pytest.raises(Busy):
        sent(mandate_id)
    assert read_register(mandate_id) == Register()


# ------------------------------------------------------------------------------------------ charging


def _first_entry(charge: Charge) -> ChargeEntry:
    entries = read_charge_ledger(charge.charge_id)
    assert first_broken(entries, length=charge.entries, head_hash=charge.head_hash) is None
    return entries[0]


def test_one_notice_is_one_charge(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    assert refused(mandate_id, NOW) == {
        "reasons": ["notice_required"],
        "left": None,
        "currency": "usd",
        "earliest": None,
    }
    notice = sent(mandate_id).notice
    waits = refused(mandate_id, THEN - 1)
    assert (waits["reasons"], waits["earliest"]) == (["notice_required"], "2026-11-28T12:00:00Z")
    charge = reserved(mandate_id, THEN).charge
    held = room(charge.facts)
    assert held is not None
    assert held.notice == notice.key
    assert stored(mandate_id, notice).charge_ids == {charge.charge_id}
    assert refused(mandate_id, THEN, "key-2")["earliest"] is None
    assert not reserved(mandate_id, THEN + 5 * A_DAY).created


def test_of_many_at_once_each_has_its_own_notice(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    notices = [sent(mandate_id, reference=f"message-{number}").notice for number in range(2)]

    def tried(number: int) -> str | None:
        try:
            return reserved(mandate_id, THEN, f"key-{number}").charge.charge_id
        except ChargeRefused:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = {charge_id for charge_id in pool.map(tried, range(4)) if charge_id}
    assert len(made) == 2
    used = [stored(mandate_id, notice).charge_ids for notice in notices]
    assert [len(charges) for charges in used] == [1, 1]
    assert used[0] | used[1] == made


def test_a_notice_is_free_again_where_no_money_was_taken(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    notice = sent(mandate_id).notice
    first = reserved(mandate_id, THEN).charge
    told(first, ChargeKind.ENDING, reason=EndReason.NOT_PERMITTED)
    assert stored(mandate_id, notice).charge_ids == set()
    second = reserved(mandate_id, THEN, "key-2").charge
    assert stored(mandate_id, notice).charge_ids == {second.charge_id}


def test_a_late_success_has_it_whoever_has_it_by_then(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    notice = sent(mandate_id).notice
    first = begun(reserved(mandate_id, THEN).charge, 1)
    first = told(first, ChargeKind.INTENT_CANCELED)
    second = reserved(mandate_id, THEN, "key-2", reference="order-2").charge
    told(first, ChargeKind.ATTEMPT_SUCCEEDED, attempt=1)
    assert stored(mandate_id, notice).charge_ids == {first.charge_id, second.charge_id}


def test_the_past_is_not_read(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    days = [TOMORROW + timedelta(days=ahead) for ahead in range(3)]
    notices = [sent(mandate_id, day=day).notice for day in days]
    assert notices_from(mandate_id, days[1]) == notices[1:]
    found, after = page_of_notices(mandate_id, 2, None)
    assert found == [notices[2], notices[1]]
    assert page_of_notices(mandate_id, 2, after) == ([notices[0]], None)


# ---------------------------------------------------------------------------------------------- API

LIVE = terms(notice_hours=24)
WRITES, READS = service("charges:write"), service("mandates:read")


def code(answered: Answer) -> tuple[int, str]:
    return answered.status, answered.body["code"]


def test_a_notice_is_posted_and_shown(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    made, again = world.notice(mandate_id), world.notice(mandate_id, currency="usd")
    assert (made.status, again.status) == (201, 200)
    assert made.body == again.body
    day = in_days(2)
    assert made.body == {
        "notice_id": made.body["notice_id"],
        "mandate_id": mandate_id,
        "amount": 1299,
        "currency": "usd",
        "date": day,
        "reference": "message-42",
        "recorded_at": made.body["recorded_at"],
        "charge_from": f"{day}T00:00:00Z",
        "charge_until": f"{in_days(3)}T00:00:00Z",
        "charge_id": None,
        "recorded_by": "the-back-end",
    }
    assert world.list_notices(mandate_id).body == {"notices": [made.body], "next_cursor": None}
    shown = {name: value for name, value in made.body.items() if name != "recorded_by"}
    assert world.list_notices(mandate_id, caller=customer("auth0|ann")).body["notices"] == [shown]


def test_a_check_ahead_of_time_counts_the_notice(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    assert world.check_charge(mandate_id).body["reasons"] == ["notice_required"]
    made = world.notice(mandate_id).body
    checked = world.check_charge(mandate_id).body
    assert (checked["permitted"], checked["earliest"]) == (False, made["charge_from"])
    assert world.check_charge(mandate_id, at=made["charge_from"]).body["permitted"] is True


def test_pages_of_notices(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    for ahead in (2, 4, 3):
        world.notice(mandate_id, date=in_days(ahead))
    first = world.list_notices(mandate_id, {"limit": "2"}).body
    assert [notice["date"] for notice in first["notices"]] == [in_days(4), in_days(3)]
    last = world.list_notices(mandate_id, {"limit": "2", "cursor": first["next_cursor"]}).body
    assert ([notice["date"] for notice in last["notices"]], last["next_cursor"]) == ([in_days(2)], None)


@pytest.mark.parametrize("caller", [customer("auth0|ann"), READS, service("mandates:write")])
def test_only_a_service_that_may_charge_records_notices(world: World, caller: Any) -> None:
    mandate_id = active_mandate(LIVE)
    assert code(world.notice(mandate_id, caller)) == (403, "insufficient_scope")
    assert world.list_notices(mandate_id).body["notices"] == []


def test_what_belongs_to_nobody_or_somebody_else_is_not_found(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    assert code(world.list_notices(mandate_id, caller=customer(STRANGER))) == (404, "not_found")
    assert code(world.notice(f"mdt_{'a' * 24}")) == (404, "not_found")
    assert code(world.list_notices(mandate_id, caller=WRITES)) == (403, "insufficient_scope")


WRONG: list[tuple[str, Any]] = [
    ("amount", 0),
    ("amount", "10"),
    ("currency", "USD"),
    ("date", "2026-02-30"),
    ("date", "0000-01-01"),
    ("date", "2026-12-01T00:00:00Z"),
    ("date", in_days(800)),
    ("date", "9999-12-31"),
    ("date", None),
    ("reference", ""),
    ("reference", "x" * 201),
    ("recorded_at", "2026-11-27T12:00:00Z"),
]


def test_a_wrong_field_is_refused_by_its_name(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    for field, wrong in WRONG:
        answered = world.notice(mandate_id, **{field: wrong})
        assert code(answered) == (400, "invalid_request"), (field, wrong)
        assert field in answered.body["detail"]
    for field in ("amount", "date", "reference"):
        left_out: dict[str, Any] = {field: ...}
        answered = world.notice(mandate_id, **left_out)
        assert (answered.status, field in answered.body["detail"]) == (400, True)
    assert world.list_notices(mandate_id).body["notices"] == []


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_a_notice_that_comes_too_late_says_for_which_day_one_would_not(world: World, zone: str) -> None:
    mandate_id = active_mandate(replace(LIVE, time_zone=zone))
    for day in ("0001-01-01", in_days(-3)):
        late = world.notice(mandate_id, date=day)
        assert code(late) == (409, "notice_too_late")
        assert world.notice(mandate_id, date=late.body["earliest_date"]).status in {200, 201}


def test_a_notice_that_no_charge_could_use_says_why(world: World) -> None:
    mandate_id = active_mandate(LIVE)
    for changes, reason in (
        ({"amount": 5_001}, "above_charge_limit"),
        ({"currency": "eur"}, "currency_not_agreed"),
    ):
        answered = world.notice(mandate_id, **changes)
        assert code(answered) == (409, "notice_refused")
        assert (answered.body["reasons"], answered.body["currency"]) == ([reason], "usd")


# ----------------------------------------------------------------------------------------- refusals


def test_refused_charges_are_counted_by_reason(world: World) -> None:
    mandate_id = active_mandate(terms())
    assert read_refusals(mandate_id) == []
    world.check_charge(mandate_id, amount=5_001)
    for changes in ({"amount": 5_001}, {"currency": "eur"}, {"amount": 5_001}):
        assert code(world.charge(mandate_id, **changes)) == (409, "charge_not_permitted")
    above, currency = read_refusals(mandate_id)
    assert (above.reason, above.count) == ("above_charge_limit", 2)
    assert currency == Refusals("currency_not_agreed", currency.first, currency.first, 1)
    assert above.first < currency.first < above.last


def test_a_refusal_that_cant_be_counted_is_answered_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate_id = active_mandate(terms())

    def fails(*_: Any) -> None:
        raise StoreError("not now")

    monkeypatch.setattr(refusals, "update", fails)
    assert code(world.charge(mandate_id, amount=5_001)) == (409, "charge_not_permitted")
    assert read_refusals(mandate_id) == []


def test_the_charge_is_found_again_after_its_notice_was_used(world: World) -> None:
    mandate_id = active_mandate(PROMISED)
    sent(mandate_id)
    made = reserved(mandate_id, THEN)
    again = reserved(mandate_id, utc("2026-12-09T12:00"))
    assert (again.created, again.charge.charge_id) == (False, made.charge.charge_id)
    assert read_charge(made.charge.charge_id) == made.charge
