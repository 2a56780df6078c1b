"""Ordering at the example shop: one order is charged once, and customers read what is true."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local import aws, stack_file
from local.settings import ROOT
from local.storefront import words
from local.storefront.german import GERMAN
from local.storefront.languages import language_of
from local.storefront.orders import is_number, new_number
from local.storefront.server import create_app
from tests.in_process import browser_of
from tests.unit.test_storefront import IDENTITY, form, sign_in, token

Answer = Callable[[httpx.Request], httpx.Response]
SECRET = token("the-business", 4e9)


def charge(number: str, status: str = "succeeded", **more: Any) -> dict[str, Any]:
    common = {"will_retry_at": None, "end_reason": None, "refunded": 0, "currency": "usd"}
    return {"charge_id": "chg_1", "status": status, "reference": number, **common, **more}


@dataclass
class Api:
    """A stand-in for the API. `charging` answers a request to charge; `charges` are in the mandate's list."""

    charging: Answer = lambda request: httpx.Response(201, json=charge(request.headers["Idempotency-Key"]))
    mandates: list[dict[str, Any]] = field(default_factory=list)
    charges: list[dict[str, Any]] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Idempotency-Key and body of each request to charge."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        path = request.url.path.removeprefix("/v1")
        if request.method == "POST":
            assert path == "/mandates/mdt_1/charges"
            self.sent.append((request.headers["Idempotency-Key"], json.loads(request.content)))
            return self.charging(request)
        if path in {"/customers/customer-id/mandates", "/customers/other_customer-id/mandates"}:
            return httpx.Response(200, json={"mandates": self.mandates, "next_cursor": None})
        if path == "/mandates/mdt_1/charges":
            return httpx.Response(200, json={"charges": self.charges, "next_cursor": None})
        assert path == "/charges/chg_1", path
        return httpx.Response(200, json=self.charges[0])


def mandate(**more: Any) -> dict[str, Any]:
    returned = {"customer": "2026-11-27T10:00:00Z", "another": None}
    return {"mandate_id": "mdt_1", "status": "active", "funding": None, "returned": returned, **more}


@pytest.fixture
def api() -> Api:
    return Api(mandates=[mandate()])


