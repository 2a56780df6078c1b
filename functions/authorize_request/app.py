"""The gateway's authorizer: from a bearer token to a policy for the whole stage and the caller's identity."""

import os
import time
from typing import Any

from mandates.api.callers import to_context
from mandates.api.issuer_keys import fetch_json
from mandates.api.tokens import Tokens, Verifier
from mandates.core.token_claims import TokenRefused
from mandates.runtime.settings import read_settings
from mandates.runtime.telemetry import count, instrumented, logger

verifier = Verifier(read_settings(Tokens, os.environ), fetch_json, time.time)

# The only message that API Gateway turns into a 401 and not a 500.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
UNAUTHORIZED = "Unauthorized"


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    scheme, _, token = str(event.get("authorizationToken") or "").strip().partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise TokenRefused("it is not a bearer token")
        caller, expires_at = verifier.verify(token.strip())
    except TokenRefused as refused:
        logger.info("token refused", extra={"reason": str(refused)})
        count("TokensRefused")
        raise Exception(UNAUTHORIZED) from None
    return {
        "principalId": caller.subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": every_route(event)}
            ],
        },
        "context": to_context(caller, expires_at),
    }


def every_route(event: dict[str, Any]) -> str:
    """All routes of this stage: the gateway caches the policy by token and reuses it for other routes."""
    api_and_stage = "/".join(str(event["methodArn"]).split("/")[:2])
    return f"{api_and_stage}/*/*"
