"""Our gateway's refunds on the simulator: each answer arrives as what it is."""

from typing import Any

import pytest

from local.stripe_simulator import DirectClient, FaultPlan
from local.stripe_simulator.resources.refunds import Fail
from mandates.core.charging.refunds import StripeRefund
from mandates.core.errors import StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import AnswerReplayed, ResourceMissing
from mandates.gateway.payment_intents import PaymentRefused
from mandates.gateway.refunds import refund_params
from tests.component.stripe_simulator.test_refunds import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def gateway(bank: Bank) -> Gateway:
    client = DirectClient(bank.simulator)
    return Gateway("sk_test_placeholder", http_client=client, sleep=lambda _: None)


def params(intent: str, amount: int = 4000, reason: str | None = "duplicate") -> Any:
    return refund_params(
        payment_intent_id=intent,
        amount=amount,
        reason=reason,
        owner_mark="stack",
        mandate_id="mdt_1",
        charge_id="chg_1",
        refund_id="rfn_1",
    )


def test_stripe_takes_our_parameters_as_they_are(bank: Bank, gateway: Gateway) -> None:
    intent = bank.paid()
    made = gateway.refunds.create(params(intent), idempotency_key="refund/1")
    assert made == StripeRefund(
        stripe_refund_id=made.stripe_refund_id,
        payment_intent_id=intent,
        status="pending",
        amount=4000,
        currency="usd",
        created=1_800_000_000,
        refund_id="rfn_1",
        reason="duplicate",
    )
    known = bank.simulator.find("refund", made.stripe_refund_id)
    assert {name: known[name] for name in params(intent)} == params(intent)
    assert gateway.refunds.create(params(intent), idempotency_key="refund/1") == made
    bank.simulator.act(made.stripe_refund_id, Fail(reason="declined"))
    failed = gateway.refunds.retrieve(made.stripe_refund_id)
    assert (failed.status, failed.failure_reason) == ("failed", "declined")


def test_all_refunds_of_an_intent_are_listed_newest_first(bank: Bank, gateway: Gateway) -> None:
    intent = bank.paid(50_000)
    assert gateway.refunds.of_intent(intent) == []
    ours = gateway.refunds.create(params(intent, reason=None), idempotency_key="refund/1")
    theirs = [bank.refund(intent, 10).id for _ in range(110)]  # more than a page
    listed = gateway.refunds.of_intent(intent)
    assert [one.stripe_refund_id for one in listed] == [*reversed(theirs), ours.stripe_refund_id]
    assert [one.refund_id for one in listed[-2:]] == ["", "rfn_1"]


@pytest.mark.parametrize("code", ["charge_already_refunded", "charge_disputed", "never_heard_of", None])
def test_a_refusal_is_an_outcome(bank: Bank, gateway: Gateway, code: str | None) -> None:
    bank.script(outcome="refused", code=code)
    with pytest.raises(PaymentRefused) as refused:
        gateway.refunds.create(params(bank.paid()), idempotency_key="refund/1")
    assert (refused.value.error.status, refused.value.error.code) == ("400", code or "")


def test_an_answer_that_never_comes_leaves_it_open(bank: Bank, gateway: Gateway) -> None:
    intent = bank.paid()
    bank.script(outcome="succeeded", answer="lost")  # a repeat is answered from the key
    made = gateway.refunds.create(params(intent), idempotency_key="refund/1")
    assert [made] == gateway.refunds.of_intent(intent)
    bank.script(outcome="succeeded", answer="server_error")
    with pytest.raises(StripeUnavailable):
        gateway.refunds.create(params(intent), idempotency_key="refund/2")
    with pytest.raises(AnswerReplayed):
        gateway.refunds.create(params(intent), idempotency_key="refund/2")
    assert len(gateway.refunds.of_intent(intent)) == 2
    bank.simulator.set_faults(FaultPlan.parse({"api": [{"effect": "rate_limit"}]}))
    with pytest.raises(StripeUnavailable):
        gateway.refunds.of_intent(intent)


def test_a_refund_of_another_account_is_unknown(gateway: Gateway) -> None:
    with pytest.raises(ResourceMissing):
        gateway.refunds.retrieve("re_of_another_account")
