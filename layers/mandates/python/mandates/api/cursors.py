"""Opaque cursors: where a list goes on, in a form that callers return and need not understand."""

import base64
import binascii

import msgspec

from mandates.core.errors import InvalidRequest

MAX_LENGTH = 500


def to_cursor(position: object) -> str:
    """A dataclass's fields as URL-safe text. Nothing in it is secret: it is the caller's own list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def from_cursor[Position](cursor: str | None, kind: type[Position]) -> Position | None:
    """The position; None without a cursor, or for an empty one. Raises InvalidRequest if it is not ours."""
    if not cursor:
        return None
    try:
        if len(cursor) > MAX_LENGTH:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidRequest("cursor: send the next_cursor of an answer unchanged, or leave it out") from None
