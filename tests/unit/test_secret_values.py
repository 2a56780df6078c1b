"""Secrets: few calls, a rotated one noticed, an outage survived."""

from typing import Any

import pytest

from mandates.runtime.secret_values import KEPT_SECONDS, SOONEST_REFETCH_SECONDS, Secret, plain


class SecretsManager:
    """`answers` is what it holds, or raises."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.asked.append(SecretId)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"SecretString": self.answer, "Name": "x"}


class World:
    def __init__(self, answer: str | Exception = "one") -> None:
        self.now = 1_790_000_000.0
        self.aws = SecretsManager(answer)
        self.secret = Secret(self.aws, "arn:example", plain, lambda: self.now)

    def newer(self) -> str | None:
        """As for whoever was just refused what they had from `get`."""
        return self.secret.newer_than(self.secret.get())

    @property
    def calls(self) -> int:
        return len(self.aws.asked)


OUTAGE = ConnectionError("out of reach")


def test_a_rotation_is_noticed_within_minutes() -> None:
    assert (SOONEST_REFETCH_SECONDS, KEPT_SECONDS) == (60, 300)


def test_nothing_is_fetched_before_it_is_needed() -> None:
    assert World().calls == 0


def test_a_value_is_fetched_once_and_kept() -> None:
    world = World(" one\n")
    assert [world.secret.get() for _ in range(3)] == ["one"] * 3
    assert world.aws.asked == ["arn:example"]


def test_a_rotated_value_is_noticed_after_a_while() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = "two"
    world.now += KEPT_SECONDS - 0.001
    assert world.secret.get() == "one"
    world.now += 0.001
    assert world.secret.get() == "two"
    assert world.calls == 2


def test_a_rotated_value_is_noticed_sooner_by_who_asks_for_a_newer_one() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = "two"
    world.now += SOONEST_REFETCH_SECONDS
    assert world.newer() == "two"
    assert world.secret.get() == "two"
    assert world.calls == 2


def test_a_newer_value_is_looked_for_at_most_once_a_minute() -> None:
    world = World()
    world.secret.get()
    for _ in range(180):
        assert world.newer() is None
        world.now += 1
    assert world.calls == 1 + 3


def test_what_was_added_right_after_a_fetch_by_schedule_is_found_at_once() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = "two"
    world.now += 0.001
    assert world.newer() == "two"
    assert world.calls == 2


def test_a_fetch_by_schedule_gives_no_other_look_within_the_minute() -> None:
    world = World()
    world.secret.get()
    world.now += KEPT_SECONDS - 1
    assert world.newer() is None
    world.now += SOONEST_REFETCH_SECONDS - 0.001
    world.aws.answer = "two"
    assert world.newer() is None
    world.now += 0.001
    assert world.newer() == "two"


def test_many_who_look_at_once_look_once() -> None:
    world = World()
    world.secret.get()
    for _ in range(1000):
        assert world.newer() is None
    assert world.calls == 2


def test_a_failed_look_counts_too() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = OUTAGE
    for _ in range(100):
        assert world.newer() is None
    assert world.calls == 2


def test_a_clock_set_back_does_not_keep_an_old_value_for_longer() -> None:
    world = World()
    world.secret.get()
    world.newer()
    world.now -= 3600
    world.aws.answer = "two"
    assert world.secret.get() == "two"
    world.aws.answer = "three"
    world.now += 1
    assert world.secret.get() == "two"
    assert world.newer() == "three"
    world.now += KEPT_SECONDS
    assert world.secret.get() == "three"


def test_a_clock_set_back_is_one_look_more_and_not_a_stream() -> None:
    world = World()
    world.secret.get()
    world.newer()
    world.now -= 3600
    for _ in range(100):
        world.newer()
    assert world.calls == 4  # the second by schedule


def test_looking_in_vain_counts_as_a_fetch() -> None:
    world = World()
    world.secret.get()
    world.now += KEPT_SECONDS - 1
    assert world.newer() is None
    world.now += KEPT_SECONDS - 1
    world.secret.get()
    assert world.calls == 2


def test_who_was_refused_a_value_that_is_replaced_by_now_gets_the_new_one_without_a_call() -> None:
    world = World()
    used = world.secret.get()
    world.aws.answer = "two"
    assert [world.secret.newer_than(used) for _ in range(3)] == ["two"] * 3
    assert world.secret.newer_than("two") is None
    assert world.calls == 2


def test_the_last_value_survives_an_outage() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = OUTAGE
    world.now += 86_400
    assert world.secret.get() == "one"
    world.now += SOONEST_REFETCH_SECONDS
    assert world.newer() is None
    world.aws.answer = "two"
    world.now += KEPT_SECONDS
    assert world.secret.get() == "two"


def test_an_outage_is_not_asked_again_at_every_request() -> None:
    world = World()
    world.secret.get()
    world.aws.answer = OUTAGE
    world.now += KEPT_SECONDS
    for _ in range(100):
        world.secret.get()
    assert world.calls == 2


def test_the_first_fetch_raises_what_went_wrong_and_is_tried_again() -> None:
    world = World(OUTAGE)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="out of reach"):
            world.secret.get()
    with pytest.raises(ConnectionError):
        world.newer()
    world.aws.answer = "one"
    assert world.secret.get() == "one"
    assert world.calls == 4


def refusing(text: str) -> str:
    if text == "bad":
        raise ValueError("bad")
    return text


def test_a_value_that_cannot_be_parsed_does_not_replace_a_good_one() -> None:
    world = World()
    secret = Secret(world.aws, "arn:example", refusing, lambda: world.now)
    secret.get()
    world.aws.answer = "bad"
    world.now += KEPT_SECONDS
    assert secret.get() == "one"


def test_a_first_value_that_cannot_be_parsed_is_an_error() -> None:
    world = World("bad")
    with pytest.raises(ValueError, match="bad"):
        Secret(world.aws, "arn:example", refusing, lambda: world.now).get()


def test_a_secret_that_is_binary_is_an_error() -> None:
    class Binary(SecretsManager):
        def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
            return {"SecretBinary": b"x"}

    with pytest.raises(KeyError):
        Secret(Binary(""), "arn:example", plain, lambda: 0.0).get()


@pytest.mark.parametrize(
    "value",
    [
        "",
        " \n",
        "rk_test_placeholder\nrk_test_other",
        "rk_test place",
        "rk_test_pl\u00e4ce",
        "rk_test_\x00",
        "\ufeffrk",
    ],
)
def test_what_no_header_can_carry_is_no_key_and_is_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="the key alone") as refused:
        plain(value)
    assert "rk" not in str(refused.value)


def test_a_key_that_became_unusable_leaves_the_last_one_in_use() -> None:
    world = World("rk_test_placeholder")
    world.secret.get()
    world.aws.answer = "rk_test placeholder"
    world.now += KEPT_SECONDS
    assert world.secret.get() == "rk_test_placeholder"
