"""Parameters follow the SDK's own types. What Stripe would refuse is refused in Stripe's words."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from local.stripe_simulator import RunningSimulator
from tests.component.stripe_simulator.support import SUCCESS_URL, Shop, error_of

type Call = Callable[[stripe.StripeClient], object]

SETUP: dict[str, Any] = {
    "mode": "setup",
    "allowed_payment_method_types": ["amazon_pay"],
    "success_url": SUCCESS_URL,
}


def session_with(**params: Any) -> Call:
    given: Any = {key: value for key, value in (SETUP | params).items() if value is not None}
    return lambda client: client.v1.checkout.sessions.create(given)


def customer_with(**params: Any) -> Call:
    given: Any = params
    return lambda client: client.v1.customers.create(given)


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (customer_with(nickname="x"), "nickname"),
        (customer_with(address={"planet": "Mars"}), "address[planet]"),
        (session_with(colour="red"), "colour"),
        (session_with(setup_intent_data={"mandate_data": "x"}), "setup_intent_data[mandate_data]"),
        (
            session_with(consent_collection={"payment_method_reuse_agreement": {"place": "top"}}),
            "consent_collection[payment_method_reuse_agreement][place]",
        ),
        (lambda client: client.v1.customers.list({"colour": "red"}), "colour"),
        (lambda client: client.v1.events.list({"created": {"since": 1}}), "created[since]"),
        (lambda client: client.v1.setup_intents.retrieve("seti_x", {"colour": "red"}), "colour"),
        (
            lambda client: client.v1.webhook_endpoints.update("we_x", {"api_version": "2026-10-28.endive"}),
            "api_version",
        ),
    ],
)
def test_unknown_parameters_are_refused_at_every_level(
    client: stripe.StripeClient, call: Call, param: str
) -> None:
    error = error_of(lambda: call(client))
    assert error == {
        "status": 400,
        "type": "invalid_request_error",
        "code": "parameter_unknown",
        "param": param,
        "message": f"Received unknown parameter: {param}",
        "doc_url": "https://docs.stripe.com/error-codes#parameter-unknown",
    }


def test_several_unknown_parameters_are_named_together(client: stripe.StripeClient) -> None:
    error = error_of(lambda: customer_with(one="1", two="2")(client))
    assert error["message"] == "Received unknown parameters: one, two"


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (lambda client: client.v1.webhook_endpoints.create({"url": "http://127.0.0.1/"}), "enabled_events"),
        (lambda client: client.v1.customers.search({}), "query"),
        (session_with(mode=None), "mode"),
        (session_with(success_url=None), "success_url"),
        (session_with(allowed_payment_method_types=None), "currency"),
    ],
)
def test_missing_parameters_are_named(client: stripe.StripeClient, call: Call, param: str) -> None:
    error = error_of(lambda: call(client))
    assert (error["status"], error["code"], error["param"]) == (400, "parameter_missing", param)


@pytest.mark.parametrize(
    ("call", "param", "message"),
    [
        (session_with(expires_at="soon"), "expires_at", "Invalid integer: soon"),
        (session_with(mode="gift"), "mode", "Invalid mode: must be one of payment, setup, or subscription"),
        (session_with(allow_promotion_codes="maybe"), "allow_promotion_codes", "Invalid boolean: maybe"),
        (session_with(setup_intent_data="x"), "setup_intent_data", "Invalid object"),
        (session_with(success_url={"a": "b"}), "success_url", "Invalid string"),
        (
            session_with(allowed_payment_method_types="amazon_pay"),
            "allowed_payment_method_types",
            "Invalid array",
        ),
        (customer_with(metadata="x"), "metadata", "Invalid hash"),
        (
            lambda client: client.v1.webhook_endpoints.create(
                {"url": "http://127.0.0.1/", "enabled_events": ["setup_intent.succeded"]}
            ),
            "enabled_events[0]",
            "must be one of",
        ),
        (
            lambda client: client.v1.webhook_endpoints.create(
                {"url": "http://127.0.0.1/", "enabled_events": ["*"], "api_version": "2031-01-01"}
            ),
            "api_version",
            "must be one of",
        ),
    ],
)
def test_types_are_checked(client: stripe.StripeClient, call: Call, param: str, message: str) -> None:
    error = error_of(lambda: call(client))
    assert (error["status"], error["param"]) == (400, param)
    assert message in error["message"]


def test_an_empty_value_is_accepted_only_where_it_clears_something(shop: Shop) -> None:
    customer = shop.customer(business_name="Bean & Leaf", metadata={"a": "1", "b": "2"})
    updated = shop.client.v1.customers.update(customer.id, {"business_name": "", "metadata": {"a": ""}})
    assert updated.business_name is None
    assert updated.metadata is not None
    assert updated.metadata.to_dict() == {"b": "2"}
    error = error_of(lambda: shop.session(customer=""))
    assert (error["code"], error["param"]) == ("parameter_invalid_empty", "customer")


@pytest.mark.parametrize(
    ("metadata", "accepted"),
    [
        ({f"key{number}": "x" for number in range(50)}, True),
        ({f"key{number}": "x" for number in range(51)}, False),
        ({"k" * 40: "x"}, True),
        ({"k" * 41: "x"}, False),
        ({"key": "v" * 500}, True),
        ({"key": "v" * 501}, False),
    ],
)
def test_metadata_has_limits(client: stripe.StripeClient, metadata: dict[str, str], accepted: bool) -> None:
    if accepted:
        created = client.v1.customers.create({"metadata": metadata}).metadata
        assert created is not None
        assert created.to_dict() == metadata
    else:
        assert error_of(lambda: client.v1.customers.create({"metadata": metadata}))["status"] == 400


def test_a_numeric_metadata_key_is_not_a_list(client: stripe.StripeClient) -> None:
    created = client.v1.customers.create({"metadata": {"0": "zero"}}).metadata
    assert created is not None
    assert created.to_dict() == {"0": "zero"}


def test_a_parameter_without_a_simulation_is_refused_rather_than_ignored(client: stripe.StripeClient) -> None:
    error = error_of(lambda: customer_with(source="tok_visa")(client))
    assert (error["status"], error["code"], error["param"]) == (400, "not_simulated", "source")


@pytest.mark.parametrize("key", ["", "pk_test_placeholder", "not-a-key-at-all"])
def test_a_request_needs_a_secret_key(simulator: RunningSimulator, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{simulator.url}/v1/customers", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert key not in answer.text or not key


def test_an_unknown_url_is_stripes_404(simulator: RunningSimulator) -> None:
    headers = {"Authorization": "Bearer sk_test_placeholder"}
    answer = httpx.get(f"{simulator.url}/v1/unicorns", headers=headers, trust_env=False)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("Unrecognized request URL (GET: /v1/unicorns).")
    assert answer.headers["Request-Id"].startswith("req_")


def test_a_body_that_is_not_a_form_is_refused(simulator: RunningSimulator) -> None:
    headers = {"Authorization": "Bearer sk_test_placeholder"}
    answer = httpx.post(
        f"{simulator.url}/v1/customers", json={"name": "Ann"}, headers=headers, trust_env=False
    )
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["a[b", "[a]", "a]b"])
def test_a_parameter_name_that_cannot_be_read_is_refused(simulator: RunningSimulator, name: str) -> None:
    headers = {"Authorization": "Bearer sk_test_placeholder"}
    answer = httpx.post(f"{simulator.url}/v1/customers", data={name: "x"}, headers=headers, trust_env=False)
    assert answer.status_code == 400


def test_the_version_asked_for_is_recorded_and_echoed(shop: Shop) -> None:
    customer = shop.customer()
    assert customer.last_response is not None
    assert customer.last_response.headers["Stripe-Version"] == stripe.api_version
    assert shop.simulator.core.requests()[-1].stripe_version == stripe.api_version
