"""POST /webhooks/stripe: verify, queue, answer. 200 means it is stored; after 5xx Stripe sends it again.

Events about payments that this stack did not make are answered and counted, and nothing else."""

import os
import time
from http import HTTPStatus
from typing import Any

import msgspec

from mandates.api.problems import problem, problem_response
from mandates.api.requests import raw_body, request_id
from mandates.api.responses import Response, to_gateway
from mandates.core.errors import InvalidRequest
from mandates.runtime import aws, settings
from mandates.runtime.secret_values import Secret
from mandates.runtime.telemetry import count, instrumented, logger
from mandates.webhooks.receiving import BodyTooLarge, EventRefused, SignatureRefused, accept, webhook_secrets


class Settings(msgspec.Struct, frozen=True):
    owner_mark: str
    webhook_queue_url: str
    stripe_webhook_secrets_arn: str


ACCEPTED = Response(200, {"received": True})

configured = settings.read_settings(Settings, os.environ)
sqs = aws.client("sqs")
secrets = Secret(
    aws.client("secretsmanager"), configured.stripe_webhook_secrets_arn, webhook_secrets, time.time
)
secrets.prefetch()


@instrumented
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        message = accept(raw_body(event), headers, secrets, time.time, owner_mark=configured.owner_mark)
        if message is None:
            count("ForeignPayments")
        else:
            sqs.send_message(QueueUrl=configured.webhook_queue_url, MessageBody=message)
    except SignatureRefused as refused:
        count("SignatureFailures")
        logger.warning("webhook refused", extra={"reason": str(refused)})
        answer = problem_response(HTTPStatus.BAD_REQUEST, "invalid_signature", str(refused))
    except EventRefused as refused:
        count("EventsRefused")
        logger.warning("webhook refused", extra={"reason": str(refused)})
        status = (
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            if isinstance(refused, BodyTooLarge)
            else HTTPStatus.BAD_REQUEST
        )
        answer = problem_response(status, refused.code, str(refused))
    except InvalidRequest as invalid:
        answer = problem(invalid)
    except Exception:
        logger.exception("webhook not queued; Stripe will send it again")
        answer = problem_response(
            HTTPStatus.INTERNAL_SERVER_ERROR, "not_queued", "the event was not stored; send it again"
        )
    else:
        return to_gateway(ACCEPTED, {}, request_id(event))
    return to_gateway(answer, {}, request_id(event))
