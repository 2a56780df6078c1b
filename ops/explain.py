"""Explains what became of a mandate, a charge or an event, and why, in a few lines."""

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mandates.core.changes import Subject, stands_on
from mandates.core.clock import rfc3339
from mandates.core.facts import Fact, Kind, fact_from_plain
from mandates.core.ledger import Entry
from mandates.core.mandate import WITHDRAWING, Mandate, Status, status
from mandates.core.release import to_release
from mandates.core.stripe_events.projection import METADATA_CUSTOMER, METADATA_MANDATE
from mandates.store.customers import owner_of
from mandates.store.events import APPLIED, DISMISSED, QUARANTINED, Seen, seen
from mandates.store.mandates import mandates_of, read_heads, read_ledger, read_subjects
from mandates.store.unreleased import Unreleased, read_unreleased
from ops import queues
from ops.arguments import an_id
from ops.events import at
from ops.explain_charge import story_of
from ops.printing import complain, say
from ops.stack import Stack

Lines = Iterator[str]

_LATEST = 10

MEANS = {
    Kind.CONSENT_ACCEPTED: "the customer accepted the terms",
    Kind.SESSION_CREATED: "Stripe's page was opened for them",
    Kind.SESSION_COMPLETED: "they completed Stripe's page",
    Kind.SESSION_EXPIRED: "Stripe's page expired",
    Kind.SESSION_CANCELLED: "Stripe's page was cancelled here",
    Kind.SETUP_SUCCEEDED: "Amazon Pay is set up",
    Kind.SETUP_FAILED: "an attempt failed",
    Kind.SETUP_CANCELED: "Stripe cancelled the set-up",
    Kind.RETURNED: "somebody came back from Stripe's page",
    Kind.CHARGE_MANDATE_INVALID: "a charge was refused: the mandate is no longer valid",
    Kind.REVOKED: "it was revoked",
    Kind.DETACHED: "the payment method was detached",
    Kind.MANDATE_INACTIVE: "Stripe's mandate became inactive (revoked at Amazon, or detached)",
    Kind.DELETED: "the Stripe customer was deleted",
}

OUTCOMES = {
    APPLIED: "it was applied",
    QUARANTINED: "it could not be applied",
    DISMISSED: "somebody dismissed it: it was not applied and will not be",
    "ignored": "events of its type change nothing here",
    "foreign": "it is not about anything that this stack made",
    "livemode_mismatch": "its mode (test or live) is not the stack's StripeLivemode",
}


def add_commands(commands: Any) -> None:
    explain = commands.add_parser("explain", help="say what became of a mandate, a charge or an event")
    explain.add_argument("id", type=an_id, metavar="MANDATE_ID|CHARGE_ID|EVENT_ID")
    explain.set_defaults(run=run_explain)


def run_explain(stack: Stack, chosen: argparse.Namespace) -> int:
    """Tell the story; 1 if there is none to tell."""
    stack.use_tables()
    if chosen.id.startswith("evt_"):
        return _explain_event(stack, chosen.id)
    if chosen.id.startswith("chg_"):
        return _explain_charge(chosen.id)
    if not chosen.id.startswith("mdt_"):
        for line in of_other(stack, chosen.id):
            complain(line)
        return 1
    mandate = read_heads([chosen.id]).get(chosen.id)
    if mandate is None:
        complain(f"there is no mandate {chosen.id}")
        return 1
    subjects = read_subjects(stands_on(mandate, mandate.facts))
    left = to_release(mandate, subjects)
    unreleased = read_unreleased(mandate.mandate_id, left.stripe_ids)
    for line in story(mandate, subjects, read_ledger(mandate.mandate_id), unreleased):
        say(line)
    return 0


def _explain_charge(charge_id: str) -> int:
    lines = story_of(charge_id)
    if not lines:
        complain(f"there is no charge {charge_id}")
        return 1
    for line in lines:
        say(line)
    return 0


# ----------------------------------------------------------------------------------- none of the three


def of_other(stack: Stack, some_id: str) -> Lines:
    """What to ask instead: for a customer's id, ours or Stripe's, their latest mandates."""
    yield f"{some_id} is not a mandate (mdt_…), a charge (chg_…) or a Stripe event (evt_…)"
    customer_id = owner_of(some_id) or some_id
    found = list(islice(mandates_of(customer_id), _LATEST))
    if found:
        yield f"customer {customer_id} has these mandates, newest first:"
        yield from (f"  {stack.command} explain {mandate.mandate_id}" for mandate in found)
        yield f"everything held about them: {stack.command} customer export {shlex.quote(customer_id)}"
    else:
        yield "no customer with that id has a mandate here: a customer's id is the `sub` of their tokens"
        yield f"Stripe's Dashboard shows our ids as metadata: {METADATA_CUSTOMER} of a customer,"
        yield f"  {METADATA_MANDATE} of a session or SetupIntent"


# ------------------------------------------------------------------------------------------- a mandate


def story(
    mandate: Mandate,
    subjects: Mapping[str, Subject],
    ledger: Sequence[Entry],
    unreleased: Mapping[str, Unreleased],
) -> Lines:
    now = status(mandate.facts, *(subject.facts for subject in subjects.values()))
    yield f"{mandate.mandate_id} is {now}"
    yield f"  who     customer {mandate.customer_id}, at Stripe {mandate.stripe_customer_id}"
    if mandate.funding:
        yield f"  card    {mandate.funding.name}, as of the newest charge that told one"
    yield f"  terms   {mandate.terms_version}, read in {mandate.locale}"
    for line in why(now, mandate, subjects):
        yield f"  why     {line}"
    yield f"  ledger  {mandate.entries} entries"
    for entry in ledger:
        yield f"    {_entry(entry)}"
    for line in open_at_stripe(now, mandate, subjects, unreleased):
        yield f"  Stripe  {line}"


