"""Upgrade a stack of an earlier release that has live mandates, and charge them.

The emulator and the simulator are today's; the earlier release is built, deployed and used from its own tree.
The emulator can't shift traffic gradually: it deletes the version before. So after the deployment the earlier
release's functions run from their tree, on what today's have written. And it answers 404 while it replaces
the API, where API Gateway switches a stage from one snapshot to the next
(https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-deploy-api.html).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import httpx

from local import environment, stack, stack_file
from local.settings import ROOT, Settings
from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import HANDLED_TYPES, project
from ops.evidence import problems_in
from tests.component.world import api_event, service, sqs_event
from tests.live.shoppers import Shopping, sign_up
from tests.live.stack import Json, LiveStack, until

EARLIER = ("ProcessWebhook", "ReadMandates", "ExportEvidence")
"""The earlier release's functions that meet what today's have written."""

CHARGED = {"amount": 1299, "currency": "usd", "description": "Coffee, November"}


@dataclass
class Findings:
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, holds: bool, found: object = "") -> None:
        print(f"  {'ok' if holds else 'NO'}  {what}", flush=True)
        if not holds:
            self.problems.append(f"{what}: {found}")


@dataclass
class Before:
    """The mandates that the earlier release made, by what became of them, and one's evidence."""

    active: list[str]
    pending: str
    session: Json
    revoked: str
    evidence: bytes
    webhook_secret: str
    environments: dict[str, dict[str, str]]
    """The variables of the earlier release's functions, by the function's name in the template."""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.live.upgrade", description=__doc__)
    parser.add_argument("--from", dest="ref", required=True, help="the earlier release: a tag or commit")
    return parser


def main() -> int:
    ref = options().parse_args().ref
    with tempfile.TemporaryDirectory(prefix="mandates-upgrade-") as folder:
        earlier = tree_of(ref, Path(folder) / "earlier")
        settings = Settings.apart(Path(folder) / "state")
        try:
            problems = rehearse(earlier, settings)
        finally:
            stack.down(settings)
    for problem in problems:
        print(f"NO: {problem}")
    return 1 if problems else 0


def rehearse(earlier: Path, settings: Settings) -> list[str]:
    """What does not hold, in the order in which an operator would meet it."""
    found = Findings()
    stack.start(settings)
    print("The earlier release", flush=True)
    _up(earlier, settings)
    with _live(settings) as live:
        shopping = Shopping(live, seed=1)
        before = _mandates(live, shopping)
        print("The upgrade, while customers set up mandates", flush=True)
        with _traffic(live, shopping) as answers:
            began = time.monotonic()
            stack.up(settings)
            print(f"  {time.monotonic() - began:.0f} s; answers meanwhile: {dict(answers)}", flush=True)
    failed = {answer: times for answer, times in answers.items() if not answer.endswith((" 200", " 404"))}
    found.expect("no function failed during the deployment", not failed, failed)
    with _live(settings) as live:
        _what_was_there(live, before, found)
        charges = _charged(live, before, found)
        _earlier_readers(live, earlier, before, charges, found)
        _withdrawn(live, before, found)
    print("Back to the earlier release", flush=True)
    _up(earlier, settings)
    with _live(settings) as live:
        _rolled_back(live, before, found)
    return found.problems


def tree_of(ref: str, into: Path) -> Path:
    into.mkdir()
    archive = subprocess.run(["git", "archive", ref], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=into, input=archive, check=True)
    return into


def _up(tree: Path, settings: Settings) -> None:
    """`make up` in that tree, on this stack. Both releases run on today's packages."""
    environ = environment.clean() | {
        "PYTHONPATH": str(tree / "layers" / "mandates" / "python"),
        "MANDATES_STATE_DIR": str(settings.state),
        "MANDATES_AWS_PORT": str(settings.aws_port),
        "MANDATES_STRIPE_PORT": str(settings.stripe_port),
        "MANDATES_STOREFRONT_PORT": str(settings.storefront_port),
    }
    subprocess.run([sys.executable, "-m", "local", "up"], cwd=tree, env=environ, check=True)


@contextmanager
def _live(settings: Settings) -> Iterator[LiveStack]:
    live = LiveStack(stack_file.read(settings.stack_file) or {})
    try:
        yield live
    finally:
        live.close()


