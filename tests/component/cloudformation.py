"""CloudFormation as register_webhook meets it: requests, the address for the answer, and stacks' events."""

import itertools
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from mandates.core.signing_secrets import SigningSecrets, parsed_secrets
from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.gateway.client import API_VERSION
from mandates.webhooks import custom_resource
from tests.component.world import Context, World, runs

OWNER_MARK = "test-stack"
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/test-stack/11111111-aaaa"
LOGICAL_ID = "StripeWebhookEndpoint"
URL = "https://api.example/v1/webhooks/stripe"


_requests = itertools.count()


@dataclass
class CloudFormation:
    """One stack's custom resource. Properties are changed by keyword, as a new template would."""

    world: World
    stack_id: str = STACK_ID
    logical_id: str = LOGICAL_ID
    physical_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.properties = {
            "Url": URL,
            "ApiVersion": API_VERSION,
            "EventTypes": list(HANDLED_TYPES),
            "StripeApiKeySecretArn": self.world.api_key_arn,
            "StripeApiBase": self.world.stripe.url,
            "OwnerMark": OWNER_MARK,
        } | self.properties

    def create(self, **changes: Any) -> dict[str, Any]:
        answer = self._ask("Create", **changes)
        self.physical_id = answer["PhysicalResourceId"]
        return answer

    def update(self, **changes: Any) -> dict[str, Any]:
        return self._ask("Update", **changes)

    def delete(self, **event: Any) -> dict[str, Any]:
        return self.send({**self.event("Delete", self.properties), **event})

    def _ask(self, kind: str, **changes: Any) -> dict[str, Any]:
        wanted = {**self.properties, **changes}
        answer = self.send(self.event(kind, wanted))
        if answer["Status"] == "SUCCESS":
            self.properties = wanted
        return answer

    def event(self, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
        known = {"PhysicalResourceId": self.physical_id} if self.physical_id and kind != "Create" else {}
        return {
            "RequestType": kind,
            "RequestId": f"request-{next(_requests)}",
            "ResponseURL": "https://answers.example/signed?for=you",
            "StackId": self.stack_id,
            "ResourceType": "Custom::StripeWebhookEndpoint",
            "LogicalResourceId": self.logical_id,
            "ResourceProperties": {"ServiceToken": "arn:function", "ServiceTimeout": "360", **properties},
            **({"OldResourceProperties": self.properties} if kind == "Update" else {}),
            **known,
        }

    def send(self, event: Any, *, remaining_seconds: float = 300) -> dict[str, Any]:
        """Invoke the function. Returns its answer; there must be exactly one, with all that must be in it."""
        given: list[dict[str, Any]] = []
        function = self.world.function("register_webhook")
        patch = self.world.monkeypatch
        patch.setattr(custom_resource, "put_answer", lambda _url, body: given.append(json.loads(body)))
        clock = SimpleNamespace(time=function.time.time, sleep=self.slept.append)
        patch.setattr(function, "time", clock)
        with runs("register_webhook"):
            function.handler(event, Context(remaining_seconds=remaining_seconds))
        (answer,) = given
        assert len(json.dumps(answer)) <= 4096
        assert answer.keys() == {
            "Status", "Reason", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"
        }  # fmt: skip
        assert answer["PhysicalResourceId"]
        assert answer["Reason"] or answer["Status"] == "SUCCESS"
        assert "whsec_" not in json.dumps(answer)
        assert "sk_test" not in json.dumps(answer)
        self.answers.append(answer)
        return answer

    # ---------------------------------------------------------------------------------- what came of it

    def endpoints(self) -> list[dict[str, Any]]:
        """At Stripe, the oldest first."""
        listed = self.world.stripe_client().v1.webhook_endpoints.list({"limit": 100}).to_dict()["data"]
        return list(reversed(listed))

    def held(self) -> SigningSecrets:
        found = self.world.secrets.get_secret_value(SecretId=self.world.webhook_secrets_arn)
        return parsed_secrets(found["SecretString"])

    def secret_of(self, endpoint_id: str) -> str:
        """What Stripe signs with: only the simulator's core shows it."""
        return self.world.stripe.core.signing_secret(endpoint_id)
