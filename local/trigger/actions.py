"""Everything that `python -m local trigger` can make happen, with its options.

The paths and bodies are those of the simulator's control API (local/stripe_simulator/control.py).
"""

import argparse
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.trigger.finding import Target

Json = dict[str, Any]


def _no_options(_: ArgumentParser) -> None:
    return


def _no_body(_: Namespace) -> Json:
    return {}


@dataclass(frozen=True)
class Trigger:
    """`path` is below the control API's address. `target` is what `{id}` in it stands for."""

    path: str
    help: str
    target: Target | None = None
    options: Callable[[ArgumentParser], None] = _no_options
    body: Callable[[Namespace], Json] = _no_body


OPEN_SESSION = Target("checkout.session", "open Checkout Sessions", lambda one: one["status"] == "open")
SAVED_ACCOUNT = Target("payment_method", "saved accounts", lambda one: one["customer"] is not None)
CUSTOMER = Target("customer", "customers", lambda one: not one.get("deleted"))
PAID = Target("payment_intent", "payments that took money", lambda one: one["status"] == "succeeded")
UNDECIDED = Target(
    "payment_intent",
    "payments that wait for an outcome",
    lambda one: one["status"] in {"processing", "requires_action"},
)
UNPAID = Target(
    "payment_intent",
    "payments that can be cancelled",
    lambda one: one["status"] not in {"succeeded", "canceled", "processing"},
)
PENDING_REFUND = Target(
    "refund", "refunds that wait for an outcome", lambda one: one["status"] in {"pending", "requires_action"}
)
OPEN_DISPUTE = Target("dispute", "open disputes", lambda one: one["status"] not in {"won", "lost"})
EVENT = Target("event", "events that an endpoint asked for", lambda one: bool(one["deliveries"]))

