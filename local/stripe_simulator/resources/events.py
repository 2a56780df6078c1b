"""https://docs.stripe.com/api/events: what happened in the last 30 days, with or without webhooks."""

from fnmatch import fnmatchcase
from typing import Any

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, resource_missing
from local.stripe_simulator.objects import Json
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

WINDOW = 30 * 24 * 60 * 60
MAX_TYPES = 20


def retrieve(account: Account, call: Call) -> Json:
    event = account.find("event", call.id)
    if event["created"] <= account.now() - WINDOW:
        raise resource_missing("event", call.id)
    return _rendered(account, event)


def list_all(account: Account, call: Call) -> Json:
    params = dict(call.params)
    types, success = _types(params), params.pop("delivery_success", None)
    oldest = account.now() - WINDOW
    events = (
        rendered
        for rendered in (
            _rendered(account, event) for event in account.all("event") if event["created"] > oldest
        )
        if any(fnmatchcase(rendered["type"], wanted) for wanted in types)
        and success in {None, rendered["pending_webhooks"] == 0}
    )
    return paginated(matching(events, params), params, "/v1/events")


def _types(params: dict[str, Any]) -> list[str]:
    """The wanted types; only ``type`` may contain ``*``."""
    kind, kinds = params.pop("type", None), params.pop("types", None)
    if kind and kinds:
        raise invalid("You may only specify one of these parameters: type, types.", "type")
    if kinds and len(kinds) > MAX_TYPES:
        raise invalid(f"Array must contain at most {MAX_TYPES} elements.", "types")
    return kinds or [kind or "*"]


def _rendered(account: Account, event: Json) -> Json:
    return event | {"pending_webhooks": account.outbox.pending(event["id"])}


class Resend(Action):
    """Somebody sends it again from the Dashboard, delivered or not. The answer counts the endpoints."""

    def perform(self, account: Account, identifier: str) -> Json:
        event = account.find("event", identifier)
        resent = account.outbox.resend(event, account.all("webhook_endpoint"), account.clock())
        return {"endpoints": resent}


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/events", "EventListParams", list_all),
        Operation("GET", "/v1/events/:id", "EventRetrieveParams", retrieve),
    ),
    actions={"/events/{id}/resend": Resend},
)
