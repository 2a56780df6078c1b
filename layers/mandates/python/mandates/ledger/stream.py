"""A table's stream: the entries of chains as they are added.

Two functions read that of the mandates table independently (`publish_changes`, `queue_withdrawals`). DynamoDB
allows no more: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mandates.core.formats import must_be_known
from mandates.core.ledger import FORMAT, Entry
from mandates.core.mandate import Status

ENTRY_PREFIX = "entry#"
"""The prefix of an entry's sort key, in either table. The event source mappings filter by it, too."""

Image = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Added:
    """An entry that is not parsed yet: `record` is its sort key, `image` its item in DynamoDB's notation."""

    sequence_number: str
    mandate_id: str
    record: str
    image: Image

    @property
    def is_withdrawn(self) -> bool:
        return self.image.get("status") == {"S": Status.REVOKED}


def added_entries(stream_records: Iterable[Mapping[str, Any]]) -> list[Added]:
    """The added entries among the records of a stream batch."""
    found: list[Added] = []
    for stream_record in stream_records:
        change = stream_record["dynamodb"]
        record = change["Keys"]["record"]["S"]
        if stream_record["eventName"] == "INSERT" and record.startswith(ENTRY_PREFIX):
            mandate_id = change["Keys"]["mandate_id"]["S"]
            found.append(Added(str(change["SequenceNumber"]), mandate_id, record, change["NewImage"]))
    return found


def must_be_readable(image: Image) -> int:
    """The format of an entry. Raises NewerFormat, KeyError or ValueError."""
    number = int(image["format"]["N"])
    must_be_known(f"the ledger entry {image['record']['S']} of {image['mandate_id']['S']}", number, FORMAT)
    return number


def entry_in(image: Image) -> Entry:
    """An entry of a mandate's ledger from its item, as store/tables.py lays it out.

    Raises NewerFormat, KeyError, TypeError or ValueError.
    """
    return Entry(
        format=must_be_readable(image),
        mandate_id=image["mandate_id"]["S"],
        number=int(image["number"]["N"]),
        recorded_at=image["recorded_at"]["S"],
        source=image["source"]["S"],
        facts=tuple(json.loads(image["facts"]["S"])),
        status=image["status"]["S"],
        text=image["text"]["S"] if "text" in image else None,
        commitments=json.loads(image["commitments"]["S"]),
        previous_hash=image["previous_hash"]["S"],
        hash=image["hash"]["S"],
    )
