"""A restore, rehearsed on a stack of its own: `python -m tests.live.restore --mandates 6`.

Tables are copied, charging goes on, and the copies are put back. What Stripe has charged since is rebuilt.
Stripe forgets its idempotency keys, and then a back end repeats every request that it ever made.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from local import environment
from local.settings import ROOT
from mandates.core.charging.messages import DueMessage
from mandates.core.clock import rfc3339
from mandates.store.charge_items import SwitchRow
from tests.live.chaos import wait_until_quiet, wait_until_settled
from tests.live.charge_verdict import judge_charges
from tests.live.own_stack import own_stack
from tests.live.shoppers import Shopping, sign_up
from tests.live.stack import GaveUp, Json, LiveStack, until
from tests.live.table import table
from tests.live.verdict import read

FORGOTTEN = 25 * 3600
"""Seconds after which Stripe has forgotten every idempotency key:
https://docs.stripe.com/api/idempotent_requests"""

PAYMENTS: list[Json] = [
    {"outcome": "declined", "times": 2},
    {"outcome": "succeeded", "answer": "lost", "times": 2},
    {"outcome": "processing", "seconds": 2, "then": "succeeded", "times": 2},
]
"""How the first payments after the snapshot turn out; the others succeed."""

NO_INTENTS: Json = {"effect": "server_error", "status": 503, "endpoint": "POST /v1/payment_intents"}

MUCH_LATER = 2**33
"""Epoch seconds: the charge is looked at, whenever it is due."""

NEXT_MINUTE = 75
"""Seconds within which whatever is due has been looked at."""

