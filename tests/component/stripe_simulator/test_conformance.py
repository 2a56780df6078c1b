"""Every object, compared with the SDK's class, which is generated from Stripe's OpenAPI document."""

from contextlib import suppress
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
import stripe

from local.stripe_simulator import DirectClient, PaymentPlan, Simulator
from local.stripe_simulator.resources.refunds import Fail
from tests.component.stripe_simulator.sdk_types import CLASSES, hints_of, parts_of


@cache
def objects() -> dict[str, dict[str, Any]]:
    """One of each, after a set-up that failed once and then succeeded."""
    simulator = Simulator()
    client = stripe.StripeClient("sk_test_placeholder", http_client=DirectClient(simulator))
    endpoint = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/", "enabled_events": ["*"]})
    customer = client.v1.customers.create({"email": "ann@example.com"})
    session = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "allowed_payment_method_types": ["amazon_pay"],
            "customer": customer.id,
            "success_url": "https://shop.example/",
        }
    )
    simulator.decline(session.id)
    failed = client.v1.setup_intents.retrieve(str(session.setup_intent), {"expand": ["latest_attempt"]})
    simulator.authorize(session.id)
    paths = ["customer", "setup_intent.payment_method", "setup_intent.mandate", "setup_intent.latest_attempt"]
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": paths}).to_dict()
    intent = done["setup_intent"]
    method = intent["payment_method"]["id"]
    return payments(simulator, client, customer.id, method) | {
        "checkout.session": done,
        "customer": done["customer"],
        "event": client.v1.events.list().data[0].to_dict(),
        "mandate": intent["mandate"],
        "payment_method": intent["payment_method"],
        "setup_attempt": intent["latest_attempt"],
        "setup_attempt, failed": failed.to_dict()["latest_attempt"],
        "setup_intent": intent,
        "setup_intent, failed": failed.to_dict(),
        "webhook_endpoint": endpoint.to_dict(),
    }


def payments(
    simulator: Simulator, client: stripe.StripeClient, customer: str, method: str
) -> dict[str, dict[str, Any]]:
    """An intent in each of its states, and its charge where it has one."""
    plan = {
        "payments": [
            {"amount": 100, "outcome": "declined", "decline_code": "do_not_honor", "advice_code": "x"},
            {"amount": 200, "outcome": "requires_action"},
            {"amount": 300, "outcome": "processing"},
        ]
    }
    simulator.set_payments(PaymentPlan.parse(plan))
    found: dict[str, dict[str, Any]] = {}
    for amount, status in (
        (100, "failed"),
        (200, "requires_action"),
        (300, "processing"),
        (400, "succeeded"),
    ):
        made = client.v1.payment_intents.create({"amount": amount, "currency": "usd", "customer": customer})
        found["payment_intent, new"] = made.to_dict()
        with suppress(stripe.CardError):
            client.v1.payment_intents.confirm(made.id, {"payment_method": method, "off_session": True})
        known = client.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]}).to_dict()
        found[f"payment_intent, {status}"] = known
        if known["latest_charge"]:
            found[f"charge, {status}"] = known["latest_charge"]
    found |= refunds(simulator, client, found["payment_intent, succeeded"]["id"])
    canceled = client.v1.payment_intents.cancel(found["payment_intent, failed"]["id"])
    return found | {"payment_intent, canceled": canceled.to_dict()}


def refunds(simulator: Simulator, client: stripe.StripeClient, intent: str) -> dict[str, dict[str, Any]]:
    """Refunds, disputes, and what the books have of them."""
    pending = client.v1.refunds.create({"payment_intent": intent, "amount": 100})
    before = pending.to_dict()
    simulator.act(pending.id, Fail())
    dispute = simulator.dispute(intent)
    simulator.move_dispute(dispute, "won")
    simulator.advance(5 * 24 * 60 * 60)
    (payout,) = client.v1.payouts.list().data
    (fee,) = client.v1.balance_transactions.list({"type": "payment"}).data
    (paid,) = client.v1.balance_transactions.list({"type": "payout"}).data
    return {
        "refund, pending": before,
        "refund, failed": client.v1.refunds.retrieve(pending.id).to_dict(),
        "dispute": client.v1.disputes.retrieve(dispute).to_dict(),
        "payout": payout.to_dict(),
        "balance_transaction": fee.to_dict(),
        "balance_transaction, payout": paid.to_dict(),
    }


@pytest.mark.parametrize("name", list(objects()))
def test_an_object_has_the_members_of_its_class(name: str) -> None:
    thing = objects()[name]
    assert problems(thing, CLASSES[thing["object"]], thing["object"]) == []


def test_every_kind_is_compared() -> None:
    assert {thing["object"] for thing in objects().values()} == CLASSES.keys()


def test_the_comparison_can_fail() -> None:
    thing = dict(objects()["mandate"])
    assert problems(thing | {"colour": "red"}, stripe.Mandate, "mandate") == ["mandate.colour is not known"]
    assert problems(thing | {"status": None}, stripe.Mandate, "mandate") == ["mandate.status is None"]
    assert problems(thing | {"livemode": "no"}, stripe.Mandate, "mandate") == ["mandate.livemode is 'no'"]
    assert problems(thing | {"type": "weekly"}, stripe.Mandate, "mandate") == ["mandate.type is 'weekly'"]
    acceptance = thing["customer_acceptance"] | {"accepted_at": "today"}
    wrong = ["mandate.customer_acceptance.accepted_at is 'today'"]
    assert problems(thing | {"customer_acceptance": acceptance}, stripe.Mandate, "mandate") == wrong
    del thing["id"]
    assert problems(thing, stripe.Mandate, "mandate") == ["mandate.id is missing"]


def problems(thing: dict[str, Any], kind: type[stripe.StripeObject], where: str) -> list[str]:
    """Unknown members, missing ones that can't be null, scalars of a wrong type or value."""
    hints = hints_of(kind)
    found = [f"{where}.{key} is not known" for key in thing if key not in hints]
    for key, hint in hints.items():
        value, parts = thing.get(key), parts_of(hint)
        inner = next((part for part in parts if is_hash(part)), None)
        if key not in thing:
            found += [] if type(None) in parts else [f"{where}.{key} is missing"]
        elif isinstance(value, dict) and inner:
            found += problems(value, inner, f"{where}.{key}")
        elif not any(allows(part, value) for part in parts):
            found.append(f"{where}.{key} is {value!r}")
    return found


def is_hash(part: Any) -> bool:
    """A hash that is a part of its object, with members of its own."""
    return (
        isinstance(part, type)
        and issubclass(part, stripe.StripeObject)
        and bool(vars(part).get("__annotations__"))
    )


def allows(part: Any, value: Any) -> bool:
    if get_origin(part) is Literal:
        return value in get_args(part)
    kind = get_origin(part) or part
    if issubclass(kind, stripe.StripeObject):
        kind = dict
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
