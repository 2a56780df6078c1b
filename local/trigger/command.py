"""Runs one trigger against the running stack, and says what happened and how the webhooks were answered."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from local import stack
from local.progress import say
from local.settings import Settings
from local.trigger.actions import TRIGGERS, Trigger
from local.trigger.finding import NotFound, find
from mandates.core.visible import visible

Json = dict[str, Any]

ANSWERED_WITHIN = 10.0
_POLL_SECONDS = 0.1


class NotTriggered(Exception):
    """It did not happen. The message says why."""


class Control:
    """The simulator's control API."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False, transport=transport)

    def close(self) -> None:
        self._http.close()

    def objects(self, kind: str) -> list[Json]:
        """All of a kind, newest first. Events come with their deliveries."""
        if kind == "event":
            return self.events()[::-1]
        found: list[Json] = self._http.get(f"/objects/{kind}").raise_for_status().json()["objects"]
        return found

    def events(self) -> list[Json]:
        found: list[Json] = self._http.get("/events").raise_for_status().json()["events"]
        return found

    def post(self, path: str, body: Json) -> Json:
        answer = self._http.post(f"/{path}", json=body)
        if answer.is_client_error:
            raise NotTriggered(answer.json()["error"]["message"])
        answered: Json = answer.raise_for_status().json()
        return answered


def main(settings: Settings, arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    running = stack.read(settings)
    if running is None:
        raise NotTriggered("The stack is down: make up")
    if not running["stripe_control_url"]:
        raise NotTriggered(
            "This stack uses the real Stripe, where nothing is triggered from here. Use its Dashboard, or "
            "`stripe trigger` of Stripe's CLI."
        )
    control = Control(running["stripe_control_url"])
    try:
        for line in run(control, options):
            say(line)
    finally:
        control.close()
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m local trigger",
        description="Make something happen at the simulated Stripe of the running stack.",
        epilog="Without an id it happens to the newest object that it can happen to. An id may be Stripe's "
        "(cs_…, pm_…, cus_…, pi_…, re_…, du_…) or our own (mdt_…, chg_…).",
    )
    commands = made.add_subparsers(dest="trigger", required=True, metavar="what")
    for name, trigger in TRIGGERS.items():
        command = commands.add_parser(name, help=trigger.help, description=f"{name}: {trigger.help}.")
        trigger.options(command)
        if trigger.target:
            command.add_argument(
                "id", nargs="?", help=f"without it: the newest of the {trigger.target.words}"
            )
    return made


def run(
    control: Control, options: argparse.Namespace, sleep: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """What happened, in lines. Raises NotTriggered and httpx.HTTPError."""
    trigger = TRIGGERS[options.trigger]
    path = trigger.path
    if trigger.target:
        try:
            thing = find(trigger.target, options.id, control.objects)
        except NotFound as error:
            raise NotTriggered(str(error)) from error
        path = path.replace("{id}", thing["id"])
        yield f"  {trigger.help[0].upper()}{trigger.help[1:]}: {_named(thing)}"
    try:
        body = trigger.body(options)
    except argparse.ArgumentTypeError as error:
        raise NotTriggered(str(error)) from error
    before = {_delivered_as(event) for event in control.events()}
    answered = control.post(path, body)
    yield from _outcome(trigger, options, answered)
    sent = _answered(control, before, sleep)
    yield from (_line(event) for event in sent)
    if answered == {"endpoints": 0}:
        yield "  No endpoint asked for this type of event."
    elif not sent:
        yield "  No event was sent."


def _outcome(trigger: Trigger, options: argparse.Namespace, answered: Json) -> Iterator[str]:
    """What has changed, where the object's line does not say it already."""
    match options.trigger:
        case "charge-outcome" | "refund-outcome":
            yield f"  {trigger.help[0].upper()}{trigger.help[1:]}: {options.outcome}."
        case "webhooks":
            yield f"  Webhooks are {options.state} from now on."
        case "advance":
            now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(answered["now"]))
            yield f"  It is {now} UTC at Stripe now. The functions' clock stays as it is."
        case _:
            for thing in answered.values():
                if isinstance(thing, dict) and "status" in thing:
                    yield f"  {thing['id']} is {thing['status']}."


def _named(thing: Json) -> str:
    """Its id, and those of ours that it is for."""
    metadata = thing.get("metadata") or {}
    ours = [metadata[name] for name in ("mandate_id", "charge_id") if name in metadata]
    return visible(" for ".join([thing["id"], *ours[-1:]]))


def _delivered_as(event: Json) -> tuple[str, int]:
    """A resent event has one more delivery."""
    return event["id"], len(event["deliveries"])


def _answered(control: Control, before: set[tuple[str, int]], sleep: Callable[[float], None]) -> list[Json]:
    """The events that are new since, once each delivery had an answer, or too much time has passed."""
    waited = 0.0
    while True:
        new = [event for event in control.events() if _delivered_as(event) not in before]
        open_ones = [one for event in new for one in event["deliveries"] if not one["answers"]]
        if not open_ones or waited >= ANSWERED_WITHIN:
            return new
        sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _line(event: Json) -> str:
    deliveries = event["deliveries"]
    answers = [_answers(one) for one in deliveries] or ["nobody asked for it"]
    return f"  → {event['type']:<36} {event['id']}  {'; '.join(answers)}"


def _answers(delivery: Json) -> str:
    if not delivery["answers"]:
        return "not sent yet"
    answers = ", ".join(str(answer) for answer in delivery["answers"])
    return f"{answers} ({delivery['status']})" if delivery["status"] != "delivered" else answers
