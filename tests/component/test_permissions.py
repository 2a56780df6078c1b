"""What each function really asks of AWS is exactly what its role in template.yaml allows.

Too little would break on AWS alone (no emulator here enforces IAM); too much is a door left open.
"""

import copy
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from local.stripe_simulator import PaymentPlan, RefundPlan
from mandates.charges.agreements import agreed_terms
from mandates.core.facts import Fact, Kind
from mandates.core.subjects import payment_method_subject
from mandates.store.mandates import add_subject_facts
from tests.component.advancing import Till
from tests.component.audited import audit_of_what_differs
from tests.component.charging import SUCCEEDED, active_mandate, begun, charge_event, reserved, with_intent
from tests.component.cloudformation import CloudFormation
from tests.component.test_publish_changes import BUS, images, publish, stream_event
from tests.component.test_publish_charges import items as charge_items
from tests.component.test_publish_charges import publish as publish_charges
from tests.component.world import (
    CUSTOMER,
    STRANGER,
    TABLES,
    Answer,
    AwsCall,
    World,
    customer,
    service,
    sqs_event,
    stripes_clock,
    template,
)
from tests.functions import BY_FOLDER, FUNCTIONS, folder_of
from tests.unit.charging import NOW, terms

DUE = "auth0|due"
"""A customer whose charges come due."""

Permission = tuple[str, str]
"""An IAM action, and the logical id of what it is for in template.yaml."""

RESOURCES = {"webhooks": "WebhookQueue", "STRIPE_API_KEY": "StripeApiKeySecretArn"}
TRANSACTION_ITEMS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
NOT_BUSINESS = ("logs:", "xray:")
POLLED_BY_LAMBDA = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
"""For the event source mapping, not the function's code."""


def used(world: World, function: str) -> set[Permission]:
    calls = [call for call in world.calls if call.function == function]
    return {permission for call in calls for permission in permissions(world, call)}


def permissions(world: World, call: AwsCall) -> Iterable[Permission]:
    match call.service, call.operation:
        case "dynamodb", "TransactWriteItems":
            for item in call.parameters["TransactItems"]:
                for kind, parameters in item.items():
                    yield f"dynamodb:{TRANSACTION_ITEMS[kind]}", TABLES[parameters["TableName"]]
        case "dynamodb", "BatchGetItem":
            for table in call.parameters["RequestItems"]:
                yield "dynamodb:BatchGetItem", TABLES[table]
        case "dynamodb", operation:
            index = f"/{call.parameters['IndexName']}" if call.parameters.get("IndexName") else ""
            yield f"dynamodb:{operation}", TABLES[call.parameters["TableName"]] + index
        case "sqs", operation:
            names = {
                world.queue_url: "WebhookQueue",
                world.work_queue_url: "StripeWorkQueue",
                world.work_dead_letters_url: "StripeWorkDeadLetters",
                world.unpublished_url: "UnpublishedEntries",
                world.unpublished_charges_url: "UnpublishedCharges",
                world.charge_queue_url: "ChargeQueue",
                world.charge_dead_letters_url: "ChargeDeadLetters",
            }
            yield f"sqs:{operation.removesuffix('Batch')}", names[call.parameters["QueueUrl"]]
        case ("kms" | "events") as client, operation:
            yield f"{client}:{operation}", {"kms": "EvidenceKey", "events": "OutwardBus"}[client]
        case "secretsmanager", operation:
            names = {
                world.api_key_arn: "StripeApiKeySecretArn",
                world.webhook_secrets_arn: "StripeWebhookSecrets",
            }
            yield f"secretsmanager:{operation}", names[call.parameters["SecretId"]]
        case other:
            raise AssertionError(f"no rule for {other}")


