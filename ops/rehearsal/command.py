"""The command `ops stripe rehearse`: runs all checks in a sandbox, prints each, and undoes the payments."""

import argparse
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mandates.core.clock import Sleep
from mandates.gateway.api_keys import livemode_of
from mandates.store.mandates import read_heads
from ops.arguments import an_id, positive
from ops.printing import complain, say
from ops.rehearsal.books import checks as books
from ops.rehearsal.checks import Check, Outcome, Verdict, outcome_of
from ops.rehearsal.detaching import checks as detaching
from ops.rehearsal.payments import checks as payments
from ops.rehearsal.raw_stripe import RawStripe
from ops.rehearsal.refunds import checks as refunds
from ops.rehearsal.trial import Payer, Trial
from ops.rehearsal.untried import checks as untried
from ops.stack import Stack, StackError

AMOUNT = 500
"""Minor units. Above Stripe's minimum in every currency of Amazon Pay:
https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""

CHECKS: tuple[Check, ...] = (*payments, *refunds, *books, *detaching, *untried)

ABOUT = """\
Makes small payments in a sandbox with an authorised payment method, and compares Stripe's answers with what
this code assumes. First have somebody set up Amazon Pay in the sandbox. Then give the mandate, or the payment
method and its customer. The payments belong to no mandate and no stack, and in the end each is refunded or
cancelled. Run it again when Stripe's API version changes, or with another account.
"""


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("stripe", help="Stripe itself").add_subparsers(
        required=True, metavar="ACTION"
    )
    rehearse = actions.add_parser(
        "rehearse",
        help="try, in a sandbox, what this code assumes of Stripe",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rehearse.add_argument("mandate_id", nargs="?", type=an_id, metavar="MANDATE_ID", help="an active mandate")
    rehearse.add_argument("--payment-method", type=an_id, metavar="pm_…", help="in place of a mandate")
    rehearse.add_argument("--customer", type=an_id, metavar="cus_…", help="the payment method's")
    rehearse.add_argument("--amount", type=positive, default=AMOUNT, help=f"in minor units ({AMOUNT})")
    rehearse.add_argument("--currency", default="usd", help="default: usd")
    rehearse.add_argument(
        "--end-payment-method",
        action="store_true",
        help="also detach the payment method at the end, which withdraws its mandate",
    )
    rehearse.set_defaults(run=run_rehearse)


def run_rehearse(stack: Stack, chosen: argparse.Namespace, sleep: Sleep = time.sleep) -> int:
    """0 if nothing differs and everything is undone; else 1."""
    key = stack.stripe_key
    if livemode_of(key) is not False:
        complain("the stack's Stripe key is not a sandbox's: no payment is made")
        return 1
    trial = Trial(
        RawStripe(key, stack.parameter("StripeApiBase"), sleep),
        _payer(stack, chosen),
        mark=f"rehearsal-{secrets.token_hex(8)}",
        amount=chosen.amount,
        currency=chosen.currency,
        ends_payment_method=chosen.end_payment_method,
    )
    try:
        seen = Counter(_told(outcome_of(check, trial)) for check in CHECKS)
    finally:
        left = trial.undo()
        for line in left:
            complain(f"refund or cancel it at Stripe: {line}")
    say(", ".join(f"{seen[verdict]} {verdict}" for verdict in Verdict))
    say(f"{len(trial.made) - len(left)} of {len(trial.made)} payments are refunded or cancelled")
    return 1 if seen[Verdict.DIFFERS] or left else 0


def _payer(stack: Stack, chosen: argparse.Namespace) -> Payer:
    """Raises StackError."""
    if chosen.payment_method and chosen.customer:
        return Payer(chosen.payment_method, chosen.customer)
    if not chosen.mandate_id:
        raise StackError("give an active mandate's id, or --payment-method and --customer")
    stack.use_tables()
    mandate = read_heads([chosen.mandate_id]).get(chosen.mandate_id)
    if mandate is None or not mandate.payment_method_id:
        raise StackError(f"{chosen.mandate_id} has no payment method: have somebody set up Amazon Pay")
    return Payer(mandate.payment_method_id, mandate.stripe_customer_id)


def _told(outcome: Outcome) -> Verdict:
    """Print each check as soon as it is made: all of them take a minute or two."""
    for line in lines_of(outcome):
        say(line)
    return outcome.verdict


def lines_of(outcome: Outcome) -> Iterator[str]:
    check = outcome.check
    yield f"{outcome.verdict}: {check.name}"
    yield f"    we assume: {check.assumed}"
    if outcome.verdict is Verdict.NOT_TRIED:
        yield f"    why not:   {outcome.answered}"
    else:
        yield f"    Stripe:    {outcome.answered}"
    yield f"    see        {check.page}"
