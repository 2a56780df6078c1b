"""What Stripe's objects and events look like on the way from a session to a mandate."""

import pytest
import stripe
from stripe.checkout import Session

from local.stripe_simulator import NotPossible
from local.stripe_simulator.resources.checkout_sessions import Choose
from tests.component.stripe_simulator.support import Shop

STARTED = ["customer.created", "setup_intent.created"]
SUCCEEDED = ["setup_intent.succeeded", "payment_method.attached", "checkout.session.completed"]


def test_authorising_completes_everything(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    shop.simulator.core.authorize(session.id)

    completed = client.v1.checkout.sessions.retrieve(session.id)
    assert (completed.status, completed.url) == ("complete", None)
    intent = shop.intent(session.id, "payment_method", "mandate", "latest_attempt")
    method, mandate, attempt = intent.payment_method, intent.mandate, intent.latest_attempt
    assert (intent.status, intent.next_action, intent.last_setup_error) == ("succeeded", None, None)
    assert isinstance(method, stripe.PaymentMethod)
    assert (method.type, method.customer) == ("amazon_pay", session.customer)
    assert method.amazon_pay is not None
    assert method.amazon_pay.to_dict() == {}
    assert method.billing_details.email == "ann@example.com"
    assert isinstance(mandate, stripe.Mandate)
    assert (mandate.status, mandate.type, mandate.payment_method) == ("active", "multi_use", method.id)
    assert mandate.customer_acceptance.type == "online"
    assert isinstance(attempt, stripe.SetupAttempt)
    assert attempt.status == "succeeded"
    assert shop.event_types() == [*STARTED, "setup_intent.requires_action", *SUCCEEDED]


def test_the_last_three_events_share_a_second(shop: Shop, client: stripe.StripeClient) -> None:
    shop.saved()
    created = {event.created for event in client.v1.events.list({"types": SUCCEEDED}).data}
    assert len(created) == 1


def test_a_snapshot_keeps_what_was_true_then(shop: Shop, client: stripe.StripeClient) -> None:
    shop.saved()
    created = client.v1.events.list({"type": "setup_intent.created"}).data[0].data.object
    assert created["status"] == "requires_payment_method"


def test_stripe_does_not_promise_a_mandate(shop: Shop) -> None:
    session = shop.session()
    shop.simulator.core.authorize(session.id, mandate=False)
    intent = shop.intent(session.id)
    assert (intent.status, intent.mandate) == ("succeeded", None)


def test_a_session_may_turn_out_to_offer_something_else(shop: Shop) -> None:
    session = shop.session()
    shop.simulator.core.authorize(session.id, payment_method_types=["card", "amazon_pay"])
    intent = shop.intent(session.id, "payment_method")
    assert intent.payment_method_types == ["card", "amazon_pay"]
    assert isinstance(intent.payment_method, stripe.PaymentMethod)
    assert intent.payment_method.type == "card"


def test_a_decline_leaves_the_session_open_for_another_try(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    core = shop.simulator.core
    core.decline(session.id)
    core.decline(session.id, "setup_intent_setup_attempt_expired")

    intent = shop.intent(session.id, "latest_attempt")
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_setup_error is not None
    assert intent.last_setup_error.code == "setup_intent_setup_attempt_expired"
    assert isinstance(intent.latest_attempt, stripe.SetupAttempt)
    assert intent.latest_attempt.status == "failed"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"

    core.authorize(session.id)
    assert shop.intent(session.id).last_setup_error is None
    tried = ["setup_intent.requires_action", "setup_intent.setup_failed"]
    assert shop.event_types() == [*STARTED, *tried, *tried, "setup_intent.requires_action", *SUCCEEDED]


def test_a_buyer_who_goes_away_leaves_no_trace(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    shop.simulator.core.abandon(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.event_types() == STARTED


def test_a_buyer_at_amazon_when_the_session_expires(shop: Shop) -> None:
    session = shop.session()
    shop.simulator.core.act(session.id, Choose("amazon_pay"))
    waiting = shop.intent(session.id)
    assert waiting.next_action is not None
    assert (waiting.status, waiting.next_action.type) == ("requires_action", "redirect_to_url")
    shop.simulator.core.expire(session.id)
    intent = shop.intent(session.id, "latest_attempt")
    assert isinstance(intent.latest_attempt, stripe.SetupAttempt)
    assert (intent.status, intent.latest_attempt.status) == ("canceled", "abandoned")
    with pytest.raises(NotPossible):
        shop.simulator.core.authorize(session.id)


def test_a_session_without_a_customer_attaches_nothing(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session(customer=None, customer_email="ann@example.com")
    shop.simulator.core.authorize(session.id)
    method = shop.intent(session.id, "payment_method").payment_method
    assert isinstance(method, stripe.PaymentMethod)
    assert method.customer is None
    assert "payment_method.attached" not in shop.event_types()
    attached = client.v1.payment_methods.attach(method.id, {"customer": shop.customer().id})
    assert attached.customer is not None


def test_a_session_can_create_its_customer(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session(customer=None, customer_creation="always", customer_email="ann@example.com")
    shop.simulator.core.authorize(session.id)
    completed: Session = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["customer"]})
    assert isinstance(completed.customer, stripe.Customer)
    assert completed.customer.email == "ann@example.com"
    assert shop.intent(session.id).customer == completed.customer.id


def test_a_buyer_cannot_complete_for_a_deleted_customer(shop: Shop, client: stripe.StripeClient) -> None:
    session = shop.session()
    client.v1.customers.delete(str(session.customer))
    with pytest.raises(NotPossible):
        shop.simulator.core.authorize(session.id)


def test_a_buyer_cannot_complete_with_a_payment_method_that_was_attached_meanwhile(
    shop: Shop, client: stripe.StripeClient
) -> None:
    session = shop.session()
    shop.simulator.core.act(session.id, Choose("amazon_pay"))
    method = str(shop.intent(session.id).payment_method)
    client.v1.payment_methods.attach(method, {"customer": shop.customer().id})
    before = shop.event_types()
    with pytest.raises(NotPossible, match="attached in the meantime"):
        shop.simulator.core.authorize(session.id)
    assert shop.event_types() == before
    assert shop.intent(session.id).status == "requires_action"


def test_setup_intents_are_listed(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    shop.session()
    listed = client.v1.setup_intents.list({"customer": str(method.customer)})
    assert [intent.payment_method for intent in listed.data] == [method.id]
    assert len(client.v1.setup_intents.list().data) == 2
