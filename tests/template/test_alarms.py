"""Every alarm can go off, reaches somebody, and is one that the runbook knows; and the other way round.

That our own metrics are sent at all: tests/component/test_metrics.py.
"""

import re
from collections.abc import Callable

import pytest

from tests.template.rules import routes
from tests.template.stack import ALIAS, Json, Stack, expand, function_called, raw
from tests.unit import runbook

GROUPS = {"ApiFunctions", "BackgroundFunctions"}
ABSENCE_IS_BAD = {"ReconciliationStopped"}
RUNS = {
    "dlq redrive",
    "events list --quarantined",
    "events replay",
    "events show",
    "explain",
    "reconcile --since",
    "rotate-webhook-secret",
}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(expand(raw(), ShiftTraffic="true"))


def alarms(stack: Stack) -> dict[str, Json]:
    return dict(stack.of("AWS::CloudWatch::Alarm"))


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
    groups = {"ApiFunctions": behind_api(stack), "BackgroundFunctions": in_background(stack)}
    problems = []
    for group, functions in groups.items():
        for kind in ("Throttled", "Slow"):
            named = functions_in(alarms(stack)[group + kind])
            problems += [
                f"{function} is not in {group}{kind}" for function in functions - set(named.values())
            ]
            problems += [
                f"{group}{kind} does not calculate with {name}"
                for name in named
                if not re.search(rf"\b{name}\b", expression(alarms(stack)[group + kind]))
            ]
    counted = set(functions_in(alarms(stack)["FunctionErrors"]).values())
    problems += [f"{function} is not in FunctionErrors" for function in in_background(stack) - counted]
    return problems


def measured_by_another_time_out(stack: Stack) -> list[str]:
    problems = []
    for group in GROUPS:
        alarm = alarms(stack)[f"{group}Slow"]
        divided = dict(re.findall(r"(\w+)/(\d+)", expression(alarm)))
        for name, function in functions_in(alarm).items():
            milliseconds = stack.properties(function)["Timeout"] * 1000
            if divided.get(name) != str(milliseconds):
                problems.append(
                    f"{function} ends after {milliseconds} ms, {group}Slow divides by {divided.get(name)}"
                )
    return problems


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
        if not {"ApiServerErrors", "FunctionErrors"} <= {alarm["Name"]["Ref"] for alarm in watching}:
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
    measured_by_another_time_out,
    shift_without_a_way_back,
    open_topics,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_there_are_none(check: Callable[[Stack], list[str]], stack: Stack) -> None:
    assert check(stack) == []


def metric(stack: Stack, alarm: str, number: int) -> Json:
    found: Json = alarms(stack)[alarm]["Metrics"][number]
    return found


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
        "ReconcileEvents is not in FunctionErrors",
    ),
    (
        unwatched,
        lambda s: alarms(s)["ApiFunctionsThrottled"]["Metrics"].pop(),
        "is not in ApiFunctionsThrottled",
    ),
    (
        unwatched,
        lambda s: metric(s, "ApiFunctionsSlow", 0).update(Expression="MAX([readTerms/15000])"),
        "does not calculate with createCustomer",
    ),
    (
        measured_by_another_time_out,
        lambda s: s.properties("ReadTerms").update(Timeout=20),
        "ReadTerms ends after 20000 ms",
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


def test_alarms_are_made_wherever_something_evaluates_them(stack: Stack) -> None:
    assert {stack.resources[name]["Condition"] for name in alarms(stack)} == {"IsProtected"}


def test_the_runbook_says_what_it_means_what_to_look_at_and_what_to_run() -> None:
    for name, text in runbook.entries().items():
        for part in ("**Means:**", "**Look at:**", "**Run"):
            assert part in text, (name, part)
    everything = " ".join(runbook.entries().values())
    assert [command for command in RUNS if command not in everything] == []
