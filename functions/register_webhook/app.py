"""The custom resource for Stripe's webhook endpoint: a deployment registers it, a deletion removes it.

The API key is read here and not when the container starts: a deletion must be answered even without a key.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from mandates.gateway.access import Stripe, StripeAccess
from mandates.runtime import aws, settings
from mandates.runtime.telemetry import instrumented, logger
from mandates.webhooks import custom_resource
from mandates.webhooks.custom_resource import CustomResourceRequest
from mandates.webhooks.endpoints import WebhookEndpoints, explain
from mandates.webhooks.registration import physical_id, provide
from mandates.webhooks.secret_store import WebhookSecrets


class Settings(StripeAccess, frozen=True, kw_only=True):
    stripe_webhook_secrets_arn: str


configured = settings.read_settings(Settings, os.environ)
secrets_manager = aws.client("secretsmanager")
secrets = WebhookSecrets(secrets_manager, configured.stripe_webhook_secrets_arn)


@instrumented
def handler(event: Any, context: Any) -> None:
    custom_resource.serve(
        event,
        lambda: float(context.get_remaining_time_in_millis()) / 1000,
        physical_id=physical_id,
        provide=as_asked,
        explain=explain,
    )


def as_asked(request: CustomResourceRequest, go_on: Callable[[], None]) -> None:
    def endpoints(owner_mark: str) -> WebhookEndpoints:
        return WebhookEndpoints(
            Stripe(configured).gateway().webhook_endpoints,
            secrets,
            owner_mark,
            clock=time.time,
            sleep=time.sleep,
            say=logger.info,
            go_on=go_on,
        )

    provide(request, secrets, endpoints)
