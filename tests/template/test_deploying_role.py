"""The role that deploys may do what CloudFormation needs for every type in the template, and reads no data.

CloudFormation's own resource schemas say which permissions a type's handlers need; cfn-lint ships them:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
"""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped]
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.settings import REGION, ROOT
from tests.template.stack import Json, Stack, expand, listed, raw

FILE = ROOT / "ops" / "deploying-role.yaml"
SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"

UNUSED = {
    # by type ("*" is any): permissions that its handlers need only for what this template does not use
    "AWS::ApiGateway::RestApi": {
        "iam:PassRole",
        "s3:GetObject",
    },  # its definition is inline, without credentials
    "AWS::CodeDeploy::DeploymentGroup": {"codedeploy:RegisterOnPremisesInstance"},
    "AWS::DynamoDB::Table": {
        "dynamodb:*Item",  # warm-up, import and replicas
        "dynamodb:*TableReplica",
        "dynamodb:*KinesisStreamingDestination",
        "dynamodb:*Import*",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateContributorInsights",
        "dynamodb:*ResourcePolicy",
        "iam:CreateServiceLinkedRole",
        "kinesis:*",
        "kms:*",  # encrypted with DynamoDB's own key
        "logs:*",
        "s3:*",
    },
    "AWS::Events::EventBus": {"events:*Permission", "kms:*"},  # for this account alone, with AWS's own key
    "AWS::Events::Rule": {"iam:PassRole"},  # a log group takes no role
    "AWS::IAM::Role": {"iam:DeleteRolePermissionsBoundary"},  # it must not take one off
    "AWS::Lambda::Alias": {"lambda:*ProvisionedConcurrencyConfig"},
    "AWS::Lambda::EventSourceMapping": {"kms:*"},
    "AWS::Lambda::Function": {
        "ec2:*",
        "elasticfilesystem:*",
        "s3files:*",
        "kms:*",
        "lambda:*CodeSigningConfig",
        "lambda:PassCapacityProvider",
        "lambda:PutFunctionScalingConfig",
    },
    "AWS::Lambda::Version": {"lambda:PutProvisionedConcurrencyConfig", "lambda:PutFunctionScalingConfig"},
    "AWS::Logs::LogGroup": {
        "firehose:*",
        "s3:*",
        "logs:*KmsKey",
        "logs:*DataProtectionPolicy",
        "logs:*IndexPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutBearerTokenAuthentication",
    },
    "AWS::SNS::Subscription": {"iam:*"},  # e-mail needs no role
    "AWS::SNS::Topic": {"iam:*", "sns:PutDataProtectionPolicy"},
    "AWS::SecretsManager::Secret": {
        "secretsmanager:GetRandomPassword",  # the first value stands in the template, without any secret
        "secretsmanager:GetSecretValue",
        "secretsmanager:*Region*",
    },
    "AWS::WAFv2::WebACLAssociation": {
        f"{service}:*"
        for service in (
            "amplify",
            "apprunner",
            "appsync",
            "bedrock-agentcore",
            "cognito-idp",
            "ec2",
            "elasticloadbalancing",
        )
    }
    | {"wafv2:*PermissionPolicy"},  # a rule group that another account shares
}

READS_DATA = [
    *(
        f"dynamodb:{action}"
        for action in ("GetItem", "BatchGetItem", "Query", "Scan", "GetRecords", "PutItem")
    ),
    *(f"sqs:{action}" for action in ("ReceiveMessage", "SendMessage")),
    *(f"secretsmanager:{action}" for action in ("GetSecretValue", "PutSecretValue")),
    *(f"kms:{action}" for action in ("Sign", "Decrypt")),
    *(f"logs:{action}" for action in ("GetLogEvents", "FilterLogEvents")),
    "lambda:InvokeFunction",
    "events:PutEvents",
]


@cache
def role() -> Json:
    loaded: Json = yaml_parse(FILE.read_text(encoding="utf-8"))
    return loaded


def statements() -> Iterator[Json]:
    for resource in role()["Resources"].values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def allowed(action: str) -> bool:
    return any(
        fnmatchcase(action, pattern) for statement in statements() for pattern in listed(statement["Action"])
    )


def types() -> list[str]:
    """Every type that CloudFormation makes of the template, with all that is optional in it."""
    resources = Stack(expand(raw(), ShiftTraffic="true")).resources.values()
    return sorted({one["Type"] for one in resources if not one["Type"].startswith("Custom::")})


