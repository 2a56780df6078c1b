"""How much the local stack takes, and how long everything takes: `python -m tests.live.load`.

Four phases, on a stack of its own unless --stack names the stack.json of one that runs:

closed loop
    So many callers, each with its next webhook as soon as the last is answered. Its throughput is the most
    this machine takes; its response times are those of a full house, and hide what a caller would have
    waited for who came in the meantime (coordinated omission).
open loop
    Webhooks fall due at a fixed rate, whether or not the last is answered. Response times count from the
    moment a request was due, so that a stall shows in every request that had to wait.
set-ups, open loop
    Customers come at a fixed rate, accept, and authorise at Stripe, whose own webhooks then do the rest.
charges, open loop
    A back end charges active mandates at a fixed rate.

What is accepted must be recorded, what was authorised must be active, and every charge must be what Stripe
took in the end: otherwise it fails.
"""

import argparse
import json
import math
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import httpx

from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK
from tests.live.charge_verdict import judge_charges
from tests.live.charging import BackEnd
from tests.live.machine import described
from tests.live.own_stack import own_stack
from tests.live.shoppers import Shopper, Shopping, sign_up
from tests.live.stack import GaveUp, Json, LiveStack, kind_of, until
from tests.live.table import table
from tests.live.verdict import judge, read

LOOK_EVERY = 0.1
"""Seconds between two looks into the tables: what lags are exact to."""

CALLERS = 16
MANDATES = 20
"""How many the webhooks are about: each gets a fact and a ledger entry per event, in one transaction."""

CHARGED = 10
"""How many mandates the charges are of."""

DRAINED_WITHIN = 180.0


@dataclass
class Phase:
    """One phase's figures; durations in seconds."""

    name: str
    seconds: float = 0.0
    done: list[float] = field(default_factory=list)
    """How long each took that was answered well."""
    lags: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def row(self) -> Sequence[str]:
        return (
            self.name,
            f"{len(self.done)}",
            f"{len(self.done) / self.seconds:.1f}",
            *(_ms(percentile(self.done, share)) for share in (50, 95, 99)),
            *(_ms(percentile(self.lags, share)) for share in (50, 95, 99)),
            ", ".join(f"{number} × {kind}" for kind, number in self.errors.items()) or "none",
            f"{self.lost}",
        )


HEAD = (
    "phase",
    "done",
    "per second",
    "response p50",
    "p95",
    "p99",
    "lag p50",
    "p95",
    "p99",
    "errors",
    "lost",
)


