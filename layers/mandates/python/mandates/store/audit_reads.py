"""What the audit reads of many charges at once."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mandates.core.charging.head import Charge
from mandates.core.clock import Instant
from mandates.store.charge_items import ChargeRow
from mandates.store.charge_rows import SHARDS, charge_key, charge_of, created_on
from mandates.store.dynamodb import query_raw, read_raw
from mandates.store.raw_items import ALTERED_ITEMS_RAISE

_DAY = 86_400


def charges_by_id(charge_ids: Iterable[str]) -> dict[str, Charge]:
    """Those of these charges that exist and can be read. Read strongly consistently. Raises NewerFormat."""
    found: dict[str, Charge] = {}
    for _, item in read_raw((ChargeRow, charge_key(charge_id)) for charge_id in charge_ids):
        try:
            charge = charge_of(ChargeRow.from_raw_data(item))
        except ALTERED_ITEMS_RAISE:
            continue  # one that was altered must not hide the others
        found[charge.charge_id] = charge
    return found


def charges_created_between(start: int, stop: int) -> Iterator[str]:
    """The ids of the charges made from `start` until just before `stop` (epoch seconds), day by day and shard
    by shard. The index may lack one that was just made."""
    day = start - start % _DAY
    while day < stop:
        date = datetime.fromtimestamp(day, UTC).date().isoformat()
        first, last = max(start, day), min(stop, day + _DAY) - 0.001  # times are stored in milliseconds
        for shard in SHARDS:
            which = (ChargeRow.created_on == created_on(date, shard)) & ChargeRow.created_at.between(
                Instant(first).text, Instant(last).text
            )
            for item in query_raw(ChargeRow, which, index=ChargeRow.by_created_on):
                yield item["record"]["S"].removeprefix(ChargeRow.PREFIX)
        day += _DAY
