"""The charges' balance transactions at Stripe: an item for each, beside the charge's chain.

A movement is written again whenever Stripe lists it. So a fee that Stripe adds later is filled in.
"""

from collections.abc import Iterable
from dataclasses import asdict

from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.movements import Movement
from mandates.core.clock import Instant
from mandates.store.audit_items import MovementRow
from mandates.store.days import shard_of
from mandates.store.dynamodb import query, update
from mandates.store.mandates import whole


def movements_of(charge_id: str) -> list[Movement]:
    """Oldest first. Read strongly consistently."""
    of_charge = MovementRow.of_charge(mandate_id_of_charge(charge_id), charge_id)
    found = (movement_of(row) for row in query(MovementRow, of_charge))
    return sorted(found, key=lambda movement: (movement.created, movement.transaction_id))


def keep_movements(movements: Iterable[Movement]) -> None:
    """Write them, or write them again. Safe to repeat, in any order. Raises StoreError.

    Only a payout's own list names the payout, so the other lists don't remove it.
    """
    attributes = MovementRow.get_attributes()
    for movement in movements:
        told = {name: value for name, value in asdict(movement).items() if value is not None}
        told.pop("transaction_id")  # the key ends in it
        told |= keys_of_day(movement)
        key = (mandate_id_of_charge(movement.charge_id), MovementRow.key(movement))
        actions = [attributes[name].set(value) for name, value in told.items()]
        update(MovementRow, key, [MovementRow.in_its_format(), *actions])


def keys_of_day(movement: Movement) -> dict[str, str]:
    """Where the index by day has the movement."""
    at = Instant(movement.created).text
    return {"created_on": MovementRow.of_day(at[:10], shard_of(movement.charge_id)), "created_at": at}


def movement_of(row: MovementRow) -> Movement:
    return Movement(
        charge_id=row.charge_id,
        transaction_id=row.record.rpartition("#")[2],
        type=row.type,
        source=row.source,
        amount=whole(row.amount),
        fee=whole(row.fee),
        net=whole(row.net),
        currency=row.currency,
        created=whole(row.created),
        available_on=whole(row.available_on),
        exchange_rate=row.exchange_rate,
        payout=row.payout,
    )
