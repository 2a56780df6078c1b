"""Our gateway's lists on the simulator: page by page, newest first, as plain data."""

from typing import Any

import pytest

from local.stripe_simulator import DirectClient, Settings
from local.stripe_simulator.resources.disputes import Open
from mandates.core.charging.books import Page, Source
from mandates.core.funding import Funding
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import RequestRejected, ResourceMissing
from tests.component.stripe_simulator.test_refunds import DAY, Bank

FROM, BEFORE = 1_800_000_000, 1_800_000_000 + 30 * DAY


@pytest.fixture
def bank() -> Bank:
    return Bank(Settings(fee_seconds=0))


@pytest.fixture
def gateway(bank: Bank) -> Gateway:
    return Gateway("sk_test_placeholder", http_client=DirectClient(bank.simulator), sleep=lambda _: None)


def test_a_movement_comes_with_what_caused_it(bank: Bank, gateway: Gateway) -> None:
    intent = bank.paid()
    charge = bank.charge(intent)
    refund = bank.refund(intent, 4000, metadata={"refund_id": "rfn_1"})
    dispute = bank.simulator.dispute(intent, Open(amount=500))
    page = gateway.balance.page(FROM, BEFORE)
    assert not page.has_more
    disputed, refunded, charged = page.items
    assert (charged.amount, charged.fee, charged.net, charged.currency) == (10_000, 320, 9680, "usd")
    assert (charged.created, charged.available_on, charged.exchange_rate) == (FROM, FROM + 2 * DAY, None)
    assert charged.source == Source(
        kind="charge",
        source_id=charge["id"],
        status="succeeded",
        amount=10_000,
        currency="usd",
        payment_intent_id=intent,
        stripe_charge=charge["id"],
        amount_refunded=4000,
        metadata={"charge_id": "chg_1"},
    )
    assert refunded.source
    assert refunded.source.refund == gateway.refunds.of_intent(intent)[0]
    assert (refunded.source.kind, refunded.source.metadata) == ("refund", {"refund_id": "rfn_1"})
    assert (refunded.source.source_id, refunded.source.stripe_charge) == (refund.id, charge["id"])
    assert disputed.source
    assert [disputed.source.dispute] == gateway.disputes.of_intent(intent)
    assert (disputed.source.source_id, disputed.source.payment_intent_id) == (dispute, intent)
    assert [one.type for one in gateway.balance.of_source(refund.id)] == ["payment_refund"]


def test_a_movement_of_a_kind_that_nobody_knows_is_read(bank: Bank, gateway: Gateway) -> None:
    bank.paid()
    transaction = bank.simulator.all("balance_transaction")[0]["id"]
    for changes in (
        {"type": "moon_landing", "reporting_category": "moon", "source": None},
        {"source": bank.customer},
        {"source": "topup_of_which_nothing_is_known", "exchange_rate": 0.00001},
    ):
        bank.simulator.change(transaction, **changes)
        (read,) = gateway.balance.page(FROM, BEFORE).items
        assert (read.type, read.amount) == ("moon_landing", 10_000)
    assert read.source == Source("", "topup_of_which_nothing_is_known")
    assert read.exchange_rate == "0.00001"


def test_what_a_payout_paid(bank: Bank, gateway: Gateway) -> None:
    bank.paid()
    bank.simulator.advance(3 * DAY)
    (payout,) = gateway.payouts.page(FROM, BEFORE).items
    assert (payout.amount, payout.currency, payout.status) == (9680, "usd", "in_transit")
    assert (payout.automatic, payout.reconciled) == (True, False)
    bank.simulator.advance(DAY)
    (payout,) = gateway.payouts.page(FROM, BEFORE).items
    assert (payout.status, payout.reconciled) == ("paid", True)
    paid = gateway.balance.of_payout(payout.payout_id)
    assert [one.type for one in paid.items] == ["payout", "payment"]
    own = paid.items[0].source
    assert own == Source("payout", payout.payout_id, "paid", 9680, "usd")
    assert gateway.payouts.page(FROM, payout.created) == Page([], has_more=False)
    with pytest.raises(RequestRejected):
        gateway.balance.of_payout(bank.simulator.pay_out(1))


def test_intents_are_listed_with_their_charges(bank: Bank, gateway: Gateway) -> None:
    unpaid = bank.sdk.v1.payment_intents.create({"amount": 4200, "currency": "usd"}).id
    paid = bank.paid()
    bank.refund(paid)
    bank.simulator.dispute(paid, Open(status="warning_needs_response"))
    newer, older = gateway.payment_intents.page(FROM, BEFORE).items
    assert (older.payment_intent_id, older.charge, older.amount_received) == (unpaid, None, 0)
    assert (newer.payment_intent_id, newer.status, newer.customer) == (paid, "succeeded", bank.customer)
    assert (newer.amount, newer.amount_received, newer.currency) == (10_000, 10_000, "usd")
    assert (newer.created, newer.metadata) == (FROM, {"charge_id": "chg_1"})
    charge = newer.charge
    assert charge
    assert (charge.amount_refunded, charge.refunded, charge.disputed) == (10_000, True, True)
    assert charge.card == Funding("Visa", "4242")
    assert gateway.payment_intents.look(paid) == newer
    with pytest.raises(ResourceMissing):
        gateway.payment_intents.look("pi_of_another_account")


def test_each_list_goes_on_after_its_last_item(bank: Bank, gateway: Gateway) -> None:
    ids = [bank.sdk.v1.payment_intents.create({"amount": 4200, "currency": "usd"}).id for _ in range(101)]
    page = gateway.payment_intents.page(FROM, BEFORE)
    assert (len(page.items), page.has_more) == (100, True)
    last = gateway.payment_intents.page(FROM, BEFORE, page.items[-1].payment_intent_id)
    assert ([one.payment_intent_id for one in last.items], last.has_more) == (ids[:1], False)
    for read, key in ((gateway.balance.page, "txn_1"), (gateway.payouts.page, "po_1")):
        any_read: Any = read
        with pytest.raises(RequestRejected):  # it was sent: Stripe does not know the item
            any_read(FROM, BEFORE, key)
