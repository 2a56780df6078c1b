"""What must hold for this stack, each as a function from it to the list of what is wrong.

Several are about numbers that only make sense beside each other; a linter sees each by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from mandates.api import issuer_keys
from mandates.gateway import politeness
from mandates.runtime import aws
from ops.account import ENOUGH_CONCURRENCY
from tests.template.stack import ALIAS, Json, Stack, function_called, listed, name_of

GATEWAY_SECONDS = 29
"""How long API Gateway waits: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

FOURTEEN_DAYS = 14 * 86_400
RETAINED = {"Retain", "RetainExceptOnCreate"}
MUST_BE_NAMED = {"AWS::ApiGateway::RestApi", "AWS::Events::EventBus", "AWS::Lambda::Alias"}
KEEPS_DATA = {"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key", "AWS::SQS::Queue"}
PASSING = {"AlarmKey", "ChargeQueue"}
"""What the key encrypts is over in minutes. Charges are queued again from their table."""

KEPT_LOGS = {"RegisterWebhookLogs"}
"""It says what the stack's own deletion left to do at Stripe."""

EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"

WAIT_FOR_STRIPE = {"ChargeQueue", "StripeWorkQueue"}
"""Queues whose messages wait for as long as Stripe is down, so that an outage fills no dead letter queue.
Their consumers have one nevertheless, for what is no message: DEAD_LETTERS_OF_A_FUNCTION names it."""

DEAD_LETTERS_OF_A_FUNCTION = "_DEAD_LETTERS_URL"

READERS_OF_A_STREAM = 2
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""

CALLED_BY_BOTOCORE = ("_QUEUE_URL", "_SECRET_ARN", "_SECRETS_ARN", "_BUS_NAME", "_KEY_IDS")
"""How the variables end that name what a client of mandates/runtime/aws.py is for."""

Rule = Callable[[Stack], list[str]]


# ------------------------------------------------------------------------------------------- time


def functions_answer_before_the_gateway_gives_up(stack: Stack) -> list[str]:
    behind_api = {route.function for route in routes(stack)}
    return [
        f"{name} may take {properties['Timeout']} s, the gateway waits {GATEWAY_SECONDS} s"
        for name, properties in stack.functions.items()
        if name in behind_api and properties["Timeout"] >= GATEWAY_SECONDS
    ]


def clients_give_up_before_their_function(stack: Stack) -> list[str]:
    """With the pauses between attempts, which are a second or two; those at Stripe are in its limits.

    The last thing a function may do with its time for Stripe is to fetch a newer API key
    (gateway/transport.py).
    """
    one_aws_call = (aws.CONNECT_TIMEOUT_SECONDS + aws.READ_TIMEOUT_SECONDS) * aws.ATTEMPTS
    two_fetches = 2 * issuer_keys.FETCH_SECONDS  # an issuer's discovery document, then its keys
    behind_api = {route.function for route in routes(stack)}
    problems = []
    for name, properties in stack.functions.items():
        uses = environment(properties)
        limit = politeness.REQUEST_SECONDS if name in behind_api else politeness.BACKGROUND_SECONDS
        all_stripe_calls = max(limit, limit - politeness.ATTEMPT_SECONDS + one_aws_call)
        longest = max(
            all_stripe_calls if "STRIPE_API_BASE" in uses else 0,
            one_aws_call
            if any(variable.endswith((*CALLED_BY_BOTOCORE, "_TABLE")) for variable in uses)
            else 0,
            two_fetches if "OIDC_ISSUER" in uses else 0,
        )
        if longest + 2 > properties["Timeout"]:
            problems.append(
                f"{name} ends after {properties['Timeout']} s, one of its calls may take {longest} s"
            )
    return problems


