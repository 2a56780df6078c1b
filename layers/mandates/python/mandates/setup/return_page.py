"""The return page: what became of a session, even if its webhook has not come yet.

What the browser says is only a hint. While our own facts say `pending`, Stripe is asked about the session,
once in a few seconds however many requests come. Its answer is contributed as the same facts that the webhook
would bring. The merge makes their order and number irrelevant.
"""

from mandates.core.changes import Contribution
from mandates.core.clock import Clock, Instant
from mandates.core.facts import Kind
from mandates.core.mandate import Mandate, Status
from mandates.core.stripe_sessions import facts_about
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
    facts = facts_about(mandate, session, owner_mark=owner_mark, source=SOURCE, now=Instant(clock()).seconds)
    if facts:
        contribute(mandate.mandate_id, [Contribution(SOURCE, facts)], clock)
    return read_heads([mandate.mandate_id])[mandate.mandate_id]


def last_failure(mandate: Mandate) -> str | None:
    """Stripe's code for the latest failed attempt. The customer may try again in the same session."""
    failed = mandate.facts.get(Kind.SETUP_FAILED)
    return failed.detail.get("code") if failed else None