type Items = Mapping[str, Json]
type Snapshot = Mapping[str, Items]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that takes or returns money, and what came of it."""

    path: str
    key: str
    body: Json
    status: int
    answer: Json


@dataclass
class BackEnd:
    """Remembers every request, as a business does that never loses anything."""

    stack: LiveStack
    asked: list[Asked] = field(default_factory=list)

    def charge(self, mandate_id: str, amount: int) -> Json:
        number = len(self.asked)
        body = {
            "amount": amount,
            "currency": "usd",
            "reference": f"order-{number}",
            "description": f"Order {number}",
        }
        return self._ask(f"/mandates/{mandate_id}/charges", f"order-{number}", body)

    def refund(self, charge_id: str, amount: int) -> Json:
        key = f"refund-{len(self.asked)}"
        return self._ask(f"/charges/{charge_id}/refunds", key, {"amount": amount})

    def send(self, path: str, key: str, body: Json) -> tuple[int, Json]:
        token = self.stack.described["tokens"]["service"]
        answer = self.stack.answered("POST", path, token, body, **{"Idempotency-Key": key})
        return answer.status_code, answer.json()

    def _ask(self, path: str, key: str, body: Json) -> Json:
        status, answer = self.send(path, key, body)
        if status != 201:
            raise GaveUp(f"POST {path}: {status} {answer}")
        self.asked.append(Asked(path, key, body, status, answer))
        return answer


# ----------------------------------------------------------------------------------------- the tables


def snapshot(stack: LiveStack) -> Snapshot:
    """Every item of every table, by its key."""
    return {name: _items(stack, name) for name in stack.described["tables"]}


def go_back(stack: LiveStack, to: Snapshot) -> None:
    """Everything written since is lost, but for the switch: `ops tables restore` pauses a restored table.

    Functions run meanwhile, so it is done until nothing differs.
    """
    until(lambda: not sum(_go_back(stack, name, to[name]) for name in to), seconds=60, what="the restore")


def _go_back(stack: LiveStack, name: str, wanted: Items) -> int:
    table_name, found = stack.described["tables"][name], _items(stack, name)
    lost = [item for key, item in found.items() if key not in wanted]
    changed = [item for key, item in wanted.items() if found.get(key) != item]
    keys = _keys(stack, name)
    for item in lost:
        stack.dynamodb.delete_item(TableName=table_name, Key={part: item[part] for part in keys})
    for item in changed:
        stack.dynamodb.put_item(TableName=table_name, Item=item)
    return len(lost) + len(changed)


def _items(stack: LiveStack, name: str) -> dict[str, Json]:
    keys = _keys(stack, name)
    found = {repr([item[part] for part in keys]): item for item in stack.items(name)}
    switch = {"S": SwitchRow.PARTITION}
    return {key: item for key, item in found.items() if item.get("mandate_id") != switch}


def _keys(stack: LiveStack, name: str) -> list[str]:
    described = stack.dynamodb.describe_table(TableName=stack.described["tables"][name])["Table"]
    return [part["AttributeName"] for part in described["KeySchema"]]


# ------------------------------------------------------------------------------------- the rehearsal


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.restore", description=__doc__)
    parser.add_argument("--mandates", type=int, default=6)
    chosen = parser.parse_args()
    with own_stack() as (live, _):
        problems = Rehearsal(live).run(chosen.mandates)
    for problem in problems:
        print(f"  ✗ {problem}")
    return 1 if problems else 0


class Rehearsal:
    def __init__(self, live: LiveStack) -> None:
        self.live = live
        self.back_end = BackEnd(live)
        self.told: list[tuple[str, str]] = []

    def run(self, count: int) -> list[str]:
        began = time.monotonic()
        mandates = self._mandates(count)
        for mandate_id in mandates:
            self.back_end.charge(mandate_id, 1_000)
        self._at_rest()
        waiting = self._reserved_only(mandates[0])
        copies, at = snapshot(self.live), int(time.time())
        before = len(self.back_end.asked)
        self._go_on(mandates, waiting)
        taken = money(self.live)
        asked = len(self.back_end.asked)
        self._told("requests", f"{asked}, of which {asked - before} are lost")
        self._told("taken", f"{len(taken['payments'])} payments, {len(taken['refunds'])} refunds")

        self._operate("charges", "pause", "--why", "rehearsal of a restore")
        go_back(self.live, copies)
        since = rfc3339(at)
        self._operate("reconcile", "--since", since)
        self._told("rebuilt", self._operate("charges", "rebuild", "--since", since).splitlines()[-2])
        self._operate("events", "replay", "--quarantined")
        wait_until_quiet(self.live)
        again = self._operate("charges", "rebuild", "--since", since)
        self.live.control("clock/advance", seconds=FORGOTTEN)
        self._operate("charges", "audit", "--since", since)
        self._operate("charges", "resume", "--why", "rebuilt")
        problems = [] if " 0 rebuilt, 0 completed" in f" {again.splitlines()[-2]}" else [again]
        problems += self._repeated()
        time.sleep(NEXT_MINUTE)
        self._at_rest()
        problems += [f"{what} differ" for what, ids in money(self.live).items() if ids != taken[what]]
        answered = [asked.answer["charge_id"] for asked in self.back_end.asked]
        problems += judge_charges(self.live, {*answered, waiting}, read(self.live))
        self._told("problems", f"{len(problems)}")
        self._told("time", f"{time.monotonic() - began:.0f} s")
        print(table(("what", "how much"), self.told))
        return problems

    def _mandates(self, count: int) -> list[str]:
        shopping = Shopping(self.live, seed=1)
        mandates = []
        for shopper in sign_up(self.live, count):
            shopping.become_customer(shopper)
            session = shopping.begin(shopper)
            shopping.authorise(session)
            mandates.append(str(session["mandate_id"]))
        token = self.live.described["tokens"]["service"]

        def active(mandate_id: str) -> bool:
            return bool(self.live.call("GET", f"/mandates/{mandate_id}", token)["status"] == "active")

        until(lambda: all(map(active, mandates)), seconds=60, what="the set-ups")
        return mandates

    def _reserved_only(self, mandate_id: str) -> str:
        """A charge that the snapshot has without its intent: Stripe is out of reach until then."""
        self.live.control("faults", api=[NO_INTENTS])
        charge = self.back_end.charge(mandate_id, 1_100)
        if charge["payment_intent_id"]:
            raise GaveUp("the intent was created in spite of the outage")
        return str(charge["charge_id"])

    def _go_on(self, mandates: list[str], waiting: str) -> None:
        """Everything that will be lost."""
        self.live.control("faults")
        due = DueMessage(waiting, due_at=int(time.time()), until=MUCH_LATER)
        self.live.sqs.send_message(QueueUrl=self.live.described["charge_queue_url"], MessageBody=due.text)
        until(lambda: self._status(waiting) == "succeeded", seconds=120, what="the charge that waited")
        self.live.control("payments", payments=PAYMENTS)
        charges = [self.back_end.charge(one, 1_200 + number) for number, one in enumerate(mandates * 2)]
        self.live.control("payments", payments=[])
        self._at_rest()
        succeeded = [one["charge_id"] for one in charges if self._status(one["charge_id"]) == "succeeded"]
        for charge_id in succeeded[:3]:
            self.back_end.refund(charge_id, 500)
        self._at_rest()

    def _status(self, charge_id: str) -> str:
        token = self.live.described["tokens"]["service"]
        return str(self.live.call("GET", f"/charges/{charge_id}", token)["status"])

    def _at_rest(self) -> None:
        wait_until_settled(self.live)
        wait_until_quiet(self.live)

    def _repeated(self) -> Iterator[str]:
        """Every request again, under its old key."""
        for asked in self.back_end.asked:
            status, answer = self.back_end.send(asked.path, asked.key, asked.body)
            same = ("charge_id", "refund_id", "amount", "currency")
            if status != 200 or any(answer.get(name) != asked.answer.get(name) for name in same):
                yield f"POST {asked.path} under {asked.key} answers {status} {answer}, and was {asked.answer}"

    def _operate(self, *command: str) -> str:
        """Run a command of `ops`, and print it. Raises GaveUp if it fails."""
        layer = ROOT / "layers" / "mandates" / "python"
        finished = subprocess.run(
            [sys.executable, "-m", "ops", *command],
            cwd=ROOT,
            env={
                **environment.clean(),
                "MANDATES_STATE_DIR": self.live.described["state_dir"],
                "PYTHONPATH": f"{ROOT}:{layer}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"$ ops {' '.join(command)}\n{finished.stdout}{finished.stderr}", end="", flush=True)
        if finished.returncode:
            raise GaveUp(f"ops {' '.join(command)} ended with {finished.returncode}")
        return finished.stdout

    def _told(self, what: str, how_much: str) -> None:
        self.told.append((what, how_much))


def money(stack: LiveStack) -> dict[str, set[str]]:
    """The ids of what moved money at Stripe."""
    intents = list(stack.stripe_list("payment_intents"))
    return {
        "payments": {one["id"] for one in intents if one["status"] == "succeeded"},
        "refunds": {one["id"] for one in stack.stripe_list("refunds")},
    }


if __name__ == "__main__":
    sys.exit(main())
