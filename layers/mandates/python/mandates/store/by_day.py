"""What was made on a day (UTC), newest first, page by page.

An index finds it, and may lack what was just made. The heads are then read strongly consistently.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Annotated

import msgspec

from mandates.core.charging.head import Charge
from mandates.core.mandate import Mandate
from mandates.store.audit_reads import charges_by_id
from mandates.store.charge_items import ChargeRow
from mandates.store.conflicts import until_no_conflict
from mandates.store.days import SHARDS, ByCreatedOn, created_on, day_key
from mandates.store.dynamodb import RawItem, query_raw, update
from mandates.store.item_formats import Item
from mandates.store.mandates import read_heads
from mandates.store.tables import HeadRow


class DayPosition(msgspec.Struct, frozen=True):
    """A place in the list of a day: after the one with this id, made at `created_at` (RFC 3339)."""

    created_at: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


def mandates_of_day(
    day: str, limit: int, after: DayPosition | None
) -> tuple[list[Mandate], DayPosition | None]:
    """Up to `limit` mandates made on the day (ISO 8601), and where to continue (None at the end)."""
    mandate_ids, position = _page(HeadRow, day, limit, after, lambda item: item["mandate_id"]["S"])
    heads = read_heads(mandate_ids)
    return [heads[mandate_id] for mandate_id in mandate_ids if mandate_id in heads], position


def charges_of_day(
    day: str, limit: int, after: DayPosition | None
) -> tuple[list[Charge], DayPosition | None]:
    """As `mandates_of_day`. Leaves out charges that were altered so that they can't be read."""

    def id_of(item: RawItem) -> str:
        return str(item["record"]["S"]).removeprefix(ChargeRow.PREFIX)

    charge_ids, position = _page(ChargeRow, day, limit, after, id_of)
    found = charges_by_id(charge_ids)
    return [found[charge_id] for charge_id in charge_ids if charge_id in found], position


def put_on_its_day(mandate_id: str, created_at: str) -> None:
    """Let a day list the mandate. Raises Busy."""
    still_there = HeadRow.created_at == created_at
    day = [HeadRow.created_on.set(day_key(mandate_id, created_at))]
    until_no_conflict(lambda: update(HeadRow, (mandate_id, HeadRow.RECORD), day, still_there))


def _page(
    kind: type[Item], day: str, limit: int, after: DayPosition | None, id_of: Callable[[RawItem], str]
) -> tuple[list[str], DayPosition | None]:
    """Ids. The position is that of the last one, so what is made meanwhile moves nothing."""
    shards = (_of_shard(kind, created_on(day, shard), limit + 1, after, id_of) for shard in SHARDS)
    newest_first = heapq.merge(*shards, reverse=True)
    following = (made for made in newest_first if after is None or made < (after.created_at, after.id))
    page = list(islice(following, limit))
    more = next(following, None) is not None
    return [id_ for _, id_ in page], DayPosition(*page[-1]) if more else None


def _of_shard(
    kind: type[Item], key: str, at_a_time: int, after: DayPosition | None, id_of: Callable[[RawItem], str]
) -> Iterator[tuple[str, str]]:
    """Times and ids, newest first. DynamoDB leaves open in which order it gives those of the same time."""
    which = ByCreatedOn.created_on == key
    if after:
        which &= ByCreatedOn.created_at <= after.created_at
    items = query_raw(kind, which, index=HeadRow.by_created_on, newest_first=True, at_a_time=at_a_time)
    for created_at, made_then in groupby(items, key=lambda item: str(item["created_at"]["S"])):
        yield from sorted(((created_at, id_of(item)) for item in made_then), reverse=True)
