"""The main job over HTTP, on the deployed template: every step as a front end, a person and Stripe do it."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.journey import Customer, DidNotWork, consent_to, pay_with_amazon
from tests.live.shared import StackJson

WARM_SECONDS = 5.0
"""From authorising to `active`, with workers running."""


@pytest.fixture
def other(stack: StackJson) -> Iterator[Customer]:
    caller = Customer(
        stack["api_url"], stack["tokens"]["other_customer"], stack["customer_ids"]["other_customer"]
    )
    yield caller
    caller.close()


def opened(stack: StackJson, customer: Customer, **changes: str) -> dict[str, Any]:
    """A session that no earlier test has used: each asks for another return address."""
    customer.become_customer()
    shop = f"{stack['storefront_url']}/{uuid.uuid4()}"
    urls = {"success_url": f"{shop}/return", "cancel_url": f"{shop}/cart", **changes}
    return customer.accept(customer.current_terms(), **urls)


def kinds(mandate: dict[str, Any]) -> list[str]:
    return [kind for entry in mandate["ledger"] for kind in entry["kinds"]]


def control(stack: StackJson, http: httpx.Client, path: str, **body: Any) -> None:
    http.post(f"{stack['stripe_control_url']}/{path}", json=body).raise_for_status()


def test_a_mandate_becomes_active_within_seconds(stack: StackJson, customer: Customer) -> None:
    warm = opened(stack, customer)
    pay_with_amazon(warm["url"])
    customer.mandate_once(warm["mandate_id"], "active", seconds=20)

    session = opened(stack, customer)
    sent_back_to = pay_with_amazon(session["url"])
    authorised = time.monotonic()
    mandate = customer.mandate_once(session["mandate_id"], "active", seconds=20)
    seconds = time.monotonic() - authorised
    print(f"active {seconds:.2f} s after authorising")
    assert seconds < WARM_SECONDS
    assert session["checkout_session_id"] in sent_back_to
    assert mandate["payment_method_id"].startswith("pm_")
    assert kinds(mandate)[:2] == ["consent_accepted", "session_created"]
    assert "setup_succeeded" in kinds(mandate)


def test_declined_then_tried_again_in_the_same_session(stack: StackJson, customer: Customer) -> None:
    session = opened(stack, customer)
    pay_with_amazon(session["url"], authorize=False)
    until(lambda: "setup_failed" in kinds(customer.mandate(session["mandate_id"])))
    assert customer.mandate(session["mandate_id"])["status"] == "pending"
    pay_with_amazon(session["url"])
    customer.mandate_once(session["mandate_id"], "active")


def test_abandoned_stays_pending_and_expired_can_be_begun_anew(
    stack: StackJson, customer: Customer, http: httpx.Client
) -> None:
    session = opened(stack, customer)
    assert customer.mandate(session["mandate_id"])["status"] == "pending"
    control(stack, http, f"sessions/{session['checkout_session_id']}/expire")
    customer.mandate_once(session["mandate_id"], "expired")
    again = opened(stack, customer)
    assert again["mandate_id"] != session["mandate_id"]
    pay_with_amazon(again["url"])
    customer.mandate_once(again["mandate_id"], "active")


def test_the_same_webhook_ten_times_at_once_leaves_one_entry(
    stack: StackJson, customer: Customer, http: httpx.Client
) -> None:
    session = opened(stack, customer)
    control(stack, http, "faults", webhooks={"outage": True})
    try:
        control(stack, http, f"sessions/{session['checkout_session_id']}/authorize")
        event = next(
            event
            for event in reversed(http.get(f"{stack['stripe_control_url']}/events").json()["events"])
            if event["type"] == "setup_intent.succeeded"
            and event["data"]["object"]["metadata"]["mandate_id"] == session["mandate_id"]
        )
        payload = json.dumps({name: value for name, value in event.items() if name != "deliveries"})
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: post_webhook(stack, payload), range(10)))
        assert {answer.status_code for answer in answers} == {200}
        customer.mandate_once(session["mandate_id"], "active")
        until(lambda: waiting(stack) == 0)
        ledger = customer.mandate(session["mandate_id"])["ledger"]
        assert [entry["source"] for entry in ledger].count(event["id"]) == 1
    finally:
        control(stack, http, "faults")


def test_revoked_here_and_detached_at_stripe(
    stack: StackJson, customer: Customer, http: httpx.Client
) -> None:
    session = opened(stack, customer)
    pay_with_amazon(session["url"])
    mandate = customer.mandate_once(session["mandate_id"], "active")
    headers = {"Authorization": f"Bearer {customer.token}"}
    revoked = http.post(f"{stack['api_url']}/mandates/{mandate['mandate_id']}/revoke", headers=headers)
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    until(lambda: "detached" in kinds(customer.mandate(mandate["mandate_id"])))


def test_a_withdrawal_on_amazons_side_ends_it(
    stack: StackJson, customer: Customer, http: httpx.Client
) -> None:
    session = opened(stack, customer)
    pay_with_amazon(session["url"])
    mandate = customer.mandate_once(session["mandate_id"], "active")
    control(stack, http, f"payment_methods/{mandate['payment_method_id']}/revoke_at_amazon")
    customer.mandate_once(session["mandate_id"], "revoked")


def test_the_return_page_knows_without_the_webhook(
    stack: StackJson, customer: Customer, http: httpx.Client
) -> None:
    session = opened(stack, customer)
    control(stack, http, "faults", webhooks={"outage": True})
    try:
        pay_with_amazon(session["url"])
        page = http.get(
            f"{stack['api_url']}/checkout-sessions/{session['checkout_session_id']}",
            headers={"Authorization": f"Bearer {customer.token}"},
        ).json()
        assert page["status"] == "active"
    finally:
        control(stack, http, "faults")


def test_who_came_back_is_on_record_and_another_learns_nothing(
    stack: StackJson, customer: Customer, other: Customer
) -> None:
    session = opened(stack, customer)
    address = pay_with_amazon(session["url"])
    customer.mandate_once(session["mandate_id"], "active")
    with pytest.raises(DidNotWork, match=r"404 .*not_found"):
        other.come_back(address)
    back = customer.come_back(address)
    assert back["status"] == "active"
    assert all(back["returned"].values())
    assert customer.mandate(session["mandate_id"])["returned"] == back["returned"]
    with pytest.raises(DidNotWork, match=r"422 .*wrong_return_token"):
        customer.come_back(f"{address[:-43]}{'t' * 43}")


def test_strangers_and_bad_tokens(
    stack: StackJson, customer: Customer, other: Customer, http: httpx.Client
) -> None:
    mandate_id = opened(stack, customer)["mandate_id"]
    address = f"{stack['api_url']}/mandates/{mandate_id}"

    def status(token: str | None, scheme: str = "Bearer") -> int:
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        return http.get(address, headers=headers).status_code

    token = customer.token
    header, claims, signature = token.split(".")
    later = {**decoded(claims), "exp": int(time.time()) + 10**6}
    assert status(token) == 200
    assert status(token, "bEARER") == 200
    assert status(token, "Basic") == 401
    assert status(stack["tokens"]["service"]) == 200
    assert status(stack["tokens"]["other_customer"]) == 404
    assert status(None) == 401
    assert status(f"{header}.{encoded(later)}.{signature}") == 401
    assert status(f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}.") == 401
    assert status(f"{encoded({**decoded(header), 'alg': 'none'})}.{claims}.{signature}") == 401
    assert status(f"{header}.{claims}.{signature[:-4]}AAAA") == 401
    assert status(f"{encoded({**decoded(header), 'kid': 'unknown'})}.{claims}.{signature}") == 401


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/return",
        "javascript:alert(1)",
        "http://127.0.0.1.evil.example/",
        "http://user@127.0.0.1:{port}/return",
        "http://127.0.0.1:1/return",
    ],
)
def test_a_foreign_redirect_is_refused(stack: StackJson, http: httpx.Client, url: str) -> None:
    terms = http.get(f"{stack['api_url']}/terms/current").json()
    port = stack["storefront_url"].rpartition(":")[2]
    body = {
        **consent_to(terms),
        "success_url": url.replace("{port}", port),
        "cancel_url": f"{stack['storefront_url']}/",
    }
    headers = {"Authorization": f"Bearer {stack['tokens']['customer']}"}
    refused = http.post(f"{stack['api_url']}/checkout-sessions", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "redirect_not_allowed")


def test_a_webhook_that_stripe_did_not_sign_reaches_no_queue(stack: StackJson) -> None:
    until(lambda: waiting(stack) == 0)
    payload = json.dumps({"id": f"evt_{uuid.uuid4().hex}", "type": "invoice.paid", "livemode": False})
    assert post_webhook(stack, payload, secret="whsec_wrong").status_code == 400
    assert post_webhook(stack, payload, at=time.time() - 600).status_code == 400
    assert post_webhook(stack, payload, at=time.time() + 600).status_code == 400
    altered = payload.replace("invoice.paid", "customer.deleted")
    assert post_webhook(stack, altered, header=signature(stack, payload)).status_code == 400
    assert post_webhook(stack, "no event").status_code == 400
    assert waiting(stack) == 0


def post_webhook(
    stack: StackJson,
    payload: str,
    *,
    secret: str | None = None,
    at: float | None = None,
    header: str | None = None,
) -> httpx.Response:
    return httpx.post(
        f"{stack['api_url']}/webhooks/stripe",
        content=payload,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": header or signature(stack, payload, secret, at),
        },
        timeout=60,
        trust_env=False,
    )


def signature(stack: StackJson, payload: str, secret: str | None = None, at: float | None = None) -> str:
    timestamp = int(at or time.time())
    key = (secret or stack["webhook_secret"]).encode()
    return f"t={timestamp},v1={hmac.new(key, f'{timestamp}.{payload}'.encode(), hashlib.sha256).hexdigest()}"


def waiting(stack: StackJson) -> int:
    """Messages in the queue, in flight ones too."""
    answered = httpx.post(
        stack["aws_endpoint_url"],
        headers={
            "X-Amz-Target": "AmazonSQS.GetQueueAttributes",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request",
        },
        json={"QueueUrl": stack["queue_url"], "AttributeNames": ["All"]},
        trust_env=False,
    ).json()["Attributes"]
    return int(answered["ApproximateNumberOfMessages"]) + int(
        answered["ApproximateNumberOfMessagesNotVisible"]
    )


def until(condition: Any, *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


def decoded(part: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
