"""How fast functions start and work, against the targets; written to docs/performance.md.

    make bench        exits with 1 if a target is missed

Everything is measured as CPU time of the function's own process, and judged as ratios within one run:
machines differ, and what they have to do at the same time. What is compared takes turns, and each pair of
neighbours gives one ratio, of which the median counts: a disturbance reaches both of a pair, or spoils one
ratio. The rounds go through everything, so that a busy minute is one round of each and not all rounds of one.
"""

import argparse
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from local.settings import ROOT
from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import project
from tests.budget import artefacts, cost, examples, report
from tests.budget.cold import runtime_api, start
from tests.budget.ratios import median, median_ratio
from tests.functions import FUNCTIONS
from tests.variables import environment

Json = dict[str, Any]

INIT_OVER_PLAIN = 0.5
RECEIVE_OVER_SEND = 1.2
EVENT_OVER_TRANSACTION = 0.7
"""Reading what was stored strictly, and the number of its format, is worth the tenth (docs/decisions.md)."""


CHARGE_OVER_BARE_CALLS = 7.5
"""A charge reads six times, writes three times and decides twice."""


@dataclass(frozen=True)
class Target:
    """`measured` must be at most `limit`."""

    what: str
    limit: float
    measured: float

    @property
    def met(self) -> bool:
        return self.measured <= self.limit


