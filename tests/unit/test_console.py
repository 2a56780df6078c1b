"""The console's server: who gets in, what its forms do at the API, and that others' words are no markup."""

import asyncio
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from local import aws
from local.settings import PLACEHOLDER_STRIPE_KEY
from local.storefront.api import Api
from local.storefront.console import words
from local.storefront.console.rendering import CONTENT_SECURITY_POLICY
from local.storefront.console.routes import Console
from local.storefront.console.stripe import Stripe
from local.storefront.console.stripe_lookup import StripeNotAsked
from local.storefront.running import RunningStack
from local.storefront.server import create_app
from local.storefront.tokens import Tokens
from tests.console_api import (
    CHARGE,
    MANDATE,
    NOTHING,
    STRIPE,
    FakeApi,
    charge,
    described_in,
    mandate,
    notice,
)
from tests.in_process import browser_of
from tests.unit.test_storefront import form, sign_in, token

HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def stack_json(tmp_path: Path) -> Path:
    return described_in(tmp_path)


@pytest.fixture
def stranger(stack_json: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A browser in which nobody is signed in."""
    issued = iter(range(100))
    monkeypatch.setattr(aws, "token", lambda url, identity, name: token(f"{name}-{next(issued)}", 4e9))
    with browser_of(create_app(stack_json, httpx.MockTransport(api)), "http://127.0.0.1:4000") as browser:
        yield browser


@pytest.fixture
def merchant(stranger: httpx.Client) -> httpx.Client:
    page = stranger.get("/console/sign-in").text
    assert stranger.post("/console/sign-in", data=form(page)).headers["Location"] == "/console/"
    return stranger


def routes(method: str) -> list[str]:
    """The console's own addresses, with ids in them."""
    http = httpx.AsyncClient()
    running = RunningStack(Path("none"))
    calls = Api(running, Tokens(running), http)
    mounted = Console(running, calls, Stripe(http, "sk_test_x")).mount().routes
    assert {type(one) for one in mounted} == {Route, Mount}
    paths = [one.path for one in mounted if isinstance(one, Route) and method in (one.methods or ())]
    ids = {"{mandate}": MANDATE, "{charge}": CHARGE, "{customer:path}": "auth0%7C1"}
    return ["/console" + re.sub(r"{.*?}", lambda found: ids[found[0]], path) for path in paths]


def fields(page: str) -> dict[str, str]:
    """What a browser would send of the page's last form without anybody typing."""
    last = page[page.rindex("<form") :]
    named = re.findall(r'name="(\w+)"[^>]*?value="([^"]*)"', last)
    return {name: html.unescape(value) for name, value in named}


PUBLIC = {"/console/sign-in"}
READS = sorted(set(routes("GET")) - PUBLIC)
ACTS = sorted(set(routes("POST")) - PUBLIC)


def test_there_are_pages_and_forms() -> None:
    assert (len(READS), len(ACTS)) == (14, 5)


@pytest.mark.parametrize("as_customer", [False, True])
def test_nobody_but_the_merchant_gets_in(stranger: httpx.Client, api: FakeApi, as_customer: bool) -> None:
    if as_customer:
        sign_in(stranger, "customer")
    waiting = form(
        stranger.get("/console/sign-in").text
    )  # has a session of the console, and is not signed in
    for path in READS:
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["Location"][:20]) == (303, "/console/sign-in?to="), path
    for path in ACTS:
        assert stranger.post(path, data=waiting).status_code == 403, path
    assert api.asked == []


def test_the_merchant_is_no_customer_of_the_shop(merchant: httpx.Client) -> None:
    assert merchant.post("/token").json() == {"token": None}


@pytest.mark.parametrize("path", ACTS)
def test_a_form_of_another_session_does_nothing(merchant: httpx.Client, api: FakeApi, path: str) -> None:
    theirs = form(merchant.get("/console/").text)["csrf_token"]
    own_of_the_shop = form(merchant.get("/sign-in").text)["csrf_token"]
    for sent in ({}, {"csrf_token": ""}, {"csrf_token": own_of_the_shop}, {"csrf_token": theirs[:-1]}):
        assert merchant.post(path, data=sent).status_code == 403
    elsewhere = {"Sec-Fetch-Site": "same-site"}
    assert merchant.post(path, data={"csrf_token": theirs}, headers=elsewhere).status_code == 403
    assert api.posts() == []


def test_another_browser_s_form_does_not_sign_in(stranger: httpx.Client) -> None:
    token_of_another = form(stranger.get("/console/sign-in").text)["csrf_token"]
    stranger.cookies.clear()
    stranger.get("/console/sign-in")
    assert stranger.post("/console/sign-in", data={"csrf_token": token_of_another}).status_code == 403


