"""What a component test works with: AWS as moto plays it, Stripe as the simulator does, our handlers."""

import atexit
import base64
import functools
import importlib.util
import io
import itertools
import json
import shutil
import sysconfig
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from stripe import StripeClient, WebhookSignature

from functions.ship_fonts import ship
from local.journey import consent_to
from local.stripe_simulator import FaultPlan, RunningSimulator
from mandates.api.views import terms_view
from mandates.charges.agreements import agreed_terms
from mandates.core.clock import Instant
from mandates.core.terms import Terms
from mandates.store import tables
from mandates.store.published_terms import publish_terms
from mandates.store.tables import HeadRow
from ops.existing_tables import store_name
from ops.terms import load
from tests.template.stack import raw

ROOT = Path(__file__).parents[2]
ORIGIN = "https://shop.example"
REQUEST_ID = "00000000-0000-0000-0000-000000000000"
WEBHOOK_SECRET = "whsec_placeholder"
CUSTOMER = "auth0|ann"
STRANGER = "auth0|bob"
OWNER_MARK = "test-stack"

TABLES = {
    store_name(name): name
    for name, resource in raw()["Resources"].items()
    if resource["Type"] == "AWS::DynamoDB::Table"
}
"""Our name, and the template's: the tables here have the keys and indexes the template gives them."""

_modules = itertools.count()


class Function(Protocol):
    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]: ...


@dataclass
class Context:
    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = "request-1"
    remaining_seconds: float = 300

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining_seconds * 1000)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Clock:
    """The simulator's: this machine's, and so many seconds ahead."""

    ahead: float = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


stripes_clock = Clock()


@dataclass(frozen=True)
class AwsCall:
    function: str | None
    service: str
    operation: str
    parameters: Mapping[str, Any]


running: ContextVar[str | None] = ContextVar("running", default=None)
"""The name of the function that is being loaded or run."""


@contextmanager
def runs(name: str) -> Iterator[None]:
    token = running.set(name)
    try:
        yield
    finally:
        running.reset(token)


@functools.cache
def example_terms() -> Terms:
    """Parsed once for the run: it takes 20 ms, and a world is made for each test."""
    return load(ROOT / "terms" / "example.yaml")


