"""Finds and counts the successes that a person must look at: docs/runbook.md has an alarm for each."""

from collections.abc import Collection, Iterator
from enum import StrEnum

from mandates.core.changes import stands_on
from mandates.core.charging.change import ChargeChange
from mandates.core.charging.facts import ChargeFact, success_of
from mandates.core.charging.reports import is_of_other_amount
from mandates.core.mandate import withdrawn_at
from mandates.runtime.telemetry import count, logger
from mandates.store.mandates import read_heads, read_subjects


class Surprise(StrEnum):
    LATE = "late"
    """The charge had been given up, so its room was free for others."""
    OTHER_AMOUNT = "other_amount"
    """Another amount or currency was taken than the charge's."""
    AFTER_WITHDRAWAL = "after_withdrawal"
    """The mandate was withdrawn before the money was taken, while a confirm was under way."""


def surprises(change: ChargeChange) -> list[Surprise]:
    """What is odd about the success that this change records; empty if it records none."""
    return list(_surprises(change)) if change.succeeds else []


def count_surprises(charge_id: str, found: Collection[Surprise]) -> None:
    if Surprise.LATE in found:
        count("ChargedLate")
    if Surprise.OTHER_AMOUNT in found:
        count("ChargedOtherAmount")
    if Surprise.AFTER_WITHDRAWAL in found:
        count("ChargedAfterWithdrawal")
    if found:
        about = {"charge_id": charge_id, "surprises": list(found)}
        logger.error("a success that a person must look at", extra=about)


def _surprises(change: ChargeChange) -> Iterator[Surprise]:
    success = _success(change)
    if change.room.late:
        yield Surprise.LATE
    if is_of_other_amount(success):
        yield Surprise.OTHER_AMOUNT
    withdrawn = _withdrawn_at(change.after.mandate_id)
    if withdrawn is not None and withdrawn < success.at:
        yield Surprise.AFTER_WITHDRAWAL


def _success(change: ChargeChange) -> ChargeFact:
    facts = change.after.facts
    success = success_of(facts)
    if success is None:
        raise ValueError("only a success can be a surprise")
    return success


def _withdrawn_at(mandate_id: str) -> int | None:
    """Epoch seconds; None if the mandate stands."""
    mandate = read_heads([mandate_id]).get(mandate_id)
    if mandate is None:
        return None
    subjects = read_subjects(stands_on(mandate, mandate.facts))
    return withdrawn_at(mandate.facts, *(subject.facts for subject in subjects.values()))