@pytest.fixture
def browser(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    file = tmp_path / "stack.json"
    customers = {name: f"{name}-id" for name in aws.CUSTOMERS}
    described = {"api_url": "http://api.example/v1", "aws_endpoint_url": "", "customer_ids": customers}
    stack_file.write(file, described)
    stack_file.write(stack_file.state_beside(file), {"identity": IDENTITY.to_dict()})
    monkeypatch.setattr(aws, "token", lambda *_: SECRET)
    with browser_of(create_app(file, httpx.MockTransport(api)), "http://127.0.0.1:4000") as client:
        yield client


@pytest.fixture
def signed_in(browser: httpx.Client) -> httpx.Client:
    sign_in(browser, "customer")
    return browser


def refused(*reasons: str, **more: Any) -> Answer:
    problem = {"code": "charge_not_permitted", "reasons": list(reasons), "earliest": None, **more}
    return lambda _: httpx.Response(409, json=problem)


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("no answer", request=request)


def order_from(browser: httpx.Client, page: str = "/") -> httpx.Response:
    return browser.post("/orders", data=form(browser.get(page).text))


def heading(page: httpx.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    assert found
    return found[1]


def test_one_click_charges_once_however_often_the_form_is_sent(signed_in: httpx.Client, api: Api) -> None:
    sent = form(signed_in.get("/").text)
    first, again = (signed_in.post("/orders", data=sent) for _ in range(2))
    number = sent["number"]
    assert first.headers["Location"] == again.headers["Location"] == f"/orders/{number}"
    ((key, body),) = api.sent
    assert key == number
    assert body == {
        "amount": 2400,
        "currency": "usd",
        "reference": number,
        "description": f"Morning Blend, two bags, order {number}",
    }
    api.charges = [charge(number)]
    page = signed_in.get(f"/orders/{number}")
    assert heading(page) == "Thank you, it is paid"
    assert page.headers["Cache-Control"] == "no-store"


def test_a_visitor_signs_in_first_and_then_orders(browser: httpx.Client, api: Api) -> None:
    assert order_from(browser).headers["Location"] == "/sign-in?to=/order"
    assert sign_in(browser, "customer", "/order").headers["Location"] == "/order"
    assert not api.sent
    assert order_from(browser, "/order").headers["Location"].startswith("/orders/")
    assert len(api.sent) == 1


@pytest.mark.parametrize(
    "found",
    [
        [],
        [mandate(status="pending")],
        [mandate(status="revoked")],
        [mandate(returned={"customer": None, "another": "2026-11-27T10:00:00Z"})],
    ],
)
def test_without_a_mandate_to_charge_amazon_pay_is_set_up_first(
    signed_in: httpx.Client, api: Api, found: list[dict[str, Any]]
) -> None:
    api.mandates = found
    assert order_from(signed_in).headers["Location"] == "/amazon-pay"
    assert not api.sent
    assert "Finish your order" in signed_in.get("/amazon-pay").text
    assert signed_in.get("/order").headers["Location"] == "/amazon-pay"
    api.mandates = [mandate()]
    order_from(signed_in, "/order")
    assert "Finish your order" not in signed_in.get("/amazon-pay").text


def test_a_refusal_says_why_and_charges_nothing(signed_in: httpx.Client, api: Api) -> None:
    api.charging = refused("above_period_limit", "disputed", earliest="2026-12-01T05:00:00Z")
    page = signed_in.get(order_from(signed_in).headers["Location"])
    assert heading(page) == "We did not charge this order"
    assert "above what is left of your limit" in page.text
    assert "in dispute" in page.text
    assert "December 1, 2026" in page.text
    assert len(api.sent) == 1
    assert 'data-settled="yes"' in page.text


def test_a_withdrawn_permission_leads_to_a_new_one(signed_in: httpx.Client, api: Api) -> None:
    api.charging = refused("mandate_revoked")
    assert "Save Amazon Pay again" in signed_in.get(order_from(signed_in).headers["Location"]).text


@pytest.mark.parametrize(
    "unclear", [lost, lambda _: httpx.Response(503, json={}), lambda _: httpx.Response(502)]
)
def test_an_unknown_outcome_is_looked_up_and_not_charged_again(
    signed_in: httpx.Client, api: Api, unclear: Answer
) -> None:
    api.charging = unclear
    where = order_from(signed_in).headers["Location"]
    number = where.rpartition("/")[2]
    api.charges = [charge("other"), charge(number, "processing")]
    page = signed_in.get(where)
    assert heading(page) == "Amazon Pay is still deciding"
    assert len(api.sent) == 1


def test_what_never_arrived_is_sent_again_under_the_same_key(signed_in: httpx.Client, api: Api) -> None:
    api.charging = lost
    where = order_from(signed_in).headers["Location"]
    assert heading(signed_in.get(where)) == "We are checking your payment"
    api.charging = Api.charging
    api.charges = []
    assert heading(signed_in.get(where)) == "Thank you, it is paid"
    first, *rest = api.sent
    assert rest == [first, first]


def test_an_order_that_the_api_knows_by_its_reference_is_looked_up(signed_in: httpx.Client, api: Api) -> None:
    api.charging = refused("already_charged", charge_id="chg_1")
    where = order_from(signed_in).headers["Location"]
    api.charges = [charge(where.rpartition("/")[2])]
    assert heading(signed_in.get(where)) == "Thank you, it is paid"


def test_nobody_sees_or_takes_another_customers_order(signed_in: httpx.Client, api: Api) -> None:
    where = order_from(signed_in).headers["Location"]
    number = where.rpartition("/")[2]
    sign_in(signed_in, "other_customer")
    assert signed_in.get(where).status_code == 404
    sent = {**form(signed_in.get("/sign-in").text), "number": number}
    assert signed_in.post("/orders", data=sent).status_code == 404
    assert len(api.sent) == 1


def test_the_businesss_token_stays_in_the_server(browser: httpx.Client, api: Api) -> None:
    seen = [browser.get("/"), sign_in(browser, "service")]
    seen += [order_from(browser), browser.post("/token")]
    sign_in(browser, "customer")
    placed = order_from(browser)
    api.charges = [charge(placed.headers["Location"].rpartition("/")[2])]
    seen += [
        placed,
        *map(browser.get, (placed.headers["Location"], "/", "/order", "/amazon-pay", "/account")),
    ]
    for answer in seen:
        assert SECRET not in answer.text
        assert SECRET not in str(answer.headers)


def test_there_are_words_for_all_that_can_happen() -> None:
    schemas = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))["components"]["schemas"]
    assert words.STATUSES.keys() == set(schemas["ChargeStatus"]["enum"])
    assert words.REASONS.keys() == set(schemas["ChargeReason"]["enum"])
    assert words.END_REASONS.keys() == set(schemas["ChargeEndReason"]["enum"])


