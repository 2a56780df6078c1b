"""The rules hold for the template; and each can fail: it finds the one thing that was spoilt."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.settings import ROOT
from mandates.api.requests import MAX_BODY_BYTES
from mandates.core.ids import MAX_ID_LENGTH
from tests.template import rules
from tests.template.rules import Rule, environment
from tests.template.stack import Json, Stack, expand, name_of, raw
from tests.unit.source_guards import FUNCTIONS

Spoil = Callable[[Stack], object]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(expand(raw()))


def queue(stack: Stack) -> Json:
    return stack.properties("WebhookQueue")


def table(stack: Stack) -> Json:
    return stack.properties("MandatesTable")


def stage(stack: Stack) -> Json:
    return stack.properties("Apiv1Stage")


def role_statement(stack: Stack) -> Json:
    statement: Json = stack.properties("ReadTermsRole")["Policies"][0]["PolicyDocument"]["Statement"][-1]
    return statement


def gateway_response(stack: Stack, kind: str) -> Json:
    response: Json = stack.api["x-amazon-apigateway-gateway-responses"][kind]
    return response


def ledger(stack: Stack) -> Json:
    return stack.properties("PublishChangesLedger")


def version_of(stack: Stack, function: str) -> str:
    """The logical id of the version that the function's alias points to."""
    version: str = stack.properties(f"{function}Aliaslive")["FunctionVersion"]["Fn::GetAtt"][0]
    return version