class Watch:
    """Sees by looking into a table when what was awaited is there."""

    def __init__(self, present: Callable[[list[str]], set[str]]) -> None:
        self._present = present
        self._since: dict[str, float] = {}
        self._lock = Lock()
        self.lags: list[float] = []

    def expect(self, key: str) -> None:
        """From now on. What is there before is not noticed, so say it no later than it can be there."""
        with self._lock:
            self._since[key] = time.monotonic()

    def outstanding(self) -> int:
        with self._lock:
            return len(self._since)

    def look(self) -> None:
        with self._lock:
            waiting = list(self._since)
        for start in range(0, len(waiting), 100):  # as many keys as BatchGetItem takes
            found = self._present(waiting[start : start + 100])
            now = time.monotonic()
            with self._lock:
                self.lags += [now - self._since.pop(key) for key in found]

    @contextmanager
    def watching(self) -> Iterator[None]:
        over = Event()

        def look_on() -> None:
            while not over.wait(LOOK_EVERY):
                self.look()

        thread = Thread(target=look_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def finish(self) -> int:
        """Wait for what is outstanding. Returns how much never came."""
        deadline = time.monotonic() + DRAINED_WITHIN
        while self.outstanding() and time.monotonic() < deadline:
            self.look()
            time.sleep(LOOK_EVERY)
        return self.outstanding()


class Load:
    def __init__(self, stack: LiveStack, seed: int) -> None:
        self._stack = stack
        self._random = random.Random(seed)
        self._shopping = Shopping(stack, seed)
        self._about: list[tuple[Json, str]] = []
        """Mandates to send webhooks about, each with its customer at Stripe."""
        self.back_end = BackEnd(stack)
        self._chargeable: list[str] = []

    def prepare(self, set_ups: int) -> list[Shopper]:
        """Customers and mandates, before any clock runs. Returns the customers who will come."""
        shoppers = sign_up(self._stack, MANDATES + CHARGED + set_ups)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._shopping.become_customer, shoppers))
            mandates = list(pool.map(self._begun, shoppers[:MANDATES]))
            self._chargeable = list(pool.map(self._authorised, shoppers[MANDATES : MANDATES + CHARGED]))
        self._about = [
            (mandate, shopper.stripe_customer_id)
            for mandate, shopper in zip(mandates, shoppers, strict=False)
        ]
        # Workers start one by one, as more are busy at once: that is not measured.
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(self._stack.post_webhook, [self._event() for _ in range(10 * CALLERS)]))
        until(lambda: not self._stack.waiting(self._stack.described["queue_url"]), seconds=DRAINED_WITHIN)
        until(lambda: len(self._active(self._chargeable)) == CHARGED, seconds=DRAINED_WITHIN)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.back_end.charge, self._chargeable))
        return shoppers[MANDATES + CHARGED :]

    def _authorised(self, shopper: Shopper) -> str:
        session = self._shopping.begin(shopper)
        self._shopping.authorise(session)
        return str(session["mandate_id"])

    def _begun(self, shopper: Shopper) -> Json:
        session = self._shopping.begin(shopper)
        return self._stack.call("GET", f"/mandates/{session['mandate_id']}", shopper.token)

    def closed(self, seconds: float, callers: int) -> Phase:
        phase = Phase(f"webhooks, closed loop of {callers}")
        watch = Watch(self._recorded)
        over = time.monotonic() + seconds

        def caller(_: int) -> None:
            while (sent := time.monotonic()) < over:
                self._webhook(phase, watch, since=sent)

        self._run(phase, watch, callers, caller, range(callers))
        return phase

    def open(self, seconds: float, rate: float) -> Phase:
        phase = Phase(f"webhooks, open loop, {rate:g} a second")
        watch = Watch(self._recorded)
        self._at_rate(phase, watch, seconds, rate, lambda due, _: self._webhook(phase, watch, since=due))
        return phase

    def set_ups(self, shoppers: Sequence[Shopper], rate: float) -> Phase:
        phase = Phase(f"set-ups, open loop, {rate:g} a second")
        watch = Watch(self._active)

        def one(due: float, number: int) -> None:
            try:
                session = self._shopping.begin(shoppers[number])
            except GaveUp as error:
                phase.errors[str(error)[:80]] += 1
                return
            phase.done.append(time.monotonic() - due)
            watch.expect(session["mandate_id"])  # authorising takes effect during the call
            self._shopping.authorise(session)

        self._at_rate(phase, watch, len(shoppers) / rate, rate, one)
        return phase

    def charges(self, seconds: float, rate: float) -> Phase:
        phase = Phase(f"charges, open loop, {rate:g} a second")
        watch = Watch(self._final)

        def one(due: float, number: int) -> None:
            try:
                charge = self.back_end.charge(self._chargeable[number % CHARGED])
            except GaveUp as error:
                phase.errors[str(error)[:80]] += 1
                return
            if charge is None:
                phase.errors["refused"] += 1
                return
            phase.done.append(time.monotonic() - due)
            watch.expect(charge["charge_id"])

        self._at_rate(phase, watch, seconds, rate, one)
        return phase

    def _at_rate(
        self, phase: Phase, watch: Watch, seconds: float, rate: float, one: Callable[[float, int], None]
    ) -> None:
        began = time.monotonic() + 0.1
        dues = [began + number / rate for number in range(round(seconds * rate))]

        def wait_and_do(number: int) -> None:
            time.sleep(max(0.0, dues[number] - time.monotonic()))
            one(dues[number], number)

        # More callers than can be busy at once unless the stack stands still; if it does, those due wait for
        # one, and their waiting counts.
        self._run(phase, watch, 4 * CALLERS, wait_and_do, range(len(dues)))

    def _run(
        self, phase: Phase, watch: Watch, callers: int, do: Callable[[int], None], numbers: range
    ) -> None:
        began = time.monotonic()
        with watch.watching(), ThreadPoolExecutor(callers) as pool:
            list(pool.map(do, numbers))
            phase.seconds = time.monotonic() - began
        phase.lost = watch.finish()
        phase.lags = watch.lags

    def _webhook(self, phase: Phase, watch: Watch, since: float) -> None:
        event = self._event()
        try:
            answer: httpx.Response | httpx.HTTPError = self._stack.post_webhook(event)
        except httpx.HTTPError as error:
            answer = error
        if isinstance(answer, httpx.Response) and answer.is_success:
            watch.expect(event["id"])
            phase.done.append(time.monotonic() - since)
        else:
            phase.errors[kind_of(answer)] += 1

    def _event(self) -> Json:
        """A failed attempt to set up: there may be any number of them, each a fact of its own."""
        mandate, stripe_customer_id = self._random.choice(self._about)
        attempt = uuid.uuid4().hex
        return {
            "id": f"evt_{attempt}",
            "object": "event",
            "type": "setup_intent.setup_failed",
            "created": int(time.time()),
            "livemode": False,
            "data": {
                "object": {
                    "id": mandate["setup_intent_id"],
                    "object": "setup_intent",
                    "customer": stripe_customer_id,
                    "last_setup_error": {"code": "setup_intent_authentication_failure"},
                    "metadata": {
                        METADATA_MANDATE: mandate["mandate_id"],
                        METADATA_OWNER_MARK: self._stack.described["owner_mark"],
                    },
                }
            },
        }

    def _recorded(self, event_ids: list[str]) -> set[str]:
        items = self._items(
            "events", [{"event_id": {"S": key}, "record": {"S": "event"}} for key in event_ids]
        )
        return {item["event_id"]["S"] for item in items}

    def _active(self, mandate_ids: list[str]) -> set[str]:
        items = self._items(
            "mandates", [{"mandate_id": {"S": key}, "record": {"S": "head"}} for key in mandate_ids]
        )
        return {item["mandate_id"]["S"] for item in items if "setup_succeeded" in item["facts"]["S"]}

    def _final(self, charge_ids: list[str]) -> set[str]:
        keys = [
            {"mandate_id": {"S": mandate_id_of_charge(one)}, "record": {"S": f"charge#{one}"}}
            for one in charge_ids
        ]
        items = self._items("charges", keys)
        return {item["record"]["S"].removeprefix("charge#") for item in items if "due_at" not in item}

    def _items(self, table: str, keys: list[Json]) -> list[Any]:
        name = self._stack.described["tables"][table]
        found: list[Any] = []
        asked: Json = {name: {"Keys": keys, "ConsistentRead": True}}
        while asked:
            answer = self._stack.dynamodb.batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(name, [])
            asked = answer.get("UnprocessedKeys", {})
        return found


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest of them that at least `share` percent do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[math.ceil(len(values) * share / 100) - 1]


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.0f} ms"


