"""The API's definition, as SAM makes it and API Gateway imports it."""

import json

import botocore.session
import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from tests.template.stack import Json, Stack, expand, raw

SAM_LEAVES_OUT = ("has less than 1 property", "is not allowed for {}", "was not resolved")
"""What SAM writes for every API, and API Gateway imports: operations without responses, and without a
declaration of the path's parameters. The words are those of jsonschema_rs, which the validator uses if it is
installed. They are warnings at most, and warnings stop no import by default:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api-errors-warnings.html"""


def problems(template: Json) -> list[str]:
    """What an OpenAPI validator says of the definition, in which CloudFormation's functions are texts."""
    body = json.loads(json.dumps(Stack(expand(template)).api), object_hook=_as_text)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in OpenAPIV2SpecValidator(body).iter_errors()
    ]


def _as_text(value: Json) -> object:
    return "filled in" if value.keys() in ({"Ref"}, {"Fn::Sub"}) else value


def left_out(problem: str) -> bool:
    return any(known in problem for known in SAM_LEAVES_OUT)


def test_it_is_valid_but_for_what_sam_leaves_out_of_every_definition() -> None:
    found = problems(raw())
    assert [problem for problem in found if not left_out(problem)] == []
    for known in SAM_LEAVES_OUT:
        assert any(known in problem for problem in found), f"{known} no longer happens: allow it no longer"


def test_a_warning_does_not_stop_the_import() -> None:
    assert "FailOnWarnings" not in Stack(expand(raw())).properties("Api")


def test_openapi_3_would_nest_a_schema_in_each_schema_of_a_preflight() -> None:
    """With Auth and Cors, SAM runs `_openapi_postprocess` twice: samtranslator/model/api/api_generator.py."""
    template = raw()
    template["Resources"]["Api"]["Properties"]["OpenApiVersion"] = "3.0.1"
    headers = Stack(expand(template)).api["paths"]["/terms/current"]["options"]["responses"]["200"]["headers"]
    assert headers["Access-Control-Allow-Origin"] == {"schema": {"schema": {"type": "string"}}}


def test_an_invalid_definition_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(expand(raw()))
    headers = stack.api["paths"]["/terms/current"]["options"]["responses"]["200"]["headers"]
    headers["Access-Control-Allow-Origin"] = {"schema": {"type": "string"}}
    monkeypatch.setattr("tests.template.test_api_definition.expand", lambda _: stack.template)
    assert any("Access-Control-Allow-Origin" in problem for problem in problems(raw()))


# ------------------------------------------------------------------------------------------- addresses


def test_the_api_and_its_own_domain_take_tls_1_2_at_least() -> None:
    """An enhanced policy needs an endpoint access mode:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html"""
    model = botocore.session.get_session().get_service_model("apigateway")
    known = model.shape_for("SecurityPolicy").metadata["enum"]
    stack = Stack(expand(raw()))
    for resource in ("Api", "ApiDomain"):
        properties = stack.properties(resource)
        assert properties["SecurityPolicy"] in known
        assert properties["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2_")
        assert properties["EndpointAccessMode"] == "STRICT"


def test_the_domain_leads_to_the_stage_and_stripe_is_told_its_address() -> None:
    stack = Stack(expand(raw()))
    mapping = stack.properties("ApiDomainMapping")
    (stage,) = (stage for _, stage in stack.of("AWS::ApiGateway::Stage"))
    assert mapping["Stage"] == stage["StageName"]
    url = stack.template["Outputs"]["ApiUrl"]["Value"]["Fn::If"]
    endpoint = stack.properties("StripeWebhookEndpoint")["Url"]["Fn::If"]
    assert url[0] == endpoint[0] == "HasDomain"
    assert endpoint[1]["Fn::Sub"] == url[1]["Fn::Sub"] + "/webhooks/stripe"


def test_layers_are_named_by_stack() -> None:
    """A layer's name is one per account and region, and its versions are numbered under it:
    https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html"""
    layers = dict(Stack(expand(raw())).of("AWS::Lambda::LayerVersion"))
    assert all("${AWS::StackName}" in layer["LayerName"]["Fn::Sub"] for layer in layers.values())


def test_every_role_takes_the_permissions_boundary() -> None:
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
    roles = dict(Stack(expand(raw())).of("AWS::IAM::Role"))
    assert [name for name, role in roles.items() if role.get("PermissionsBoundary") != boundary] == []


def test_eventbridge_may_make_a_log_stream_without_naming_its_rule() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions"""
    (policy,) = (policy for _, policy in Stack(expand(raw())).of("AWS::Logs::ResourcePolicy"))
    statements = json.loads(policy["PolicyDocument"]["Fn::Sub"])["Statement"]
    conditions = {statement["Action"]: statement.get("Condition") for statement in statements}
    assert conditions["logs:CreateLogStream"] is None
    assert conditions["logs:PutLogEvents"] == {"ArnEquals": {"aws:SourceArn": "${LogOutwardEventsRule.Arn}"}}


def test_no_log_level_drops_the_metrics() -> None:
    """Lambda drops lines below the level: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"""
    assert raw()["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO"]
