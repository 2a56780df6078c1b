"""One short case of each thing that goes wrong on a running stack; `make soak` has the long ones.

The restart of AWS is in test_local_stack.py, on a stack that is not everybody's.
"""

import random
import uuid

from tests.live import chaos
from tests.live.chaos import bad_weather, verify, wait_until_quiet
from tests.live.shoppers import Shopping, sign_up
from tests.live.stack import LiveStack, until
from tests.live.verdict import read


def test_poison_blocks_nobody(live: LiveStack) -> None:
    """A hundred good events, five that are none and five that can't be, all mixed."""
    mark = uuid.uuid4().hex
    shopping = Shopping(live, seed=1)
    (shopper,) = sign_up(live, 1)
    shopping.become_customer(shopper)
    mandate_id = shopping.begin(shopper)["mandate_id"]
    good = chaos.good_events(100, mark)
    impossible = chaos.impossible_events(live, mandate_id, mark)
    with live.redelivering_after(5), live.giving_up_after(3):
        chaos.queue_poison(live, [*good, *impossible], chaos.NOT_EVENTS, seed=1)
        until(
            lambda: live.waiting(live.described["dlq_url"]) >= len(chaos.NOT_EVENTS),
            seconds=60,
            what="the poison's way to the dead letters",
        )
        wait_until_quiet(live)
    dead = live.dead_letters()
    assert list(chaos.poison_problems(live, dead, good, impossible)) == []
    assert read(live).status(mandate_id) == "pending"


def test_a_worker_killed_mid_batch_loses_and_doubles_nothing(live: LiveStack) -> None:
    shopping = Shopping(live, seed=random.randrange(2**31))
    with live.redelivering_after(5):
        with live.piling_up():
            live.control("faults", webhooks={"copies": 3})
            shopping.go(sign_up(live, 4), 12)
            live.control("faults")
            live.control("webhooks/flush", timeout=60)
        held = live.kill_mid_batch()
        wait_until_quiet(live)
    verdict = verify(live, list(shopping.made.mandates))
    assert held > 0
    assert verdict.problems == []
    assert live.dead_letters() == []


def test_storms_outages_and_disorder_leave_what_stripe_says(live: LiveStack) -> None:
    shopping = Shopping(live, seed=random.randrange(2**31))
    weather = chaos.Chaos()
    with bad_weather(live, weather, seed=1, spell=1.0):
        shopping.go(sign_up(live, 15), 30)
    wait_until_quiet(live)
    verdict = verify(live, list(shopping.made.mandates))
    assert verdict.problems == []
    assert verdict.twice > 0
    assert len(weather.weather) == len(chaos.WEATHER), "some weather never came"
    assert live.dead_letters() == []
