"""Turns Stripe's signed request into a queue message: verified, checked for shape, and reduced.

It uses only the standard library: the function that answers Stripe must start fast and has nothing else to
do.
"""

import json
from collections.abc import Mapping
from typing import Any

from mandates.core import strict_json
from mandates.core.clock import Clock
from mandates.core.ids import MAX_ID_LENGTH, is_stripe_id
from mandates.core.messages import EVENT
from mandates.core.signature import NoMatchingSignature, SignatureRefused, valid_secrets, verify
from mandates.core.stripe_events.projection import (
    MAX_TYPE_LENGTH,
    is_event_type,
    is_foreign_payment,
    project,
)
from mandates.runtime.secret_values import Secret

MAX_BODY_BYTES = 1024 * 1024


class EventRefused(Exception):
    """The request is signed, but is not an event. The message says why; `code` is stable."""

    code = "invalid_event"


class BodyTooLarge(EventRefused):
    code = "request_too_large"


def webhook_secrets(text: str) -> tuple[str, ...]:
    """The secret's value: `{"secrets": ["whsec_…", …]}`, several of which may be valid at once.

    Raises ValueError for anything else: only a signing secret may ever verify a signature.
    """
    return valid_secrets(json.loads(text))


def accept(
    payload: bytes,
    headers: Mapping[str, str],
    secrets: Secret[tuple[str, ...]],
    clock: Clock,
    *,
    owner_mark: str,
) -> str | None:
    """The message to queue for a webhook request; None if it is about somebody else's payment.

    Header names must be in lower case. `owner_mark` is the stack's.

    Raises SignatureRefused or EventRefused, or whatever reading the secret raises.
    """
    if len(payload) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
    header = headers.get("stripe-signature")
    known = secrets.get()
    try:
        verify(payload, header, known, clock())
    except NoMatchingSignature:  # a secret may have been added since they were last read
        verify(payload, header, secrets.newer_than(known) or (), clock())
    event = _event(payload)
    return None if is_foreign_payment(event, owner_mark) else message_of(event)


def message_of(event: Mapping[str, Any]) -> str:
    """The message queued for an event, wherever the event comes from."""
    return EVENT.text(project(event))


def _event(payload: bytes) -> dict[str, Any]:
    try:
        event = strict_json.parsed(payload.decode())
    except UnicodeDecodeError:
        raise EventRefused("the body is not UTF-8") from None
    except strict_json.FieldGivenTwice as twice:
        raise EventRefused(str(twice)) from None
    except (ValueError, RecursionError):
        raise EventRefused("the body is not JSON") from None
    if not isinstance(event, dict):
        raise EventRefused("the body is not a JSON object")
    if not is_stripe_id(event.get("id")):
        raise EventRefused(f"the event's id must be 1 to {MAX_ID_LENGTH} letters, digits and underscores")
    if not is_event_type(event.get("type")):
        raise EventRefused(f"the event's type must be a text of 1 to {MAX_TYPE_LENGTH} characters")
    return event


__all__ = ["BodyTooLarge", "EventRefused", "SignatureRefused", "accept", "message_of", "webhook_secrets"]
