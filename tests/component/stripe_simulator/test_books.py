"""Fees, payouts and disputes with the real SDK: each movement is booked once, and the books add up."""

from typing import Any

import httpx
import pytest

from local.stripe_simulator import NotPossible, Settings
from local.stripe_simulator.resources.balance import FailPayout
from local.stripe_simulator.resources.disputes import Open
from local.stripe_simulator.resources.refunds import Fail
from mandates.core.stripe_events.projection import project
from tests.component.stripe_simulator.support import error_of
from tests.component.stripe_simulator.test_refunds import DAY, Bank


def booked(bank: Bank, **params: Any) -> list[tuple[str, str, int, int]]:
    """Type, category, amount and fee of each transaction, oldest first."""
    wanted: Any = {"limit": 100, **params}
    listed = bank.sdk.v1.balance_transactions.list(wanted).data
    return [(one.type, one.reporting_category, one.amount, one.fee) for one in reversed(listed)]


def test_the_fee_comes_later() -> None:
    bank = Bank()
    charge = bank.charge(bank.paid())["id"]
    bank.simulator.advance(59)
    assert bank.sdk.v1.charges.retrieve(charge).balance_transaction is None
    assert booked(bank) == []
    bank.simulator.advance(1)
    known = bank.sdk.v1.charges.retrieve(charge, {"expand": ["balance_transaction"]})
    transaction: Any = known.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9680)
    assert (transaction.source, transaction.status) == (charge, "pending")
    assert bank.events()[-1] == "charge.updated"
    assert booked(bank) == [("payment", "charge", 10_000, 320)]


@pytest.mark.parametrize(
    ("kind", "refund", "failure", "ids"),
    [
        ("payment", "payment_refund", "payment_failure_refund", ("py_", "pyr_")),
        ("charge", "refund", "refund_failure", ("ch_", "re_")),
    ],
)
def test_a_refund_is_booked_and_booked_back(
    kind: Any, refund: str, failure: str, ids: tuple[str, str]
) -> None:
    bank = Bank(Settings(amazon_pay_charges_are=kind, fee_seconds=0))
    intent = bank.paid()
    made = bank.refund(intent, 4000)
    bank.simulator.act(made.id, Fail())
    assert booked(bank) == [
        (kind, "charge", 10_000, 320),
        (refund, "refund", -4000, 0),
        (failure, "refund_failure", 4000, 0),
    ]
    assert len(booked(bank, source=made.id)) == 2
    assert bank.charge(intent)["id"].startswith(ids[0])
    assert made.id.startswith(ids[1])


def test_what_is_available_is_paid_out_at_midnight() -> None:
    bank = Bank(Settings(fee_seconds=0))  # the clock starts at 08:00
    bank.paid()
    bank.simulator.advance(2 * DAY)
    bank.paid()
    assert bank.sdk.v1.payouts.list().data == []
    bank.simulator.advance(16 * 60 * 60)
    (payout,) = bank.sdk.v1.payouts.list().data
    assert (payout.amount, payout.status, payout.automatic) == (9680, "in_transit", True)
    assert payout.created % DAY == 0
    # Until it has been reconciled, only its own movement is known.
    assert booked(bank, payout=payout.id) == [("payout", "payout", -9680, 0)]
    bank.simulator.advance(DAY)
    assert booked(bank, payout=payout.id) == [
        ("payment", "charge", 10_000, 320),
        ("payout", "payout", -9680, 0),
    ]
    bank.simulator.act(payout.id, FailPayout())
    assert bank.sdk.v1.payouts.retrieve(payout.id).status == "failed"
    bank.simulator.advance(3 * DAY)
    amounts = [one.amount for one in bank.sdk.v1.payouts.list({"created": {"gt": payout.created}}).data]
    assert sum(amounts) == 2 * 9680


def test_what_a_manual_payout_paid_is_not_known() -> None:
    bank = Bank(Settings(automatic_payouts=False))
    bank.paid()
    bank.simulator.advance(9 * DAY)
    payout = bank.simulator.pay_out(9680)
    refused = error_of(lambda: bank.sdk.v1.balance_transactions.list({"payout": payout}))
    assert (refused["status"], refused["param"]) == (400, "payout")
    assert [(one.id, one.automatic) for one in bank.sdk.v1.payouts.list().data] == [(payout, False)]


def test_the_account_may_settle_in_another_currency() -> None:
    bank = Bank(Settings(fee_seconds=0, exchange_rates={"eur": ("usd", 1.1)}))
    bank.paid(currency="eur")
    (transaction,) = bank.sdk.v1.balance_transactions.list().data
    assert (transaction.amount, transaction.fee, transaction.currency) == (11_000, 352, "usd")
    assert transaction.exchange_rate == 1.1


