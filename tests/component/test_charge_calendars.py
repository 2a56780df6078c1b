"""The consent's own calendar counts at the API's edge: clock changes, month ends, leap years, yen.

What the calendar is, tests/unit/test_charge_calendar.py holds; here the handlers answer by it.
"""

from itertools import count, pairwise
from typing import Any

import pytest

from mandates.core.clock import rfc3339
from mandates.core.facts import Kind
from mandates.core.terms import Frequency, FrequencyKind, Period, PeriodLimit
from tests.component.charging import PAYMENT_METHOD, active_mandate, add_fact, pending_mandate
from tests.component.passing_time import PassingTime
from tests.component.world import Answer, World
from tests.unit.charging import MONTHLY, terms, utc

HOUR = 3_600


def every(number: int, interval: Period) -> Frequency:
    return Frequency(FrequencyKind.RECURRING, interval, number)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> PassingTime:
    return PassingTime(monkeypatch)


_numbers = count(1)


def charged(world: World, mandate_id: str, **changes: Any) -> Answer:
    """With a key and a reference of its own."""
    key = f"key-{next(_numbers)}"
    return world.charge(mandate_id, key, reference=f"order {key}", **changes)


def refusal(answer: Answer) -> tuple[int, list[str], str | None]:
    return answer.status, answer.body["reasons"], answer.body["earliest"]


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("Africa/Cairo", "2026-04-23T22:00", 23),  # midnight is skipped
        ("Africa/Casablanca", "2026-02-14T23:00", 25),  # back for Ramadan
        ("America/Havana", "2025-11-02T04:00", 25),  # midnight comes twice
        ("America/New_York", "2026-11-01T04:00", 25),
        ("America/Sao_Paulo", "2018-11-04T03:00", 23),
        ("America/Sao_Paulo", "2018-02-17T02:00", 25),  # 24:00 became 23:00
        ("America/St_Johns", "2006-10-29T02:30", 25),  # 00:01 became 23:01 of the day before
        ("Antarctica/Troll", "2026-03-29T00:00", 22),  # two hours at once
        ("Antarctica/Troll", "2026-10-24T22:00", 26),
        ("Asia/Kathmandu", "1985-12-31T18:30", 23.75),  # +5:30 became +5:45
        ("Australia/Lord_Howe", "2026-04-04T13:00", 24.5),
        ("Europe/Berlin", "2026-10-24T22:00", 25),
        ("Pacific/Apia", "2011-12-29T10:00", 24),  # the next day was skipped
        ("Pacific/Chatham", "2026-04-04T10:15", 25),
    ],
)
def test_a_days_limit_holds_from_its_first_second_to_its_last(
    world: World, at: PassingTime, zone: str, start: str, hours: float
) -> None:
    mandate_id = active_mandate(terms(per_period=PeriodLimit(1_000, Period.DAY, zone)))
    begins, ends = utc(start), utc(start) + int(hours * HOUR)
    at.be_at(begins - 1)
    assert charged(world, mandate_id, amount=1_000).status == 201  # of the day before
    at.be_at(begins)
    assert charged(world, mandate_id, amount=1_000).status == 201
    for instant in (begins + HOUR, ends - 2):
        at.be_at(instant)
        refused = charged(world, mandate_id, amount=1)
        assert refusal(refused) == (409, ["above_period_limit"], rfc3339(ends))
        assert world.check_charge(mandate_id, amount=1).body["period"] == {
            "start": rfc3339(begins),
            "end": rfc3339(ends),
        }
    at.be_at(ends)
    assert charged(world, mandate_id, amount=1_000).status == 201


