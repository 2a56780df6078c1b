"""The messages of the charge queue: a charge that somebody has to look at."""

from dataclasses import dataclass

from mandates.core.charging.ids import CHARGE_ID
from mandates.core.facts import is_time
from mandates.core.messages import Content, MessageKind


@dataclass(frozen=True, slots=True)
class DueMessage:
    """`due_at` is since when the charge was due, `until` when it is due again (both epoch seconds).

    If the charge is due even later, somebody looked at it meanwhile, and the message is obsolete.
    """

    charge_id: str
    due_at: int
    until: int

    @property
    def text(self) -> str:
        return ADVANCE.text({"charge_id": self.charge_id, "due_at": self.due_at, "until": self.until})


def _names_a_charge(content: Content) -> bool:
    charge_id = content.get("charge_id")
    named = isinstance(charge_id, str) and CHARGE_ID.fullmatch(charge_id) is not None
    return named and is_time(content.get("due_at")) and is_time(content.get("until"))


ADVANCE = MessageKind("a due charge", written=1, known=1, is_ours=_names_a_charge)
"""queue_due_charges sends it, advance_charges receives it."""


def read_due(body: str) -> DueMessage | None:
    """None if the message is not one of ours, and never will be. Raises NewerFormat."""
    message = ADVANCE.read(body)
    if message is None:
        return None
    return DueMessage(message["charge_id"], message["due_at"], message["until"])
