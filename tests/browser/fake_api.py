"""The API as far as <amazon-pay-mandates> asks it, answered in the browser: any state at once."""

import base64
import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import BrowserContext, Page, Route

from local.settings import ROOT

CSP = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'none'"
PAGE = """<!doctype html><html lang="en"><title>Your account</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<script type="module" src="/amazon-pay-mandates/elements/index.js"></script>
<main><h1>Your account</h1>{body}</main></html>"""
ELEMENT = '<amazon-pay-mandates api="/api" token-url="/token"></amazon-pay-mandates>'

PERMISSION = {
    "business_name": "Example Shop",
    "frequency": {"kind": "unscheduled"},
    "amount": {"kind": "variable"},
    "limits": {
        "currency": "usd",
        "per_charge": 30000,
        "per_period": {"amount": 100000, "period": "month", "time_zone": "America/New_York"},
    },
}
NOVEMBER = {"start": "2026-11-01T04:00:00Z", "end": "2026-12-01T05:00:00Z"}


def mandate(mandate_id: str, **members: Any) -> dict[str, Any]:
    return {
        "mandate_id": mandate_id,
        "customer_id": "customer-1",
        "status": "active",
        "funding": {"brand": "visa", "last4": "4242"},
        "created_at": "2026-11-03T10:00:00Z",
        "payment_method_id": "pm_1",
        "permission": PERMISSION,
        "spending": {"currency": "usd", "used": 12000, "left": 88000, "period": NOVEMBER},
        **members,
    }


def charge(charge_id: str, **members: Any) -> dict[str, Any]:
    return {
        "charge_id": charge_id,
        "status": "succeeded",
        "amount": 1299,
        "currency": "usd",
        "reference": charge_id,
        "description": f"Coffee {charge_id}",
        "created_at": "2026-11-20T10:00:00Z",
        "will_retry_at": None,
        "end_reason": None,
        "refunded": 0,
        **members,
    }


def refund(status: str, amount: int) -> dict[str, Any]:
    return {"status": status, "amount": amount, "currency": "usd", "requested_at": "2026-11-21T10:00:00Z"}


class FakeApi:
    """Change its members to change what the next request gets.

    `latest` are mandates that the list does not have as they are yet. `broken` are the routes (`mandates`,
    `charges`, `refunds`, `revoke`) that answer 503. `held` are those whose requests wait until the test
    answers them.
    """

    def __init__(self, context: BrowserContext, body: str = ELEMENT) -> None:
        self.customer: str | None = "customer-1"
        self.mandates: list[dict[str, Any]] = []
        self.charges: dict[str, list[dict[str, Any]]] = {}
        self.refunds: dict[str, list[dict[str, Any]]] = {}
        self.revoked: list[str] = []
        self.list_is_behind = False
        self.latest: list[dict[str, Any]] = []
        self.broken: set[str] = set()
        self.held: dict[str, list[Route]] = {}
        self._body = body
        context.route("**/made-up", self._page)
        context.route(
            "**/elsewhere",
            lambda route: route.fulfill(body="<title>Elsewhere</title>", content_type="text/html"),
        )
        context.route("**/amazon-pay-mandates/**", self._file)
        context.route("**/token", self._token)
        context.route("**/api/**", self._answer)

    def _page(self, route: Route) -> None:
        policy = {"Content-Security-Policy": CSP}
        route.fulfill(body=PAGE.format(body=self._body), content_type="text/html", headers=policy)

    def _file(self, route: Route) -> None:
        name = urlsplit(route.request.url).path.removeprefix("/amazon-pay-mandates/")
        route.fulfill(
            path=ROOT / "clients" / "javascript" / PurePosixPath(name), content_type="text/javascript"
        )

    def _token(self, route: Route) -> None:
        claims = base64.urlsafe_b64encode(json.dumps({"sub": self.customer}).encode()).decode()
        route.fulfill(json={"token": self.customer and f"e30.{claims}.e30"})

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        *_, owner, what = parts.path.split("/")
        if owner == "mandates":
            owner, what = what, "mandate"
        if what in self.held:
            self.held[what].append(route)
        elif what in self.broken:
            route.fulfill(status=503, json=_problem("busy", 503), content_type="application/problem+json")
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            route.fulfill(json=getattr(self, f"_{what}")(owner, query))

    def _mandates(self, customer: str, _: dict[str, str]) -> Any:
        own = [one for one in self.mandates if one["customer_id"] == customer]
        if not self.list_is_behind:
            own = [{**one, "status": "revoked"} if one["mandate_id"] in self.revoked else one for one in own]
        return {"mandates": own, "next_cursor": None}

    def _mandate(self, mandate_id: str, _: dict[str, str]) -> Any:
        return next(one for one in self.latest + self.mandates if one["mandate_id"] == mandate_id)

    def _charges(self, mandate_id: str, query: dict[str, str]) -> Any:
        first = int(query.get("cursor", 0))
        after = first + int(query["limit"])
        charges = self.charges.get(mandate_id, [])
        return {"charges": charges[first:after], "next_cursor": str(after) if after < len(charges) else None}

    def _refunds(self, charge_id: str, _: dict[str, str]) -> Any:
        return {"refunds": self.refunds.get(charge_id, [])}

    def _revoke(self, mandate_id: str, _: dict[str, str]) -> Any:
        self.revoked.append(mandate_id)
        return {"mandate_id": mandate_id, "status": "revoked"}


def come_back(page: Page) -> None:
    """As if the reader came back to the tab."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def _problem(code: str, status: int) -> dict[str, Any]:
    words = {"type": "about:blank", "title": "No", "detail": "No.", "request_id": "r"}
    return {**words, "status": status, "code": code}
