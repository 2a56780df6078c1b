"""Refunds with the real SDK: asynchronous, never more than was taken, and back again if they fail."""

from functools import partial
from typing import Any, cast

import httpx
import pytest
import stripe

from local.stripe_simulator import DirectClient, FaultPlan, RefundPlan, Settings, Simulator
from tests.component.stripe_simulator.support import error_of

DAY = 24 * 60 * 60


class Bank:
    """A simulator under a clock that only ``advance`` moves, with a payment method to charge."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.simulator = Simulator(settings, clock=lambda: 1_800_000_000.0)
        self.sdk = stripe.StripeClient("sk_test_placeholder", http_client=DirectClient(self.simulator))
        self.customer = self.sdk.v1.customers.create({"email": "ann@example.com"}).id
        session = self.sdk.v1.checkout.sessions.create(
            {
                "mode": "setup",
                "allowed_payment_method_types": ["amazon_pay"],
                "customer": self.customer,
                "success_url": "https://shop.example/",
            }
        )
        self.simulator.authorize(session.id)
        self.method = self.simulator.all("payment_method")[0]["id"]

    def paid(self, amount: int = 10_000, **params: Any) -> str:
        """An intent that has taken this much."""
        given: Any = {
            "amount": amount,
            "currency": "usd",
            "customer": self.customer,
            "payment_method": self.method,
            "confirm": True,
            "off_session": True,
            "metadata": {"charge_id": "chg_1"},
            **params,
        }
        return self.sdk.v1.payment_intents.create(given).id

    def refund(self, intent: str, amount: int | None = None, key: str = "", **params: Any) -> stripe.Refund:
        given: Any = {"payment_intent": intent, **({"amount": amount} if amount else {}), **params}
        return self.sdk.v1.refunds.create(given, {"idempotency_key": key} if key else {})

    def charge(self, intent: str) -> dict[str, Any]:
        latest = self.simulator.find("payment_intent", intent)["latest_charge"]
        return self.simulator.find("charge", latest)

    def status(self, refund: stripe.Refund) -> str | None:
        return self.sdk.v1.refunds.retrieve(refund.id).status

    def script(self, **refund: Any) -> None:
        self.simulator.set_refunds(RefundPlan.parse({"refunds": [refund]}))

    def events(self) -> list[str]:
        return [event["type"] for event in self.simulator.events()]


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_a_refund_is_pending_and_then_succeeds(bank: Bank) -> None:
    intent = bank.paid()
    bank.simulator.advance(DAY)
    before = len(bank.events())
    refund = bank.refund(intent, 4000, reason="requested_by_customer", metadata={"refund_id": "rfn_1"})
    assert (refund.status, refund.amount, refund.currency) == ("pending", 4000, "usd")
    assert (refund.payment_intent, refund.reason) == (intent, "requested_by_customer")
    assert bank.simulator.find("refund", refund.id)["metadata"] == {"refund_id": "rfn_1"}
    charge = bank.charge(intent)
    assert (charge["amount_refunded"], charge["refunded"]) == (4000, False)
    bank.simulator.advance(59)
    assert bank.status(refund) == "pending"
    bank.simulator.advance(1)
    assert bank.status(refund) == "succeeded"
    assert bank.events()[before:] == ["refund.created", "charge.refunded", "refund.updated"]


def test_without_an_amount_all_that_is_left_is_refunded(bank: Bank) -> None:
    intent = bank.paid()
    bank.refund(intent, 4000)
    assert bank.refund(intent).amount == 6000
    assert bank.charge(intent)["refunded"] is True
    again = error_of(lambda: bank.refund(intent, 1))
    assert (again["status"], again["code"]) == (400, "charge_already_refunded")


@pytest.mark.parametrize("code", ["amount_too_large", None])
def test_never_more_than_is_left(code: str | None) -> None:
    bank = Bank(Settings(over_refund_code=code))
    intent = bank.paid()
    bank.refund(intent, 6000)
    refused = error_of(lambda: bank.refund(intent, 6000))
    assert (refused["status"], refused.get("code"), refused["param"]) == (400, code, "amount")
    assert bank.charge(intent)["amount_refunded"] == 6000


@pytest.mark.parametrize("late", [False, True])
def test_a_failed_refund_gives_its_amount_back(bank: Bank, late: bool) -> None:
    intent = bank.paid()
    script = {"outcome": "failed", "seconds": 60, "reason": "declined"}
    bank.script(**script, **({"after_success": DAY} if late else {}))
    refund = bank.refund(intent)
    bank.simulator.advance(60)
    assert bank.status(refund) == ("succeeded" if late else "failed")
    bank.simulator.advance(DAY if late else 0)
    failed = bank.sdk.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "declined")
    charge = bank.charge(intent)
    assert (charge["amount_refunded"], charge["refunded"]) == (0, False)
    assert {"refund.failed", "refund.updated"} <= set(bank.events())
    assert bank.refund(intent).amount == 10_000


def test_refunds_that_cannot_be(bank: Bank) -> None:
    unpaid = bank.sdk.v1.payment_intents.create({"amount": 4200, "currency": "usd"}).id
    intent = bank.paid()
    charge = bank.charge(intent)["id"]
    for params, code in [
        ({"payment_intent": unpaid}, None),
        ({"payment_intent": "pi_nobody_knows"}, "resource_missing"),
        ({"payment_intent": intent, "charge": charge}, None),
        ({"payment_intent": intent, "amount": 0}, "parameter_invalid_integer"),
        ({"payment_intent": intent, "refund_application_fee": True}, "not_simulated"),
        ({"payment_intent": intent, "colour": "red"}, "parameter_unknown"),
        ({}, "parameter_missing"),
    ]:
        refused = error_of(partial(bank.sdk.v1.refunds.create, cast("Any", params)))
        assert (refused["status"], refused.get("code")) == (400, code), params
    assert bank.simulator.all("refund") == []
    assert bank.sdk.v1.refunds.create({"charge": charge}).amount == 10_000


def test_after_90_days_it_is_too_late(bank: Bank) -> None:
    intent = bank.paid()
    bank.simulator.advance(90 * DAY)
    bank.refund(intent, 1)
    bank.simulator.advance(1)
    refused = error_of(lambda: bank.refund(intent, 1))
    assert (refused["status"], refused["code"]) == (400, "charge_not_refundable")


def test_a_key_makes_one_refund(bank: Bank) -> None:
    intent = bank.paid()
    bank.script(outcome="succeeded", answer="lost", times=1)
    with pytest.raises(stripe.APIConnectionError):
        bank.refund(intent, 6000, "refund/1")
    (made,) = bank.simulator.all("refund")
    assert bank.refund(intent, 6000, "refund/1").id == made["id"]
    other = error_of(lambda: bank.refund(intent, 5000, "refund/1"))
    assert (other["status"], other["type"]) == (400, "idempotency_error")
    assert bank.charge(intent)["amount_refunded"] == 6000


def test_what_a_plan_can_do_to_a_refund(bank: Bank) -> None:
    intent = bank.paid()
    bank.script(outcome="refused", code="charge_disputed", times=1)
    refused = error_of(lambda: bank.refund(intent))
    assert (refused["status"], refused["code"]) == (400, "charge_disputed")
    bank.script(outcome="nothing", answer="server_error", times=1)
    for _ in range(2):  # the 500 is replayed, and nothing was done
        assert error_of(lambda: bank.refund(intent, key="refund/1"))["status"] == 500
    assert bank.simulator.all("refund") == []
    bank.script(outcome="succeeded", seconds=0, amount=4000)
    assert bank.refund(intent, 4000).status == "succeeded"
    assert bank.refund(intent, 1000).status == "pending"


def test_magic_amounts_are_for_people_who_try_it_by_hand() -> None:
    bank = Bank(Settings(magic_amounts=True))
    intent = bank.paid(50_000)
    made = [bank.refund(intent, amount) for amount in (2000, 2001, 2002, 2003, 2005)]
    assert made[-1].status == "succeeded"
    assert error_of(lambda: bank.refund(intent, 2004))["code"] == "charge_not_refundable"
    bank.simulator.advance(60)
    assert [bank.status(one) for one in made[:4]] == ["succeeded", "failed", "succeeded", "pending"]
    bank.simulator.advance(60)
    assert bank.status(made[2]) == "failed"


def test_refunds_are_listed_newest_first_and_may_lag(bank: Bank) -> None:
    intent, other = bank.paid(), bank.paid()
    bank.refund(other)
    first = bank.refund(intent, 1000)
    bank.simulator.advance(5)
    second = bank.refund(intent, 2000)

    def listed(**params: Any) -> list[str]:
        return [refund.id for refund in bank.sdk.v1.refunds.list(params).data]  # type: ignore[arg-type]

    assert listed(payment_intent=intent) == [second.id, first.id]
    assert listed(payment_intent=intent, limit=1, starting_after=second.id) == [first.id]
    assert listed(charge=bank.charge(intent)["id"], created={"gte": second.created}) == [second.id]
    bank.simulator.set_faults(FaultPlan.parse({"list_lag": 5}))
    assert listed(payment_intent=intent) == [first.id]
    assert {one.id for one in bank.sdk.v1.payment_intents.list().data} == {intent, other}
    bank.paid()
    assert len(bank.sdk.v1.payment_intents.list().data) == 2
    assert bank.status(second) == "pending"


def test_the_dashboard_and_amazon_decide_over_http(shop: Any, control: httpx.Client) -> None:
    method = shop.saved()
    intent = shop.client.v1.payment_intents.create(
        {
            "amount": 4200,
            "currency": "usd",
            "customer": method.customer,
            "payment_method": method.id,
            "confirm": True,
        }
    ).id
    plan = {"refunds": [{"outcome": "pending"}]}
    assert control.post("/refunds", json=plan).status_code == 200
    assert control.get("/refunds").json()["refunds"][0]["outcome"] == "pending"
    answer = control.post(f"/payment_intents/{intent}/refund", json={"amount": 1000, "then": None})
    refund = answer.json()["refund"]
    assert (refund["amount"], refund["status"], refund["metadata"]) == (1000, "pending", {})
    assert control.post(f"/refunds/{refund['id']}/cancel").json()["refund"]["status"] == "canceled"
    assert control.post(f"/refunds/{refund['id']}/succeed").status_code == 409
    assert control.post(f"/payment_intents/{intent}/refund", json={"amount": 4201}).status_code == 400
