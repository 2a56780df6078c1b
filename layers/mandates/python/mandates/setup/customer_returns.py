"""Recording who came back from Stripe's page (core/return_tokens.py says what that is worth)."""

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
    """The customer's own mandate, once it is recorded that they came back. Safe to repeat.

    Raises NotFound if the session is somebody else's. If the token is right, it is recorded that another came
    back, and the answer is the same as for a session that there is not. Raises WrongReturnToken to the
    customer themselves, with nothing recorded.
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
    """Once for each of the two: what is repeated, by however many others, adds nothing to the ledger."""
    fact = returned(by, Instant(clock()).seconds, SOURCE)
    if contribute_once(mandate.mandate_id, fact, clock) and by is By.ANOTHER:
        correlate(mandate_id=mandate.mandate_id)
        count("ReturnsByAnother")
        logger.warning("somebody else came back from Stripe's page")
