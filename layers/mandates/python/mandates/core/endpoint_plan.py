"""Which webhook endpoints a stack should have at Stripe, decided from those it has and the secrets it knows.

Nothing is remembered about a deployment or a rotation but what Stripe and the secret itself show, so either
can be broken off anywhere and begun again.

Stripe shows a signing secret only in the answer that creates the endpoint, and can't create one disabled
(https://docs.stripe.com/api/webhook_endpoints/create). So that nothing is signed with a secret we don't know
yet, an endpoint is created quiet: subscribed to one type that is never sent to it. Once its secret is stored
and known, it is subscribed to what it is for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mandates.core.signing_secrets import SigningSecrets

METADATA_REGISTERED_AS = "registered_as"
METADATA_REPLACES = "replaces"
METADATA_SUBSCRIBED_AT = "subscribed_at"

QUIET_TYPE = "account.application.deauthorized"
"""Sent to endpoints of a Connect application alone, which ours are not:
https://docs.stripe.com/api/events/types"""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One at Stripe. `created` in epoch seconds."""

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
        """The endpoint it was made to take over from, by a rotation."""
        return self.metadata.get(METADATA_REPLACES)

    @property
    def subscribed_at(self) -> int:
        since = self.metadata.get(METADATA_SUBSCRIBED_AT, "")
        return int(since) if since.isascii() and since.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    url: str
    api_version: str
    event_types: frozenset[str]


# ------------------------------------------------------------------------------------- a deployment


@dataclass(frozen=True, slots=True)
class Plan:
    """`keep` is empty where a new endpoint has to be created; `remove` goes after that."""

    keep: tuple[WebhookEndpoint, ...]
    remove: tuple[WebhookEndpoint, ...]


def plan(ours: Sequence[WebhookEndpoint], held: SigningSecrets, wanted: Wanted) -> Plan:
    """What a deployment does with the endpoints there are.

    One whose secret we don't know is of no use (its creation's answer was lost), nor is one of another API
    version, which Stripe lets nobody change. A rotation that is under way keeps both of its endpoints.
    """
    usable = [e for e in ours if e.api_version == wanted.api_version and held.knows(e.endpoint_id)]
    keep: tuple[WebhookEndpoint, ...] = ()
    if usable:
        latest = newest(usable)
        keep = (latest, *(e for e in usable if e.endpoint_id == latest.replaces))
    return Plan(keep, tuple(e for e in ours if e not in keep))


def newest(endpoints: Sequence[WebhookEndpoint]) -> WebhookEndpoint:
    """The same for everybody who looks: two that clear up at once must not remove each other's choice."""
    taken_over = {e.replaces for e in endpoints}
    heads = [e for e in endpoints if e.endpoint_id not in taken_over] or endpoints
    return max(heads, key=lambda e: (e.created, e.endpoint_id))


def changes(
    endpoint: WebhookEndpoint, wanted: Wanted, metadata: Mapping[str, str], *, waits: bool
) -> dict[str, Any]:
    """Stripe's parameters that make the endpoint what is wanted; empty if it is that already.

    One that `waits` is the second of a rotation, which subscribes it once its secret is known everywhere.
    """
    needed: dict[str, Any] = {}
    if endpoint.url != wanted.url:
        needed["url"] = wanted.url
    if endpoint.event_types != wanted.event_types and not waits:
        needed["enabled_events"] = sorted(wanted.event_types)
    if not endpoint.is_enabled:
        needed["disabled"] = False
    if not metadata.items() <= endpoint.metadata.items():
        needed["metadata"] = dict(metadata)
    return needed


# --------------------------------------------------------------------------------------- a rotation


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds. `known`: until every container must have read the new secret. `overlap`: both endpoints get
    every event, so that what the first was sent last has been delivered. `kept`: how long after the first
    endpoint's end its secret stays valid."""

    known: int
    overlap: int
    kept: int


@dataclass(frozen=True, slots=True)
class Create:
    like: WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    second: WebhookEndpoint
    like: WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Remove:
    endpoints: tuple[WebhookEndpoint, ...]


@dataclass(frozen=True, slots=True)
class Retire:
    """The endpoint is gone at Stripe, and its secret still counts as its own."""

    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Take out the secrets of endpoints that went at or before `before`."""

    before: float


Step = Create | Pause | Subscribe | Remove | Retire | Drop


def next_step(ours: Sequence[WebhookEndpoint], held: SigningSecrets, now: float, pauses: Pauses) -> Step:
    """What a rotation does next. Whoever began it, it goes on from what is there.

    Create is its first step; after Remove or Drop it means that there is nothing left to do.
    Raises ValueError if there is no subscribed endpoint to begin with.
    """
    unusable = tuple(e for e in ours if e.is_quiet and not held.knows(e.endpoint_id))
    if unusable:
        return Remove(unusable)
    there = {e.endpoint_id for e in ours}
    seconds = [e for e in ours if e.replaces in there and held.knows(e.endpoint_id)]
    if seconds:
        return _with_both(newest(seconds), ours, held, now, pauses)
    subscribed = [e for e in ours if not e.is_quiet]
    if not subscribed:
        raise ValueError("this stack has no webhook endpoint at Stripe that is subscribed to its events")
    latest = newest(subscribed)
    left = held.entry(latest.replaces) if latest.replaces else None
    if left is None:
        return Create(latest)
    if left.removed_at is None:
        return Retire(left.endpoint_id)
    waits = _rest(left.removed_at, pauses.kept, now)
    if waits:
        return Pause(waits, "deliveries signed for the first endpoint may still be under way")
    return Drop(left.removed_at)


def _with_both(
    second: WebhookEndpoint, ours: Sequence[WebhookEndpoint], held: SigningSecrets, now: float, pauses: Pauses
) -> Step:
    if second.is_quiet:
        entry = held.entry(second.endpoint_id)
        waits = _rest(entry.stored_at if entry else 0, pauses.known, now)
        if waits:
            return Pause(waits, "every container must have read the new secret before it signs anything")
        return Subscribe(second, next(e for e in ours if e.endpoint_id == second.replaces))
    waits = _rest(second.subscribed_at, pauses.overlap, now)
    if waits:
        return Pause(waits, "the last events for the first endpoint are still being delivered")
    return Remove(tuple(e for e in ours if e != second))


def _rest(since: int, pause: int, now: float) -> float:
    """What is left of a pause; never more than all of it, whatever a clock says."""
    return max(0.0, min(pause, since + pause - now))
