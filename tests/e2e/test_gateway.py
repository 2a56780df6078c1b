"""What the gateway itself does, with the template's own definition: refusals, preflights, permissions."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.live.shared import StackJson
from tests.live.stack import LiveStack

BURST = 50
BURST_SECONDS = 90.0


@pytest.mark.parametrize(
    ("request_line", "token", "refusal"),
    [
        ("GET /mandates/mdt_1", None, (401, "unauthenticated")),
        ("GET /mandates/mdt_1", "not-a-token", (401, "unauthenticated")),
        ("GET /mandates/mdt_1", "e30.e30.bm8", (401, "unauthenticated")),
        ("GET /nowhere", None, (404, "not_found")),
        ("DELETE /terms/current", None, (404, "not_found")),
    ],
)
def test_refusals_are_problem_documents_a_browser_can_read(
    stack: StackJson, http: httpx.Client, request_line: str, token: str | None, refusal: tuple[int, str]
) -> None:
    method, path = request_line.split()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = http.request(method, stack["api_url"] + path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == refusal
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # the stack has several front ends


def test_a_preflight_needs_no_token(stack: StackJson, http: httpx.Client) -> None:
    asked = {"Origin": stack["storefront_url"], "Access-Control-Request-Method": "POST"}
    answer = http.options(f"{stack['api_url']}/checkout-sessions", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]


def test_a_burst_for_one_customer_makes_one_stripe_customer(stack: StackJson, http: httpx.Client) -> None:
    """Fifty at once, each retried on 429 and 5xx as a client should."""
    customer_id = f"burst-{uuid.uuid4()}"
    headers = {"Authorization": f"Bearer {stack['tokens']['service']}"}
    http.put(f"{stack['api_url']}/customers/warm-up", json={}, headers=headers)
    deadline = time.monotonic() + BURST_SECONDS

    def put(_: int) -> tuple[int, str | None]:
        with httpx.Client(timeout=BURST_SECONDS, trust_env=False) as client:
            while True:
                answer = client.put(f"{stack['api_url']}/customers/{customer_id}", json={}, headers=headers)
                if answer.status_code < 429 or time.monotonic() > deadline:
                    return answer.status_code, answer.json().get("stripe_customer_id")
                time.sleep(0.5)

    began = time.monotonic()
    with ThreadPoolExecutor(BURST) as pool:
        answers = list(pool.map(put, range(BURST)))
    seconds = time.monotonic() - began
    print(f"{BURST} concurrent PUTs of one customer: {seconds:.1f} s")
    assert seconds < BURST_SECONDS
    assert {status for status, _ in answers} <= {200, 201}
    assert len({stripe_customer_id for _, stripe_customer_id in answers}) == 1
    asked = http.get(f"{stack['stripe_control_url']}/requests").json()
    made = {
        request["idempotency_key"]
        for request in asked["requests"]
        if request["path"] == "/v1/customers" and customer_id in str(request["params"])
    }
    assert len(made) == 1


def test_roles_are_enforced(stack: StackJson, live: LiveStack) -> None:
    """The emulator refuses what a role does not allow, so every other test proves the roles wide enough.

    Here, narrow enough: a role's session may not do what other functions do.
    """
    sts = live.aws("sts")
    roles = live.aws("iam").list_roles()["Roles"]
    role = next(role["Arn"] for role in roles if "ReadTermsRole" in role["RoleName"])
    session = sts.assume_role(RoleArn=role, RoleSessionName="as-read-terms")["Credentials"]
    as_read_terms = live.aws(
        "dynamodb",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    keys = {"Keys": [{"record": {"S": "pointer"}, "version": {"S": "current"}}]}
    as_read_terms.batch_get_item(RequestItems={stack["tables"]["terms"]: keys})
    with pytest.raises(as_read_terms.exceptions.ClientError, match="AccessDenied"):
        as_read_terms.scan(TableName=stack["tables"]["terms"])
    with pytest.raises(as_read_terms.exceptions.ClientError, match="AccessDenied"):
        as_read_terms.scan(TableName=stack["tables"]["mandates"])


def test_a_refused_token_starts_no_worker(stack: StackJson, http: httpx.Client) -> None:
    """The authorizer refuses by raising. On AWS the same container serves the next request:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

    def refused() -> None:
        not_ours = "eyJhbGciOiJub25lIn0.e30.c2ln"
        answer = http.get(
            f"{stack['api_url']}/mandates/mdt_none", headers={"Authorization": f"Bearer {not_ours}"}
        )
        assert answer.status_code == 401

    def started_by_refusals() -> set[int]:
        before = functions_running(stack)
        for _ in range(3):
            refused()
        return functions_running(stack) - before

    refused()
    # Others may start functions meanwhile, but not each time.
    assert any(started_by_refusals() == set() for _ in range(4))


def functions_running(stack: StackJson) -> set[int]:
    """The processes that the emulator has started."""
    parent = json.loads((Path(stack["state_dir"]) / "processes.json").read_text())["aws"]["pid"]
    started = Path(f"/proc/{parent}/task").glob("*/children")
    return {int(pid) for children in started for pid in children.read_text().split()}


def test_an_id_in_the_path_is_handed_over_as_it_was_sent(stack: StackJson, http: httpx.Client) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""
    for customer_id in ("auth0|1/2", "per%25cent", "plus+and space"):
        answer = http.put(
            f"{stack['api_url']}/customers/{quote(customer_id, safe='')}",
            headers={"Authorization": f"Bearer {stack['tokens']['service']}"},
        )
        assert (answer.status_code, answer.json().get("customer_id")) == (201, customer_id), answer.text
