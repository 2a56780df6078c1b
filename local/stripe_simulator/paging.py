"""Lists as in https://docs.stripe.com/api/pagination: newest first, with object ids as cursors."""

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .errors import invalid, not_simulated, resource_missing
from .objects import Json

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


def paginated(things: Iterable[Json], params: dict[str, Any], url: str) -> Json:
    """One page of ``things``, which are filtered already and come oldest first.

    ``ending_before`` gives the page *before* the cursor, still newest first. That is how the SDK walks a list
    in chronological order.
    """
    newest_first = list(things)[::-1]
    size = page_size(params)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise invalid("You cannot specify both ending_before and starting_after.", "ending_before")
    if before:
        preceding = newest_first[: _position(newest_first, before, "ending_before")]
        data, has_more = preceding[-size:], len(preceding) > size
    else:
        rest = newest_first[_position(newest_first, after, "starting_after") + 1 :] if after else newest_first
        data, has_more = rest[:size], len(rest) > size
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def page_size(params: dict[str, Any]) -> int:
    size: int = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= size <= MAX_LIMIT:
        bound = "greater than or equal to 1" if size < 1 else f"less than or equal to {MAX_LIMIT}"
        raise invalid(f"This value must be {bound}.", "limit", "parameter_invalid_integer")
    return size


def matching(things: Iterable[Json], params: dict[str, Any]) -> Iterator[Json]:
    """The things whose attributes equal the filters: all parameters except those for paging and expansion."""
    filters = {key: value for key, value in params.items() if key not in _NO_FILTERS}
    for key, value in filters.items():
        if isinstance(value, dict) and key != "created":
            raise not_simulated(key)
    return (thing for thing in things if all(_fits(thing, key, value) for key, value in filters.items()))


_NO_FILTERS = {"limit", "starting_after", "ending_before", "expand"}


def _fits(thing: Json, key: str, value: Any) -> bool:
    if key != "created" or isinstance(value, int):
        return bool(thing.get(key) == value)
    return all(_COMPARISONS[name](thing["created"], bound) for name, bound in value.items())


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _position(things: list[Json], cursor: str, param: str) -> int:
    for index, thing in enumerate(things):
        if thing["id"] == cursor:
            return index
    raise resource_missing("object", cursor, param)
