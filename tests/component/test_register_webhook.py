"""The webhook endpoint as a deployment has it: every request of CloudFormation's, and all that can fail."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from mandates.core.stripe_events.projection import HANDLED_TYPES
from mandates.core.webhook_endpoint import QUIET_TYPE
from mandates.gateway.client import API_VERSION
from mandates.gateway.politeness import ATTEMPTS
from mandates.webhooks import custom_resource
from mandates.webhooks.endpoints import KNOWN_SECONDS
from tests.component.cloudformation import OWNER_MARK, STACK_ID, URL, CloudFormation
from tests.component.world import WEBHOOK_SECRET, World, signed

OLDER = "2026-09-30.endive"


@pytest.fixture
def stack(world: World) -> CloudFormation:
    return CloudFormation(world)


def created(stack: CloudFormation) -> dict[str, Any]:
    assert stack.create()["Status"] == "SUCCESS"
    (endpoint,) = stack.endpoints()
    return endpoint


def registered(stack: CloudFormation) -> dict[str, Any]:
    """The one endpoint there is, which is what it should be, its secret known."""
    (endpoint,) = stack.endpoints()
    assert endpoint["url"] == stack.properties["Url"]
    assert endpoint["api_version"] == stack.properties["ApiVersion"]
    assert endpoint["enabled_events"] == sorted(stack.properties["EventTypes"])
    assert endpoint["status"] == "enabled"
    assert stack.held().knows(endpoint["id"])
    assert stack.secret_of(endpoint["id"]) in stack.held().secrets
    return endpoint


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All of it: the message, what is beside it, and the traceback if there is one."""
    return caplog.text + str([vars(record) for record in caplog.records])


# ------------------------------------------------------------------------------------------ as asked


def test_create_registers_exactly_what_is_handled_and_keeps_the_secret(stack: CloudFormation) -> None:
    endpoint = created(stack)
    assert registered(stack) == endpoint
    assert endpoint["enabled_events"] == list(HANDLED_TYPES)
    assert endpoint["api_version"] == API_VERSION
    assert endpoint["metadata"] == {"managed_by": OWNER_MARK, "registered_as": stack.physical_id}
    assert stack.held().secrets[0] == WEBHOOK_SECRET  # what was there before stays valid
    assert stack.slept == []


def test_nothing_is_sent_to_an_endpoint_before_its_secret_is_stored(stack: CloudFormation) -> None:
    created(stack)
    posted = [request for request in stack.world.stripe.core.requests() if request.method == "POST"]
    forms = cast("list[dict[str, str]]", [request.params["enabled_events"] for request in posted])
    subscribed = [list(form.values()) for form in forms]
    assert subscribed == [[QUIET_TYPE], list(HANDLED_TYPES)]
    stored = [call for call in stack.world.calls if call.operation == "PutSecretValue"]
    assert len(stored) == 2  # the secret, and what was registered


def test_what_it_made_is_accepted_by_receive_webhook(stack: CloudFormation) -> None:
    endpoint = created(stack)
    payload = json.dumps({"id": "evt_1", "object": "event", "type": "customer.deleted", "livemode": False})
    header = signed(payload, stack.secret_of(endpoint["id"]))
    assert stack.world.post_webhook(payload, header=header).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"Url": "https://other.example/v1/webhooks/stripe"},
        {"EventTypes": ["customer.deleted"]},
        {"Url": "https://other.example/hooks", "EventTypes": ["customer.deleted", "mandate.updated"]},
        {"StripeApiKeySecretArn": "arn:another"},
        {},
    ],
    ids=str,
)
def test_update_changes_in_place(stack: CloudFormation, changes: dict[str, Any]) -> None:
    before = created(stack)
    assert stack.update(**changes)["Status"] == "SUCCESS"
    assert registered(stack)["id"] == before["id"]
    assert {answer["PhysicalResourceId"] for answer in stack.answers} == {stack.physical_id}


def test_another_api_version_is_another_endpoint_added_before_the_old_one_goes(stack: CloudFormation) -> None:
    assert stack.create(ApiVersion=OLDER)["Status"] == "SUCCESS"
    (old,) = stack.endpoints()
    assert stack.update(ApiVersion=API_VERSION)["Status"] == "SUCCESS"
    new = registered(stack)
    assert new["id"] != old["id"]
    assert stack.slept == [KNOWN_SECONDS]
    held = stack.held()
    old_entry = held.endpoint(old["id"])
    assert old_entry is not None
    assert old_entry.removed_at is not None
    assert len(held.secrets) == 3  # by hand, old, new: what is under way is still accepted
    methods = [(r.method, r.path.rpartition("/")[2]) for r in stack.world.stripe.core.requests()]
    assert methods.index(("POST", new["id"])) < methods.index(("DELETE", old["id"]))
    assert stack.answers[0]["PhysicalResourceId"] == stack.answers[1]["PhysicalResourceId"]