def test_the_cookie_is_out_of_reach(stranger: httpx.Client) -> None:
    before = stranger.get("/console/sign-in")
    cookie = before.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= set(cookie.split("; "))
    known = dict(stranger.cookies)
    signed_in = stranger.post("/console/sign-in", data=form(before.text))
    assert signed_in.headers["Set-Cookie"].partition("=")[2] != cookie.partition("=")[2]
    stranger.cookies.clear()
    stranger.cookies.update(known)
    assert stranger.get("/console/").status_code == 303


def test_signing_out_ends_the_session(merchant: httpx.Client) -> None:
    cookies = dict(merchant.cookies)
    merchant.post("/console/sign-out", data=form(merchant.get("/console/").text))
    merchant.cookies.update(cookies)
    assert merchant.get("/console/").status_code == 303


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil", "/console/\r\nX: y", "/account"]
)
def test_signing_in_leads_to_the_console_only(stranger: httpx.Client, to: str) -> None:
    for wanted, location in (
        (to, "/console/"),
        ("/console/charges?day=2026-11-01", "/console/charges?day=2026-11-01"),
    ):
        page = stranger.get("/console/sign-in", params={"to": wanted}).text
        sent = {**form(page), "to": wanted}
        assert stranger.post("/console/sign-in", data=sent).headers["Location"] == location


def test_no_page_can_run_a_script_or_be_kept(merchant: httpx.Client) -> None:
    for path in [*READS, "/console/sign-in"]:
        headers = merchant.get(path).headers
        assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert headers["Cache-Control"] == "no-store"
    assert "script-src" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "form-action 'self'" in CONTENT_SECURITY_POLICY


def test_the_token_is_in_no_answer(merchant: httpx.Client, api: FakeApi) -> None:
    for path in READS:
        merchant.get(path)
    api.answers.clear()
    shown = [merchant.get(path) for path in READS]
    used = {request.headers["Authorization"].removeprefix("Bearer ") for request in api.asked}
    assert len(used) == 1
    for part in (claims := used.pop().split(".")[1], claims[:16], claims[-16:]):
        assert not any(part in answer.text + str(answer.headers) for answer in shown)


def test_what_others_wrote_is_text(merchant: httpx.Client, api: FakeApi) -> None:
    hostile = {
        **charge,
        "reference": HOSTILE,
        "description": HOSTILE,
        "status": HOSTILE,
        "end_reason": HOSTILE,
    }
    api.answers[f"GET /v1/charges/{CHARGE}"] = (200, hostile)
    api.answers["GET /v1/charges"] = (200, {"charges": [hostile], **NOTHING})
    api.answers[f"GET /v1/mandates/{MANDATE}/charges"] = (200, {"charges": [hostile], **NOTHING})
    noticed = {**notice, "reference": HOSTILE}
    api.answers[f"GET /v1/mandates/{MANDATE}/notices"] = (200, {"notices": [noticed], **NOTHING})
    labelled = {**mandate, "label": HOSTILE, "customer_id": HOSTILE}
    api.answers[f"GET /v1/mandates/{MANDATE}"] = (200, labelled)
    api.answers["GET /v1/mandates"] = (200, {"mandates": [labelled], **NOTHING})
    seen = 0
    for path in READS:
        answer = merchant.get(path, params={"key": "k"})
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            assert "<script" not in answer.text, path
            assert 'alert(1)"' not in answer.text, path
            seen += html.escape(HOSTILE)[:20] in answer.text
    assert seen >= 8
    answer = merchant.get("/console/search", params={"q": HOSTILE})
    assert (answer.status_code, "<script" in answer.text) == (404, False)
    assert html.escape("<script>alert(1)") in answer.text


def test_an_id_reaches_the_api_as_one_part_of_the_path(merchant: httpx.Client, api: FakeApi) -> None:
    assert merchant.get("/console/customers/auth0%7C1").status_code == 200
    merchant.get("/console/customers/a%2F..%2Fb%3Fc%23d")
    merchant.get("/console/search", params={"q": "a/../b"})
    assert {request.url.raw_path.decode().partition("?")[0] for request in api.asked} >= {
        "/v1/customers/auth0%7C1",
        "/v1/customers/a%2F..%2Fb%3Fc%23d/mandates",
        "/v1/customers/a%2F..%2Fb",
    }
    api.asked.clear()
    assert merchant.get("/console/customers/%2E%2E").status_code == 404
    assert merchant.get("/console/mandates/%2E%2E").status_code == 404
    assert api.asked == []


