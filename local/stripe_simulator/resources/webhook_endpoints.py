"""https://docs.stripe.com/api/webhook_endpoints. Unlike Stripe, it takes http and local addresses."""

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated
from local.stripe_simulator.lifecycle import SILENT, Lifecycle
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import Resource
from local.stripe_simulator.routing import Call, Operation
from local.stripe_simulator.urls import is_web_address

WEBHOOK_ENDPOINT = Lifecycle(
    "webhook_endpoint", {"enabled": {"disabled": SILENT}, "disabled": {"enabled": SILENT}}
)


def create(account: Account, call: Call) -> Json:
    """Only this answer ever contains the signing secret."""
    if "connect" in call.params:
        raise not_simulated("connect")
    endpoint: Json = {
        "id": account.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": call.params.get("api_version"),
        "application": None,
        "created": account.now(),
        "description": call.params.get("description") or None,
        "enabled_events": _enabled_events(call.params["enabled_events"]),
        "livemode": False,
        "metadata": merged_metadata({}, call.params.get("metadata", {})),
        "url": _url(call.params["url"]),
    }
    secret = account.unshown(endpoint)["secret"] = account.new_id("whsec")
    return WEBHOOK_ENDPOINT.start(account, endpoint) | {"secret": secret}


def retrieve(account: Account, call: Call) -> Json:
    return account.find("webhook_endpoint", call.id)


def list_all(account: Account, call: Call) -> Json:
    endpoints = matching(account.all("webhook_endpoint"), call.params)
    return paginated(endpoints, call.params, "/v1/webhook_endpoints")


def update(account: Account, call: Call) -> Json:
    """``api_version`` can't be changed: Stripe has no such parameter here."""
    endpoint, params = account.find("webhook_endpoint", call.id), call.params
    changes: Json = {}
    if "description" in params:
        changes["description"] = params["description"] or None
    if "enabled_events" in params:
        changes["enabled_events"] = _enabled_events(params["enabled_events"])
    if "metadata" in params:
        changes["metadata"] = merged_metadata(endpoint["metadata"], params["metadata"])
    if "url" in params:
        changes["url"] = _url(params["url"])
    account.update(endpoint, changes)
    if "disabled" in params:
        _switch(account, endpoint, "disabled" if params["disabled"] else "enabled")
    return endpoint


def delete(account: Account, call: Call) -> Json:
    endpoint = account.find("webhook_endpoint", call.id)
    account.remove(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _switch(account: Account, endpoint: Json, state: str) -> None:
    """Stripe also accepts the state that it is in already."""
    if WEBHOOK_ENDPOINT.state_of(account, endpoint) != state:
        WEBHOOK_ENDPOINT.move(account, endpoint, state)


def _enabled_events(types: list[str]) -> list[str]:
    if not types:
        raise invalid("You must enable at least one event.", "enabled_events")
    return types


def _url(url: str) -> str:
    if not is_web_address(url):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid"
        )
    return url


RESOURCE = Resource(
    operations=(
        Operation("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", create),
        Operation("GET", "/v1/webhook_endpoints", "WebhookEndpointListParams", list_all),
        Operation("GET", "/v1/webhook_endpoints/:id", "WebhookEndpointRetrieveParams", retrieve),
        Operation("POST", "/v1/webhook_endpoints/:id", "WebhookEndpointUpdateParams", update),
        Operation("DELETE", "/v1/webhook_endpoints/:id", "WebhookEndpointDeleteParams", delete),
    ),
    lifecycles=(WEBHOOK_ENDPOINT,),
)