def test_the_secret_of_a_removed_endpoint_goes_with_a_later_deployment(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.create(ApiVersion=OLDER)
    stack.update(ApiVersion=API_VERSION)
    now = stack.world.function("register_webhook").time.time() + 301
    monkeypatch.setattr(stack.world.function("register_webhook").time, "time", lambda: now)
    stack.update(EventTypes=["customer.deleted"])
    assert stack.held().secrets == (WEBHOOK_SECRET, stack.secret_of(registered(stack)["id"]))


def test_an_endpoint_disabled_by_hand_is_enabled_again(stack: CloudFormation) -> None:
    endpoint = created(stack)
    stack.world.stripe_client().v1.webhook_endpoints.update(endpoint["id"], {"disabled": True})
    assert stack.update(EventTypes=["customer.deleted"])["Status"] == "SUCCESS"
    registered(stack)


def test_delete_removes_it_and_may_come_twice(stack: CloudFormation) -> None:
    created(stack)
    assert stack.delete()["Status"] == "SUCCESS"
    assert stack.endpoints() == []
    assert stack.delete()["Status"] == "SUCCESS"


def test_deploy_delete_deploy(stack: CloudFormation) -> None:
    created(stack)
    stack.delete()
    again = CloudFormation(stack.world, stack_id=STACK_ID.replace("1111", "2222"))
    again.create()
    registered(again)


@pytest.mark.parametrize("stack_id", [STACK_ID.replace("1111", "2222"), STACK_ID.replace("eu-", "us-")])
def test_a_stack_with_its_predecessors_mark_clears_up_what_that_left_behind(
    stack: CloudFormation, stack_id: str
) -> None:
    left = created(stack)
    stack.world.secrets.put_secret_value(
        SecretId=stack.world.webhook_secrets_arn, SecretString='{"secrets": []}'
    )
    again = CloudFormation(stack.world, stack_id=stack_id)
    again.create()
    assert registered(again)["id"] != left["id"]


def test_a_stack_keeps_its_mark(stack: CloudFormation) -> None:
    """Its customers and sessions carry it: under another, their events would be foreign for ever."""
    endpoint = created(stack)
    before = dict(stack.properties)
    answer = stack.update(OwnerMark="another-mark")
    assert answer["Status"] == "FAILED"
    assert "OwnerMark" in answer["Reason"]
    assert OWNER_MARK in answer["Reason"]
    assert registered(stack) == endpoint
    assert stack.update(**before)["Status"] == "SUCCESS"
    stack.delete()  # and not by taking the endpoint out of the stack and adding it again
    assert stack.create(OwnerMark="another-mark")["Status"] == "FAILED"
    assert stack.endpoints() == []


def test_others_endpoints_are_left_alone(stack: CloudFormation) -> None:
    endpoints = stack.world.stripe_client().v1.webhook_endpoints
    others = [
        endpoints.create({"url": URL, "enabled_events": ["*"]}).id,
        endpoints.create({"url": URL, "enabled_events": ["*"], "metadata": {"managed_by": "another"}}).id,
    ]
    same_name = CloudFormation(
        stack.world,
        stack_id=STACK_ID.replace("eu-west-1", "us-east-1"),
        properties={"OwnerMark": "the-other"},
    )
    same_name.create()
    stack.world.secrets.put_secret_value(  # this stack's own secret
        SecretId=stack.world.webhook_secrets_arn, SecretString='{"secrets": []}'
    )
    others.append(stack.endpoints()[-1]["id"])
    stack.create()
    stack.update(ApiVersion=OLDER)
    stack.delete()
    assert [endpoint["id"] for endpoint in stack.endpoints()] == others


# --------------------------------------------------------------------------------- things go wrong


def api_key(stack: CloudFormation, value: str) -> None:
    stack.world.secrets.put_secret_value(SecretId=stack.world.api_key_arn, SecretString=value)


def no_api_key(stack: CloudFormation) -> None:
    stack.world.secrets.delete_secret(SecretId=stack.world.api_key_arn, ForceDeleteWithoutRecovery=True)


def fault(effect: str, **more: Any) -> Callable[[CloudFormation], None]:
    return lambda stack: stack.world.faults({"effect": effect, "path": "/v1/webhook_endpoints", **more})


def refuse(operation: str, *, after: bool = False, times: int = 99) -> Callable[[CloudFormation], None]:
    """Secrets Manager fails at this; `after`: having done it."""

    def spoil(stack: CloudFormation) -> None:
        container = stack.world.function("register_webhook")
        client = container.secrets_manager
        real, left = getattr(client, operation), [times]

        def refused(**parameters: Any) -> Any:
            other = (
                parameters["SecretId"] != stack.world.webhook_secrets_arn
                or stack.world.function("register_webhook") is not container  # mended
            )
            if left[0] == 0 or other:
                return real(**parameters)
            left[0] -= 1
            if after:
                real(**parameters)
            raise ClientError(
                {"Error": {"Code": "InternalServiceError", "Message": "secret words"}}, operation
            )

        stack.world.monkeypatch.setattr(client, operation, refused)

    return spoil


def mend(stack: CloudFormation) -> None:
    stack.world.faults()
    stack.world.functions.pop("register_webhook", None)
    try:
        api_key(stack, "sk_test_placeholder")
    except ClientError:
        made = stack.world.secrets.create_secret(Name="key-2", SecretString="sk_test_placeholder")["ARN"]
        stack.world.api_key_arn = stack.world.environment["STRIPE_API_KEY_SECRET_ARN"] = made


FAILURES: dict[str, tuple[Callable[[CloudFormation], None], str]] = {
    "a wrong key": (lambda s: api_key(s, "not_a_key"), "does not accept the API key"),
    "more than a key": (lambda s: api_key(s, "the key"), "must be the key alone"),
    "no key": (no_api_key, "ResourceNotFoundException"),
    "no permission": (fault("forbidden"), "Webhook Endpoints: write"),
    "too many requests": (fault("rate_limit"), "can't be reached or is busy"),
    "500": (fault("server_error"), "can't be reached or is busy"),
    "503": (fault("server_error", status=503), "can't be reached or is busy"),
    "a lost answer": (
        fault("timeout_after_effect", method="POST", times=ATTEMPTS),
        "can't be reached or is busy",
    ),
    "an update's lost answer": (
        fault("timeout_after_effect", method="POST", path="/v1/webhook_endpoints/"),
        "can't be reached or is busy",
    ),
    "the secrets can't be read": (refuse("get_secret_value"), "InternalServiceError"),
    "the secret can't be stored": (refuse("put_secret_value"), "InternalServiceError"),
    "the answer to storing is lost": (refuse("put_secret_value", after=True), "InternalServiceError"),
}


@pytest.fixture(params=FAILURES)
def failure(request: pytest.FixtureRequest) -> tuple[Callable[[CloudFormation], None], str]:
    return FAILURES[request.param]


def test_create_fails_with_a_reason_and_its_rollback_leaves_nothing(
    stack: CloudFormation, failure: tuple[Callable[[CloudFormation], None], str]
) -> None:
    spoil, said = failure
    spoil(stack)
    answer = stack.create()
    assert answer["Status"] == "FAILED"
    assert said in answer["Reason"]
    assert "secret words" not in answer["Reason"]
    mend(stack)
    assert stack.delete()["Status"] == "SUCCESS"
    assert stack.endpoints() == []
    again = CloudFormation(stack.world, stack_id=STACK_ID.replace("1111", "3333"))
    again.create()
    registered(again)


def test_delete_succeeds_whatever_fails_and_says_what_is_left(
    stack: CloudFormation,
    failure: tuple[Callable[[CloudFormation], None], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    created(stack)
    failure[0](stack)
    assert stack.delete()["Status"] == "SUCCESS"
    mend(stack)
    if stack.endpoints():
        assert "left to do by hand" in logged(caplog)


DONE_ALL_THE_SAME = "the answer to storing is lost"
"""An update that was carried out to its last write."""


@pytest.mark.parametrize("name", [name for name in FAILURES if name != DONE_ALL_THE_SAME])
def test_a_failed_update_is_taken_back_and_a_failing_way_back_does_not_wedge_the_stack(
    stack: CloudFormation, name: str
) -> None:
    created(stack)
    before = dict(stack.properties)
    FAILURES[name][0](stack)
    changed = stack.update(Url="https://new.example/hooks", EventTypes=["customer.deleted"])
    assert changed["Status"] == "FAILED"
    # Only the stored value can tell that this is the way back.
    can_tell = name != "the secrets can't be read"
    assert stack.update(**before)["Status"] == ("SUCCESS" if can_tell else "FAILED")
    mend(stack)
    assert stack.update(**before)["Status"] == "SUCCESS"
    registered(stack)


def test_a_failed_version_update_keeps_the_old_endpoint_working(
    stack: CloudFormation, failure: tuple[Callable[[CloudFormation], None], str]
) -> None:
    stack.create(ApiVersion=OLDER)
    old = registered(stack)
    failure[0](stack)
    assert stack.update(ApiVersion=API_VERSION)["Status"] == "FAILED"
    mend(stack)
    there = {endpoint["id"]: endpoint for endpoint in stack.endpoints()}
    assert there[old["id"]]["enabled_events"] == list(HANDLED_TYPES)
    assert stack.held().knows(old["id"])
    assert stack.update(ApiVersion=OLDER)["Status"] == "SUCCESS"
    assert registered(stack)["id"] == old["id"]


def test_an_update_repairs_what_a_lost_answer_left(stack: CloudFormation) -> None:
    endpoint = created(stack)
    stack.world.secrets.put_secret_value(
        SecretId=stack.world.webhook_secrets_arn, SecretString=json.dumps({"secrets": [WEBHOOK_SECRET]})
    )
    assert stack.update(EventTypes=["customer.deleted"])["Status"] == "SUCCESS"
    assert registered(stack)["id"] != endpoint["id"]
    assert stack.slept == []  # nothing that the lost one sent was accepted


def test_a_lost_answer_is_got_again_where_the_sdk_repeats_the_call(stack: CloudFormation) -> None:
    stack.world.faults({"effect": "timeout_after_effect", "method": "POST", "times": 1})
    created(stack)
    registered(stack)


# ------------------------------------------------------------------------------------ whose is whose


def test_delete_of_an_old_id_does_not_remove_the_current_endpoint(stack: CloudFormation) -> None:
    created(stack)
    assert (
        stack.delete(PhysicalResourceId="stripe-webhook-endpoint/test-stack/0000/Old")["Status"] == "SUCCESS"
    )
    registered(stack)


def test_a_renamed_resource_takes_the_endpoint_over(stack: CloudFormation) -> None:
    endpoint = created(stack)
    renamed = CloudFormation(stack.world, logical_id="Renamed")
    assert renamed.create()["Status"] == "SUCCESS"
    stack.delete()  # CloudFormation removes the old name last
    assert registered(renamed)["id"] == endpoint["id"]
    renamed.delete()
    assert stack.endpoints() == []


def test_a_create_that_was_never_answered_is_removed_under_the_id_cloudformation_made_up(
    stack: CloudFormation,
) -> None:
    created(stack)
    assert stack.delete(PhysicalResourceId="test-stack-StripeWebhookEndpoint-1ABC")["Status"] == "SUCCESS"
    assert stack.endpoints() == []


# --------------------------------------------------------------------------------------- odd requests


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"RequestType": "Create"},
        {"RequestType": "Perhaps"},
        {"StackId": "no ARN"},
        {"StackId": 5},
        {"ResourceProperties": None},
        {"ResourceProperties": {}},
        {"ResourceProperties": {"Url": URL, "ApiVersion": "", "EventTypes": [], "StripeApiBase": ""}},
        {"RequestId": None},
        {"PhysicalResourceId": 5},
    ],
    ids=str,
)
def test_an_odd_request_is_answered_and_does_nothing(stack: CloudFormation, event: dict[str, Any]) -> None:
    whole = stack.event("Create", stack.properties)
    odd = {**whole, **event} if event else {"ResponseURL": whole["ResponseURL"]}
    if event == {"RequestType": "Create"}:
        del odd["ResourceProperties"]
    assert stack.send(odd)["Status"] == "FAILED"
    assert stack.endpoints() == []


