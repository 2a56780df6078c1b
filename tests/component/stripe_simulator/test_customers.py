from typing import Any

import pytest
import stripe

from tests.component.stripe_simulator.support import Shop, error_of


def test_a_customer_lives_from_creation_to_deletion(shop: Shop, client: stripe.StripeClient) -> None:
    created = client.v1.customers.create({"name": "Ann", "metadata": {"user": "1"}})
    updated = client.v1.customers.update(created.id, {"email": "ann@example.com"})
    assert (updated.name, updated.email) == ("Ann", "ann@example.com")
    assert client.v1.customers.retrieve(created.id).email == "ann@example.com"

    deleted = client.v1.customers.delete(created.id)
    assert deleted.to_dict() == {"id": created.id, "object": "customer", "deleted": True}
    assert client.v1.customers.retrieve(created.id).deleted is True
    assert shop.event_types() == ["customer.created", "customer.updated", "customer.deleted"]


def test_an_update_announces_what_was_there_before(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer(metadata={"a": "1", "b": "1"})
    client.v1.customers.update(customer.id, {"email": "new@example.com", "metadata": {"b": "2", "c": "3"}})
    event = client.v1.events.list({"type": "customer.updated"}).data[0]
    assert event.data.to_dict()["previous_attributes"] == {
        "email": "ann@example.com",
        "metadata": {"b": "1", "c": None},
    }
    assert event.data.object["metadata"].to_dict() == {"a": "1", "b": "2", "c": "3"}


def test_an_update_that_changes_nothing_is_not_announced(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer()
    client.v1.customers.update(customer.id, {"email": "ann@example.com"})
    assert shop.event_types() == ["customer.created"]


def test_stripe_does_not_keep_customers_apart(shop: Shop) -> None:
    assert shop.customer().id != shop.customer().id


@pytest.mark.parametrize("call", ["update", "delete", "list_payment_methods"])
def test_a_deleted_customer_is_missing(shop: Shop, client: stripe.StripeClient, call: str) -> None:
    customer = shop.customer()
    client.v1.customers.delete(customer.id)
    calls = {
        "update": lambda: client.v1.customers.update(customer.id, {"name": "x"}),
        "delete": lambda: client.v1.customers.delete(customer.id),
        "list_payment_methods": lambda: client.v1.customers.payment_methods.list(customer.id),
    }
    error = error_of(calls[call])
    assert (error["status"], error["code"], error["param"]) == (404, "resource_missing", "id")
    assert error["message"] == f"No such customer: '{customer.id}'"


def test_deleting_a_customer_ends_the_payment_method_silently(
    shop: Shop, client: stripe.StripeClient
) -> None:
    method = shop.saved()
    before = shop.event_types()
    client.v1.customers.delete(str(method.customer))
    assert client.v1.payment_methods.retrieve(method.id).customer is None
    assert shop.event_types() == [*before, "customer.deleted"]


def test_search_finds_metadata_that_is_equal(client: stripe.StripeClient) -> None:
    first = client.v1.customers.create({"metadata": {"user": "auth0|1", "shop": "x"}})
    second = client.v1.customers.create({"metadata": {"user": "auth0|1", "shop": "y"}})
    client.v1.customers.create({"metadata": {"user": "auth0|2", "shop": "y"}})

    def search(query: str) -> list[str]:
        return [customer.id for customer in client.v1.customers.search({"query": query}).data]

    assert search("metadata['user']:'auth0|1'") == [second.id, first.id]
    assert search("metadata['user']:'auth0|1' AND metadata['shop']:'x'") == [first.id]
    assert search('metadata["user"]:"auth0|1" metadata["shop"]:"y"') == [second.id]
    assert search("metadata['user']:'nobody'") == []


def test_search_understands_escaped_quotes(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"user": "o'neill"}})
    found = client.v1.customers.search({"query": r"metadata['user']:'o\'neill'"})
    assert [item.id for item in found.data] == [customer.id]


def test_search_pages(client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({"metadata": {"user": "1"}}).id for _ in range(5)]
    found = client.v1.customers.search({"query": "metadata['user']:'1'", "limit": 2})
    assert (len(found.data), found.has_more) == (2, True)
    assert [item.id for item in found.auto_paging_iter()] == ids[::-1]


@pytest.mark.parametrize(
    "query", ["", "metadata['a']~'b'", "metadata['a']:'b' OR metadata['a']:'c'", "color:'red'"]
)
def test_a_query_that_cannot_be_read_is_refused(client: stripe.StripeClient, query: str) -> None:
    error = error_of(lambda: client.v1.customers.search({"query": query}))
    assert (error["status"], error["param"]) == (400, "query")


def test_a_deleted_customer_is_neither_listed_nor_found(shop: Shop, client: stripe.StripeClient) -> None:
    customer = shop.customer(metadata={"user": "1"})
    client.v1.customers.delete(customer.id)
    assert client.v1.customers.list().data == []
    assert client.v1.customers.search({"query": "metadata['user']:'1'"}).data == []


def test_lists_are_newest_first_and_page_both_ways(client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({"email": "ann@example.com"}).id for _ in range(5)]
    client.v1.customers.create({"email": "bob@example.com"})

    first = client.v1.customers.list({"email": "ann@example.com", "limit": 2})
    assert ([item.id for item in first.data], first.has_more) == ([ids[4], ids[3]], True)
    rest = client.v1.customers.list({"email": "ann@example.com", "starting_after": ids[3], "limit": 10})
    assert ([item.id for item in rest.data], rest.has_more) == ([ids[2], ids[1], ids[0]], False)
    back = client.v1.customers.list({"email": "ann@example.com", "ending_before": ids[0], "limit": 2})
    assert ([item.id for item in back.data], back.has_more) == ([ids[2], ids[1]], True)
    assert [item.id for item in back.auto_paging_iter()] == ids[1:]


def test_list_limits_and_cursors_are_checked(client: stripe.StripeClient) -> None:
    assert error_of(lambda: client.v1.customers.list({"limit": 0}))["param"] == "limit"
    assert error_of(lambda: client.v1.customers.list({"limit": 101}))["param"] == "limit"
    error = error_of(lambda: client.v1.customers.list({"starting_after": "cus_none"}))
    assert (error["status"], error["code"], error["param"]) == (400, "resource_missing", "starting_after")


def test_the_default_payment_method_must_be_the_customers_own(
    shop: Shop, client: stripe.StripeClient
) -> None:
    method = shop.saved()
    owner, other = str(method.customer), shop.customer().id
    settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
    expand = ["invoice_settings.default_payment_method"]
    updated = client.v1.customers.update(owner, settings | {"expand": expand})
    assert updated.invoice_settings is not None
    assert isinstance(updated.invoice_settings.default_payment_method, stripe.PaymentMethod)
    error = error_of(lambda: client.v1.customers.update(other, settings))
    assert error["param"] == "invoice_settings[default_payment_method]"
