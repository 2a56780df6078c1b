"""Notices: which charge one covers and when, which are recorded, and what their hash is taken over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.canonical import digest
from mandates.core.charging.calendar import day_of
from mandates.core.charging.decision import ChargeRequest, Decision, Own, Usage, decide
from mandates.core.charging.notice import FORMAT, Notice, NoticeDetails, new_notice, notice_id
from mandates.core.charging.noticing import MOST_DAYS_AHEAD, must_be_of_use
from mandates.core.charging.reasons import Reason
from mandates.core.errors import InvalidRequest, MandatesError, NoticeRefused, NoticeTooLate
from mandates.core.ledger import GENESIS, PersonalValue
from mandates.core.mandate import Status
from mandates.core.terms import Period, PeriodLimit, Terms
from tests.unit.charging import (
    ACTIVE,
    MANDATE_ID,
    NOW,
    ZONES,
    a_notice,
    any_notices,
    any_now,
    terms,
    utc,
)
from tests.unit.laws import law

NEW_YORK = terms(notice_hours=24, time_zone="America/New_York")
"""At NOW it is 07:00 on 27 November there."""
A_DAY = 86_400
REQUEST = ChargeRequest(1_000, "usd")


def decided(*notices: Notice, now: int = NOW, agreed: Terms = NEW_YORK, own: Own | None = None) -> Decision:
    return decide(ACTIVE, agreed, Usage(notices=notices), replace(REQUEST, own=own), now)


def required(decision: Decision) -> bool:
    assert set(decision.reasons) <= {Reason.NOTICE_REQUIRED}
    return not decision.permitted


# ------------------------------------------------------------------------------- what a charge needs


def test_a_notice_covers_its_local_day_from_the_promised_hours_on() -> None:
    """Recorded at 20:00 on the 26th, so from 20:00 on the 27th to midnight."""
    recorded = utc("2026-11-27T01:00")
    evening, midnight = recorded + A_DAY, utc("2026-11-28T05:00")
    notice = a_notice("2026-11-27", recorded)
    found = [decided(notice, now=now) for now in (evening - 1, evening, midnight - 1, midnight)]
    assert [required(decision) for decision in found] == [True, False, False, True]
    assert [decision.earliest for decision in found] == [evening, evening, midnight - 1, None]
    assert [decision.notice for decision in found] == [None, notice, notice, None]


def test_the_whole_day_is_covered_if_the_notice_is_old_enough() -> None:
    notice = a_notice("2026-11-28", NOW - A_DAY)
    start, end = utc("2026-11-28T05:00"), utc("2026-11-29T05:00")
    assert [required(decided(notice, now=now)) for now in (start - 1, start, end - 1, end)] == [1, 0, 0, 1]


def test_part_of_a_second_is_not_rounded_in_our_favour() -> None:
    notice = a_notice("2026-11-28", NOW + 0.001)
    assert notice.known_from == NOW + 1
    assert a_notice("2026-11-28", NOW).known_from == NOW


@pytest.mark.parametrize("other", [{"amount": 999}, {"amount": 1_001}, {"currency": "eur"}])
def test_a_notice_of_another_amount_covers_nothing(other: dict[str, Any]) -> None:
    assert required(decided(a_notice("2026-11-27", NOW - 2 * A_DAY, **other)))
    assert not required(decided(a_notice("2026-11-27", NOW - 2 * A_DAY)))


def test_of_several_the_one_recorded_first_is_used() -> None:
    sent = [a_notice("2026-11-27", NOW - 2 * A_DAY, number=number) for number in (3, 2, 4)]
    too_new = a_notice("2026-11-27", NOW - A_DAY + 1, number=1)
    assert decided(*sent, too_new).notice == sent[1]


def test_without_the_promise_no_notice_is_needed_or_used() -> None:
    """The promise is about amounts that vary."""
    for agreed in (terms(), terms(notice_hours=24, amount=1_000)):
        decision = decided(a_notice("2026-11-27", NOW - 2 * A_DAY), agreed=agreed)
        assert decision.permitted
        assert decision.notice is None


def test_until_an_attempt_is_answered_a_charge_keeps_to_the_day_of_its_notice() -> None:
    own = Own(None, None, 0, answered=False, noticed=date(2026, 11, 27))
    midnight = utc("2026-11-28T05:00")
    assert not required(decided(own=own))
    assert not required(decided(own=own, now=midnight - 1))
    too_late = decided(own=own, now=midnight)
    assert required(too_late)
    assert too_late.earliest is None


def test_its_retries_are_covered_on_any_day() -> None:
    own = Own(None, None, 1, answered=True, noticed=date(2026, 11, 20))
    assert decided(own=own).permitted


def test_a_charge_never_begins_without_a_notice_and_takes_no_other_one() -> None:
    free = a_notice("2026-11-27", NOW - 2 * A_DAY)
    decision = decided(free, own=Own(None, None, 0))
    assert (decision.reasons, decision.notice) == ((Reason.NOTICE_REQUIRED,), None)


@st.composite
def any_promise(draw: st.DrawFn) -> Terms:
    hours = draw(st.sampled_from([1, 24, 48, 100]))
    return terms(notice_hours=hours, time_zone=draw(st.sampled_from(ZONES)))


@law
@given(any_promise(), any_notices(), any_now)
def test_the_decision_is_the_rule_tried_at_every_change(
    agreed: Terms, notices: tuple[Notice, ...], now: int
) -> None:
    """A charge becomes permitted when a day begins, at a quarter of an hour of UTC, or when a notice gets old
    enough."""

    def fits(notice: Notice, at: int) -> bool:
        recorded = datetime.fromisoformat(notice.recorded_at)
        old = datetime.fromtimestamp(at, UTC) - recorded >= timedelta(hours=agreed.notice_hours or 0)
        equal = (notice.amount, notice.currency) == (1_000, "usd")
        return equal and old and notice.day == day_of(at, agreed.zone)

    old_enough = [notice.known_from + 3_600 * (agreed.notice_hours or 0) for notice in notices]
    around = [utc(f"{notice.day}T00:00") + quarter * 900 for notice in notices for quarter in range(-60, 60)]
    instants = sorted({now, *old_enough, *around})
    permitted = [at for at in instants if at >= now and any(fits(notice, at) for notice in notices)]
    decision = decided(*notices, now=now, agreed=agreed)
    assert decision.earliest == (permitted[0] if permitted else None)
    assert decision.notice == next((notice for notice in notices if fits(notice, now)), None)


# ------------------------------------------------------------------------------- what is recorded


def checked(notice: Notice, agreed: Terms = NEW_YORK, status: Status = Status.ACTIVE) -> None:
    must_be_of_use(notice, status, agreed)


def refused(kind: type[MandatesError], notice: Notice, agreed: Terms = NEW_YORK, **of: Any) -> Any:
    with pytest.raises(kind) as raised:
        checked(notice, agreed, **of)
    return raised.value


def test_the_first_day_for_which_a_notice_is_recorded() -> None:
    """At 07:00, a day's notice is still in time for tomorrow."""
    checked(a_notice("2026-11-28", NOW))
    late = refused(NoticeTooLate, a_notice("2026-11-27", NOW))
    assert late.extra == {"earliest_date": "2026-11-28"}
    last = utc("2026-11-28T05:00")
    checked(a_notice("2026-11-28", last - 1))
    assert refused(NoticeTooLate, a_notice("2026-11-28", last)).extra == {"earliest_date": "2026-11-29"}


