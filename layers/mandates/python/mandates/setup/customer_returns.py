"""Records who came back from Stripe's page (core/return_tokens.py says what that is worth)."""

from mandates.api.callers import NOT_YOURS
from mandates.core.clock import Clock, Instant
from mandates.core.errors import NotFound, WrongReturnToken
from mandates.core.mandate import Mandate
from mandates.core.retention import is_being_erased
from mandates.core.return_tokens import By, is_expected, returned
from mandates.ledger.contributing import contribute_once
from mandates.runtime.telemetry import correlate, count, logger
from mandates.store.mandates import read_heads
from mandates.store.sessions import mandates_naming

SOURCE = "api:record_return"


def record_return(customer_id: str, checkout_session_id: str, token: str, clock: Clock) -> Mandate:
    """Record that the customer came back; returns their own mandate. Safe to repeat.

    Raises NotFound if the session is somebody else's, as for a session that does not exist. If the token is
    right, it is then recorded that another came back. If the customer's own token is wrong, it raises
    WrongReturnToken and records nothing.
    """
    heads = list(read_heads(mandates_naming(checkout_session_id)).values())
    own = next((head for head in heads if head.customer_id == customer_id), None)
    meant = next((head for head in heads if is_expected(head.facts, token)), None)
    if meant is not None and not is_being_erased(meant.facts):
        _record(meant, By.CUSTOMER if meant is own else By.ANOTHER, clock)
    if own is None:
        raise NotFound(NOT_YOURS)
    if meant is not own:
        raise WrongReturnToken(
            "this token is not the one in the address that Stripe sends this customer back to"
        )
    return read_heads([own.mandate_id])[own.mandate_id]


def _record(mandate: Mandate, by: By, clock: Clock) -> None:
    """Once for each of the two. Repeating it, by however many others, adds nothing to the ledger."""
    fact = returned(by, Instant(clock()).seconds, SOURCE)
    if contribute_once(mandate.mandate_id, fact, clock) and by is By.ANOTHER:
        correlate(mandate_id=mandate.mandate_id)
        count("ReturnsByAnother")
        logger.warning("somebody else came back from Stripe's page")