def test_an_odd_delete_is_answered_with_success(stack: CloudFormation) -> None:
    assert stack.send({**stack.event("Delete", {}), "StackId": "no ARN"})["Status"] == "SUCCESS"


@pytest.mark.parametrize("event", [None, [], "text", {"RequestType": "Create"}])
def test_a_request_without_an_address_is_logged(
    world: World, event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.invoke("register_webhook", event)
    assert "nobody to answer" in logged(caplog)


def test_nothing_is_begun_when_there_is_no_time_left(stack: CloudFormation) -> None:
    event = stack.event("Create", stack.properties)
    late = stack.send(event, remaining_seconds=custom_resource.RESERVED_SECONDS - 1)
    assert late["Status"] == "FAILED"
    assert "Time ran out" in late["Reason"]
    assert stack.endpoints() == []


def test_no_secret_is_logged(stack: CloudFormation, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = created(stack)
    stack.update(ApiVersion=OLDER)
    api_key(stack, "wrongkey-that-stripe-quotes")
    assert stack.update(Url="https://new.example/hooks")["Status"] == "FAILED"
    stack.delete()
    text = logged(caplog)
    assert endpoint["id"] in text
    assert "whsec_" not in text
    assert "sk_" not in text
    assert "wrongkey" not in text  # Stripe's message has its beginning
    assert "answers.example" not in text
