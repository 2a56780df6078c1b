"""The messages of the Stripe work queue: a withdrawn mandate, to be released at Stripe (releasing.py)."""

from mandates.core.ids import is_mandate_id
from mandates.core.messages import WITHDRAWAL


def release_message(mandate_id: str) -> str:
    """The message body that `mandate_to_release` reads."""
    return WITHDRAWAL.text({"mandate_id": mandate_id})


def mandate_to_release(body: str) -> str | None:
    """The mandate that a message is about; None if it is not one of ours, and never will be.

    Raises NewerFormat."""
    message = WITHDRAWAL.read(body)
    mandate_id = message.get("mandate_id") if message else None
    return mandate_id if is_mandate_id(mandate_id) else None