@contextlib.contextmanager
def canned_aws() -> Iterator[str]:
    """In a process of its own, so that its CPU is not ours."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.budget.canned_aws"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def cold_starts(build: Path, into: Path, aws_url: str, names: Sequence[str], runs: int) -> Json:
    """By function and kind of artefact: CPU and wall time of each start, in seconds."""
    client = artefacts.runtime_client(into)
    kinds = {
        name: {
            "shipped": artefacts.shipped(build, name),
            "plain": artefacts.plain(name, into),
            "floor": artefacts.floor(build, name, into),
        }
        for name in names
    }
    measured: Json = {name: {kind: [] for kind in kinds[name]} for name in names}
    with runtime_api() as api:
        for run, name in itertools.product(range(runs), names):
            told = environment(name, aws_url)
            for kind, artefact in kinds[name].items():
                once = start(api, artefact, client, told)
                measured[name][kind].append({"cpu": once.cpu, "wall": once.wall})
            if name == names[-1]:
                print(f"  {run + 1} of {runs}", flush=True)
    for name in names:
        said = {kind: median(of(measured[name][kind])) for kind in kinds[name]}
        print(f"  {name:24}" + "  ".join(f"{kind} {ms(value)}" for kind, value in said.items()), flush=True)
    return measured


def of(starts: Sequence[Mapping[str, float]]) -> list[float]:
    """The CPU of each."""
    return [one["cpu"] for one in starts]


def warm_handlers(build: Path, into: Path, aws_url: str, rounds: int, calls: int) -> Json:
    """CPU nanoseconds of each call, for the handler and for the bare AWS call beside it.

    Each round has processes of its own: what differs between processes (where things lie in memory) is not
    measured once and for all. And jobs of its own: a signature is good for five minutes.
    """
    measured: Json = {what: {"handler": [], "bare": [], "events": job.events} for what, job in JOBS.items()}
    for _, (what, job) in itertools.product(range(rounds), JOBS.items()):
        for which, times in measured_warm(
            build, into, aws_url, job.function, job.described(calls, aws_url)
        ).items():
            measured[what][which] += times
    for what, one in measured.items():
        each = median(one["handler"]) / one["events"]
        print(f"  {what:42} {each / 1e6:.2f} ms each, {per_event(one):.2f} of a bare call", flush=True)
    return measured


def measured_warm(build: Path, into: Path, aws_url: str, function: str, job: Json) -> Json:
    described = into / "job.json"
    described.write_text(json.dumps(job))
    script = str(ROOT / "tests" / "budget" / "warm.py")
    artefact = artefacts.shipped(build, function)
    ran = subprocess.run(
        [artefacts.PYTHON, "-S", script, str(described)],
        env={**environment(function, aws_url), "PYTHONPATH": artefact.search_path},
        cwd=artefact.task,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(ran.stderr)
    measured: Json = json.loads(ran.stdout)
    return measured


def receive_job(runs: int, aws_url: str) -> Json:
    events, bare = [], []
    for number in range(runs):
        event = examples.stripe_event("setup_intent.succeeded", number)
        payload, timestamp = json.dumps(event, indent=2), str(int(time.time()))
        signed = hmac.new(
            examples.WEBHOOK_SECRET.encode(), f"{timestamp}.{payload}".encode(), hashlib.sha256
        ).hexdigest()
        events.append(examples.webhook_request(payload, f"t={timestamp},v1={signed}"))
        message = EVENT.text(project(event))
        bare.append({"QueueUrl": f"{aws_url}/123456789012/queue", "MessageBody": message})
    answer = {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store"},
        "body": '{"received": true}',
        "isBase64Encoded": False,
    }
    return {"service": "sqs", "operation": "send_message", "events": events, "bare": bare, "answer": answer}


def process_job(kind: str, size: int, runs: int, _: str) -> Json:
    return {
        "service": "dynamodb",
        "operation": "transact_write_items",
        "events": [examples.batch(kind, range(run * size, (run + 1) * size)) for run in range(runs)],
        # What one completed session is written as: its head, an entry and the event's record.
        "bare": [{"TransactItems": examples.three_items(run)} for run in range(runs)],
        "answer": {"batchItemFailures": []},
    }


def charge_job(runs: int, aws_url: str) -> Json:
    return {
        "service": "dynamodb",
        "operation": "transact_write_items",
        "stripe": aws_url,
        "events": [examples.charge_request(run, f"order-{time.time_ns()}") for run in range(runs)],
        "bare": [{"TransactItems": examples.three_items(run)} for run in range(runs)],
        "contains": '"status": "succeeded"',
    }


@dataclass(frozen=True)
class Job:
    """A function's warm calls. `described` takes how many and AWS's address; each call brings `events`."""

    function: str
    described: Callable[[int, str], Json]
    events: int = 1


A_CHARGE = "a charge"

JOBS = {
    A_CHARGE: Job("CreateCharge", charge_job),
    "a webhook": Job("ReceiveWebhook", receive_job),
    **{
        f"{kind}, batches of {size}": Job("ProcessWebhook", partial(process_job, kind, size), size)
        for kind, size in itertools.product(examples.KINDS, (1, 10))
    },
}


def per_event(measured: Json) -> float:
    """What one event costs, in bare calls."""
    return median_ratio(measured["handler"], measured["bare"]) / float(measured["events"])


def ms(seconds: float) -> str:
    return f"{seconds * 1000:4.0f} ms"


def targets(raw: Json) -> list[Target]:
    found = []
    for name, kinds in raw["cold"].items():
        cpu = {kind: of(starts) for kind, starts in kinds.items()}
        over_plain = median_ratio(cpu["shipped"], cpu["plain"])
        found.append(Target(f"{name}: init over the plain build's", INIT_OVER_PLAIN, over_plain))
        if (longest := FUNCTIONS[name].longest_init) is not None:
            over_floor = median_ratio(cpu["shipped"], cpu["floor"])
            found.append(Target(f"{name}: init over its floor's", longest, over_floor))
    for what, one in raw["warm"].items():
        ratio = per_event(one)
        if what == "a webhook":
            found.append(Target("a webhook over one bare SQS send", RECEIVE_OVER_SEND, ratio))
        elif what == A_CHARGE:
            named = "a charge over one bare transaction and two bare calls of Stripe's SDK"
            found.append(Target(named, CHARGE_OVER_BARE_CALLS, ratio))
        elif one["events"] == 10:
            found.append(
                Target(f"{what}: an event over one bare transaction of three", EVENT_OVER_TRANSACTION, ratio)
            )
    return found


def cost_targets(costs: Json) -> list[Target]:
    most, name = cost.MOST_FOR_A_MILLION_CHARGES, "a million charges, in dollars, without Stripe's fees"
    return [Target(name, most, costs["charges"]["total"])] if costs else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=15, help="cold starts of each kind and function")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind for warm calls")
    parser.add_argument("--calls", type=int, default=60, help="warm calls in each of them")
    parser.add_argument("--only", nargs="*", help="these functions alone, and nothing is written")
    chosen = parser.parse_args()
    # The examples are made by the store's own code, which makes a client, and asks nothing of it.
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    build = artefacts.built()
    names = chosen.only or list(FUNCTIONS)
    with tempfile.TemporaryDirectory() as folder, canned_aws() as aws_url:
        into = Path(folder)
        print(f"cold starts: medians of {chosen.starts}, CPU", flush=True)
        cold = cold_starts(build, into, aws_url, names, chosen.starts)
        print(f"warm calls: medians of {chosen.rounds} times {chosen.calls}, CPU", flush=True)
        warm = warm_handlers(build, into, aws_url, chosen.rounds, chosen.calls)
    raw = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "starts": chosen.starts,
        "rounds": chosen.rounds,
        "calls": chosen.calls,
        "cold": cold,
        "warm": warm,
    }
    costs = {} if chosen.only else cost.model()
    judged = [*targets(raw), *cost_targets(costs)]
    for target in judged:
        verdict = "met" if target.met else "MISSED"
        print(f"{verdict:7} {target.measured:.2f} (at most {target.limit}) {target.what}")
    if not chosen.only:
        report.write(raw, judged, costs)
    return 0 if all(target.met for target in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
