"""Every alarm can go off, reaches somebody, and is one that the runbook knows; and the other way round.

That our own metrics are sent at all: tests/component/test_metrics.py.
"""

import json
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import chain
from math import prod

import pytest

from mandates.api.problems import STATUSES
from mandates.core import errors
from mandates.webhooks.reconciling import ON_THEIR_WAY_SECONDS
from tests.functions import folder_of
from tests.template.rules import routes
from tests.template.stack import ALIAS, Json, Stack, expand, function_called, name_of, raw
from tests.unit import runbook
from tests.unit.source_guards import FUNCTIONS

ABSENCE_IS_BAD = {"AuditLag", "DueChargesNotQueued", "ReconciliationStopped"}
RUNS = {
    "dlq redrive",
    "events list --quarantined",
    "events replay",
    "events show",
    "explain",
    "reconcile --since",
    "rotate-webhook-secret",
    "charges audit --since",
    "charges due",
    "charges show chg_…",
    "unpublished list --charges",
    "unpublished publish",
    "withdrawals dismiss",
    "withdrawals list",
    "withdrawals retry",
}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(expand(raw(), ShiftTraffic="true"))


def alarms(stack: Stack) -> dict[str, Json]:
    return dict(stack.of("AWS::CloudWatch::Alarm"))


