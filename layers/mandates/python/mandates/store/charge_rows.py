"""Charges, entries and the register as items of their table, and back."""

from dataclasses import asdict
from datetime import date
from typing import Any

from mandates.core.charging.chain import ChargeEntry
from mandates.core.charging.facts import ChargeFacts, charge_fact_from_plain
from mandates.core.charging.head import Charge, Confirm
from mandates.core.charging.ids import mandate_id_of_charge
from mandates.core.charging.register import Register
from mandates.core.facts import to_plain
from mandates.core.ledger import PersonalValue
from mandates.store.charge_items import ChargeEntryRow, ChargeRow, RegisterRow
from mandates.store.days import day_key, shard_of
from mandates.store.mandates import whole


def charge_key(charge_id: str) -> tuple[str, str]:
    return mandate_id_of_charge(charge_id), ChargeRow.key(charge_id)


def register_of(row: RegisterRow | None) -> Register:
    if row is None:
        return Register()
    return Register(
        count=whole(row.entries),
        hash=row.head_hash,
        anchor=date.fromisoformat(row.day) if row.day else None,
        disputes=frozenset(row.disputes or ()),
    )


def facts_as_stored(facts: ChargeFacts) -> dict[str, Any]:
    return {key: to_plain(facts[key]) for key in sorted(facts)}


def charge_of(row: ChargeRow) -> Charge:
    facts = {key: charge_fact_from_plain(fact) for key, fact in row.facts.items()}
    if any(fact.key != key for key, fact in facts.items()):
        raise ValueError("a fact lies under the key of another")
    return Charge(
        charge_id=row.record.removeprefix(ChargeRow.PREFIX),
        number=whole(row.register_number),
        created_at=row.created_at,
        personal={name: PersonalValue(**kept) for name, kept in row.personal.items()},
        digest=row.digest,
        create_params=row.create_params or {},
        facts=facts,
        entries=whole(row.entries),
        head_hash=row.head_hash,
        confirm=None if row.attempt is None else Confirm(whole(row.attempt), row.confirm_params or {}),
        due_at=None if row.due_at is None else whole(row.due_at),
    )


def new_charge_values(charge: Charge) -> dict[str, Any]:
    """By ChargeRow's attributes, of a new charge."""
    return {
        "mandate_id": charge.mandate_id,
        "record": ChargeRow.key(charge.charge_id),
        "register_number": charge.number,
        "created_on": day_key(charge.charge_id, charge.created_at),
        "created_at": charge.created_at,
        "personal": {name: asdict(kept) for name, kept in sorted(charge.personal.items())},
        "digest": charge.digest,
        "create_params": dict(charge.create_params),
        "facts": facts_as_stored(charge.facts),
        "entries": charge.entries,
        "head_hash": charge.head_hash,
        "due_at": charge.due_at,
        "due_shard": None if charge.due_at is None else shard_of(charge.charge_id),
    }


def entry_of(row: ChargeEntryRow) -> ChargeEntry:
    return ChargeEntry(
        format=int(row.format),
        charge_id=row.charge_id,
        number=whole(row.number),
        recorded_at=row.recorded_at,
        source=row.source,
        facts=tuple(row.facts),
        status=row.status,
        permission=row.permission,
        commitments=row.commitments or {},
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def entry_values(entry: ChargeEntry) -> dict[str, Any]:
    """By ChargeEntryRow's attributes."""
    return {
        "mandate_id": mandate_id_of_charge(entry.charge_id),
        "record": ChargeEntryRow.key(entry.charge_id, entry.number),
        "format": entry.format,
        "charge_id": entry.charge_id,
        "number": entry.number,
        "recorded_at": entry.recorded_at,
        "source": entry.source,
        "facts": list(entry.facts),
        "status": entry.status,
        "permission": entry.permission,
        "commitments": entry.commitments or None,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
