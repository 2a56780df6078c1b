"""The shop: its pages, and the API behind the same origin."""

import json

import httpx

from tests.e2e.conftest import StackJson
from tests.e2e.test_journey import signature
from tests.live.chaos import good_events


def test_pages_load_nothing_from_elsewhere(stack: StackJson, http: httpx.Client) -> None:
    for page in ("/", "/return", "/static/consent.js"):
        answer = http.get(stack["storefront_url"] + page)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy


def test_consent_is_not_ticked_in_advance(stack: StackJson, http: httpx.Client) -> None:
    page = http.get(stack["storefront_url"]).text
    checkbox = page[page.index('<input type="checkbox"') :].partition(">")[0]
    assert "checked" not in checkbox


def test_the_api_is_on_the_same_origin_and_ids_arrive_as_sent(stack: StackJson, http: httpx.Client) -> None:
    shop = stack["storefront_url"]
    signed_in = http.post(f"{shop}/sign-in").json()
    assert signed_in["customer_id"] == stack["customer_ids"]["customer"]
    assert http.get(f"{shop}/api/terms/current").json()["version"]
    service = {"Authorization": f"Bearer {stack['tokens']['service']}"}
    for customer_id, encoded in (("auth0|a", "auth0%7Ca"), ("Zoë", "Zo%C3%AB")):
        made = http.put(f"{shop}/api/customers/{encoded}", json={}, headers=service)
        assert made.json().get("customer_id") == customer_id, made.text


def test_a_refusal_comes_through_as_it_is(stack: StackJson, http: httpx.Client) -> None:
    answer = http.get(f"{stack['storefront_url']}/api/mandates/mdt_1")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_stripes_webhooks_arrive_through_the_shop(stack: StackJson, http: httpx.Client) -> None:
    """`stripe listen` forwards to there (README): what is signed for the API is taken, all else is not."""
    payload = json.dumps(good_events(1, "shop")[0])
    for signed, status in ((signature(stack, payload), 200), ("t=1,v1=00", 400)):
        answer = http.post(
            f"{stack['storefront_url']}/api/webhooks/stripe",
            content=payload,
            headers={"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signed},
        )
        assert answer.status_code == status, answer.text
