"""Strangers' payments on a shared account: what they cost is counted by the real code, on few of them."""

import pytest

from tests.budget import cost, strangers
from tests.budget.strangers import (
    BEGINS,
    EVERY,
    HOUR,
    ONE_REFUND_IN,
    a_day,
    evenly,
    runs_of,
    stored_in_memory,
)


def test_every_event_is_listed_twice_and_no_record_is_looked_for() -> None:
    """Of a refund its intent is looked for, each time."""
    created = evenly(600, BEGINS, 3 * HOUR)
    with stored_in_memory() as stored:
        runs = runs_of(created, page_seconds=0.5, until=BEGINS + 5 * HOUR, stored=stored)
    # Those of the minute that clocks may be apart are listed once more.
    assert sum(run.found.foreign for run in runs) == pytest.approx(2 * len(created), rel=0.02)
    assert (stored.records_read, sum(run.found.queued for run in runs)) == (0, 0)
    assert stored.intents_read == pytest.approx(2 * len(created) / ONE_REFUND_IN, rel=0.1)
    assert all(run.found.is_complete and run.found.lag_seconds == 0 for run in runs)
    assert max(run.requests for run in runs) == 4  # as many as without any: no page is full


@pytest.mark.parametrize("page_seconds", [0.3, 1.0])
def test_a_run_takes_a_request_for_each_hundred_and_few_more(page_seconds: float) -> None:
    """400,000 in a day are 4,167 in a quarter of an hour, and as many for the second look."""
    created = evenly(4_167 * 6, BEGINS, 6 * EVERY)
    with stored_in_memory() as stored:
        *_, last = runs_of(created, page_seconds=page_seconds, until=BEGINS + 6 * EVERY, stored=stored)
    assert last.found.listed == pytest.approx(2 * 4_167, rel=0.02)
    assert last.requests < 1.4 * last.found.listed / 100
    assert (last.found.stopped, last.found.lag_seconds) == (None, 0)


def test_after_more_than_a_run_can_read_the_next_ones_catch_up() -> None:
    """A run of 180 s reads 36,000 at half a second for each hundred. Here they all come in one quarter."""
    created = evenly(60_000, BEGINS, EVERY)
    with stored_in_memory() as stored:
        runs = runs_of(created, page_seconds=0.5, until=BEGINS + 3 * HOUR, stored=stored)
    lags = [run.found.lag_seconds or 0 for run in runs]
    assert runs[0].found.stopped == "time"
    assert max(run.seconds for run in runs) <= 181
    assert 0 < max(lags) < HOUR
    assert lags[-1] == 0


def test_a_day_has_as_many_as_it_is_said_to_have() -> None:
    day = a_day(4_000, 500)
    noon = BEGINS + 12 * HOUR
    assert len(day) == 4_000
    assert day == sorted(day)
    assert sum(noon <= created < noon + HOUR for created in day) == 500


def test_at_the_edge_one_costs_a_request_and_its_log_and_nothing_is_stored() -> None:
    one = cost.counted_of(strangers.one_webhook)
    assert one.units.keys() == {
        "API Gateway",
        "Lambda requests",
        "Lambda duration",
        "CloudWatch Logs",
        "X-Ray",
    }
    assert one.total * 0.4 < 3  # dollars a day for 400,000


def test_a_strangers_refund_costs_its_message_and_one_read() -> None:
    one = cost.counted_of(strangers.one_refund)
    assert (one.units["SQS"], one.units["DynamoDB reads"], one.units["DynamoDB writes"]) == (3, 1, 0)
    assert (one.units["Lambda requests"], one.units["API Gateway"]) == (2, 1)
    assert one.total * 0.04 < 1  # dollars a day for 40,000
