"""What template.yaml can't say about a function, or must not say alone: one entry for each, by logical id.

Everything else that tests know of a function comes from the template. So a new function is its folder, its
resources in the template and its entry here; tests/unit/test_functions.py says what is missing.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

ANYONE, TOKEN = "anyone", "a token"
"""Who may call a route: everyone on the internet, or callers whose token the authorizer accepts."""

READ = "dynamodb:BatchGetItem"
QUERY = "dynamodb:Query"
PUT = "dynamodb:PutItem"
UPDATE = "dynamodb:UpdateItem"
CHECK = "dynamodb:ConditionCheckItem"
DELETE = "dynamodb:DeleteItem"
SECRET = "secretsmanager:GetSecretValue"
SEND = "sqs:SendMessage"

CUSTOMERS, MANDATES, SUBJECTS = "CustomersTable.Arn", "MandatesTable.Arn", "StripeSubjectsTable.Arn"
EVENTS, TERMS, CHARGES = "EventsTable.Arn", "TermsTable.Arn", "ChargesTable.Arn"
API_KEY, WEBHOOK_SECRETS = "StripeApiKeySecretArn", "StripeWebhookSecrets.Id"
WEBHOOKS, WORK, CHARGE_QUEUE = "WebhookQueue.Arn", "StripeWorkQueue.Arn", "ChargeQueue.Arn"

POLLS_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
POLLS_STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
"""What Lambda itself does with the role of a function that it polls for."""

READS_EVIDENCE = {
    CHARGES: {READ, QUERY},
    "${ChargesTable.Arn}/index/by_number": {QUERY},
    MANDATES: {READ, QUERY},
    SUBJECTS: {READ},
    TERMS: {READ},
    "EvidenceKey.Arn": {"kms:GetPublicKey", "kms:Sign"},
}

JWT = frozenset({"jwt", "cryptography"})
STRIPE = frozenset({"stripe"})
PYNAMODB = frozenset({"pynamodb"})

KILOBYTE, MEGABYTE = 1024, 1024 * 1024

MANDATE = "mdt_aaaaaaaaaaaaaaaaaaaaaaaa"
"""The mandate in the sample events."""
CHARGE = f"chg_{'a' * 24}_{'b' * 16}"
"""Its charge there."""
NONE_FAILED = "'batchItemFailures': []"


@dataclass(frozen=True)
class Sample:
    """What a function answers to a sample event: that status (None if not HTTP), and `contains` in its text.

    `customer`: whether the sample's customer and mandate exist beforehand; `active`: and whether that mandate
    may be charged.
    """

    status: int | None
    contains: str
    customer: bool = True
    active: bool = False


@dataclass(frozen=True, kw_only=True)
class Function:
    """`clients`: the AWS clients it makes while it starts.
    `must_not_load`: packages or modules that it must not load while it starts, beside those of NOT_ON_LAMBDA.
    `longest_start`: the most CPU a start may take, as a ratio to a handler that only makes the same clients.
    It is a third to a half above what docs/performance.md has, for any busy machine; `make bench` measures
    exactly.
    `longest_init`: the most that `make bench` may measure of that ratio, where there is a target.
    `largest`: its unzipped package in bytes. The default is one short file and its bytecode.
    `may`: every permission of its role by resource, apart from logging and tracing.
    `routes`: its routes at the API, and who may call each.
    `samples`: its events in events/, by file name.
    """

    clients: tuple[str, ...]
    must_not_load: Set[str]
    longest_start: float
    longest_init: float | None = None
    largest: int = 64 * KILOBYTE
    may: Mapping[str, Set[str]]
    routes: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[str, Sample]


FUNCTIONS: Mapping[str, Function] = {
    "AuthorizeRequest": Function(
        clients=(),
        must_not_load=STRIPE | PYNAMODB | {"botocore.session"},
        longest_start=6.0,  # its floor makes no client: it is the interpreter and the runtime client
        may={},
        samples={"bearer_token": Sample(None, "Unauthorized")},
    ),
    "ReadTerms": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT,
        longest_start=1.8,  # pynamodb
        may={TERMS: {READ}},
        routes={"GET /terms/current": ANYONE},
        samples={"current": Sample(200, '"locale": "de"')},
    ),
    "CreateCustomer": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.1,  # pynamodb and stripe
        may={
            CUSTOMERS: {READ, PUT, UPDATE},
            MANDATES: {READ, PUT, UPDATE},
            EVENTS: {READ, PUT},
            SUBJECTS: {READ, UPDATE},
            API_KEY: {SECRET},
        },
        routes={"PUT /customers/{customer_id}": TOKEN},
        samples={
            "adopt": Sample(201, "cus_sample", customer=False),
            "create": Sample(201, "customer-1", customer=False),
        },
    ),
    "CreateCheckoutSession": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.1,
        may={
            CUSTOMERS: {READ, CHECK, PUT, UPDATE},
            MANDATES: {READ, PUT, UPDATE},
            SUBJECTS: {READ, UPDATE},
            EVENTS: {READ, PUT},
            TERMS: {READ},
            API_KEY: {SECRET},
        },
        routes={"POST /checkout-sessions": TOKEN},
        samples={"open": Sample(201, "mandate_id")},
    ),
    "ReadMandates": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT,
        longest_start=2.0,
        may={
            MANDATES: {READ, QUERY},
            "${MandatesTable.Arn}/index/by_customer": {QUERY},
            "${MandatesTable.Arn}/index/by_created_on": {QUERY},
            SUBJECTS: {READ},
            CUSTOMERS: {READ},
            CHARGES: {READ},
            TERMS: {READ},
        },
        routes={
            "GET /mandates": TOKEN,
            "GET /customers/{customer_id}": TOKEN,
            "GET /customers/{customer_id}/mandates": TOKEN,
            "GET /mandates/{mandate_id}": TOKEN,
        },
        samples={
            "mandates_of_customer": Sample(200, MANDATE),
            "mandates_of_day": Sample(200, '"mandates": []'),
            "one_customer": Sample(200, "cus_sample"),
            "one_mandate": Sample(200, "consent_accepted"),
        },
    ),
    "ReadCheckoutSession": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.1,
        may={
            MANDATES: {READ, PUT, UPDATE},
            SUBJECTS: {READ, UPDATE},
            EVENTS: {PUT},
            API_KEY: {SECRET},
        },
        routes={"GET /checkout-sessions/{checkout_session_id}": TOKEN},
        samples={"return_page": Sample(200, "pending")},
    ),
    "RecordReturn": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT | {"zoneinfo"},
        longest_start=1.8,
        may={MANDATES: {READ, PUT, UPDATE}, SUBJECTS: {READ}},
        routes={"POST /checkout-sessions/{checkout_session_id}/return": TOKEN},
        samples={"by_customer": Sample(200, '"returned": {"customer": "20')},
    ),
    "RevokeMandate": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT | {"zoneinfo"},
        longest_start=1.8,
        may={MANDATES: {READ, PUT, UPDATE}, SUBJECTS: {READ}},
        routes={"POST /mandates/{mandate_id}/revoke": TOKEN},
        samples={"by_customer": Sample(200, "revoked")},
    ),
    "CreateCharge": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.3,
        may={
            CHARGES: {READ, QUERY, CHECK, PUT, UPDATE, DELETE},
            MANDATES: {READ, CHECK, PUT, UPDATE},
            SUBJECTS: {READ, CHECK, PUT, UPDATE},
            EVENTS: {READ, PUT},
            TERMS: {READ},
            API_KEY: {SECRET},
        },
        routes={"POST /mandates/{mandate_id}/charges": TOKEN},
        samples={"create": Sample(201, f'"charge_id": "chg_{"a" * 24}', active=True)},
    ),
    "CancelCharge": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.3,
        may={CHARGES: {READ, PUT, UPDATE, DELETE}, MANDATES: {READ}, API_KEY: {SECRET}},
        routes={"POST /charges/{charge_id}/cancel": TOKEN},
        samples={"cancel": Sample(200, '"status": "processing"')},
    ),
    "CreateRefund": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.3,
        may={CHARGES: {READ, PUT, UPDATE, DELETE}, MANDATES: {READ}, API_KEY: {SECRET}},
        routes={"POST /charges/{charge_id}/refunds": TOKEN},
        samples={"part": Sample(409, '"reasons": ["not_succeeded"]')},
    ),
    "RecordNotice": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT,
        longest_start=2.0,
        may={
            CHARGES: {READ, QUERY, PUT, UPDATE},
            MANDATES: {READ, CHECK},
            SUBJECTS: {READ, CHECK},
            TERMS: {READ},
        },
        routes={"POST /mandates/{mandate_id}/notices": TOKEN},
        samples={"sent": Sample(201, f'"notice_id": "ntc_{"a" * 24}', active=True)},
    ),
    "ReadCharges": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT,
        longest_start=2.0,
        may={
            CHARGES: {READ, QUERY},
            "${ChargesTable.Arn}/index/by_number": {QUERY},
            "${ChargesTable.Arn}/index/by_created_on": {QUERY},
            MANDATES: {READ},
            SUBJECTS: {READ},
            TERMS: {READ},
        },
        routes={
            "GET /charges": TOKEN,
            "GET /charges/{charge_id}": TOKEN,
            "GET /charges/{charge_id}/refunds": TOKEN,
            "GET /mandates/{mandate_id}/charges": TOKEN,
            "GET /mandates/{mandate_id}/notices": TOKEN,
            "POST /mandates/{mandate_id}/charges/check": TOKEN,
        },
        samples={
            "charges_of_day": Sample(200, '"charges": []'),
            "charges_of_mandate": Sample(200, '"charges": []'),
            "check": Sample(200, '"permitted": true', active=True),
            "notices_of_mandate": Sample(200, '"notices": []'),
            "one_charge": Sample(200, CHARGE),
            "refunds_of_charge": Sample(200, '"refunds": []'),
        },
    ),
    "ExportEvidence": Function(
        clients=("kms", "dynamodb"),
        must_not_load=STRIPE | JWT | {"typst"},
        longest_start=1.8,
        may=READS_EVIDENCE,
        routes={
            "GET /mandates/{mandate_id}/evidence": TOKEN,
            "GET /evidence-keys": ANYONE,  # whoever is shown evidence must be able to check it
        },
        samples={
            "keys": Sample(200, "-----BEGIN PUBLIC KEY-----"),
            "one_mandate": Sample(200, "key_fingerprint"),
        },
    ),
    "RenderEvidence": Function(
        clients=("kms", "dynamodb"),
        must_not_load=STRIPE | JWT,
        longest_start=1.9,
        largest=130 * MEGABYTE,  # the fonts
        may=READS_EVIDENCE,
        routes={"GET /mandates/{mandate_id}/evidence.pdf": TOKEN},
        samples={"one_mandate": Sample(200, "application/pdf")},
    ),
    "ReceiveWebhook": Function(
        clients=("sqs", "secretsmanager"),
        must_not_load=STRIPE | PYNAMODB | JWT | {"mandates.core.facts"},  # nor, with them, what events say
        longest_start=1.4,  # nothing but its clients
        longest_init=1.15,
        may={WEBHOOKS: {SEND}, WEBHOOK_SECRETS: {SECRET}},
        routes={"POST /webhooks/stripe": ANYONE},  # Stripe's signature is what counts
        samples={
            "payment_intent_succeeded": Sample(200, "received"),
            "setup_intent_succeeded": Sample(200, "received"),
        },
    ),
    "ProcessWebhook": Function(
        clients=("dynamodb",),
        must_not_load=STRIPE | JWT,
        longest_start=1.8,
        may={
            WEBHOOKS: POLLS_QUEUE,
            MANDATES: {READ, PUT, UPDATE},
            SUBJECTS: {READ, UPDATE},
            EVENTS: {READ, PUT},
            CHARGES: {READ, PUT, UPDATE, DELETE},
        },
        samples={
            "charged": Sample(None, NONE_FAILED),
            "disputed": Sample(None, NONE_FAILED),
            "refunded": Sample(None, NONE_FAILED),
            "detached": Sample(None, NONE_FAILED),
            "set_up": Sample(None, NONE_FAILED),
        },
    ),
    "ReleaseWithdrawals": Function(
        clients=("secretsmanager", "dynamodb", "sqs"),
        must_not_load=JWT,
        longest_start=2.1,
        may={
            WORK: {*POLLS_QUEUE, "sqs:ChangeMessageVisibility"},
            "StripeWorkDeadLetters.Arn": {SEND},
            MANDATES: {READ, PUT, UPDATE, DELETE},
            EVENTS: {READ, PUT},
            CHARGES: {READ, QUERY, PUT, UPDATE, DELETE},
            SUBJECTS: {READ},
            API_KEY: {SECRET},
        },
        samples={"one_mandate": Sample(None, NONE_FAILED)},
    ),
    "AuditCharges": Function(
        clients=("secretsmanager", "dynamodb"),
        must_not_load=JWT,
        longest_start=2.1,
        may={
            CHARGES: {READ, QUERY, PUT, UPDATE, DELETE},
            "${ChargesTable.Arn}/index/by_due": {QUERY},
            "${ChargesTable.Arn}/index/by_created_on": {QUERY},
            EVENTS: {READ, UPDATE},
            MANDATES: {READ},
            SUBJECTS: {READ},
            API_KEY: {SECRET},
        },
        samples={"scheduled": Sample(None, "None")},
    ),
    "QueueDueCharges": Function(
        clients=("dynamodb", "sqs"),
        must_not_load=STRIPE | JWT,
        longest_start=2.0,
        may={
            CHARGES: {READ, UPDATE},
            "${ChargesTable.Arn}/index/by_due": {QUERY},
            CHARGE_QUEUE: {SEND},
        },
        samples={"scheduled": Sample(None, "'due': 0")},
    ),
    "AdvanceCharges": Function(
        clients=("secretsmanager", "dynamodb", "sqs"),
        must_not_load=JWT,
        longest_start=2.2,
        may={
            CHARGE_QUEUE: {*POLLS_QUEUE, "sqs:ChangeMessageVisibility"},
            "ChargeDeadLetters.Arn": {SEND},
            CHARGES: {READ, CHECK, PUT, UPDATE, DELETE},
            MANDATES: {READ, CHECK, PUT, UPDATE},
            SUBJECTS: {READ, CHECK, PUT, UPDATE},
            EVENTS: {READ, PUT},
            TERMS: {READ},
            API_KEY: {SECRET},
        },
        samples={"no_longer_due": Sample(None, NONE_FAILED)},
    ),
    "ReconcileEvents": Function(
        clients=("dynamodb", "secretsmanager", "sqs"),
        must_not_load=JWT,
        longest_start=2.1,
        may={
            EVENTS: {READ, PUT, UPDATE},
            MANDATES: {READ, PUT, UPDATE},
            "${MandatesTable.Arn}/index/by_sweep_time": {QUERY},
            "${MandatesTable.Arn}/index/unsettled": {QUERY},
            SUBJECTS: {READ, UPDATE},
            WEBHOOKS: {SEND, "sqs:GetQueueAttributes"},
            API_KEY: {SECRET},
        },
        samples={"scheduled": Sample(None, "None")},
    ),
    "PublishChanges": Function(
        clients=("events", "sqs"),
        must_not_load=STRIPE | PYNAMODB | JWT,
        longest_start=1.4,
        may={
            "MandatesTable.StreamArn": POLLS_STREAM,
            "OutwardBus.Arn": {"events:PutEvents"},
            "UnpublishedEntries.Arn": {SEND},
        },
        samples={"activated": Sample(None, NONE_FAILED), "withdrawn": Sample(None, NONE_FAILED)},
    ),
    "PublishCharges": Function(
        clients=("dynamodb", "events", "sqs"),
        must_not_load=STRIPE | JWT,
        longest_start=2.0,
        may={
            "ChargesTable.StreamArn": POLLS_STREAM,
            CHARGES: {READ},
            "OutwardBus.Arn": {"events:PutEvents"},
            "UnpublishedCharges.Arn": {SEND},
        },
        samples={"succeeded": Sample(None, NONE_FAILED), "refunded": Sample(None, NONE_FAILED)},
    ),
    "QueueWithdrawals": Function(
        clients=("sqs",),
        must_not_load=STRIPE | PYNAMODB | JWT,
        longest_start=1.4,
        may={
            "MandatesTable.StreamArn": POLLS_STREAM,
            WORK: {SEND},
            "UnpublishedEntries.Arn": {SEND},
        },
        samples={"withdrawn": Sample(None, NONE_FAILED)},
    ),
    "RegisterWebhook": Function(
        clients=("secretsmanager",),
        must_not_load=PYNAMODB | JWT,
        longest_start=1.9,  # stripe
        may={API_KEY: {SECRET}, WEBHOOK_SECRETS: {SECRET, "secretsmanager:PutSecretValue"}},
        samples={"create": Sample(None, "we_")},
    ),
}


def folder_of(function: str) -> str:
    """Where a function of that logical id lies under functions/, as functions/Makefile finds it."""
    return re.sub("(?<!^)(?=[A-Z])", "_", function).lower()


BY_FOLDER: Mapping[str, str] = {folder_of(function): function for function in FUNCTIONS}
"""The logical id of the function in that folder."""
