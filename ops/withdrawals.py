"""Withdrawals not yet released at Stripe: list, retry or dismiss them."""

import argparse
import time
from collections import defaultdict
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from mandates.core.clock import Instant, rfc3339
from mandates.core.work_messages import RELEASE
from mandates.runtime.queues import Queue
from mandates.store.conflicts import Conflict
from mandates.store.unreleased import Unreleased, all_unreleased, dismiss_unreleased
from ops import queues
from ops.arguments import an_id, positive, short
from ops.events import LISTED
from ops.printing import complain, say
from ops.stack import Stack, StackError


def add_commands(commands: Any) -> None:
    actions = commands.add_parser(
        "withdrawals", help="withdrawals not yet released at Stripe"
    ).add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list what is still to be released at Stripe, oldest first")
    listing.add_argument("--limit", type=positive, default=LISTED, metavar="N", help=f"at most N ({LISTED})")
    listing.set_defaults(run=run_list)
    retrying = actions.add_parser("retry", help="put mandates back on the Stripe work queue")
    retrying.add_argument("mandate_ids", type=an_id, metavar="MANDATE_ID", nargs="*")
    retrying.add_argument("--all", action="store_true", help="everything that is listed")
    retrying.set_defaults(run=run_retry)
    dismissing = actions.add_parser("dismiss", help="take a mandate off the list without releasing anything")
    dismissing.add_argument("mandate_id", type=an_id, metavar="MANDATE_ID")
    dismissing.add_argument("--reason", required=True, type=short, help="why, in a few words; it is recorded")
    dismissing.set_defaults(run=run_dismiss)


def run_list(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    found = list(all_unreleased(chosen.limit + 1))
    for one in found[: chosen.limit]:
        say(f"{rfc3339(one.since)}  {one.mandate_id}  {one.stripe_id}  {one.code}")
    if not found:
        say("no withdrawal waits to be released")
    if len(found) > chosen.limit:
        say(f"… and more: --limit {chosen.limit * 10} shows more of them")
    return 0


def run_retry(stack: Stack, chosen: argparse.Namespace) -> int:
    """Queue mandates for release again; 1 if the queue did not accept all. Twice does no harm."""
    if bool(chosen.mandate_ids) == chosen.all:
        complain("name the mandates, or give --all")
        return 2
    stack.use_tables()
    mandate_ids = list(_listed()) if chosen.all else list(dict.fromkeys(chosen.mandate_ids))
    if not mandate_ids:
        say("no withdrawal waits to be released")
        return 0
    try:
        work = Queue(queues.client(), stack.output("StripeWorkQueueUrl"))
        taken = work.send([RELEASE.text({"mandate_id": mandate_id}) for mandate_id in mandate_ids])
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"not everything was queued; run it again: {error}") from None
    say(f"{taken} of {len(mandate_ids)} queued; whatever Stripe then releases leaves the list")
    return 0 if taken == len(mandate_ids) else 1


def run_dismiss(stack: Stack, chosen: argparse.Namespace) -> int:
    """Dismiss everything that is listed of a mandate; 1 if nothing is."""
    stack.use_tables()
    listed = _listed().get(chosen.mandate_id, [])
    if not listed:
        complain(f"nothing of {chosen.mandate_id} is listed")
        return 1
    by, failed = whoever_runs_this(), 0
    for one in listed:
        try:
            dismiss_unreleased(one, by=by, reason=chosen.reason, now=Instant(time.time()))
        except Conflict:
            failed += 1
            complain(f"{one.stripe_id} is no longer listed")
        else:
            say(f"{one.stripe_id} is off the list, dismissed by {by}; it will not be tried again")
    return 1 if failed else 0


def _listed() -> dict[str, list[Unreleased]]:
    """Everything listed, by mandate, oldest first."""
    found: dict[str, list[Unreleased]] = defaultdict(list)
    for one in all_unreleased():
        found[one.mandate_id].append(one)
    return found


def whoever_runs_this() -> str:
    """As AWS says, which needs no permission: the ARN of the user, or of the role with its session's name.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    try:
        return str(boto3.client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"AWS does not say who you are: {error}") from None
