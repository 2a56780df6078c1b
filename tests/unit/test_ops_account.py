"""What is looked at in an account before a deployment, with the shapes of AWS's own models (botocore)."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ops.account import LOGGING_PARAMETER, OWNER_MARK, Account, kept_mark, look_at, manages_logging, warnings

STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/mandates-dev/0a1b2c3d-unique"
ROLE = "arn:aws:iam::111122223333:role/api-gateway-logs"


class Session:
    """A session whose clients answer what each of these accounts would."""

    def __init__(self, *, concurrency: int, log_role: str | None, stack: str) -> None:
        self._answers: dict[str, tuple[str, dict[str, Any]]] = {
            "lambda": ("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": concurrency}}),
            "sts": ("get_caller_identity", {"Account": "111122223333"}),
            "apigateway": ("get_account", {"cloudwatchRoleArn": log_role} if log_role else {}),
        }
        self._stack = stack

    def client(self, service: str) -> object:
        client = boto3.client(
            service,  # type: ignore[call-overload]
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        stubber = Stubber(client)
        if service in self._answers:
            stubber.add_response(*self._answers[service])
        elif self._stack == "none":
            stubber.add_client_error("describe_stacks", "ValidationError")
            stubber.add_client_error("describe_stack_resource", "ValidationError")
        elif self._stack == "denied":
            stubber.add_client_error("describe_stacks", "AccessDenied")
        else:
            detail = {
                "LogicalResourceId": "ApiGatewayAccount",
                "ResourceType": "AWS::ApiGateway::Account",
                "LastUpdatedTimestamp": 0,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            described = {
                "StackName": "mandates-dev",
                "StackId": STACK_ID,
                "CreationTime": 0,
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": [{"OutputKey": OWNER_MARK, "OutputValue": "0a1b2c3d-unique"}],
            }
            stubber.add_response("describe_stacks", {"Stacks": [described]})
            stubber.add_response("describe_stack_resource", {"StackResourceDetail": detail})
        stubber.activate()
        return client


@pytest.mark.parametrize(
    ("log_role", "stack", "manages"),
    [
        (None, "none", "true"),  # a fresh account: the stage needs a role
        (ROLE, "none", "false"),  # somebody else's
        (ROLE, "ours", "true"),  # this stack's: "false" would take it out of the stack
        (None, "ours", "true"),
    ],
)
def test_the_log_role_is_set_only_where_nobody_else_has(
    log_role: str | None, stack: str, manages: str
) -> None:
    session = Session(concurrency=1000, log_role=log_role, stack=stack)
    assert manages_logging(look_at(session, "mandates-dev")) == manages


def test_what_may_not_be_looked_at_is_no_answer() -> None:
    with pytest.raises(Exception, match="AccessDenied"):
        look_at(Session(concurrency=1000, log_role=None, stack="denied"), "mandates-dev")


def account(*, concurrency: int = 1000, log_role: str | None = ROLE) -> Account:
    return Account("111122223333", concurrency, log_role, stack_set_it=False)


@pytest.mark.parametrize(("concurrency", "warned"), [(10, True), (199, True), (200, False), (1000, False)])
def test_a_small_account_is_warned_of(concurrency: int, warned: bool) -> None:
    said = list(warnings(account(concurrency=concurrency), {LOGGING_PARAMETER: "false"}))
    assert bool(said) == warned


def test_a_stage_without_a_log_role_is_warned_of() -> None:
    (said,) = warnings(account(log_role=None), {LOGGING_PARAMETER: "false"})
    assert "can't be created" in said
    assert list(warnings(account(log_role=None), {LOGGING_PARAMETER: "true"})) == []


@pytest.mark.parametrize("stack", ["none", "ours"])
def test_the_mark_of_what_is_deployed_is_looked_up(stack: str) -> None:
    found = look_at(Session(concurrency=1000, log_role=ROLE, stack=stack), "mandates-dev")
    expected = (STACK_ID, "0a1b2c3d-unique") if stack == "ours" else (None, None)
    assert (found.stack_id, found.owner_mark) == expected


@pytest.mark.parametrize(
    ("deployed", "asked", "needed"),
    [
        (None, "", None),  # the first deployment
        (None, "its-predecessors", None),
        ("0a1b2c3d-unique", "", None),
        ("0a1b2c3d-unique", "0a1b2c3d-unique", None),
        ("its-predecessors", "its-predecessors", None),
        ("its-predecessors", "", '"OwnerMark=its-predecessors"'),  # it was forgotten
        ("0a1b2c3d-unique", "another-mark", "leave it out"),
    ],
)
def test_a_deployed_stack_keeps_its_mark(deployed: str | None, asked: str, needed: str | None) -> None:
    stack_id = STACK_ID if deployed else None
    found = Account("1", 1000, ROLE, stack_set_it=False, stack_id=stack_id, owner_mark=deployed)
    if needed is None:
        kept_mark(found, {OWNER_MARK: asked})
        return
    with pytest.raises(ValueError, match="can't be changed") as refused:
        kept_mark(found, {OWNER_MARK: asked})
    assert needed in str(refused.value)