@pytest.mark.parametrize(
    ("details", "says"),
    [
        (
            {"status": "retrying", "will_retry_at": "2026-11-28T10:00:00Z"},
            "We try again on November 28, 2026.",
        ),
        (
            {"status": "failed", "end_reason": "declined"},
            "Amazon Pay declined the payment. No money was taken",
        ),
        ({"status": "canceled", "end_reason": "withdrawn"}, "You withdrew the permission"),
        ({"status": "succeeded", "refunded": 600}, "$6.00 has been refunded to you, or is on its way."),
        ({"status": "needs_customer"}, "Please look at the payment methods in your Amazon account."),
    ],
)
def test_an_order_says_how_its_charge_is_doing(
    signed_in: httpx.Client, api: Api, details: dict[str, Any], says: str
) -> None:
    where = order_from(signed_in).headers["Location"]
    api.charges = [charge(where.rpartition("/")[2], **details)]
    assert says in signed_in.get(where).text.replace("&#39;", "'")


SHOWN = re.compile(r"""_\((?:"([^"]+)"|'([^']+)')\)""")


def test_every_text_of_the_shop_is_there_in_german_too() -> None:
    """Those of the templates and the server's messages, and those that words.py has for orders."""
    pages = sorted((ROOT / "local/storefront/templates").glob("*.html"))
    shown = {one or other for page in pages for one, other in SHOWN.findall(page.read_text(encoding="utf-8"))}
    server = (ROOT / "local/storefront/server.py").read_text(encoding="utf-8")
    shown |= set(re.findall(r'(?:title|text)="([^"]+)"', server))
    for said in (*words.STATUSES.values(), words.UNKNOWN, words.NOT_NOW, words.REFUSED):
        shown |= {said.short, said.heading, said.text}
    shown |= {*words.REASONS.values(), *words.END_REASONS.values(), words.REFUNDED, words.EARLIEST}
    assert len(shown) > 100
    assert GERMAN.keys() == shown
    for english, german in GERMAN.items():
        assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", german)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,de;q=0.4,en;q=0.3", "de"),
        ("fr", "en"),
        ("de;q=0,en", "en"),
        ("de;q=x", "en"),
        ("", "en"),
    ],
)
def test_pages_are_in_the_language_that_the_reader_likes_best(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_a_german_reader_orders_in_german(signed_in: httpx.Client, api: Api) -> None:
    signed_in.headers["Accept-Language"] = "de-DE,de;q=0.9,en;q=0.8"
    api.charging = refused("mandate_revoked", earliest="2026-12-01T06:00:00Z")
    page = signed_in.get(order_from(signed_in).headers["Location"])
    assert '<html lang="de">' in page.text
    assert heading(page) == "Für diese Bestellung wurde nichts abgebucht"
    assert "widerrufen. Möglich ist es ab dem 1. Dezember 2026." in page.text
    assert "24,00 $" in page.text
    assert "Ihr Konto" in signed_in.get("/account").text
    assert "Hier ist nichts" in signed_in.get("/nowhere").text


def test_amounts_have_their_currencys_own_digits() -> None:
    assert [words.money(2400, "usd"), words.money(500, "jpy"), words.money(123456, "sek")] == [
        "$24.00",
        "¥500",
        "1,234.56 SEK",
    ]


def test_an_orders_number_is_never_another_text() -> None:
    assert all(is_number(new_number()) for _ in range(100))
    assert not any(
        map(is_number, ("", "AAAA-BBBB", "aaaa-bbbb-cccc", "AAAA-BBBB-CC/C", "----", "A-AAAAAAA-AAAA"))
    )
