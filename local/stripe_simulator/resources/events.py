"""https://docs.stripe.com/api/events: what happened in the last 30 days, whether or not a webhook told."""

from fnmatch import fnmatchcase
from typing import Any

from local.stripe_simulator.errors import invalid, resource_missing
from local.stripe_simulator.listing import matching, page
from local.stripe_simulator.routing import Call, Operation
from local.stripe_simulator.world import Json, World

WINDOW = 30 * 24 * 60 * 60
MAX_TYPES = 20


def retrieve(world: World, call: Call) -> Json:
    event = world.find("event", call.id)
    if event["created"] <= world.now() - WINDOW:
        raise resource_missing("event", call.id)
    return _rendered(world, event)


def list_all(world: World, call: Call) -> Json:
    params = dict(call.params)
    types, success = _types(params), params.pop("delivery_success", None)
    oldest = world.now() - WINDOW
    events = (
        rendered
        for rendered in (_rendered(world, event) for event in world.all("event") if event["created"] > oldest)
        if any(fnmatchcase(rendered["type"], wanted) for wanted in types)
        and success in {None, rendered["pending_webhooks"] == 0}
    )
    return page(matching(events, params), params, "/v1/events")


def _types(params: dict[str, Any]) -> list[str]:
    """The wanted types; only ``type`` may contain ``*``."""
    kind, kinds = params.pop("type", None), params.pop("types", None)
    if kind and kinds:
        raise invalid("You may only specify one of these parameters: type, types.", "type")
    if kinds and len(kinds) > MAX_TYPES:
        raise invalid(f"Array must contain at most {MAX_TYPES} elements.", "types")
    return kinds or [kind or "*"]


def _rendered(world: World, event: Json) -> Json:
    return event | {"pending_webhooks": world.outbox.pending(event["id"])}


OPERATIONS = (
    Operation("GET", "/v1/events", "EventListParams", list_all),
    Operation("GET", "/v1/events/:id", "EventRetrieveParams", retrieve),
)
