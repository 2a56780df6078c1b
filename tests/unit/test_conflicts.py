"""How often and for how long a write is tried again that others got ahead of."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mandates.core.errors import Busy
from mandates.runtime.deadline import time_left
from mandates.runtime.telemetry import instrumented
from mandates.store.conflicts import ANSWER_SECONDS, ATTEMPTS, Conflict, until_no_conflict


class Invocation:
    """So much time is left of one; attempts and pauses take some of it."""

    def __init__(self, seconds: float, attempt_seconds: float = 0.0) -> None:
        self.left = seconds
        self.attempt_seconds = attempt_seconds
        self.attempts = 0
        self.pauses: list[float] = []

    def attempt(self) -> None:
        self.attempts += 1
        self.left -= self.attempt_seconds
        raise Conflict

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.left -= seconds

    def run(self) -> None:
        with pytest.raises(Busy):
            until_no_conflict(self.attempt, self.sleep, lambda: self.left)


@pytest.fixture(autouse=True)
def the_longest_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _, most: most)


def test_nobody_waits_after_the_last_attempt() -> None:
    unlimited = Invocation(float("inf"))
    unlimited.run()
    assert unlimited.attempts == ATTEMPTS
    assert len(unlimited.pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("seconds", [0.5, 3.0, 15.0, 25.0])
@pytest.mark.parametrize("attempt_seconds", [0.0, 0.03, 0.8])
def test_it_ends_while_there_is_time_to_say_so(seconds: float, attempt_seconds: float) -> None:
    invocation = Invocation(seconds, attempt_seconds)
    invocation.run()
    assert invocation.attempts >= 1
    if invocation.attempts > 1:
        assert invocation.left >= ANSWER_SECONDS - 1e-9
    if invocation.attempts < ATTEMPTS:
        assert invocation.left < 1.0 + attempt_seconds + ANSWER_SECONDS  # another would not have fitted


def test_an_attempt_that_takes_long_is_not_begun_again_without_the_time_for_it() -> None:
    """Stripe may be asked in one."""
    invocation = Invocation(25.0, attempt_seconds=13.0)
    invocation.run()
    assert invocation.attempts == 1


def test_what_succeeds_is_answered_at_once() -> None:
    outcomes: list[Callable[[], str]] = [lambda: "done", conflict, conflict]
    pauses: list[float] = []

    def attempt() -> str:
        return outcomes.pop()()

    assert until_no_conflict(attempt, pauses.append) == "done"
    assert len(pauses) == 2


def conflict() -> str:
    raise Conflict


def test_the_time_is_that_of_the_invocation() -> None:
    """As Lambda tells it, and of each invocation its own; elsewhere there is no end."""
    told: list[float] = []

    @instrumented
    def handler(_event: Any, _context: Any) -> None:
        attempts: list[None] = []

        def attempt() -> None:
            attempts.append(None)
            raise Conflict

        told.append(time_left())
        with pytest.raises(Busy):
            until_no_conflict(attempt, lambda _: None)
        told.append(len(attempts))

    handler({}, SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 900))
    assert told == [0.9, 1]
    handler({}, SimpleNamespace(aws_request_id="2", get_remaining_time_in_millis=lambda: 15_000))
    assert told[2:] == [15.0, ATTEMPTS]
    assert time_left() == float("inf")
