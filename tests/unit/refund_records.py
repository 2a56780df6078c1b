"""Refunds and disputes of the charge `CHARGE` of tests/unit/charge_records.py, as facts."""

from typing import Any

from mandates.core.charging.facts import ChargeFact, ChargeKind, charge_fact
from mandates.core.charging.ids import charge_id, refund_id
from tests.unit import charge_records as made

CHARGE = charge_id(made.MANDATE_ID, "key-0")
FIRST, SECOND = refund_id(CHARGE, "one"), refund_id(CHARGE, "two")
ELSEWHERE = refund_id(CHARGE.replace("chg_" + "a" * 24, "chg_" + "b" * 24), "one")


def requested(about: str, after: int, amount: int = 500, **said: str) -> ChargeFact:
    detail: dict[str, Any] = {"currency": "usd", "actor": "the-back-end", "request": "0" * 64, **said}
    kind = ChargeKind.REFUND_REQUESTED
    return charge_fact(kind, after, "api:create_refund", about=about, amount=str(amount), **detail)


def at_stripe(kind: ChargeKind, about: str, after: int, refund: str = "re_1", **said: Any) -> ChargeFact:
    return charge_fact(kind, after, "evt_refund", about=about, refund=refund, **said)


def created(about: str, after: int, refund: str = "re_1", **said: str) -> ChargeFact:
    detail: dict[str, Any] = {"amount": "500", "currency": "usd", **said}
    return at_stripe(ChargeKind.REFUND_CREATED, about, after, refund, **detail)


def given_back(about: str, after: int) -> ChargeFact:
    return at_stripe(ChargeKind.REFUND_SUCCEEDED, about, after)


def failed(about: str, after: int) -> ChargeFact:
    return charge_fact(ChargeKind.REFUND_FAILED, after, "evt_refund", about=about, reason="declined")


def disputed(kind: ChargeKind, after: int, status: str, charge: str = "ch_1", **said: Any) -> ChargeFact:
    detail: dict[str, Any] = {
        "amount": "1299",
        "currency": "usd",
        "reason": "fraudulent",
        "type": "claim",
        **said,
    }
    named: dict[str, Any] = {"about": "du_1", "dispute": "du_1", "charge": charge}
    return charge_fact(kind, after, "evt_dispute", **named, status=status, **detail)


OPENED = disputed(ChargeKind.DISPUTE_OPENED, 20, "needs_response")
WON = disputed(ChargeKind.DISPUTE_CLOSED, 30, "won")
LOST = disputed(ChargeKind.DISPUTE_CLOSED, 30, "lost")


def refunded() -> made.Books:
    """A refund that was given back, one that failed, one from the Dashboard, and a dispute that was won."""
    mine = made.Books()
    mine.charge(
        *made.PAID,
        requested(FIRST, 10, reason="requested_by_customer"),
        created(FIRST, 11),
        given_back(FIRST, 12),
        requested(SECOND, 13),
        failed(SECOND, 14),
        created(refund_id(CHARGE, "x"), 15, "re_2", amount="99"),
        OPENED,
        WON,
        key="key-0",
    )
    return mine
