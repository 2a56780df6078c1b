"""Payments off session: the contract, and every scripted outcome, under the real SDK."""

import re
import shlex
from typing import Any

import httpx
import pytest
import stripe

from local.settings import ROOT
from local.stripe_simulator import FaultPlan, NotPossible, PaymentPlan, Settings, running_simulator
from local.stripe_simulator.payments import MAGIC_AMOUNTS
from local.stripe_simulator.resources.payment_intents import Cancel, Succeed
from tests.component.stripe_simulator.support import Shop, client_of, error_of

DAY = 24 * 60 * 60


@pytest.fixture
def method(shop: Shop) -> stripe.PaymentMethod:
    return shop.saved()


def created(shop: Shop, method: stripe.PaymentMethod, **params: Any) -> stripe.PaymentIntent:
    usual = {
        "amount": 4200,
        "currency": "usd",
        "customer": str(method.customer),
        "allowed_payment_method_types": ["amazon_pay"],
    }
    given: Any = {key: value for key, value in (usual | params).items() if value is not None}
    return shop.client.v1.payment_intents.create(given)


def confirm(
    shop: Shop, intent: str, method: stripe.PaymentMethod | None, key: str | None = None, **params: Any
) -> stripe.PaymentIntent:
    usual: Any = {"off_session": True, "error_on_requires_action": True, **params}
    options: stripe.RequestOptions = {"idempotency_key": key} if key else {}
    given = usual | ({"payment_method": method.id} if method else {})
    return shop.client.v1.payment_intents.confirm(intent, given, options)


def script(shop: Shop, *payments: dict[str, Any]) -> None:
    shop.simulator.core.set_payments(PaymentPlan.parse({"payments": payments}))


def status_of(shop: Shop, intent: str) -> str:
    return shop.client.v1.payment_intents.retrieve(intent).status


def code_of(error: dict[str, Any]) -> tuple[int, str | None]:
    return error["status"], error.get("code")


# ------------------------------------------------------------------------------------- one payment


def test_an_intent_is_created_and_then_takes_the_money(shop: Shop, method: stripe.PaymentMethod) -> None:
    before = len(shop.event_types())
    metadata = {"charge_id": "chg_1"}
    intent = created(shop, method, metadata=metadata, description="Coffee", statement_descriptor="BEAN")
    assert (intent.status, intent.payment_method, intent.latest_charge) == (
        "requires_payment_method",
        None,
        None,
    )
    done = confirm(shop, intent.id, method, expand=["latest_charge"])
    assert (done.status, done.amount_received, done.payment_method) == ("succeeded", 4200, method.id)
    assert done.metadata.to_dict() == metadata
    charge = done.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, True)
    assert charge.balance_transaction is None
    assert charge.metadata.to_dict() == metadata
    details = charge.payment_method_details
    assert details
    assert details.amazon_pay
    assert details.amazon_pay.funding
    assert details.amazon_pay.funding.card
    assert details.amazon_pay.funding.card.last4 == "4242"
    assert shop.client.v1.charges.retrieve(charge.id).payment_intent == intent.id
    assert shop.event_types()[before:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


def test_an_event_names_the_key_of_the_request_that_caused_it(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    intent = created(shop, method)
    confirm(shop, intent.id, method, key="attempt/1")
    script(shop, {"outcome": "processing", "then": "succeeded", "seconds": 60})
    confirm(shop, created(shop, method).id, method, key="attempt/2")
    shop.simulator.core.advance(60)
    keys = {
        (event["data"]["object"]["id"] == intent.id, event["type"]): event["request"]["idempotency_key"]
        for event in shop.simulator.core.events()
        if event["data"]["object"]["object"] == "payment_intent"
    }
    assert keys[True, "payment_intent.succeeded"] == "attempt/1"
    assert keys[False, "payment_intent.processing"] == "attempt/2"
    assert keys[False, "payment_intent.succeeded"] is None


def test_an_intent_can_be_created_and_confirmed_in_one(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method, confirm=True, off_session=True, payment_method=method.id)
    assert intent.status == "succeeded"
    script(shop, {"outcome": "declined"})
    error = error_of(lambda: created(shop, method, confirm=True, off_session=True, payment_method=method.id))
    assert status_of(shop, error["payment_intent"]["id"]) == "requires_payment_method"


def test_intents_and_charges_are_listed_newest_first(shop: Shop, method: stripe.PaymentMethod) -> None:
    first, second = created(shop, method), created(shop, method)
    done = confirm(shop, first.id, method)
    intents = shop.client.v1.payment_intents.list({"customer": str(method.customer)}).data
    assert [intent.id for intent in intents] == [second.id, first.id]
    charges = shop.client.v1.charges.list({"payment_intent": first.id}).data
    assert [charge.id for charge in charges] == [done.latest_charge]
    assert shop.client.v1.charges.list({"payment_intent": second.id}).data == []


# --------------------------------------------------------------------------------- the parameters


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 299, "currency": "sek"}, "amount_too_small", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.0"}, "parameter_invalid_integer", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "xyz"}, None, "currency"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        (
            {"payment_method_types": ["amazon_pay"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        (
            {"allowed_payment_method_types": ["klarna"]},
            "payment_method_unactivated",
            "allowed_payment_method_types",
        ),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"off_session": True}, None, "off_session"),
        ({"error_on_requires_action": True}, None, "error_on_requires_action"),
        ({"mandate": "mandate_1"}, None, "mandate"),
        ({"statement_descriptor": "x" * 23}, None, "statement_descriptor"),
        ({"statement_descriptor": "A*B"}, None, "statement_descriptor"),
        ({"statement_descriptor": "2026"}, None, "statement_descriptor"),
        ({"metadata": {"reference": "x" * 501}}, None, "metadata[reference]"),
        ({"capture_method": "manual"}, "not_simulated", "capture_method"),
        ({"payment_method": "pm_1"}, "not_simulated", "payment_method"),
    ],
)
def test_a_wrong_parameter_is_refused_and_leaves_nothing(
    shop: Shop, method: stripe.PaymentMethod, params: dict[str, Any], code: str | None, param: str
) -> None:
    error = error_of(lambda: created(shop, method, **params))
    assert (error["status"], error.get("code"), error["param"]) == (400, code, param)
    assert shop.client.v1.payment_intents.list().data == []


