"""What is held of a person: told to them, erased; and what of it gets into logs and queues: nothing."""

import base64
import io
import json
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS
from mandates.core.facts import Fact, Kind
from mandates.core.ledger import PersonalValue, first_broken
from mandates.core.mandate import Mandate
from mandates.core.retention import EVIDENCE_DAYS
from mandates.ledger.contributing import contribute_ours
from mandates.privacy.erasure import EvidenceKept, erase, remains
from mandates.privacy.export import export
from mandates.privacy.holdings import holdings
from mandates.setup.customers import SEARCHABLE_AFTER_SECONDS
from mandates.store.customers import owner_of, read_customer, read_slot
from mandates.store.mandates import mandates_of, read_heads, read_ledger, read_personal
from mandates.store.tables import CustomerRow
from tests.aws_calls import real_call, replace_calls
from tests.component.test_publish_changes import BUS, images, stream_event
from tests.component.world import (
    CUSTOMER,
    ORIGIN,
    STRANGER,
    WEBHOOK_SECRET,
    Answer,
    Context,
    World,
    answer,
    api_event,
    checkout_body,
    customer,
    runs,
    signed,
    sqs_event,
)
from tests.unit import issuer

DAY = 86_400
NOT_CHARGED_SINCE = EVIDENCE_DAYS * DAY + 60


def later() -> float:
    """When the evidence may go."""
    return time.time() + NOT_CHARGED_SINCE


def active(world: World, customer_id: str = CUSTOMER) -> str:
    begun = world.begun(customer_id)
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    mandate_id = str(begun["mandate_id"])
    assert world.get_mandate(mandate_id, customer(customer_id)).body["status"] == "active"
    return mandate_id


def run(customer_id: str = CUSTOMER, override: str | None = None, clock: Any = later) -> list[str]:
    """Erase, as an operator does; returns the steps that were said."""
    said: list[str] = []
    numbers = iter(range(1000))
    problems = erase(
        holdings(customer_id),
        override=override,
        clock=clock,
        random_bytes=lambda count: next(numbers).to_bytes(count),
        say=said.append,
    )
    assert problems == []
    return said


def head_of(mandate_id: str) -> Mandate:
    return read_heads([mandate_id])[mandate_id]


def chain_holds(mandate_id: str) -> bool:
    head = head_of(mandate_id)
    return first_broken(read_ledger(mandate_id), length=head.entries, head_hash=head.head_hash) is None


def everything_stored(*tables: str) -> str:
    """Every item of these tables; of all, if none is named."""
    dynamodb = boto3.client("dynamodb")
    tables = tables or ("customers", "mandates", "stripe_subjects", "events")
    return json.dumps([dynamodb.scan(TableName=name)["Items"] for name in tables], ensure_ascii=False)


# ------------------------------------------------------------------------------------------- export


def test_an_export_has_all_that_is_held(world: World) -> None:
    mandate_id = active(world)
    pending = world.post_checkout(cancel_url=f"{ORIGIN}/elsewhere").body["mandate_id"]
    told = export(holdings(CUSTOMER), time.time)
    json.dumps(told)
    assert [mandate["mandate_id"] for mandate in told["mandates"]] == [pending, mandate_id]
    mandate = told["mandates"][1]
    assert mandate["status"] == "active"
    assert {fact["kind"] for fact in mandate["facts"]} >= {"consent_accepted", "setup_succeeded"}
    assert [entry["hash"] for entry in mandate["ledger"]] == [entry.hash for entry in read_ledger(mandate_id)]
    assert mandate["personal"]["1"]["subject"]["value"] == CUSTOMER
    assert mandate["personal"]["1"]["source_ip"]["value"] == "203.0.113.7"
    head = head_of(mandate_id)
    assert set(mandate["stands_on"]) == {
        f"stripe_customer#{head.stripe_customer_id}",
        f"payment_method#{head.payment_method_id}",
    }
    assert told["customer"]["stripe_customer_id"] == head.stripe_customer_id
    assert told["checkout"]["mandate_id"] == pending
    assert told["checkout"]["request"]["cancel_url"] == f"{ORIGIN}/elsewhere"
    assert "params" not in told["checkout"]
    assert told["at_stripe"]["payment_methods"] == [head.payment_method_id]
    assert told["at_stripe"]["customers"] == [head.stripe_customer_id]


