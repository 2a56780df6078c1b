"""The messages of the Stripe work queue: background work, whose `kind` says what is to be done."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.ids import is_mandate_id
from mandates.core.messages import Content, MessageKind, json_object


class WorkKind(MessageKind):
    """A kind of work. Its messages have the name as their `kind`."""

    def text(self, content: Content) -> str:
        return super().text({**content, "kind": self.name})

    def checked(self, message: dict[str, Any]) -> dict[str, Any] | None:
        return super().checked(message) if _kind_of(message) == self.name else None


def _names_a_mandate(content: Content) -> bool:
    return is_mandate_id(content.get("mandate_id"))


RELEASE = WorkKind("release", written=1, known=1, is_ours=_names_a_mandate)
"""`mandate_id`: a withdrawn mandate, to be released at Stripe (revocation/releasing.py)."""

WORK_KINDS: Mapping[str, WorkKind] = {kind.name: kind for kind in (RELEASE,)}


@dataclass(frozen=True, slots=True)
class Work:
    """What a message asks for. `content` are all its members."""

    kind: str
    content: Content


def read_work(body: str) -> Work | None:
    """None if the message is not one of ours, and never will be.

    Raises NewerFormat if a later release sent it: in a newer format, or of a kind that this release does not
    know. It must stay in a queue.
    """
    message = json_object(body)
    name = None if message is None else _kind_of(message)
    if message is None or name is None:
        return None
    kind = WORK_KINDS.get(name) or WorkKind(name, written=0, known=0)  # no format of that kind is known
    content = kind.checked(message)
    return None if content is None else Work(name, content)


def _kind_of(message: Content) -> str | None:
    """None if the `kind` can't be the name of one. Release 0.1.0 sends none, and asks for nothing but
    releases."""
    kind = message.get("kind", RELEASE.name)
    return kind if isinstance(kind, str) and _KIND.fullmatch(kind) else None


_KIND = re.compile(r"[a-z][a-z_]{0,39}")
