"""The messages of the Stripe work queue: a withdrawn mandate, to be ended at Stripe (settling.py)."""

import json

from mandates.core.ids import is_mandate_id


def to_settle(mandate_id: str) -> str:
    """The body that `mandate_to_settle` reads."""
    return json.dumps({"mandate_id": mandate_id})


def mandate_to_settle(body: str) -> str | None:
    """The mandate that a message is about; None if it is not one of ours, and never will be."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    mandate_id = message.get("mandate_id") if isinstance(message, dict) else None
    return mandate_id if is_mandate_id(mandate_id) else None
