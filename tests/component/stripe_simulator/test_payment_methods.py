import pytest
import stripe

from local.stripe_simulator import NotPossible
from tests.component.stripe_simulator.support import Shop, error_of


def mandate_of(shop: Shop, method: stripe.PaymentMethod) -> stripe.Mandate:
    (intent,) = shop.client.v1.setup_intents.list({"payment_method": method.id}).data
    return shop.client.v1.mandates.retrieve(str(intent.mandate))


def test_payment_methods_are_listed_for_their_customer(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer().id
    first, second = shop.saved(customer=customer), shop.saved(customer=customer)
    other = shop.saved()
    listed = client.v1.customers.payment_methods.list(customer, {"type": "amazon_pay"})
    assert [method.id for method in listed.data] == [second.id, first.id]
    assert client.v1.customers.payment_methods.list(customer, {"type": "card"}).data == []
    assert client.v1.customers.payment_methods.retrieve(customer, first.id).id == first.id
    assert error_of(lambda: client.v1.customers.payment_methods.retrieve(customer, other.id))["status"] == 404
    assert len(client.v1.payment_methods.list().data) == 3
    assert len(client.v1.payment_methods.list({"customer": customer}).data) == 2


def test_detaching_announces_both_ends(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    before = len(shop.event_types())
    assert client.v1.payment_methods.detach(method.id).customer is None
    assert shop.event_types()[before:] == ["mandate.updated", "payment_method.detached"]
    assert mandate_of(shop, method).status == "inactive"

    updated = client.v1.events.list({"type": "mandate.updated"}).data[0].data
    assert (updated.object["status"], updated.object["payment_method"]) == ("inactive", method.id)
    assert updated.to_dict()["previous_attributes"] == {"status": "active"}
    detached = client.v1.events.list({"type": "payment_method.detached"}).data[0].data
    assert (detached.object["id"], detached.object["customer"]) == (method.id, None)
    assert "previous_attributes" not in detached.to_dict()


def test_a_detached_payment_method_is_spent(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    client.v1.payment_methods.detach(method.id)
    again = error_of(lambda: client.v1.payment_methods.detach(method.id))
    assert (again["status"], again["code"]) == (400, "payment_method_unexpected_state")
    reuse = error_of(lambda: client.v1.payment_methods.attach(method.id, {"customer": shop.customer().id}))
    assert "may not be used again" in reuse["message"]
    assert client.v1.customers.payment_methods.list(str(method.customer)).data == []


def test_an_attached_payment_method_stays_where_it_is(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    error = error_of(lambda: client.v1.payment_methods.attach(method.id, {"customer": shop.customer().id}))
    assert "already been attached" in error["message"]


def test_the_buyer_withdraws_at_amazon(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    before = len(shop.event_types())
    shop.simulator.core.revoke_at_amazon(method.id)
    assert mandate_of(shop, method).status == "inactive"
    assert client.v1.payment_methods.retrieve(method.id).customer == method.customer
    assert shop.event_types()[before:] == ["mandate.updated"]

    client.v1.payment_methods.detach(method.id)
    assert shop.event_types()[before:] == ["mandate.updated", "payment_method.detached"]
    with pytest.raises(NotPossible):
        shop.simulator.core.revoke_at_amazon(method.id)


@pytest.mark.parametrize(("for_one_payment", "kind"), [(True, "single_use"), (False, "multi_use")])
def test_another_payments_mandate_ends_alone(
    shop: Shop, client: stripe.StripeClient, for_one_payment: bool, kind: str
) -> None:
    method = shop.saved()
    before = len(shop.event_types())
    ended = shop.simulator.core.end_another_mandate(method.id, for_one_payment=for_one_payment)
    assert shop.event_types()[before:] == ["mandate.updated"]
    told = client.v1.events.list({"type": "mandate.updated"}).data[0].data.to_dict()
    assert (told["object"]["id"], told["object"]["payment_method"]) == (ended, method.id)
    assert (told["object"]["type"], told["object"]["status"]) == (kind, "inactive")
    assert told["previous_attributes"] == {"status": "active"}
    assert mandate_of(shop, method).status == "active"


def test_updating_metadata_is_announced(shop: Shop, client: stripe.StripeClient) -> None:
    method = shop.saved()
    client.v1.payment_methods.update(method.id, {"metadata": {"a": "1"}})
    assert shop.event_types()[-1] == "payment_method.updated"
    client.v1.payment_methods.detach(method.id)
    assert (
        error_of(lambda: client.v1.payment_methods.update(method.id, {"metadata": {"a": "2"}}))["status"]
        == 400
    )


def test_the_session_decides_whether_it_may_be_shown_again(shop: Shop) -> None:
    assert shop.saved(payment_method_data={"allow_redisplay": "always"}).allow_redisplay == "always"
    assert shop.saved().allow_redisplay == "limited"


@pytest.mark.parametrize(
    "kind", ["payment_methods", "setup_intents", "mandates", "events", "webhook_endpoints"]
)
def test_an_unknown_id_is_missing(client: stripe.StripeClient, kind: str) -> None:
    error = error_of(lambda: getattr(client.v1, kind).retrieve("none"))
    assert (error["status"], error["code"], error["param"]) == (404, "resource_missing", "id")
