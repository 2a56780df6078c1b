"""A request for a refund, Stripe's events and a look at Stripe tell of refunds and a dispute, in every order
and repeated: what is given back, what is left and what is open are the same (docs/reliability.md)."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from mandates.core.charging import disputes, refunds
from mandates.core.charging.change import charge_change
from mandates.core.charging.disputes import StripeDispute, facts_of_stripe_dispute, open_disputes
from mandates.core.charging.facts import ChargeFact, ChargeFacts, ChargeKind, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.charging.ids import refund_id, refund_id_of_stripe
from mandates.core.charging.refunds import (
    StripeRefund,
    facts_of_stripe_refund,
    left_to_refund,
    pending_refunds,
    taken,
)
from mandates.core.clock import Instant
from mandates.core.ledger import first_broken
from tests.simulation.core_charge import AMOUNT, AT, CHARGE_ID, CoreCharge, OrderMatters, Report

MOST = 5 if os.environ.get("SOAK") == "1" else 3
"""So many of the reports, one after the other."""
OURS, DASHBOARD = 600, 300
REFUND = refund_id(CHARGE_ID, "one")

PAID, ASKED = "paid", "asked"
PENDING, GIVEN, FAILED, LOOKED = "refund.created", "refund.updated: succeeded", "refund.failed", "listed"
ELSEWHERE, ELSEWHERE_GIVEN = "Dashboard: refund.created", "Dashboard: refund.updated: succeeded"
OPENED, REVIEWED, LOST, WON = "dispute.created", "dispute.updated", "dispute.closed: lost", "won on appeal"


def _own(_: ChargeFacts, *, fact: ChargeFact) -> Sequence[ChargeFact]:
    return (fact,)


def _refund(
    known: ChargeFacts, *, status: str, at: int, made: str = "re_1", amount: int = OURS, ours: str = REFUND
) -> Sequence[ChargeFact]:
    told = StripeRefund(made, "pi_1", status, amount, "usd", AT + 11, refund_id=ours)
    return facts_of_stripe_refund(known, CHARGE_ID, told, AT + at, f"evt_{status}_{made}_{at}")


def _dispute(known: ChargeFacts, *, kind: ChargeKind, status: str, at: int) -> Sequence[ChargeFact]:
    told = StripeDispute("du_1", "pi_1", status, AMOUNT, "usd", AT + 20, "ch_1")
    return facts_of_stripe_dispute(known, told, kind, AT + at, f"evt_{status}_{at}")


_elsewhere = partial(_refund, made="re_2", amount=DASHBOARD, ours="")
REPORTS = (
    Report(
        PAID,
        partial(
            _own, fact=charge_fact(ChargeKind.ATTEMPT_SUCCEEDED, AT + 2, "evt_paid", attempt=1, charge="ch_1")
        ),
    ),
    Report(
        ASKED,
        partial(
            _own,
            fact=charge_fact(
                ChargeKind.REFUND_REQUESTED,
                AT + 10,
                "api:create_refund",
                about=REFUND,
                amount=str(OURS),
                currency="usd",
                actor="the-back-end",
                request="0" * 64,
            ),
        ),
    ),
    Report(PENDING, partial(_refund, status="pending", at=12)),
    Report(GIVEN, partial(_refund, status="succeeded", at=13)),
    Report(LOOKED, partial(_refund, status="succeeded", at=14)),
    Report(FAILED, partial(_refund, status="failed", at=15)),
    Report(ELSEWHERE, partial(_elsewhere, status="pending", at=12)),
    Report(ELSEWHERE_GIVEN, partial(_elsewhere, status="succeeded", at=13)),
    Report(OPENED, partial(_dispute, kind=ChargeKind.DISPUTE_OPENED, status="needs_response", at=20)),
    Report(REVIEWED, partial(_dispute, kind=ChargeKind.DISPUTE_CHANGED, status="under_review", at=21)),
    Report(LOST, partial(_dispute, kind=ChargeKind.DISPUTE_CLOSED, status="lost", at=22)),
    Report(WON, partial(_dispute, kind=ChargeKind.DISPUTE_CLOSED, status="won", at=23)),
)

Stands = Mapping[str, Any]


def expected(told: frozenset[str]) -> Stands:
    """What docs/charging.md says of a charge of which all this was told, in whatever order."""
    found: dict[str, str] = {}
    if told & {ASKED, PENDING, GIVEN, LOOKED, FAILED}:
        given = "succeeded" if told & {GIVEN, LOOKED} else "pending"
        found[REFUND] = "failed" if FAILED in told else given
    if told & {ELSEWHERE, ELSEWHERE_GIVEN}:
        about = refund_id_of_stripe(CHARGE_ID, "re_2")
        found[about] = "succeeded" if ELSEWHERE_GIVEN in told else "pending"
    newest = next((name for name in (WON, LOST, REVIEWED, OPENED) if name in told), None)
    took = AMOUNT if PAID in told else 0
    ours = OURS if found.get(REFUND) in {"pending", "succeeded"} else 0
    others = DASHBOARD if told & {ELSEWHERE, ELSEWHERE_GIVEN} else 0
    return {
        "refunds": found,
        "open": newest in {OPENED, REVIEWED},
        "took": took,
        "left": max(0, took - ours - others - (AMOUNT if newest == LOST else 0)),
    }


def stands(facts: ChargeFacts) -> Stands:
    return {
        "refunds": {one.refund_id: str(one.status) for one in refunds.refunds(facts)},
        "open": bool(open_disputes(facts)),
        "took": taken(facts),
        "left": left_to_refund(facts),
    }


def _after(charge: CoreCharge, new: Sequence[ChargeFact]) -> CoreCharge:
    change = charge_change(charge.charge, new, source="evt", now=Instant(AT + 60)) if new else None
    if change is None:
        return charge
    return CoreCharge(change.after, ledger=(*charge.ledger, change.entry))


def _check(charge: Charge, told: tuple[Report, ...]) -> None:
    names = frozenset(report.name for report in told)
    found, should = stands(charge.facts), expected(names)
    if found != should:
        raise OrderMatters(f"{found}, and not {should}")
    pending = bool(pending_refunds(charge.facts))
    if (charge.due_at is None) is not (charge.is_final and not pending):
        raise OrderMatters(f"it is {charge.status}, and due at {charge.due_at}")
    if charge.is_settled is not (charge.is_final and not pending and not should["open"]):
        raise OrderMatters(f"it is settled: {charge.is_settled}")


def every_order(most: int) -> Iterator[CoreCharge]:
    """As in core_charge.py. When a repeated report is heard, it changes nothing of how things stand."""

    def go_on(at: CoreCharge, told: tuple[Report, ...]) -> Iterator[CoreCharge]:
        try:
            _check(at.charge, told)
            for again in told:
                _check(_after(at, again.facts(at.charge.facts)).charge, told)
        except OrderMatters as found:
            path = " → ".join(report.name for report in told)
            raise OrderMatters(f"{path}: {found}") from None
        yield at
        for report in REPORTS if len(told) < most else ():
            if report not in told:
                yield from go_on(_after(at, report.facts(at.charge.facts)), (*told, report))

    yield from go_on(CoreCharge.reserved(), ())


def test_every_order_of_reports_leads_to_the_same_refunds_and_disputes() -> None:
    orders, statuses = 0, set[str]()
    for reached in every_order(MOST):
        orders += 1
        statuses |= {str(one.status) for one in refunds.refunds(reached.charge.facts)}
        charge = reached.charge
        assert first_broken(reached.ledger, length=charge.entries, head_hash=charge.head_hash) is None
    assert orders == sum(math.perm(len(REPORTS), size) for size in range(MOST + 1))
    assert statuses == {"pending", "succeeded", "failed"}


def _oldest_news(told: list[ChargeFact]) -> Any:
    return DISPUTE([min(told, key=lambda fact: fact.at)])


DISPUTE = disputes._dispute


def _first_success_counts(refund_id_: str, told: dict[str, ChargeFact]) -> Any:
    given = ChargeKind.REFUND_SUCCEEDED in told
    return REFUND_OF(refund_id_, {k: v for k, v in told.items() if not (given and "failed" in k)})


REFUND_OF = refunds._refund

MISTAKES: Mapping[str, tuple[Any, str, Callable[..., Any]]] = {
    "the oldest news of a dispute counts": (disputes, "_dispute", _oldest_news),
    "a success beats a failure": (refunds, "_refund", _first_success_counts),
    "a lost dispute takes nothing": (refunds, "lost", lambda _: 0),
    "every report makes another refund": (
        refunds,
        "our_refund_id",
        lambda known, charge_id, refund: refund_id_of_stripe(charge_id, refund.stripe_refund_id),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MISTAKES[mistake])
    with pytest.raises(OrderMatters):
        for _ in every_order(3):
            pass
