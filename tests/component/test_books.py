"""Movements, differences and turns of the switch, as they are kept beside the charges."""

from dataclasses import replace

import pytest

from mandates.core.charging.differences import Difference, DifferenceKind
from mandates.core.charging.movements import Movement, Total, totals
from mandates.core.clock import Instant
from mandates.store.charging_switch import Turn, pause, resume, turns
from mandates.store.differences import differences_of, keep_difference, open_differences, resolve
from mandates.store.movements import keep_movements, movements_of
from mandates.store.raw_charges import charges_as_stored, raw_charges
from tests.unit.charging import MANDATE_ID, NOW

pytestmark = pytest.mark.usefixtures("world")

CHARGE = f"chg_{MANDATE_ID[4:]}_{'b' * 16}"
OTHER = f"chg_{MANDATE_ID[4:]}_{'c' * 16}"
TAKEN = Movement(CHARGE, "txn_1", "payment", "py_1", 1_000, 0, 1_000, "usd", NOW, NOW + 172_800)
GIVEN_BACK = Movement(CHARGE, "txn_2", "payment_refund", "re_1", -400, 0, -400, "usd", NOW + 60, NOW + 60)
AMOUNT = Difference(CHARGE, DifferenceKind.AMOUNT, "Stripe took 999 usd, and here it is 1000 usd", "pi_1")


def test_a_movement_is_written_once_and_filled_in() -> None:
    keep_movements([GIVEN_BACK, TAKEN])
    keep_movements([replace(TAKEN, payout="po_1")])
    with_fee = replace(TAKEN, fee=59, net=941)
    keep_movements([with_fee])  # by another list, which does not tell the payout
    keep_movements([replace(TAKEN, charge_id=OTHER)])
    assert movements_of(CHARGE) == [replace(with_fee, payout="po_1"), GIVEN_BACK]
    assert totals(movements_of(CHARGE)) == {"usd": Total(600, 59, 541)}


def test_amounts_of_two_currencies_are_not_added() -> None:
    assert totals([TAKEN, replace(TAKEN, currency="eur")]).keys() == {"usd", "eur"}


def test_a_movement_belongs_to_what_is_stored_of_a_mandate() -> None:
    keep_movements([TAKEN])
    items = raw_charges(MANDATE_ID)
    assert charges_as_stored(items).odd == []
    (item,) = items
    assert len(charges_as_stored([{**item, "charge_id": {"S": OTHER}}]).odd) == 1


def test_a_difference_is_there_once_until_it_is_resolved() -> None:
    first, later = Instant(NOW), Instant(NOW + 3_600)
    assert keep_difference(AMOUNT, first)
    changed = replace(AMOUNT, details="Stripe took 998 usd, and here it is 1000 usd")
    assert not keep_difference(changed, later)
    keep_difference(replace(AMOUNT, charge_id=OTHER), first)
    (named, other) = open_differences()
    assert (named.difference, named.first_seen, named.last_seen) == (changed, first.text, later.text)
    assert other.difference.charge_id == OTHER
    assert resolve(AMOUNT, later)
    assert not resolve(AMOUNT, later)
    assert [one.difference.charge_id for one in open_differences()] == [OTHER]
    (past,) = differences_of(CHARGE)
    assert (past.difference, past.resolved_at) == (changed, later.text)
    again = Instant(NOW + 7_200)
    assert keep_difference(AMOUNT, again)
    assert [one.resolved_at for one in differences_of(CHARGE)] == ["", later.text]


def test_every_turn_of_the_switch_is_kept() -> None:
    assert pause("ann", "wrong price", Instant(NOW))
    assert not pause("bob", "too", Instant(NOW + 1))  # it was paused already: no turn
    assert resume("bob", "mended", Instant(NOW + 2))
    assert turns(10) == [
        Turn(paused=False, by="bob", why="mended", at=Instant(NOW + 2).text),
        Turn(paused=True, by="ann", why="wrong price", at=Instant(NOW).text),
    ]
    assert len(turns(1)) == 1
