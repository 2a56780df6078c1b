"""The main job: customer, consent, session, webhook, active mandate."""

import pytest

from tests.component.world import CUSTOMER, World, customer

pytestmark = pytest.mark.moto


def test_a_customer_saves_their_amazon_pay_account(world: World) -> None:
    assert world.put_customer(email="ann@shop.example").status == 201
    opened = world.post_checkout()
    assert opened.status == 201
    mandate_id = opened.body["mandate_id"]
    assert world.get_mandate(mandate_id).body["status"] == "pending"

    world.stripe.core.authorize(opened.body["checkout_session_id"])
    world.run_webhooks()

    mandate = world.get_mandate(mandate_id).body
    assert mandate["status"] == "active"
    assert mandate["payment_method_id"].startswith("pm_")
    assert mandate["stripe_mandate_id"].startswith("mandate_")
    kinds = [kind for entry in mandate["ledger"] for kind in entry["kinds"]]
    assert kinds[:2] == ["consent_accepted", "session_created"]
    assert sorted(kinds[2:]) == ["session_completed", "setup_succeeded"]
    assert mandate["ledger"][-1]["status"] == "active"
    listed = world.call(
        "read_mandates",
        "/customers/{customer_id}/mandates",
        path={"customer_id": "auth0%7Cann"},
        caller=customer(CUSTOMER),
    )
    assert [one["mandate_id"] for one in listed.body["mandates"]] == [mandate_id]