# ------------------------------------------------------------------------------------------- finding


@pytest.mark.parametrize(
    ("query", "page"),
    [
        (MANDATE, f"/console/mandates/{MANDATE}"),
        (f" {CHARGE} ", f"/console/charges/{CHARGE}"),
        (f"rfn_{'a' * 24}_{'b' * 16}_{'c' * 16}", f"/console/charges/{CHARGE}"),
        ("auth0|1", "/console/customers/auth0%7C1"),
        ("pi_1", f"/console/charges/{CHARGE}"),
        ("cus_adopted", "/console/customers/auth0%7C1"),
    ],
)
def test_an_id_leads_to_its_page(merchant: httpx.Client, api: FakeApi, query: str, page: str) -> None:
    ours = {"managed_by": "m", "mandate_id": MANDATE}
    intent = {"object": "payment_intent", "id": "pi_1", "metadata": {**ours, "charge_id": CHARGE}}
    api.answers["GET /v1/payment_intents/pi_1"] = (200, intent)
    api.answers["GET /v1/customers/cus_adopted"] = (
        200,
        {"object": "customer", "id": "cus_adopted", "metadata": {}},
    )
    set_ups = {"object": "list", "data": [{"object": "setup_intent", "metadata": ours}]}
    api.answers["GET /v1/setup_intents"] = (200, set_ups)
    assert merchant.get("/console/search", params={"q": query}).headers["Location"] == page


@pytest.mark.parametrize("query", ["", " ", "nobody", "pi_nowhere", "mdt_" + "b" * 24, "a\u202eb", "x" * 256])
def test_an_id_of_nothing_gets_a_plain_answer(merchant: httpx.Client, query: str) -> None:
    answer = merchant.get("/console/search", params={"q": query})
    assert answer.status_code == 404
    assert "Nothing found" in answer.text


def test_stripe_being_down_is_said(merchant: httpx.Client, api: FakeApi) -> None:
    api.answers["GET /v1/payment_intents/pi_1"] = (500, {})
    answer = merchant.get("/console/search", params={"q": "pi_1"})
    assert answer.status_code == 502
    assert "Stripe refused to look it up (status 500)." in answer.text


# -------------------------------------------------------------------------------------------- acting


def filled(merchant: httpx.Client, path: str, **typed: str) -> tuple[str, dict[str, str]]:
    """The form's address with its key, and what a person who typed this would send."""
    address = merchant.get(path).headers["Location"]
    return address, {**fields(merchant.get(address).text), **typed}


ORDER = {"amount": "12.99", "currency": "usd", "reference": "order-1", "description": "Coffee"}
PAGE_OF_CHARGE = f"/console/mandates/{MANDATE}/charge"


def test_a_charge_is_sent_once_however_often_its_page_is_loaded(merchant: httpx.Client, api: FakeApi) -> None:
    address, sent = filled(merchant, PAGE_OF_CHARGE, **ORDER)
    assert fields(merchant.get(address).text)["key"] == sent["key"]
    for status, done in ((201, "charged"), (200, "charged-before")):
        api.answers[f"POST /v1/mandates/{MANDATE}/charges"] = (status, charge)
        answer = merchant.post(PAGE_OF_CHARGE, data=sent)
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/console/charges/{CHARGE}?done={done}"
    assert "Nothing was charged twice." in merchant.get(answer.headers["Location"]).text
    body = {"amount": 1299, "currency": "usd", "reference": "order-1", "description": "Coffee"}
    assert api.posts() == [(f"/v1/mandates/{MANDATE}/charges", sent["key"], body)] * 2


@pytest.mark.parametrize(
    "wrong", [{"amount": "12,99"}, {"reference": " "}, {"description": ""}, {"currency": "x"}]
)
def test_a_mistake_is_shown_and_nothing_is_sent(
    merchant: httpx.Client, api: FakeApi, wrong: dict[str, str]
) -> None:
    _, sent = filled(merchant, PAGE_OF_CHARGE, **ORDER)
    answer = merchant.post(PAGE_OF_CHARGE, data={**sent, **wrong})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert fields(answer.text)["key"] == sent["key"]
    assert api.posts() == []


