"""Any id of Stripe leads to ours: by the object's metadata, or through the objects that it names."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from local.storefront.console.stripe_lookup import NotOurs, Ours, is_stripes, look_up

MARK = "this-stack"
OURS = {"managed_by": MARK, "mandate_id": "mdt_1"}
CHARGE = {**OURS, "charge_id": "chg_1", "reference": "order-1"}
AT_STRIPE: Mapping[str, Mapping[str, Any]] = {
    "/v1/customers/cus_1": {
        "object": "customer",
        "id": "cus_1",
        "metadata": {"managed_by": MARK, "customer_id": "c|1"},
    },
    "/v1/customers/cus_adopted": {"object": "customer", "id": "cus_adopted", "metadata": {}},
    "/v1/setup_intents?customer=cus_adopted&limit=100": {
        "object": "list",
        "data": [{"object": "setup_intent", "metadata": {}}, {"object": "setup_intent", "metadata": OURS}],
    },
    "/v1/setup_intents/seti_1": {"object": "setup_intent", "id": "seti_1", "metadata": OURS},
    "/v1/checkout/sessions/cs_test_1": {"object": "checkout.session", "id": "cs_test_1", "metadata": OURS},
    "/v1/payment_methods/pm_1": {"object": "payment_method", "id": "pm_1", "metadata": {}, "customer": None},
    "/v1/mandates/mandate_1": {"object": "mandate", "id": "mandate_1", "payment_method": "pm_1"},
    "/v1/setup_intents?payment_method=pm_1&limit=100": {
        "object": "list",
        "data": [{"object": "setup_intent", "metadata": OURS}],
    },
    "/v1/payment_intents/pi_1": {"object": "payment_intent", "id": "pi_1", "metadata": CHARGE},
    "/v1/charges/ch_1": {"object": "charge", "id": "ch_1", "metadata": {}, "payment_intent": "pi_1"},
    "/v1/charges/py_1": {"object": "charge", "id": "py_1", "metadata": CHARGE, "payment_intent": "pi_1"},
    "/v1/refunds/re_1": {
        "object": "refund",
        "id": "re_1",
        "metadata": None,
        "payment_intent": {"id": "pi_1"},
    },
    "/v1/refunds/pyr_1": {"object": "refund", "id": "pyr_1", "metadata": CHARGE},
    "/v1/disputes/dp_1": {"object": "dispute", "id": "dp_1", "payment_intent": "pi_1"},
    "/v1/disputes/du_1": {"object": "dispute", "id": "du_1", "metadata": {}, "payment_intent": "pi_1"},
    "/v1/balance_transactions/txn_1": {"object": "balance_transaction", "id": "txn_1", "source": "du_1"},
    "/v1/balance_transactions/txn_2": {"object": "balance_transaction", "id": "txn_2", "source": "po_1"},
    "/v1/payment_intents/pi_other": {
        "object": "payment_intent",
        "id": "pi_other",
        "metadata": {**CHARGE, "managed_by": "another-stack"},
    },
    "/v1/payment_intents/pi_shop": {"object": "payment_intent", "id": "pi_shop", "metadata": {"order": "7"}},
}


def looked_up(identifier: str) -> Ours | NotOurs:
    async def ask(path: str) -> Mapping[str, Any] | None:
        return AT_STRIPE.get(path)

    return asyncio.run(look_up(identifier, MARK, ask))


@pytest.mark.parametrize(
    ("identifier", "found"),
    [
        ("cus_1", Ours("customer", "c|1")),
        ("cus_adopted", Ours("mandate", "mdt_1")),
        ("seti_1", Ours("mandate", "mdt_1")),
        ("cs_test_1", Ours("mandate", "mdt_1")),
        ("pm_1", Ours("mandate", "mdt_1")),
        ("mandate_1", Ours("mandate", "mdt_1")),
        ("pi_1", Ours("charge", "chg_1")),
        ("ch_1", Ours("charge", "chg_1")),
        ("py_1", Ours("charge", "chg_1")),
        ("re_1", Ours("charge", "chg_1")),
        ("pyr_1", Ours("charge", "chg_1")),
        ("dp_1", Ours("charge", "chg_1")),
        ("du_1", Ours("charge", "chg_1")),
        ("txn_1", Ours("charge", "chg_1")),
    ],
)
def test_every_kind_of_object_leads_to_ours(identifier: str, found: Ours) -> None:
    assert is_stripes(identifier)
    assert looked_up(identifier) == found


@pytest.mark.parametrize(
    ("identifier", "why"),
    [
        ("pi_nowhere", "unknown"),
        ("pi_other", "another_stack"),
        ("pi_shop", "unrelated"),
        ("txn_2", "unrelated"),
    ],
)
def test_what_is_not_ours_says_why(identifier: str, why: str) -> None:
    found = looked_up(identifier)
    assert isinstance(found, NotOurs)
    assert found.why == why


@pytest.mark.parametrize(
    "text", ["", "pi_", "pi", "mdt_a", "chg_a", "auth0|1", "pi_../x", "pi_a?b=c", "pi_é", "po_1", "cus_a b"]
)
def test_other_text_is_not_sent_to_stripe(text: str) -> None:
    assert not is_stripes(text)
