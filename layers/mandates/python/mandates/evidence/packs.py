"""The evidence pack: reads what is known about a mandate, builds the document, has it signed."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import msgspec

from mandates.api.callers import NOT_YOURS, Caller, Scope
from mandates.core.clock import Clock, Instant
from mandates.core.errors import InsufficientScope, InvalidRequest, LedgerUnreadable, NotFound
from mandates.core.evidence_charges import POSITIONS_PER_PAGE, first_of_page
from mandates.core.evidence_pack import build_pack
from mandates.evidence.signing import Signer
from mandates.ledger.snapshot import altered_is_unreadable, read_record
from mandates.runtime.telemetry import count, logger
from mandates.store.mandates import read_heads
from mandates.store.refusals import read_refusals
from mandates.store.register_reads import read_slice


class Settings(msgspec.Struct, frozen=True):
    """What a function that returns evidence needs. The first key signs."""

    allowed_origins: frozenset[str]
    charges_table: str
    evidence_key_ids: tuple[str, ...]
    mandates_table: str
    stripe_subjects_table: str
    terms_table: str


def signed_evidence(
    mandate_id: str, page: int, caller: Caller, signer: Signer, clock: Clock
) -> dict[str, Any]:
    """A page of a mandate's evidence, for a service that may read mandates.

    Raises NotFound, InsufficientScope, LedgerUnreadable or Busy.
    """
    _must_be_a_service(mandate_id, caller)
    try:
        with altered_is_unreadable("what is stored"):
            part = read_slice(mandate_id, first_of_page(page), POSITIONS_PER_PAGE)
            record = read_record(mandate_id, charging=part)
            if record is None:
                raise NotFound(NOT_YOURS)
            record = replace(record, refusals=[asdict(one) for one in read_refusals(mandate_id)])
            evidence = build_pack(record, page=page, generated_at=Instant(clock()).text)
    except IndexError:
        raise NotFound("there is no such page: follow `next` from page 1") from None
    except LedgerUnreadable:
        count("BrokenLedgers")
        logger.exception("stored evidence can't be read", extra={"mandate_id": mandate_id})
        raise LedgerUnreadable(
            f"what is stored of {mandate_id} was altered and can't be read:"
            f" python -m ops mandate verify {mandate_id} says where"
        ) from None
    if evidence["faults"]:
        count("BrokenLedgers")
        found = {"mandate_id": mandate_id, "faults": evidence["faults"]}
        logger.error("what is stored does not follow from its ledger", extra=found)
    count("EvidenceExported")
    return signer.signed(evidence)


def page_asked_for(query: Mapping[str, str]) -> int:
    page = query.get("page", "1")
    if not (page.isascii() and page.isdecimal() and 0 < len(page) < 10 and int(page)):
        raise InvalidRequest("page must be a whole number from 1")
    return int(page)


def _must_be_a_service(mandate_id: str, caller: Caller) -> None:
    """A customer learns that evidence is not for them only for a mandate of their own."""
    head = None if caller.is_service else read_heads([mandate_id]).get(mandate_id)
    caller.must_reach(head.customer_id if head else "", Scope.MANDATES_READ)
    if not caller.is_service:
        raise InsufficientScope(
            f"evidence is for the business: use a service token with {Scope.MANDATES_READ}"
        )