def test_a_refusal_has_every_reason_in_words_and_keeps_the_form(merchant: httpx.Client, api: FakeApi) -> None:
    reasons = list(words.CHARGE_REASONS)
    api.refuses(
        f"POST /v1/mandates/{MANDATE}/charges",
        409,
        "charge_not_permitted",
        reasons=reasons,
        left=700,
        currency="usd",
        earliest="2026-12-01T05:00:00Z",
        charge_id=CHARGE,
    )
    _, sent = filled(merchant, PAGE_OF_CHARGE, **ORDER)
    answer = merchant.post(PAGE_OF_CHARGE, data=sent)
    assert answer.status_code == 409
    text = html.unescape(answer.text)
    for reason in reasons:
        one = words.CHARGE_REASONS[reason]
        assert f"<strong>{one.label}.</strong> {one.meaning} {one.action}" in text
    assert "7.00 USD" in text
    assert "1 Dec 2026, 05:00 UTC" in text
    assert f"/console/charges/{CHARGE}" in text
    assert {**fields(answer.text), "currency": "usd"} == sent


@pytest.mark.parametrize(
    ("status", "code"), [(503, "busy"), (500, "internal_error"), (429, "too_many_requests")]
)
def test_without_a_clear_answer_the_same_is_sent_again(
    merchant: httpx.Client, api: FakeApi, status: int, code: str
) -> None:
    api.refuses(f"POST /v1/mandates/{MANDATE}/charges", status, code)
    _, sent = filled(merchant, PAGE_OF_CHARGE, **ORDER)
    answer = merchant.post(PAGE_OF_CHARGE, data=sent)
    assert "Send the same again" in answer.text
    assert fields(answer.text)["key"] == sent["key"]
    assert {key for _, key, _ in api.posts()} == {sent["key"]}
    assert api.asked[-1].method == "POST"  # the page with the key needs no further answer


def test_a_used_key_offers_a_new_charge(merchant: httpx.Client, api: FakeApi) -> None:
    api.refuses(f"POST /v1/mandates/{MANDATE}/charges", 422, "idempotency_key_reused")
    _, sent = filled(merchant, PAGE_OF_CHARGE, **ORDER)
    answer = merchant.post(PAGE_OF_CHARGE, data=sent)
    assert "Begin a new charge" in answer.text
    assert "Send the same again" not in answer.text


def test_a_refund_is_sent_in_minor_units_under_its_key(merchant: httpx.Client, api: FakeApi) -> None:
    _, sent = filled(merchant, f"/console/charges/{CHARGE}/refund", reason="duplicate")
    assert sent["amount"] == "12.99"
    answer = merchant.post(f"/console/charges/{CHARGE}/refund", data={**sent, "amount": "3"})
    assert answer.headers["Location"] == f"/console/charges/{CHARGE}?done=refunded"
    assert api.posts() == [
        (f"/v1/charges/{CHARGE}/refunds", sent["key"], {"amount": 300, "reason": "duplicate"})
    ]


def test_a_refused_refund_uses_the_words_of_refunds(merchant: httpx.Client, api: FakeApi) -> None:
    reasons = list(words.REFUND_REASONS)
    refused = {"reasons": reasons, "left": 699, "currency": "usd"}
    api.refuses(f"POST /v1/charges/{CHARGE}/refunds", 409, "refund_not_permitted", **refused)
    _, sent = filled(merchant, f"/console/charges/{CHARGE}/refund", reason="")
    answer = merchant.post(f"/console/charges/{CHARGE}/refund", data=sent)
    text = html.unescape(answer.text)
    assert answer.status_code == 409
    assert all(words.REFUND_REASONS[reason].meaning in text for reason in reasons)
    assert "6.99 USD" in text


@pytest.mark.parametrize(
    ("page", "done", "call"),
    [
        (f"charges/{CHARGE}/cancel", "canceled", ("cancel", {})),
        (f"mandates/{MANDATE}/withdraw", "withdrawn", ("revoke", {"reason": "requested_in_console"})),
    ],
)
def test_what_ends_something_is_confirmed_first(
    merchant: httpx.Client, api: FakeApi, page: str, done: str, call: tuple[str, Any]
) -> None:
    sent = form(merchant.get(f"/console/{page}").text)
    assert api.posts() == []
    answer = merchant.post(f"/console/{page}", data=sent)
    subject = page.rpartition("/")[0]
    assert answer.headers["Location"] == f"/console/{subject}?done={done}"
    assert api.posts() == [(f"/v1/{subject}/{call[0]}", None, call[1])]


def test_a_charge_that_is_final_can_t_be_cancelled(merchant: httpx.Client, api: FakeApi) -> None:
    api.refuses(f"POST /v1/charges/{CHARGE}/cancel", 409, "charge_is_final", charge_status="succeeded")
    path = f"/console/charges/{CHARGE}/cancel"
    answer = merchant.post(path, data=form(merchant.get(path).text))
    assert answer.status_code == 409
    assert "If it succeeded, refund it." in answer.text


