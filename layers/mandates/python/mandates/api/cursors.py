"""Pages of a list: how many items, and opaque cursors that say where it goes on."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from mandates.core.errors import InvalidRequest

MAX_LENGTH = 500
MOST_PER_PAGE = 100


def page_size(query: Mapping[str, str]) -> int:
    """The query parameter `limit`, 20 if there is none. Raises an InvalidRequest that names it."""
    wanted = query.get("limit", "20")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 3 and 1 <= int(wanted) <= MOST_PER_PAGE):
        raise InvalidRequest(f"limit must be a whole number from 1 to {MOST_PER_PAGE}")
    return int(wanted)


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
