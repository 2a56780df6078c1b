"""What the audit and the export read of many charges at once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import batched

from mandates.core.charging.head import Charge
from mandates.core.charging.movements import Movement
from mandates.core.clock import Instant
from mandates.store.audit_items import MovementRow
from mandates.store.charge_items import ChargeRow
from mandates.store.charge_rows import charge_key, charge_of
from mandates.store.days import SHARDS, created_on
from mandates.store.dynamodb import query_raw, read_raw
from mandates.store.movements import movement_of
from mandates.store.raw_items import ALTERED_ITEMS_RAISE

_DAY = 86_400
_AT_A_TIME = 100


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
    for _, record in _made_between(start, stop, created_on):
        yield record.removeprefix(ChargeRow.PREFIX)


def movements_created_between(start: int, stop: int) -> Iterator[Movement]:
    """What was moved from `start` until just before `stop` (epoch seconds), whenever its charge was made. Day
    by day, not in order within a day. An item that was altered is left out."""
    for keys in batched(_made_between(start, stop, MovementRow.of_day), _AT_A_TIME, strict=False):
        for _, item in read_raw((MovementRow, key) for key in keys):
            with suppress(*ALTERED_ITEMS_RAISE):
                yield movement_of(MovementRow.from_raw_data(item))


def _made_between(start: int, stop: int, key_of_day: Callable[[str, str], str]) -> Iterator[tuple[str, str]]:
    """The tables' keys of what the index has."""
    day = start - start % _DAY
    while day < stop:
        date = datetime.fromtimestamp(day, UTC).date().isoformat()
        first, last = max(start, day), min(stop, day + _DAY) - 0.001  # times are stored in milliseconds
        for shard in SHARDS:
            which = (ChargeRow.created_on == key_of_day(date, shard)) & ChargeRow.created_at.between(
                Instant(first).text, Instant(last).text
            )
            for item in query_raw(ChargeRow, which, index=ChargeRow.by_created_on):
                yield item["mandate_id"]["S"], item["record"]["S"]
        day += _DAY
