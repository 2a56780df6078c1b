"""The messages in our queues: one JSON object each, with the number of its format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.formats import must_be_known


@dataclass(frozen=True, slots=True)
class MessageKind:
    """`written` is the format of the messages that this release sends; `known` is the newest that it
    reads."""

    name: str
    written: int
    known: int

    def text(self, content: Mapping[str, Any]) -> str:
        return json.dumps({**content, "format": self.written}, separators=(",", ":"))

    def read(self, body: str) -> dict[str, Any] | None:
        """What a message says, with its `format`. None if it is not ours, and never will be.

        Raises NewerFormat if it is ours but for a later release. Then it must stay in a queue.
        """
        try:
            message = json.loads(body)
            if not isinstance(message, dict):
                return None
            must_be_known(f"the message ({self.name})", message.get("format"), self.known)
        except (ValueError, RecursionError):
            return None
        return message


EVENT = MessageKind("a Stripe event", written=1, known=1)
"""What `project` (core/stripe_events/projection.py) keeps of it. receive_webhook, reconcile_events and ops
send it."""

WITHDRAWAL = MessageKind("a withdrawal", written=1, known=1)
"""`mandate_id`: a withdrawn mandate, to be released at Stripe."""

UNPUBLISHED = MessageKind("an unpublished entry", written=1, known=1)
"""A ledger entry that was set aside (ledger/publishing.py)."""

MESSAGE_KINDS = (EVENT, WITHDRAWAL, UNPUBLISHED)
