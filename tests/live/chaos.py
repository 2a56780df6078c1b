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
from tests.live.charge_verdict import StoredCharges, judge_charges, read_charges
from tests.live.charging import BackEnd
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

PAYMENTS: dict[str, list[Json]] = {
    "payments succeed": [],
    "payments declined": [{"outcome": "declined", "times": 5}],
    "payments taken, unanswered": [{"outcome": "succeeded", "answer": "lost", "times": 5}],
    "payments taken, answered with a 500": [{"outcome": "succeeded", "answer": "server_error", "times": 5}],
    "payments decided later": [
        {"outcome": "processing", "seconds": 3, "then": "succeeded", "times": 4},
        {"outcome": "processing", "seconds": 3, "then": "failed", "times": 2},
    ],
}
"""How payments turn out meanwhile (local/stripe_simulator/payments.py)."""

CHARGES_PER_MANDATE = 4
"""At most so many charges are asked for, for each mandate that is made. Those of mandates that are not active
are refused."""

SETTLED_WITHIN = 240.0
"""Seconds. A charge that nobody answered is due in one minute, and queued in the next."""

BETWEEN_KILLS = 15.0
"""Seconds. A new worker needs some to start: were it always killed before it is done, messages would come to
the end of their ten receives, here as on AWS."""

KILLS_BETWEEN = 4
"""Workers that charge are killed once in so many times: a caller repeats for two minutes, and a new worker
takes longer to start than one for webhooks."""

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
    charging: int = 0
    """Workers that were killed while they may have been charging."""


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
        kinds, payments = list(WEATHER), list(PAYMENTS)
        chance = random.Random(seed)
        while not over.is_set():
            chance.shuffle(kinds)
            for name in kinds:
                plan = WEATHER[name]
                webhooks = {**DISORDER, **plan.get("webhooks", {})}
                stack.control("faults", **{"seed": chance.randrange(2**31), **plan, "webhooks": webhooks})
                stack.control("payments", payments=PAYMENTS[chance.choice(payments)])
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
        stack.control("payments", payments=[])


def wait_until_quiet(stack: LiveStack, seconds: float = 300.0) -> None:
    """Let everything outstanding be delivered, applied and released at Stripe."""
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 3:
        flushed = stack.control("webhooks/flush", timeout=60)
        busy = flushed["pending"] or any(
            stack.waiting(stack.described[queue])
            for queue in ("queue_url", "work_queue_url", "charge_queue_url")
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


def wait_until_settled(stack: LiveStack, seconds: float = SETTLED_WITHIN) -> None:
    """Let the charges that nobody answered be decided. Those that will be tried again in a day stay."""
    deadline = time.monotonic() + seconds
    while read_charges(stack).unsettled():
        if time.monotonic() > deadline:
            return  # the verdict says which of them nobody has looked at
        time.sleep(2.0)


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
    shopping, back_end, shop_is_closed = Shopping(live, seed), BackEnd(live), Event()
    shoppers = sign_up(live, max(1, mandates // MANDATES_PER_CUSTOMER))
    impossible = impossible_events(live, "mdt_none", f"chaos{seed}")
    good = good_events(100, f"chaos{seed}")
    with live.redelivering_after(5):
        queue_poison(live, good, NOT_EVENTS, seed)
        for event in impossible:
            live.post_webhook(event).raise_for_status()
        with bad_weather(live, chaos, seed=seed, spell=spell), ThreadPoolExecutor(2) as pool:
            shopping_trip = pool.submit(shopping.go, shoppers, mandates)
            most = CHARGES_PER_MANDATE * mandates
            charging = pool.submit(
                back_end.charge_some, lambda: list(shopping.made.mandates), most, shop_is_closed, seed
            )
            while not shopping_trip.done():
                _strike(live, settings, chaos, shopping, mandates)
                with suppress(TimeoutError):
                    shopping_trip.exception(timeout=BETWEEN_KILLS)
            shop_is_closed.set()
            shopping_trip.result()
            charging.result()
        wait_until_quiet(live, seconds=600)
        wait_until_settled(live)
        wait_until_quiet(live)
        verdict = verify(live, list(shopping.made.mandates))
        until(lambda: live.waiting(live.described["dlq_url"]) == len(NOT_EVENTS), seconds=120, what="poison")
        dead = live.dead_letters()
    charges, charge_problems = judged_charges(live, back_end)
    problems = [*verdict.problems, *charge_problems, *poison_problems(live, dead, [*good], impossible)]
    seconds = time.monotonic() - began
    told = [*told_of(live, chaos, shopping, verdict), *told_of_charges(charges, back_end, chaos)]
    told += [
        ("dead letters", f"{len(dead)}, of {len(NOT_EVENTS)} put in"),
        ("problems", f"{len(problems)}"),
        ("time", f"{seconds:.0f} s"),
    ]
    print(table(("what", "how much"), told))
    print(described())
    return problems


def judged_charges(live: LiveStack, back_end: BackEnd) -> tuple[StoredCharges, list[str]]:
    return read_charges(live), judge_charges(live, back_end.answered, read(live))


def _strike(live: LiveStack, settings: Settings, chaos: Chaos, shopping: Shopping, mandates: int) -> None:
    """Kill workers mid-batch now and then, and once, halfway, restart all of AWS."""
    if not chaos.restarts and len(shopping.made.mandates) >= mandates // 2:
        local_stack.restart_aws(settings)
        chaos.restarts += 1
        return
    if chaos.kills % KILLS_BETWEEN == 1:
        chaos.charging += live.kill("CreateCharge", "AdvanceCharges")
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


Rows = list[tuple[str, str]]


def told_of(live: LiveStack, chaos: Chaos, shopping: Shopping, verdict: Verdict) -> Rows:
    return [
        ("mandates", f"{verdict.mandates} of {len(shopping.made.shoppers)} customers"),
        ("their ways", _counts(shopping.made.ways)),
        ("their statuses", _counts(verdict.statuses)),
        ("events of Stripe", f"{verdict.events}"),
        ("delivery attempts", f"{verdict.attempts}"),
        ("accepted (200)", f"{verdict.accepted}, of which {verdict.twice} had been accepted before"),
        ("records of events", _counts(verdict.outcomes)),
        ("ledger entries", f"{verdict.entries}"),
        ("workers killed mid-batch", f"{chaos.kills} times, holding {chaos.held} messages"),
        ("AWS restarted", f"{chaos.restarts} times"),
        ("spells of weather", _counts(chaos.weather)),
        ("failed calls, repeated", _counts(live.troubles)),
    ]


def told_of_charges(charges: StoredCharges, back_end: BackEnd, chaos: Chaos) -> Rows:
    return [
        ("charges", _counts(charges.statuses)),
        ("charges refused, by reason", _counts(back_end.refused)),
        ("refunds and cancellations, by answer", _counts(back_end.afterwards)),
        ("workers killed that charge", f"{chaos.charging}"),
    ]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common()) or "none"


if __name__ == "__main__":
    sys.exit(main())
