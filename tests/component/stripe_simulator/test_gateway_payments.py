"""Our gateway's payments over HTTP: each thing that can become of them arrives as what it is."""

from dataclasses import replace
from typing import Any

import pytest
import stripe

from local.stripe_simulator import FaultPlan, PaymentPlan
from mandates.core.charging.error_classes import ErrorClass, error_class
from mandates.core.charging.reports import Intent
from mandates.core.errors import StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.gateway.error_mapping import AnswerReplayed, ResourceMissing
from mandates.gateway.payment_intents import (
    IntentNotCancelable,
    PaymentRefused,
    confirm_params,
    create_params,
)
from tests.component.stripe_simulator.support import Shop

DAY = 24 * 60 * 60
CREATE_ENDPOINT = "POST /v1/payment_intents"
CONFIRM_ENDPOINT = "POST /v1/payment_intents/:id/confirm"


@pytest.fixture
def gateway(shop: Shop) -> Gateway:
    return Gateway("sk_test_placeholder", api_base=shop.simulator.url, sleep=lambda _: None)


@pytest.fixture
def method(shop: Shop) -> stripe.PaymentMethod:
    return shop.saved()


def params_for(method: stripe.PaymentMethod, **changes: Any) -> Any:
    usual: dict[str, Any] = {
        "charge_id": "chg_1",
        "mandate_id": "mdt_1",
        "owner_mark": "stack",
        "stripe_customer_id": str(method.customer),
        "amount": 4200,
        "currency": "usd",
        "reference": "r" * 200,
        "description": "d" * 500,
        "statement_descriptor": "BEAN & LEAF",
    }
    return create_params(**(usual | changes))


def created(gateway: Gateway, method: stripe.PaymentMethod, **changes: Any) -> str:
    made = gateway.payment_intents.create(params_for(method, **changes), idempotency_key="create/1")
    return made.payment_intent_id


def confirm(gateway: Gateway, intent: str, method: stripe.PaymentMethod, number: int = 1) -> Intent:
    given = confirm_params(payment_method_id=method.id)
    return gateway.payment_intents.confirm(intent, given, idempotency_key=f"attempt/{number}")


def script(shop: Shop, **payment: Any) -> None:
    shop.simulator.core.set_payments(PaymentPlan.parse({"payments": [payment]}))


def fault(shop: Shop, **fault: Any) -> None:
    shop.simulator.core.set_faults(FaultPlan.parse({"api": [fault]}))


def charges(shop: Shop) -> list[str]:
    return [charge["status"] for charge in shop.simulator.core.all("charge")]


