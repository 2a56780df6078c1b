"""Local days, calendar periods and recurring windows, as exact instants in epoch seconds (UTC).

A day begins as in java.time (`LocalDate.atStartOfDay(zone)`): at the first instant at which the zone's clock
shows that date's midnight, or a later time if the clock skips midnight. A clock that goes back over midnight
does not bring the day before back. A day that a zone skips is empty: it begins where the next day begins. So
days tile time without a gap or an overlap, and so do periods and windows, which are made of days.
"""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from mandates.core.terms import Frequency, FrequencyKind, Period

ONCE = "once"
"""The key of the one window of a one-time consent."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local clock's reading has no zone of its own


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` on: the instants `start <= t < end`.

    `end` is None if it lies beyond the year 9999. `start` is None in a window that never began to be counted:
    the one window of a one-time consent. The key is a date, so it stays the same when a government moves the
    clock.
    """

    key: str
    start: int | None
    end: int | None


# ------------------------------------------------------------------------------------------------- days


def start_of_day(day: date, zone: ZoneInfo) -> int:
    """The first instant of the local day. Its local clock shows midnight, unless the zone skips midnight."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    read = int((midnight.replace(tzinfo=None) - _EPOCH).total_seconds())
    first, second = (read - _offset(midnight.replace(fold=fold)) for fold in (0, 1))
    if first <= second:  # midnight comes once, or twice: then the first time counts
        return first
    # PEP 495: in a gap, fold 0 is beyond the gap's end and fold 1 before its start. The day begins between.
    return second + bisect_left(range(second, first), read, key=lambda instant: _reading(instant, zone))


def day_of(instant: int, zone: ZoneInfo) -> date:
    """The local day that contains the instant.

    It is the date on the zone's clock, except after a clock that went back over midnight: then it stays the
    day that had begun.
    """
    day = datetime.fromtimestamp(instant, UTC).astimezone(zone).date()
    while (begun := _start_or_none(_after(day), zone)) is not None and begun <= instant:
        day += _DAY
    return day


def end_of_day(day: date, zone: ZoneInfo) -> int | None:
    """The first instant after the local day; None for the last day of the year 9999."""
    return _start_or_none(_after(day), zone)


def _offset(local: datetime) -> int:
    offset = local.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _reading(instant: int, zone: ZoneInfo) -> int:
    """What the zone's clock shows, as seconds since it would have shown 1970-01-01T00:00."""
    return instant + _offset(datetime.fromtimestamp(instant, UTC).astimezone(zone))


def _after(day: date) -> date | None:
    return day + _DAY if day < date.max else None


def _start_or_none(day: date | None, zone: ZoneInfo) -> int | None:
    return None if day is None else start_of_day(day, zone)


# ---------------------------------------------------------------------------------------------- periods


def calendar_period(period: Period, instant: int, zone: ZoneInfo) -> Span:
    """The local calendar period that contains the instant. A week begins on Monday (ISO 8601)."""
    day = day_of(instant, zone)
    match period:
        case Period.DAY:
            first = day
        case Period.WEEK:
            first = day - timedelta(days=day.weekday())
        case Period.MONTH:
            first = day.replace(day=1)
        case Period.YEAR:
            first = day.replace(month=1, day=1)
    return _span(first, _later(first, period, 1), zone)


def day_period(instant: int, zone: ZoneInfo) -> Span:
    return calendar_period(Period.DAY, instant, zone)


def _span(first: date, next_first: date | None, zone: ZoneInfo) -> Span:
    return Span(first.isoformat(), start_of_day(first, zone), _start_or_none(next_first, zone))


# ---------------------------------------------------------------------------------------------- windows


def window(frequency: Frequency, anchor: date, instant: int, zone: ZoneInfo) -> Span | None:
    """The span in which the frequency allows one charge; None if it does not say how often.

    `anchor` is the local day of the mandate's activation. Windows of recurring consent follow each other from
    there on. An instant before the anchor counts in the first window: Stripe's clock and ours may disagree
    around midnight.
    """
    if frequency.kind is FrequencyKind.ONE_TIME:
        return Span(ONCE, None, None)
    if frequency.interval is None or frequency.every is None:
        return None
    index = window_index(frequency.interval, frequency.every, anchor, day_of(instant, zone))
    first = _later(anchor, frequency.interval, index * frequency.every) or anchor
    return _span(first, _later(anchor, frequency.interval, (index + 1) * frequency.every), zone)


def window_index(interval: Period, every: int, anchor: date, day: date) -> int:
    """The number, from 0, of the window that contains the day."""
    if day <= anchor:
        return 0
    match interval:
        case Period.DAY:
            return (day - anchor).days // every
        case Period.WEEK:
            return (day - anchor).days // (7 * every)
        case Period.MONTH:
            passed = (day.year - anchor.year) * 12 + day.month - anchor.month
        case Period.YEAR:
            passed = day.year - anchor.year
    # In the month or year of an anniversary, the day may still be before it.
    anniversary = _later(anchor, interval, passed)
    return (passed if anniversary is not None and anniversary <= day else passed - 1) // every


def _later(day: date, period: Period, count: int) -> date | None:
    """The day that many periods later; None beyond the year 9999.

    Month ends are clamped from the day given, not from the one before: 31 January, 28 February, 31 March.
    """
    if period in (Period.DAY, Period.WEEK):
        days = count * (7 if period is Period.WEEK else 1)
        return day + timedelta(days=days) if days <= (date.max - day).days else None
    months = day.year * 12 + day.month - 1 + count * (12 if period is Period.YEAR else 1)
    year, month = divmod(months, 12)
    if year > date.max.year:
        return None
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
