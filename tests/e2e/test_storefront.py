"""The shop: its pages, and the API behind the same origin."""

import json
import os
import re
import subprocess
import sys

import httpx

from local.settings import ROOT
from tests.e2e.test_journey import signature
from tests.live.chaos import good_events
from tests.live.shared import StackJson


def sign_in(stack: StackJson, http: httpx.Client, customer: str) -> str:
    """As a person does, with the form. Returns the token that the pages get then."""
    shop = stack["storefront_url"]
    page = http.get(f"{shop}/sign-in").text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    http.post(f"{shop}/sign-in", data={**hidden, "customer": customer})
    return str(http.post(f"{shop}/token").json()["token"])


def test_who_signs_in_is_known_to_the_api(stack: StackJson, http: httpx.Client) -> None:
    token = sign_in(stack, http, "other_customer")
    me = stack["customer_ids"]["other_customer"]
    asked = http.get(
        f"{stack['storefront_url']}/api/customers/{me}/mandates", headers={"Authorization": f"Bearer {token}"}
    )
    assert asked.status_code == 200, asked.text


def test_the_api_is_on_the_same_origin_and_ids_arrive_as_sent(stack: StackJson, http: httpx.Client) -> None:
    shop = stack["storefront_url"]
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


def test_a_fresh_token_is_printed_alone(stack: StackJson, http: httpx.Client) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "local", "token", "service"],
        cwd=ROOT,
        env={**os.environ, "MANDATES_STATE_DIR": stack["state_dir"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.removesuffix("\n")
    assert printed != stack["tokens"]["service"]
    me = stack["customer_ids"]["customer"]
    asked = http.get(
        f"{stack['api_url']}/customers/{me}/mandates", headers={"Authorization": f"Bearer {printed}"}
    )
    assert asked.status_code == 200, asked.text