def authorizer_uri(stack: Stack) -> list[Any]:
    scheme = stack.api["securityDefinitions"]["BearerToken"]
    uri: list[Any] = scheme["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
    return uri


def throttle(stack: Stack, route: str) -> Json:
    return rules.throttles(stack)[route]


RETURN_PAGE = "GET /checkout-sessions/{checkout_session_id}"

THROTTLES_SPOILT: list[tuple[Spoil, str]] = [
    (lambda s: throttle(s, "* /*").update(ThrottlingRateLimit=10_000), "* /* lets through more"),
    (lambda s: throttle(s, "POST /checkout-sessions").update(ThrottlingRateLimit=16), "more than Stripe"),
    (lambda s: throttle(s, "PUT /customers/{customer_id}").pop("ThrottlingRateLimit"), "more than Stripe"),
    (lambda s: throttle(s, "PUT /customers/{customer_id}").update(ResourcePath="/~1people"), "no route PUT"),
    (lambda s: throttle(s, "POST /webhooks/stripe").update(ThrottlingRateLimit=100), "kept back"),
    (lambda s: throttle(s, "POST /webhooks/stripe").update(ThrottlingBurstLimit=200), "the authorizer's too"),
    (
        lambda s: throttle(s, RETURN_PAGE).update(ResourcePath="/~1terms~1current"),
        f"{RETURN_PAGE} lets through more than Stripe takes",
    ),
    (lambda s: stage(s)["MethodSettings"].pop(), "shares others' throttle"),
]


def trust(stack: Stack, role: str) -> Json:
    statement: Json = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"][0]
    return statement


def source(stack: Stack, role: str) -> Json:
    conditions: Json = trust(stack, role)["Condition"]
    return conditions


TRUST_SPOILT: list[tuple[Spoil, str]] = [
    (
        lambda s: trust(s, "StartReconciliationRole").pop("Condition"),
        "StartReconciliationRole may be assumed",
    ),
    (
        lambda s: source(s, "StartReconciliationRole")["StringEquals"].pop("aws:SourceArn"),
        "StartReconciliationRole may be assumed",
    ),
    (
        lambda s: source(s, "StartReconciliationRole")["StringEquals"].update({"aws:SourceAccount": "*"}),
        "StartReconciliationRole may be assumed",
    ),
    (lambda s: source(s, "ShiftTrafficRole").pop("StringEquals"), "ShiftTrafficRole may be assumed"),
    (lambda s: source(s, "ShiftTrafficRole").pop("ArnLike"), "ShiftTrafficRole may be assumed"),
    (
        lambda s: trust(s, "ReadTermsRole").update(Principal={"Service": ["pipes.amazonaws.com"]}),
        "which source pipes.amazonaws.com",
    ),
    (
        lambda s: s.properties("ApiBearerTokenAuthorizerPermission").pop("SourceArn"),
        "lets apigateway.amazonaws.com call for anybody",
    ),
]

CALLS_SPOILT: list[tuple[Spoil, str]] = [
    (lambda s: ledger(s).update(FunctionName={"Ref": "PublishChanges"}), "PublishChangesLedger calls"),
    (
        lambda s: s.properties("ApiBearerTokenAuthorizerPermission").update(
            FunctionName={"Fn::GetAtt": ["AuthorizeRequest", "Arn"]}
        ),
        "ApiBearerTokenAuthorizerPermission calls",
    ),
    (
        lambda s: authorizer_uri(s)[1].update(__FunctionArn__={"Fn::GetAtt": ["AuthorizeRequest", "Arn"]}),
        "the authorizer calls",
    ),
    (
        lambda s: s.api["paths"]["/terms/current"]["get"]["x-amazon-apigateway-integration"]["uri"].update(
            {"Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/functions/${ReadTerms.Arn}/invocations"}
        ),
        "GET /terms/current calls",
    ),
    (
        lambda s: s.properties("StripeWebhookEndpoint").update(
            ServiceToken={"Fn::GetAtt": ["RegisterWebhook", "Arn"]}
        ),
        "StripeWebhookEndpoint calls",
    ),
]

STREAM_SPOILT: list[tuple[Spoil, str]] = [
    (lambda s: ledger(s).update(ParallelizationFactor=2), "keeps the order"),
    (lambda s: ledger(s).update(StartingPosition="LATEST"), "begins with the first"),
    (lambda s: ledger(s).pop("MaximumRecordAgeInSeconds"), "gives up in time"),
    (lambda s: ledger(s).update(MaximumRecordAgeInSeconds=86_400), "gives up in time"),
    (lambda s: ledger(s).update(MaximumRetryAttempts=3), "rides out an outage"),
    (lambda s: ledger(s).pop("BisectBatchOnFunctionError"), "isolates"),
    (lambda s: ledger(s).pop("DestinationConfig"), "gave up"),
    (lambda s: ledger(s).pop("FilterCriteria"), "woken by"),
]

SPOILT: list[tuple[Rule, Spoil, str]] = [
    (
        rules.functions_answer_before_the_gateway_gives_up,
        lambda s: s.properties("CreateCustomer").update(Timeout=29),
        "CreateCustomer",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("CreateCheckoutSession").update(Timeout=24),
        "CreateCheckoutSession",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("ReleaseWithdrawals").update(Timeout=48),
        "ReleaseWithdrawals",
    ),
    (
        rules.background_work_leaves_stripe_to_those_who_wait,
        lambda s: s.properties("ReleaseWithdrawalsQueue")["ScalingConfig"].update(MaximumConcurrency=3),
        "33 calls a second",
    ),
    (
        rules.background_work_leaves_stripe_to_those_who_wait,
        lambda s: s.properties("ReleaseWithdrawalsQueue").pop("ScalingConfig"),
        "inf calls a second",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("ReadTerms").update(Timeout=10),
        "ReadTerms",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("ReceiveWebhook").update(Timeout=10),
        "ReceiveWebhook",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("PublishChanges").update(Timeout=13),
        "PublishChanges",
    ),
    (
        rules.clients_give_up_before_their_function,
        lambda s: s.properties("AuthorizeRequest").update(Timeout=7),
        "AuthorizeRequest",
    ),
    (rules.visibility_is_six_function_timeouts, lambda s: queue(s).update(VisibilityTimeout=89), "89 s"),
    (rules.visibility_is_six_function_timeouts, lambda s: queue(s).pop("VisibilityTimeout"), "30 s"),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: queue(s).pop("RedrivePolicy"),
        "no dead letter",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: s.properties("WebhookDeadLetters").update(MessageRetentionPeriod=345_600),
        "less than 14 days",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: queue(s).update(MessageRetentionPeriod=1_209_600),
        "as long as",
    ),
    (
        rules.queues_are_encrypted_and_refuse_plain_http,
        lambda s: queue(s).update(SqsManagedSseEnabled=False),
        "not encrypted",
    ),
    (
        rules.queues_are_encrypted_and_refuse_plain_http,
        lambda s: s.properties("QueuePolicy")["Queues"].pop(1),
        "WebhookDeadLetters accepts plain HTTP",
    ),
    (
        rules.consumers_report_single_failures_and_are_bounded,
        lambda s: s.properties("ProcessWebhookQueue").pop("FunctionResponseTypes"),
        "whole batches",
    ),
    (
        rules.consumers_report_single_failures_and_are_bounded,
        lambda s: s.properties("ProcessWebhookQueue").pop("ScalingConfig"),
        "not bounded",
    ),
    (
        rules.consumers_report_single_failures_and_are_bounded,
        lambda s: s.properties("ProcessWebhook").update(ReservedConcurrentExecutions=5),
        "reserves",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: s.properties("UnpublishedEntries").update(MessageRetentionPeriod=345_600),
        "UnpublishedEntries keeps dead letters for less",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: [
            s.properties(name).pop("DestinationConfig")
            for name in ("PublishChangesLedger", "QueueWithdrawalsLedger")
        ],
        "UnpublishedEntries has no dead letter",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: environment(s.properties("ReleaseWithdrawals")).pop("STRIPE_WORK_DEAD_LETTERS_URL"),
        "ReleaseWithdrawals has nowhere to put what is no message",
    ),
    (
        rules.every_queue_has_dead_letters_that_outlive_it,
        lambda s: s.properties("StripeWorkDeadLetters").update(MessageRetentionPeriod=345_600),
        "StripeWorkDeadLetters keeps dead letters for less",
    ),
    (
        rules.streams_are_read_in_order_and_no_entry_is_lost_unseen,
        lambda s: s.resources.update(Third=copy.deepcopy(s.resources["PublishChangesLedger"])),
        "MandatesTable.StreamArn has 3 readers",
    ),
    (
        rules.withdrawals_wait_for_nobody,
        lambda s: environment(s.properties("PublishChanges")).update(STRIPE_WORK_QUEUE_URL="queue"),
        "PublishChanges does more with a withdrawal",
    ),
    *(
        (rules.streams_are_read_in_order_and_no_entry_is_lost_unseen, spoil, found)
        for spoil, found in STREAM_SPOILT
    ),
    (
        rules.tables_are_on_demand_restorable_and_encrypted,
        lambda s: table(s).update(BillingMode="PROVISIONED"),
        "bills by request",
    ),
    (
        rules.tables_are_on_demand_restorable_and_encrypted,
        lambda s: table(s).pop("PointInTimeRecoverySpecification"),
        "point in time",
    ),
    (
        rules.tables_are_on_demand_restorable_and_encrypted,
        lambda s: table(s).pop("SSESpecification"),
        "encrypted",
    ),
    (
        rules.tables_are_on_demand_restorable_and_encrypted,
        lambda s: table(s).update(DeletionProtectionEnabled=False),
        "protected from deletion",
    ),
    (
        rules.data_outlives_the_stack_under_no_fixed_name,
        lambda s: s.resources["TermsTable"].pop("DeletionPolicy"),
        "TermsTable would go",
    ),
    (
        rules.data_outlives_the_stack_under_no_fixed_name,
        lambda s: s.resources["StripeWebhookSecrets"].update(UpdateReplacePolicy="Delete"),
        "StripeWebhookSecrets would go",
    ),
    (
        rules.data_outlives_the_stack_under_no_fixed_name,
        lambda s: table(s).update(TableName="mandates"),
        "fixed TableName",
    ),
    (
        rules.keys_only_sign_and_only_for_this_account,
        lambda s: s.properties("EvidenceKey").pop("KeyUsage"),
        "EvidenceKey is not a key for signing",
    ),
    (
        rules.keys_only_sign_and_only_for_this_account,
        lambda s: s.properties("EvidenceKey")["KeyPolicy"]["Statement"][0].update(Principal="*"),
        "EvidenceKey is opened to *",
    ),
    (
        rules.data_outlives_the_stack_under_no_fixed_name,
        lambda s: s.resources["EvidenceKey"].pop("DeletionPolicy"),
        "EvidenceKey would go",
    ),
    (rules.functions_run_alike, lambda s: s.properties("ReadTerms").update(Runtime="python3.12"), "Runtime"),
    (rules.functions_run_alike, lambda s: s.properties("ReadTerms").pop("TracingConfig"), "TracingConfig"),
    (rules.functions_run_alike, lambda s: s.properties("ReadTerms").update(MemorySize=128), "memory"),
    (rules.functions_run_alike, lambda s: s.properties("ReadTerms")["Layers"].pop(), "layers"),
    (
        rules.logs_are_kept_for_a_time_we_chose,
        lambda s: s.properties("ReadTermsLogs").pop("RetentionInDays"),
        "kept for ever",
    ),
    (
        rules.logs_are_kept_for_a_time_we_chose,
        lambda s: s.properties("ReadTerms")["LoggingConfig"].pop("LogGroup"),
        "group of its own",
    ),
    (rules.logs_are_kept_for_a_time_we_chose, lambda s: stage(s).pop("AccessLogSetting"), "no access log"),
    (
        rules.access_log_names_nobody,
        lambda s: stage(s)["AccessLogSetting"].update(Format="$context.identity.sourceIp"),
        "identity.",
    ),
    (
        rules.access_log_names_nobody,
        lambda s: stage(s)["AccessLogSetting"].update(Format="$context.path $context.resourcePath"),
        "$context.path",
    ),
    (
        rules.every_function_has_a_narrow_role_of_its_own,
        lambda s: role_statement(s).update(Action="dynamodb:*"),
        "dynamodb:*",
    ),
    (
        rules.every_function_has_a_narrow_role_of_its_own,
        lambda s: role_statement(s).update(Resource="*"),
        "on *",
    ),
    (
        rules.every_function_has_a_narrow_role_of_its_own,
        lambda s: s.properties("ReadTerms").update(Role=s.properties("ReadMandates")["Role"]),
        "share a role",
    ),
    (
        rules.every_function_has_a_narrow_role_of_its_own,
        lambda s: s.properties("ReadTermsRole").update(
            ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]
        ),
        "managed policy",
    ),
    (
        rules.every_path_answers_preflights_without_a_token,
        lambda s: s.api["paths"]["/checkout-sessions"].pop("options"),
        "/checkout-sessions",
    ),
    (
        rules.every_path_answers_preflights_without_a_token,
        lambda s: s.api["paths"]["/checkout-sessions"]["options"].update(security=[{"BearerToken": []}]),
        "/checkout-sessions",
    ),
    (
        rules.the_gateway_refuses_as_we_do,
        lambda s: gateway_response(s, "DEFAULT_5XX").pop("responseTemplates"),
        "DEFAULT_5XX has no code",
    ),
    (
        rules.the_gateway_refuses_as_we_do,
        lambda s: gateway_response(s, "UNAUTHORIZED").pop("responseParameters"),
        "UNAUTHORIZED is hidden",
    ),
    *(
        (rules.throttles_spare_stripe_and_let_its_backlog_in, spoil, found)
        for spoil, found in THROTTLES_SPOILT
    ),
    (
        rules.the_stage_keeps_nobodys_path_or_address,
        lambda s: stage(s)["MethodSettings"][0].update(DataTraceEnabled=True),
        "logs what is in requests",
    ),
    (
        rules.the_stage_keeps_nobodys_path_or_address,
        lambda s: stage(s)["MethodSettings"][-1].update(LoggingLevel="INFO"),
        "logs what is in requests",
    ),
    (
        rules.the_stage_keeps_nobodys_path_or_address,
        lambda s: stage(s).update(TracingEnabled=True),
        "X-Ray",
    ),
    *((rules.services_act_for_this_account_alone, spoil, found) for spoil, found in TRUST_SPOILT),
    *((rules.everything_calls_the_alias, spoil, found) for spoil, found in CALLS_SPOILT),
    (
        rules.each_alias_has_a_version_of_its_own_function,
        lambda s: s.properties("ReadTermsAliaslive").update(FunctionVersion="$LATEST"),
        "ReadTerms has no alias",
    ),
    (
        rules.each_alias_has_a_version_of_its_own_function,
        lambda s: s.properties("ReadTermsAliaslive").update(
            FunctionVersion=s.properties("ReadMandatesAliaslive")["FunctionVersion"]
        ),
        "ReadTerms has no alias",
    ),
    (
        rules.each_alias_has_a_version_of_its_own_function,
        lambda s: s.resources[version_of(s, "ReadTerms")].update(DeletionPolicy="Retain"),
        "ReadTerms keeps every version",
    ),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in SPOILT))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_holds_for_the_template(rule: Rule, stack: Stack) -> None:
    assert rule(stack) == []


