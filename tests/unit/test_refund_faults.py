"""What contradicts itself among a charge's refunds and disputes is named, and what can be right is not."""

from collections.abc import Sequence

import pytest

from mandates.core.charging.facts import ChargeFact, ChargeKind
from mandates.core.charging.ids import refund_id
from mandates.core.charging.refunds import MOST_REFUNDS, REFUND_SECONDS
from mandates.core.faults import faults
from tests.unit import charge_records as made
from tests.unit.refund_records import (
    CHARGE,
    ELSEWHERE,
    FIRST,
    LOST,
    OPENED,
    SECOND,
    WON,
    created,
    disputed,
    failed,
    given_back,
    requested,
)


def named(*facts: ChargeFact, paid: Sequence[ChargeFact] = made.PAID) -> list[str]:
    mine = made.Books()
    mine.charge(*paid, *facts, key="key-0")
    return [fault.removeprefix(f"{CHARGE}: ") for fault in faults(mine.recorded())]


MANY = [fact for n in range(MOST_REFUNDS) for fact in [requested(refund_id(CHARGE, str(n)), 10 + n, 1)]]


@pytest.mark.parametrize(
    "facts",
    [
        [requested(FIRST, 10), created(FIRST, 11), given_back(FIRST, 12)],
        [requested(FIRST, 10, 1_299), failed(FIRST, 11), requested(SECOND, 12, 1_299)],
        [
            requested(FIRST, 10, 1_299),
            created(SECOND, 11, "re_2"),
        ],  # ours fails at Stripe: it was faster there
        [given_back(FIRST, 10), created(FIRST, 9)],
        [OPENED, WON, requested(FIRST, 40)],
        [OPENED, created(FIRST, 21)],
        MANY,
    ],
    ids=["one", "failed, and again", "Dashboard meanwhile", "told backwards", "won", "by Stripe", "all 30"],
)
def test_what_can_be_right_is_no_fault(facts: Sequence[ChargeFact]) -> None:
    assert named(*facts) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([requested(FIRST, 10, 1_300)], f"refund {FIRST}: it was requested for more than was left"),
        (
            [requested(FIRST, 10, 1_299), requested(SECOND, 11, 1)],
            f"refund {SECOND}: it was requested when nothing was left to refund",
        ),
        (
            [requested(FIRST, 10, 800), requested(SECOND, 11, 500)],
            f"refund {SECOND}: it was requested for more than was left",
        ),
        (
            [OPENED, LOST, requested(FIRST, 40)],
            f"refund {FIRST}: it was requested when nothing was left to refund",
        ),
        ([OPENED, requested(FIRST, 25)], f"refund {FIRST}: it was requested while the charge was disputed"),
        (
            [requested(FIRST, REFUND_SECONDS + 4)],
            f"refund {FIRST}: it was requested more than 90 days after the payment",
        ),
        (
            [*MANY, requested(FIRST, 90, 1)],
            f"refund {FIRST}: it was requested after the 30 refunds that a charge may have",
        ),
        ([requested(FIRST, 10, 0)], f"refund {FIRST}: it was requested without an amount"),
        (
            [requested(FIRST, 10), created(FIRST, 11, amount="600")],
            f"refund {FIRST}: Stripe made it of another amount or currency than was requested",
        ),
        ([created(FIRST, 11, currency="eur")], f"refund {FIRST}: it is in another currency than the charge"),
        (
            [created(FIRST, 11), created(FIRST, 12, "re_2")],
            f"refund {FIRST}: Stripe has more than one under its id",
        ),
        ([created(ELSEWHERE, 11)], f"refund {ELSEWHERE}: it is a refund of another charge"),
        (
            [disputed(ChargeKind.DISPUTE_OPENED, 20, "needs_response", "ch_2")],
            "dispute du_1: it is about another of Stripe's charges",
        ),
    ],
)
def test_what_contradicts_itself_is_named(facts: Sequence[ChargeFact], said: str) -> None:
    assert named(*facts) == [said]


def test_what_took_no_money_can_neither_be_given_back_nor_disputed() -> None:
    over = (made.created(), made.canceled(2), made.ending(2))
    assert named(created(FIRST, 11), OPENED, paid=over) == [
        f"refund {FIRST}: Stripe has it, and the charge took no money",
        "dispute du_1: it was opened, and the charge took no money",
    ]
    assert named(requested(FIRST, 11), paid=over) == [
        f"refund {FIRST}: it was requested before the charge had succeeded"
    ]
    under_way = (made.created(), made.begun(1, 2))
    assert named(created(FIRST, 11), OPENED, paid=under_way) == []  # we may yet hear of the success
