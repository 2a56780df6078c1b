import time
from typing import Any

import pytest
import stripe
from stripe.checkout import Session

from tests.component.stripe_simulator.support import Shop, error_of


def test_a_session_in_setup_mode(shop: Shop) -> None:
    customer = shop.customer()
    session = shop.session(
        customer=customer.id,
        client_reference_id="user-1",
        metadata={"mandate": "m1"},
        setup_intent_data={"description": "Coffee", "metadata": {"mandate": "m1"}},
        locale="de",
    )
    assert isinstance(session, Session)
    assert session.id.startswith("cs_test_")
    assert (session.mode, session.status, session.payment_status) == ("setup", "open", "no_payment_required")
    assert (session.customer, session.client_reference_id, session.locale) == (customer.id, "user-1", "de")
    assert session.payment_method_types == session.allowed_payment_method_types == ["amazon_pay"]
    assert session.expires_at - session.created == 24 * 60 * 60
    assert session.url == f"{shop.simulator.url}/c/pay/{session.id}"

    intent = shop.intent(session.id)
    assert (intent.status, intent.usage, intent.customer) == (
        "requires_payment_method",
        "off_session",
        customer.id,
    )
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == {"mandate": "m1"}
    assert intent.description == "Coffee"
    assert (intent.mandate, intent.payment_method) == (None, None)
    assert shop.event_types() == ["customer.created", "setup_intent.created"]


def test_payment_method_types_is_gone(shop: Shop) -> None:
    error = error_of(lambda: shop.session(payment_method_types=["amazon_pay"]))
    assert error["status"] == 400
    assert error["code"] == "payment_method_types_no_longer_supported"
    assert error["param"] == "payment_method_types"


def test_the_allowed_types_narrow_what_the_account_offers(shop: Shop) -> None:
    assert shop.session(allowed_payment_method_types=["amazon_pay", "paypal"]).payment_method_types == [
        "amazon_pay"
    ]
    everything = shop.session(allowed_payment_method_types=None, currency="usd")
    assert everything.payment_method_types == ["amazon_pay", "card", "link"]
    less = shop.session(
        allowed_payment_method_types=None, currency="usd", excluded_payment_method_types=["card"]
    )
    assert less.payment_method_types == ["amazon_pay", "link"]
    error = error_of(lambda: shop.session(allowed_payment_method_types=["paypal"]))
    assert (error["status"], error["param"]) == (400, "allowed_payment_method_types")


@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_other_modes_are_refused(shop: Shop, mode: str) -> None:
    error = error_of(lambda: shop.session(mode=mode))
    assert (error["status"], error["code"], error["param"]) == (400, "not_simulated", "mode")


@pytest.mark.parametrize(
    "params", [{"payment_intent_data": {"description": "x"}}, {"line_items": [{"quantity": 1}]}]
)
def test_parameters_of_other_modes_are_refused(shop: Shop, params: dict[str, Any]) -> None:
    (name,) = params
    error = error_of(lambda: shop.session(**params))
    assert error["message"] == f"You can not pass `{name}` in `setup` mode."


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"customer_email": "ann@example.com"}, "customer"),
        ({"customer_creation": "always"}, "customer"),
        ({"success_url": "shop.example/return"}, "success_url"),
        ({"cancel_url": "javascript:alert(1)"}, "cancel_url"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
    ],
)
def test_combinations_and_values_are_checked(shop: Shop, params: dict[str, Any], param: str) -> None:
    error = error_of(lambda: shop.session(**params))
    assert (error["status"], error["param"]) == (400, param)


@pytest.mark.parametrize(
    ("lifetime", "accepted"), [(29, False), (31, True), (23 * 60 + 59, True), (24 * 60 + 1, False)]
)
def test_a_session_lives_for_thirty_minutes_to_a_day(shop: Shop, lifetime: int, accepted: bool) -> None:
    expires_at = int(time.time()) + lifetime * 60
    if accepted:
        assert shop.session(expires_at=expires_at).expires_at == expires_at
    else:
        error = error_of(lambda: shop.session(expires_at=expires_at))
        assert (error["status"], error["param"]) == (400, "expires_at")


def test_the_customer_must_exist(shop: Shop, client: stripe.StripeClient) -> None:
    error = error_of(lambda: shop.session(customer="cus_none"))
    assert (error["status"], error["code"], error["param"]) == (400, "resource_missing", "customer")
    deleted = shop.customer().id
    client.v1.customers.delete(deleted)
    assert error_of(lambda: shop.session(customer=deleted))["code"] == "resource_missing"


def test_expiring_ends_an_open_session_only(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    expired = client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    intent = shop.intent(session.id)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "abandoned")
    assert shop.event_types()[-2:] == ["setup_intent.canceled", "checkout.session.expired"]

    error = error_of(lambda: client.v1.checkout.sessions.expire(session.id))
    assert error["status"] == 400
    assert "status of expired" in error["message"]
    completed = shop.session()
    shop.simulator.core.authorize(completed.id)
    assert (
        "status of complete" in error_of(lambda: client.v1.checkout.sessions.expire(completed.id))["message"]
    )


def test_a_session_expires_by_itself(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    shop.simulator.core.advance(24 * 60 * 60 - 60)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    shop.simulator.core.advance(120)
    assert shop.event_types()[-1] == "checkout.session.expired"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_sessions_are_listed_by_customer_and_status(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer().id
    first, second = shop.session(customer=customer), shop.session(customer=customer)
    shop.session()
    client.v1.checkout.sessions.expire(first.id)
    listed = client.v1.checkout.sessions.list({"customer": customer})
    assert [item.id for item in listed.data] == [second.id, first.id]
    still_open = client.v1.checkout.sessions.list({"customer": customer, "status": "open"})
    assert [item.id for item in still_open.data] == [second.id]


def test_references_expand_and_nulls_stay(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    paths = ["customer", "setup_intent.payment_method", "setup_intent.mandate"]
    before = client.v1.checkout.sessions.retrieve(session.id, {"expand": paths})
    assert isinstance(before.customer, stripe.Customer)
    assert isinstance(before.setup_intent, stripe.SetupIntent)
    assert (before.setup_intent.payment_method, before.setup_intent.mandate) == (None, None)

    shop.simulator.core.authorize(session.id)
    after = client.v1.checkout.sessions.retrieve(session.id, {"expand": paths}).setup_intent
    assert isinstance(after, stripe.SetupIntent)
    assert isinstance(after.payment_method, stripe.PaymentMethod)
    assert isinstance(after.mandate, stripe.Mandate)
    assert isinstance(client.v1.checkout.sessions.retrieve(session.id).setup_intent, str)


@pytest.mark.parametrize("path", ["status", "subscription.plan", "setup_intent.colour"])
def test_what_cannot_be_expanded_is_refused(shop: Shop, client: stripe.StripeClient, path: str) -> None:
    session = shop.session()
    error = error_of(lambda: client.v1.checkout.sessions.retrieve(session.id, {"expand": [path]}))
    assert error["message"] == f"This property cannot be expanded ({path})."


def test_an_expansion_that_is_refused_creates_nothing(shop: Shop, client: stripe.StripeClient) -> None:
    error_of(lambda: shop.customer(expand=["favourite_colour"]))
    assert client.v1.customers.list().data == []
