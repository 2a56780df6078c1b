"""A stack's webhook endpoint at Stripe: its deployment registers it, its operator rotates its secret."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mandates.core import endpoint_plan as core
from mandates.core.clock import Clock, Sleep
from mandates.core.endpoint_plan import Create, Drop, Pause, Pauses, Remove, Retire, Subscribe, Wanted
from mandates.core.errors import MandatesError, StripeUnavailable
from mandates.core.signing_secrets import SigningSecrets
from mandates.core.stripe_events.projection import METADATA_OWNER_MARK
from mandates.core.webhook_endpoint import (
    METADATA_REGISTERED_AS,
    METADATA_REPLACES,
    METADATA_SUBSCRIBED_AT,
    QUIET_TYPE,
    WebhookEndpoint,
)
from mandates.gateway.error_mapping import KeyLacksPermission, KeyRefused, RequestRejected
from mandates.gateway.webhook_endpoints import EndpointGone, StripeWebhookEndpoints
from mandates.runtime.secret_values import KEPT_SECONDS, SOONEST_REFETCH_SECONDS
from mandates.webhooks.secret_store import WebhookSecrets

Say = Callable[[str], None]

KNOWN_SECONDS = SOONEST_REFETCH_SECONDS + 5
"""After this time no container refuses what is signed with a stored secret: a container that has not read it
yet may look for it. The five seconds are for work that began before."""

KEPT_AFTER_REMOVAL_SECONDS = 300
"""After this a signature is refused for its age (core/signature.py), and Stripe retries nothing for a removed
endpoint: https://docs.stripe.com/webhooks"""

OWNER_MARK = "OwnerMark"
"""The resource's property, one of those remembered as registered."""

ROTATION = Pauses(known=KEPT_SECONDS, overlap=60, kept=KEPT_AFTER_REMOVAL_SECONDS)
"""A container keeps the secrets for five minutes if it has no reason to look. A minute after the second
endpoint is subscribed, events that only the first was sent have been delivered, or wait to be retried."""