@pytest.mark.parametrize("agreed", [terms(), terms(notice_hours=24, amount=1_000)])
def test_without_the_promise_a_notice_is_recorded_all_the_same(agreed: Terms) -> None:
    checked(a_notice("2026-11-29", NOW), agreed)
    refused(NoticeTooLate, a_notice("2026-11-26", NOW), agreed)


def test_a_day_that_the_zone_skips_has_no_charge() -> None:
    """Samoa had no 30 December 2011."""
    samoa = terms(notice_hours=1, time_zone="Pacific/Apia")
    late = refused(NoticeTooLate, a_notice("2011-12-30", utc("2011-12-29T00:00")), samoa)
    assert late.extra == {"earliest_date": "2011-12-28"}


def test_a_promise_that_nobody_lives_to_see() -> None:
    for_ever = terms(notice_hours=99_999_999)
    assert refused(NoticeTooLate, a_notice("9999-12-31", NOW), for_ever).extra == {"earliest_date": None}
    assert decided(a_notice("9999-12-31", NOW), agreed=for_ever).earliest is None


def test_a_day_far_ahead_is_an_error() -> None:
    last = date(2026, 11, 28) + timedelta(days=MOST_DAYS_AHEAD)
    checked(a_notice(last.isoformat(), NOW))
    far = refused(InvalidRequest, a_notice((last + timedelta(days=1)).isoformat(), NOW))
    assert str(far) == "date must be at most 366 days after 2026-11-28"


