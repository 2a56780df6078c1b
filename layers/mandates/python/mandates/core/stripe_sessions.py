"""What a Checkout Session says when Stripe is asked about it, as the facts that its webhook would bring.

https://docs.stripe.com/api/checkout/sessions/object
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Mandate
from mandates.core.stripe_events.projection import AMAZON_PAY, METADATA_MANDATE, METADATA_OWNER_MARK


def facts_about(
    mandate: Mandate, session: Mapping[str, Any], *, owner_mark: str, source: str, now: int
) -> tuple[Fact, ...]:
    """What a session, with its SetupIntent expanded, says about this mandate at `now` (epoch seconds).

    A session of another mandate is not believed and gives nothing.
    """
    if not _is_of(mandate, session, owner_mark):
        return ()
    return (*_end(session, source, now), *_set_up(session, source, now))


def _is_of(mandate: Mandate, session: Mapping[str, Any], owner_mark: str) -> bool:
    """Whether the session and its SetupIntent belong to this mandate."""
    metadata = session.get("metadata") or {}
    return (
        metadata.get(METADATA_MANDATE) == mandate.mandate_id
        and metadata.get(METADATA_OWNER_MARK) == owner_mark
        and session.get("customer") == mandate.stripe_customer_id
        and _setup_intent(session).get("customer") in {None, mandate.stripe_customer_id}
    )


_ENDS = {"complete": Kind.SESSION_COMPLETED, "expired": Kind.SESSION_EXPIRED}


def _end(session: Mapping[str, Any], source: str, now: int) -> Iterable[Fact]:
    kind = _ENDS.get(str(session.get("status")))
    if kind:
        named = ids(checkout_session=session["id"], setup_intent=_setup_intent(session).get("id"))
        yield Fact(kind, now, source, named)


def _set_up(session: Mapping[str, Any], source: str, now: int) -> Iterable[Fact]:
    """Amazon Pay alone: with another type beside it, the payment method could be of either."""
    intent = _setup_intent(session)
    if (
        intent.get("status") == "succeeded"
        and intent.get("payment_method")
        and intent.get("payment_method_types") == [AMAZON_PAY]
    ):
        named = ids(
            setup_intent=intent["id"],
            payment_method=intent["payment_method"],
            stripe_mandate=intent.get("mandate"),
        )
        yield Fact(Kind.SETUP_SUCCEEDED, now, source, named)


def _setup_intent(session: Mapping[str, Any]) -> Mapping[str, Any]:
    return session.get("setup_intent") or {}