def test_a_dispute_takes_the_money_until_it_is_won() -> None:
    bank = Bank(Settings(fee_seconds=0))
    intent = bank.paid()
    before = len(bank.events())
    opened = bank.simulator.dispute(intent, Open(dispute_type="chargeback", amount=6000))
    dispute = bank.sdk.v1.disputes.retrieve(opened)
    assert (dispute.status, dispute.amount, dispute.payment_intent) == ("needs_response", 6000, intent)
    assert dispute.metadata.to_dict() == {}
    assert dispute.evidence.customer_email_address == "ann@example.com"
    details: Any = dispute.payment_method_details
    assert details.amazon_pay.dispute_type == "chargeback"
    assert dispute.evidence_details.due_by == dispute.created + 10 * DAY
    assert bank.charge(intent)["disputed"] is True
    assert error_of(lambda: bank.refund(intent, 1))["code"] == "charge_disputed"
    bank.simulator.move_dispute(opened, "under_review")
    bank.simulator.move_dispute(opened, "won")
    assert bank.refund(intent).amount == 10_000
    assert booked(bank, source=opened) == [
        ("adjustment", "dispute", -6000, 1500),
        ("adjustment", "dispute_reversal", 6000, 0),
    ]
    assert bank.events()[before:][:5] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]


def test_what_is_kept_of_a_dispute_does_not_name_the_customer() -> None:
    bank = Bank()
    bank.simulator.dispute(bank.paid())
    (event,) = [one for one in bank.simulator.events() if one["type"] == "charge.dispute.created"]
    kept = project(event)
    assert kept["data"]["object"]["evidence_details"]
    assert "ann@example.com" in str(event)
    assert "ann@example.com" not in str(kept)


def test_what_a_lost_dispute_took_cannot_be_refunded() -> None:
    bank = Bank()
    intent = bank.paid()
    bank.simulator.move_dispute(bank.simulator.dispute(intent, Open(amount=6000)), "lost")
    assert error_of(lambda: bank.refund(intent, 4001))["param"] == "amount"
    assert bank.refund(intent).amount == 4000
    assert error_of(lambda: bank.refund(intent))["code"] == "charge_disputed"


def test_an_inquiry_takes_nothing_unless_it_escalates() -> None:
    bank = Bank()
    intent = bank.paid()
    pending = bank.refund(intent, 1000)
    inquiry = bank.simulator.dispute(intent, Open(status="warning_needs_response", fail_refunds=True))
    assert booked(bank, source=inquiry) == []
    failed = bank.sdk.v1.refunds.retrieve(pending.id)
    assert (failed.status, failed.failure_reason) == ("failed", "charge_for_pending_refund_disputed")
    bank.simulator.advance(60)
    assert bank.refund(intent, 1).status == "pending"
    bank.simulator.move_dispute(inquiry, "needs_response")
    assert booked(bank, source=inquiry) == [("adjustment", "dispute", -10_000, 0)]
    with pytest.raises(NotPossible):
        bank.simulator.move_dispute(inquiry, "warning_closed")
    listed = bank.sdk.v1.disputes.list({"payment_intent": intent}).data
    assert [one.id for one in listed] == [inquiry]


def test_objects_can_be_other_than_they_were(shop: Any, control: httpx.Client) -> None:
    method = shop.saved()
    params = {"amount": 4200, "currency": "usd", "customer": method.customer, "metadata": {"a": "b"}}
    confirmed = {"payment_method": method.id, "confirm": True}
    intents = shop.client.v1.payment_intents
    first = intents.create(params | confirmed)
    second = control.post(f"/payment_intents/{first.id}/double").json()["payment_intent"]
    assert (second["status"], second["metadata"]) == ("succeeded", {"a": "b"})
    assert {one.id for one in intents.list().data} == {first.id, second["id"]}
    changed = control.post(f"/objects/{second['id']}/change", json={"changes": {"amount": 1}})
    assert changed.json()["amount"] == intents.retrieve(second["id"]).amount == 1
    assert control.post(f"/objects/{first.id}/change", json={"changes": {"colour": 1}}).status_code == 409
    assert control.post(f"/objects/{first.id}/erase").status_code == 200
    assert error_of(lambda: intents.retrieve(first.id))["code"] == "resource_missing"
    charge = shop.client.v1.charges.retrieve(first.latest_charge, {"expand": ["payment_intent"]})
    assert charge.payment_intent == first.id
    dispute = control.post(f"/payment_intents/{second['id']}/dispute").json()["dispute"]["id"]
    moved = control.post(f"/disputes/{dispute}/move", json={"status": "lost"})
    assert moved.json()["dispute"]["status"] == "lost"
    assert control.post("/payouts", json={"amount": 1}).json()["payout"].startswith("po_")
