"""List charges by day, and show one with its refunds, disputes, movements and differences."""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import batched
from typing import Any

from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.differences import NamedDifference
from mandates.core.charging.disputes import disputes
from mandates.core.charging.head import Charge
from mandates.core.charging.movements import Movement, totals
from mandates.core.charging.refunds import refunds
from mandates.core.clock import rfc3339
from mandates.store.audit_reads import charges_by_id, charges_created_between
from mandates.store.differences import differences_of
from mandates.store.movements import movements_of
from ops.arguments import a_day, an_id, positive
from ops.charge_words import charge_named, money
from ops.events import LISTED
from ops.explain_charge import story_of
from ops.printing import complain, say
from ops.stack import Stack

DAY = 86_400
_AT_A_TIME = 100


def add_commands(actions: Any) -> None:
    listing = actions.add_parser("list", help="list the charges that were made on some days")
    add_days(listing)
    listing.add_argument("--status", choices=[str(one) for one in ChargeStatus], help="only those")
    listing.add_argument("--limit", type=positive, default=LISTED, metavar="N", help=f"at most N ({LISTED})")
    listing.set_defaults(run=run_list)
    showing = actions.add_parser("show", help="show everything about one charge")
    showing.add_argument("charge_id", type=an_id, metavar="CHARGE_ID")
    showing.set_defaults(run=run_show)


def add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="first", type=a_day, required=True, metavar="DAY", help="the first day, in UTC"
    )
    parser.add_argument(
        "--to", dest="last", type=a_day, metavar="DAY", help="the last day, in UTC (default: today)"
    )


def charges_of_days(first: date, last: date | None) -> Iterator[Charge]:
    """The charges made on those days (UTC), day by day. A hundred are held at a time."""
    for some in batched(charges_created_between(*span(first, last)), _AT_A_TIME, strict=False):
        charges = charges_by_id(some)
        for charge_id in some:
            if charge_id in charges:
                yield charges[charge_id]
            else:
                complain(f"{charge_id} can't be read: it was altered")


def span(first: date, last: date | None) -> tuple[int, int]:
    """From the beginning of the first day until the end of the last (UTC, epoch seconds)."""
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    end = last or datetime.fromtimestamp(time.time(), UTC).date()
    return start, int(datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()) + DAY


def run_list(stack: Stack, chosen: argparse.Namespace) -> int:
    stack.use_tables()
    found = 0
    for charge in charges_of_days(chosen.first, chosen.last):
        if chosen.status in {None, charge.status}:
            found += 1
            if found > chosen.limit:
                say(f"… and more: --limit {chosen.limit * 10} shows more of them")
                return 0
            say(_line(charge))
    if not found:
        say("no such charge was made on those days")
    return 0


def _line(charge: Charge) -> str:
    return (
        f"{charge.created_at}  {charge.charge_id}  {charge.status:<14}  {money(charge)}  {charge.reference}"
    )


def run_show(stack: Stack, chosen: argparse.Namespace) -> int:
    """Print a charge; 1 if there is none."""
    stack.use_tables()
    charge = charge_named(chosen.charge_id)
    if charge is None:
        complain(f"there is no charge {chosen.charge_id}")
        for named in differences_of(chosen.charge_id):
            say(_difference(named))
        return 1
    for line in story_of(chosen.charge_id):
        say(line)
    for line in beside(charge):
        say(line)
    return 0


def beside(charge: Charge) -> Iterator[str]:
    """Its refunds, disputes, movements and differences, as lines."""
    for refund in refunds(charge.facts):
        by = refund.actor or "somebody at Stripe"
        why = f": {refund.failure}" if refund.failure else ""
        there = refund.stripe_refund_id or "not at Stripe yet"
        yield (
            f"  refund  {refund.refund_id} of {refund.amount} {refund.currency} {refund.status}{why},"
            f" requested at {rfc3339(refund.requested_at)} by {by} ({there})"
        )
    for dispute in disputes(charge.facts):
        due = f", evidence due by {rfc3339(dispute.evidence_due_by)}" if dispute.evidence_due_by else ""
        yield (
            f"  dispute {dispute.dispute_id} about {dispute.amount} {dispute.currency} {dispute.status}"
            f" ({dispute.reason}), opened at {rfc3339(dispute.opened_at)}{due}"
        )
    moved = movements_of(charge.charge_id)
    for movement in moved:
        yield _movement(movement)
    for currency, total in totals(moved).items():
        yield f"  total   {total.amount} {currency}, fee {total.fee}, net {total.net} (minor units)"
    for named in differences_of(charge.charge_id):
        yield _difference(named)


def _movement(movement: Movement) -> str:
    rate = f" at {movement.exchange_rate}" if movement.exchange_rate else ""
    amount = f"{movement.amount} {movement.currency}{rate}"
    payout = movement.payout or "in no automatic payout"
    return (
        f"  moved   {rfc3339(movement.created)}  {movement.type}  {amount}, fee {movement.fee},"
        f" net {movement.net}, {payout} ({movement.transaction_id}, {movement.source})"
    )


def _difference(named: NamedDifference) -> str:
    one = named.difference
    until = f"until {named.resolved_at}" if named.resolved_at else f"last seen {named.last_seen}"
    by = f", dismissed by {named.resolved_by}" if named.resolved_by else ""
    return f"  differs {one.kind} since {named.first_seen}, {until}{by}: {one.details}"