def background_work_leaves_stripe_to_those_who_wait(stack: Stack) -> list[str]:
    """Workers pace themselves, each for itself, so what counts is how many there are at a time."""
    problems = []
    for name, mapping in queue_consumers(stack):
        if "STRIPE_API_BASE" not in environment(stack.properties(function_called(mapping["FunctionName"]))):
            continue
        workers = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", float("inf"))
        together = workers * (politeness.BACKGROUND_PER_SECOND + 1)
        if together >= politeness.STRIPE_PER_SECOND:
            problems.append(f"{name}: its workers may make {together} calls a second to Stripe")
    return problems


def visibility_is_six_function_timeouts(stack: Stack) -> list[str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    problems = []
    for _, mapping in queue_consumers(stack):
        queue = name_of(mapping["EventSourceArn"]).removesuffix(".Arn")
        visibility = stack.properties(queue).get("VisibilityTimeout", 30)
        timeout = stack.properties(function_called(mapping["FunctionName"]))["Timeout"]
        if visibility < 6 * timeout:
            problems.append(
                f"{queue} hides a message for {visibility} s, its function takes up to {timeout} s"
            )
    return problems


# ----------------------------------------------------------------------------------------- queues


def every_queue_has_dead_letters_that_outlive_it(stack: Stack) -> list[str]:
    queues = dict(stack.of("AWS::SQS::Queue"))
    redrives = {name: queue["RedrivePolicy"] for name, queue in queues.items() if "RedrivePolicy" in queue}
    dead = {name_of(redrive["deadLetterTargetArn"]).removesuffix(".Arn") for redrive in redrives.values()}
    dead |= {name_of(where).removesuffix(".Arn") for where in given_up(stack)}
    dead |= set_aside_by_consumers(stack)
    without = queues.keys() - redrives.keys() - dead - WAIT_FOR_STRIPE
    problems = [f"{name} has no dead letter queue" for name in sorted(without)]
    problems += [
        f"{function_called(mapping['FunctionName'])} has nowhere to put what is no message"
        for _, mapping in queue_consumers(stack)
        if name_of(mapping["EventSourceArn"]).removesuffix(".Arn") in WAIT_FOR_STRIPE
        and not _dead_letters_of(stack.properties(function_called(mapping["FunctionName"])))
    ]
    problems += [
        f"{name} keeps dead letters for less than 14 days"
        for name in sorted(dead)
        if queues[name].get("MessageRetentionPeriod") != FOURTEEN_DAYS
    ]
    # A message that moves keeps its age.
    problems += [
        f"{name} keeps messages as long as its dead letter queue does"
        for name in redrives
        if queues[name].get("MessageRetentionPeriod", 345_600) >= FOURTEEN_DAYS
    ]
    return problems


def queues_are_encrypted_and_refuse_plain_http(stack: Stack) -> list[str]:
    guarded = {
        name_of(resource).removesuffix(".Arn")
        for _, policy in stack.of("AWS::SQS::QueuePolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] == "sqs:*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for resource in listed(statement["Resource"])
    }
    attached = {name_of(q) for _, policy in stack.of("AWS::SQS::QueuePolicy") for q in policy["Queues"]}
    queues = dict(stack.of("AWS::SQS::Queue"))
    return [f"{name} accepts plain HTTP" for name in queues if name not in guarded & attached] + [
        f"{name} is not encrypted" for name, queue in queues.items() if not queue.get("SqsManagedSseEnabled")
    ]


def consumers_report_single_failures_and_are_bounded(stack: Stack) -> list[str]:
    """One bad message must not bring back its neighbours, nor a flood take the account's concurrency."""
    problems = []
    for name, mapping in stack.of(EVENT_SOURCE):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            problems.append(f"{name} fails whole batches")
    problems += [
        f"{name} is not bounded"
        for name, mapping in queue_consumers(stack)
        if not mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    ]
    polled = {function_called(mapping["FunctionName"]) for _, mapping in stack.of(EVENT_SOURCE)}
    return problems + [
        f"{name} reserves concurrency: bound the queue's workers instead"
        for name in sorted(polled)
        if "ReservedConcurrentExecutions" in stack.properties(name)
    ]


def queue_consumers(stack: Stack) -> list[tuple[str, Json]]:
    return [(name, mapping) for name, mapping in stack.of(EVENT_SOURCE) if not _reads_a_stream(mapping)]


def set_aside_by_consumers(stack: Stack) -> set[str]:
    """The queues into which functions themselves put what is no message."""
    return set().union(*(_dead_letters_of(properties) for properties in stack.functions.values()))


def _dead_letters_of(properties: Json) -> set[str]:
    named = environment(properties).items()
    return {name_of(queue) for variable, queue in named if variable.endswith(DEAD_LETTERS_OF_A_FUNCTION)}


def given_up(stack: Stack) -> list[Any]:
    """Where streams' consumers put what they give up."""
    return [
        mapping["DestinationConfig"]["OnFailure"]["Destination"]
        for _, mapping in stack.of(EVENT_SOURCE)
        if "DestinationConfig" in mapping
    ]


def streams_are_read_in_order_and_no_entry_is_lost_unseen(stack: Stack) -> list[str]:
    """A failing entry holds up those behind it, so it must be given up in time to be fetched by hand: a
    stream keeps its records for 24 hours. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    readers = Counter(
        name_of(mapping["EventSourceArn"])
        for _, mapping in stack.of(EVENT_SOURCE)
        if _reads_a_stream(mapping)
    )
    problems = [
        f"{stream} has {number} readers, and DynamoDB takes {READERS_OF_A_STREAM}"
        for stream, number in readers.items()
        if number > READERS_OF_A_STREAM
    ]
    for name, mapping in stack.of(EVENT_SOURCE):
        if not _reads_a_stream(mapping):
            continue
        holds = {
            "keeps the order": mapping.get("ParallelizationFactor") == 1,
            "begins with the first record": mapping.get("StartingPosition") == "TRIM_HORIZON",
            "rides out an outage, and gives up in time": (
                3600 <= mapping.get("MaximumRecordAgeInSeconds", -1) <= 43_200
                and mapping.get("MaximumRetryAttempts") == -1
            ),
            "isolates what can't be read": mapping.get("BisectBatchOnFunctionError") is True,
            "says what it gave up": "OnFailure" in mapping.get("DestinationConfig", {}),
            "is woken by ledger entries alone": "entry#" in str(mapping.get("FilterCriteria")),
        }
        problems += [
            f"{name}: it does not hold that it {what}" for what, it_does in holds.items() if not it_does
        ]
    return problems


def withdrawals_wait_for_nobody(stack: Stack) -> list[str]:
    """Whoever has mandates detached reads the stream for that alone: no other call comes before."""
    return [
        f"{function_called(mapping['FunctionName'])} does more with a withdrawal than to queue it"
        for _, mapping in stack.of(EVENT_SOURCE)
        if _reads_a_stream(mapping)
        and "STRIPE_WORK_QUEUE_URL"
        in (uses := environment(stack.properties(function_called(mapping["FunctionName"]))))
        and any(variable.endswith(CALLED_BY_BOTOCORE) for variable in uses.keys() - {"STRIPE_WORK_QUEUE_URL"})
    ]


def _reads_a_stream(mapping: Json) -> bool:
    return name_of(mapping["EventSourceArn"]).endswith(".StreamArn")


# ------------------------------------------------------------------------------------ data at rest


def tables_are_on_demand_restorable_and_encrypted(stack: Stack) -> list[str]:
    problems = []
    for name, table in stack.of("AWS::DynamoDB::Table"):
        holds = {
            "bills by request": table.get("BillingMode") == "PAY_PER_REQUEST",
            "can be restored to a point in time": table.get("PointInTimeRecoverySpecification")
            == {"PointInTimeRecoveryEnabled": True},
            "is encrypted with a key of ours": table.get("SSESpecification", {}).get("SSEEnabled") is True,
            "is protected from deletion, outside local": table.get("DeletionProtectionEnabled")
            == {"Fn::If": ["IsProtected", True, False]},
        }
        problems += [
            f"{name}: it does not hold that it {what}" for what, it_does in holds.items() if not it_does
        ]
    return problems


def data_outlives_the_stack_under_no_fixed_name(stack: Stack) -> list[str]:
    problems = []
    for name, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        keeps_data = (resource["Type"] in KEEPS_DATA and name not in PASSING) or name in KEPT_LOGS
        if keeps_data and (
            resource.get("DeletionPolicy") not in RETAINED
            or resource.get("UpdateReplacePolicy") not in RETAINED
        ):
            problems.append(f"{name} would go with the stack")
        fixed = {"TableName", "QueueName", "Name", "SecretName", "RoleName"} & properties.keys()
        if fixed and resource["Type"] not in MUST_BE_NAMED:
            problems.append(f"{name} has a fixed {fixed.pop()}, so none could be made beside its predecessor")
    return problems


def keys_only_sign_and_only_for_this_account(stack: Stack) -> list[str]:
    """The account's own policies decide who may use a key; a policy that names anybody else opens it. The key
    of the alarms, which AWS's service has to use, is the one that encrypts."""
    account = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    problems = []
    for name, key in stack.of("AWS::KMS::Key"):
        if name in PASSING:
            continue
        if (key.get("KeyUsage"), key.get("KeySpec")) != ("SIGN_VERIFY", "ECC_NIST_P256"):
            problems.append(f"{name} is not a key for signing")
        problems += [
            f"{name} is opened to {statement['Principal']}"
            for statement in key["KeyPolicy"]["Statement"]
            if statement["Principal"] != account
        ]
    return problems


# -------------------------------------------------------------------------------------- functions


def functions_run_alike(stack: Stack) -> list[str]:
    problems = []
    for name, properties in stack.functions.items():
        wanted = {
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Architectures": [{"Ref": "Architecture"}],
            "TracingConfig": {"Mode": "Active"},
        }
        problems += [
            f"{name}: {key} is not {value}" for key, value in wanted.items() if properties.get(key) != value
        ]
        if properties["MemorySize"] < 512:
            problems.append(
                f"{name} has so little memory, and so little CPU, that a cold start takes seconds"
            )
        if len(properties.get("Layers", [])) != 2:
            problems.append(f"{name} has not both layers")
    return problems


def logs_are_kept_for_a_time_we_chose(stack: Stack) -> list[str]:
    """A group that Lambda makes by itself is kept for ever."""
    groups = dict(stack.of("AWS::Logs::LogGroup"))
    problems = [
        f"{name} is kept for ever" for name, group in groups.items() if not group.get("RetentionInDays")
    ]
    used = [
        name_of(function.get("LoggingConfig", {}).get("LogGroup", ""))
        for function in stack.functions.values()
    ]
    if set(used) - groups.keys() or len(set(used)) != len(used):
        problems.append("not every function logs to a group of its own")
    for name, stage in stack.of("AWS::ApiGateway::Stage"):
        if (
            name_of(stage.get("AccessLogSetting", {}).get("DestinationArn", "")).removesuffix(".Arn")
            not in groups
        ):
            problems.append(f"{name} keeps no access log")
    return problems


def access_log_names_nobody(stack: Stack) -> list[str]:
    personal = (
        "$context.path",
        "identity.",
        "authorizer.principalId",
        "authorizer.subject",
        "requestOverride",
    )
    return [
        f"{name}'s access log has {value}"
        for name, stage in stack.of("AWS::ApiGateway::Stage")
        for value in personal
        if value in name_of(stage["AccessLogSetting"]["Format"]).replace("$context.resourcePath", "")
    ]


# --------------------------------------------------------------------------------------- versions


def everything_calls_the_alias(stack: Stack) -> list[str]:
    """What calls a function without its alias gets new code all at once, and a rollback does not reach it.

    Nor does the function's EventInvokeConfig apply, which SAM makes for the alias.
    """
    said = stack.api["securityDefinitions"]["BearerToken"]["x-amazon-apigateway-authorizer"]
    (authorizer,) = said["authorizerUri"]["Fn::Sub"][1].values()
    callers = {
        "the authorizer": name_of(authorizer),
        **{route.name: route.calls for route in routes(stack)},
        **{name: name_of(mapping["FunctionName"]) for name, mapping in stack.of(EVENT_SOURCE)},
        **{name: name_of(allowed["FunctionName"]) for name, allowed in stack.of("AWS::Lambda::Permission")},
        **{
            name: name_of(schedule["Target"]["Arn"])
            for name, schedule in stack.of("AWS::Scheduler::Schedule")
        },
        **{
            name: name_of(resource["Properties"]["ServiceToken"])
            for name, resource in stack.resources.items()
            if "ServiceToken" in resource.get("Properties", {})
        },
    }
    return [
        f"{caller} calls {called}"
        for caller, called in callers.items()
        if not called.endswith(ALIAS) and called != "${AuthorizeRequest.Arn}:live"
    ]


def each_alias_has_a_version_of_its_own_function(stack: Stack) -> list[str]:
    """And a superseded version goes with the deployment: each holds code, up to the account's 75 GB."""
    problems = []
    for function in stack.functions:
        alias = stack.resources.get(f"{function}{ALIAS}", {"Properties": {}})["Properties"]
        version = name_of(alias.get("FunctionVersion", "")).removesuffix(".Version")
        published = stack.resources.get(version, {})
        if published.get("Properties", {}).get("FunctionName") != {"Ref": function}:
            problems.append(f"{function} has no alias of its own")
        elif published.get("DeletionPolicy") != "Delete":
            problems.append(f"{function} keeps every version it ever had")
    return problems


# -------------------------------------------------------------------------------------- permission


def permissions(stack: Stack) -> dict[str, set[tuple[str, str]]]:
    """By function: (resource, action) for everything it is allowed, apart from writing its log and traces."""
    return {
        name: {
            (name_of(resource), action)
            for statement in _statements(stack, properties)
            for resource in listed(statement["Resource"])
            for action in listed(statement["Action"])
            if not action.startswith(("logs:", "xray:"))
        }
        for name, properties in stack.functions.items()
    }


def every_function_has_a_narrow_role_of_its_own(stack: Stack) -> list[str]:
    problems = []
    roles = [name_of(properties["Role"]) for properties in stack.functions.values()]
    if len(set(roles)) != len(roles):
        problems.append("functions share a role")
    for name, properties in stack.functions.items():
        role = stack.properties(name_of(properties["Role"]).removesuffix(".Arn"))
        if role.get("ManagedPolicyArns"):
            problems.append(f"{name} has a managed policy, which is wider than what it does")
        for statement in _statements(stack, properties):
            problems += _too_wide(name, statement)
        log = name_of(properties["LoggingConfig"]["LogGroup"])
        if not any(
            name_of(statement["Resource"]) == f"{log}.Arn" for statement in _statements(stack, properties)
        ):
            problems.append(f"{name} may not write its own log")
    return problems


def _too_wide(name: str, statement: Json) -> Iterator[str]:
    actions = listed(statement["Action"])
    if any("*" in action for action in actions):
        yield f"{name} is allowed {actions}"
    for resource in listed(statement["Resource"]):
        # X-Ray has no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        if "*" in name_of(resource) and not all(action.startswith("xray:Put") for action in actions):
            yield f"{name} is allowed {actions} on {resource}"


def _statements(stack: Stack, function: Json) -> list[Json]:
    role = stack.properties(name_of(function["Role"]).removesuffix(".Arn"))
    statements = chain.from_iterable(policy["PolicyDocument"]["Statement"] for policy in role["Policies"])
    return [statement for statement in statements if statement["Effect"] == "Allow"]


ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
FOR_OURS_ALONE = {
    "scheduler.amazonaws.com": f"arn:${{AWS::Partition}}:scheduler:{ACCOUNT}:schedule-group/default",
    "codedeploy.amazonaws.com": f"arn:${{AWS::Partition}}:codedeploy:{ACCOUNT}:deploymentgroup:*",
}
"""By service: the `aws:SourceArn` for which it may assume a role of ours."""

WITHOUT_A_SOURCE = {"lambda.amazonaws.com", "apigateway.amazonaws.com"}


def services_act_for_this_account_alone(stack: Stack) -> list[str]:
    """A service that may assume a role must not do so for another account (the confused deputy).

    - EventBridge Scheduler takes both conditions; the ARN is the schedule's group, never one schedule:
      https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    - CodeDeploy takes both; the ARN is a deployment group's. A role can't name groups that are made with it:
      https://docs.aws.amazon.com/codedeploy/latest/userguide/security_confused_deputy.html
    - Lambda takes a role of its own account only, from who may pass it; AWS documents no source for it:
      https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    - API Gateway's log role is a setting of the account itself. AWS documents no source for it, and a
      condition that it does not meet would stop the logs of every API there:
      https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html

    What may call a function names its source in the permission. (Topics and keys: test_alarms.py.)
    """
    problems = []
    for name, role in stack.of("AWS::IAM::Role"):
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            for service in listed(statement["Principal"].get("Service", [])):
                if service in WITHOUT_A_SOURCE:
                    continue
                if service not in FOR_OURS_ALONE:
                    problems.append(f"{name}: say in rules.py which source {service} can be held to")
                elif _source(statement) != (("AWS::AccountId",), (FOR_OURS_ALONE[service],)):
                    problems.append(f"{name} may be assumed by {service} for another account")
    return problems + [
        f"{name} lets {permission['Principal']} call for anybody"
        for name, permission in stack.of("AWS::Lambda::Permission")
        if "SourceArn" not in permission
    ]


def _source(statement: Json) -> tuple[tuple[str, ...], ...]:
    """The accounts and the ARNs of which one must be the source, as far as conditions require it."""
    required = statement.get("Condition", {})
    equals, like = required.get("StringEquals", {}), required.get("ArnLike", {})
    return (
        tuple(name_of(account) for account in listed(equals.get("aws:SourceAccount", []))),
        tuple(name_of(arn) for arn in listed((equals | like).get("aws:SourceArn", []))),
    )


# --------------------------------------------------------------------------------------------- API


class Route:
    def __init__(self, method: str, path: str, operation: Json) -> None:
        self.name = f"{method.upper()} {path}"
        self.method = method
        self.is_protected = operation.get("security") == [{"BearerToken": []}]
        integration = operation.get("x-amazon-apigateway-integration", {})
        uri = integration.get("uri", {}).get("Fn::Sub", "")
        self.calls = uri.partition("/functions/${")[2].partition("}")[0]
        self.function = function_called(self.calls)
        self.is_mock = integration.get("type") == "mock"


def routes(stack: Stack) -> list[Route]:
    """Every route that reaches a function."""
    return [route for route in _all_routes(stack) if route.method != "options"]


def _all_routes(stack: Stack) -> list[Route]:
    paths = stack.api["paths"].items()
    return [
        Route(method, path, operation)
        for path, operations in paths
        for method, operation in operations.items()
    ]


def every_path_answers_preflights_without_a_token(stack: Stack) -> list[str]:
    preflights = {
        route.name.partition(" ")[2]: route for route in _all_routes(stack) if route.method == "options"
    }
    problems = []
    for path in stack.api["paths"]:
        preflight = preflights.get(path)
        if preflight is None or preflight.is_protected or not preflight.is_mock:
            problems.append(f"{path} does not answer a preflight by itself")
    return problems


def the_gateway_refuses_as_we_do(stack: Stack) -> list[str]:
    """RFC 9457 with our stable code, and readable by a browser of another origin."""
    problems = []
    responses = stack.api["x-amazon-apigateway-gateway-responses"]
    for kind in ("UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED", "WAF_FILTERED", "DEFAULT_4XX", "DEFAULT_5XX"):
        response = responses.get(kind, {})
        headers = response.get("responseParameters", {})
        if headers.get("gatewayresponse.header.Content-Type") != "'application/problem+json'":
            problems.append(f"{kind} is not a problem document")
        if "gatewayresponse.header.Access-Control-Allow-Origin" not in headers:
            problems.append(f"{kind} is hidden from browsers")
        if '"code":' not in response.get("responseTemplates", {}).get("application/json", ""):
            problems.append(f"{kind} has no code")
    return problems


STRIPE_PER_SECOND, STRIPE_PER_ENDPOINT = 100, 25
"""https://docs.stripe.com/rate-limits"""

WEBHOOKS = "POST /webhooks/stripe"


def throttles(stack: Stack) -> dict[str, Json]:
    """By route (`* /*` is all others): its settings. Each stands alone: what it lacks is off or unbounded."""
    (stage,) = (stage for _, stage in stack.of("AWS::ApiGateway::Stage"))
    return {
        f"{settings['HttpMethod']} {_as_path(settings['ResourcePath'])}": settings
        for settings in stage.get("MethodSettings", [])
    }


def _as_path(resource_path: str) -> str:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigateway-stage-methodsetting.html"""
    return "/*" if resource_path == "/*" else resource_path.removeprefix("/").replace("~1", "/")


WEBHOOK_SECONDS = 0.05
MOST_FOR_WEBHOOKS = ENOUGH_CONCURRENCY - 50
"""Of the functions that an account should be able to run at a time (ops/account.py)."""


def routes_that_call_stripe(stack: Stack) -> list[str]:
    """Those of the functions that know where Stripe's key is."""
    return [
        route.name
        for route in routes(stack)
        if "STRIPE_API_KEY_SECRET_ARN" in stack.functions[route.function]["Environment"]["Variables"]
    ]


def throttles_spare_stripe_and_let_its_backlog_in(stack: Stack) -> list[str]:
    set_for = throttles(stack)
    known = {route.name for route in routes(stack)} | {"* /*"}
    problems = [f"there is no route {route} to throttle" for route in set_for if route not in known]
    for route, at_most in {
        "* /*": STRIPE_PER_SECOND,
        **dict.fromkeys(routes_that_call_stripe(stack), STRIPE_PER_ENDPOINT),
    }.items():
        rate, burst = _rate_and_burst(set_for.get(route, {}))
        in_one_second = rate if route == "* /*" else rate + burst
        if not rate or in_one_second > at_most:
            problems.append(f"{route} lets through more than Stripe takes")
    rate, burst = _rate_and_burst(set_for.get(WEBHOOKS, {}))
    if rate < STRIPE_PER_SECOND * 5:
        problems.append(f"{WEBHOOKS} keeps out what Stripe has kept back, or shares others' throttle")
    if burst + rate * WEBHOOK_SECONDS > MOST_FOR_WEBHOOKS:
        problems.append(f"{WEBHOOKS} may take all functions of an account, the authorizer's too")
    return problems


def _rate_and_burst(settings: Json) -> tuple[float, float]:
    return settings.get("ThrottlingRateLimit", 0), settings.get("ThrottlingBurstLimit", 0)


def the_stage_keeps_nobodys_path_or_address(stack: Stack) -> list[str]:
    problems = [
        f"{route} logs what is in requests"
        for route, settings in throttles(stack).items()
        if settings.get("DataTraceEnabled") is not False or settings.get("LoggingLevel") != "OFF"
    ]
    problems += [
        f"{name} sends paths and addresses to X-Ray"
        for name, stage in stack.of("AWS::ApiGateway::Stage")
        if stage.get("TracingEnabled") is not False
    ]
    return problems


def environment(properties: Json) -> Json:
    variables: Json = properties["Environment"]["Variables"]
    return variables
