"""`python -m local trigger …` against a simulator: what it happens to, what it says, and what it refuses."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.settings import Settings
from local.stripe_simulator import RunningSimulator
from local.stripe_simulator.resources import ACTIONS
from local.trigger.actions import TRIGGERS
from local.trigger.command import Control, NotTriggered, main, parser, run
from tests.component.stripe_simulator.support import Receiver, Shop

NOT_BY_HAND = {
    "/sessions/{id}/abandon",  # changes nothing
    "/payment_methods/{id}/end_another_mandate",
    "/payment_intents/{id}/double",
    "/refunds/{id}/cancel",
    "/payouts/{id}/fail",
    "/objects/{id}/change",
    "/objects/{id}/erase",
}
"""What only tests need."""

Trigger = Callable[..., list[str]]


@pytest.fixture
def control_api(simulator: RunningSimulator) -> Iterator[Control]:
    control = Control(simulator.control_url)
    yield control
    control.close()


@pytest.fixture
def trigger(control_api: Control) -> Trigger:
    def triggered(*arguments: str) -> list[str]:
        return list(run(control_api, parser().parse_args(arguments)))

    return triggered


def paid(shop: Shop, amount: int = 1299, **params: Any) -> Any:
    method = shop.saved()
    given: Any = {
        "amount": amount,
        "currency": "usd",
        "customer": method.customer,
        "payment_method": method.id,
        "allowed_payment_method_types": ["amazon_pay"],
        "off_session": True,
        "confirm": True,
        **params,
    }
    return shop.client.v1.payment_intents.create(given)


def test_every_action_can_be_triggered_but_for_a_few() -> None:
    triggered = {f"/{trigger.path}" for trigger in TRIGGERS.values() if "{id}" in trigger.path}
    assert {path for path in ACTIONS if path not in triggered} == NOT_BY_HAND
    assert triggered <= ACTIONS.keys()


def test_the_newest_that_fits_is_meant(shop: Shop, trigger: Trigger) -> None:
    first, second, third = shop.session(), shop.session(), shop.session()
    shop.simulator.core.authorize(third.id)
    said = trigger("authorize")
    assert second.id in said[0]
    assert said[1] == f"  {second.id} is complete."
    assert shop.intent(second.id).status == "succeeded"
    assert shop.intent(first.id).status == "requires_payment_method"


def test_the_events_are_named_with_their_answers(shop: Shop, trigger: Trigger, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver, "setup_intent.succeeded")
    shop.session()
    lines = [line.split() for line in trigger("authorize") if "→" in line]
    sent = {kind: " ".join(answer) for _, kind, _, *answer in lines}
    assert sent["setup_intent.succeeded"] == "200"
    assert sent["checkout.session.completed"] == "nobody asked for it"
    shop.client.v1.webhook_endpoints.delete(endpoint.id)


def test_an_event_that_gets_no_answer_is_not_waited_for_for_ever(
    shop: Shop, control_api: Control, receiver: Receiver
) -> None:
    shop.endpoint(receiver)
    shop.session()
    waits: list[float] = []
    held = list(run(control_api, parser().parse_args(["webhooks", "held"]), waits.append))
    assert held[0] == "  Webhooks are held from now on."
    said = list(run(control_api, parser().parse_args(["expire"]), waits.append))
    assert [line for line in said if "checkout.session.expired" in line and line.endswith("not sent yet")]
    assert 9.0 < sum(waits) < 11.0


@pytest.mark.parametrize("by", ["session", "intent", "customer", "method", "mandate"])
def test_an_id_may_be_that_of_anything_it_belongs_to(shop: Shop, trigger: Trigger, by: str) -> None:
    metadata = {"mandate_id": "mdt_1"}
    session = shop.session(metadata=metadata, setup_intent_data={"metadata": metadata})
    shop.simulator.core.authorize(session.id)
    method = shop.intent(session.id).payment_method
    shop.saved()
    named = {
        "session": session.id,
        "intent": session.setup_intent,
        "customer": session.customer,
        "method": method,
        "mandate": "mdt_1",
    }[by]
    said = trigger("detach", str(named))
    assert str(method) in said[0]


def test_payments_turn_out_as_told_until_told_otherwise(shop: Shop, trigger: Trigger) -> None:
    assert trigger("charge-outcome", "processing")[0].endswith("from now on: processing.")
    waiting = paid(shop)
    assert waiting.status == "processing"
    assert trigger("fail", "--code", "insufficient_funds")[1] == f"  {waiting.id} is requires_payment_method."
    trigger("charge-outcome", "usual")
    assert paid(shop).status == "succeeded"


def test_a_payment_is_refunded_and_disputed(shop: Shop, trigger: Trigger) -> None:
    intent = paid(shop)
    assert trigger("refund", "--amount", "300", "--then", "failed")[1].endswith(" is pending.")
    assert trigger("fail-refund", intent.id)[1].endswith(" is failed.")
    assert trigger("dispute", "--inquiry")[1].endswith(" is warning_needs_response.")
    assert trigger("move-dispute", "needs_response")[1].endswith(" is needs_response.")
    assert trigger("move-dispute", "won")[1].endswith(" is won.")


def test_a_refund_arrives(shop: Shop, trigger: Trigger) -> None:
    paid(shop)
    trigger("refund-outcome", "pending")
    trigger("refund", "--reason", "duplicate")
    assert trigger("finish-refund")[1].endswith(" is succeeded.")


def test_an_event_is_sent_again(shop: Shop, trigger: Trigger, receiver: Receiver) -> None:
    shop.endpoint(receiver)
    shop.customer()
    said = trigger("resend")
    (line,) = said[1:]
    assert "customer.created" in line
    assert line.endswith("  200; 200")


def test_an_event_that_nobody_asked_for_is_not_sent_again(
    shop: Shop, trigger: Trigger, receiver: Receiver
) -> None:
    shop.endpoint(receiver, "customer.deleted")
    created = shop.customer()
    shop.client.v1.customers.delete(created.id)
    shop.customer()
    assert "customer.deleted" in trigger("resend")[-1]
    event = next(one for one in shop.simulator.core.events() if one["type"] == "customer.created")
    assert trigger("resend", event["id"])[-1] == "  No endpoint asked for this type of event."


def test_the_clock_moves_on(shop: Shop, trigger: Trigger) -> None:
    session = shop.session()
    said = trigger("advance", "2d")
    assert "UTC at Stripe now" in said[0]
    assert [line for line in said if "checkout.session.expired" in line]
    assert shop.client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_the_rest_of_them(shop: Shop, trigger: Trigger) -> None:
    session, method = shop.session(), shop.saved()
    assert trigger("decline", session.id, "--code", "setup_attempt_failed")[1] == f"  {session.id} is open."
    assert "mandate.updated" in trigger("revoke-at-amazon", method.id)[-1]
    assert "customer.deleted" in trigger("delete-customer", str(method.customer))[-1]
    trigger("charge-outcome", "requires_action")
    waiting = paid(shop, error_on_requires_action=False)
    assert trigger("succeed", waiting.id)[1] == f"  {waiting.id} is succeeded."
    trigger("charge-outcome", "requires_action", "--amount", "500", "--times", "1")
    assert trigger("cancel", paid(shop, 500, error_on_requires_action=False).id)[1].endswith(" is canceled.")
    assert paid(shop, 500).status == "succeeded"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["authorize"], "There are no open Checkout Sessions."),
        (["authorize", "cs_test_unknown"], "The simulator knows nothing with the id cs_test_unknown."),
        (["dispute", "{customer}"], "leads to none of the payments that took money."),
        (["charge-outcome", "refused"], "refused needs --code"),
    ],
)
def test_what_is_impossible_is_said_in_a_sentence(
    shop: Shop, trigger: Trigger, arguments: list[str], message: str
) -> None:
    customer = shop.customer().id
    with pytest.raises(NotTriggered) as refused:
        trigger(*(argument.replace("{customer}", customer) for argument in arguments))
    assert message in str(refused.value)


def test_a_state_that_forbids_it_is_said_in_stripes_words(shop: Shop, trigger: Trigger) -> None:
    session = shop.session()
    trigger("authorize", session.id)
    with pytest.raises(NotTriggered, match="only an open one can be continued"):
        trigger("authorize", session.id)


@pytest.mark.parametrize(
    "wrong", [["advance", "soon"], ["refund", "--amount", "12.99"], ["decline", "--code", "No"], ["explode"]]
)
def test_a_wrong_option_is_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(wrong)
    assert ended.value.code == 2
    assert wrong[-1] in capsys.readouterr().err


@pytest.mark.parametrize("name", TRIGGERS)
def test_each_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([name, "--help"])
    assert ended.value.code == 0
    assert TRIGGERS[name].help in " ".join(capsys.readouterr().out.split())


def test_the_real_stripe_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.apart(tmp_path)
    monkeypatch.setattr("local.stack.read", lambda _: {"stripe_control_url": None})
    with pytest.raises(NotTriggered, match="uses the real Stripe"):
        main(settings, ["authorize"])
    monkeypatch.setattr("local.stack.read", lambda _: None)
    with pytest.raises(NotTriggered, match="make up"):
        main(settings, ["authorize"])


def test_the_objects_are_listed_newest_first(shop: Shop, control: httpx.Client) -> None:
    first, second = shop.customer(), shop.customer()
    listed = control.get("/objects/customer").json()["objects"]
    assert [one["id"] for one in listed] == [second.id, first.id]
    assert control.get("/objects/nonsense").json() == {"objects": []}
