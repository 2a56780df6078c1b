"""Who may do what, in full: a permission is added in tests/functions.py or it is not added."""

import re

from tests.functions import ANYONE, FUNCTIONS, TOKEN
from tests.template.rules import permissions, routes
from tests.template.stack import Stack, expand, name_of, raw


def test_functions_may_do_exactly_this() -> None:
    allowed = permissions(Stack(expand(raw())))
    assert allowed == {
        name: {(resource, action) for resource, actions in function.may.items() for action in actions}
        for name, function in FUNCTIONS.items()
    }


def test_routes_are_exactly_these_and_public_only_on_purpose() -> None:
    declared = {
        (route.function, route.name): TOKEN if route.is_protected else ANYONE
        for route in routes(Stack(expand(raw())))
    }
    assert declared == {
        (name, route): who for name, function in FUNCTIONS.items() for route, who in function.routes.items()
    }


def test_a_route_without_authorizer_is_noticed() -> None:
    template = raw()
    properties = template["Resources"]["ReadMandates"]["Properties"]["Events"]["GetMandate"]["Properties"]
    properties["Auth"] = {"Authorizer": "NONE"}
    unprotected = {route.name for route in routes(Stack(expand(template))) if not route.is_protected}
    on_purpose = {
        route for function in FUNCTIONS.values() for route, who in function.routes.items() if who == ANYONE
    }
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


def test_the_scheduler_may_start_what_it_schedules_and_nothing_else() -> None:
    stack = Stack(expand(raw()))
    schedules = [schedule for _, schedule in stack.of("AWS::Scheduler::Schedule")]
    started = {name_of(schedule["Target"]["Arn"]) for schedule in schedules}
    assert started == {"AuditChargesAliaslive", "ReconcileEventsAliaslive", "QueueDueChargesAliaslive"}
    for schedule in schedules:
        role = stack.properties(name_of(schedule["Target"]["RoleArn"]).removesuffix(".Arn"))
        (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}  # of this account: rules.py
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", ["lambda:InvokeFunction"])
        its_own = name_of(schedule["Target"]["Arn"])
        assert name_of(statement["Resource"]) == its_own  # an alias's Ref is its ARN
        assert not role.get("ManagedPolicyArns")
