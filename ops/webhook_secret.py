"""Replaces the secret that Stripe signs webhooks with, while they keep coming."""

import argparse
import time
from typing import Any

import boto3

from mandates.core.endpoint_plan import Pauses
from mandates.webhooks.endpoints import ROTATION, WebhookEndpoints, explain
from mandates.webhooks.secret_store import WebhookSecrets
from ops.printing import complain, say
from ops.stack import Stack
from ops.which_stack import note_webhook_secret

ABOUT = """\
Stripe can't give an endpoint another secret. So this makes a second endpoint and stores its secret beside the
first, waits until every container has read it, subscribes the second, removes the first, and takes the first
secret out once nothing signed with it can come. For a minute each event comes twice, which changes nothing.
If it is interrupted anywhere, run it again: it goes on from there.
"""


def add_commands(commands: Any) -> None:
    rotating = commands.add_parser(
        "rotate-webhook-secret",
        help="replace the webhook's signing secret without refusing a delivery (11 minutes)",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rotating.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help=f"length of each of the three pauses, instead of {ROTATION.known}, {ROTATION.overlap} and"
        f" {ROTATION.kept}; if it is shorter, a delivery may be refused, and Stripe sends it again",
    )
    rotating.set_defaults(run=run_rotate)


def seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError("give a number of seconds, 0 or more")
    return int(text)


def run_rotate(stack: Stack, chosen: argparse.Namespace) -> int:
    """Rotate and print each step. 1 if that can't be done, with what to do about it."""
    pauses = ROTATION if chosen.wait is None else Pauses(chosen.wait, chosen.wait, chosen.wait)
    secrets = WebhookSecrets(boto3.client("secretsmanager"), stack.output("StripeWebhookSecretsArn"))
    owner_mark, at_stripe = stack.output("OwnerMark"), stack.gateway.webhook_endpoints
    try:
        WebhookEndpoints(
            at_stripe,
            secrets,
            owner_mark,
            clock=time.time,
            sleep=time.sleep,
            say=say,
        ).rotate(pauses)
        note_webhook_secret(secrets.read().secrets[-1])
    except Exception as error:
        complain(explain(error))
        complain("Nothing is broken; the same command goes on from here.")
        return 1
    say("the webhook secret is rotated")
    return 0