@pytest.mark.parametrize(("amount", "currency"), [(50, "usd"), (50, "jpy"), (30, "gbp"), (99_999_999, "jpy")])
def test_the_bounds_of_amounts_are_within(
    shop: Shop, method: stripe.PaymentMethod, amount: int, currency: str
) -> None:
    assert created(shop, method, amount=amount, currency=currency).amount == amount


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"payment_method_types": ["amazon_pay"]}, "payment_method_types_no_longer_supported"),
        ({"metadata": {"a": "b"}}, "parameter_unknown"),
        ({"amount": 1}, "parameter_unknown"),
        ({"return_url": "https://shop.example/"}, "not_simulated"),
        ({"off_session": "sometimes"}, None),
    ],
)
def test_a_wrong_parameter_of_an_attempt_is_refused(
    shop: Shop, method: stripe.PaymentMethod, params: dict[str, Any], code: str | None
) -> None:
    intent = created(shop, method).id
    assert code_of(error_of(lambda: confirm(shop, intent, method, **params))) == (400, code)
    assert status_of(shop, intent) == "requires_payment_method"


# ------------------------------------------------------------------- what has to hold before an attempt


def test_an_attempt_needs_a_payment_method_each_time(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method).id
    error = error_of(lambda: confirm(shop, intent, None))
    assert code_of(error) == (400, "payment_intent_unexpected_state")
    assert "missing a payment method" in error["message"]
    script(shop, {"outcome": "declined", "times": 1})
    error_of(lambda: confirm(shop, intent, method))
    assert "missing a payment method" in error_of(lambda: confirm(shop, intent, None))["message"]


def test_a_payment_method_has_to_be_the_customers(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method).id
    error = error_of(lambda: confirm(shop, intent, shop.saved()))
    assert (*code_of(error), error["param"]) == (400, "resource_missing", "payment_method")
    assert "does not have a payment method" in error["message"]
    unknown = error_of(lambda: confirm(shop, intent, None, payment_method="pm_none"))
    assert (*code_of(unknown), unknown["param"]) == (400, "resource_missing", "payment_method")