def test_an_exported_value_opens_its_commitment(world: World) -> None:
    mandate = export(holdings(world.begun() and CUSTOMER), time.time)["mandates"][0]
    commitments = mandate["ledger"][0]["commitments"]
    assert commitments
    for name, kept in mandate["personal"]["1"].items():
        assert PersonalValue(**kept).commitment == commitments[name]


def test_nobody_elses_is_found(world: World) -> None:
    active(world)
    assert holdings(STRANGER).is_empty
    theirs = active(world, STRANGER)
    assert [mandate.mandate_id for mandate in holdings(STRANGER).mandates] == [theirs]
    assert CUSTOMER not in json.dumps(export(holdings(STRANGER), time.time))


def test_a_mandate_the_index_does_not_have_yet_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    activated = active(world)
    replaced = world.post_checkout().body["mandate_id"]
    pending = world.post_checkout(cancel_url=f"{ORIGIN}/elsewhere").body["mandate_id"]
    monkeypatch.setattr("mandates.privacy.holdings.mandates_of", lambda _customer_id: iter(()))
    assert {one.mandate_id for one in holdings(CUSTOMER).mandates} == {activated, replaced, pending}


def test_more_mandates_than_a_page_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mandates.store.mandates.MANDATES_PER_PAGE", 2)
    world.put_customer()
    made = [world.post_checkout(cancel_url=f"{ORIGIN}/{number}").body["mandate_id"] for number in range(5)]
    found = [mandate.mandate_id for mandate in holdings(CUSTOMER).mandates]
    assert len(found) == 5
    assert set(found) == set(made)


# -------------------------------------------------------------------------------------------- erase


def test_erasing_leaves_a_chain_that_verifies_and_nobody_in_it(world: World) -> None:
    mandate_id = active(world)
    before = read_ledger(mandate_id)
    stripe_customer_id = head_of(mandate_id).stripe_customer_id
    pending = world.post_checkout().body["mandate_id"]

    said = run()

    assert holdings(CUSTOMER).is_empty
    assert read_customer(CUSTOMER) is None
    assert read_slot(CUSTOMER) is None
    assert owner_of(stripe_customer_id) is None
    for one in (mandate_id, pending):
        assert read_personal(one) == {}
        assert chain_holds(one)
        assert re.fullmatch(r"erased:[0-9a-f]{32}", head_of(one).customer_id)
        assert read_ledger(one)[-1].status == "revoked"
    assert head_of(mandate_id).customer_id != head_of(pending).customer_id
    assert read_ledger(mandate_id)[: len(before)] == before
    assert read_ledger(mandate_id)[-1].facts[0]["detail"] == {"by": "operator", "reason": "erasure"}
    stored = everything_stored()
    assert all(value not in stored for value in (CUSTOMER, "203.0.113.7", "pytest", "https://issuer.example"))
    assert f"{mandate_id}: the ledger's {len(before) + 1} entries verify" in said


def test_a_session_leads_to_nobody_any_more(world: World) -> None:
    begun = world.begun()
    assert world.return_page(begun["checkout_session_id"]).status == 200
    run()
    assert world.return_page(begun["checkout_session_id"]).status == 404
    found = everything_stored("stripe_subjects")
    assert f"checkout_session#{begun['checkout_session_id']}" in found
    assert CUSTOMER not in found


def test_it_is_revoked_before_anything_is_deleted(world: World) -> None:
    first, second = active(world), world.post_checkout().body["mandate_id"]
    mark = len(world.calls)
    run()
    writes = [
        call.operation
        for call in world.calls[mark:]
        if call.operation in {"TransactWriteItems", "DeleteItem", "UpdateItem"}
    ]
    assert writes[:2] == ["TransactWriteItems", "TransactWriteItems"]
    assert "TransactWriteItems" not in writes[2:]
    assert {first, second} <= set(re.findall(r"mdt_[a-z2-7]{24}", everything_stored()))


def test_nobody_reaches_an_erased_mandate(world: World) -> None:
    mandate_id = active(world)
    run()
    assert world.get_mandate(mandate_id).status == 404
    assert list(mandates_of(CUSTOMER)) == []
    assert world.post_checkout().body["code"] == "customer_required"


def test_who_comes_back_begins_anew(world: World) -> None:
    erased = active(world)
    run()
    begun = world.begun()
    assert begun["mandate_id"] != erased
    assert [one.mandate_id for one in holdings(CUSTOMER).mandates] == [begun["mandate_id"]]