def _service(live: LiveStack) -> str:
    return str(live.described["tokens"]["service"])


def _status(live: LiveStack, mandate_id: str) -> str:
    return str(live.call("GET", f"/mandates/{mandate_id}", _service(live))["status"])


def _becomes(live: LiveStack, mandate_id: str, status: str) -> None:
    until(lambda: _status(live, mandate_id) == status, seconds=60, what=f"{mandate_id} as {status}")


# ------------------------------------------------------------------------------------------- before


def _mandates(live: LiveStack, shopping: Shopping) -> Before:
    shoppers = sign_up(live, 5)
    for shopper in shoppers:
        shopping.become_customer(shopper)
    sessions = [shopping.begin(shopper) for shopper in shoppers]
    made = [session["mandate_id"] for session in sessions]
    for session, mandate_id in zip(sessions[:4], made[:4], strict=True):
        shopping.authorise(session)
        _becomes(live, mandate_id, "active")
    live.call("POST", f"/mandates/{made[3]}/revoke", _service(live), {})
    return Before(
        active=made[:3],
        pending=made[4],
        session=sessions[4],
        revoked=made[3],
        evidence=_evidence(live, made[0]),
        webhook_secret=live.described["webhook_secret"],
        environments=_environments(live, *EARLIER),
    )


def _environments(live: LiveStack, *functions: str) -> dict[str, dict[str, str]]:
    client = live.aws("lambda")
    names = [one["FunctionName"] for one in client.list_functions()["Functions"]]
    return {
        function: client.get_function_configuration(
            FunctionName=next(name for name in names if f"-{function}-" in name)
        )["Environment"]["Variables"]
        for function in functions
    }


def _evidence(live: LiveStack, mandate_id: str) -> bytes:
    answer = live.attempt("GET", f"/mandates/{mandate_id}/evidence", _service(live))
    assert isinstance(answer, httpx.Response)
    return answer.raise_for_status().content


@contextmanager
def _traffic(live: LiveStack, shopping: Shopping) -> Iterator[Counter[str]]:
    """A customer who reads the terms and their mandates, over and over. Counts the answers."""
    answers: Counter[str] = Counter()
    over, (shopper,) = Event(), sign_up(live, 1)
    shopping.become_customer(shopper)

    def go_on() -> None:
        while not over.is_set():
            for what in ("/terms/current", f"/customers/{quote(shopper.customer_id)}/mandates"):
                answer = live.attempt("GET", what, shopper.token)
                status = answer.status_code if isinstance(answer, httpx.Response) else 0
                answers[f"{what.split('/')[1]} {status}"] += 1
            over.wait(0.5)

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


# -------------------------------------------------------------------------------------------- after


def _what_was_there(live: LiveStack, before: Before, found: Findings) -> None:
    print("What the earlier release made", flush=True)
    statuses = [_status(live, mandate_id) for mandate_id in before.active]
    found.expect("active mandates are active", set(statuses) == {"active"}, statuses)
    found.expect("the withdrawn one is revoked", _status(live, before.revoked) == "revoked")
    keys = live.http.get(f"{live.described['api_url']}/evidence-keys").json()["keys"]
    trusted = keys[0]["fingerprint"]
    packs = {"before.json": before.evidence, "after.json": _evidence(live, before.active[0])}
    for name, pack in packs.items():
        problems = list(problems_in({name: pack}, trusted))
        found.expect(f"evidence {name} verifies under the same key", not problems, problems)
    (endpoint,) = live.stripe_list("webhook_endpoints")
    found.expect(
        "the webhook endpoint is the same, and has the event types of charges",
        set(endpoint["enabled_events"]) == set(HANDLED_TYPES)
        and live.described["webhook_secret"] == before.webhook_secret,
        endpoint,
    )
    live.control(f"sessions/{before.session['checkout_session_id']}/authorize")
    _becomes(live, before.pending, "active")
    found.expect("the session begun before is completed after", True)


def _charge(live: LiveStack, mandate_id: str, reference: str) -> httpx.Response:
    return live.http.post(
        f"{live.described['api_url']}/mandates/{mandate_id}/charges",
        json={**CHARGED, "reference": reference},
        headers={"Authorization": f"Bearer {_service(live)}", "Idempotency-Key": reference},
    )


