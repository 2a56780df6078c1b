"""The keys of the indexes that find what was made on a day (UTC).

A day has four partitions, so that not all of its writes meet in one. A key is made from an id and a time of
creation, so it never changes.
"""

from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

SHARDS = "abcd"


class ByCreatedOn(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Finds what was made on a day: mandates; charges, and movements under keys of their own. It is never
    read to decide anything."""

    class Meta:
        index_name = "by_created_on"
        projection = IncludeProjection(["format"])

    created_on = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


def shard_of(id_: str) -> str:
    """A mandate's id ends in chance, a charge's in a hash, so their last characters spread evenly."""
    return SHARDS[ord(id_[-1]) % len(SHARDS)]


def created_on(day: str, shard: str) -> str:
    """A key of the index. `day` is ISO 8601, in UTC."""
    return f"{day}#{shard}"


def day_key(id_: str, created_at: str) -> str:
    """The key of what has that id and was made then (RFC 3339, in UTC)."""
    return created_on(created_at[:10], shard_of(id_))