def metrics_in(alarm: Json) -> list[Json]:
    """The metrics an alarm watches, calculated with or not: namespace, name and dimensions."""
    if "Metrics" not in alarm:
        return [{key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def functions_in(alarm: Json) -> dict[str, str]:
    """By metric id, in a calculated alarm: the function."""
    return {
        metric["Id"]: metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"]
        for metric in alarm["Metrics"]
        if "MetricStat" in metric
    }


def expression(alarm: Json) -> str:
    (calculated,) = (metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric)
    return str(calculated)


def behind_api(stack: Stack) -> set[str]:
    """What somebody waits for: the functions of the routes, and the authorizer."""
    return {route.function for route in routes(stack)} | {"AuthorizeRequest"}


def in_deployments(stack: Stack) -> set[str]:
    """What CloudFormation runs while it deploys: an error there is the deployment's."""
    return {
        function_called(resource["Properties"]["ServiceToken"])
        for resource in stack.resources.values()
        if "ServiceToken" in resource.get("Properties", {})
    }


def in_background(stack: Stack) -> set[str]:
    return stack.functions.keys() - behind_api(stack) - in_deployments(stack)


# ------------------------------------------------------------------------------------- the problems


def unknown_to_the_runbook(stack: Stack) -> list[str]:
    known = runbook.entries().keys()
    problems = [f"{name} has no entry in docs/runbook.md" for name in alarms(stack).keys() - known]
    problems += [f"docs/runbook.md has {name}, which is no alarm" for name in known - alarms(stack).keys()]
    problems += [
        f"{name} does not lead to its entry"
        for name, alarm in alarms(stack).items()
        if not alarm.get("AlarmDescription", "").endswith(f"See docs/runbook.md#{name.lower()}")
    ]
    return problems


def reach_nobody(stack: Stack) -> list[str]:
    to_the_topic = [{"Ref": "AlarmTopic"}]
    return [
        f"{name} reaches nobody"
        for name, alarm in alarms(stack).items()
        if alarm.get("AlarmActions") != to_the_topic or alarm.get("OKActions") != to_the_topic
    ]


def undecided_without_data(stack: Stack) -> list[str]:
    return [
        f"{name} does not take missing data for what it is"
        for name, alarm in alarms(stack).items()
        if alarm.get("TreatMissingData") != ("breaching" if name in ABSENCE_IS_BAD else "notBreaching")
    ]


def unwatched(stack: Stack) -> list[str]:
    """A function that no alarm on errors, throttles or duration counts."""
    problems = [
        f"{function} is not in {alarm}: add its metric there, and its id to the expression"
        for alarm in ("FunctionErrors", "BackgroundFunctionsThrottled")
        for function in in_background(stack) - set(functions_in(alarms(stack)[alarm]).values())
    ]
    problems += [
        f"{name} does not calculate with {metric['Id']}"
        for name, alarm in alarms(stack).items()
        for metric in alarm.get("Metrics", [])
        if "MetricStat" in metric and not re.search(rf"\b{metric['Id']}\b", expression(alarm))
    ]
    return problems


def untimed(stack: Stack) -> list[str]:
    """A function that FunctionsSlow does not hear of."""
    return [
        f"{function} does not say when it almost timed out: decorate its handler with instrumented or api"
        for function in stack.functions
        if not re.search(r"^@(instrumented$|api\()", source_of(function), re.MULTILINE)
    ]


def source_of(function: str) -> str:
    return (FUNCTIONS / folder_of(function) / "app.py").read_text(encoding="utf-8")


METRICS_IN_AN_ALARM = 10
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""


def at_their_limit(stack: Stack) -> list[str]:
    """There is always room for one function more, and one for whatever requests wait for needs none."""
    problems = [
        f"{name} has no room for another metric: count it in a metric of our own, as FunctionsSlow does, "
        "or make an alarm for each part"
        for name, alarm in alarms(stack).items()
        if len(metrics_in(alarm)) >= METRICS_IN_AN_ALARM
    ]
    return problems + [
        f"{name} counts {function} by itself: watch the stage, the account or a metric of our own instead"
        for name, alarm in alarms(stack).items()
        for metric in metrics_in(alarm)
        for function in (dimensions(metric).get("FunctionName", {}).get("Ref"),)
        if function in behind_api(stack)
    ]


def dimensions(metric: Json) -> Json:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}


def rolled_back_by_stripe(stack: Stack) -> list[str]:
    """An alarm that takes a deployment back, on something that an outage at Stripe does not leave alone.

    Our answer to one is a 503, and waiting for it takes most of a function's time.
    """
    return [
        f"{alarm} takes deployments back for an outage at Stripe: {metric['MetricName']} counts those too"
        for alarm in take_back(stack)
        for metric in metrics_in(alarms(stack)[alarm])
        if (metric["Namespace"], metric["MetricName"]) not in NOT_FROM_STRIPE
    ]


NOT_FROM_STRIPE = {
    ("AWS/Lambda", "Errors"),  # of the functions behind the queues: crashes and time-outs
    ("AmazonPayMandates", "ServerFaults"),
    ("AmazonPayMandates", "UnavailableHere"),
}


def take_back(stack: Stack) -> set[str]:
    """The alarms of all deployments that shift traffic."""
    groups = [group for _, group in stack.of("AWS::CodeDeploy::DeploymentGroup")]
    return {
        alarm["Name"]["Ref"]
        for group in groups
        for alarm in group["AlarmConfiguration"]["Fn::If"][1]["Alarms"]
    }


FAULTS = {500, 501, 502, 504, 599}


def miscounted_faults(stack: Stack) -> list[str]:
    """Every 5xx but 503 is counted from the access log, under the dimension of all our metrics."""
    properties = stack.properties("CountApiFaults")
    (counted,) = properties["MetricTransformations"]
    problems = [
        f"{status} is {'not ' * (status in FAULTS)}counted"
        for status in {200, 302, 400, 404, 429, 503} | FAULTS
        if matches(properties["FilterPattern"], access_log_line(stack, status)) is not (status in FAULTS)
    ]
    line = access_log_line(stack, 500)
    said = {one["Key"]: line.get(one["Value"].removeprefix("$.")) for one in counted["Dimensions"]}
    if said != {"service": "${AWS::StackName}"}:
        problems.append(f"it is counted under {said}, where no alarm looks")
    (stage,) = (stage for _, stage in stack.of("AWS::ApiGateway::Stage"))
    if properties["LogGroupName"] != {"Ref": logged_to(stage)}:
        problems.append("it reads another log than the API's")
    return problems


def logged_to(stage: Json) -> str:
    return name_of(stage["AccessLogSetting"]["DestinationArn"]).removesuffix(".Arn")


def access_log_line(stack: Stack, status: int) -> Mapping[str, str]:
    """As API Gateway writes it: what has no value is a dash."""
    (stage,) = (stage for _, stage in stack.of("AWS::ApiGateway::Stage"))
    text = name_of(stage["AccessLogSetting"]["Format"])
    written = re.sub(r"\$context[.\w]*", "-", text.replace("$context.status", str(status)))
    line: Mapping[str, str] = json.loads(written)
    return line


def matches(pattern: str, line: Mapping[str, str]) -> bool:
    """A metric filter's pattern of comparisons with strings, `*` being anything, all of which must hold.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    parts = [re.fullmatch(r'\(\$\.(\w+) (=|!=) "([^"]*)"\)', part) for part in pattern[2:-2].split(" && ")]
    assert all(parts), f"not a pattern that is understood here: {pattern}"
    return all(
        (part[1] in line) and fnmatchcase(line[part[1]], part[3]) is (part[2] == "=")
        for part in parts
        if part
    )


def shift_without_a_way_back(stack: Stack) -> list[str]:
    """Where traffic shifts, every alias does, and alarms that a bad version sets off take it back.

    Not so what a deployment itself calls, which would wait for its own end.
    """
    problems = [
        f"{function} is called by a deployment and would wait for its end"
        for function in in_deployments(stack)
        if "UpdatePolicy" in stack.resources[f"{function}{ALIAS}"]
    ]
    for function in stack.functions.keys() - in_deployments(stack):
        policy = stack.resources[f"{function}{ALIAS}"].get("UpdatePolicy", {})
        group = policy.get("CodeDeployLambdaAliasUpdate", {}).get("DeploymentGroupName", {}).get("Ref", "")
        if group not in stack.resources:
            problems.append(f"{function} changes all at once")
            continue
        properties = stack.properties(group)
        watching = properties["AlarmConfiguration"]["Fn::If"][1]["Alarms"]
        if not {"ApiFaults", "FunctionErrors"} <= {alarm["Name"]["Ref"] for alarm in watching}:
            problems.append(f"{function} is not taken back when it fails")
        if len(watching) > 10:  # https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
            problems.append(f"{function} has more alarms than CodeDeploy takes")
        if "DEPLOYMENT_STOP_ON_ALARM" not in properties["AutoRollbackConfiguration"]["Events"]:
            problems.append(f"{function} stays as it is when an alarm goes off")
        if properties["ServiceRoleArn"] != {"Fn::GetAtt": ["ShiftTrafficRole", "Arn"]}:
            problems.append(f"{function} is shifted by a role that may shift any function")
    return problems


def open_topics(stack: Stack) -> list[str]:
    problems = []
    for name, topic in stack.of("AWS::SNS::Topic"):
        if not topic.get("KmsMasterKeyId"):
            problems.append(f"{name} is not encrypted")
        statements = [
            statement
            for _, policy in stack.of("AWS::SNS::TopicPolicy")
            if {"Ref": name} in policy["Topics"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        if not any(
            said["Effect"] == "Deny" and said["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for said in statements
        ):
            problems.append(f"{name} accepts plain HTTP")
    for name in ("AlarmTopicPolicy", "AlarmKey"):
        properties = stack.properties(name)
        document = properties.get("PolicyDocument") or properties["KeyPolicy"]
        for said in document["Statement"]:
            of_this_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            if "Service" in said["Principal"] and said.get("Condition") != of_this_account:
                problems.append(f"{name} is open to the alarms of other accounts")
    return problems


CHECKS: list[Callable[[Stack], list[str]]] = [
    unknown_to_the_runbook,
    reach_nobody,
    undecided_without_data,
    unwatched,
    untimed,
    at_their_limit,
    rolled_back_by_stripe,
    miscounted_faults,
    shift_without_a_way_back,
    open_topics,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_there_are_none(check: Callable[[Stack], list[str]], stack: Stack) -> None:
    assert check(stack) == []


def metric(stack: Stack, alarm: str, number: int) -> Json:
    found: Json = alarms(stack)[alarm]["Metrics"][number]
    return found


def faults(stack: Stack) -> Json:
    return stack.properties("CountApiFaults")


def group(stack: Stack) -> Json:
    return stack.properties("ReadTermsDeploymentGroup")


SPOILT: list[tuple[Callable[[Stack], list[str]], Callable[[Stack], object], str]] = [
    (
        unknown_to_the_runbook,
        lambda s: s.resources.pop("WebhooksDelayed"),
        "WebhooksDelayed, which is no alarm",
    ),
    (
        unknown_to_the_runbook,
        lambda s: s.resources.update(New=s.resources["WebhooksDelayed"]),
        "New has no entry",
    ),
    (
        unknown_to_the_runbook,
        lambda s: s.properties("WebhooksDelayed").update(AlarmDescription="See docs/runbook.md"),
        "WebhooksDelayed does not lead",
    ),
    (reach_nobody, lambda s: s.properties("WebhooksDelayed").pop("AlarmActions"), "WebhooksDelayed reaches"),
    (
        undecided_without_data,
        lambda s: s.properties("ReconciliationStopped").update(TreatMissingData="notBreaching"),
        "ReconciliationStopped",
    ),
    (
        undecided_without_data,
        lambda s: s.properties("EventsSetAside").pop("TreatMissingData"),
        "EventsSetAside",
    ),
    (
        unwatched,
        lambda s: alarms(s)["FunctionErrors"]["Metrics"].pop(),
        "AuditCharges is not in FunctionErrors",
    ),
    (
        unwatched,
        lambda s: s.resources.update(SendNotices=s.resources["PublishChanges"]),
        "SendNotices is not in BackgroundFunctionsThrottled: add its metric",
    ),
    (
        unwatched,
        lambda s: metric(s, "BackgroundFunctionsThrottled", 0).update(Expression="SUM([publishChanges])"),
        "does not calculate with processWebhook",
    ),
    (
        at_their_limit,
        lambda s: alarms(s)["FunctionErrors"]["Metrics"].extend(
            alarms(s)["FunctionErrors"]["Metrics"][1:] * 2
        ),
        "FunctionErrors has no room",
    ),
    (
        at_their_limit,
        lambda s: metric(s, "BackgroundFunctionsThrottled", 1)["MetricStat"]["Metric"].update(
            Dimensions=[{"Name": "FunctionName", "Value": {"Ref": "ReadTerms"}}]
        ),
        "counts ReadTerms by itself",
    ),
    *(
        (
            rolled_back_by_stripe,
            lambda s, alarm=alarm: group(s)["AlarmConfiguration"]["Fn::If"][1]["Alarms"].append(
                {"Name": {"Ref": alarm}}
            ),
            f"{alarm} takes deployments back",
        )
        for alarm in ("ApiServerErrors", "FunctionsSlow", "WithdrawalsUnreleased")
    ),
    *(
        (miscounted_faults, lambda s, pattern=pattern: faults(s).update(FilterPattern=pattern), found)
        for pattern, found in {
            '{ ($.status = "5*") }': "503 is counted",
            '{ ($.status = "500") }': "502 is not counted",
            '{ ($.stat = "5*") }': "500 is not counted",
        }.items()
    ),
    (
        miscounted_faults,
        lambda s: faults(s)["MetricTransformations"][0].update(
            Dimensions=[{"Key": "service", "Value": "$.api"}]
        ),
        "where no alarm looks",
    ),
    (
        miscounted_faults,
        lambda s: faults(s).update(LogGroupName={"Ref": "ReadTermsLogs"}),
        "another log",
    ),
    (
        shift_without_a_way_back,
        lambda s: s.resources["ReadTermsAliaslive"].pop("UpdatePolicy"),
        "ReadTerms changes all at once",
    ),
    (
        shift_without_a_way_back,
        lambda s: s.resources["RegisterWebhookAliaslive"].update(UpdatePolicy={}),
        "RegisterWebhook is called by a deployment",
    ),
    (
        shift_without_a_way_back,
        lambda s: group(s)["AlarmConfiguration"]["Fn::If"][1]["Alarms"].pop(0),
        "not taken back",
    ),
    (
        shift_without_a_way_back,
        lambda s: group(s)["AutoRollbackConfiguration"]["Events"].remove("DEPLOYMENT_STOP_ON_ALARM"),
        "stays as it is",
    ),
    (
        shift_without_a_way_back,
        lambda s: group(s).update(ServiceRoleArn={"Fn::GetAtt": ["CodeDeployServiceRole", "Arn"]}),
        "any function",
    ),
    (open_topics, lambda s: s.properties("AlarmTopic").pop("KmsMasterKeyId"), "not encrypted"),
    (
        open_topics,
        lambda s: s.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"].pop(),
        "plain HTTP",
    ),
    (
        open_topics,
        lambda s: s.properties("AlarmKey")["KeyPolicy"]["Statement"][1].pop("Condition"),
        "AlarmKey is open",
    ),
]


@pytest.mark.parametrize(("check", "spoil", "found"), SPOILT, ids=[found for _, _, found in SPOILT])
def test_what_was_spoilt_is_found(
    check: Callable[[Stack], list[str]], spoil: Callable[[Stack], object], found: str, stack: Stack
) -> None:
    spoilt = stack.copy()
    spoil(spoilt)
    assert any(found in problem for problem in check(spoilt))


def test_an_endpoint_without_events_is_noticed_where_there_are_few(stack: Stack) -> None:
    """One set-up an hour, of which a third are ten minutes old at the next run: rarely two runs in a row."""
    missing = alarms(stack)["EventsMissing"]
    assert missing["DatapointsToAlarm"] == 2
    assert 4 * 3600 <= missing["Period"] * missing["EvaluationPeriods"] <= 86_400  # CloudWatch's limit


def test_elsewhere_nothing_shifts_and_codedeploy_is_not_there() -> None:
    kinds = {resource["Type"] for resource in Stack(expand(raw())).resources.values()}
    assert not {kind for kind in kinds if kind.startswith("AWS::CodeDeploy")}


UNDER = {"ReconciliationStopped": "WatchesReconciliation", "AuditLag": "WatchesAudit"}
"""Those that would be on for ever where a parameter stops what they wait for."""
SCHEDULES = {
    "ReconciliationStopped": ("ReconcileSchedule", "ReconcileEventsEveryQuarterHour"),
    "AuditLag": ("AuditSchedule", "AuditChargesEveryHour"),
}


def made_elsewhere(stack: Stack) -> list[str]:
    conditions = stack.template["Conditions"]
    problems = [
        f"{name} is made under another condition than {UNDER.get(name, 'IsProtected')}"
        for name in alarms(stack)
        if stack.resources[name].get("Condition") != UNDER.get(name, "IsProtected")
    ]
    for name, (parameter, schedule) in SCHEDULES.items():
        enabled = {"Fn::Equals": [{"Ref": parameter}, "ENABLED"]}
        if conditions[UNDER[name]] != {"Fn::And": [{"Condition": "IsProtected"}, enabled]}:
            problems.append(f"{name} does not follow {parameter}")
        if stack.properties(schedule)["State"] != {"Ref": parameter}:
            problems.append(f"the schedule does not follow {parameter}")
    return problems


def test_alarms_are_made_wherever_something_evaluates_them_and_what_they_wait_for_runs(stack: Stack) -> None:
    assert made_elsewhere(stack) == []


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (
            lambda s: s.resources["ReconciliationStopped"].update(Condition="IsProtected"),
            "ReconciliationStopped is made",
        ),
        (lambda s: s.resources["EventsLost"].pop("Condition"), "EventsLost is made"),
        (
            lambda s: s.template["Conditions"].update(WatchesReconciliation={"Condition": "IsProtected"}),
            "ReconciliationStopped does not follow",
        ),
        (
            lambda s: s.properties("ReconcileEventsEveryQuarterHour").update(State="ENABLED"),
            "the schedule does not follow",
        ),
    ],
)
def test_an_alarm_made_elsewhere_is_found(spoil: Callable[[Stack], object], found: str, stack: Stack) -> None:
    spoilt = stack.copy()
    spoil(spoilt)
    assert any(found in problem for problem in made_elsewhere(spoilt))


@pytest.mark.parametrize("error", STATUSES, ids=lambda error: error.code)
def test_a_deployment_is_taken_back_for_what_is_ours_and_not_for_what_is_stripes(
    error: type[errors.MandatesError], stack: Stack
) -> None:
    """Which 503 is counted as UnavailableHere: tests/component/test_metrics.py."""
    status = STATUSES[error]
    line = access_log_line(stack, status)
    counted = matches(faults(stack)["FilterPattern"], line) or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and error is not errors.StripeUnavailable
    )
    assert counted is (status >= 500 and error is not errors.StripeUnavailable)


def test_whatever_is_answered_with_a_5xx_reaches_an_operator(stack: Stack) -> None:
    (watched,) = metrics_in(alarms(stack)["ApiServerErrors"])
    assert (watched["Namespace"], watched["MetricName"]) == ("AWS/ApiGateway", "5XXError")
    named = chain.from_iterable(metrics_in(alarms(stack)[alarm]) for alarm in take_back(stack))
    assert {"ServerFaults", "UnavailableHere"} <= {metric["MetricName"] for metric in named}


def test_throttles_are_counted_for_all_functions_and_only_when_requests_fail(stack: Stack) -> None:
    """`FunctionName` left out, Lambda's metric is the account's: it needs no list of functions."""
    alarm = alarms(stack)["ApiFunctionsThrottled"]
    throttles, failed = metrics_in(alarm)
    assert (throttles["MetricName"], dimensions(throttles)) == ("Throttles", {})
    assert failed == metrics_in(alarms(stack)["ApiServerErrors"])[0]
    assert expression(alarm) == "throttles * errors"


# ----------------------------------------------------------------------- by the values of its metrics


def goes_off(alarm: Json, values: Mapping[str, float]) -> bool:
    """Whether an alarm does on one metric or a product of several, each of which has its value throughout.

    A metric that is left out has no data; metric math then has none either:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    named = {
        one["Id"]: one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one
    }
    factors = [named[one] for one in expression(alarm).split(" * ")] if named else metrics_in(alarm)
    names = [metric["MetricName"] for metric in factors]
    if not set(names) <= values.keys():
        return bool(alarm["TreatMissingData"] == "breaching")
    return bool(prod(values[name] for name in names) >= alarm["Threshold"])


@pytest.mark.parametrize(
    ("refused", "missing", "expected"),
    [
        (1, 1, True),
        (300, 12, True),
        (5, 0, False),
        (100_000, 0, False),
        (0, 12, False),
        (None, 12, False),  # none was refused: EventsMissing's
        (100_000, None, False),  # no run has looked
        (None, None, False),
    ],
)
def test_a_secret_is_missing_when_webhooks_are_refused_and_events_are_missing(
    stack: Stack, refused: int | None, missing: int | None, expected: bool
) -> None:
    told = {"SignatureFailures": refused, "EventGap": missing}
    values = {name: value for name, value in told.items() if value is not None}
    assert goes_off(alarms(stack)["WebhookSecretMissing"], values) is expected


def test_refusals_and_what_is_missing_for_them_are_seen_together(stack: Stack) -> None:
    """A run comes every quarter of an hour, and what is missing counts once it is ten minutes old."""
    periods = {one["MetricStat"]["Period"] for one in alarms(stack)["WebhookSecretMissing"]["Metrics"][1:]}
    (period,) = periods
    assert period >= 900 + ON_THEIR_WAY_SECONDS + 900  # and a run that fails


def calculated(alarm: Json, values: Mapping[str, float | None]) -> float:
    """An alarm's expression for one period, with FILL for metrics that have no data (None) in it."""
    text = expression(alarm).replace(" AND ", " and ")
    functions = {
        "IF": lambda condition, one, other: one if condition else other,
        "FILL": lambda value, filling: filling if value is None else value,
    }
    return float(eval(text, {"__builtins__": {}}, {**functions, **values}))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((None, None, None, None, None, None), False),  # a quiet half hour
        ((5, 3, None, None, None, None), False),
        ((1, None, None, None, None, None), True),  # nobody read it
        ((1, 0, None, None, None, None), True),
        ((None, 3, None, None, None, None), False),  # events of Stripe's made entries
        ((5, 3, 1, 1, None, None), False),
        ((5, 3, 1, None, None, None), True),  # the bus was told, Stripe was not
        ((5, 3, None, 2, None, None), False),
        ((1, None, 1, None, None, None), True),
        ((None, None, None, None, 2, 9), False),
        ((None, None, None, None, 2, None), True),  # nobody reads the charges' stream
        ((None, None, None, None, None, 9), False),  # steps of older charges made entries
        ((1, 1, None, None, 0, None), False),
    ],
)
def test_a_reader_of_a_stream_that_does_not_run_is_noticed(
    stack: Stack,
    told: tuple[float | None, ...],
    expected: bool,
) -> None:
    """It has no IteratorAge then: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    alarm = alarms(stack)["StreamNotRead"]
    names = ("consents", "published", "withdrawn", "queued", "charged", "told")
    values = dict(zip(names, told, strict=True))
    assert (calculated(alarm, values) >= alarm["Threshold"]) is expected


def test_it_watches_every_reader_of_a_stream(stack: Stack) -> None:
    watched = {
        dimensions(metric)["FunctionName"]["Ref"]
        for metric in metrics_in(alarms(stack)["StreamNotRead"])
        if metric["Namespace"] == "AWS/Lambda"
    }
    readers = {
        function_called(mapping["FunctionName"])
        for _, mapping in stack.of("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping
    }
    assert watched == readers


FORGED_ALONE = {
    "SignatureFailures": 100_000,
    "EventsRefused": 100_000,
    "TokensRefused": 100_000,
    "EventGap": 0,
}
"""What anybody can count up without being let in, where Stripe's own events arrive."""