def test_stripe_takes_our_parameters_as_they_are(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    intent = created(gateway, method)
    known = shop.simulator.core.find("payment_intent", intent)
    given = params_for(method)
    assert {name: known[name] for name in given} == given
    assert gateway.payment_intents.retrieve(intent).status == "requires_payment_method"
    done = confirm(gateway, intent, method)
    assert (done.payment_intent_id, done.status, done.amount, done.currency) == (
        intent,
        "succeeded",
        4200,
        "usd",
    )
    assert replace(done, charged_at=None) == gateway.payment_intents.retrieve(intent)
    assert shop.simulator.core.find("charge", str(done.latest_charge))["status"] == "succeeded"


def test_a_mandate_is_named_where_it_is_asked_for(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    (mandate,) = shop.simulator.core.all("mandate")
    given = confirm_params(payment_method_id=method.id, stripe_mandate_id=mandate["id"])
    intent = created(gateway, method)
    done = gateway.payment_intents.confirm(intent, given, idempotency_key="attempt/1")
    assert done.status == "succeeded"
    assert shop.simulator.core.requests()[-1].params["mandate"] == mandate["id"]


@pytest.mark.parametrize(
    ("outcome", "class_"),
    [
        ({"outcome": "declined"}, ErrorClass.SOFT),
        ({"outcome": "declined", "charge": False}, ErrorClass.SOFT),
        ({"outcome": "declined", "code": "payment_method_provider_timeout"}, ErrorClass.SOFT),
        ({"outcome": "declined", "code": "card_declined", "advice_code": "try_again_later"}, ErrorClass.SOFT),
        ({"outcome": "declined", "code": "payment_method_customer_decline"}, ErrorClass.CUSTOMER),
        ({"outcome": "declined", "code": "never_heard_of"}, ErrorClass.CUSTOMER),
        ({"outcome": "declined", "advice_code": "do_not_try_again"}, ErrorClass.CUSTOMER),
        ({"outcome": "requires_action"}, ErrorClass.CUSTOMER),
        ({"outcome": "refused", "code": "payment_method_currency_mismatch"}, ErrorClass.FINAL),
        ({"outcome": "refused", "code": "payment_intent_mandate_invalid"}, ErrorClass.MANDATE),
        ({"outcome": "refused", "code": "payment_method_unexpected_state"}, ErrorClass.STATE),
        ({"outcome": "refused", "code": "payment_method_unactivated"}, ErrorClass.OURS_TO_MEND),
        ({"outcome": "refused", "code": "never_heard_of"}, ErrorClass.OURS_TO_MEND),
        ({"outcome": "refused", "code": "resource_missing", "status": 404}, ErrorClass.OURS_TO_MEND),
    ],
)
def test_each_class_of_refusal_arrives(
    shop: Shop,
    gateway: Gateway,
    method: stripe.PaymentMethod,
    outcome: dict[str, Any],
    class_: ErrorClass,
) -> None:
    script(shop, **outcome)
    intent = created(gateway, method)
    with pytest.raises(PaymentRefused) as refused:
        confirm(gateway, intent, method)
    assert error_class(**refused.value.error.said) is class_
    assert refused.value.intent == gateway.payment_intents.retrieve(intent)
    assert refused.value.intent
    error = refused.value.intent.last_error
    assert (error and error.code) == (refused.value.error.code if outcome["outcome"] != "refused" else None)


def test_a_create_is_refused_with_stripes_words(gateway: Gateway, method: stripe.PaymentMethod) -> None:
    with pytest.raises(PaymentRefused) as refused:
        created(gateway, method, amount=49)
    assert error_class(**refused.value.error.said) is ErrorClass.FINAL


def test_a_detached_payment_method_is_refused_and_its_state_can_be_read(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    assert gateway.payment_methods.retrieve(method.id).customer == method.customer
    intent = created(gateway, method)
    shop.simulator.core.detach(method.id)
    with pytest.raises(PaymentRefused) as refused:
        confirm(gateway, intent, method)
    assert error_class(**refused.value.error.said) is ErrorClass.STATE
    assert gateway.payment_methods.retrieve(method.id).customer is None
    with pytest.raises(ResourceMissing):
        gateway.payment_methods.retrieve("pm_none")


def test_an_ended_mandate_is_refused_and_its_status_can_be_read(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    (mandate,) = shop.simulator.core.all("mandate")
    intent = created(gateway, method)
    assert gateway.mandates.retrieve(mandate["id"]) == "active"
    shop.simulator.core.revoke_at_amazon(method.id)
    with pytest.raises(PaymentRefused) as refused:
        confirm(gateway, intent, method)
    assert error_class(**refused.value.error.said) is ErrorClass.MANDATE
    assert gateway.mandates.retrieve(mandate["id"]) == "inactive"
    with pytest.raises(ResourceMissing):
        gateway.mandates.retrieve("mandate_none")


@pytest.mark.parametrize(
    "what_happens",
    [
        {"effect": "timeout_before_effect"},
        {"effect": "timeout_after_effect"},
        {"effect": "server_error", "status": 503, "applied": True},
    ],
)
@pytest.mark.parametrize("endpoint", [CREATE_ENDPOINT, CONFIRM_ENDPOINT])
def test_an_answer_that_is_lost_once_is_asked_for_again_under_its_key(
    shop: Shop,
    gateway: Gateway,
    method: stripe.PaymentMethod,
    what_happens: dict[str, Any],
    endpoint: str,
) -> None:
    fault(shop, endpoint=endpoint, times=1, **what_happens)
    assert confirm(gateway, created(gateway, method), method).status == "succeeded"
    assert len(shop.simulator.core.all("payment_intent")) == 1
    assert charges(shop) == ["succeeded"]


@pytest.mark.parametrize(
    ("what_happens", "taken"),
    [
        ({"effect": "timeout_before_effect"}, []),
        ({"effect": "timeout_after_effect"}, ["succeeded"]),
        ({"effect": "lock_timeout"}, []),
        ({"effect": "rate_limit"}, []),
        ({"effect": "server_error", "status": 503}, []),
    ],
)
def test_what_stays_without_an_answer_is_no_outcome_and_goes_on_under_its_key(
    shop: Shop,
    gateway: Gateway,
    method: stripe.PaymentMethod,
    what_happens: dict[str, Any],
    taken: list[str],
) -> None:
    intent = created(gateway, method)
    fault(shop, endpoint=CONFIRM_ENDPOINT, **what_happens)
    with pytest.raises(StripeUnavailable) as unavailable:
        confirm(gateway, intent, method)
    assert not isinstance(unavailable.value, AnswerReplayed)
    assert charges(shop) == taken
    shop.simulator.core.set_faults(FaultPlan())
    assert confirm(gateway, intent, method).status == "succeeded"
    assert charges(shop) == ["succeeded"]


@pytest.mark.parametrize(
    ("outcome", "status"), [("succeeded", "succeeded"), ("nothing", "requires_payment_method")]
)
def test_a_500_that_is_replayed_says_nothing_about_the_money(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod, outcome: str, status: str
) -> None:
    script(shop, outcome=outcome, answer="server_error", times=1)
    intent = created(gateway, method)
    with pytest.raises(StripeUnavailable) as first:
        confirm(gateway, intent, method)
    assert not isinstance(first.value, AnswerReplayed)
    with pytest.raises(AnswerReplayed):
        confirm(gateway, intent, method)
    assert gateway.payment_intents.retrieve(intent).status == status
    if status == "succeeded":
        with pytest.raises(PaymentRefused) as refused:
            confirm(gateway, intent, method, 2)
        assert error_class(**refused.value.error.said) is ErrorClass.STATE
        assert refused.value.intent
        assert refused.value.intent.status == "succeeded"
    else:
        assert confirm(gateway, intent, method, 2).status == "succeeded"
    assert charges(shop) == ["succeeded"]


def test_a_key_that_stripe_forgot_takes_no_money_twice(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    intent = created(gateway, method)
    fault(shop, effect="timeout_after_effect", endpoint=CONFIRM_ENDPOINT)
    with pytest.raises(StripeUnavailable):
        confirm(gateway, intent, method)
    shop.simulator.core.set_faults(FaultPlan())
    shop.simulator.core.advance(DAY + 1)
    with pytest.raises(PaymentRefused) as refused:
        confirm(gateway, intent, method)
    assert error_class(**refused.value.error.said) is ErrorClass.STATE
    assert charges(shop) == ["succeeded"]


def test_other_parameters_under_a_key_are_ours_to_mend(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    intent = created(gateway, method)
    confirm(gateway, intent, method)
    with pytest.raises(PaymentRefused) as refused:
        confirm(gateway, intent, shop.saved(customer=str(method.customer)))
    assert error_class(**refused.value.error.said) is ErrorClass.OURS_TO_MEND


def test_an_intent_is_cancelled_unless_it_took_the_money_or_may_yet(
    shop: Shop, gateway: Gateway, method: stripe.PaymentMethod
) -> None:
    intents = gateway.payment_intents
    new = created(gateway, method)
    assert intents.cancel(new, reason="abandoned").status == "canceled"
    assert intents.cancel(new, reason="abandoned").status == "canceled"
    shop.simulator.core.advance(DAY + 1)
    script(shop, outcome="processing", then="succeeded", seconds=60)
    processing = created(gateway, method)
    confirm(gateway, processing, method)
    with pytest.raises(IntentNotCancelable) as refused:
        intents.cancel(processing, reason="abandoned")
    assert refused.value.intent.status == "processing"
    shop.simulator.core.advance(60)
    with pytest.raises(IntentNotCancelable) as refused:
        intents.cancel(processing, reason="abandoned")
    assert refused.value.intent.status == "succeeded"
    with pytest.raises(ResourceMissing):
        intents.cancel("pi_none", reason="abandoned")
