"""The return page: what became of a session, even if its webhook has not come yet.

What the browser says is only a hint. While our own facts say `pending`, Stripe is asked about the session,
once in a few seconds however many requests come. Its answer is contributed as the same facts that the webhook
would bring. The merge makes their order and number irrelevant.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mandates.core.changes import Contribution
from mandates.core.clock import Clock, Instant
from mandates.core.facts import Fact, Kind, ids
from mandates.core.mandate import Mandate, Status
from mandates.core.stripe_events.payment_method import AMAZON_PAY
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.ledger.contributing import contribute, statuses
from mandates.store.mandates import read_heads
from mandates.store.sessions import mandates_naming, may_ask

SOURCE = "api:read_checkout_session"

ASK_AGAIN_AFTER_SECONDS = 3
"""A return page asks every second or two. Stripe accepts 25 requests a second for all customers' sessions:
https://docs.stripe.com/rate-limits"""


def find_mandate(customer_id: str, checkout_session_id: str) -> Mandate | None:
    """The customer's own mandate with that session."""
    heads = read_heads(mandates_naming(checkout_session_id)).values()
    return next((head for head in heads if head.customer_id == customer_id), None)


def brought_up_to_date(
    mandate: Mandate,
    checkout_session_id: str,
    sessions: StripeCheckoutSessions,
    owner_mark: str,
    clock: Clock,
) -> Mandate:
    """The mandate, updated with what Stripe now says about its session. It is unchanged if Stripe says
    nothing new, or was asked a moment ago.

    Raises StripeUnavailable or StripeRefused if Stripe can't be asked.
    """
    if statuses([mandate])[mandate.mandate_id] is not Status.PENDING:
        return mandate
    if not may_ask(checkout_session_id, Instant(clock()).seconds, every=ASK_AGAIN_AFTER_SECONDS):
        return mandate
    session = sessions.retrieve(checkout_session_id)
    facts = facts_about(mandate, session, owner_mark, SOURCE, Instant(clock()).seconds)
    if facts:
        contribute(mandate.mandate_id, [Contribution(SOURCE, facts)], clock)
    return read_heads([mandate.mandate_id])[mandate.mandate_id]


def facts_about(
    mandate: Mandate, session: Mapping[str, Any], owner_mark: str, source: str, now: int
) -> tuple[Fact, ...]:
    """What a session, with its SetupIntent expanded, says about this mandate. A session of another mandate is
    not believed and gives nothing."""
    return tuple(facts_of(session, source, now)) if _is_about(session, mandate, owner_mark) else ()


def facts_of(session: Mapping[str, Any], source: str, now: int) -> Iterable[Fact]:
    """What a session, with its SetupIntent expanded, says."""
    setup_intent = session.get("setup_intent") or {}
    named = ids(checkout_session=session["id"], setup_intent=setup_intent.get("id"))
    if session.get("status") == "complete":
        yield Fact(Kind.SESSION_COMPLETED, now, source, named)
    if session.get("status") == "expired":
        yield Fact(Kind.SESSION_EXPIRED, now, source, named)
    if (
        setup_intent.get("status") == "succeeded"
        and setup_intent.get("payment_method")
        and setup_intent.get("payment_method_types") == [AMAZON_PAY]
    ):
        yield Fact(
            Kind.SETUP_SUCCEEDED,
            now,
            source,
            ids(
                setup_intent=setup_intent["id"],
                payment_method=setup_intent["payment_method"],
                stripe_mandate=setup_intent.get("mandate"),
            ),
        )


def last_failure(mandate: Mandate) -> str | None:
    """Stripe's code for the latest failed attempt. The customer may try again in the same session."""
    failed = mandate.facts.get(Kind.SETUP_FAILED)
    return failed.detail.get("code") if failed else None


def _is_about(session: Mapping[str, Any], mandate: Mandate, owner_mark: str) -> bool:
    """Whether the session and its SetupIntent belong to this mandate."""
    metadata = session.get("metadata") or {}
    setup_intent = session.get("setup_intent") or {}
    return (
        metadata.get(METADATA_MANDATE) == mandate.mandate_id
        and metadata.get(METADATA_OWNER_MARK) == owner_mark
        and session.get("customer") == mandate.stripe_customer_id
        and setup_intent.get("customer") in {None, mandate.stripe_customer_id}
    )