def set_off_by_strangers(stack: Stack) -> list[str]:
    return [
        name
        for name, alarm in alarms(stack).items()
        if {metric["MetricName"] for metric in metrics_in(alarm)} & FORGED_ALONE.keys() - {"EventGap"}
        and goes_off(alarm, FORGED_ALONE)
    ]


def unseen_queues(stack: Stack) -> list[str]:
    """A queue whose messages nobody would miss if its consumer did not run: then nothing else is measured."""
    seen = {
        name_of(dimensions(metric)["QueueName"]).removesuffix(".QueueName")
        for alarm in alarms(stack).values()
        for metric in metrics_in(alarm)
        if metric["MetricName"] == "ApproximateAgeOfOldestMessage"
    }
    consumed = {
        name_of(mapping["EventSourceArn"]).removesuffix(".Arn")
        for _, mapping in stack.of("AWS::Lambda::EventSourceMapping")
    }
    return sorted(consumed & {name for name, _ in stack.of("AWS::SQS::Queue")} - seen)


def test_a_queue_that_nobody_reads_is_noticed(stack: Stack) -> None:
    assert unseen_queues(stack) == []
    spoilt = stack.copy()
    spoilt.resources.pop("StripeWorkDelayed")
    assert unseen_queues(spoilt) == ["StripeWorkQueue"]