def needed(kind: str) -> set[str]:
    providers = json.loads((SCHEMAS / "providers" / f"{REGION}.json").read_text())
    schema = json.loads((SCHEMAS / "resources" / f"{providers[kind]}.json").read_text())
    tagging = schema.get("tagging", {}).get("permissions", [])
    handlers = (
        schema["handlers"][name]
        for name in ("create", "read", "update", "delete")
        if name in schema["handlers"]
    )
    return {*tagging, *(permission for handler in handlers for permission in handler["permissions"])}


def unused(kind: str, action: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in UNUSED.get(kind, ()))


def test_it_may_do_all_that_each_type_needs() -> None:
    missing = {
        f"{kind}: {action}"
        for kind in types()
        for action in needed(kind)
        if not allowed(action) and not unused(kind, action)
    }
    assert missing == set()


def test_every_exception_is_one() -> None:
    """An exception that no type asks for any more is taken out."""
    for kind, patterns in UNUSED.items():
        for pattern in patterns:
            matching = {action for action in needed(kind) if fnmatchcase(action, pattern)}
            assert matching, f"{kind} needs no {pattern}"


@pytest.mark.parametrize(
    ("setting", "actions"),
    [
        # The stage's access log: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
        ("access log", ["logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"]),
        ("firewall", ["apigateway:SetWebACL", "wafv2:AssociateWebACL"]),
        ("stack tags", ["cloudwatch:TagResource", "sns:TagResource", "sqs:TagQueue", "iam:TagRole"]),
        ("traffic shifting", ["codedeploy:GetDeploymentConfig", "codedeploy:CreateDeployment"]),
        ("trust policies", ["iam:UpdateAssumeRolePolicy"]),
        ("make deploy", ["lambda:GetAccountSettings", "cloudformation:DescribeStackResource"]),
        (
            "make deploy on restored tables",  # ops/table_settings.py
            [f"dynamodb:Describe{one}" for one in ("Table", "TimeToLive", "ContinuousBackups")],
        ),
    ],
)
def test_it_may_do_what_settings_and_tags_need(setting: str, actions: list[str]) -> None:
    assert [action for action in actions if not allowed(action)] == [], setting


@pytest.mark.parametrize("action", READS_DATA)
def test_it_reads_and_writes_no_data(action: str) -> None:
    assert not allowed(action)


def test_what_has_names_is_held_to_this_stack() -> None:
    without_a_name = {
        "WhatFunctionsRead",  # by condition
        "LookedAtWithoutAName",
        "NewKeys",  # by condition
        "LogDelivery",
    }
    assert {one["Sid"] for one in statements() if "*" in listed(one["Resource"])} == without_a_name
    for statement in statements():
        assert "*" not in statement["Action"]
        if statement["Sid"] in {"WhatFunctionsRead", "NewKeys", "Keys", "RolesOfServices"}:
            assert statement["Condition"]


@pytest.mark.parametrize(
    ("repository", "taken"),
    [
        ("octocat@123456/my-repo@456789", True),  # since July 2026, for new, renamed and moved repositories
        ("octocat/my-repo", True),
        ("octocat@123456", False),
        ("octocat/*", False),
        ("octocat@*/my-repo@1", False),
        ("octocat/my-repo:ref", False),
    ],
)
def test_the_repository_is_named_as_githubs_tokens_name_it(repository: str, taken: bool) -> None:
    """https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens"""
    pattern = role()["Parameters"]["Repository"]["AllowedPattern"]
    assert (re.search(pattern, repository) is not None) is taken


def test_policies_are_within_iams_limit() -> None:
    """6,144 characters without white space:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    for name, resource in role()["Resources"].items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            written = json.dumps(filled_in(resource["Properties"]["PolicyDocument"]), separators=(",", ":"))
            assert len(written) <= 6144, name


def filled_in(value: Any) -> Any:
    """With values as long as they get, so with the longest region, stage and condition there is."""
    match value:
        case {"Fn::Sub": str(text)}:
            longest = {"Partition": "aws-us-gov", "Region": "ap-southeast-1", "AccountId": "1" * 12}
            for name, is_called in longest.items():
                text = text.replace(f"${{AWS::{name}}}", is_called)
            return text.replace("${Stage}", "staging")
        case {"Ref": str()}:
            return "arn:aws-us-gov:iam::111111111111:policy/a-boundary-with-quite-a-long-name"
        case {"Fn::If": [_, with_it, _]}:
            return filled_in(with_it)
        case dict():
            return {name: filled_in(inner) for name, inner in value.items()}
        case list():
            return [filled_in(inner) for inner in value]
    return value


def test_cfn_lint_finds_nothing() -> None:
    assert [str(match) for match in lint(FILE.read_text(encoding="utf-8"), regions=[REGION])] == []