class WebhookEndpoints:
    """The endpoints that carry the stack's owner mark, and no others.

    `go_on` is called before every effect and may raise, so that nothing begins too late.
    """

    def __init__(
        self,
        at_stripe: StripeWebhookEndpoints,
        secrets: WebhookSecrets,
        owner_mark: str,
        *,
        clock: Clock,
        sleep: Sleep,
        say: Say,
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._at_stripe = at_stripe
        self._secrets = secrets
        self._owner_mark = owner_mark
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._go_on = go_on

    # --------------------------------------------------------------------------------- a deployment

    def register(
        self, wanted: Wanted, registered_as: str, registered: Mapping[str, Any], request: str
    ) -> None:
        """Make Stripe send this stack exactly what is wanted, signed with a secret it knows. Safe to repeat.

        `registered_as` is the name under which the endpoint is removed. `registered` is remembered once
        everything is done. `request` names the request that this is for, so that a repeated creation is the
        same creation.

        Raises ValueError if something is registered under another mark.
        """
        metadata = {METADATA_OWNER_MARK: self._owner_mark, METADATA_REGISTERED_AS: registered_as}
        ours, held = self._ours(), self._secrets.read()
        marked = held.registered.get(OWNER_MARK, self._owner_mark)
        if marked != self._owner_mark:
            raise ValueError(
                f"everything this stack has at Stripe is marked with {marked}, and would belong to no stack"
                f" under another mark: set the parameter OwnerMark to that"
            )
        plan = core.plan(ours, held, wanted)
        keep = plan.keep
        if not keep:
            made = self._create(wanted.url, wanted.api_version, metadata, key=f"{request} {_ids(ours)}")
            keep = (made,)
            if any(held.knows(e.endpoint_id) for e in ours):
                self._say("waiting until no container refuses what the new endpoint sends")
                self._sleep(KNOWN_SECONDS)
        kept = {e.endpoint_id for e in keep}
        for endpoint in keep:
            waits = endpoint.is_quiet and endpoint.replaces in kept
            if needed := core.changes(endpoint, wanted, metadata, waits=waits):
                self._go_on()
                self._at_stripe.update(endpoint.endpoint_id, needed)
                self._say(f"updated the webhook endpoint {endpoint.endpoint_id}: {', '.join(sorted(needed))}")
        if len(keep) > 1:
            self._say("a rotation of the webhook secret is under way: rotate-webhook-secret will finish it")
        self._remove(plan.remove)
        self._tidy(registered, ours, {e.endpoint_id for e in plan.remove})

    def remove(self, registered_as: str) -> None:
        """Remove what was registered under this name, unless it was registered again under another name."""
        self._remove(
            tuple(e for e in self._ours() if e.metadata.get(METADATA_REGISTERED_AS) == registered_as)
        )

    def _tidy(self, registered: Mapping[str, Any], seen: list[WebhookEndpoint], removed: set[str]) -> None:
        """Remember what was done. Take out the secrets of endpoints that have been gone for long enough."""
        now = self._clock()
        long_ago = now - KEPT_AFTER_REMOVAL_SECONDS
        there = {e.endpoint_id for e in seen}

        def tidied(held: SigningSecrets) -> SigningSecrets:
            # A secret stored just now may belong to another run, which created its endpoint after we looked.
            gone = {e.endpoint_id for e in held.endpoints if e.stored_at < long_ago} - there
            kept = held.removed(gone | removed, int(now)).without_removed(long_ago)
            return replace(kept, registered=registered)

        self._go_on()
        self._secrets.change(tidied)

    # ----------------------------------------------------------------------------------- a rotation

    def rotate(self, pauses: Pauses = ROTATION) -> None:
        """Replace the signing secret without refusing a delivery. It continues an earlier, interrupted
        rotation.

        Raises ValueError if the stack has no endpoint; EndpointGone if somebody has removed it meanwhile.
        """
        ending = False
        while True:
            ours = self._ours()  # before the secrets: an endpoint made in between must not look like a stray
            match core.rotation_step(ours, self._secrets.read(), self._clock(), pauses):
                case Create() if ending:
                    break
                case Create(first):
                    self._second(first)
                case Pause(seconds, reason):
                    self._say(f"waiting {seconds:.0f} s: {reason}")
                    self._sleep(seconds)
                case Subscribe(second, first):
                    self._subscribe(second, first)
                case Remove(endpoints):
                    self._remove(endpoints)
                    ending = ending or any(not e.is_quiet for e in endpoints)
                case Retire(endpoint_id):
                    self._secrets.change(partial(_retired, {endpoint_id}, int(self._clock())))
                    ending = True
                case Drop(before):
                    self._secrets.change(partial(_dropped, before))
                    self._say("the first endpoint's secret is no longer accepted")
                    ending = True
        if by_hand := self._secrets.read().by_hand:
            self._say(f"{by_hand} more secrets belong to no endpoint of this stack and were left as they are")

    def _second(self, first: WebhookEndpoint) -> None:
        marks = (METADATA_OWNER_MARK, METADATA_REGISTERED_AS)
        metadata = {name: first.metadata[name] for name in marks if name in first.metadata}
        self._create(
            first.url,
            first.api_version,
            {**metadata, METADATA_REPLACES: first.endpoint_id},
            key=f"rotation at {self._clock()} of {first.endpoint_id}",
        )

    def _subscribe(self, second: WebhookEndpoint, first: WebhookEndpoint) -> None:
        self._at_stripe.update(
            second.endpoint_id,
            {
                "url": first.url,
                "enabled_events": sorted(first.event_types),
                "metadata": {METADATA_SUBSCRIBED_AT: str(int(self._clock()))},
            },
        )
        self._say(f"{second.endpoint_id} is subscribed: for a moment both endpoints get every event")

    # --------------------------------------------------------------------------------------- effects

    def _ours(self) -> list[WebhookEndpoint]:
        self._go_on()
        found = self._at_stripe.list_all()
        return [e for e in found if e.metadata.get(METADATA_OWNER_MARK) == self._owner_mark]

    def _create(
        self, url: str, api_version: str | None, metadata: Mapping[str, str], *, key: str
    ) -> WebhookEndpoint:
        """Create an endpoint that gets no events yet, and store its secret beside the others."""
        params = {"url": url, "enabled_events": [QUIET_TYPE], "metadata": metadata}
        self._go_on()
        created, secret = self._at_stripe.create(
            params | ({"api_version": api_version} if api_version else {}),
            idempotency_key=hashlib.sha256(key.encode()).hexdigest(),
        )
        self._say(f"created the webhook endpoint {created.endpoint_id}")
        self._secrets.change(lambda held: held.with_secret(created.endpoint_id, secret, int(self._clock())))
        self._say("stored its signing secret")
        return created

    def _remove(self, endpoints: tuple[WebhookEndpoint, ...]) -> None:
        """Stripe's retries end with their endpoint. reconcile_events fetches what was left undelivered."""
        for endpoint in endpoints:
            self._go_on()
            self._at_stripe.delete(endpoint.endpoint_id)
            self._say(f"removed the webhook endpoint {endpoint.endpoint_id}")


def explain(error: Exception) -> str:
    """What went wrong and what to do about it, for an operator. It quotes no service's message and no key."""
    match error:
        case KeyRefused():
            return (
                "Stripe does not accept the API key. Put a valid one into the secret StripeApiKeySecretArn"
                " names; its whole value is the key."
            )
        case KeyLacksPermission():
            return (
                "The Stripe API key may not manage webhook endpoints. Give the restricted key the permission"
                " 'Webhook Endpoints: write'."
            )
        case EndpointGone():
            return f"{error}. Run it again."
        case RequestRejected():
            return (
                f"Stripe refuses the webhook endpoint (code {error.extra.get('stripe_code')}, parameter"
                f" {error.param}). A live key requires an https address; an account may have 16 endpoints."
            )
        case StripeUnavailable():
            return "Stripe can't be reached or is busy. Nothing is lost: try again later."
        case MandatesError() | TimeoutError():
            return str(error)
        case ValueError():
            return f"{error}. See docs/deploying.md, The webhook endpoint."
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    if code:
        operation = getattr(error, "operation_name", "a call to AWS")
        return f"AWS refused {operation}: {code}. Does the secret exist, in this account and region?"
    return f"{type(error).__name__}. The function's log has more."


def _retired(endpoint_ids: set[str], now: int, held: SigningSecrets) -> SigningSecrets:
    return held.removed(endpoint_ids, now)


def _dropped(before: float, held: SigningSecrets) -> SigningSecrets:
    return held.without_removed(before)


def _ids(endpoints: list[WebhookEndpoint]) -> str:
    return " ".join(sorted(e.endpoint_id for e in endpoints))
