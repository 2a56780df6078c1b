import httpx
import pytest

from tests.component.stripe_simulator.support import Receiver, Shop, client_of, error_of


def test_a_buyer_by_remote_control(shop: Shop, control: httpx.Client) -> None:
    session = shop.session()
    declined = control.post(f"/sessions/{session.id}/decline", json={"code": "setup_attempt_failed"}).json()
    assert declined["setup_intent"]["last_setup_error"]["code"] == "setup_attempt_failed"
    abandoned = control.post(f"/sessions/{session.id}/abandon").json()
    assert abandoned["checkout_session"]["status"] == "open"
    authorised = control.post(f"/sessions/{session.id}/authorize", json={"mandate": False}).json()
    assert authorised["checkout_session"]["status"] == "complete"
    assert authorised["setup_intent"]["mandate"] is None
    assert shop.client.v1.events.retrieve(authorised["event"]).type == "checkout.session.completed"


def test_the_mandate_has_the_buyers_browser(shop: Shop, control: httpx.Client) -> None:
    session = shop.session()
    browser = {"ip_address": "203.0.113.7", "user_agent": "Browser of a test"}
    authorised = control.post(f"/sessions/{session.id}/authorize", json={"acceptance": browser}).json()
    mandate = shop.client.v1.mandates.retrieve(authorised["setup_intent"]["mandate"])
    assert mandate.customer_acceptance.online is not None
    assert mandate.customer_acceptance.online.to_dict() == browser


def test_what_happens_elsewhere(shop: Shop, control: httpx.Client) -> None:
    session, first, second = shop.session(), shop.saved(), shop.saved()
    before = len(shop.event_types())
    assert control.post(f"/sessions/{session.id}/expire").status_code == 200
    assert control.post(f"/payment_methods/{first.id}/revoke_at_amazon").json() == {
        "payment_method": first.id
    }
    ended = control.post(f"/payment_methods/{second.id}/end_another_mandate").json()
    assert shop.client.v1.mandates.retrieve(ended["mandate"]).type == "single_use"
    assert control.post(f"/payment_methods/{second.id}/detach").json() == {"payment_method": second.id}
    assert control.post(f"/customers/{first.customer}/delete").json() == {"customer": first.customer}
    assert shop.event_types()[before:] == [
        "setup_intent.canceled",
        "checkout.session.expired",
        "mandate.updated",
        "mandate.updated",
        "mandate.updated",
        "payment_method.detached",
        "customer.deleted",
    ]
    event = shop.client.v1.events.list({"type": "customer.deleted"}).data[0]
    assert event.request is not None
    assert event.request.id is None


def test_a_rolled_key_is_refused(shop: Shop, control: httpx.Client) -> None:
    key = "sk_test_placeholder"
    assert control.post("/api_keys/expire", json={"key": key}).json() == {}
    refused = error_of(shop.client.v1.customers.list)
    assert (refused["status"], refused["code"]) == (401, "api_key_expired")
    assert key not in refused["message"]
    another = client_of(shop.simulator, key="rk_test_another_placeholder")
    assert another.v1.customers.list().data == []
    control.post("/reset")
    assert shop.client.v1.customers.list().data == []


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/sessions/cs_none/authorize", {}, 404, "No such checkout session: 'cs_none'"),
        ("/payment_methods/pm_none/detach", {}, 404, "No such payment method: 'pm_none'"),
        ("/customers/cus_none/delete", {}, 404, "No such customer: 'cus_none'"),
        ("/events/evt_none/resend", {}, 404, "No such event: 'evt_none'"),
        ("/sessions/cs_none/authorize", {"mandat": True}, 400, "unknown field `mandat`"),
        ("/sessions/cs_none/decline", {"code": "Not a code"}, 400, "$.code"),
        ("/sessions/cs_none/abandon", {"why": "x"}, 400, "unknown field `why`"),
        ("/clock/advance", {"seconds": -1}, 400, "$.seconds"),
        ("/api_keys/expire", {"key": "pk_test_x"}, 400, "$.key"),
        ("/teapots", {}, 404, "Not Found"),
    ],
)
def test_errors_are_clear(control: httpx.Client, path: str, body: object, status: int, message: str) -> None:
    answer = control.post(path, json=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_an_action_that_the_state_forbids_is_a_conflict(shop: Shop, control: httpx.Client) -> None:
    session = shop.session()
    assert control.post(f"/sessions/{session.id}/authorize").status_code == 200
    for action in ("authorize", "decline", "abandon"):
        answer = control.post(f"/sessions/{session.id}/{action}")
        assert answer.status_code == 409
        assert "complete" in answer.json()["error"]["message"]
    assert control.post(f"/sessions/{session.id}/expire").status_code == 400
    assert control.get(f"/sessions/{session.id}/authorize").status_code == 405


def test_the_log_has_every_request_but_no_key(shop: Shop, control: httpx.Client) -> None:
    customer = shop.client.v1.customers.create({"metadata": {"user": "1"}}, {"idempotency_key": "k"})
    error_of(lambda: shop.client.v1.customers.retrieve("cus_none"))
    shop.client.v1.customers.list({"limit": 3})
    answer = control.get("/requests")
    created, missing, listed = answer.json()["requests"]
    assert (created["method"], created["path"]) == ("POST", "/v1/customers")
    assert created["params"] == {"metadata": {"user": "1"}}
    assert (created["idempotency_key"], created["status"], created["error"]) == ("k", 200, None)
    assert customer.last_response is not None
    assert created["id"] == customer.last_response.request_id
    assert (missing["path"], missing["status"], missing["error"]) == (
        "/v1/customers/cus_none",
        404,
        "resource_missing",
    )
    assert listed["params"] == {"limit": "3"}
    assert "sk_test" not in answer.text


def test_events_are_shown_with_their_deliveries(
    shop: Shop, control: httpx.Client, receiver: Receiver
) -> None:
    endpoint = shop.endpoint(receiver)
    shop.customer()
    control.post("/webhooks/flush")
    (event,) = control.get("/events").json()["events"]
    assert (event["type"], event["pending_webhooks"]) == ("customer.created", 0)
    (delivery,) = event["deliveries"]
    assert (delivery["endpoint"], delivery["status"], delivery["answers"]) == (
        endpoint.id,
        "delivered",
        [200],
    )


def test_a_flush_tries_everything_once_more_and_counts(
    shop: Shop, control: httpx.Client, receiver: Receiver
) -> None:
    shop.endpoint(receiver)
    control.post("/faults", json={"webhooks": {"delay": 3600}})
    shop.customer()
    shop.customer()
    receiver.statuses = [200, 500]
    assert control.post("/webhooks/flush").json() == {"delivered": 1, "failed": 0, "pending": 1, "stopped": 0}


def test_a_flush_does_not_wait_forever(shop: Shop, control: httpx.Client, receiver: Receiver) -> None:
    shop.endpoint(receiver)
    receiver.slow = 0.5
    shop.customer()
    assert control.post("/webhooks/flush", json={"timeout": 0.05}).json()["pending"] == 1


def test_a_reset_forgets_everything(shop: Shop, control: httpx.Client) -> None:
    customer = shop.customer()
    control.post("/faults", json={"api": [{"effect": "rate_limit"}]})
    control.post("/clock/advance", json={"seconds": 3600})
    control.post("/reset")
    assert error_of(lambda: shop.client.v1.customers.retrieve(customer.id))["status"] == 404
    assert shop.event_types() == []
    assert len(shop.simulator.core.requests()) == 1
