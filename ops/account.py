"""What an AWS account has and allows, looked at before a deployment that could fail over it or starve it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

LOGGING_PARAMETER = "ManageApiGatewayLogging"
LOGGING_RESOURCE = "ApiGatewayAccount"

ENOUGH_CONCURRENCY = 200
"""How many functions at a time leave room beside a flood of webhooks, which takes 125 (template.yaml). A new
account may have 10:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True, slots=True)
class Account:
    """`concurrency` is how many functions may run at a time, in the whole account and region.

    `log_role` is API Gateway's role for writing logs, one per account and region; None if there is none.
    `stack_set_it` is whether the stack to be deployed is what set it.
    """

    account_id: str
    concurrency: int
    log_role: str | None
    stack_set_it: bool


def look_at(session: Any, stack: str) -> Account:
    """Raises botocore's ClientError where the credentials may not look."""
    limits = session.client("lambda").get_account_settings()["AccountLimit"]
    return Account(
        account_id=session.client("sts").get_caller_identity()["Account"],
        concurrency=limits["ConcurrentExecutions"],
        log_role=session.client("apigateway").get_account().get("cloudwatchRoleArn"),
        stack_set_it=_has_resource(session.client("cloudformation"), stack, LOGGING_RESOURCE),
    )


def manages_logging(account: Account) -> str:
    """Whether the stack should set the account's log role for API Gateway: only where nobody else has."""
    return "true" if account.stack_set_it or not account.log_role else "false"


def warnings(account: Account, values: dict[str, str]) -> Iterator[str]:
    """What an operator should know before deploying with these parameters."""
    if account.concurrency < ENOUGH_CONCURRENCY:
        yield (
            f"this account runs {account.concurrency} functions at a time in this region: a flood of webhooks"
            f" can take them all. Ask for {ENOUGH_CONCURRENCY} or more (Service Quotas: Lambda, Concurrent"
            " executions)"
        )
    if values[LOGGING_PARAMETER] == "false" and not account.log_role:
        yield (
            "API Gateway has no log role in this account and region, so the stage can't be created with"
            f" {LOGGING_PARAMETER}=false: leave it out of samconfig.toml"
        )


def _has_resource(cloudformation: Any, stack: str, logical_id: str) -> bool:
    try:
        cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # no such stack, or no such resource in it
            return False
        raise
    return True