def test_events_that_come_afterwards_still_find_the_mandate(world: World) -> None:
    mandate_id = active(world)
    payment_method_id = head_of(mandate_id).payment_method_id
    assert payment_method_id
    run()
    world.stripe.core.detach(payment_method_id)
    world.run_webhooks()
    assert "detached" in [kind for entry in read_ledger(mandate_id) for kind in entry.kinds]
    assert chain_holds(mandate_id)


def test_a_stranger_keeps_all(world: World) -> None:
    mandate_id = active(world, STRANGER)
    active(world)
    run()
    assert world.get_mandate(mandate_id, customer(STRANGER)).body["status"] == "active"
    assert read_personal(mandate_id)
    assert owner_of(head_of(mandate_id).stripe_customer_id) == STRANGER


# ---------------------------------------------------------------------------------------- retention


def test_it_is_refused_while_evidence_is_kept_and_nothing_is_changed(world: World) -> None:
    mandate_id = active(world)
    before = everything_stored()
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + EVIDENCE_DAYS * DAY))
    with pytest.raises(EvidenceKept, match=f"{mandate_id} is kept until {until}"):
        run(clock=time.time)
    with pytest.raises(EvidenceKept):
        run(clock=lambda: time.time() + EVIDENCE_DAYS * DAY - 60)
    assert everything_stored() == before
    assert run(clock=lambda: time.time() + EVIDENCE_DAYS * DAY + 1)


def test_one_mandate_that_must_be_kept_keeps_them_all(world: World) -> None:
    active(world)
    newest = world.post_checkout().body["mandate_id"]
    in_200_days = time.time() + 200 * DAY
    contribute_ours(newest, "test", lambda now: Fact(Kind.SESSION_EXPIRED, now, "test"), lambda: in_200_days)
    with pytest.raises(EvidenceKept, match=newest):
        run()
    assert len(holdings(CUSTOMER).mandates) == 2


@pytest.mark.parametrize("revoked_before", [False, True])
def test_an_override_is_written_into_the_chain(world: World, revoked_before: bool) -> None:
    mandate_id = active(world)
    if revoked_before:
        world.call(
            "revoke_mandate",
            "/mandates/{mandate_id}/revoke",
            method="POST",
            path={"mandate_id": mandate_id},
            caller=customer(),
        )
    run(override="court_order", clock=time.time)
    entry = read_ledger(mandate_id)[-1]
    assert entry.kinds == [Kind.REVOKED]
    assert entry.facts[0]["detail"] == {"by": "operator", "reason": "erasure", "override": "court_order"}
    assert chain_holds(mandate_id)


def test_an_override_that_was_not_needed_is_not_written(world: World) -> None:
    mandate_id = active(world)
    run(override="court_order")
    assert read_ledger(mandate_id)[-1].facts[0]["detail"] == {"by": "operator", "reason": "erasure"}


# ------------------------------------------------------------------------------------------ crashes


class Crash(BaseException):
    """The process dies: nothing catches it."""


