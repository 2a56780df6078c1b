"""Translates CloudFormation's requests to the resource StripeWebhookEndpoint into webhook endpoints."""

from collections.abc import Callable, Mapping
from typing import Any

from mandates.core.endpoint_plan import Wanted
from mandates.runtime.telemetry import logger
from mandates.webhooks.custom_resource import CustomResourceRequest
from mandates.webhooks.endpoints import OWNER_MARK, WebhookEndpoints
from mandates.webhooks.secret_store import WebhookSecrets

_PREFIX = "stripe-webhook-endpoint/"


def physical_id(stack_id: str, logical_id: str) -> str:
    """One id for a stack's life. It differs for a stack made anew, and for a renamed resource."""
    return f"{_PREFIX}{stack_id.partition(':stack/')[2]}/{logical_id}"


def provide(
    request: CustomResourceRequest, secrets: WebhookSecrets, endpoints: Callable[[str], WebhookEndpoints]
) -> None:
    """Create and Update do the same: they change what is at Stripe into what is wanted.

    A failed update is followed by an update back to the state before. If even that fails, a person must
    repair the stack. So such an update reports success if the last deployment that succeeded asked for
    exactly the same: then only what the failed update did can be wrong, and that is logged.

    `endpoints` makes the endpoints of an owner mark. Raises whatever stopped the work.
    """
    if ":stack/" not in request.stack_id:
        raise ValueError("not the ARN of a CloudFormation stack")
    if request.kind == "Delete":
        owner_mark = _text(request.properties, OWNER_MARK)
        endpoints(owner_mark).remove(_registered_as(request))
        return
    properties = _checked(request.properties)
    wanted = Wanted(properties["Url"], properties["ApiVersion"], frozenset(properties["EventTypes"]))
    try:
        ours = endpoints(properties[OWNER_MARK])
        ours.register(wanted, _registered_as(request), properties, request.request_id)
    except Exception:
        if request.kind == "Update" and _is_back(secrets, properties):
            logger.error(
                "the rollback was not checked at Stripe: look at the webhook endpoint there, and deploy again"
            )
            return
        raise


def _registered_as(request: CustomResourceRequest) -> str:
    """The name that a Delete will have. CloudFormation makes one up if a Create was never answered."""
    known = request.physical_id or ""
    return known if known.startswith(_PREFIX) else physical_id(request.stack_id, request.logical_id)


def _is_back(secrets: WebhookSecrets, properties: Mapping[str, Any]) -> bool:
    try:
        return dict(secrets.read().registered) == properties
    except Exception:
        return False


def _checked(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Raises a ValueError that names the property."""
    texts = ("Url", "ApiVersion", "StripeApiKeySecretArn", "StripeApiBase", OWNER_MARK)
    checked: dict[str, Any] = {name: _text(properties, name) for name in texts}
    types = properties.get("EventTypes")
    if not isinstance(types, list) or not types or not all(isinstance(one, str) and one for one in types):
        raise ValueError("the resource's property EventTypes must be a list of event types")
    return {**checked, "EventTypes": sorted(types)}


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or not (value or name == "StripeApiBase"):
        raise ValueError(f"the resource's property {name} must be a text")
    return value
