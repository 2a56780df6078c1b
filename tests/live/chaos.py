"""Everything that goes wrong, at once, on a running stack: `python -m tests.live.chaos --mandates 1000`."""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from local import stack as local_stack
from local.settings import Settings
from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK
from tests.live.machine import described
from tests.live.own_stack import own_stack
from tests.live.shoppers import Shopping, sign_up
from tests.live.stack import GaveUp, Json, LiveStack, until
from tests.live.table import table
from tests.live.verdict import Verdict, judge, read

MANDATES_PER_CUSTOMER = 3
"""A checkout that is begun anew after a 500 counts as well, and a customer may begin ten in an hour."""

DISORDER: Json = {"copies": 3, "shuffle_window": 2.0, "drop_first": 1, "drop_probability": 0.2}
"""Every event three times, in any order, and of each delivery the first attempt and a fifth of the others
lost on the way."""

WEATHER: dict[str, Json] = {
    "disorder alone": {},
    "503 in front of Stripe": {"api": [{"effect": "server_error", "status": 503, "times": 20}]},
    "500 inside Stripe, kept under the key": {
        "api": [{"effect": "server_error", "status": 500, "path": "/v1/checkout/sessions", "times": 3}]
    },
    "500 although applied": {
        "api": [
            {
                "effect": "server_error",
                "status": 500,
                "applied": True,
                "path": "/v1/checkout/sessions",
                "times": 3,
            }
        ]
    },
    "time-out after the effect": {"api": [{"effect": "timeout_after_effect", "method": "POST", "times": 5}]},
    "rate limits": {"api": [{"effect": "rate_limit", "times": 20}, {"effect": "lock_timeout", "times": 5}]},
    "webhooks held back": {"webhooks": {"outage": True}},
}
"""What the simulator does for a while, on top of the disorder. A 500 for a customer's creation is left out:
that customer then waits for five minutes (docs/decisions.md), longer than these runs."""

BETWEEN_KILLS = 15.0
"""Seconds. A new worker needs some to start: were it always killed before it is done, messages would come to
the end of their ten receives, here as on AWS."""

NOT_EVENTS = ("no JSON", "[]", "{}", '"text"', '{"id": 5, "type": "customer.deleted"}')
"""What nobody but an operator's slip could put into the queue; it has no id to be recorded by."""


@dataclass
class Chaos:
    """What was done to the stack in one run."""

    weather: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    held: int = 0
    """Messages in the hands of workers that were killed."""
    restarts: int = 0


def impossible_events(stack: LiveStack, mandate_id: str, mark: str) -> list[Json]:
    """Signed, and can't be: each is to be recorded with its reason, none may be applied."""
    ours = {METADATA_MANDATE: mandate_id, METADATA_OWNER_MARK: stack.described["owner_mark"]}

    def event(number: int, **changes: object) -> Json:
        subject = {
            "id": f"seti_{mark}{number}",
            "object": "setup_intent",
            "customer": "cus_nobodys",
            "payment_method": f"pm_{mark}{number}",
            "payment_method_types": ["amazon_pay"],
            "metadata": ours,
            **changes,
        }
        return {
            "id": f"evt_{mark}{number}",
            "object": "event",
            "type": "setup_intent.succeeded",
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": subject},
        }

    return [
        event(1, metadata={**ours, METADATA_MANDATE: "mdt_none"}),
        event(2),  # another customer's
        event(3, payment_method_types=["amazon_pay", "card"]),
        event(4, payment_method=None),
        {**event(5), "created": "yesterday"},
    ]


def good_events(count: int, mark: str) -> list[Json]:
    """Events that are quick to apply: payment methods nobody knows were detached."""
    return [
        {
            "id": f"evt_{mark}good{number}",
            "object": "event",
            "type": "payment_method.detached",
            "created": int(time.time()),
            "livemode": False,
            "data": {
                "object": {"id": f"pm_{mark}good{number}", "object": "payment_method", "type": "amazon_pay"}
            },
        }
        for number in range(count)
    ]


def queue_poison(stack: LiveStack, among: Sequence[Json], bodies: Sequence[str], seed: int) -> None:
    """Put poison among good messages straight into the queue, all mixed."""
    messages = [*map(EVENT.text, among), *bodies]
    random.Random(seed).shuffle(messages)
    url = stack.described["queue_url"]
    for start in range(0, len(messages), 10):
        entries = [
            {"Id": str(number), "MessageBody": body}
            for number, body in enumerate(messages[start : start + 10])
        ]
        refused = stack.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
        if refused:
            raise GaveUp(f"the queue did not take {refused}")