@dataclass
class World:
    stripe: RunningSimulator
    monkeypatch: pytest.MonkeyPatch
    calls: list[AwsCall]
    environment: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sqs, secrets = boto3.client("sqs"), boto3.client("secretsmanager")
        self.sqs, self.secrets = sqs, secrets
        self.queue_url = sqs.create_queue(QueueName="webhooks")["QueueUrl"]
        self.work_queue_url = sqs.create_queue(QueueName="stripe-work")["QueueUrl"]
        self.work_dead_letters_url = sqs.create_queue(QueueName="stripe-work-dead")["QueueUrl"]
        self.charge_queue_url = sqs.create_queue(QueueName="charges")["QueueUrl"]
        self.charge_dead_letters_url = sqs.create_queue(QueueName="charges-dead")["QueueUrl"]
        self.unpublished_url = sqs.create_queue(QueueName="unpublished")["QueueUrl"]
        self.unpublished_charges_url = sqs.create_queue(QueueName="unpublished-charges")["QueueUrl"]
        self.api_key_arn = secrets.create_secret(Name="key", SecretString="sk_test_placeholder")["ARN"]
        self.webhook_secrets_arn = secrets.create_secret(
            Name="webhooks", SecretString=json.dumps({"secrets": [WEBHOOK_SECRET]})
        )["ARN"]
        kms: Any = boto3.client("kms")
        signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        self.evidence_key_arn = signing["KeyMetadata"]["Arn"]
        tables.bind({name: name for name in TABLES})
        self.terms = example_terms()
        publish_terms(self.terms, Instant(time.time()))
        self.environment = {
            "ALLOWED_ORIGINS": ORIGIN,
            "CHARGE_DEAD_LETTERS_URL": self.charge_dead_letters_url,
            "CHARGE_ONLY_AFTER_RETURN": "false",
            "REFUSE_CHARGES_WHILE_DISPUTED": "true",
            "RETRY_DAYS": "1,3,7",
            "CHARGE_QUEUE_URL": self.charge_queue_url,
            "EVIDENCE_KEY_IDS": self.evidence_key_arn,
            "OWNER_MARK": OWNER_MARK,
            "SEND_STRIPE_MANDATE": "false",
            "STATEMENT_DESCRIPTOR": "",
            "STRIPE_API_BASE": self.stripe.url,
            "STRIPE_API_KEY_SECRET_ARN": self.api_key_arn,
            "STRIPE_LIVEMODE": "false",
            "STRIPE_WORK_QUEUE_URL": self.work_queue_url,
            "STRIPE_WORK_DEAD_LETTERS_URL": self.work_dead_letters_url,
            "UNPUBLISHED_CHARGES_URL": self.unpublished_charges_url,
            "UNPUBLISHED_ENTRIES_URL": self.unpublished_url,
            "STRIPE_WEBHOOK_SECRETS_ARN": self.webhook_secrets_arn,
            "WEBHOOK_QUEUE_URL": self.queue_url,
            **{f"{name.upper()}_TABLE": name for name in TABLES},
        }

    def function(self, name: str) -> Any:
        """The function's module, loaded as a fresh container would load it (once per test)."""
        if name not in self.functions:
            self.functions[name] = self.fresh(name)
        return self.functions[name]

    def fresh(self, name: str) -> Any:
        """Another container of the function."""
        agreed_terms.cache_clear()
        for variable, value in self.environment.items():
            self.monkeypatch.setenv(variable, value)
        path = task_folder(name) / "app.py"
        spec = importlib.util.spec_from_file_location(f"{name}_{next(_modules)}", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        with runs(name):
            spec.loader.exec_module(module)
        return module

    def invoke(self, name: str, event: Mapping[str, Any], context: Context | None = None) -> Any:
        """What Lambda does: the handler, with an event."""
        function = self.function(name)
        unnamed = {
            table for table in TABLES if not hasattr(getattr(function, "configured", None), f"{table}_table")
        }
        tables.bind(dict.fromkeys(unnamed, "not-bound-by-this-function"))
        try:
            with runs(name):
                return function.handler(event, context or Context())
        finally:
            tables.bind({table: table for table in TABLES})

    def call(
        self,
        name: str,
        resource: str,
        *,
        method: str = "GET",
        path: Mapping[str, str] | None = None,
        body: Any = None,
        caller: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        event = api_event(method, resource, path=path, body=body, caller=caller, headers=headers, query=query)
        return answer(self.invoke(name, event))

    # ------------------------------------------------------------------------------ the journey

    def put_customer(self, customer_id: str = CUSTOMER, **body: Any) -> Answer:
        return self.call(
            "create_customer",
            "/customers/{customer_id}",
            method="PUT",
            path={"customer_id": customer_id},
            body=body,
            caller=customer(customer_id),
        )

    def post_checkout(
        self, customer_id: str = CUSTOMER, *, caller: Mapping[str, str] | None = None, **changes: Any
    ) -> Answer:
        """POST /checkout-sessions with a `checkout_body` that has these changes."""
        return self.call(
            "create_checkout_session",
            "/checkout-sessions",
            method="POST",
            body=checkout_body(self.terms, **changes),
            caller=caller or customer(customer_id),
        )

    def get_mandate(self, mandate_id: str, caller: Mapping[str, str] | None = None) -> Answer:
        return self.call(
            "read_mandates",
            "/mandates/{mandate_id}",
            path={"mandate_id": mandate_id},
            caller=caller or customer(CUSTOMER),
        )

    def begun(self, customer_id: str = CUSTOMER) -> Any:
        """A customer with an open session; the body of the 201."""
        assert self.put_customer(customer_id).status in {200, 201}
        opened = self.post_checkout(customer_id)
        assert opened.status == 201, opened
        return opened.body

    def revoke(self, mandate_id: str, caller: Mapping[str, str] | None = None, **body: Any) -> Answer:
        return self.call(
            "revoke_mandate",
            "/mandates/{mandate_id}/revoke",
            method="POST",
            path={"mandate_id": mandate_id},
            body=body or None,
            caller=caller or customer(),
        )

    def charge(
        self,
        mandate_id: str,
        key: str | None = "key-1",
        *,
        caller: Mapping[str, str] | None = None,
        body: Any = None,
        **changes: Any,
    ) -> Answer:
        """POST /mandates/{mandate_id}/charges with `body`, or a `charge_body` with these changes."""
        return self.call(
            "create_charge",
            "/mandates/{mandate_id}/charges",
            method="POST",
            path={"mandate_id": mandate_id},
            body=charge_body(**changes) if body is None else body,
            caller=caller or service("charges:write"),
            headers={} if key is None else {"Idempotency-Key": key},
        )

    def check_charge(
        self, mandate_id: str, caller: Mapping[str, str] | None = None, **changes: Any
    ) -> Answer:
        return self.call(
            "read_charges",
            "/mandates/{mandate_id}/charges/check",
            method="POST",
            path={"mandate_id": mandate_id},
            body=charge_body(**changes),
            caller=caller or service("charges:write"),
        )

    def notice(
        self, mandate_id: str, caller: Mapping[str, str] | None = None, body: Any = None, **changes: Any
    ) -> Answer:
        """POST /mandates/{mandate_id}/notices with `body`, or a `notice_body` with these changes."""
        return self.call(
            "record_notice",
            "/mandates/{mandate_id}/notices",
            method="POST",
            path={"mandate_id": mandate_id},
            body=notice_body(**changes) if body is None else body,
            caller=caller or service("charges:write"),
        )

    def list_notices(
        self,
        mandate_id: str,
        query: Mapping[str, str] | None = None,
        caller: Mapping[str, str] | None = None,
    ) -> Answer:
        return self.call(
            "read_charges",
            "/mandates/{mandate_id}/notices",
            path={"mandate_id": mandate_id},
            query=query,
            caller=caller or service("mandates:read"),
        )

    def get_charge(self, charge_id: str, caller: Mapping[str, str] | None = None) -> Answer:
        return self.call(
            "read_charges",
            "/charges/{charge_id}",
            path={"charge_id": charge_id},
            caller=caller or service("mandates:read"),
        )

    def refund(
        self,
        charge_id: str,
        key: str | None = "refund-1",
        caller: Mapping[str, str] | None = None,
        body: Any = None,
        **given: Any,
    ) -> Answer:
        """POST /charges/{charge_id}/refunds with `body`, or with what is `given`."""
        return self.call(
            "create_refund",
            "/charges/{charge_id}/refunds",
            method="POST",
            path={"charge_id": charge_id},
            body=given if body is None else body,
            caller=caller or service("refunds:write"),
            headers={} if key is None else {"Idempotency-Key": key},
        )

    def list_refunds(self, charge_id: str, caller: Mapping[str, str] | None = None) -> Answer:
        return self.call(
            "read_charges",
            "/charges/{charge_id}/refunds",
            path={"charge_id": charge_id},
            caller=caller or service("mandates:read"),
        )

    def cancel_charge(self, charge_id: str, caller: Mapping[str, str] | None = None) -> Answer:
        return self.call(
            "cancel_charge",
            "/charges/{charge_id}/cancel",
            method="POST",
            path={"charge_id": charge_id},
            caller=caller or service("charges:write"),
        )

    def list_charges(
        self,
        mandate_id: str,
        query: Mapping[str, str] | None = None,
        caller: Mapping[str, str] | None = None,
    ) -> Answer:
        return self.call(
            "read_charges",
            "/mandates/{mandate_id}/charges",
            path={"mandate_id": mandate_id},
            query=query,
            caller=caller or service("mandates:read"),
        )

    def release(self, mandate_id: str) -> list[str]:
        """The Stripe work queue's consumer, with the message the stream would have sent."""
        answered = self.invoke("release_withdrawals", sqs_event([{"mandate_id": mandate_id}]))
        return [item["itemIdentifier"] for item in answered["batchItemFailures"]]

    def reconcile(self, *, seconds: int = 300) -> dict[str, list[float]]:
        """A scheduled run that may take so long. Returns the metrics it sent, by name."""
        return metrics(lambda: self.invoke("reconcile_events", {}, Context(remaining_seconds=seconds)))

    def sweep_is_due(self, mandate_id: str, since: int = 1) -> None:
        """As if the mandate's session were long past its life."""
        head = HeadRow.get(mandate_id, HeadRow.RECORD)
        head.update([HeadRow.sweep_at.set(since)], condition=HeadRow.sweep_at.exists())

    def return_page(self, session_id: str, caller: Mapping[str, str] | None = None) -> Answer:
        return self.call(
            "read_checkout_session",
            "/checkout-sessions/{checkout_session_id}",
            path={"checkout_session_id": session_id},
            caller=caller or customer(),
        )

    def return_token(self, session_id: str) -> str:
        """From the address that Stripe sends the customer back to."""
        return token_in(self.stripe.core.find("checkout.session", session_id)["success_url"])

    def come_back(
        self, session_id: str, caller: Mapping[str, str] | None = None, *, token: Any = None
    ) -> Answer:
        """What the return page posts; with the token of its address, unless there is another."""
        return self.call(
            "record_return",
            "/checkout-sessions/{checkout_session_id}/return",
            method="POST",
            path={"checkout_session_id": session_id},
            body={"return_token": self.return_token(session_id) if token is None else token},
            caller=caller or customer(),
        )

    # ------------------------------------------------------------------------------ Stripe's side

    def stripe_client(self) -> StripeClient:
        return StripeClient("sk_test_placeholder", base_addresses={"api": self.stripe.url})

    def advance_stripe(self, seconds: float) -> None:
        """Time passes at Stripe; the functions' own clock is the tests' to move."""
        stripes_clock.ahead += seconds
        self.stripe.core.tick()

    def faults(self, *api: Mapping[str, Any]) -> None:
        """What goes wrong with Stripe's API from now on (local/stripe_simulator/faults.py)."""
        self.stripe.core.set_faults(FaultPlan.parse({"api": list(api)}))

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The events Stripe has made so far, oldest first."""
        listed = self.stripe_client().v1.events.list({"limit": 100}).to_dict()["data"]
        return [event for event in reversed(listed) if not types or event["type"] in types]

    def deliver(self, *events: Mapping[str, Any]) -> list[Answer]:
        """Stripe posts the events, signed, to receive_webhook."""
        return [self.post_webhook(json.dumps(event)) for event in events]

    def post_webhook(self, payload: str, *, header: str | None = None, **changes: Any) -> Answer:
        signature = header if header is not None else signed(payload)
        event = api_event("POST", "/webhooks/stripe", headers={"Stripe-Signature": signature})
        event.update({"body": payload, **changes})
        return answer(self.invoke("receive_webhook", event))

    def queued(self) -> list[dict[str, Any]]:
        """The messages waiting in the queue (they stay in flight)."""
        return [json.loads(body) for body in self.waiting(self.queue_url)]

    def waiting(self, queue_url: str) -> list[str]:
        """The bodies of the messages waiting in that queue (they stay in flight)."""
        bodies: list[str] = []
        while some := self.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in some]
        return bodies

    def process(self, *batches: Sequence[Any]) -> list[str]:
        """The worker handles each batch of queued events; returns the ids of the messages that failed."""
        failed: list[str] = []
        for batch in batches:
            result = self.invoke("process_webhook", sqs_event(batch))
            failed += [item["itemIdentifier"] for item in result["batchItemFailures"]]
        return failed

    def run_webhooks(self) -> None:
        """All events so far go through the endpoint, the queue and the worker."""
        self.deliver(*self.events())
        waiting = self.queued()
        assert self.process(*[list(batch) for batch in itertools.batched(waiting, 10, strict=False)]) == []


def task_folder(name: str) -> Path:
    """Where a function's code lies; with fonts of its own, as the build makes it."""
    source = ROOT / "functions" / name
    return _with_fonts(source) if (source / "fonts.txt").exists() else source


@functools.cache
def _with_fonts(source: Path) -> Path:
    task = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, task)
    ship(source / "fonts.sha256", Path(sysconfig.get_path("purelib")), task / "fonts")
    for file in source.iterdir():
        (task / file.name).symlink_to(file)
    return task


def metrics(run: Callable[[], object]) -> dict[str, list[float]]:
    """What was sent to CloudWatch meanwhile: Powertools prints it, a line for each time it is flushed."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        run()
    sent: dict[str, list[float]] = defaultdict(list)
    for line in printed.getvalue().splitlines():
        told = json.loads(line)
        for directive in told.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in directive["Metrics"]:
                sent[metric["Name"]] += told[metric["Name"]]
    return dict(sent)


template = functools.cache(raw)


def create_tables(*names: str) -> None:
    """The tables (all, unless some are named) as template.yaml declares them."""
    dynamodb = boto3.client("dynamodb")
    for name in names or TABLES:
        properties = template()["Resources"][TABLES[name]]["Properties"]
        wanted = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
        given = {key: properties[key] for key in wanted if key in properties}
        dynamodb.create_table(TableName=name, **given)


def checkout_body(terms: Terms, locale: Any = "en", **changes: Any) -> dict[str, Any]:
    """What a front end posts that has shown these terms in that locale, with these changes.

    A field that is `...` is left out. A locale that the terms don't have is sent all the same.
    """
    shown = terms_view(terms, locale if locale in terms.texts else terms.default_locale)
    body = {
        **consent_to(shown),
        "success_url": f"{ORIGIN}/return",
        "cancel_url": f"{ORIGIN}/cart",
        "locale": locale,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def charge_body(**changes: Any) -> dict[str, Any]:
    """What a back end posts to charge a mandate. A field that is `...` is left out."""
    body = {
        "amount": 1299,
        "currency": "usd",
        "reference": "order-42",
        "description": "Order 42 at Example Shop",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def in_days(days: int) -> str:
    """The date so many days from now, in UTC."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def notice_body(**changes: Any) -> dict[str, Any]:
    """What a back end posts of a notice, for the day after tomorrow. A field that is `...` is left out."""
    body = {"amount": 1299, "date": in_days(2), "reference": "message-42", **changes}
    return {name: value for name, value in body.items() if value is not ...}


def token_in(address: str) -> str:
    (token,) = parse_qs(urlsplit(address).query)["return_token"]
    return token


def customer(customer_id: str = CUSTOMER, **changes: str) -> dict[str, str]:
    """For a day: one that was made while tests were collected must last until the last one has run."""
    return {
        "principalId": customer_id,
        "subject": customer_id,
        "issuer": "https://issuer.example",
        "kind": "customer",
        "scopes": "",
        "expires_at": str(int(time.time()) + 86_400),
        **changes,
    }


def service(*scopes: str) -> dict[str, str]:
    return customer("the-back-end", kind="service", scopes=" ".join(scopes))


def signed(payload: str, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    timestamp = at if at is not None else int(time.time())
    return str(WebhookSignature.generate_signature_header(payload, secret, timestamp=timestamp))


def api_event(
    method: str,
    resource: str,
    *,
    path: Mapping[str, str] | None = None,
    body: Any = None,
    caller: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    with_body = {"Content-Type": "application/json"} if body is not None else {}
    sent = {"User-Agent": "pytest", "Origin": ORIGIN, **with_body, **(headers or {})}
    return {
        "resource": resource,
        "httpMethod": method,
        "path": resource,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query) if query else None,
        "pathParameters": dict(path) if path else None,
        "requestContext": {
            "identity": {"sourceIp": "203.0.113.7"},
            "requestId": REQUEST_ID,
            **({"authorizer": dict(caller)} if caller else {}),
        },
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def with_format(said: Any) -> Any:
    return {"format": 1, **said} if isinstance(said, dict) else said


def sqs_event(events: Sequence[Any]) -> dict[str, Any]:
    """Messages with these bodies. What is no text is what a message of ours says, without its format."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "handle",
                "body": event
                if isinstance(event, str)
                else json.dumps({"format": 1, **event} if isinstance(event, dict) else event),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhooks",
                "awsRegion": "us-east-1",
            }
            for number, event in enumerate(events)
        ]
    }


def answer(raw: Mapping[str, Any]) -> Answer:
    """As a client gets it: JSON, or bytes where the gateway makes them of base64."""
    if raw["isBase64Encoded"]:
        return Answer(raw["statusCode"], raw["headers"], base64.b64decode(raw["body"]))
    return Answer(raw["statusCode"], raw["headers"], json.loads(raw["body"]) if raw["body"] else None)
