"""Stripe's events: https://docs.stripe.com/api/events"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import stripe

from mandates.gateway.error_mapping import ResourceMissing, errors_ours

if TYPE_CHECKING:  # thousands of lines of types, which would slow down every function's start
    from stripe.params import EventListParams

EVENTS_LISTED_SECONDS = 30 * 86_400
"""How far back the list of events goes: https://docs.stripe.com/api/events/list"""

EVENTS_PER_PAGE = 100
"""Stripe's maximum: https://docs.stripe.com/api/pagination"""


class EventPage(msgspec.Struct, frozen=True):
    """Events as plain values, newest first. `has_more` if older ones follow."""

    events: Sequence[Mapping[str, Any]]
    has_more: bool


class StripeEvents:
    def __init__(self, sdk: stripe.StripeClient) -> None:
        self._sdk = sdk

    def list_page(
        self, types: Sequence[str], *, created_from: int, created_before: int, after: str | None = None
    ) -> EventPage:
        """A page of the events of these types (20 at most) from the last 30 days.

        They were created from `created_from` until just before `created_before`, in epoch seconds. `after` is
        the id of the last event of the previous page. Each event has the shape of the API version it was made
        with, which need not be ours; the fields that `project` keeps are the same in all versions.
        https://docs.stripe.com/api/events/list
        """
        params: EventListParams = {
            "types": list(types),
            "created": {"gte": created_from, "lt": created_before},
            "limit": EVENTS_PER_PAGE,
        }
        if after:
            params["starting_after"] = after
        with errors_ours():
            page = self._sdk.v1.events.list(params)
        return EventPage([event.to_dict() for event in page.data], page.has_more)

    def retrieve(self, event_id: str) -> Mapping[str, Any] | None:
        """The event as a webhook would bring it; None if Stripe has no such event (it keeps 30 days)."""
        try:
            with errors_ours():
                return self._sdk.v1.events.retrieve(event_id).to_dict()
        except ResourceMissing:
            return None