def why(now: Status, mandate: Mandate, subjects: Mapping[str, Subject]) -> Lines:
    """The facts that decide the status, earliest first."""
    on = [("the mandate", mandate.facts), *((key, one.facts) for key, one in subjects.items())]
    told = [(fact, where) for where, facts in on for fact in facts.values()]
    deciding = {
        Status.REVOKED: WITHDRAWING,
        Status.ACTIVE: {Kind.SETUP_SUCCEEDED},
        Status.EXPIRED: {Kind.SESSION_EXPIRED, Kind.SESSION_CANCELLED, Kind.SETUP_CANCELED},
    }.get(now, {Kind.SETUP_FAILED, Kind.SESSION_COMPLETED})
    found = [(fact, where) for fact, where in told if fact.kind in deciding]
    for fact, where in sorted(found, key=lambda one: one[0].at):
        yield f"{_fact(fact)}, on {where.replace('#', ' ')}, at {rfc3339(fact.at)} from {fact.source}"
    if now is Status.PENDING:
        yield "Stripe has not reported that Amazon Pay is set up"


def _fact(fact: Fact) -> str:
    detail = ", ".join(f"{name} {value}" for name, value in sorted(fact.detail.items()))
    return f"{fact.kind}: {MEANS[fact.kind]}" + (f" ({detail})" if detail else "")


def _entry(entry: Entry) -> str:
    kinds = ", ".join(_with_code(fact_from_plain(dict(fact))) for fact in entry.facts)
    return f"{entry.number:>3}  {entry.recorded_at}  {entry.status:<8} {kinds}  from {entry.source}"


def _with_code(fact: Fact) -> str:
    code = fact.detail.get("code")
    return f"{fact.kind} ({code})" if code else str(fact.kind)


def open_at_stripe(
    now: Status, mandate: Mandate, subjects: Mapping[str, Subject], unreleased: Mapping[str, Unreleased]
) -> Lines:
    """What still exists at Stripe, as far as it has told us."""
    left = to_release(mandate, subjects)
    for stripe_id in left.stripe_ids:
        if stripe_id in unreleased:
            yield _refused(unreleased[stripe_id])
        elif stripe_id == left.checkout_session:
            yield f"{stripe_id} is not known to be closed yet: ReleaseWithdrawals expires it"
        else:
            yield f"{stripe_id} is not known to be detached yet: ReleaseWithdrawals detaches it"
    if now is Status.ACTIVE:
        yield f"{mandate.payment_method_id} is attached to {mandate.stripe_customer_id} and may be charged"
    elif now is Status.PENDING and mandate.checkout_session_id:
        yield f"{mandate.checkout_session_id} is open: the customer may still complete it"
    elif now is Status.PENDING:
        yield "no session yet: the customer's next POST /checkout-sessions goes on with it"
    elif not left.stripe_ids:
        yield "nothing is left open"


def _refused(one: Unreleased) -> str:
    if one.is_dismissed:
        by_whom = f"dismissed at {one.dismissed_at} by {one.dismissed_by}"
        return f"{one.stripe_id} stays as it is, {by_whom}: {one.reason}"
    since = rfc3339(one.since)
    return (
        f"{one.stripe_id} has not been released since {since} ({one.code}): ReleaseWithdrawals keeps trying"
    )


# -------------------------------------------------------------------------------------------- an event


def _explain_event(stack: Stack, event_id: str) -> int:
    records = seen(event_id)
    if not records:
        for line in unseen(stack, event_id):
            complain(line)
        return 1
    for line in of_event(records, stack.command):
        say(line)
    return 0


def of_event(records: Sequence[Seen], command: str) -> Lines:
    event_id, own = records[0].event_id, next((one for one in records if one.scope == "event"), None)
    told = [one for one in records if one.scope != "event"]
    if own is None:
        yield f"{event_id} is being applied, or its worker died in the middle: the queue delivers it again"
    else:
        yield f"{event_id} ({own.type}) was made at {at(own.created)} and recorded at {own.recorded_at}"
        yield f"  {own.outcome}: {OUTCOMES.get(own.outcome, 'this version does not know this outcome')}"
        yield from (f"  {name}: {value}" for name, value in _known(own))
    changed = [*(one.mandate_id for one in records if one.mandate_id)]
    if changed:
        yield f"  it is in the ledger of: {', '.join(dict.fromkeys(changed))}"
    elif own and own.outcome == APPLIED and not told:
        yield "  no mandate stood on it when it came: it counts for any mandate that ever will"
    if own and own.outcome == QUARANTINED:
        yield f"  fix the reason, then: {command} events replay {event_id}"


def _known(own: Seen) -> Iterable[tuple[str, str]]:
    return [(name, value) for name, value in (("reason", own.reason), ("subject", own.subject)) if value]


def unseen(stack: Stack, event_id: str) -> Lines:
    sqs = queues.client()
    waiting = queues.depth(sqs, stack.output("WebhookQueueUrl"))
    dead = queues.depth(sqs, stack.output("WebhookDeadLettersUrl"))
    yield f"{event_id} has no record: it was not processed, or more than 40 days ago. It may be in:"
    yield f"  the webhook queue: about {waiting} messages, processed within seconds, 90 s after a failure"
    yield f"  the dead letters: about {dead} messages; {stack.command} dlq list"
    yield "  Stripe: Developers, Events shows whether it exists and what our endpoint answered;"
    yield f"  {stack.command} events replay {event_id} fetches it from there"