def test_a_schedule_that_queues_no_charge_is_noticed(stack: Stack) -> None:
    """Every run reports how many it queued, even none."""
    alarm = alarms(stack)["DueChargesNotQueued"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("ChargesQueued", "SampleCount")
    assert stack.properties("QueueDueChargesEveryMinute")["ScheduleExpression"] == "rate(1 minute)"
    assert 300 <= alarm["Period"] * alarm["EvaluationPeriods"] <= 1800


def test_what_is_forged_sets_off_no_alarm_by_itself(stack: Stack) -> None:
    assert set_off_by_strangers(stack) == []


def test_an_alarm_that_strangers_can_set_off_is_found(stack: Stack) -> None:
    for metric in FORGED_ALONE.keys() - {"EventGap"}:
        spoilt = stack.copy()
        spoilt.properties("RecordAltered").update(MetricName=metric, Threshold=5)
        assert set_off_by_strangers(spoilt) == ["RecordAltered"]
    spoilt = stack.copy()
    metric_math = alarms(spoilt)["WebhookSecretMissing"]["Metrics"]
    metric_math[0].update(Expression="refused")
    assert set_off_by_strangers(spoilt) == ["WebhookSecretMissing"]


def test_the_runbook_says_what_it_means_what_to_look_at_and_what_to_run() -> None:
    for name, text in runbook.entries().items():
        for part in ("**Means:**", "**Look at:**", "**Run"):
            assert part in text, (name, part)
    everything = " ".join(runbook.entries().values())
    assert [command for command in RUNS if command not in everything] == []
