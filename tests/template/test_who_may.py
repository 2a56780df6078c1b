"""Who may do what, in full: a permission is added here or it is not added."""

import re

from tests.template.rules import permissions, routes
from tests.template.stack import Stack, expand, name_of, raw

READ = "dynamodb:BatchGetItem"
QUERY = "dynamodb:Query"
PUT = "dynamodb:PutItem"
UPDATE = "dynamodb:UpdateItem"
CHECK = "dynamodb:ConditionCheckItem"
DELETE = "dynamodb:DeleteItem"
SECRET = "secretsmanager:GetSecretValue"

CUSTOMERS, MANDATES, SUBJECTS = "CustomersTable.Arn", "MandatesTable.Arn", "StripeSubjectsTable.Arn"
EVENTS, TERMS, QUEUE = "EventsTable.Arn", "TermsTable.Arn", "WebhookQueue.Arn"

EVIDENCE = {
    MANDATES: {READ, QUERY},
    SUBJECTS: {READ},
    TERMS: {READ},
    "EvidenceKey.Arn": {"kms:GetPublicKey", "kms:Sign"},
}

STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}

MAY: dict[str, dict[str, set[str]]] = {
    "AuthorizeRequest": {},
    "ReadTerms": {TERMS: {READ}},
    "CreateCustomer": {
        CUSTOMERS: {READ, PUT, UPDATE},
        MANDATES: {READ, PUT, UPDATE},
        EVENTS: {READ, PUT},
        SUBJECTS: {READ, UPDATE},
        "StripeApiKeySecretArn": {SECRET},
    },
    "CreateCheckoutSession": {
        CUSTOMERS: {READ, CHECK, PUT, UPDATE},
        MANDATES: {READ, PUT, UPDATE},
        SUBJECTS: {READ, UPDATE},
        EVENTS: {READ, PUT},
        TERMS: {READ},
        "StripeApiKeySecretArn": {SECRET},
    },
    "ReadMandates": {
        MANDATES: {READ, QUERY},
        "${MandatesTable.Arn}/index/by_customer": {QUERY},
        SUBJECTS: {READ},
        CUSTOMERS: {READ},
    },
    "ReadCheckoutSession": {
        MANDATES: {READ, PUT, UPDATE},
        SUBJECTS: {READ, UPDATE},
        EVENTS: {PUT},
        "StripeApiKeySecretArn": {SECRET},
    },
    "RecordReturn": {MANDATES: {READ, PUT, UPDATE}, SUBJECTS: {READ}},
    "RevokeMandate": {MANDATES: {READ, PUT, UPDATE}, SUBJECTS: {READ}},
    "SettleWithdrawals": {
        "StripeWorkQueue.Arn": {
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        },
        "StripeWorkDeadLetters.Arn": {"sqs:SendMessage"},
        MANDATES: {READ, UPDATE, DELETE},
        SUBJECTS: {READ},
        "StripeApiKeySecretArn": {SECRET},
    },
    "ReconcileEvents": {
        EVENTS: {READ, PUT, UPDATE},
        MANDATES: {READ, PUT, UPDATE},
        "${MandatesTable.Arn}/index/by_sweep_time": {QUERY},
        "${MandatesTable.Arn}/index/unsettled": {QUERY},
        SUBJECTS: {READ, UPDATE},
        QUEUE: {"sqs:SendMessage", "sqs:GetQueueAttributes"},
        "StripeApiKeySecretArn": {SECRET},
    },
    "PublishChanges": {
        "MandatesTable.StreamArn": STREAM,
        "OutwardBus.Arn": {"events:PutEvents"},
        "UnpublishedEntries.Arn": {"sqs:SendMessage"},
    },
    "QueueWithdrawals": {
        "MandatesTable.StreamArn": STREAM,
        "StripeWorkQueue.Arn": {"sqs:SendMessage"},
        "UnpublishedEntries.Arn": {"sqs:SendMessage"},
    },
    "ExportEvidence": EVIDENCE,
    "RenderEvidence": EVIDENCE,
    "RegisterWebhook": {
        "StripeApiKeySecretArn": {SECRET},
        "StripeWebhookSecrets.Id": {SECRET, "secretsmanager:PutSecretValue"},
    },
    "ReceiveWebhook": {QUEUE: {"sqs:SendMessage"}, "StripeWebhookSecrets.Id": {SECRET}},
    "ProcessWebhook": {
        QUEUE: {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
        MANDATES: {READ, PUT, UPDATE},
        SUBJECTS: {READ, UPDATE},
        EVENTS: {READ, PUT},
    },
}

ROUTES = {
    "GET /terms/current": ("ReadTerms", "anyone"),
    "PUT /customers/{customer_id}": ("CreateCustomer", "a token"),
    "GET /customers/{customer_id}": ("ReadMandates", "a token"),
    "GET /customers/{customer_id}/mandates": ("ReadMandates", "a token"),
    "GET /mandates/{mandate_id}": ("ReadMandates", "a token"),
    "POST /checkout-sessions": ("CreateCheckoutSession", "a token"),
    "GET /checkout-sessions/{checkout_session_id}": ("ReadCheckoutSession", "a token"),
    "POST /checkout-sessions/{checkout_session_id}/return": ("RecordReturn", "a token"),
    "POST /mandates/{mandate_id}/revoke": ("RevokeMandate", "a token"),
    "GET /mandates/{mandate_id}/evidence": ("ExportEvidence", "a token"),
    "GET /mandates/{mandate_id}/evidence.pdf": ("RenderEvidence", "a token"),
    "GET /evidence-keys": ("ExportEvidence", "anyone"),  # whoever is shown evidence must be able to check it
    "POST /webhooks/stripe": ("ReceiveWebhook", "anyone"),  # Stripe's signature is what counts
}


def test_functions_may_do_exactly_this() -> None:
    allowed = permissions(Stack(expand(raw())))
    assert allowed == {
        function: {(resource, action) for resource, actions in resources.items() for action in actions}
        for function, resources in MAY.items()
    }


def test_routes_are_exactly_these_and_public_only_on_purpose() -> None:
    declared = {
        route.name: (route.function, "a token" if route.is_protected else "anyone")
        for route in routes(Stack(expand(raw())))
    }
    assert declared == ROUTES


def test_a_route_without_authorizer_is_noticed() -> None:
    template = raw()
    properties = template["Resources"]["ReadMandates"]["Properties"]["Events"]["GetMandate"]["Properties"]
    properties["Auth"] = {"Authorizer": "NONE"}
    unprotected = {route.name for route in routes(Stack(expand(template))) if not route.is_protected}
    on_purpose = {route for route, (_, who) in ROUTES.items() if who == "anyone"}
    assert unprotected == {*on_purpose, "GET /mandates/{mandate_id}"}


def test_the_authorizer_sees_only_well_formed_tokens_and_is_asked_once_per_token() -> None:
    schemes = Stack(expand(raw())).api["securityDefinitions"]
    authorizer = schemes["BearerToken"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "token"
    expression = authorizer["identityValidationExpression"]
    for scheme in ("Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer  "):
        assert re.fullmatch(expression, f"{scheme}e30.e30.A-_9")
    for other in (
        "Basic e30.e30.A",
        "Bearere30.e30.A",
        "Bearer\te30.e30.A",
        "Bearer e30.e30",
        "Bearer e30.e30.A b",
    ):
        assert not re.fullmatch(expression, other)
    assert 0 < authorizer["authorizerResultTtlInSeconds"] <= 300


def test_the_scheduler_may_start_reconciliation_and_nothing_else() -> None:
    stack = Stack(expand(raw()))
    ((_, schedule),) = stack.of("AWS::Scheduler::Schedule")
    assert name_of(schedule["Target"]["Arn"]) == "ReconcileEventsAliaslive"
    role = stack.properties(name_of(schedule["Target"]["RoleArn"]).removesuffix(".Arn"))
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}  # of this account: rules.py
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["lambda:InvokeFunction"])
    assert name_of(statement["Resource"]) == "ReconcileEventsAliaslive"  # an alias's Ref is its ARN
    assert not role.get("ManagedPolicyArns")