CODE = re.compile(r"[a-z0-9_]+")
OUTCOMES = ("succeeded", "declined", "refused", "requires_action", "processing", "nothing")
REFUND_OUTCOMES = ("succeeded", "failed", "pending", "refused", "nothing")
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
DISPUTE_STATES = (
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
)
NEEDS_CODE = "refused"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def amount(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not an amount in minor units, such as 1299 for 12.99")
    return int(text)


def code(text: str) -> str:
    if not CODE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not a code, such as insufficient_funds")
    return text


def duration(text: str) -> int:
    """Seconds."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not a duration, such as 90s, 15m, 2h or 3d")
    return int(found[1]) * UNITS[found[2]]


def _given(options: Namespace, *names: str) -> Json:
    """What was given of these options, under the same names."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


# ------------------------------------------------------------------------------------------ options


def _code(parser: ArgumentParser) -> None:
    parser.add_argument("--code", type=code, help="why, in Stripe's words, e.g. insufficient_funds")


def _amount(parser: ArgumentParser) -> None:
    parser.add_argument("--amount", type=amount, help="a part, in minor units; without it, all that is left")


def _refund(parser: ArgumentParser) -> None:
    _amount(parser)
    parser.add_argument("--reason", choices=REASONS)
    parser.add_argument("--then", choices=("succeeded", "failed"), default="succeeded", help="its outcome")
    parser.add_argument("--after", type=duration, default=60, help="when the outcome comes, e.g. 5s")


def _dispute(parser: ArgumentParser) -> None:
    _amount(parser)
    parser.add_argument("--reason", type=code, help="Stripe's, e.g. product_not_received")
    parser.add_argument("--chargeback", action="store_true", help="with a fee, instead of a claim at Amazon")
    parser.add_argument("--inquiry", action="store_true", help="a question first, which takes no money")


def _dispute_body(options: Namespace) -> Json:
    return {
        **_given(options, "amount", "reason"),
        "dispute_type": "chargeback" if options.chargeback else "claim",
        "status": "warning_needs_response" if options.inquiry else "needs_response",
    }


def _outcome_of(outcomes: tuple[str, ...]) -> Callable[[ArgumentParser], None]:
    def options(parser: ArgumentParser) -> None:
        parser.add_argument("outcome", choices=(*outcomes, "usual"), help="usual: no longer on purpose")
        _code(parser)
        parser.add_argument("--amount", type=amount, help="only for this amount, in minor units")
        parser.add_argument("--times", type=amount, help="only for this many; without it, from now on")

    return options


def _plan(member: str) -> Callable[[Namespace], Json]:
    def body(options: Namespace) -> Json:
        if options.outcome == "usual":
            return {}
        if options.outcome == NEEDS_CODE and not options.code:
            raise argparse.ArgumentTypeError("refused needs --code, such as payment_intent_mandate_invalid")
        return {member: [{"outcome": options.outcome, **_given(options, "code", "amount", "times")}]}

    return body


def _choice(name: str, choices: tuple[str, ...]) -> Callable[[ArgumentParser], None]:
    def options(parser: ArgumentParser) -> None:
        parser.add_argument(name, choices=choices)

    return options


def _webhooks(parser: ArgumentParser) -> None:
    parser.add_argument("state", choices=("lost", "held", "twice", "late", "usual"))


WEBHOOKS: dict[str, Json] = {
    "lost": {"drop_probability": 1.0, "dropped": "lost"},
    "held": {"outage": True},
    "twice": {"copies": 2},
    "late": {"delay": 10.0},
}


def _webhooks_body(options: Namespace) -> Json:
    return {"webhooks": WEBHOOKS[options.state]} if options.state in WEBHOOKS else {}


def _duration(parser: ArgumentParser) -> None:
    parser.add_argument("duration", type=duration, help="how far, e.g. 90s, 15m, 2h or 3d")


# ------------------------------------------------------------------------------------------ triggers

TRIGGERS = {
    "authorize": Trigger(
        "sessions/{id}/authorize", "the buyer agrees at Amazon: the account is saved", OPEN_SESSION
    ),
    "decline": Trigger(
        "sessions/{id}/decline",
        "Amazon says no; the session stays open",
        OPEN_SESSION,
        _code,
        lambda options: _given(options, "code"),
    ),
    "expire": Trigger("sessions/{id}/expire", "the session ends unused", OPEN_SESSION),
    "detach": Trigger(
        "payment_methods/{id}/detach", "somebody detaches the account in the Dashboard", SAVED_ACCOUNT
    ),
    "revoke-at-amazon": Trigger(
        "payment_methods/{id}/revoke_at_amazon", "the buyer withdraws in their Amazon account", SAVED_ACCOUNT
    ),
    "delete-customer": Trigger(
        "customers/{id}/delete", "somebody deletes the customer in the Dashboard", CUSTOMER
    ),
    "charge-outcome": Trigger(
        "payments",
        "how payments turn out from now on",
        None,
        _outcome_of(OUTCOMES),
        _plan("payments"),
    ),
    "succeed": Trigger("payment_intents/{id}/succeed", "a payment that waits takes the money", UNDECIDED),
    "fail": Trigger(
        "payment_intents/{id}/fail",
        "a payment that waits fails",
        UNDECIDED,
        _code,
        lambda options: _given(options, "code"),
    ),
    "cancel": Trigger("payment_intents/{id}/cancel", "somebody cancels a payment in the Dashboard", UNPAID),
    "refund": Trigger(
        "payment_intents/{id}/refund",
        "somebody refunds a payment in the Dashboard",
        PAID,
        _refund,
        lambda options: {
            **_given(options, "amount", "reason"),
            "then": options.then,
            "seconds": options.after,
        },
    ),
    "refund-outcome": Trigger(
        "refunds",
        "how refunds turn out from now on",
        None,
        _outcome_of(REFUND_OUTCOMES),
        _plan("refunds"),
    ),
    "finish-refund": Trigger("refunds/{id}/succeed", "a refund that waits arrives", PENDING_REFUND),
    "fail-refund": Trigger("refunds/{id}/fail", "a refund that waits fails", PENDING_REFUND),
    "dispute": Trigger(
        "payment_intents/{id}/dispute", "the customer disputes a payment", PAID, _dispute, _dispute_body
    ),
    "move-dispute": Trigger(
        "disputes/{id}/move",
        "a dispute goes on, or is decided",
        OPEN_DISPUTE,
        _choice("status", DISPUTE_STATES),
        lambda options: {"status": options.status},
    ),
    "resend": Trigger("events/{id}/resend", "an event is sent once more", EVENT),
    "webhooks": Trigger(
        "faults", "webhooks get lost, wait, come twice or late", None, _webhooks, _webhooks_body
    ),
    "advance": Trigger(
        "clock/advance",
        "Stripe's clock moves on: sessions expire, retries and refunds fall due",
        None,
        _duration,
        lambda options: {"seconds": options.duration},
    ),
}
