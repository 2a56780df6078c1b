"""Responses, as the routes give them and as API Gateway wants them.

Every response to a browser carries the CORS headers, even an error. Without them a front end could not read
why it was refused.
"""

import base64
import json
from collections.abc import Mapping
from copy import replace
from typing import Any

import msgspec

PROBLEM = "application/problem+json"


class Response(msgspec.Struct, frozen=True):
    """`body` is any JSON value, bytes that are sent as they are, or None for an empty body.

    The gateway accepts text. Bytes that are not UTF-8 must be `binary`. They get through only if the request
    accepts a type that the API lists under BinaryMediaTypes.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    binary: bool = False


def cors_headers(origin: str | None, allowed_origins: frozenset[str]) -> dict[str, str]:
    if origin not in allowed_origins:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": str(origin),
        "Access-Control-Expose-Headers": "Retry-After",
    }


def to_gateway(response: Response, headers: Mapping[str, str], request_id: str) -> dict[str, Any]:
    """The response as API Gateway wants it. Nothing may be cached unless the route says so.

    A problem carries the gateway's id of the request, so that its recipient can name it. The logs have it.
    """
    if response.headers.get("Content-Type") == PROBLEM:
        response = replace(response, body={**response.body, "request_id": request_id})
    return {
        "statusCode": response.status,
        "headers": {
            **({"Content-Type": "application/json"} if response.body is not None else {}),
            "Cache-Control": "no-store",
            **headers,
            **response.headers,
        },
        "body": _text(response),
        "isBase64Encoded": response.binary,
    }


def _text(response: Response) -> str:
    match response.body:
        case None:
            return ""
        case bytes() as binary if response.binary:
            return base64.b64encode(binary).decode()
        case bytes() as text:
            return text.decode()
        case value:
            return json.dumps(value, ensure_ascii=False)
