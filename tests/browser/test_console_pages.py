"""Every page of the console, in every state: axe finds nothing, and nothing needs scrolling sideways."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from local import aws
from local.settings import HOST, free_ports
from local.storefront.server import create_app
from tests.browser.accessibility import accessible
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.browser.watch import Watch
from tests.console_api import CHARGE, MANDATE, NOTHING, FakeApi, charge, described_in, mandate
from tests.unit.test_storefront import token

DISPUTE = {
    "dispute_id": "du_1aBcDeFgHiJkLmNoPqRsTuVw",
    "status": "needs_response",
    "open": True,
    "amount": 1299,
    "currency": "usd",
    "reason": "product_not_received",
    "type": "claim",
    "opened_at": "2026-11-28T09:00:00Z",
    "evidence_due_by": "2026-12-08T09:00:00Z",
}
REFUND = {
    "refund_id": "rfn_1",
    "status": "failed",
    "amount": 299,
    "currency": "usd",
    "reason": "requested_by_customer",
    "requested_at": "2026-11-28T08:00:00Z",
    "actor": "business",
    "stripe_refund_id": "pyr_1",
    "failure": "expired_or_canceled_card",
}
MOVEMENT = {
    "type": "charge",
    "amount": 1299,
    "fee": 68,
    "net": 1231,
    "currency": "usd",
    "created_at": "2026-11-27T09:00:02Z",
    "payout_id": None,
}
BOOKED = {"disputes": [DISPUTE], "movements": [MOVEMENT], "fee": 68, "net": 1231, "balance_currency": "usd"}
RETRYING = {
    **charge,
    "reference": "a-reference-without-any-spaces-that-goes-on-for-a-while",
    "status": "retrying",
    "refundable": 0,
    "will_retry_at": "2026-11-28T09:00:00Z",
    "failure": {"class": "soft", "code": "payment_method_provider_decline", "decline_code": None},
}
ENTRY = {"number": 1, "kinds": ["consent_accepted"], "recorded_at": "2026-11-27T09:00:00Z", "source": "evt_1"}
OTHER_CHARGE = CHARGE[:-1] + "c"
ENDED = MANDATE[:-1] + "b"
REFUSED = {
    "permitted": False,
    "reasons": ["above_charge_limit", "already_charged"],
    "left": 700,
    "currency": "usd",
    "earliest": "2026-12-01T05:00:00Z",
    "charge_id": CHARGE,
    "period": None,
    "window": None,
}


def answers() -> FakeApi:
    api = FakeApi()
    ended = {**mandate, "mandate_id": ENDED, "status": "revoked", "label": None, "spending": None}
    ended |= {"ledger": [ENTRY], "returned": {"customer": None, "another": "2026-11-27T09:00:00Z"}}
    listed = {"charges": [{**charge, "disputes": [DISPUTE], "refunded": 299}, RETRYING], **NOTHING}
    refusal = {**REFUSED, "code": "charge_not_permitted", "detail": "d", "request_id": "r" * 36}
    api.answers |= {
        "GET /v1/charges": (200, {**listed, "next_cursor": "more"}),
        f"GET /v1/mandates/{MANDATE}/charges": (200, listed),
        f"GET /v1/mandates/{MANDATE}": (200, {**mandate, "ledger": [ENTRY], "next_cursor": "more"}),
        f"GET /v1/mandates/{ENDED}": (200, ended),
        f"GET /v1/mandates/{ENDED}/charges": (500, {"code": "internal_error"}),
        f"GET /v1/mandates/{ENDED}/notices": (200, {"notices": [], **NOTHING}),
        f"GET /v1/charges/{CHARGE}": (200, {**charge, **BOOKED}),
        f"GET /v1/charges/{CHARGE}/refunds": (200, {"refunds": [REFUND]}),
        f"GET /v1/charges/{OTHER_CHARGE}": (200, RETRYING),
        f"GET /v1/charges/{OTHER_CHARGE}/refunds": (200, {"refunds": []}),
        f"POST /v1/mandates/{MANDATE}/charges/check": (200, REFUSED),
        f"POST /v1/mandates/{MANDATE}/charges": (409, refusal),
    }
    return api


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a storefront whose API answers as above."""
    folder: Path = tmp_path_factory.mktemp("console")
    (port,) = free_ports(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "token", lambda url, identity, name: token(name, 4e9))
        app = create_app(described_in(folder), httpx.MockTransport(answers()))
        server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning"))
        running = threading.Thread(target=server.run)
        running.start()
        yield f"http://{HOST}:{port}"
        server.should_exit = True
        running.join()


def fill(page: Page, amount: str) -> None:
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Reference").fill("order-1")
    page.get_by_label("Description").fill("Coffee")
    page.get_by_role("button", name="Charge").click()


PAGES = [
    "",
    "charges?day=2026-11-27&status=retrying",
    "mandates",
    f"mandates/{MANDATE}",
    f"mandates/{ENDED}",
    f"mandates/{MANDATE}/check?amount=9&currency=usd",
    f"mandates/{MANDATE}/withdraw",
    f"charges/{CHARGE}",
    f"charges/{OTHER_CHARGE}",
    f"charges/{CHARGE}/refund",
    "customers/auth0%7C1",
]


@pytest.mark.parametrize(
    "reader",
    [
        {"width": PHONE},
        {"width": DESKTOP, "scheme": "dark"},
        {"width": DESKTOP, "text": 200},
    ],
    ids=["phone", "dark", "large text"],
)
def test_every_page_reads_well(browser: Browser, console: str, reader: dict[str, Any]) -> None:
    context = Reader(**reader).context(browser, base_url=console)
    watch = Watch(console)
    watch.follow(context)
    page = context.new_page()

    def reads_well() -> None:
        if "text" not in reader:  # its size changes nothing that axe looks at
            accessible(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{page.url} is {wide} px too wide"

    page.goto("/console/")
    reads_well()
    page.get_by_role("button", name="Sign in as the merchant").click()
    for path in PAGES:
        page.goto(f"/console/{path}")
        reads_well()
    assert watch.complaints() == []
    for amount, status in (("12,99", 422), ("12.99", 409)):
        page.goto(f"/console/mandates/{MANDATE}/charge")
        watch.expect(f"Failed to load resource.* {status} ")
        fill(page, amount)
        reads_well()
    watch.expect("Failed to load resource.* 404 ")
    page.goto("/console/search?q=nobody")
    reads_well()
    assert watch.complaints() == []
    context.close()
