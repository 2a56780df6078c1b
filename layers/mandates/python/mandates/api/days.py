"""What a service asks for when it lists what was made on a day."""

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from mandates.api.cursors import from_cursor, page_size
from mandates.core.errors import InvalidRequest
from mandates.store.by_day import DayPosition


class DayAsked(msgspec.Struct, frozen=True):
    """`day` is ISO 8601, in UTC. Without a `status`, all are wanted."""

    day: str
    status: str | None
    limit: int
    after: DayPosition | None

    def wants(self, status: str) -> bool:
        return self.status is None or status == self.status


def day_asked(query: Mapping[str, str], statuses: Iterable[str]) -> DayAsked:
    """Raises an InvalidRequest that names the parameter. `statuses` are those that there are."""
    day, status = query.get("created_on", ""), query.get("status")
    if not _is_day(day):
        raise InvalidRequest("created_on must be a date, such as 2026-11-27")
    if status is not None and status not in set(statuses):
        raise InvalidRequest(f"status must be one of {', '.join(statuses)}")
    after = from_cursor(query.get("cursor"), DayPosition)
    if after and not after.created_at.startswith(day):
        raise InvalidRequest("cursor: it is one of another day")
    return DayAsked(day, status, page_size(query), after)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
