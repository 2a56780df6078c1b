"""The template's webhook endpoint is what the code handles, and its secret goes nowhere."""

import json
from typing import Any

from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import API_VERSION
from mandates.webhooks.custom_resource import RESERVED_SECONDS
from mandates.webhooks.endpoints import KNOWN_SECONDS
from tests.template.rules import permissions
from tests.template.stack import Json, Stack, expand, name_of, raw

RESOURCE = "StripeWebhookEndpoint"


def endpoint() -> Any:
    return raw()["Resources"][RESOURCE]


def test_it_is_registered_for_what_is_handled_in_the_sdks_version() -> None:
    properties = endpoint()["Properties"]
    assert properties["EventTypes"] == list(HANDLED_TYPES)
    assert properties["ApiVersion"] == API_VERSION


def either(value: Json) -> list[str]:
    """What it can be, by the conditions in it."""
    if "Fn::If" not in value:
        return [value["Fn::Sub"]]
    _condition, one, other = value["Fn::If"]
    return either(one) + either(other)


def test_its_address_is_the_apis_and_the_receiving_route_exists() -> None:
    template = raw()
    addresses = either(template["Outputs"]["ApiUrl"]["Value"])
    registered = either(endpoint()["Properties"]["Url"])
    assert registered == [f"{one}/webhooks/stripe" for one in addresses]
    assert "/webhooks/stripe" in Stack(expand(template)).api["paths"]
    assert "Apiv1Stage" in Stack(expand(template)).resources
    assert "Apiv1Stage" in endpoint()["DependsOn"]


def test_nothing_else_knows_the_address_and_nothing_may_read_the_secret_out_of_the_stack() -> None:
    template = raw()
    for name, function in Stack(expand(template)).functions.items():
        assert '"Api"' not in json.dumps(function["Environment"]), name
    assert RESOURCE not in json.dumps(template["Outputs"])
    others = {name: value for name, value in template["Resources"].items() if name != RESOURCE}
    assert f'"{RESOURCE}"' not in json.dumps(others, default=str)


def test_only_the_registration_may_write_the_secrets() -> None:
    writing = {
        (function, action)
        for function, allowed in permissions(Stack(expand(raw()))).items()
        for resource, action in allowed
        if action.startswith("secretsmanager:") and action != "secretsmanager:GetSecretValue"
    }
    assert writing == {("RegisterWebhook", "secretsmanager:PutSecretValue")}


def test_its_times_nest() -> None:
    """The pause and what may follow it, the function, CloudFormation; and Lambda does not run it twice."""
    stack = Stack(expand(raw()))
    function = stack.properties("RegisterWebhook")
    assert function["Timeout"] - RESERVED_SECONDS > 3 * 21 + 2 * 12 + KNOWN_SECONDS + 21
    assert function["Timeout"] < endpoint()["Properties"]["ServiceTimeout"] <= 3600
    asynchronous = stack.properties("RegisterWebhookEventInvokeConfig")
    assert asynchronous["MaximumRetryAttempts"] == 0
    called = stack.properties(RESOURCE)["ServiceToken"]
    assert name_of(called) == f"RegisterWebhookAlias{asynchronous['Qualifier']}"  # or the setting is not its
    assert "RegisterWebhookEventInvokeConfig" in endpoint()["DependsOn"]
