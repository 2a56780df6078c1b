"""Terms, facts and generators for the tests of charging."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from mandates.core.charging.decision import ChargeRequest, ChargeRules, Own, Standing, Usage
from mandates.core.charging.notice import Notice, NoticeDetails, new_notice
from mandates.core.charging.reasons import Reason
from mandates.core.clock import Instant
from mandates.core.ledger import GENESIS
from mandates.core.mandate import Status
from mandates.core.terms import Frequency, FrequencyKind, Limits, Period, PeriodLimit, Terms


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


ACTIVATED = utc("2026-01-31T12:00")
NOW = utc("2026-11-27T12:00")
ACTIVE = Standing(Status.ACTIVE, activated_at=ACTIVATED)

UNSCHEDULED = Frequency(FrequencyKind.UNSCHEDULED)
ONE_TIME = Frequency(FrequencyKind.ONE_TIME)
MONTHLY = Frequency(FrequencyKind.RECURRING, Period.MONTH, 1)
WEEKLY = Frequency(FrequencyKind.RECURRING, Period.WEEK, 1)
A_MONTH = PeriodLimit(10_000, Period.MONTH, "America/New_York")


def terms(frequency: Frequency = UNSCHEDULED, **changes: Any) -> Terms:
    """Terms in USD with a limit of 5,000 for each charge; changes of `Limits` go into them."""
    limits: dict[str, Any] = {"currency": "usd", "per_charge": 5_000}
    limits |= {name: changes.pop(name) for name in list(changes) if name in Limits.__dataclass_fields__}
    whole: dict[str, Any] = {"amount": None, "notice_hours": None, **changes}
    return Terms(
        version="1",
        business_name="Example Shop",
        default_locale="en",
        frequency=frequency,
        limits=Limits(**limits),
        texts={},
        **whole,
    )


MANDATE_ID = f"mdt_{'a' * 24}"


def a_notice(
    day: str, recorded_at: float, *, amount: int = 1_000, currency: str = "usd", number: int = 1
) -> Notice:
    """For the local `day`, recorded at that time (epoch seconds)."""
    return new_notice(
        mandate_id=MANDATE_ID,
        details=NoticeDetails(amount, currency, date.fromisoformat(day), f"message-{number}"),
        personal={},
        count=number - 1,
        previous=GENESIS,
        recorded_at=Instant(recorded_at).text,
        actor="backend",
    )


ZONES = ["America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]
_dates = st.none() | st.sampled_from(["2026-10-31", "2026-11-27", "2026-11-29", "2027-02-01", "2027-06-30"])
_spans = [
    date(year, month, day).isoformat() for year in (2026, 2027) for month in (1, 2, 11, 12) for day in (1, 28)
]
_keys = st.sampled_from([*_spans, *(f"2026-11-{day:02}" for day in range(20, 31)), "2026-12-31"])


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    zone = draw(st.sampled_from(ZONES))
    most = st.sampled_from([500, 1_000, 1_500, 6_000, 6_000, 6_000])
    limit = st.builds(PeriodLimit, most, st.sampled_from(Period), st.just(zone))
    return terms(
        draw(st.sampled_from([UNSCHEDULED, ONE_TIME, MONTHLY, WEEKLY])),
        amount=draw(st.none() | st.just(1_000)),
        notice_hours=draw(st.sampled_from([None, None, None, 24, 24, 100])),
        time_zone=zone,
        per_period=draw(st.none() | limit),
        first_date=draw(_dates),
        last_date=draw(_dates),
    )


any_standing = st.builds(
    Standing,
    st.sampled_from([Status.ACTIVE] * 5 + list(Status)),
    st.sampled_from([ACTIVATED, utc("2026-11-20T03:00"), NOW + 5]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([False, False, False, True]),
    st.builds(
        ChargeRules, return_required=st.sampled_from([False, False, True]), while_disputed=st.booleans()
    ),
)


@st.composite
def any_notices(draw: st.DrawFn) -> tuple[Notice, ...]:
    days = st.dates(date(2026, 10, 28), date(2027, 2, 4)).map(date.isoformat)
    sent = st.tuples(days, st.integers(utc("2026-10-28T00:00"), utc("2027-02-01T00:00")))
    amounts = st.sampled_from([(1_000, "usd")] * 4 + [(1_001, "usd"), (1_000, "jpy")])
    return tuple(
        a_notice(day, at, amount=amount, currency=currency, number=number)
        for number, ((day, at), (amount, currency)) in enumerate(
            draw(st.lists(st.tuples(sent, amounts), max_size=8)), start=1
        )
    )


any_usage = st.builds(
    Usage,
    st.dictionaries(_keys, st.integers(0, 7_000), max_size=6),
    st.frozensets(_keys | st.just("once"), max_size=6),
    st.dictionaries(_keys, st.integers(8, 11), max_size=6),
    st.none() | st.sampled_from([date(2026, 1, 31), date(2026, 11, 20)]),
    st.sampled_from([None, None, None, Reason.IN_PROGRESS, Reason.ALREADY_CHARGED]),
    any_notices(),
)
any_own = st.builds(
    Own,
    st.none() | _keys,
    st.none() | _keys,
    st.sampled_from([1, 2, 9, 10]),
    st.booleans(),
    st.none() | st.dates(date(2026, 11, 20), date(2027, 2, 1)),
)
any_request = st.builds(
    ChargeRequest,
    st.sampled_from([1, 1_000, 1_000, 1_000, 4_999, 5_001]),
    st.sampled_from(["usd"] * 5 + ["jpy"]),
    st.none() | any_own,
)
hopeful_usage = st.builds(
    Usage,
    st.dictionaries(_keys, st.integers(0, 7_000), min_size=2, max_size=20),
    st.frozensets(_keys, min_size=2, max_size=20),
    st.dictionaries(_keys, st.integers(8, 11), min_size=2, max_size=20),
    st.none() | st.sampled_from([date(2026, 1, 28), date(2026, 11, 20)]),
    st.none(),
    any_notices(),
)
"""With a request of 1,000, only time stands in the way."""
any_now = st.integers(utc("2026-10-30T00:00"), utc("2027-02-02T00:00"))
