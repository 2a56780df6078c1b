"""The messages in our queues: one JSON object each, with the number of its format."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.formats import must_be_known
from mandates.core.ids import is_stripe_id

Content = Mapping[str, Any]


@dataclass(frozen=True)
class MessageKind:
    """`written` is the format of the messages that this release sends, `known` the newest that it reads.

    `is_ours` tells whether a release of ours could have sent such content.
    """

    name: str
    written: int
    known: int
    is_ours: Callable[[Content], bool] = lambda _content: True

    def text(self, content: Content) -> str:
        return json.dumps({**content, "format": self.written}, separators=(",", ":"))

    def read(self, body: str) -> dict[str, Any] | None:
        """What a message says, with its `format`. None if it is not ours, and never will be.

        Raises NewerFormat if it is ours but for a later release. Then it must stay in a queue.
        """
        message = json_object(body)
        return None if message is None else self.checked(message)

    def checked(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The same for a message that has been parsed."""
        try:
            must_be_known(f"the message ({self.name})", message.get("format"), self.known)
        except ValueError:
            return None
        return message if self.is_ours(message) else None


def json_object(body: str) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _has_an_id(event: Content) -> bool:
    """An id that can't be a key must not get among the keys that a batch reads in one call."""
    return is_stripe_id(event.get("id"))


EVENT = MessageKind("a Stripe event", written=1, known=1, is_ours=_has_an_id)
"""What `project` (core/stripe_events/projection.py) keeps of it. receive_webhook, reconcile_events and ops
send it."""

UNPUBLISHED = MessageKind("an unpublished entry", written=1, known=1)
"""A ledger entry that was set aside (ledger/publishing.py)."""