def _charged(live: LiveStack, before: Before, found: Findings) -> list[Json]:
    print("The first charges", flush=True)
    answers = [_charge(live, mandate_id, f"order-{mandate_id}") for mandate_id in before.active]
    made = [answer.json() for answer in answers]
    outcomes = [
        (answer.status_code, charge.get("status")) for answer, charge in zip(answers, made, strict=True)
    ]
    found.expect("a mandate of before is charged", set(outcomes) == {(201, "succeeded")}, outcomes)
    refused = _charge(live, before.revoked, "order-revoked")
    found.expect(
        "a withdrawn one is not",
        (refused.status_code, refused.json().get("reasons")) == (409, ["mandate_revoked"]),
    )
    return made


def _earlier_readers(
    live: LiveStack, earlier: Path, before: Before, charges: list[Json], found: Findings
) -> None:
    """As while traffic shifts."""
    print("The earlier release beside it", flush=True)
    event = next(one for one in live.stripe_events() if one["type"] == "payment_intent.succeeded")
    told = sqs_event([EVENT.text(project(event))])
    answer = _run(earlier, live, before, "ProcessWebhook", told)
    found.expect("takes an event about a charge off the queue", answer == {"batchItemFailures": []}, answer)
    again = live.call("GET", f"/charges/{charges[0]['charge_id']}", _service(live))
    found.expect("leaves the charge as it was", again == charges[0], again)
    path, caller = {"mandate_id": before.active[0]}, service("mandates:read")
    for function, resource in (
        ("ReadMandates", "/mandates/{mandate_id}"),
        ("ExportEvidence", "/mandates/{mandate_id}/evidence"),
    ):
        asked = api_event("GET", resource, path=path, caller=caller)
        answer = _run(earlier, live, before, function, asked)
        faults = json.loads(answer["body"]).get("evidence", {}).get("faults", []) if "body" in answer else []
        holds = answer["statusCode"] == 200 and not faults
        found.expect(f"answers GET {resource} of a mandate that was charged", holds, answer)


_RUN = """
import json, sys, types, app
context = types.SimpleNamespace(
    function_name="earlier",
    memory_limit_in_mb=512,
    aws_request_id="one",
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:earlier",
    get_remaining_time_in_millis=lambda: 20_000,
)
answer = app.handler(json.load(sys.stdin), context)
print()
print(json.dumps(answer))
"""


def _run(earlier: Path, live: LiveStack, before: Before, function: str, event: Json) -> Any:
    """What the earlier release's function answers. It runs in a process of its own."""
    folder = re.sub("([A-Z])", r"_\1", function).lower()[1:]
    environ = environment.clean() | before.environments[function]
    environ |= {
        "AWS_ENDPOINT_URL": live.described["aws_endpoint_url"],
        "AWS_DEFAULT_REGION": live.described["region"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONPATH": f"{earlier / 'layers/mandates/python'}:{earlier / 'functions' / folder}",
    }
    ran = subprocess.run(
        [sys.executable, "-c", _RUN],
        cwd=earlier,
        env=environ,
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        return {"statusCode": None, "error": ran.stderr[-2_000:]}
    return json.loads(ran.stdout.strip().rpartition("\n")[2])


def _withdrawn(live: LiveStack, before: Before, found: Findings) -> None:
    mandate_id, earlier = before.active[1], _detached(live)
    live.call("POST", f"/mandates/{mandate_id}/revoke", _service(live), {})
    until(lambda: _detached(live) > earlier, seconds=60, what="the payment method's release")
    refused = _charge(live, mandate_id, "order-after")
    found.expect("a withdrawal stops charges", refused.status_code == 409, refused.text)


def _detached(live: LiveStack) -> int:
    return sum(event["type"] == "payment_method.detached" for event in live.stripe_events())


def _rolled_back(live: LiveStack, before: Before, found: Findings) -> None:
    statuses = [_status(live, mandate_id) for mandate_id in [*before.active, before.pending]]
    expected = ["active", "revoked", "active", "active"]
    found.expect("it reads them all", statuses == expected, statuses)
    live.call("POST", f"/mandates/{before.active[2]}/revoke", _service(live), {})
    found.expect("and withdraws one", _status(live, before.active[2]) == "revoked")


if __name__ == "__main__":
    sys.exit(main())