@pytest.mark.parametrize(
    ("rule", "spoil", "found"), SPOILT, ids=[f"{rule.__name__}: {found}" for rule, _, found in SPOILT]
)
def test_finds_what_was_spoilt(rule: Rule, spoil: Spoil, found: str, stack: Stack) -> None:
    spoilt = stack.copy()
    spoil(spoilt)
    assert any(found in problem for problem in rule(spoilt))


def limits(stack: Stack) -> dict[str, str]:
    """By function: how it limits its calls to Stripe, as its source says it."""
    used = {
        name for name, properties in stack.functions.items() if "STRIPE_API_BASE" in environment(properties)
    }
    sources = {name: FUNCTIONS / re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() / "app.py" for name in used}
    return {
        name: found[1]
        if (found := re.search(r"^stripe = Stripe\(configured(.*)\)$", source.read_text(), re.M))
        else ""
        for name, source in sources.items()
    }


def test_what_the_rules_count_on_is_what_the_functions_say(stack: Stack) -> None:
    behind_api = {route.function for route in rules.routes(stack)}
    from_queues = {name_of(mapping["FunctionName"]) for _, mapping in rules.queue_consumers(stack)}
    found = limits(stack)
    assert len(found) >= 4
    for name, limit in found.items():
        if name in behind_api:
            assert limit == ", within=REQUEST_SECONDS", name
        if name in from_queues:
            assert limit == ", within=BACKGROUND_SECONDS, per_second=BACKGROUND_PER_SECOND", name


def test_what_the_api_documents_of_sizes_is_what_the_handlers_take() -> None:
    said = (ROOT / "openapi.yaml").read_text(encoding="utf-8")
    bodies = re.findall(r"description: At most (\d+) KB\.", said)
    assert len(bodies) == 8
    assert {int(kilobytes) * 1024 for kilobytes in bodies} == {MAX_BODY_BYTES}
    assert f"1 to {MAX_ID_LENGTH} printable characters" in said
