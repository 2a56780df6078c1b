"""The customer's permission in words."""

from typing import Any

import pytest

from local.storefront.console.permission import in_words

LIMITS = {"currency": "usd", "per_charge": 30000}
ORDERS = {"frequency": {"kind": "unscheduled"}, "amount": {"kind": "variable"}, "limits": LIMITS}


@pytest.mark.parametrize(
    ("changes", "question", "answer"),
    [
        ({}, "How much", "Up to 300.00 USD for each charge"),
        ({"amount": {"kind": "fixed", "amount": 999}}, "How much", "Exactly 9.99 USD for each charge"),
        ({"frequency": {"kind": "one_time"}}, "When", "Once"),
        (
            {"frequency": {"kind": "recurring", "interval": "month", "every": 1}},
            "When",
            "Once every month",
        ),
        (
            {"frequency": {"kind": "recurring", "interval": "week", "every": 2}},
            "When",
            "Once every 2 weeks",
        ),
        (
            {
                "limits": {
                    **LIMITS,
                    "per_period": {"amount": 100000, "period": "month", "time_zone": "America/New_York"},
                }
            },
            "All together",
            "Up to 1,000.00 USD in a calendar month (America/New_York)",
        ),
        ({"limits": {**LIMITS, "first_date": "2026-12-01"}}, "Days", "From 1 Dec 2026"),
        ({"limits": {**LIMITS, "last_date": "2026-12-31"}}, "Days", "Until 31 Dec 2026"),
        (
            {"limits": {**LIMITS, "first_date": "2026-12-01", "last_date": "2026-12-31"}},
            "Days",
            "From 1 Dec 2026 to 31 Dec 2026",
        ),
        (
            {"notice": {"hours": 48}},
            "Notice",
            "The customer is told 2 days ahead of each charge of a varying amount",
        ),
        (
            {"notice": {"hours": 36}},
            "Notice",
            "The customer is told 36 hours ahead of each charge of a varying amount",
        ),
        (
            {"notice": {"hours": 1}},
            "Notice",
            "The customer is told 1 hour ahead of each charge of a varying amount",
        ),
    ],
)
def test_each_value_of_the_terms_has_words(changes: dict[str, Any], question: str, answer: str) -> None:
    assert dict(in_words({**ORDERS, **changes}))[question] == answer


def test_nothing_is_said_that_was_not_agreed() -> None:
    assert [question for question, _ in in_words(ORDERS)] == ["When", "How much"]
