"""Local days, periods and windows: clock changes, month ends, leap years, and that they tile time."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandates.core.charging.calendar import (
    ONCE,
    Span,
    calendar_period,
    day_of,
    end_of_day,
    start_of_day,
    window,
    window_index,
)
from mandates.core.terms import Frequency, FrequencyKind, Period
from tests.unit.laws import law
from tests.unit.source_guards import LAYER

ODD = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "UTC",
]
zones = st.sampled_from(ODD).map(ZoneInfo)
instants = st.integers(0, int(datetime(2060, 1, 1, tzinfo=UTC).timestamp()))
days = st.dates(date(1980, 1, 1), date(2060, 1, 1))


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# ------------------------------------------------------------------------------------- clock changes


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),  # back by half an hour
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),  # the day that was skipped
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
        ("Asia/Kathmandu", "1986-01-01", "1985-12-31T18:30", 23.75),  # +5:30 became +5:45 at midnight
        ("Pacific/Chatham", "2026-04-05", "2026-04-04T10:15", 25),
        ("Pacific/Chatham", "2026-09-27", "2026-09-26T11:15", 23),
        ("Antarctica/Troll", "2026-03-29", "2026-03-29T00:00", 22),  # two hours at once
        ("Antarctica/Troll", "2026-10-25", "2026-10-24T22:00", 26),
        ("Africa/Casablanca", "2026-02-15", "2026-02-14T23:00", 25),  # back for Ramadan
        ("Africa/Casablanca", "2026-03-22", "2026-03-22T00:00", 23),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),  # midnight skipped: begins at 01:00
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", 25),  # 24:00 became 23:00
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00", 24),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", 25),  # midnight comes twice: the first counts
        ("America/St_Johns", "2006-10-29", "2006-10-29T02:30", 25),  # 00:01 became 23:01 of the day before
        ("America/St_Johns", "2006-10-28", "2006-10-28T02:30", 24),
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30", 23.5),  # 23:30 became 00:30
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("Pacific/Kiritimati", "1994-12-31", "1994-12-31T10:00", 0),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
    ],
)
def test_a_day_begins_and_ends_with_its_clock(zone: str, day: str, start: str, hours: float) -> None:
    place, local = ZoneInfo(zone), date.fromisoformat(day)
    begins, ends = start_of_day(local, place), end_of_day(local, place)
    assert ends is not None
    assert (begins, (ends - begins) / 3600) == (utc(start), hours)
    if hours:
        assert day_of(begins, place) == day_of(ends - 1, place) == local
        assert day_of(ends, place) > local > day_of(begins - 1, place)


def test_a_clock_that_goes_back_over_midnight_does_not_bring_the_day_back() -> None:
    place = ZoneInfo("America/St_Johns")
    again = utc("2006-10-29T02:31")  # one minute of the 29th has passed, and the clock shows 23:01
    assert datetime.fromtimestamp(again, place).date() == date(2006, 10, 28)
    assert day_of(again, place) == date(2006, 10, 29)


@pytest.mark.parametrize(
    ("period", "key", "end"),
    [
        (Period.DAY, "2026-11-01", "2026-11-02"),
        (Period.WEEK, "2026-10-26", "2026-11-02"),
        (Period.MONTH, "2026-11-01", "2026-12-01"),
        (Period.YEAR, "2026-01-01", "2027-01-01"),
    ],
)
def test_a_period_is_that_of_the_local_calendar(period: Period, key: str, end: str) -> None:
    place = ZoneInfo("America/New_York")
    noon = utc("2026-11-01T17:00")  # a Sunday, on which the clock goes back
    expected = [start_of_day(date.fromisoformat(day), place) for day in (key, end)]
    assert calendar_period(period, noon, place) == Span(key, *expected)


def test_a_month_is_another_one_elsewhere() -> None:
    instant = utc("2026-12-01T02:00")
    found = [
        calendar_period(Period.MONTH, instant, ZoneInfo(zone)).key for zone in ("UTC", "America/Chicago")
    ]
    assert found == ["2026-12-01", "2026-11-01"]


def test_the_calendars_end_is_no_error() -> None:
    last = start_of_day(date.max, ZoneInfo("UTC"))
    assert end_of_day(date.max, ZoneInfo("UTC")) is None
    assert calendar_period(Period.YEAR, last, ZoneInfo("UTC")).end is None
    rarely = window(recurring(Period.YEAR, 99_999_999), date(2026, 1, 31), last, ZoneInfo("UTC"))
    assert rarely is not None
    assert (rarely.key, rarely.end) == ("2026-01-31", None)


@law
@given(st.sampled_from(Period), zones, instants)
def test_periods_tile_time(period: Period, zone: ZoneInfo, instant: int) -> None:
    span = calendar_period(period, instant, zone)
    assert span.start is not None
    assert span.end is not None
    assert span.start <= instant < span.end
    for inside in (span.start, span.end - 1):
        assert calendar_period(period, inside, zone) == span
    assert calendar_period(period, span.end, zone).start == span.end
    assert calendar_period(period, span.start - 1, zone).end == span.start


@law
@given(zones, days)
def test_a_day_is_found_by_every_instant_it_has(zone: ZoneInfo, day: date) -> None:
    start, end = start_of_day(day, zone), end_of_day(day, zone)
    assert end is not None
    assert end == start_of_day(day + timedelta(days=1), zone)
    assert start <= end
    if start < end:
        assert day_of(start, zone) == day_of(end - 1, zone) == day


# ------------------------------------------------------------------------------------------- windows


def recurring(interval: Period, every: int) -> Frequency:
    return Frequency(FrequencyKind.RECURRING, interval, every)


def keys(interval: Period, every: int, anchor: str, count: int) -> list[str]:
    """The keys of the first windows, each found from the end of the one before."""
    place, found, instant = ZoneInfo("UTC"), [], utc(anchor)
    for _ in range(count):
        span = window(recurring(interval, every), date.fromisoformat(anchor), instant, place)
        assert span is not None
        assert span.end is not None
        found.append(span.key)
        instant = span.end
    return found


@pytest.mark.parametrize(
    ("interval", "every", "anchor", "expected"),
    [
        (
            Period.MONTH,
            1,
            "2026-01-31",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        (Period.MONTH, 1, "2028-01-30", ["2028-01-30", "2028-02-29", "2028-03-30"]),
        (Period.MONTH, 3, "2026-11-30", ["2026-11-30", "2027-02-28", "2027-05-30"]),
        (
            Period.YEAR,
            1,
            "2028-02-29",
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        (Period.WEEK, 2, "2026-12-24", ["2026-12-24", "2027-01-07"]),
        (Period.DAY, 10, "2028-02-25", ["2028-02-25", "2028-03-06"]),
    ],
)
def test_windows_are_clamped_from_the_anchor(
    interval: Period, every: int, anchor: str, expected: list[str]
) -> None:
    assert keys(interval, every, anchor, len(expected)) == expected


@law
@given(st.sampled_from(Period), st.integers(1, 40), days, zones, instants)
def test_windows_tile_time_from_the_anchor_on(
    interval: Period, every: int, anchor: date, zone: ZoneInfo, instant: int
) -> None:
    frequency = recurring(interval, every)
    span = window(frequency, anchor, instant, zone)
    assert span is not None
    assert span.start is not None
    assert span.end is not None
    assert span.start <= max(instant, start_of_day(anchor, zone)) < span.end
    following = window(frequency, anchor, span.end, zone)
    assert following is not None
    assert following.start == span.end
    assert window(frequency, anchor, span.end - 1, zone) == span


@law
@given(st.sampled_from(Period), st.integers(1, 40), days, days, days)
def test_a_windows_index_is_monotone(
    interval: Period, every: int, anchor: date, one: date, other: date
) -> None:
    earlier, later = sorted((one, other))
    assert window_index(interval, every, anchor, earlier) <= window_index(interval, every, anchor, later)
    assert window_index(interval, every, anchor, anchor) == 0


def test_before_the_anchor_it_is_the_first_window() -> None:
    span = window(recurring(Period.MONTH, 1), date(2026, 3, 1), utc("2026-02-28T23:59"), ZoneInfo("UTC"))
    assert span is not None
    assert span.key == "2026-03-01"


def test_consent_for_one_charge_has_one_window_and_unscheduled_consent_none() -> None:
    place = ZoneInfo("UTC")
    assert window(Frequency(FrequencyKind.ONE_TIME), date(2026, 1, 1), 0, place) == Span(ONCE, None, None)
    assert window(Frequency(FrequencyKind.UNSCHEDULED), date(2026, 1, 1), 0, place) is None


# ------------------------------------------------------------------------------------------- machine

EVERYTHING = """
from datetime import date
from zoneinfo import ZoneInfo
from mandates.core.charging.calendar import calendar_period, start_of_day, window
from mandates.core.terms import Frequency, FrequencyKind, Period
for name in ("Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns"):
    zone = ZoneInfo(name)
    for at in range(1_600_000_000, 1_900_000_000, 20_000_003):
        print([calendar_period(period, at, zone) for period in Period])
        print(window(Frequency(FrequencyKind.RECURRING, Period.MONTH, 1), date(2020, 1, 31), at, zone))
"""


def test_nothing_depends_on_the_machines_zone() -> None:
    said = {
        subprocess.check_output(
            [sys.executable, "-c", EVERYTHING], env={**os.environ, "TZ": zone, "PYTHONPATH": str(LAYER)}
        )
        for zone in ("UTC", "America/St_Johns", "Pacific/Kiritimati")
    }
    assert len(said) == 1
