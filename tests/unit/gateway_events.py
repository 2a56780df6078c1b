"""A request as API Gateway hands it to a function."""

import json
from typing import Any

from mandates.api.requests import Request, api
from mandates.api.responses import Response

ORIGIN = "https://shop.example"
ALLOWED = frozenset({ORIGIN, "http://localhost:3000"})


def event(body: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "resource": "/things/{thing_id}",
        "headers": {"Content-Type": "application/json", "Origin": ORIGIN},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"identity": {"sourceIp": "203.0.113.7"}, "requestId": "the-gateways-id"},
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def answered(route: Any, **changes: Any) -> tuple[int, dict[str, str], Any]:
    raw = api(ALLOWED)(route)(event(**changes), None)
    assert raw["isBase64Encoded"] is False
    return raw["statusCode"], raw["headers"], json.loads(raw["body"]) if raw["body"] else None


def raising(error: Exception) -> Any:
    def route(_: Request) -> Response:
        raise error

    return route
