"""The decision: every reason, all that apply, and from when the charge would be permitted."""

import copy
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings

from mandates.core.charging.decision import (
    MOST_ATTEMPTS,
    MOST_DECLINES_A_DAY,
    ChargeRequest,
    ChargeRules,
    Decision,
    Own,
    Standing,
    Usage,
    decide,
    put_off_until,
)
from mandates.core.charging.reasons import Reason
from mandates.core.mandate import Status
from mandates.core.terms import Frequency, Period, PeriodLimit, Terms
from tests.unit.charging import (
    A_MONTH,
    ACTIVE,
    MONTHLY,
    NOW,
    ONE_TIME,
    WEEKLY,
    a_notice,
    any_now,
    any_request,
    any_standing,
    any_terms,
    any_usage,
    hopeful_usage,
    terms,
    utc,
)
from tests.unit.laws import law

REQUEST = ChargeRequest(1_000, "usd")


def decided(
    agreed: Terms | None = None,
    usage: Usage | None = None,
    request: ChargeRequest = REQUEST,
    standing: Standing = ACTIVE,
    now: int = NOW,
) -> Decision:
    return decide(standing, agreed or terms(), usage or Usage(), request, now)


def test_what_is_agreed_is_permitted() -> None:
    decision = decided(terms(per_period=A_MONTH), Usage(used={"2026-11-01": 9_000}))
    assert decision.permitted
    assert (decision.reasons, decision.earliest, decision.left) == ((), NOW, 1_000)
    assert decision.period is not None
    assert (decision.period.key, decision.day) == ("2026-11-01", "2026-11-27")
    assert (decision.period.start, decision.period.end) == (utc("2026-11-01T04:00"), utc("2026-12-01T05:00"))


FULL = Usage(used={"2026-11-01": 9_001})
TODAY = Usage(declines={"2026-11-27": MOST_DECLINES_A_DAY})
TENTH = ChargeRequest(1_000, "usd", Own(None, None, MOST_ATTEMPTS))

