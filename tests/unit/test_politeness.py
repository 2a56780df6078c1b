"""How long and how often Stripe is asked, by a clock that only sleeping moves."""

import itertools

import pytest

from mandates.gateway.politeness import (
    ATTEMPT_SECONDS,
    ATTEMPTS,
    CALL_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Pacer,
    Tries,
    is_worth_repeating,
    put_off,
)


class Time:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def one_call(time: Time, deadline: float, lasting: float, chance: float) -> int:
    """A call whose every attempt lasts so long and should be repeated; returns how many there were."""
    tries = Tries(deadline, time.clock, time.sleep, lambda: chance)
    if not tries.may_begin():
        return 0
    made = 0
    while True:
        tries.begun()
        made += 1
        time.now += lasting
        if not tries.pause():
            return made


@pytest.mark.parametrize("lasting", [0.0, 0.02, 2.0, 8.0, ATTEMPT_SECONDS])
@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_call_ends_in_time_however_slow_its_attempts(lasting: float, chance: float) -> None:
    time = Time()
    made = one_call(time, float("inf"), lasting, chance)
    assert time.now - 1000 <= CALL_SECONDS
    assert 2 <= made <= ATTEMPTS


def test_what_is_refused_at_once_is_tried_five_times() -> None:
    assert one_call(Time(), float("inf"), 0.02, 1.0) == ATTEMPTS


@pytest.mark.parametrize("lasting", [0.02, 2.0, 8.0, ATTEMPT_SECONDS])
@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_so_do_many_calls_with_one_limit(lasting: float, chance: float) -> None:
    time = Time()
    deadline = time.now + CALL_SECONDS
    made = [one_call(time, deadline, lasting, chance) for _ in range(50)]
    assert time.now <= deadline
    assert made[0] > 0
    if lasting > 1:
        assert made[-1] == 0


def test_pauses_have_full_jitter_and_grow_to_a_few_seconds() -> None:
    longest = Time()
    one_call(longest, float("inf"), 0.0, 1.0)
    assert longest.slept == [0.5, 1.0, 2.0, LONGEST_PAUSE_SECONDS]
    shortest = Time()
    one_call(shortest, float("inf"), 0.0, 0.0)
    assert shortest.slept == [0.0] * 4


def test_no_pause_is_waited_for_that_no_attempt_could_follow() -> None:
    time = Time()
    one_call(time, time.now + ATTEMPT_SECONDS + 0.1, 0.02, 1.0)
    assert time.slept == []


@pytest.mark.parametrize(
    ("status", "should_retry", "again"),
    [
        (200, None, False),
        (400, None, False),
        (401, None, False),
        (402, None, False),
        (403, None, False),
        (404, None, False),
        (409, None, True),
        (429, None, True),
        (429, "true", True),
        (429, "false", False),
        (500, "false", False),
        (500, None, True),
        (503, None, True),
        (400, "true", True),
    ],
)
def test_what_is_worth_repeating(status: int, should_retry: str | None, again: bool) -> None:
    assert is_worth_repeating(status, should_retry) is again


def test_a_pacer_holds_each_turn_for_its_share_of_a_second() -> None:
    time = Time()
    pacer = Pacer(10, time.clock, time.sleep)
    began = []
    for lasting in (0.02, 0.0, 0.1, 3.0, 0.02):
        with pacer.turn():
            began.append(time.now)
            time.now += lasting
    assert time.slept == pytest.approx([0.08, 0.1, 0.0, 0.0, 0.08])
    assert all(later - earlier >= 0.0999 for earlier, later in itertools.pairwise(began))


def test_a_turn_that_fails_is_held_too() -> None:
    time = Time()
    with pytest.raises(ConnectionError), Pacer(10, time.clock, time.sleep).turn():
        raise ConnectionError
    assert time.slept == pytest.approx([0.1])


def test_messages_are_put_off_for_longer_and_longer_and_not_all_for_as_long() -> None:
    received = (1, 2, 3, 8, 9, 1000)
    assert [put_off(times, lambda: 1.0) for times in received] == [15, 30, 60, 1920, 3600, 3600]
    assert [put_off(times, lambda: 0.0) for times in received] == [8, 15, 30, 960, 1800, 1800]
