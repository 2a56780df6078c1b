"""The API as far as <amazon-pay-setup> asks it, answered in the browser: any state at once."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from playwright.sync_api import BrowserContext, Route

from local.settings import ROOT
from tests.browser.fake_api import FakeApi

SETUP = """<amazon-pay-setup api="/api" token-url="/token">
  <p slot="signed-out"><a href="/made-up">Sign in</a></p>
  <p slot="already"><a href="/made-up">Your account</a></p>
</amazon-pay-setup>"""
SESSION = "cs_1"
RETURNED = f"/made-up?checkout_session_id={SESSION}&return_token=token-1"
_EXAMPLE = yaml.safe_load((ROOT / "terms" / "example.yaml").read_text(encoding="utf-8"))


class FakeCheckout(FakeApi):
    """`refusals` are the problems that a request gets, by method and path: `{"GET /terms/current": …}`."""

    def __init__(self, context: BrowserContext, body: str = SETUP) -> None:
        super().__init__(context, body)
        self.version = _EXAMPLE["version"]
        self.texts: dict[str, dict[str, str]] = {tag: dict(text) for tag, text in _EXAMPLE["texts"].items()}
        self.session: dict[str, Any] = {"status": "pending", "last_failure": None}
        self.refusals: dict[str, dict[str, Any]] = {}
        self.offline = False
        self.sent: list[dict[str, Any]] = []
        context.route("**/made-up?*", self._page)

    def is_under_the_terms(self) -> dict[str, Any]:
        """A mandate's members that say so."""
        return {"terms_version": self.version, "terms_digest": self._digest, "checkout_session_id": SESSION}

    @property
    def _digest(self) -> str:
        return f"{hash((self.version, str(self.texts))) % 2**64:064x}"

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        asked = f"{route.request.method} {parts.path.removeprefix('/api')}"
        if self.offline:
            route.abort("internetdisconnected")
        elif asked in self.held:
            self.held[asked].append(route)
        elif asked in self.refusals:
            problem = {"title": "No", "detail": "No.", **self.refusals[asked]}
            route.fulfill(
                status=problem["status"],
                json=problem,
                headers={"Content-Type": "application/problem+json", "Retry-After": "1800"},
            )
        elif asked == "GET /terms/current":
            route.fulfill(json=self.current(parse_qs(parts.query)["locale"][0]))
        elif asked == "POST /checkout-sessions":
            self.sent.append(json.loads(route.request.post_data or ""))
            route.fulfill(json={"mandate_id": "m1", "checkout_session_id": SESSION, "url": "/elsewhere"})
        elif parts.path == f"/api/checkout-sessions/{SESSION}":
            route.fulfill(json={"mandate_id": "m1", "checkout_session_id": SESSION, "funding": None}
                          | self.session)  # fmt: skip
        elif route.request.method == "GET":
            super()._answer(route)
        else:
            route.fulfill(json={})

    def current(self, wanted: str) -> dict[str, Any]:
        locale = next((tag for tag in (wanted, wanted.partition("-")[0]) if tag in self.texts), "en")
        return {
            "version": self.version,
            "digest": self._digest,
            "business_name": _EXAMPLE["business_name"],
            "locale": locale,
            "wording_digest": f"{locale} {self.version}",
            "sections": self.texts[locale],
            "locales": sorted(self.texts),
        }


def problem_of(code: str, status: int) -> dict[str, Any]:
    return {"code": code, "status": status}
