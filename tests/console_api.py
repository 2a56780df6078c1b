"""An API and a Stripe that answer the console as a test wants, and remember what they were asked."""

import json
from pathlib import Path
from typing import Any

import httpx

from local import stack_file
from tests.unit.test_storefront import IDENTITY

API = "http://api.example/v1"
STRIPE = "http://stripe.example"
MANDATE = "mdt_" + "a" * 24
CHARGE = f"chg_{'a' * 24}_{'b' * 16}"
NOTHING: dict[str, Any] = {"next_cursor": None}

mandate: dict[str, Any] = {
    "mandate_id": MANDATE,
    "customer_id": "auth0|1",
    "status": "active",
    "label": "Amazon Pay",
    "funding": None,
    "created_at": "2026-11-27T09:00:00Z",
    "terms_version": "2026-11-01",
    "locale": "en",
    "stripe_customer_id": "cus_1",
    "checkout_session_id": "cs_test_1",
    "setup_intent_id": "seti_1",
    "payment_method_id": "pm_1",
    "stripe_mandate_id": None,
    "returned": {"customer": None, "another": None},
    "ledger": [],
    "permission": {
        "frequency": {"kind": "unscheduled"},
        "amount": {"kind": "variable"},
        "limits": {"currency": "usd", "per_charge": 30000},
    },
    "spending": {
        "currency": "usd",
        "used": 100,
        "left": 900,
        "period": {"start": "2026-11-01T05:00:00Z", "end": "2026-12-01T05:00:00Z"},
    },
    **NOTHING,
}
charge: dict[str, Any] = {
    "charge_id": CHARGE,
    "mandate_id": MANDATE,
    "status": "succeeded",
    "amount": 1299,
    "currency": "usd",
    "reference": "order-1",
    "description": "Coffee",
    "created_at": "2026-11-27T09:00:00Z",
    "charge_by": "2026-12-05T09:00:00Z",
    "attempts": 1,
    "will_retry_at": None,
    "end_reason": None,
    "refunded": 0,
    "refundable": 1299,
    "payment_intent_id": "pi_1",
    "failure": None,
    "disputes": [],
}
notice: dict[str, Any] = {
    "notice_id": "ntc_1",
    "amount": 1299,
    "currency": "usd",
    "date": "2026-12-01",
    "reference": "message-1",
    "recorded_at": "2026-11-27T09:00:00Z",
    "charge_id": None,
}


class FakeApi:
    """What the API and Stripe answer, by method and path, and what reached them."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answers: dict[str, tuple[int, Any]] = {
            f"GET /v1/mandates/{MANDATE}": (200, mandate),
            f"GET /v1/mandates/{MANDATE}/charges": (200, {"charges": [charge], **NOTHING}),
            f"GET /v1/mandates/{MANDATE}/notices": (200, {"notices": [notice], **NOTHING}),
            f"GET /v1/mandates/{MANDATE}/evidence": (200, {"pack": {}}),
            f"GET /v1/mandates/{MANDATE}/evidence.pdf": (200, {}),
            f"POST /v1/mandates/{MANDATE}/charges": (201, charge),
            f"POST /v1/mandates/{MANDATE}/revoke": (200, mandate),
            f"GET /v1/charges/{CHARGE}": (200, charge),
            f"GET /v1/charges/{CHARGE}/refunds": (200, {"refunds": []}),
            f"POST /v1/charges/{CHARGE}/refunds": (201, {}),
            f"POST /v1/charges/{CHARGE}/cancel": (200, charge),
            "GET /v1/charges": (200, {"charges": [charge], **NOTHING}),
            "GET /v1/mandates": (200, {"mandates": [mandate], **NOTHING}),
            "GET /v1/customers/auth0%7C1": (200, {"stripe_customer_id": "cus_1"}),
            "GET /v1/customers/auth0%7C1/mandates": (200, {"mandates": [mandate], **NOTHING}),
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.raw_path.decode().partition("?")[0]
        status, body = self.answers.get(f"{request.method} {path}", (404, {"code": "not_found"}))
        return httpx.Response(status, json=body, headers={"Retry-After": "0"})

    def posts(self) -> list[tuple[str, str | None, Any]]:
        return [
            (request.url.path, request.headers.get("Idempotency-Key"), json.loads(request.content))
            for request in self.asked
            if request.method == "POST"
        ]

    def refuses(self, request: str, status: int, code: str, **members: Any) -> None:
        self.answers[request] = (
            status,
            {"code": code, "detail": "for developers", "request_id": "r", **members},
        )


def described_in(folder: Path) -> Path:
    """The stack.json of a stack that these answer for."""
    file = folder / "stack.json"
    described = {
        "api_url": API,
        "stripe_url": STRIPE,
        "owner_mark": "m",
        "aws_endpoint_url": "http://aws.example",
    }
    stack_file.write(file, described)
    stack_file.write(stack_file.state_beside(file), {"identity": IDENTITY.to_dict()})
    return file
