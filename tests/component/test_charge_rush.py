"""A hundred requests at once against room for seven, through the real functions, and across a midnight."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from mandates.core.terms import Period, PeriodLimit
from mandates.store.charge_items import UsageRow
from mandates.store.dynamodb import read_row
from tests.component.passing_time import PassingTime
from tests.component.test_public_failures import NEW_YORK, Shop
from tests.component.world import World
from tests.unit.charging import utc

MIDNIGHT = utc("2027-01-13T05:00")
"""In New York."""

REFUSED = "409 ['above_period_limit']"


def outcome(shop: Shop, number: int) -> str:
    """What a client ends with that repeats its request as long as it is told to."""
    while (answer := shop.charge(f"rush-{number}", amount=1_400)).status in {429, 503}:
        pass
    return f"{answer.status} {answer.body.get('reasons', '')}".strip()


def test_a_hundred_at_once_across_the_end_of_a_period(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock passes midnight once half of them are answered. Each day has room for seven, and an attempt
    counts on the day on which it is begun."""
    at = PassingTime(monkeypatch)
    at.be_at(MIDNIGHT - 600)
    shop = Shop(world, per_period=PeriodLimit(10_000, Period.DAY, NEW_YORK))
    answered = count(1)

    def one(number: int) -> str:
        ended = outcome(shop, number)
        if next(answered) == 50:
            at.be_at(MIDNIGHT + 600)
        return ended

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(one, range(100)))
    days = ("2027-01-12", "2027-01-13")
    rows = [read_row(UsageRow, shop.mandate_id, f"period#{day}") for day in days]
    assert outcomes.keys() == {"201", REFUSED}
    assert [row.used if row else 0 for row in rows] == [9_800, 9_800]
    assert shop.taken() == [1_400] * outcomes["201"] == [1_400] * 14
