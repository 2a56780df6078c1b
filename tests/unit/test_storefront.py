"""The example shop's server: who is signed in, whose token a page gets, what is passed on to the API."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local import aws, stack_file
from local.settings import ROOT
from local.storefront.running import RunningStack
from local.storefront.server import create_app
from local.storefront.tokens import Tokens
from tests.in_process import browser_of

API = "http://api.example/v1"
IDENTITY = aws.Identity("https://issuer.example", "", "", "", "", {}, "")


def token(name: str, expires: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": name, "exp": expires}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


@pytest.fixture
def stack_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "stack.json"
    customers = {name: f"{name}-id" for name in aws.CUSTOMERS}
    described = {
        "api_url": API,
        "aws_endpoint_url": "http://aws.example",
        "customer_ids": customers,
        "allowed_origins": ["http://127.0.0.1:4000", "http://localhost:5173"],
    }
    stack_file.write(file, described)
    stack_file.write(stack_file.state_beside(file), {"identity": IDENTITY.to_dict()})
    return file


@pytest.fixture
def asked() -> list[httpx.Request]:
    """What reached the API."""
    return []


@pytest.fixture
def browser(
    stack_json: Path, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401, json={"code": "unauthenticated"}, headers={"X-Answered": "yes"})

    issued = Counter[str]()

    def issue(_: str, __: aws.Identity, name: str) -> str:
        issued[name] += 1
        return token(f"{name}-{issued[name]}", 4e9)

    monkeypatch.setattr(aws, "token", issue)
    app = create_app(stack_json, httpx.MockTransport(answer))
    with browser_of(app, "http://127.0.0.1:4000") as client:
        yield client


def form(page: str) -> dict[str, str]:
    """The hidden fields of the page's last form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def sign_in(browser: httpx.Client, customer: str, to: str = "/") -> httpx.Response:
    page = browser.get("/sign-in", params={"to": to}).text
    return browser.post("/sign-in", data={**form(page), "customer": customer})


def subject(answer: httpx.Response) -> str:
    payload = answer.json()["token"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])


def test_a_page_gets_the_token_of_whoever_is_signed_in(browser: httpx.Client) -> None:
    assert browser.post("/token").json() == {"token": None}
    assert sign_in(browser, "customer").headers["Location"] == "/"
    assert subject(browser.post("/token")) == "customer-1"
    assert subject(browser.post("/token")) == "customer-1"
    assert subject(browser.post("/token", json={"refresh": True})) == "customer-2"
    assert "Mara Lindqvist" in browser.get("/").text
    browser.post("/sign-out", data=form(browser.get("/account").text))
    assert browser.post("/token").json() == {"token": None}
    sign_in(browser, "other_customer")
    assert subject(browser.post("/token")) == "other_customer-1"


def test_customers_of_tests_sign_in_too_and_a_token_is_kept_nowhere(browser: httpx.Client) -> None:
    sign_in(browser, "shopper-0123456789ab")
    answer = browser.post("/token")
    assert subject(answer) == "shopper-0123456789ab-1"
    assert answer.headers["Cache-Control"] == "no-store"
    sign_in(browser, "shopper-service")
    assert subject(browser.post("/token")) == "shopper-0123456789ab-1"


def test_nobody_signs_in_as_the_business(browser: httpx.Client) -> None:
    sign_in(browser, "service")
    assert browser.post("/token").json() == {"token": None}


def test_a_session_is_out_of_reach_of_scripts_and_of_whoever_knew_it_before(browser: httpx.Client) -> None:
    cookie = browser.get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    before = dict(browser.cookies)
    sign_in(browser, "customer")
    browser.cookies.update(before)
    assert browser.post("/token").json() == {"token": None}


@pytest.mark.parametrize("csrf_token", ["", "0" * 43])
def test_a_form_of_another_page_changes_nothing(browser: httpx.Client, csrf_token: str) -> None:
    sign_in(browser, "customer")
    assert browser.post("/sign-out", data={"csrf_token": csrf_token}).status_code == 403
    assert (
        browser.post("/sign-in", data={"csrf_token": csrf_token, "customer": "other_customer"}).status_code
        == 403
    )
    assert subject(browser.post("/token")) == "customer-1"


def test_a_page_of_another_port_gets_no_token(browser: httpx.Client) -> None:
    """Another port of this machine is the same site, so the cookie comes along."""
    sign_in(browser, "customer")
    refused = browser.post("/token", headers={"Sec-Fetch-Site": "same-site"})
    assert (refused.status_code, refused.json()) == (403, {"token": None})


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "/nowhere"])
def test_signing_in_leads_nowhere_else(browser: httpx.Client, to: str) -> None:
    assert sign_in(browser, "customer", to).headers["Location"] == "/"
    assert sign_in(browser, "customer", "/account").headers["Location"] == "/account"