@contextmanager
def bad_weather(stack: LiveStack, chaos: Chaos, *, seed: int, spell: float) -> Iterator[None]:
    """One kind of weather after the other, for `spell` seconds each; calm in the end."""
    over = Event()

    def change() -> None:
        kinds = list(WEATHER)
        chance = random.Random(seed)
        while not over.is_set():
            chance.shuffle(kinds)
            for name in kinds:
                plan = WEATHER[name]
                webhooks = {**DISORDER, **plan.get("webhooks", {})}
                stack.control("faults", **{"seed": chance.randrange(2**31), **plan, "webhooks": webhooks})
                chaos.weather[name] += 1
                if over.wait(spell):
                    return

    thread = Thread(target=change, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        stack.control("faults")


def wait_until_quiet(stack: LiveStack, seconds: float = 300.0) -> None:
    """Let everything outstanding be delivered, applied and released at Stripe."""
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 3:
        flushed = stack.control("webhooks/flush", timeout=60)
        busy = flushed["pending"] or any(
            stack.waiting(stack.described[queue]) for queue in ("queue_url", "work_queue_url")
        )
        quiet = 0 if busy else quiet + 1
        if time.monotonic() > deadline:
            raise GaveUp(f"still at work after {seconds:.0f} s; webhooks: {flushed}")
        time.sleep(0.3)


def verify(stack: LiveStack, mandates: Sequence[str], *, within: float = 60.0) -> Verdict:
    """The verdict once it is good, or the last one: what is revoked is released at Stripe a moment later."""
    deadline = time.monotonic() + within
    while (verdict := judge(stack, mandates)).problems and time.monotonic() < deadline:
        time.sleep(1.0)
        wait_until_quiet(stack)
    return verdict


# ------------------------------------------------------------------------------------- the long run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.chaos", description=__doc__)
    parser.add_argument("--mandates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spell", type=float, default=4.0, help="seconds of each kind of weather")
    chosen = parser.parse_args()
    with own_stack() as (live, settings):
        problems = run(live, settings, chosen.mandates, chosen.seed, chosen.spell)
    for problem in problems[:20]:
        print(f"  ✗ {problem}")
    return 1 if problems else 0


def run(live: LiveStack, settings: Settings, mandates: int, seed: int, spell: float) -> list[str]:
    chaos, began = Chaos(), time.monotonic()
    shopping = Shopping(live, seed)
    shoppers = sign_up(live, max(1, mandates // MANDATES_PER_CUSTOMER))
    impossible = impossible_events(live, "mdt_none", f"chaos{seed}")
    good = good_events(100, f"chaos{seed}")
    with live.redelivering_after(5):
        queue_poison(live, good, NOT_EVENTS, seed)
        for event in impossible:
            live.post_webhook(event).raise_for_status()
        with bad_weather(live, chaos, seed=seed, spell=spell), ThreadPoolExecutor(1) as pool:
            shopping_trip = pool.submit(shopping.go, shoppers, mandates)
            while not shopping_trip.done():
                _strike(live, settings, chaos, shopping, mandates)
                with suppress(TimeoutError):
                    shopping_trip.exception(timeout=BETWEEN_KILLS)
            shopping_trip.result()
        wait_until_quiet(live, seconds=600)
        verdict = verify(live, list(shopping.made.mandates))
        until(lambda: live.waiting(live.described["dlq_url"]) == len(NOT_EVENTS), seconds=120, what="poison")
        dead = live.dead_letters()
    problems = [*verdict.problems, *poison_problems(live, dead, [*good], impossible)]
    seconds = time.monotonic() - began
    print(report(live, chaos, shopping, verdict, dead=len(dead), problems=len(problems), seconds=seconds))
    print(described())
    return problems


def _strike(live: LiveStack, settings: Settings, chaos: Chaos, shopping: Shopping, mandates: int) -> None:
    """Kill workers mid-batch now and then, and once, halfway, restart all of AWS."""
    if not chaos.restarts and len(shopping.made.mandates) >= mandates // 2:
        local_stack.restart_aws(settings)
        chaos.restarts += 1
        return
    try:
        chaos.held += live.kill_mid_batch(seconds=2.0)
    except GaveUp:
        return  # nothing was in flight, as while webhooks are held back
    chaos.kills += 1


def poison_problems(
    live: LiveStack, dead: Sequence[str], good: Sequence[Json], impossible: Sequence[Json]
) -> Iterator[str]:
    if sorted(dead) != sorted(NOT_EVENTS):
        yield f"the dead-letter queue has {sorted(dead)}"
    outcomes = read(live).outcomes
    for event, wanted in [*((event, "applied") for event in good), *((e, "quarantined") for e in impossible)]:
        if outcomes.get(event["id"]) != wanted:
            yield f"{event['id']} is {outcomes.get(event['id'], 'lost')}, and should be {wanted}"


def report(
    live: LiveStack,
    chaos: Chaos,
    shopping: Shopping,
    verdict: Verdict,
    *,
    dead: int,
    problems: int,
    seconds: float,
) -> str:
    def count(counter: Counter[str]) -> str:
        return ", ".join(f"{number} {name}" for name, number in counter.most_common())

    return table(
        ("what", "how much"),
        [
            ("mandates", f"{verdict.mandates} of {len(shopping.made.shoppers)} customers"),
            ("their ways", count(shopping.made.ways)),
            ("their statuses", count(verdict.statuses)),
            ("events of Stripe", f"{verdict.events}"),
            ("delivery attempts", f"{verdict.attempts}"),
            ("accepted (200)", f"{verdict.accepted}, of which {verdict.twice} had been accepted before"),
            ("records of events", count(verdict.outcomes)),
            ("ledger entries", f"{verdict.entries}"),
            ("workers killed mid-batch", f"{chaos.kills} times, holding {chaos.held} messages"),
            ("AWS restarted", f"{chaos.restarts} times"),
            ("spells of weather", count(chaos.weather)),
            ("failed calls, repeated", count(live.troubles) or "none"),
            ("dead letters", f"{dead}, of {len(NOT_EVENTS)} put in"),
            ("problems", f"{problems}"),
            ("time", f"{seconds:.0f} s"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
