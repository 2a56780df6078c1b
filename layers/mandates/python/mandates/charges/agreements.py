"""The terms that govern mandates, and what charges have used of them."""

from collections.abc import Sequence
from functools import lru_cache

from mandates.core.charging.spending import Agreement, limited_period, spending
from mandates.core.errors import LedgerUnreadable
from mandates.core.formats import NewerFormat
from mandates.core.mandate import Mandate
from mandates.core.terms import Terms
from mandates.runtime.telemetry import count, logger
from mandates.store.charging_reads import read_periods
from mandates.store.published_terms import read_terms
from mandates.store.raw_items import ALTERED_ITEMS_RAISE


@lru_cache(maxsize=64)
def agreed_terms(version: str, digest: str) -> Terms:
    """Published terms never change, so a container reads each version once.

    Raises NewerFormat; or LedgerUnreadable if the terms are not those that were agreed to.
    """
    try:
        published = read_terms(version)
        if published and published.terms.digest == digest:
            return published.terms
    except ALTERED_ITEMS_RAISE as error:
        raise LedgerUnreadable(f"the terms {version} were altered: they can't be read") from error
    raise LedgerUnreadable(f"the terms {version} are not those that the customer agreed to")


def agreements(mandates: Sequence[Mandate], now: int) -> dict[str, Agreement]:
    """By mandate id, as of `now` (epoch seconds). A mandate whose terms can't be read is missing."""
    agreed = {mandate.mandate_id: terms for mandate in mandates if (terms := _readable_terms(mandate))}
    periods = {mandate_id: limited_period(terms, now) for mandate_id, terms in agreed.items()}
    used = read_periods((mandate_id, period.key) for mandate_id, period in periods.items() if period)
    found = {}
    for mandate_id, terms in agreed.items():
        period = periods[mandate_id]
        spent = spending(terms.limits, period, used.get(mandate_id, 0)) if period else None
        found[mandate_id] = Agreement(terms, spent)
    return found


def _readable_terms(mandate: Mandate) -> Terms | None:
    try:
        return agreed_terms(mandate.terms_version, mandate.terms_digest)
    except (LedgerUnreadable, NewerFormat) as error:
        if isinstance(error, LedgerUnreadable):
            count("BrokenLedgers")
        found = {"mandate_id": mandate.mandate_id, "cause": str(error)}
        logger.error("the terms of a mandate can't be shown", extra=found)
        return None
