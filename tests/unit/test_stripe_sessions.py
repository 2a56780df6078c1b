"""What a session that was read from Stripe says about a mandate, and what is not believed."""

from typing import Any

import pytest

from mandates.core.facts import Fact, Kind, ids
from mandates.core.stripe_sessions import facts_about
from tests.unit.examples import NEW_MANDATE

NOW = 1_790_000_000
SOURCE = "api:read_checkout_session"
OURS = {"mandate_id": NEW_MANDATE.mandate_id, "managed_by": "our-stack"}
INTENT = {
    "id": "seti_1",
    "customer": NEW_MANDATE.stripe_customer_id,
    "status": "succeeded",
    "payment_method": "pm_1",
    "payment_method_types": ["amazon_pay"],
    "mandate": "mandate_1",
}
SESSION = {
    "id": "cs_1",
    "status": "complete",
    "customer": NEW_MANDATE.stripe_customer_id,
    "metadata": OURS,
    "setup_intent": INTENT,
}
COMPLETED = Fact(Kind.SESSION_COMPLETED, NOW, SOURCE, ids(checkout_session="cs_1", setup_intent="seti_1"))
SET_UP = Fact(
    Kind.SETUP_SUCCEEDED,
    NOW,
    SOURCE,
    ids(setup_intent="seti_1", payment_method="pm_1", stripe_mandate="mandate_1"),
)


def said(session: dict[str, Any]) -> tuple[Fact, ...]:
    return facts_about(NEW_MANDATE, session, owner_mark="our-stack", source=SOURCE, now=NOW)


def test_a_completed_session_says_so_and_what_was_set_up() -> None:
    assert said(SESSION) == (COMPLETED, SET_UP)


@pytest.mark.parametrize(
    ("session", "kinds"),
    [
        ({"status": "open", "setup_intent": INTENT | {"status": "requires_payment_method"}}, []),
        ({"status": "open", "setup_intent": None}, []),
        ({"status": "expired", "setup_intent": None}, [Kind.SESSION_EXPIRED]),
        ({"setup_intent": INTENT | {"status": "processing"}}, [Kind.SESSION_COMPLETED]),
        ({"setup_intent": INTENT | {"payment_method": None}}, [Kind.SESSION_COMPLETED]),
        ({"setup_intent": INTENT | {"payment_method_types": ["card"]}}, [Kind.SESSION_COMPLETED]),
        (
            {"setup_intent": INTENT | {"payment_method_types": ["amazon_pay", "card"]}},
            [Kind.SESSION_COMPLETED],
        ),
        ({"setup_intent": INTENT | {"mandate": None}}, [Kind.SESSION_COMPLETED, Kind.SETUP_SUCCEEDED]),
        # the session has not heard of its SetupIntent's success yet
        ({"status": "open"}, [Kind.SETUP_SUCCEEDED]),
        ({"setup_intent": INTENT | {"customer": None}}, [Kind.SESSION_COMPLETED, Kind.SETUP_SUCCEEDED]),
    ],
)
def test_each_state_says_what_it_does(session: dict[str, Any], kinds: list[Kind]) -> None:
    assert [fact.kind for fact in said(SESSION | session)] == kinds


@pytest.mark.parametrize(
    "another",
    [
        {"metadata": OURS | {"mandate_id": "mdt_another"}},
        {"metadata": OURS | {"managed_by": "another-stack"}},
        {"metadata": {}},
        {"metadata": None},
        {"customer": "cus_somebody"},
        {"customer": None},
        {"setup_intent": INTENT | {"customer": "cus_somebody"}},
    ],
)
def test_a_session_that_is_not_this_mandates_says_nothing(another: dict[str, Any]) -> None:
    assert said(SESSION | another) == ()