NEVER: dict[str, tuple[Reason, dict[str, Any], dict[str, Any]]] = {
    "pending": (Reason.MANDATE_NOT_ACTIVE, {}, {"status": Status.PENDING}),
    "expired": (Reason.MANDATE_NOT_ACTIVE, {}, {"status": Status.EXPIRED}),
    "revoked": (Reason.MANDATE_REVOKED, {}, {"status": Status.REVOKED}),
    "currency": (Reason.CURRENCY_NOT_AGREED, {"currency": "eur"}, {}),
    "fixed amount": (Reason.AMOUNT_NOT_AGREED, {}, {"agreed": terms(amount=999)}),
    "one charge": (Reason.ABOVE_CHARGE_LIMIT, {"amount": 5_001}, {}),
    "period": (
        Reason.ABOVE_PERIOD_LIMIT,
        {},
        {"agreed": terms(notice_hours=1, per_period=PeriodLimit(999, Period.MONTH, "UTC"))},
    ),
    "start": (Reason.BEFORE_START, {}, {"agreed": terms(notice_hours=1, first_date="2026-12-02")}),
    "end": (Reason.AFTER_END, {}, {"agreed": terms(notice_hours=1, last_date="2026-11-30")}),
}


@pytest.mark.parametrize("name", NEVER)
def test_a_notice_that_no_charge_could_use_is_refused(name: str) -> None:
    reason, said, of = NEVER[name]
    agreed = of.get("agreed", NEW_YORK)
    error = refused(NoticeRefused, a_notice("2026-12-01", NOW, **said), **of)
    assert error.extra == {"reasons": [str(reason)], "currency": agreed.limits.currency}


# ------------------------------------------------------------------------------- what is kept


DETAILS = NoticeDetails(1_000, "usd", date(2026, 11, 28), "message-1")
PERSONAL = {"reference": PersonalValue("message-1", "00" * 32)}


def test_what_a_notice_says_is_hashed_and_its_words_lie_beside() -> None:
    notice = new_notice(
        mandate_id=MANDATE_ID,
        details=DETAILS,
        personal=PERSONAL,
        count=6,
        previous=GENESIS,
        recorded_at="2026-11-27T12:00:00.000Z",
        actor="backend",
    )
    assert notice.content() == {
        "format": FORMAT,
        "notice_id": notice_id(MANDATE_ID, DETAILS),
        "number": 7,
        "previous": GENESIS,
        "amount": 1_000,
        "currency": "usd",
        "date": "2026-11-28",
        "recorded_at": "2026-11-27T12:00:00.000Z",
        "actor": "backend",
        "commitments": {"reference": PERSONAL["reference"].commitment},
    }
    assert notice.hash == digest(notice.content())
    assert notice.reference == "message-1"
    erased = replace(notice, personal={}, charge_ids=frozenset({"chg_1"}))
    assert erased.reference is None
    assert digest(erased.content()) == notice.hash


def test_the_id_is_that_of_what_is_said() -> None:
    others = [
        replace(DETAILS, amount=1_001),
        replace(DETAILS, currency="eur"),
        replace(DETAILS, day=date(2026, 11, 29)),
        replace(DETAILS, reference="message-2"),
    ]
    ids = {notice_id(MANDATE_ID, details) for details in [DETAILS, *others]}
    assert len(ids) == 5
    assert (
        notice_id(MANDATE_ID, replace(DETAILS)) == f"ntc_{'a' * 24}_" + notice_id(MANDATE_ID, DETAILS)[-16:]
    )
    assert notice_id(MANDATE_ID, DETAILS) != notice_id(f"mdt_{'b' * 24}", DETAILS)
