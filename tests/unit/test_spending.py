"""What charges hold of the current calendar period, and what that leaves."""

from dataclasses import replace
from datetime import datetime

import pytest

from mandates.api.views import agreement_view
from mandates.core.charging.spending import Agreement, limited_period, spending
from mandates.core.terms import PeriodLimit, Terms, terms_from_plain
from tests.unit.test_terms import PLAIN

TERMS = terms_from_plain(PLAIN)


def limited(period: str, time_zone: str = "America/New_York", amount: int = 100_000) -> Terms:
    return replace(TERMS, limits=replace(TERMS.limits, per_period=PeriodLimit(amount, period, time_zone)))  # type: ignore[arg-type]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("now", "key"),
    [("2026-12-01T04:59:59+00:00", "2026-11-01"), ("2026-12-01T05:00:00+00:00", "2026-12-01")],
)
def test_a_period_begins_at_midnight_of_the_consents_own_zone(now: str, key: str) -> None:
    period = limited_period(limited("month"), at(now))
    assert period
    assert period.key == key


def test_terms_without_a_limit_for_periods_have_no_spending() -> None:
    unlimited = replace(TERMS, limits=replace(TERMS.limits, per_period=None))
    assert limited_period(unlimited, at("2026-11-27T12:00:00Z")) is None
    assert agreement_view(Agreement(unlimited, None))["spending"] is None


@pytest.mark.parametrize(("used", "left"), [(0, 100_000), (1_299, 98_701), (100_000, 0), (100_001, 0)])
def test_nothing_is_left_once_the_limit_is_reached_or_exceeded(used: int, left: int) -> None:
    terms, now = limited("month"), at("2026-11-27T12:00:00Z")
    period = limited_period(terms, now)
    assert period
    view = agreement_view(Agreement(terms, spending(terms.limits, period, used)))
    assert view["spending"] == {
        "currency": terms.limits.currency,
        "used": used,
        "left": left,
        "period": {"start": "2026-11-01T04:00:00Z", "end": "2026-12-01T05:00:00Z"},
    }


def test_the_permission_has_the_values_and_no_texts() -> None:
    terms = replace(TERMS, notice_hours=24, time_zone="Europe/Berlin")
    document = terms.to_plain()
    values = ("business_name", "frequency", "amount", "limits", "notice", "time_zone")
    assert agreement_view(Agreement(terms, None))["permission"] == {name: document[name] for name in values}
    without = agreement_view(Agreement(replace(terms, notice_hours=None, time_zone=None), None))["permission"]
    assert without.keys() == {"business_name", "frequency", "amount", "limits"}


def test_terms_that_cant_be_read_show_nothing() -> None:
    assert agreement_view(None) == {"permission": None, "spending": None}
