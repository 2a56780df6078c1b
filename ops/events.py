"""Stripe events that could not be applied: list, show, replay or dismiss them."""

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mandates.core.clock import Instant, rfc3339
from mandates.core.errors import MandatesError
from mandates.core.messages import EVENT
from mandates.core.stripe_events.projection import project
from mandates.store.conflicts import Conflict
from mandates.store.events import QUARANTINED, Seen, dismiss, quarantined, seen
from ops import queues
from ops.arguments import an_id, positive, short
from ops.printing import complain, say
from ops.stack import Stack, StackError

LISTED = 50


def at(created: int | None) -> str:
    return "(time unknown)" if created is None else rfc3339(created)


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("events", help="Stripe events that could not be applied").add_subparsers(
        required=True, metavar="ACTION"
    )
    listing = actions.add_parser("list", help="list what is in quarantine, newest first")
    listing.add_argument("--quarantined", action="store_true", required=True, help="the only list there is")
    listing.add_argument("--limit", type=positive, default=LISTED, metavar="N", help=f"at most N ({LISTED})")
    listing.set_defaults(run=run_list)
    showing = actions.add_parser("show", help="show all records of one event, and what is kept of it")
    showing.add_argument("event_id", type=an_id, metavar="EVENT_ID")
    showing.set_defaults(run=run_show)
    replaying = actions.add_parser("replay", help="put events back on the webhook queue")
    replaying.add_argument("event_ids", type=an_id, metavar="EVENT_ID", nargs="*")
    replaying.add_argument("--quarantined", action="store_true", help="all events in quarantine")
    replaying.set_defaults(run=run_replay)
    dismissing = actions.add_parser("dismiss", help="take an event off the list without applying it")
    dismissing.add_argument("event_id", type=an_id, metavar="EVENT_ID")
    dismissing.add_argument("--reason", required=True, type=short, help="why, in a few words; it is recorded")
    dismissing.set_defaults(run=run_dismiss)


def run_list(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    found = list(quarantined(chosen.limit + 1))
    for event in found[: chosen.limit]:
        say(f"{event.recorded_at}  {event.event_id}  {event.type}  made {at(event.created)}  {event.reason}")
    if not found:
        say("nothing is in quarantine")
    if len(found) > chosen.limit:
        say(f"… and more: --limit {chosen.limit * 10} shows more of them")
    return 0


def run_show(stack: Stack, chosen: argparse.Namespace) -> int:
    """Print an event's records; 1 if it has none."""
    stack.use_tables()
    records = seen(chosen.event_id)
    if not records:
        complain(f"there is no record of {chosen.event_id}")
        return 1
    for line in shown(records):
        say(line)
    return 0


def shown(records: Iterable[Seen]) -> Iterable[str]:
    for record in records:
        about = "" if record.scope == "event" else f" to {record.scope}"
        yield f"{record.event_id}  {record.outcome}{about}  recorded {record.recorded_at}"
        for name in ("type", "created", "mandate_id", "subject", "reason"):
            value = getattr(record, name)
            if value is not None:
                yield f"  {name:<11} {at(value) if name == 'created' else value}"
        if record.body is not None:
            yield from json.dumps(record.body, indent=2, sort_keys=True).split("\n")


def run_replay(stack: Stack, chosen: argparse.Namespace) -> int:
    """Queue events again and report each. 1 if one of them was not queued, else 0, whatever happens later.

    A kept event is queued as it was kept; any other is fetched from Stripe. The worker then processes it
    again: if it is applied, it leaves the quarantine; if it is still impossible, it stays there.
    """
    if bool(chosen.event_ids) == chosen.quarantined:
        complain("name the events, or give --quarantined")
        return 2
    stack.use_tables()
    queue_url = stack.output("WebhookQueueUrl")
    event_ids = [event.event_id for event in quarantined()] if chosen.quarantined else chosen.event_ids
    sqs = queues.client()
    failed = 0
    for number, event_id in enumerate(event_ids, 1):
        progress = f"{number}/{len(event_ids)}  {event_id}"
        try:
            event, whence = kept_or_fetched(stack, event_id)
            sqs.send_message(QueueUrl=queue_url, MessageBody=EVENT.text(event))
        except (StackError, BotoCoreError, ClientError) as error:
            failed += 1
            complain(f"{progress}  not queued: {error}")
        else:
            say(f"{progress}  queued, {whence}")
    if not event_ids:
        say("nothing is in quarantine")
    elif failed < len(event_ids):
        say(f"the worker processes them within seconds; then: {stack.command} explain EVENT_ID")
    return 1 if failed else 0


def kept_or_fetched(stack: Stack, event_id: str) -> tuple[Mapping[str, Any], str]:
    """An event in the form that is queued, and where it comes from. Raises StackError."""
    for record in seen(event_id):
        if record.body is not None:
            return record.body, "as it was kept"
    return project(from_stripe(stack, event_id)), "fetched from Stripe"


def from_stripe(stack: Stack, event_id: str) -> Mapping[str, Any]:
    """Raises StackError, whose message says what else the operator can do."""
    try:
        event = stack.gateway.events.retrieve(event_id)
    except (StackError, MandatesError) as error:
        raise StackError(
            f"the event is not kept here, and Stripe could not be asked ({error}). You can have Stripe send"
            " it again (Dashboard, Developers, Events, Resend: for 15 days)"
        ) from None
    if event is None:
        raise StackError(
            "the event is not kept here, and Stripe has no such event (it keeps them for 30 days)"
        )
    return event


def run_dismiss(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    try:
        dismiss(chosen.event_id, chosen.reason, Instant(time.time()))
    except Conflict:
        outcomes = {record.outcome for record in seen(chosen.event_id)}
        now = f": it is {', '.join(sorted(outcomes))}" if outcomes else ": there is no record of it"
        complain(f"{chosen.event_id} is not {QUARANTINED}{now}")
        return 1
    say(f"{chosen.event_id} is off the list; its record expires in 40 days")
    return 0
