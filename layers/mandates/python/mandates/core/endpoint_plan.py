"""Decides which webhook endpoints a stack should have at Stripe, from those it has and the secrets it knows.

Nothing is remembered about a deployment or a rotation except what Stripe and the secret itself show. So
either can be interrupted anywhere and begun again.

Stripe shows a signing secret only in the answer that creates the endpoint, and can't create a disabled
endpoint (https://docs.stripe.com/api/webhook_endpoints/create). Nothing may be signed with a secret that we
don't know yet. So an endpoint is created quiet: subscribed to one type that is never sent to it. Once its
secret is stored and known everywhere, it is subscribed to the types that it is for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mandates.core.signing_secrets import SigningSecrets
from mandates.core.webhook_endpoint import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Wanted:
    url: str
    api_version: str
    event_types: frozenset[str]


# ------------------------------------------------------------------------------------- a deployment


@dataclass(frozen=True, slots=True)
class Plan:
    """`keep` is empty if a new endpoint has to be created. `remove` is removed after that."""

    keep: tuple[WebhookEndpoint, ...]
    remove: tuple[WebhookEndpoint, ...]


def plan(ours: Sequence[WebhookEndpoint], held: SigningSecrets, wanted: Wanted) -> Plan:
    """What a deployment does with the existing endpoints.

    An endpoint whose secret we don't know is useless (the answer that created it was lost). So is one of
    another API version, which Stripe does not let anybody change. A rotation under way keeps both of its
    endpoints.
    """
    usable = [e for e in ours if e.api_version == wanted.api_version and held.knows(e.endpoint_id)]
    keep: tuple[WebhookEndpoint, ...] = ()
    if usable:
        latest = newest(usable)
        keep = (latest, *(e for e in usable if e.endpoint_id == latest.replaces))
    return Plan(keep, tuple(e for e in ours if e not in keep))


def newest(endpoints: Sequence[WebhookEndpoint]) -> WebhookEndpoint:
    """Everybody gets the same one: two cleanups at once must not remove each other's choice."""
    taken_over = {e.replaces for e in endpoints}
    heads = [e for e in endpoints if e.endpoint_id not in taken_over] or endpoints
    return max(heads, key=lambda e: (e.created, e.endpoint_id))


def changes(
    endpoint: WebhookEndpoint, wanted: Wanted, metadata: Mapping[str, str], *, waits: bool
) -> dict[str, Any]:
    """Stripe's parameters that make the endpoint what is wanted; empty if it already is.

    An endpoint that `waits` is the second of a rotation, which subscribes it once its secret is known
    everywhere.
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
    """In seconds. `known`: until every container must have read the new secret. `overlap`: both endpoints get
    every event, until the last events for the first one are delivered. `kept`: how long after the first
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
    """The endpoint is gone at Stripe, but its secret still counts as its own."""

    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Take out the secrets of endpoints that went at or before `before`."""

    before: float


RotationStep = Create | Pause | Subscribe | Remove | Retire | Drop


def rotation_step(
    ours: Sequence[WebhookEndpoint], held: SigningSecrets, now: float, pauses: Pauses
) -> RotationStep:
    """What a rotation does next. It goes on from what exists, whoever began it.

    Create is its first step; after Remove or Drop it means that nothing is left to do.
    Raises ValueError if no endpoint is subscribed at the start.
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
    left = held.endpoint(latest.replaces) if latest.replaces else None
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
) -> RotationStep:
    if second.is_quiet:
        known = held.endpoint(second.endpoint_id)
        waits = _rest(known.stored_at if known else 0, pauses.known, now)
        if waits:
            return Pause(waits, "every container must have read the new secret before it signs anything")
        return Subscribe(second, next(e for e in ours if e.endpoint_id == second.replaces))
    waits = _rest(second.subscribed_at, pauses.overlap, now)
    if waits:
        return Pause(waits, "the last events for the first endpoint are still being delivered")
    return Remove(tuple(e for e in ours if e != second))


def _rest(since: int, pause: int, now: float) -> float:
    """The rest of a pause; never more than the whole pause, whatever a clock says."""
    return max(0.0, min(pause, since + pause - now))