def test_a_foreign_name_for_this_machine_gets_nothing(browser: httpx.Client) -> None:
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_what_is_asked_of_the_api_arrives_as_sent(browser: httpx.Client, asked: list[httpx.Request]) -> None:
    sign_in(browser, "customer")
    headers = {"Authorization": "Bearer theirs", "Idempotency-Key": "order-1", "X-Other": "no"}
    answer = browser.post("/api/customers/auth0%7C1?limit=1", headers=headers, content=b"{}")
    (request,) = asked
    assert str(request.url) == f"{API}/customers/auth0%7C1?limit=1"
    assert request.content == b"{}"
    assert request.headers["Authorization"] == "Bearer theirs"
    assert request.headers["Idempotency-Key"] == "order-1"
    assert {"cookie", "x-other"}.isdisjoint(request.headers)
    assert (answer.status_code, answer.json(), answer.headers["X-Answered"]) == (
        401,
        {"code": "unauthenticated"},
        "yes",
    )


def test_before_the_stack_is_deployed_everything_says_so(stack_json: Path, browser: httpx.Client) -> None:
    stack_json.unlink()
    assert browser.get("/api/terms/current").json()["code"] == "not_ready"
    sign_in(browser, "customer")
    assert browser.post("/token").status_code == 503


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/nowhere", "/static/shop.css", "/brand/tokens.css", "/api/x"]
)
def test_every_answer_has_a_strict_policy_and_tells_nobody_its_address(
    browser: httpx.Client, path: str
) -> None:
    headers = browser.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "private, no-cache"


def test_no_browser_keeps_a_customers_orders_for_whoever_goes_back(browser: httpx.Client) -> None:
    sign_in(browser, "customer")
    assert browser.get("/account").headers["Cache-Control"] == "no-store"
    assert browser.get("/amazon-pay").headers["Cache-Control"] == "private, no-cache"


def test_a_token_is_replaced_before_it_expires_and_when_the_stack_is_another(stack_json: Path) -> None:
    issued: list[str] = []
    now = [1000.0]

    def issue(url: str, identity: aws.Identity, name: str) -> str:
        issued.append(f"{url} {identity.issuer} {name}")
        return token(name, now[0] + 3600)

    tokens = Tokens(RunningStack(stack_json), issue, lambda: now[0])
    first = tokens.of("service")
    now[0] += 3299
    assert tokens.of("service") == first
    now[0] += 2
    assert tokens.of("service") != first
    other = {**IDENTITY.to_dict(), "issuer": "https://other.example"}
    stack_file.write(stack_file.state_beside(stack_json), {"identity": other})
    tokens.of("service")
    assert issued == [
        "http://aws.example https://issuer.example service",
        "http://aws.example https://issuer.example service",
        "http://aws.example https://other.example service",
    ]


def preflight(browser: httpx.Client, origin: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    return browser.options("/api/customers/a%20b", headers=headers)


def test_the_api_itself_answers_a_preflight_of_an_allowed_origin(
    browser: httpx.Client, asked: list[httpx.Request]
) -> None:
    """It has the headers that the template declares."""
    assert preflight(browser, "http://localhost:5173").headers["X-Answered"] == "yes"
    (request,) = asked
    assert (request.method, str(request.url)) == ("OPTIONS", f"{API}/customers/a%20b")
    assert request.headers["Origin"] == "http://localhost:5173"
    assert request.headers["Access-Control-Request-Method"] == "PUT"


@pytest.mark.parametrize(
    "origin", ["http://localhost:5174", "http://localhost", "https://localhost:5173", "null"]
)
def test_a_foreign_origin_is_told_how_to_be_allowed(
    browser: httpx.Client, asked: list[httpx.Request], origin: str
) -> None:
    refused = preflight(browser, origin)
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
    assert f"MANDATES_ORIGINS={origin} make up" in refused.json()["detail"]
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert not asked


@pytest.mark.parametrize(
    ("origin", "readable"), [("http://localhost:5173", True), ("http://evil.example", False)]
)
def test_an_api_that_is_down_says_so_where_it_may(stack_json: Path, origin: str, readable: bool) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with browser_of(create_app(stack_json, httpx.MockTransport(down)), "http://127.0.0.1:4000") as browser:
        answer = browser.get("/api/terms/current", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (503, "unreachable")
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is readable


def test_pages_on_another_origin_may_call_the_api_and_nothing_else(stack_json: Path) -> None:
    app = create_app(stack_json, api="http://127.0.0.1:4000/api")
    with browser_of(app, "http://localhost:5173") as browser:
        policy = browser.get("/").headers["Content-Security-Policy"]
        sign_in(browser, "customer")
        assert 'api="http://127.0.0.1:4000/api"' in browser.get("/amazon-pay").text
    assert "connect-src 'self' http://127.0.0.1:4000;" in policy


@pytest.mark.parametrize(
    ("path", "status"),
    [("index.js", 200), ("elements/index.js", 200), ("package.json", 404), ("test/words.test.js", 404)],
)
def test_the_client_is_served_as_it_is_and_its_tests_are_not(
    browser: httpx.Client, path: str, status: int
) -> None:
    answer = browser.get(f"/amazon-pay-mandates/{path}")
    assert answer.status_code == status
    if status == 200:
        assert answer.content == (ROOT / "clients/javascript" / path).read_bytes()