def test_a_check_explains_itself_and_writes_nothing(merchant: httpx.Client, api: FakeApi) -> None:
    decision = {
        "permitted": False,
        "reasons": ["before_start"],
        "left": None,
        "currency": "usd",
        "earliest": None,
        "period": None,
        "window": None,
    }
    api.answers[f"POST /v1/mandates/{MANDATE}/charges/check"] = (200, decision)
    path = f"/console/mandates/{MANDATE}/check"
    asked = {"amount": "9", "currency": "usd", "reference": "", "at": "2026-12-15T09:00"}
    text = merchant.get(path, params=asked).text
    assert "Before the first day" in text
    assert "Time alone does not help" in text
    ((called, key, body),) = api.posts()
    assert (called, key) == (f"/v1/mandates/{MANDATE}/charges/check", None)
    assert (body["amount"], body["at"]) == (900, "2026-12-15T09:00:00Z")
    assert merchant.get(path, params={**asked, "at": "soon"}).status_code == 422
    assert len(api.posts()) == 1


# --------------------------------------------------------------------------------------------- lists


def test_a_list_reads_on_over_empty_pages_but_not_for_ever(merchant: httpx.Client, api: FakeApi) -> None:
    api.answers["GET /v1/charges"] = (200, {"charges": [], "next_cursor": "more"})
    text = merchant.get("/console/charges", params={"day": "2026-11-01", "status": "failed"}).text
    assert [dict(request.url.params) for request in api.asked][:2] == [
        {"created_on": "2026-11-01", "status": "failed", "limit": "25"},
        {"created_on": "2026-11-01", "status": "failed", "limit": "25", "cursor": "more"},
    ]
    assert len(api.asked) == 5
    assert "None so far." in text
    assert "?day=2026-11-01&amp;status=failed&amp;cursor=more" in text


def test_a_part_that_can_t_be_read_does_not_hide_the_rest(merchant: httpx.Client, api: FakeApi) -> None:
    api.refuses(f"GET /v1/mandates/{MANDATE}/charges", 500, "internal_error")
    answer = merchant.get(f"/console/mandates/{MANDATE}")
    assert answer.status_code == 200
    assert "An error in the service" in answer.text
    assert "Load the page again in a moment." in answer.text
    assert "message-1" in answer.text


def test_a_refused_token_is_replaced_once(merchant: httpx.Client, api: FakeApi) -> None:
    api.refuses(f"GET /v1/charges/{CHARGE}", 401, "unauthenticated")
    assert merchant.get(f"/console/charges/{CHARGE}/cancel").status_code == 502
    used = [request.headers["Authorization"] for request in api.asked]
    assert len(used) == len(set(used)) == 2


def test_evidence_is_saved_under_the_mandate_s_name(merchant: httpx.Client, api: FakeApi) -> None:
    for suffix, media_type in (("json", "application/json"), ("pdf", "application/pdf")):
        answer = merchant.get(f"/console/mandates/{MANDATE}/evidence.{suffix}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="evidence-{MANDATE}.{suffix}"'
        assert answer.headers["Content-Type"] == media_type
        assert api.asked[-1].headers["Accept"] == media_type


def test_before_the_stack_is_deployed_the_console_says_so(merchant: httpx.Client, stack_json: Path) -> None:
    stack_json.unlink()
    answer = merchant.get("/console/")
    assert (answer.status_code, "Not ready yet" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("key", "at", "sent"),
    [
        ("rk_test_ours", "https://api.stripe.com", "rk_test_ours"),
        ("rk_test_ours", STRIPE, PLACEHOLDER_STRIPE_KEY),
        ("rk_live_ours", STRIPE, PLACEHOLDER_STRIPE_KEY),
        ("rk_live_ours", "https://api.stripe.com", None),
    ],
)
def test_stripe_alone_gets_the_stack_s_key_and_no_live_one_is_used(
    key: str, at: str, sent: str | None
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"id": "pi_1", "deleted": False})

    async def get() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await Stripe(http, key).get(at, "/v1/payment_intents/pi_1")

    if sent is None:
        with pytest.raises(StripeNotAsked, match="test key"):
            asyncio.run(get())
        assert asked == []
    else:
        assert asyncio.run(get())["id"] == "pi_1"
        assert [request.headers["Authorization"] for request in asked] == [f"Bearer {sent}"]