def crash_before_write(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    call = real_call()
    writes = iter(range(1000))

    def dying(self: BaseClient, operation: str, parameters: Any) -> Any:
        if operation in {"TransactWriteItems", "DeleteItem", "UpdateItem"} and next(writes) == number:
            raise Crash
        return call(self, operation, parameters)

    replace_calls(monkeypatch, dying)


def test_after_a_crash_anywhere_running_it_again_finishes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = 0
    for number in range(20):
        who = f"auth0|customer-{number}"
        mandate_id = active(world, who)
        with monkeypatch.context() as dies:
            crash_before_write(dies, number)
            try:
                run(who, "court_order", time.time)
            except Crash:
                crashes += 1
        if head_of(mandate_id).customer_id == who and number > 0:
            run(who, clock=time.time)  # begun before: it isn't refused
        else:
            run(who, "court_order", time.time)
        assert holdings(who).is_empty
        assert who not in everything_stored()
        assert read_personal(mandate_id) == {}
        assert chain_holds(mandate_id)
        kinds = [kind for entry in read_ledger(mandate_id) for kind in entry.kinds]
        assert kinds.count("revoked") == 1
        if crashes <= number:
            break
    assert crashes >= 6


def test_no_earlier_stripe_customer_is_forgotten_in_a_crash(world: World) -> None:
    """Once its mandates have lost their customer id, nothing says any more that it was this customer's."""
    before = active(world)
    world.stripe.core.delete_customer(head_of(before).stripe_customer_id)
    world.run_webhooks()
    active(world)  # as another Stripe customer

    def dies(step: str) -> None:
        if step == f"{before}: replaced the customer id with a random pseudonym":
            raise Crash

    with pytest.raises(Crash):
        erase(holdings(CUSTOMER), override=None, clock=later, random_bytes=lambda n: b"r" * n, say=dies)
    run()
    assert CUSTOMER not in everything_stored()


def test_a_stripe_customer_without_a_mandate_is_forgotten_too(world: World) -> None:
    """Nothing but the customer's own record says that they had it."""
    world.put_customer()
    (before,) = holdings(CUSTOMER).stripe_customer_ids
    world.stripe.core.delete_customer(before)
    world.run_webhooks()
    world.put_customer()
    told = export(holdings(CUSTOMER), time.time)
    assert told["customer"]["earlier"] == (before,)
    assert len(told["at_stripe"]["customers"]) == 2
    json.dumps(told)
    run()
    assert owner_of(before) is None
    assert CUSTOMER not in everything_stored()


def test_erasing_twice_changes_nothing(world: World) -> None:
    active(world)
    run()
    before = everything_stored()
    run()
    assert everything_stored() == before


def test_what_the_customer_does_meanwhile_is_noticed(world: World) -> None:
    active(world)
    said: list[str] = []

    def say(step: str) -> None:
        said.append(step)
        if step == "deleted the customer":
            world.begun()

    problems = erase(holdings(CUSTOMER), override=None, clock=later, random_bytes=lambda n: b"r" * n, say=say)
    assert problems == ["the customer did something in the meantime: run this again"]


def test_a_broken_chain_is_told(world: World) -> None:
    mandate_id = active(world)
    boto3.client("dynamodb").update_item(
        TableName="mandates",
        Key={"mandate_id": {"S": mandate_id}, "record": {"S": "entry#000002"}},
        UpdateExpression="SET #source = :another",
        ExpressionAttributeNames={"#source": "source"},
        ExpressionAttributeValues={":another": {"S": "evt_forged"}},
    )
    problems = erase(
        holdings(CUSTOMER), override=None, clock=later, random_bytes=lambda n: b"r" * n, say=lambda _: None
    )
    assert problems[0] == f"{mandate_id}: entry 2 is the first that was altered, removed or put in"


def test_what_remains_names_where_and_how(world: World) -> None:
    mandate_id = active(world)
    held = holdings(CUSTOMER)
    text = "\n".join(remains(held, lambda: 1_793_491_200))
    assert f"stripe customers delete {head_of(mandate_id).stripe_customer_id}" in text
    assert "until 2026-12-06" in text
    assert all(word in text for word in ("restore", "stream", "logs", "Event records", "identity provider"))


def test_an_unconfirmed_stripe_customer_is_not_forgotten(world: World) -> None:
    world.function("create_customer")
    world.faults({"effect": "server_error", "status": 503})
    assert world.put_customer().status == 503
    assert "never confirmed" in "\n".join(remains(holdings(CUSTOMER), time.time))


# --------------------------------------------------------------------------------- logs and queues

EMAIL = "ann.example+amazon@shop.example"
NAME = "Ann Exämple-Person"
SUBJECT = "auth0|5f7c8ec7c33c6c004bbafe82"
USER_AGENT = "Mozilla/5.0 (X11; Ann's own browser)"
SOURCE_IP = "203.0.113.7"
API_KEY = "sk_test_placeholder"


@dataclass
class Captured:
    """Everything that an invocation wrote or sent, and what must not be in it."""

    logs: io.StringIO
    caplog: pytest.LogCaptureFixture
    capsys: pytest.CaptureFixture[str]
    world: World
    secrets: dict[str, str] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """As Lambda does: it logs what a function raises."""
        try:
            with runs(function):
                return self.world.function(function).handler(event, Context())
        except Exception:
            self.tracebacks.append(traceback.format_exc())
            return None

    def written(self) -> dict[str, str]:
        out, err = self.capsys.readouterr()
        sent = [call for call in self.world.calls if call.service in {"sqs", "events"}]
        return {
            "the log": self.logs.getvalue(),
            "other loggers": self.caplog.text,
            "stdout": out,
            "stderr": err,
            "an exception": "\n".join(self.tracebacks),
            "a message": "\n".join(json.dumps(dict(call.parameters), ensure_ascii=False) for call in sent),
            "a queue": "\n".join(everything_queued(self.world)),
            "an event record": json.dumps(boto3.client("dynamodb").scan(TableName="events")["Items"]),
        }


def everything_queued(world: World) -> Iterator[str]:
    for url in (world.queue_url, world.work_queue_url):
        while messages := world.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            yield from (str(message["Body"]) for message in messages)


def leaks(written: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """Where a secret stands, also quoted for a URL, escaped for JSON or in base64."""
    found = [
        f"{name} in {where}"
        for where, text in written.items()
        for name, secret in secrets.items()
        if any(form in text for form in forms(secret))
    ]
    client_secrets = [
        f"a client secret in {where}" for where, text in written.items() if CLIENT_SECRET.search(text)
    ]
    return found + client_secrets


CLIENT_SECRET = re.compile(r"(seti|cs|pi)_\w+_secret_\w+")


def forms(secret: str) -> set[str]:
    return {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        base64.b64encode(secret.encode()).decode().rstrip("="),
    }


def telemetry() -> Any:
    """The functions' logger; imported here since its settings come with the world."""
    from mandates.runtime.telemetry import logger

    return logger


@pytest.fixture
def captured(world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Captured:
    """At INFO for every logger, as Lambda sets it up: what a library logs reaches CloudWatch as well."""
    caplog.set_level(logging.INFO)
    logs = io.StringIO()
    world.monkeypatch.setattr(telemetry().registered_handler, "stream", logs)
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment.update(
        EVENT_BUS_NAME=BUS,
        OIDC_ISSUER=issuer.ISSUER,
        OIDC_AUDIENCES=issuer.AUDIENCE,
        OIDC_JWKS_URL=issuer.JWKS_URL,
        SERVICE_CLIENT_IDS="",
        SCOPE_PREFIX="",
    )
    world.monkeypatch.setattr(world.function("authorize_request"), "verifier", issuer.Issuer().verifier())
    secrets = {
        "the e-mail address": EMAIL,
        "the name": NAME,
        "the subject": SUBJECT,
        "the user agent": USER_AGENT,
        "the IP address": SOURCE_IP,
        "the API key": API_KEY,
        "the webhook secret": WEBHOOK_SECRET,
    }
    return Captured(logs, caplog, capsys, world, secrets)


class Person:
    """A customer with a real token, behind the real authorizer."""

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.world = captured.world
        now = int(time.time())
        self.token = issuer.token(issuer.customer_claims(sub=SUBJECT, iat=now, exp=now + 3600))
        captured.secrets["the token"] = self.token
        captured.secrets["the token's claims"] = self.token.split(".")[1]
        captured.secrets["the token's signature"] = self.token.split(".")[2]

    def authorize(self, authorization: str | None = None) -> dict[str, Any]:
        """The authorizer's context; none when it refuses."""
        event = {
            "type": "TOKEN",
            "authorizationToken": authorization or f"Bearer {self.token}",
            "methodArn": "arn:aws:execute-api:us-east-1:123456789012:api/v1/GET/customers",
        }
        allowed = self.captured.invoke("authorize_request", event)
        return allowed["context"] if allowed else {}

    def call(self, function: str, method: str, resource: str, body: Any = None, **path: str) -> Answer:
        event = api_event(
            method,
            resource,
            path=path,
            body=body,
            caller=self.authorize(),
            headers={"User-Agent": USER_AGENT, "Authorization": f"Bearer {self.token}"},
        )
        event["path"] = resource.format(**path)
        assert event["requestContext"]["identity"]["sourceIp"] == SOURCE_IP
        return answer(self.world.invoke(function, event))

    def put_customer(self, **body: str) -> Answer:
        return self.call(
            "create_customer", "PUT", "/customers/{customer_id}", body, customer_id=quote(SUBJECT)
        )

    def checkout(self, **changes: Any) -> Answer:
        body = checkout_body(self.world.terms, **changes)
        return self.call("create_checkout_session", "POST", "/checkout-sessions", body)


def webhooks(captured: Captured) -> None:
    """Deliver all events, each with its signature among what must not show; work off both queues."""
    world = captured.world
    for number, event in enumerate(world.events()):
        payload = json.dumps(event)
        header = signed(payload)
        captured.secrets[f"signature {number}"] = header.rpartition("v1=")[2]
        world.post_webhook(payload, header=header)
        client_secret = event["data"]["object"].get("client_secret")
        if client_secret:
            captured.secrets["the client secret"] = client_secret
    world.process(world.queued())
    for mandate in holdings(SUBJECT).mandates:
        world.invoke("publish_changes", stream_event(images(mandate.mandate_id)))
        world.invoke("release_withdrawals", sqs_event([{"mandate_id": mandate.mandate_id}]))


def the_good_journey(captured: Captured) -> None:
    person, stripe = Person(captured), captured.world.stripe.core
    assert person.put_customer(email=EMAIL, name=NAME).status == 201
    opened = person.checkout().body
    token = captured.world.return_token(opened["checkout_session_id"])
    captured.secrets["the return token"] = token
    stripe.decline(opened["checkout_session_id"])
    stripe.authorize(opened["checkout_session_id"])
    person.call(
        "read_checkout_session",
        "GET",
        "/checkout-sessions/{checkout_session_id}",
        checkout_session_id=opened["checkout_session_id"],
    )
    back = person.call(
        "record_return",
        "POST",
        "/checkout-sessions/{checkout_session_id}/return",
        {"return_token": token},
        checkout_session_id=opened["checkout_session_id"],
    )
    assert back.body["returned"]["customer"]
    webhooks(captured)
    mandate_id = opened["mandate_id"]
    mandate = person.call("read_mandates", "GET", "/mandates/{mandate_id}", mandate_id=mandate_id).body
    assert mandate["status"] == "active"
    listed = person.call(
        "read_mandates", "GET", "/customers/{customer_id}/mandates", customer_id=quote(SUBJECT)
    )
    assert listed.status == 200
    revoked = person.call("revoke_mandate", "POST", "/mandates/{mandate_id}/revoke", mandate_id=mandate_id)
    assert revoked.body["status"] == "revoked"
    webhooks(captured)
    second = person.checkout().body
    stripe.authorize(second["checkout_session_id"])
    webhooks(captured)
    method = head_of(second["mandate_id"]).payment_method_id
    stripe.revoke_at_amazon(str(method))
    stripe.delete_customer(mandate["stripe_customer_id"])
    webhooks(captured)


def what_goes_wrong(captured: Captured) -> None:
    world, person = captured.world, Person(captured)
    for authorization in (
        f"Basic {person.token}",
        "Bearer",
        f"Bearer {person.token}x",
        f"Bearer {person.token[:-9]}AAAAAAAAA",
        f"Bearer {issuer.token(issuer.customer_claims(sub=SUBJECT, exp=1))}",
        f"Bearer {issuer.token(issuer.customer_claims(sub=SUBJECT, email=EMAIL), key='another')}",
        f"Bearer {issuer.forged({'alg': 'none', 'kid': 'rsa-1'}, issuer.customer_claims(sub=SUBJECT))}",
    ):
        assert person.authorize(authorization) == {}
        captured.secrets[f"token {len(captured.secrets)}"] = authorization.split(" ")[-1] or "Bearer"
    captured.secrets = {name: secret for name, secret in captured.secrets.items() if secret != "Bearer"}
    assert person.put_customer(email=f"{EMAIL} no address").status == 400
    assert person.put_customer(nickname=NAME).status == 400
    assert person.call(
        "create_customer", "PUT", "/customers/{customer_id}", f'{{"email": "{EMAIL}', customer_id="x"
    ).status in {400, 404}
    assert (
        person.call("read_mandates", "GET", "/customers/{customer_id}", customer_id="auth0%7Cbob").status
        == 404
    )
    assert person.checkout(terms_digest="another").status == 409
    assert person.checkout(success_url=f"https://evil.example/?{EMAIL}").status == 422
    world.faults({"effect": "server_error", "status": 500})
    assert person.put_customer(email=EMAIL, name=NAME).status == 503
    world.faults()
    with world.monkeypatch.context() as breaks:
        replace_calls(breaks, out_of_reach)
        assert person.put_customer(email=EMAIL, name=NAME).status == 500
        assert world.post_webhook(json.dumps(foreign_event())).status == 500
        captured.invoke("process_webhook", sqs_event([{"id": "evt_stuck", "type": "customer.deleted"}]))
    payload = json.dumps(foreign_event())
    assert world.post_webhook(payload, header=f"t=1,v1={'ab' * 32}").status == 400
    assert world.post_webhook(f'["{EMAIL}"]').status == 400
    assert world.post_webhook(payload).status == 200
    world.process(world.queued())


def foreign_event() -> dict[str, Any]:
    """Another integration's, on the same Stripe account, with all that Stripe tells of a person."""
    intent = {
        "id": "seti_foreign",
        "object": "setup_intent",
        "client_secret": "seti_foreign_secret_placeholder",
        "status": "succeeded",
        "customer": "cus_foreign",
        "metadata": {"email": EMAIL, "mandate_id": "mdt_foreign", "managed_by": "test-stack"},
        "payment_method": {"id": "pm_1", "billing_details": {"email": EMAIL, "name": NAME}},
        "payment_method_types": ["amazon_pay"],
    }
    return {
        "id": "evt_foreign",
        "object": "event",
        "type": "setup_intent.succeeded",
        "created": 1,
        "livemode": False,
        "data": {"object": intent, "previous_attributes": {"client_secret": "seti_x_secret_y"}},
    }


def out_of_reach(_client: BaseClient, operation: str, _parameters: Any) -> Any:
    raise ClientError({"Error": {"Code": "InternalServerError", "Message": "out of reach"}}, operation)


def test_logs_queues_and_events_name_nobody(captured: Captured) -> None:
    the_good_journey(captured)
    what_goes_wrong(captured)
    written = captured.written()
    assert leaks(written, captured.secrets) == []
    # It was all there to be found.
    assert len(captured.secrets) > 30
    assert written["the log"].count('"token refused"') == 7
    for line in ("event seen", "webhook refused", "unexpected error", "refused", "webhook not queued"):
        assert f'"message":"{line}' in written["the log"], line
    assert '"reason":"' in written["the log"]
    assert "seti_" in written["a message"]
    assert "mandate.withdrawn" in written["a message"]
    assert "Traceback" in written["an exception"]
    assert "event seen" in written["other loggers"]
    assert "SignatureFailures" in written["stdout"]
    assert "quarantined" in written["an event record"]


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        (f"saving {EMAIL}", "the e-mail address"),
        (json.dumps({"name": NAME}), "the name"),
        (json.dumps(json.dumps({"name": NAME})), "the name"),
        ("GET /customers/auth0%7C5f7c8ec7c33c6c004bbafe82", "the subject"),
        (base64.b64encode(EMAIL.encode()).decode(), "the e-mail address"),
        ("client_secret=seti_1_secret_2", "a client secret"),
        (f"Authorization: Basic {API_KEY}", "the API key"),
    ],
)
def test_that_guard_can_fail(text: str, leak: str) -> None:
    secrets = {"the e-mail address": EMAIL, "the name": NAME, "the subject": SUBJECT, "the API key": API_KEY}
    assert leaks({"the log": text}, secrets) == [f"{leak} in the log"]
    assert leaks({"the log": "nothing to see"}, secrets) == []


def test_a_leak_from_a_function_is_seen(captured: Captured) -> None:
    """The places that are looked at are those that functions write to."""
    person = Person(captured)
    function = captured.world.function("read_mandates")
    original = function.handler

    def talkative(event: dict[str, Any], context: Any) -> Any:
        telemetry().info("who", extra={"email": EMAIL})
        logging.getLogger("library").info("agent %s", event["headers"]["User-Agent"])
        print(event["headers"]["Authorization"])
        captured.world.sqs.send_message(QueueUrl=captured.world.work_queue_url, MessageBody=NAME)
        return original(event, context)

    captured.world.monkeypatch.setattr(function, "handler", talkative)
    person.call("read_mandates", "GET", "/customers/{customer_id}", customer_id=quote(SUBJECT))
    found = leaks(captured.written(), captured.secrets)
    assert {
        "the e-mail address in the log",
        "the user agent in other loggers",
        "the token in stdout",
        "the name in a message",
        "the name in a queue",
    } <= set(found)


def test_looking_for_a_customer_at_stripe_does_not_log_who(captured: Captured) -> None:
    world, person = captured.world, Person(captured)
    world.faults({"effect": "server_error", "status": 503})
    assert person.put_customer().status == 503
    world.faults()
    long_ago = int(time.time()) - IDEMPOTENCY_WINDOW_SECONDS - SEARCHABLE_AFTER_SECONDS
    CustomerRow(SUBJECT, CustomerRow.RECORD).update([CustomerRow.claimed_at.set(long_ago)])
    assert person.put_customer().status == 201
    assert leaks(captured.written(), captured.secrets) == []