CASES: dict[str, tuple[Reason, dict[str, Any], str | None]] = {
    "pending": (Reason.MANDATE_NOT_ACTIVE, {"standing": Standing(Status.PENDING)}, None),
    "expired": (Reason.MANDATE_NOT_ACTIVE, {"standing": Standing(Status.EXPIRED)}, None),
    "revoked": (Reason.MANDATE_REVOKED, {"standing": replace(ACTIVE, status=Status.REVOKED)}, None),
    "no return": (
        Reason.RETURN_NOT_SEEN,
        {"standing": replace(ACTIVE, rules=ChargeRules(return_required=True))},
        None,
    ),
    "disputed": (Reason.DISPUTED, {"standing": replace(ACTIVE, disputed=True)}, None),
    "paused": (Reason.CHARGING_PAUSED, {"standing": replace(ACTIVE, paused=True)}, None),
    "currency": (Reason.CURRENCY_NOT_AGREED, {"request": ChargeRequest(99_999, "jpy")}, None),
    "fixed amount": (Reason.AMOUNT_NOT_AGREED, {"agreed": terms(amount=1_001)}, None),
    "one charge": (Reason.ABOVE_CHARGE_LIMIT, {"request": ChargeRequest(5_001, "usd")}, None),
    "period": (
        Reason.ABOVE_PERIOD_LIMIT,
        {"agreed": terms(per_period=A_MONTH), "usage": FULL},
        "2026-12-01T05:00",  # midnight in New York
    ),
    "any period": (
        Reason.ABOVE_PERIOD_LIMIT,
        {"agreed": terms(per_period=PeriodLimit(999, Period.DAY, "UTC"))},
        None,
    ),
    "window": (
        Reason.TOO_FREQUENT,
        {"agreed": terms(MONTHLY), "usage": Usage(windows=frozenset({"2026-10-31"}))},
        "2026-11-30T00:00",  # activated on 31 January
    ),
    "once": (
        Reason.ONE_TIME_ALREADY_USED,
        {"agreed": terms(ONE_TIME), "usage": Usage(windows=frozenset({"once"}))},
        None,
    ),
    "start": (
        Reason.BEFORE_START,
        {"agreed": terms(first_date="2026-12-24", time_zone="Asia/Kathmandu")},
        "2026-12-23T18:15",
    ),
    "end": (Reason.AFTER_END, {"agreed": terms(last_date="2026-11-26")}, None),
    "notice": (Reason.NOTICE_REQUIRED, {"agreed": terms(notice_hours=24)}, None),
    "notice for another day": (
        Reason.NOTICE_REQUIRED,
        {"agreed": terms(notice_hours=24), "usage": Usage(notices=(a_notice("2026-11-29", NOW - 1),))},
        "2026-11-29T00:00",
    ),
    "in progress": (Reason.IN_PROGRESS, {"usage": Usage(reference=Reason.IN_PROGRESS)}, None),
    "charged": (Reason.ALREADY_CHARGED, {"usage": Usage(reference=Reason.ALREADY_CHARGED)}, None),
    "declines": (Reason.TOO_MANY_ATTEMPTS, {"usage": TODAY}, "2026-11-28T00:00"),
    "attempts": (Reason.TOO_MANY_ATTEMPTS, {"request": TENTH}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_each_reason_and_its_end(name: str) -> None:
    reason, given_, earliest = CASES[name]
    decision = decided(**given_)
    assert decision.reasons == (reason,)
    assert decision.earliest == (utc(earliest) if earliest else None)


def test_every_reason_is_reached() -> None:
    assert {reason for reason, _, _ in CASES.values()} == set(Reason)


def test_all_reasons_are_named_in_one_order() -> None:
    agreed = terms(
        MONTHLY,
        notice_hours=1,
        per_period=A_MONTH,
        last_date="2026-11-01",
        time_zone="America/New_York",
    )
    usage = Usage(
        used={"2026-11-01": 9_999},
        windows=frozenset({"2026-10-31"}),
        declines={"2026-11-27": 10},
        reference=Reason.IN_PROGRESS,
    )
    standing = replace(
        ACTIVE,
        status=Status.REVOKED,
        rules=ChargeRules(return_required=True),
        disputed=True,
        paused=True,
    )
    decision = decided(agreed, usage, ChargeRequest(5_001, "usd"), standing)
    never_together = {
        Reason.MANDATE_NOT_ACTIVE,
        Reason.AMOUNT_NOT_AGREED,  # a fixed amount needs no notice
        Reason.CURRENCY_NOT_AGREED,
        Reason.ONE_TIME_ALREADY_USED,
        Reason.BEFORE_START,
        Reason.ALREADY_CHARGED,
    }
    assert decision.reasons == tuple(reason for reason in Reason if reason not in never_together)
    assert (decision.left, decision.earliest) == (1, None)


def test_a_limit_that_is_reached_is_not_broken() -> None:
    agreed = terms(per_period=A_MONTH, first_date="2026-11-27", last_date="2026-11-27")
    assert decided(agreed, Usage(used={"2026-11-01": 5_000}), ChargeRequest(5_000, "usd")).permitted


def test_dates_include_their_whole_day_in_the_zone() -> None:
    agreed = terms(first_date="2026-11-27", last_date="2026-11-27", time_zone="America/New_York")
    first, last = utc("2026-11-27T05:00"), utc("2026-11-28T05:00")
    assert [decided(agreed, now=now).permitted for now in (first - 1, first, last - 1, last)] == [
        False,
        True,
        True,
        False,
    ]
    assert decided(terms(last_date="9999-12-31")).permitted


def test_two_ends_are_waited_for() -> None:
    """The next month has no room, and the one after begins before the window does."""
    usage = Usage(
        used={"2026-11-01": 9_001, "2026-12-01": 9_001},
        windows=frozenset({"2026-12-31"}),
        declines={"2027-01-31": 10},
    )
    decision = decided(terms(MONTHLY, per_period=A_MONTH), usage)
    assert decision.reasons == (Reason.ABOVE_PERIOD_LIMIT,)
    assert decision.earliest == utc("2027-02-01T05:00")


def test_more_than_the_limit_was_used_by_a_late_success() -> None:
    assert decided(terms(per_period=A_MONTH), Usage(used={"2026-11-01": 12_000})).left == 0


def test_windows_count_from_the_activation_or_the_frozen_anchor() -> None:
    found = [decided(terms(MONTHLY), Usage(anchor=anchor)) for anchor in (None, date(2026, 1, 15))]
    assert [decision.window.key for decision in found if decision.window] == ["2026-10-31", "2026-11-15"]
    assert [decision.anchor for decision in found] == [date(2026, 1, 31), date(2026, 1, 15)]
    assert decided(terms(MONTHLY), standing=Standing(Status.PENDING)).window is None


# --------------------------------------------------------------------------------- another attempt


def test_a_charge_does_not_stand_in_its_own_way() -> None:
    agreed = terms(WEEKLY, per_period=A_MONTH)
    usage = Usage(used={"2026-11-01": 10_000})
    assert decided(agreed, usage).reasons == (Reason.ABOVE_PERIOD_LIMIT,)
    own = Own("2026-11-01", "2026-11-21", 1)
    decision = decided(agreed, usage, replace(REQUEST, own=own))
    assert decision.permitted
    assert decision.left == 1_000


def test_a_weekly_retry_does_not_take_the_next_window() -> None:
    """It was begun in the window before, and the next window has its own charge."""
    usage = Usage(windows=frozenset({"2026-11-21"}))
    assert decided(terms(WEEKLY), usage, replace(REQUEST, own=Own(None, "2026-11-14", 3))).permitted


@pytest.mark.parametrize(
    ("frequency", "window", "reason"),
    [(WEEKLY, "2026-11-14", Reason.TOO_FREQUENT), (ONE_TIME, "once", Reason.ONE_TIME_ALREADY_USED)],
)
def test_a_window_that_another_charge_has_too_is_never_free_again(
    frequency: Frequency, window: str, reason: Reason
) -> None:
    """The other one was given up, and took the money all the same."""
    own = replace(REQUEST, own=Own(None, window, 1))
    decision = decided(terms(frequency), Usage(windows=frozenset({window})), own)
    assert (decision.reasons, decision.earliest) == ((reason,), None)


def test_in_another_period_the_attempt_needs_room_there() -> None:
    own = replace(REQUEST, own=Own("2026-10-01", None, 1))
    assert decided(terms(per_period=A_MONTH), FULL, own).reasons == (Reason.ABOVE_PERIOD_LIMIT,)


def test_an_attempt_is_put_off_only_within_charge_by() -> None:
    refused = decided(usage=TODAY)
    assert refused.earliest is not None
    assert put_off_until(refused, refused.earliest + 1) == refused.earliest
    assert put_off_until(refused, refused.earliest) is None
    assert put_off_until(decided(request=TENTH), NOW + 10**9) is None


# ------------------------------------------------------------------------------------------ amounts


@pytest.mark.parametrize("amount", [1, 99_999_999])
def test_the_smallest_and_the_largest_amount(amount: int) -> None:
    assert ChargeRequest(amount, "jpy").amount == amount


@pytest.mark.parametrize("amount", [0, -1, 100_000_000, 10**20, True, 10.0, "10", None])
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match="amount"):
        ChargeRequest(amount, "usd")


@pytest.mark.parametrize("currency", ["USD", "kwd", "", "us d"])
def test_a_currency_outside_the_list_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        ChargeRequest(1, currency)


# ---------------------------------------------------------------------------------------------- laws

often = settings(law, max_examples=100)


def later(standing: Standing, agreed: Terms, usage: Usage, request: ChargeRequest, now: int) -> bool:
    """Whether the charge has to wait; then it is permitted from `earliest` on, and not a second before."""
    decision = decide(standing, agreed, usage, request, now)
    earliest = decision.earliest
    assert decision.permitted == (earliest == now)
    if earliest is None or earliest == now:
        return False
    assert earliest > now
    assert decide(standing, agreed, usage, request, earliest).permitted
    for instant in (earliest - 1, (now + earliest) // 2, (now + 3 * earliest) // 4):
        assert not decide(standing, agreed, usage, request, instant).permitted
    return True


@law
@given(any_standing, any_terms(), any_usage, any_request, any_now)
def test_the_earliest_instant_is_exact(
    standing: Standing, agreed: Terms, usage: Usage, request: ChargeRequest, now: int
) -> None:
    later(standing, agreed, usage, request, now)


def test_the_earliest_instant_is_exact_where_only_time_is_in_the_way() -> None:
    waited = 0

    @often
    @given(any_terms(), hopeful_usage, any_now)
    def tried(agreed: Terms, usage: Usage, now: int) -> None:
        nonlocal waited
        waited += later(ACTIVE, agreed, usage, REQUEST, now)

    tried()
    assert waited > 10


@law
@given(any_standing, any_terms(), any_usage, any_request, any_now)
def test_without_an_earliest_instant_no_later_one_permits(
    standing: Standing, agreed: Terms, usage: Usage, request: ChargeRequest, now: int
) -> None:
    hopeless = decide(standing, agreed, usage, request, now).earliest is None
    for days in (1, 3, 10, 35, 100, 400, 4_000) if hopeless else ():
        assert not decide(standing, agreed, usage, request, now + days * 86_400).permitted


@law
@given(any_standing, any_terms(), any_usage, any_request, any_now)
def test_more_usage_never_permits_more(
    standing: Standing, agreed: Terms, usage: Usage, request: ChargeRequest, now: int
) -> None:
    before = decide(standing, agreed, usage, request, now)
    more = copy.copy(usage)
    if before.period:
        more = replace(more, used={**more.used, before.period.key: more.used.get(before.period.key, 0) + 1})
    if before.window:
        more = replace(more, windows=more.windows | {before.window.key})
    after = decide(standing, agreed, more, request, now)
    assert set(before.reasons) <= set(after.reasons)
    assert (after.left or 0) <= (before.left or 0)
