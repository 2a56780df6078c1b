"""Checks what an AWS account has and allows, before a deployment that could fail on it or exhaust it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

LOGGING_PARAMETER = "ManageApiGatewayLogging"
LOGGING_RESOURCE = "ApiGatewayAccount"
OWNER_MARK = "OwnerMark"
"""The name of a parameter and of an output."""

ENOUGH_CONCURRENCY = 200
"""How many concurrent functions leave room beside a flood of webhooks, which takes 125 (template.yaml). A new
account may have 10:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True, slots=True)
class Account:
    """`concurrency` is how many functions may run at a time, in the whole account and region.

    `log_role` is API Gateway's role for writing logs, one per account and region; None if there is none.
    `stack_set_it` is whether the stack to be deployed has set that role.
    `stack_id` and `owner_mark` belong to the stack to be deployed; None if there is none yet.
    `parameters` are the values that it was deployed with.
    """

    account_id: str
    concurrency: int
    log_role: str | None
    stack_set_it: bool
    stack_id: str | None = None
    owner_mark: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def look_at(session: Any, stack: str) -> Account:
    """Raises botocore's ClientError if the credentials may not look."""
    limits = session.client("lambda").get_account_settings()["AccountLimit"]
    cloudformation = session.client("cloudformation")
    deployed = _described(cloudformation, stack)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in deployed.get("Outputs", [])}
    return Account(
        account_id=session.client("sts").get_caller_identity()["Account"],
        concurrency=limits["ConcurrentExecutions"],
        log_role=session.client("apigateway").get_account().get("cloudwatchRoleArn"),
        stack_set_it=_has_resource(cloudformation, stack, LOGGING_RESOURCE),
        stack_id=deployed.get("StackId"),
        owner_mark=outputs.get(OWNER_MARK),
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in deployed.get("Parameters", [])},
    )


def manages_logging(account: Account) -> str:
    """Whether the stack should set the account's log role for API Gateway: only if nobody else has set it."""
    return "true" if account.stack_set_it or not account.log_role else "false"


def kept_mark(account: Account, values: Mapping[str, str]) -> None:
    """Raise ValueError if these parameters would change the deployed stack's mark.

    What it made at Stripe would then belong to no stack, and its events would be recorded as foreign.
    """
    if account.owner_mark is None:
        return
    by_default = str(account.stack_id).rpartition("/")[2]
    if (values[OWNER_MARK] or by_default) != account.owner_mark:
        mark = account.owner_mark
        needed = "leave it out" if mark == by_default else f'"{OWNER_MARK}={mark}"'
        raise ValueError(
            f"{OWNER_MARK} can't be changed: everything this stack has at Stripe is marked with {mark}."
            f" In parameter_overrides in samconfig.toml: {needed}"
        )


def warnings(account: Account, values: dict[str, str]) -> Iterator[str]:
    """What an operator should know before they deploy with these parameters."""
    if account.concurrency < ENOUGH_CONCURRENCY:
        yield (
            f"this account runs {account.concurrency} functions at a time in this region: a flood of webhooks"
            f" can take all of them. Ask for {ENOUGH_CONCURRENCY} or more (Service Quotas: Lambda, Concurrent"
            " executions)"
        )
    if values[LOGGING_PARAMETER] == "false" and not account.log_role:
        yield (
            "API Gateway has no log role in this account and region, so the stage can't be created with"
            f" {LOGGING_PARAMETER}=false: leave it out of samconfig.toml"
        )


def _described(cloudformation: Any, stack: str) -> dict[str, Any]:
    """The stack as CloudFormation describes it; empty if there is none."""
    try:
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return {}
        raise
    return described


def _has_resource(cloudformation: Any, stack: str, logical_id: str) -> bool:
    try:
        cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # no such stack, or no such resource in it
            return False
        raise
    return True