@pytest.mark.parametrize(
    ("frequency", "starts"),
    [
        (MONTHLY, ["2027-01-31T05", "2027-02-28T05", "2027-03-31T04", "2027-04-30T04", "2027-05-31T04"]),
        (MONTHLY, ["2028-01-31T05", "2028-02-29T05", "2028-03-31T04"]),
        (every(1, Period.YEAR), ["2028-02-29T05", "2029-02-28T05", "2030-02-28T05"]),
        (every(4, Period.YEAR), ["2028-02-29T05", "2032-02-29T05", "2036-02-29T05"]),
        (every(3, Period.MONTH), ["2027-11-30T05", "2028-02-29T05", "2028-05-30T04"]),
        (every(2, Period.WEEK), ["2027-02-28T05", "2027-03-14T05", "2027-03-28T04"]),
        (every(1, Period.DAY), ["2027-03-13T05", "2027-03-14T05", "2027-03-15T04", "2027-03-16T04"]),
        (every(1, Period.DAY), ["2027-11-06T04", "2027-11-07T04", "2027-11-08T05", "2027-11-09T05"]),
    ],
)
def test_a_windows_one_charge_is_that_of_its_own_days(
    world: World, at: PassingTime, frequency: Frequency, starts: list[str]
) -> None:
    """Windows follow each other from the activation's local day, whatever the month's or the day's length."""
    mandate_id = pending_mandate(terms(frequency, time_zone="America/New_York"))
    begins = [utc(f"{start}:00") for start in starts]
    activated = begins[0] + 12 * HOUR
    add_fact(mandate_id, Kind.SETUP_SUCCEEDED, activated, payment_method=PAYMENT_METHOD)
    for first, following in pairwise(begins):
        at.be_at(first)
        assert charged(world, mandate_id).status == 201
        at.be_at(following - 2)
        refused = charged(world, mandate_id)
        assert refusal(refused) == (409, ["too_frequent"], rfc3339(following))
        assert world.check_charge(mandate_id).body["window"] == {
            "start": rfc3339(first),
            "end": rfc3339(following),
        }


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Pacific/Kiritimati", "2026-02-27T10:00", "2026-02-28T10:00"),
        ("Pacific/Pago_Pago", "2026-02-28T11:00", "2026-03-01T11:00"),
        ("UTC", "2026-02-28T00:00", "2026-03-01T00:00"),
    ],
)
def test_the_first_and_the_last_day_are_those_of_the_zone(
    world: World, at: PassingTime, zone: str, start: str, end: str
) -> None:
    """Both on 28 February: the day lasts from one midnight there to the next."""
    agreed = terms(time_zone=zone, first_date="2026-02-28", last_date="2026-02-28")
    mandate_id = active_mandate(agreed)
    at.be_at(utc(start) - 2)
    assert refusal(charged(world, mandate_id)) == (409, ["before_start"], rfc3339(utc(start)))
    for instant in (utc(start), utc(end) - 2):
        at.be_at(instant)
        assert charged(world, mandate_id).status == 201
    at.be_at(utc(end))
    assert refusal(charged(world, mandate_id)) == (409, ["after_end"], None)


def test_a_check_answers_for_a_later_day(world: World, at: PassingTime) -> None:
    """In the week in which New York has changed its clock and Berlin has not."""
    mandate_id = active_mandate(terms(per_period=PeriodLimit(1_000, Period.DAY, "America/New_York")))
    at.be_at(utc("2026-03-07T17:00"))
    assert charged(world, mandate_id, amount=1_000).status == 201
    asked = {at_: world.check_charge(mandate_id, amount=1, at=at_).body for at_ in TIMES}
    assert [answer["permitted"] for answer in asked.values()] == [False, False, True, True]
    assert {answer["earliest"] for answer in asked.values() if not answer["permitted"]} == {
        "2026-03-08T05:00:00Z"
    }
    assert asked[TIMES[-1]]["period"] == {"start": "2026-03-08T05:00:00Z", "end": "2026-03-09T04:00:00Z"}


TIMES = (
    "2026-03-07T23:59:59-05:00",
    "2026-03-08T05:59:59+01:00",
    "2026-03-08T00:00:00-05:00",
    "2026-03-08T23:59:59-04:00",
)


def test_yen_have_no_smaller_unit(world: World) -> None:
    a_month = PeriodLimit(8_000, Period.MONTH, "Asia/Tokyo")
    mandate_id = active_mandate(terms(currency="jpy", per_charge=5_000, per_period=a_month))
    made = charged(world, mandate_id, amount=5_000, currency="jpy")
    assert (made.status, made.body["amount"], made.body["currency"]) == (201, 5_000, "jpy")
    left = charged(world, mandate_id, amount=5_001, currency="jpy")
    assert (left.status, left.body["left"], left.body["currency"]) == (409, 3_000, "jpy")
    assert left.body["reasons"] == ["above_charge_limit", "above_period_limit"]
    assert world.check_charge(mandate_id, amount=3_000, currency="jpy").body["permitted"]
    other = world.check_charge(mandate_id, amount=30, currency="usd").body
    assert (other["reasons"], other["left"]) == (["currency_not_agreed"], 3_000)