def run(live: LiveStack, chosen: argparse.Namespace) -> tuple[list[Phase], BackEnd]:
    load = Load(live, seed=1)
    shoppers = load.prepare(round(chosen.seconds * chosen.set_up_rate))
    phases = [
        load.open(chosen.seconds, chosen.rate),
        load.set_ups(shoppers, chosen.set_up_rate),
        load.charges(chosen.seconds, chosen.charge_rate),
        load.closed(chosen.seconds, chosen.callers),
    ]
    return phases, load.back_end


@contextmanager
def _a_stack(named: str | None) -> Iterator[LiveStack]:
    if named:
        yield LiveStack(json.loads(Path(named).read_text()))
        return
    with own_stack() as (live, _):
        yield live


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=12, help="of each phase; at most 600")
    parser.add_argument(
        "--rate", type=float, default=10, help="webhooks a second in the open loop; at most 200"
    )
    parser.add_argument("--set-up-rate", type=float, default=1, help="set-ups a second; at most 20")
    parser.add_argument("--charge-rate", type=float, default=2, help="charges a second; at most 8")
    parser.add_argument("--callers", type=int, default=8, help="in the closed loop; at most 64")
    parser.add_argument("--stack", help="the stack.json of a running stack")
    parser.add_argument("--json", type=Path, help="where to write every single duration")
    chosen = parser.parse_args()
    most_of = {"seconds": 600, "rate": 200, "set_up_rate": 20, "charge_rate": 8, "callers": 64}
    for name, most in most_of.items():
        if not 0 < getattr(chosen, name) <= most:
            parser.error(f"--{name.replace('_', '-')} must be more than 0 and at most {most}")
    with _a_stack(chosen.stack) as live:
        phases, back_end = run(live, chosen)
        until(
            lambda: not live.waiting(live.described["queue_url"]),
            seconds=DRAINED_WITHIN,
            what="an empty queue",
        )
        problems = [*judge(live).problems, *judge_charges(live, back_end.answered, read(live))]
    print("\n" + table(HEAD, [phase.row() for phase in phases]))
    print(
        "\nResponse: in open loops from when a request was due, in the closed loop from when it was sent."
        "\nLag: webhook accepted → recorded; authorised at Stripe → active; charge answered → final; "
        f"seen every {LOOK_EVERY * 1000:.0f} ms."
        f"\n{described()}"
    )
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(phase) for phase in phases], indent=1))
    for problem in problems[:20]:
        print(f"  ✗ {problem}")
    return 1 if problems or any(phase.lost for phase in phases) else 0


if __name__ == "__main__":
    sys.exit(main())