def allowed(function: str) -> set[Permission]:
    """The role's actions by logical id, without logging, tracing and polling."""
    logical_id = BY_FOLDER[function]
    events = events_of(function)
    is_polled_for = any(event["Type"] in {"SQS", "DynamoDB"} for event in events)
    statements = [
        statement
        for policy in template()["Resources"][f"{logical_id}Role"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    granted: set[Permission] = set()
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            if action.startswith(NOT_BUSINESS) or (is_polled_for and action in POLLED_BY_LAMBDA):
                continue
            granted |= {(action, named(resource)) for resource in as_list(statement["Resource"])}
    return granted


def events_of(function: str) -> list[Any]:
    return list(template()["Resources"][BY_FOLDER[function]]["Properties"].get("Events", {}).values())


def used_by_lambda(function: str) -> set[Permission]:
    """Where Lambda puts what the function could not take from its stream. Its code may write there, too."""
    destinations = (event["Properties"].get("DestinationConfig") for event in events_of(function))
    return {("sqs:SendMessage", named(one["OnFailure"]["Destination"])) for one in destinations if one}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    match resource:
        case {"Fn::GetAtt": [logical_id, "Arn" | "Id"]} | {"Ref": logical_id}:
            return str(logical_id)
        case {"Fn::Sub": text}:
            found = re.fullmatch(r"\$\{(\w+)\.Arn\}/index/(\w+)", text)
            assert found, text
            return f"{found[1]}/{found[2]}"
    raise AssertionError(f"not an exact resource: {resource}")


@pytest.fixture
def everything(world: World) -> World:
    """Each function does all that it can do."""
    begun = world.begun()
    world.stripe.core.authorize(begun["checkout_session_id"])
    second = world.post_checkout().body  # finds the first completed, and activates it
    assert world.get_mandate(begun["mandate_id"]).body["status"] == "active"
    world.call("read_terms", "/terms/current")
    for resource in ("/customers/{customer_id}", "/customers/{customer_id}/mandates"):
        world.call("read_mandates", resource, path={"customer_id": CUSTOMER}, caller=customer())
    third = world.post_checkout(locale="de").body
    world.stripe.core.authorize(third["checkout_session_id"])
    assert world.return_page(third["checkout_session_id"]).body["status"] == "active"
    assert world.come_back(third["checkout_session_id"]).status == 200
    assert world.return_page(second["checkout_session_id"]).body["status"] == "expired"
    world.run_webhooks()
    assert world.revoke(third["mandate_id"]).status == 200
    world.function("release_withdrawals")
    world.faults({"effect": "server_error", "status": 503})
    assert world.release(third["mandate_id"]) == ["message-0"]
    world.faults()
    assert world.release(third["mandate_id"]) == []
    for find_out in (
        lambda one: world.return_page(one["checkout_session_id"]),
        lambda _: world.post_checkout(),
    ):
        withdrawn_before_its_activation(world, find_out)
    mandate = world.get_mandate(begun["mandate_id"]).body
    world.stripe.core.detach(mandate["payment_method_id"])
    world.stripe.core.delete_customer(mandate["stripe_customer_id"])
    world.run_webhooks()
    assert world.get_mandate(begun["mandate_id"]).body["status"] == "revoked"
    world.put_customer()
    fourth = world.begun()
    world.stripe.core.authorize(fourth["checkout_session_id"])
    world.run_webhooks()
    assert world.get_mandate(fourth["mandate_id"]).body["status"] == "active"
    for function, resource in (
        ("export_evidence", "/mandates/{mandate_id}/evidence"),
        ("export_evidence", "/evidence-keys"),
        ("render_evidence", "/mandates/{mandate_id}/evidence.pdf"),
    ):
        made = world.call(
            function,
            resource,
            path={"mandate_id": fourth["mandate_id"]},
            caller=service("mandates:read"),
            headers={"Accept": "application/pdf"},
        )
        assert made.status == 200
    charged(world, fourth["mandate_id"])
    customers_found_deleted(world)
    reconciled_and_swept(world)
    charges_that_were_due(world)
    audit_of_what_differs(world)
    a_charge_that_succeeds(world)
    a_notice_of_a_charge(world)
    assert CloudFormation(world).create()["Status"] == "SUCCESS"
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    withdrawn = images(third["mandate_id"])
    assert publish(world, withdrawn) == []
    unreadable = {key: value for key, value in withdrawn[-1].items() if key != "hash"}
    assert publish(world, [{**unreadable, "record": {"S": "entry#000009"}}]) == []
    assert publish_charges(world, [{**entry, "facts": {"S": "x"}} for entry in charge_items("entry#")]) == []
    assert publish_charges(world, charge_items("entry#")) == []
    assert world.invoke("queue_withdrawals", stream_event(withdrawn)) == {"batchItemFailures": []}
    assert world.invoke("release_withdrawals", sqs_event(["not a withdrawal"])) == {"batchItemFailures": []}
    return world


def a_charge_that_succeeds(world: World) -> None:
    charge = begun(with_intent(reserved(active_mandate(terms()), NOW).charge), 1)
    assert world.process([charge_event(charge, SUCCEEDED)]) == []


def lists_of_today(world: World) -> None:
    today = {"created_on": f"{datetime.now(UTC):%Y-%m-%d}"}
    for kind in ("mandates", "charges"):
        assert (
            world.call(f"read_{kind}", f"/{kind}", query=today, caller=service("mandates:read")).status == 200
        )


def a_notice_of_a_charge(world: World) -> None:
    mandate_id = active_mandate(terms(notice_hours=24))
    made = world.notice(mandate_id)
    assert made.status == 201
    assert world.list_notices(mandate_id).body["notices"] == [made.body]
    assert world.charge(mandate_id).body["earliest"] == made.body["charge_from"]


def charged(world: World, mandate_id: str) -> None:
    made = world.charge(mandate_id)
    assert made.status == 201
    assert world.get_charge(made.body["charge_id"]).status == 200
    refused = {"outcome": "refused", "status": 400, "code": "charge_disputed", "times": 1}
    world.stripe.core.set_refunds(RefundPlan.parse({"refunds": [refused]}))
    for key, status in (("refused", "failed"), ("sent", "pending")):
        assert world.refund(made.body["charge_id"], key).body["status"] == status
    assert len(world.list_refunds(made.body["charge_id"]).body["refunds"]) == 2
    assert len(world.list_charges(mandate_id).body["charges"]) == 1
    lists_of_today(world)
    agreed_terms.cache_clear()  # every function has a container of its own
    assert world.check_charge(mandate_id, reference="another").body["permitted"]
    declined = {"outcome": "declined", "code": "payment_method_provider_decline"}
    world.stripe.core.set_payments(PaymentPlan.parse({"payments": [declined]}))
    assert world.charge(mandate_id, "declined", reference="declined").body["status"] == "retrying"
    canceled = world.charge(mandate_id, "canceled", reference="canceled").body["charge_id"]
    assert world.cancel_charge(canceled).body["status"] == "canceled"
    world.stripe.core.set_payments(PaymentPlan())
    detached = world.get_mandate(mandate_id).body["payment_method_id"]
    world.stripe.core.detach(detached)  # nobody has told us: a charge finds it out
    assert world.charge(mandate_id, "another", reference="another").body["end_reason"] == "withdrawn"
    found = Fact(Kind.MANDATE_INACTIVE, int(time.time()), "api:died_before_it_told_the_ledger")
    add_subject_facts(payment_method_subject(detached), [found])
    assert world.release(mandate_id) == []  # which tells the ledger, and ends what was declined


def charges_that_were_due(world: World) -> None:
    """One that succeeds once Stripe is back, and one that finds out that its payment method was detached."""
    begun_ = world.begun(DUE)
    world.stripe.core.authorize(begun_["checkout_session_id"])
    world.run_webhooks()
    mandate = world.get_mandate(begun_["mandate_id"], customer(DUE)).body
    till = Till(world, mandate["mandate_id"], mandate["payment_method_id"])
    for is_detached in (False, True):
        if is_detached:
            world.stripe.core.detach(till.payment_method)
        stripes_clock.ahead = -120
        till.reserve()
        stripes_clock.ahead = 0
        assert world.invoke("queue_due_charges", {}) == {"due": 1, "queued": 1}
        queued = world.waiting(world.charge_queue_url)
        world.faults({"effect": "server_error", "status": 503})
        assert world.invoke("advance_charges", sqs_event(queued))["batchItemFailures"]
        world.faults()
        assert not world.invoke("advance_charges", sqs_event([*queued, "poison"]))["batchItemFailures"]
    assert world.get_mandate(till.mandate_id, customer(DUE)).body["status"] == "revoked"


def customers_found_deleted(world: World) -> None:
    needs_the_customer: tuple[Callable[[], Answer], ...] = (
        lambda: world.put_customer(STRANGER, email="a@shop.example"),
        lambda: world.post_checkout(STRANGER, locale="de"),
    )
    for find_out in needs_the_customer:
        world.stripe.core.authorize(world.begun(STRANGER)["checkout_session_id"])
        world.run_webhooks()
        world.stripe.core.delete_customer(world.put_customer(STRANGER).body["stripe_customer_id"])
        assert find_out().status in {201, 409}
    world.put_customer(STRANGER)


def reconciled_and_swept(world: World) -> None:
    """An activation on what is withdrawn already is the most a sweep writes."""

    def find_out(session: Any) -> None:
        world.sweep_is_due(session["mandate_id"])
        world.invoke("reconcile_events", {})

    withdrawn_before_its_activation(world, find_out)


def withdrawn_before_its_activation(world: World, find_out: Callable[[Any], object]) -> None:
    session = world.post_checkout().body
    world.stripe.core.authorize(session["checkout_session_id"])
    succeeded = world.events("setup_intent.succeeded")[-1]
    world.stripe.core.detach(succeeded["data"]["object"]["payment_method"])
    world.deliver(*world.events("payment_method.detached"))
    world.process(world.queued())
    find_out(session)
    assert world.get_mandate(session["mandate_id"]).body["status"] == "revoked"


def test_every_function_may_do_exactly_what_it_does(everything: World) -> None:
    functions = {call.function for call in everything.calls if call.function}
    assert functions == {folder_of(name) for name, function in FUNCTIONS.items() if function.may}
    for function in functions:
        assert used(everything, function) | used_by_lambda(function) == allowed(function), function


def test_only_the_streams_readers_have_lambda_give_up_for_them() -> None:
    unpublished = {("sqs:SendMessage", "UnpublishedEntries")}
    assert {folder: given for folder in BY_FOLDER if (given := used_by_lambda(folder))} == {
        "publish_changes": unpublished,
        "publish_charges": {("sqs:SendMessage", "UnpublishedCharges")},
        "queue_withdrawals": unpublished,
    }


def test_the_authorizer_may_do_nothing() -> None:
    assert allowed("authorize_request") == set()


def test_a_widened_permission_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.call("read_terms", "/terms/current")
    assert used(world, "read_terms") == allowed("read_terms")
    widened = copy.deepcopy(template())
    policy = widened["Resources"]["ReadTermsRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    (statement,) = (one for one in policy["Statement"] if "dynamodb" in str(one["Action"]))
    statement["Action"] = [*as_list(statement["Action"]), "dynamodb:Scan"]
    monkeypatch.setattr("tests.component.test_permissions.template", lambda: widened)
    assert allowed("read_terms") - used(world, "read_terms") == {("dynamodb:Scan", "TermsTable")}