def test_a_payment_method_that_is_detached_in_between_is_refused(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    intent = created(shop, method).id
    script(shop, {"outcome": "declined", "times": 1})
    error_of(lambda: confirm(shop, intent, method))
    shop.client.v1.payment_methods.detach(method.id)
    error = error_of(lambda: confirm(shop, intent, method))
    assert (*code_of(error), error["param"]) == (400, "payment_method_unexpected_state", "payment_method")
    assert shop.client.v1.payment_intents.cancel(intent).status == "canceled"


def test_a_payment_that_is_processing_outlives_its_payment_method(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    script(shop, {"outcome": "processing", "then": "succeeded", "seconds": 60})
    intent = confirm(shop, created(shop, method).id, method)
    shop.client.v1.payment_methods.detach(method.id)
    shop.simulator.core.advance(60)
    assert status_of(shop, intent.id) == "succeeded"


def test_a_payment_method_of_another_type_is_refused(shop: Shop) -> None:
    card = shop.saved(allowed_payment_method_types=["card"])
    error = error_of(lambda: confirm(shop, created(shop, card).id, card))
    assert code_of(error) == (400, "payment_intent_incompatible_payment_method")


def mandate_of(shop: Shop, method: stripe.PaymentMethod) -> str:
    (intent,) = shop.client.v1.setup_intents.list({"payment_method": method.id}).data
    return str(intent.mandate)


def test_a_mandate_can_be_named(shop: Shop, method: stripe.PaymentMethod) -> None:
    done = confirm(shop, created(shop, method).id, method, mandate=mandate_of(shop, method))
    assert done.status == "succeeded"
    intent = created(shop, method).id
    unknown = error_of(lambda: confirm(shop, intent, method, mandate="mandate_none"))
    assert (*code_of(unknown), unknown["param"]) == (400, "resource_missing", "mandate")
    others = mandate_of(shop, shop.saved())
    wrong = error_of(lambda: confirm(shop, intent, method, mandate=others))
    assert code_of(wrong) == (400, "payment_intent_mandate_invalid")


def test_a_permission_that_ended_at_amazon_is_no_longer_charged(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    intent = created(shop, method).id
    shop.simulator.core.revoke_at_amazon(method.id)
    for named in ({}, {"mandate": mandate_of(shop, method)}):
        error = error_of(lambda named=named: confirm(shop, intent, method, **named))  # type: ignore[misc]
        assert code_of(error) == (400, "payment_intent_mandate_invalid")
    assert status_of(shop, intent) == "requires_payment_method"


def test_an_ended_mandate_beside_an_active_one_changes_nothing(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    shop.simulator.core.end_another_mandate(method.id)
    assert confirm(shop, created(shop, method).id, method).status == "succeeded"


def test_a_payment_method_without_a_mandate_is_charged(shop: Shop) -> None:
    session = shop.session()
    shop.simulator.core.authorize(session.id, mandate=False)
    method = shop.intent(session.id, "payment_method").payment_method
    assert isinstance(method, stripe.PaymentMethod)
    assert confirm(shop, created(shop, method).id, method).status == "succeeded"


@pytest.mark.parametrize("outcome", ["succeeded", "processing", "canceled"])
def test_an_attempt_is_refused_once_there_can_be_no_other(
    shop: Shop, method: stripe.PaymentMethod, outcome: str
) -> None:
    intent = created(shop, method).id
    if outcome == "canceled":
        shop.client.v1.payment_intents.cancel(intent)
    else:
        script(shop, {"outcome": outcome})
        confirm(shop, intent, method)
    error = error_of(lambda: confirm(shop, intent, method))
    assert code_of(error) == (400, "payment_intent_unexpected_state")
    assert error["payment_intent"]["status"] == outcome


# ------------------------------------------------------------------------------ scripted outcomes


@pytest.mark.parametrize("charged", [True, False])
def test_a_decline_has_its_words_and_may_make_no_charge(
    shop: Shop, method: stripe.PaymentMethod, charged: bool
) -> None:
    script(shop, {"outcome": "declined", "decline_code": "do_not_honor", "charge": charged, "times": 1})
    intent, before = created(shop, method).id, len(shop.event_types())
    error = error_of(lambda: confirm(shop, intent, method))
    assert (*code_of(error), error["type"]) == (402, "payment_method_provider_decline", "card_error")
    assert error["decline_code"] == "do_not_honor"
    assert "advice_code" not in error
    after = error["payment_intent"]
    assert (after["status"], after["payment_method"]) == ("requires_payment_method", None)
    assert (after["latest_charge"] is not None) is charged
    assert after["latest_charge"] == error.get("charge")
    known = shop.client.v1.payment_intents.retrieve(intent).to_dict()
    assert known == after
    assert known["last_payment_error"]["payment_method"]["id"] == method.id
    events = ["charge.failed"] if charged else []
    assert shop.event_types()[before:] == [*events, "payment_intent.payment_failed"]
    assert confirm(shop, intent, method).last_payment_error is None


def test_a_failure_without_a_charge_leaves_the_charge_of_the_failure_before(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    script(shop, {"outcome": "declined", "times": 1}, {"outcome": "declined", "charge": False})
    intent = created(shop, method).id
    first = error_of(lambda: confirm(shop, intent, method))["charge"]
    second = error_of(lambda: confirm(shop, intent, method))
    assert second["payment_intent"]["latest_charge"] == first
    assert "charge" not in second


@pytest.mark.parametrize("advice", ["try_again_later", "do_not_try_again"])
def test_a_decline_may_come_with_advice(shop: Shop, method: stripe.PaymentMethod, advice: str) -> None:
    script(shop, {"outcome": "declined", "code": "card_declined", "advice_code": advice})
    error = error_of(lambda: confirm(shop, created(shop, method).id, method))
    assert error["advice_code"] == error["payment_intent"]["last_payment_error"]["advice_code"] == advice


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("payment_method_currency_mismatch", 400),
        ("payment_intent_mandate_invalid", 400),
        ("payment_method_unexpected_state", 400),
        ("payment_method_unactivated", 400),
        ("resource_missing", 404),
    ],
)
def test_a_refusal_leaves_the_intent_as_it_was(
    shop: Shop, method: stripe.PaymentMethod, code: str, status: int
) -> None:
    script(shop, {"outcome": "refused", "code": code, "status": status})
    intent, before = created(shop, method), len(shop.event_types())
    error = error_of(lambda: confirm(shop, intent.id, method))
    assert (*code_of(error), error["type"]) == (status, code, "invalid_request_error")
    assert error["payment_intent"] == intent.to_dict()
    assert len(shop.event_types()) == before


def test_an_action_that_is_required_fails_the_attempt_or_parks_the_intent(
    shop: Shop, method: stripe.PaymentMethod
) -> None:
    script(shop, {"outcome": "requires_action"})
    failing, parking = created(shop, method).id, created(shop, method).id
    error = error_of(lambda: confirm(shop, failing, method))
    assert code_of(error) == (402, "payment_intent_action_required")
    assert status_of(shop, failing) == "requires_payment_method"
    assert shop.event_types()[-1] == "payment_intent.payment_failed"

    parked = confirm(shop, parking, method, error_on_requires_action=False)
    assert parked.status == "requires_action"
    assert parked.next_action
    assert parked.next_action.type == "redirect_to_url"
    assert shop.event_types()[-1] == "payment_intent.requires_action"


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_processing_ends_in_its_time(shop: Shop, method: stripe.PaymentMethod, outcome: str) -> None:
    script(shop, {"outcome": "processing", "then": outcome, "seconds": 3600, "code": "insufficient_funds"})
    intent = confirm(shop, created(shop, method).id, method)
    assert intent.status == "processing"
    shop.simulator.core.advance(3599)
    assert status_of(shop, intent.id) == "processing"
    shop.simulator.core.advance(1)
    done = shop.client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert isinstance(done.latest_charge, stripe.Charge)
    assert (done.latest_charge.id, done.latest_charge.status) == (intent.latest_charge, outcome)
    if outcome == "failed":
        assert done.last_payment_error
        assert (done.status, done.last_payment_error.code) == (
            "requires_payment_method",
            "insufficient_funds",
        )


@pytest.mark.parametrize("parked", ["processing", "requires_action"])
@pytest.mark.parametrize("action", ["succeed", "fail"])
def test_an_open_attempt_is_ended_by_remote_control(
    shop: Shop, method: stripe.PaymentMethod, control: httpx.Client, parked: str, action: str
) -> None:
    then = {"succeed": "succeeded", "fail": "requires_payment_method"}[action]
    script(shop, {"outcome": parked})
    intent = confirm(shop, created(shop, method).id, method, error_on_requires_action=False).id
    shop.simulator.core.advance(10 * DAY)
    assert status_of(shop, intent) == parked
    answer = control.post(f"/payment_intents/{intent}/{action}")
    assert answer.json()["payment_intent"]["status"] == then
    assert control.post(f"/payment_intents/{intent}/{action}").status_code == 409


def test_an_attempt_that_was_ended_by_hand_does_not_end_again(
    shop: Shop, method: stripe.PaymentMethod, control: httpx.Client
) -> None:
    script(shop, {"outcome": "processing", "then": "succeeded"})
    intent = confirm(shop, created(shop, method).id, method).id
    control.post(f"/payment_intents/{intent}/fail")
    shop.simulator.core.advance(DAY)
    assert status_of(shop, intent) == "requires_payment_method"


# ----------------------------------------------------------------------------- answers that get lost


@pytest.mark.parametrize(
    ("scripted", "status", "again"),
    [
        ({"outcome": "succeeded", "answer": "lost"}, "succeeded", "succeeded"),
        ({"outcome": "declined", "answer": "lost"}, "requires_payment_method", 402),
        ({"outcome": "nothing"}, "requires_payment_method", "succeeded"),
        ({"outcome": "succeeded", "answer": "server_error"}, "succeeded", 500),
        ({"outcome": "declined", "answer": "server_error"}, "requires_payment_method", 500),
        ({"outcome": "processing", "answer": "server_error"}, "processing", 500),
        ({"outcome": "nothing", "answer": "server_error"}, "requires_payment_method", 500),
    ],
)
def test_an_answer_can_be_lost_or_broken(
    shop: Shop, method: stripe.PaymentMethod, scripted: dict[str, Any], status: str, again: str | int
) -> None:
    script(shop, {**scripted, "times": 1})
    intent = created(shop, method).id
    with pytest.raises((stripe.APIConnectionError, stripe.APIError)):
        confirm(shop, intent, method, key="attempt/1")
    assert status_of(shop, intent) == status
    if isinstance(again, int):
        assert error_of(lambda: confirm(shop, intent, method, key="attempt/1"))["status"] == again
        assert shop.simulator.core.requests()[-1].replayed
    else:
        assert confirm(shop, intent, method, key="attempt/1").status == again
        assert shop.simulator.core.requests()[-1].replayed is (status == "succeeded")
    assert status_of(shop, intent) == (again if status != "succeeded" and again == "succeeded" else status)


@pytest.mark.parametrize(
    ("effect", "there"),
    [({"effect": "timeout_after_effect"}, 1), ({"effect": "timeout_before_effect"}, 0)],
)
def test_a_time_out_hits_one_endpoint_before_or_after_it(
    shop: Shop, method: stripe.PaymentMethod, effect: dict[str, Any], there: int
) -> None:
    intent = created(shop, method).id
    endpoint = "POST /v1/payment_intents/:id/confirm"
    shop.simulator.core.set_faults(FaultPlan.parse({"api": [{**effect, "endpoint": endpoint, "times": 1}]}))
    created(shop, method)
    with pytest.raises(stripe.APIConnectionError):
        confirm(shop, intent, method, key="attempt/1")
    assert len(shop.client.v1.charges.list().data) == there
    assert confirm(shop, intent, method, key="attempt/1").status == "succeeded"
    assert len(shop.client.v1.charges.list().data) == 1


def test_keys_are_forgotten_after_a_day(shop: Shop, method: stripe.PaymentMethod) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "create"}

    def create() -> str:
        return shop.client.v1.payment_intents.create({"amount": 4200, "currency": "usd"}, key).id

    first = create()
    shop.simulator.core.advance(DAY - 60)
    assert create() == first
    shop.simulator.core.advance(120)
    assert create() != first


def test_one_intent_takes_the_money_once_whatever_the_keys(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method).id
    confirm(shop, intent, method, key="attempt/1")
    shop.simulator.core.advance(2 * DAY)
    for key in ("attempt/1", "attempt/2"):
        error = error_of(lambda key=key: confirm(shop, intent, method, key=key))  # type: ignore[misc]
        assert code_of(error) == (400, "payment_intent_unexpected_state")
    assert len(shop.client.v1.charges.list().data) == 1


# -------------------------------------------------------------------------------------- cancelling


def test_an_intent_is_cancelled(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method).id
    canceled = shop.client.v1.payment_intents.cancel(intent, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert canceled.canceled_at
    assert shop.event_types()[-1] == "payment_intent.canceled"


@pytest.mark.parametrize("outcome", ["succeeded", "processing"])
def test_what_took_the_money_or_is_about_to_is_not_cancelled(
    shop: Shop, method: stripe.PaymentMethod, outcome: str
) -> None:
    script(shop, {"outcome": outcome})
    intent = confirm(shop, created(shop, method).id, method).id
    error = error_of(lambda: shop.client.v1.payment_intents.cancel(intent))
    assert code_of(error) == (400, "payment_intent_unexpected_state")
    assert error["payment_intent"]["status"] == outcome


def test_somebody_cancels_in_the_dashboard(
    shop: Shop, method: stripe.PaymentMethod, control: httpx.Client
) -> None:
    first, second, third = (created(shop, method).id for _ in range(3))
    answer = control.post(f"/payment_intents/{first}/cancel", json={"reason": "fraudulent"}).json()
    assert answer["payment_intent"]["cancellation_reason"] == "fraudulent"
    shop.simulator.core.cancel_payment(second)
    shop.simulator.core.act(third, Cancel(reason="duplicate"))
    assert [status_of(shop, one) for one in (first, second, third)] == ["canceled"] * 3
    assert control.post(f"/payment_intents/{first}/cancel").status_code == 400
    event = shop.client.v1.events.list({"type": "payment_intent.canceled"}).data[0]
    assert event.request
    assert event.request.id is None


# --------------------------------------------------------------------------------------- the plan


def test_a_plan_is_sent_by_remote_control(
    shop: Shop, method: stripe.PaymentMethod, control: httpx.Client
) -> None:
    other = shop.saved()
    plan = {
        "payments": [
            {"amount": 100, "outcome": "declined", "times": 1},
            {"payment_method": method.id, "outcome": "processing"},
        ]
    }
    assert control.post("/payments", json=plan).status_code == 200
    in_force = control.get("/payments").json()["payments"]
    assert [entry["outcome"] for entry in in_force] == ["declined", "processing"]
    small = created(shop, other, amount=100).id
    assert error_of(lambda: confirm(shop, small, other))["status"] == 402
    assert confirm(shop, small, other).status == "succeeded"
    assert confirm(shop, created(shop, method).id, method).status == "processing"
    assert control.post("/payments", json={}).status_code == 200
    assert confirm(shop, created(shop, method).id, method).status == "succeeded"


def test_the_documented_calls_do_what_is_said(
    shop: Shop, method: stripe.PaymentMethod, control: httpx.Client
) -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    block = page.partition("### Payments that fail")[2].partition("```sh\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if line.startswith("curl ")]

    def call(line: str, intent: str = "") -> Any:
        _, _, url, *body = shlex.split(line.replace("pm_…", method.id).replace("pi_…", intent), comments=True)
        path = url.removeprefix("$CONTROL")
        answer = control.post(path, content=body[1]) if body else control.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    by_amount, by_method, in_force, succeed, cancel = lines
    call(by_amount)
    intent = created(shop, method).id
    assert error_of(lambda: confirm(shop, intent, method))["status"] == 402
    assert call(by_method) == call(in_force)
    assert confirm(shop, intent, method).status == "processing"
    assert call(succeed, intent)["payment_intent"]["status"] == "succeeded"
    assert call(cancel, created(shop, method).id)["payment_intent"]["status"] == "canceled"


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ({"outcome": "stolen"}, "stolen"),
        ({"amount": 1}, "outcome"),
        ({"outcome": "refused"}, "code"),
        ({"outcome": "nothing", "answer": "given"}, "given"),
        ({"outcome": "declined", "colour": "red"}, "colour"),
        ({"outcome": "processing", "seconds": -1}, "seconds"),
    ],
)
def test_a_wrong_plan_is_refused(control: httpx.Client, entry: dict[str, Any], wrong: str) -> None:
    answer = control.post("/payments", json={"payments": [entry]})
    assert answer.status_code == 400
    assert wrong in answer.json()["error"]["message"]


def test_a_reset_forgets_the_plan(shop: Shop, control: httpx.Client) -> None:
    control.post("/payments", json={"payments": [{"outcome": "declined"}]})
    control.post("/reset")
    assert control.get("/payments").json() == {"payments": []}


def test_no_action_is_possible_without_an_open_attempt(shop: Shop, method: stripe.PaymentMethod) -> None:
    intent = created(shop, method).id
    with pytest.raises(NotPossible):
        shop.simulator.core.act(intent, Succeed())


def test_magic_amounts_are_for_people_who_try_it_by_hand() -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (1\d{3}[\d, ]*) \|", page, flags=re.MULTILINE)
    documented = [int(amount) for row in rows for amount in row.split(", ")]
    assert documented == [entry.amount for entry in MAGIC_AMOUNTS.payments]
    with running_simulator(Settings(magic_amounts=True)) as server:
        shop = Shop(server, client_of(server))
        method = shop.saved()
        assert error_of(lambda: confirm(shop, created(shop, method, amount=1001).id, method))["status"] == 402
        assert confirm(shop, created(shop, method, amount=1011).id, method).status == "processing"
        assert confirm(shop, created(shop, method, amount=1099).id, method).status == "succeeded"
