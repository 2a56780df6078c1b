"""Amazon's lower monthly cap, in each currency's minor units, and which limits are above it."""

import pytest

from mandates.core.charging.amazon_caps import LOWER_MONTHLY_CAP, limits_above_amazons, lower_cap
from mandates.core.currencies import CURRENCIES, EXPONENTS
from mandates.core.terms import Period, PeriodLimit
from tests.unit.charging import terms

CAPS = {
    **dict.fromkeys(("usd", "eur", "gbp", "aud", "nzd", "chf"), 100_000),
    **dict.fromkeys(("dkk", "hkd", "nok", "sek", "zar"), 1_000_000),
    "jpy": 100_000,  # yen have no minor unit
}


def test_every_currency_has_a_cap_and_an_exponent() -> None:
    assert LOWER_MONTHLY_CAP.keys() == CURRENCIES == EXPONENTS.keys()
    assert {currency: lower_cap(currency) for currency in CURRENCIES} == CAPS
    assert {currency for currency, digits in EXPONENTS.items() if digits != 2} == {"jpy"}


@pytest.mark.parametrize("currency", sorted(CAPS))
def test_a_limit_at_the_cap_is_no_reason_to_warn(currency: str) -> None:
    cap = CAPS[currency]
    assert list(limits_above_amazons(terms(currency=currency, per_charge=cap))) == []
    (warning,) = limits_above_amazons(terms(currency=currency, per_charge=cap + 1))
    assert f"limits.per_charge ({cap + 1})" in warning
    assert f"in {currency} lets through ({cap})" in warning


@pytest.mark.parametrize(
    ("period", "most"),
    [(Period.DAY, 100_000), (Period.WEEK, 100_000), (Period.MONTH, 100_000), (Period.YEAR, 1_200_000)],
)
def test_a_periods_limit_is_compared_with_the_months_it_has(period: Period, most: int) -> None:
    assert list(limits_above_amazons(terms(per_period=PeriodLimit(most, period, "UTC")))) == []
    (warning,) = limits_above_amazons(terms(per_period=PeriodLimit(most + 1, period, "UTC")))
    assert f"limits.per_period.amount ({most + 1})" in warning


def test_each_limit_above_is_named() -> None:
    limit = PeriodLimit(200_000, Period.MONTH, "UTC")
    assert len(list(limits_above_amazons(terms(per_charge=100_001, per_period=limit)))) == 2
