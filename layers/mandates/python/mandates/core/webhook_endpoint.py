"""A webhook endpoint at Stripe, and what its metadata says."""

from collections.abc import Mapping
from dataclasses import dataclass

METADATA_REGISTERED_AS = "registered_as"
METADATA_REPLACES = "replaces"
METADATA_SUBSCRIBED_AT = "subscribed_at"

QUIET_TYPE = "account.application.deauthorized"
"""Sent only to endpoints of a Connect application, which ours are not:
https://docs.stripe.com/api/events/types"""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A webhook endpoint at Stripe. `created` is in epoch seconds."""

    endpoint_id: str
    url: str
    api_version: str | None
    event_types: frozenset[str]
    is_enabled: bool
    created: int
    metadata: Mapping[str, str]

    @property
    def is_quiet(self) -> bool:
        return self.event_types == {QUIET_TYPE}

    @property
    def replaces(self) -> str | None:
        """The endpoint that it was made to replace, in a rotation."""
        return self.metadata.get(METADATA_REPLACES)

    @property
    def subscribed_at(self) -> int:
        since = self.metadata.get(METADATA_SUBSCRIBED_AT, "")
        return int(since) if since.isascii() and since.isdigit() else 0
