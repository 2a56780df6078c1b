"""openapi.yaml and the running handlers say the same: every route, status, code, header, body and limit."""

import copy
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from mandates.api.problems import STATUSES
from mandates.core import errors
from mandates.core.charging.charge import ChargeStatus
from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.charging.reasons import Reason
from mandates.core.charging.refunds import RefundReason, RefundStatus
from mandates.core.clock import Instant
from mandates.core.currencies import CURRENCIES
from mandates.core.facts import Kind
from mandates.core.mandate import Mandate, Status
from mandates.core.terms import Frequency, FrequencyKind, Limits, Period, Terms
from mandates.store.conflicts import Conflict
from mandates.store.mandates import read_heads
from mandates.store.published_terms import publish_terms
from mandates.store.tables import TermsRow
from tests.component.charging import active_mandate
from tests.component.test_charge_reservation import told
from tests.component.test_charge_routes import STATUSES as STATUSES_OF_CHARGES
from tests.component.test_charge_routes import charge_of
from tests.component.world import (
    CUSTOMER,
    ORIGIN,
    ROOT,
    STRANGER,
    TABLES,
    Answer,
    World,
    charge_body,
    checkout_body,
    customer,
    notice_body,
    service,
    template,
)
from tests.functions import folder_of
from tests.unit.charging import A_MONTH, MONTHLY, ONE_TIME, terms

Json = dict[str, Any]

PROBLEM = "application/problem+json"


# ------------------------------------------------------------------------------------- the contract


def codes_in(schema: Json) -> list[str]:
    """The codes that an answer's problem may have: `allOf` the Problem and these."""
    codes: list[str] = schema["allOf"][1]["properties"]["code"]["enum"]
    return codes


@dataclass(frozen=True)
class Contract:
    """The document, and whether an answer or a request keeps to it. Operations are `PUT /customers/{id}`."""

    document: Json

    @property
    def operations(self) -> dict[str, Json]:
        methods = {"get", "put", "post", "delete", "patch"}
        return {
            f"{method.upper()} {path}": operation
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            if method in methods
        }

    def resolved(self, node: Json) -> Json:
        """What a reference to anything but a schema stands for."""
        while "$ref" in node:
            found: Any = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node

    def against(self, schema: Json, value: Any) -> list[str]:
        """What is wrong with a value, by JSON Schema 2020-12 and with formats."""
        rooted = {**schema, "components": self.document["components"]}  # so that its references resolve
        validator = Draft202012Validator(rooted, format_checker=Draft202012Validator.FORMAT_CHECKER)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def against_answer(
        self, operation: str, answer: Answer, *, origin: str | None = ORIGIN, gateway: bool = False
    ) -> list[str]:
        """What is wrong with an answer. Only the gateway's may be one that the document does not list."""
        responses: Json = self.operations[operation]["responses"]
        listed = responses.get(str(answer.status), responses["default"] if gateway else None)
        if listed is None:
            return [f"{operation} {answer.status}: no such status"]
        response = self.resolved(listed)
        found = [*self._against_headers(response, answer), *self._against_body(response, answer)]
        if not gateway:
            done = next(response for status, response in responses.items() if status < "300")
            named = "Access-Control-Allow-Origin" in done["headers"] and origin == ORIGIN
            if answer.headers.get("Access-Control-Allow-Origin") != (ORIGIN if named else None):
                found.append("Access-Control-Allow-Origin is not what this origin gets")
        return [f"{operation} {answer.status}: {what}" for what in found]

    def _against_headers(self, response: Json, answer: Answer) -> Iterator[str]:
        documented = {name: self.resolved(header) for name, header in response.get("headers", {}).items()}
        for name, header in documented.items():
            if name in answer.headers:
                text: Any = answer.headers[name]
                whole = header["schema"].get("type") == "integer" and text.isdecimal()
                value = int(text) if whole else text
                yield from (f"{name} {what}" for what in self.against(header["schema"], value))
            elif header.get("required"):
                yield f"{name} is missing"
        yield from (
            f"{name} is not documented" for name in answer.headers.keys() - documented - {"Content-Type"}
        )

    def _against_body(self, response: Json, answer: Answer) -> Iterator[str]:
        kind = answer.headers.get("Content-Type")
        content = response.get("content", {})
        if not content:
            if kind or answer.body is not None:
                yield "has a body"
            return
        if kind not in content:
            yield f"the content type is {kind}"
            return
        yield from self.against(content[kind].get("schema", {}), answer.body)
        if (kind == PROBLEM) is not (answer.status >= 400):
            yield f"{kind} with this status"
        if kind == PROBLEM and answer.body.get("status", answer.status) != answer.status:
            yield f"the body says {answer.body['status']}"

    def accepts(self, operation: str, body: Any) -> bool:
        content = self.operations[operation]["requestBody"]["content"]
        return not self.against(content["application/json"]["schema"], body)

    def body_schema(self, operation: str) -> Json:
        content = self.operations[operation]["requestBody"]["content"]
        return self.resolved(content["application/json"]["schema"])

    def codes_of(self, response: Json) -> list[str]:
        """The codes a response can carry, `""` if it is no problem."""
        problem = self.resolved(response).get("content", {}).get(PROBLEM)
        return codes_in(problem["schema"]) if problem else [""]

    def answers(self) -> set[tuple[str, int, str]]:
        """Every answer the document knows, as operation, status and code; without `default`."""
        return {
            (name, int(status), code)
            for name, operation in self.operations.items()
            for status, response in operation["responses"].items()
            if status != "default"
            for code in self.codes_of(response)
        }


CONTRACT = Contract(yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8")))


def functions() -> dict[str, str]:
    """Which function answers an operation, by template.yaml."""
    return {
        f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}": folder_of(name)
        for name, resource in template()["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api"
    }


# ------------------------------------------------------------------------------------- the recorder


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every answer in this module is held against the document; this is what was wrong with them."""
    found: list[str] = []
    call, post_webhook = World.call, World.post_webhook

    def recorded_call(
        self: World, name: str, resource: str, *, method: str = "GET", headers: Any = None, **words: Any
    ) -> Answer:
        answer = call(self, name, resource, method=method, headers=headers, **words)
        origin = (headers or {}).get("Origin", ORIGIN)
        found.extend(CONTRACT.against_answer(f"{method} {resource}", answer, origin=origin))
        return answer

    def recorded_webhook(self: World, payload: str, **words: Any) -> Answer:
        answer = post_webhook(self, payload, **words)
        found.extend(CONTRACT.against_answer("POST /webhooks/stripe", answer))
        return answer

    monkeypatch.setattr(World, "call", recorded_call)
    monkeypatch.setattr(World, "post_webhook", recorded_webhook)
    return found


# ----------------------------------------------------------------------- one case for every answer

TERMS = "GET /terms/current"
PUT_CUSTOMER = "PUT /customers/{customer_id}"
GET_CUSTOMER = "GET /customers/{customer_id}"
LIST_MANDATES = "GET /customers/{customer_id}/mandates"
MANDATES_OF_DAY = "GET /mandates"
CHECKOUT = "POST /checkout-sessions"
RETURN_PAGE = "GET /checkout-sessions/{checkout_session_id}"
RETURN = "POST /checkout-sessions/{checkout_session_id}/return"
GET_MANDATE = "GET /mandates/{mandate_id}"
REVOKE = "POST /mandates/{mandate_id}/revoke"
CHARGE = "POST /mandates/{mandate_id}/charges"
CHECK = "POST /mandates/{mandate_id}/charges/check"
LIST_CHARGES = "GET /mandates/{mandate_id}/charges"
CHARGES_OF_DAY = "GET /charges"
GET_CHARGE = "GET /charges/{charge_id}"
CANCEL = "POST /charges/{charge_id}/cancel"
REFUND = "POST /charges/{charge_id}/refunds"
LIST_REFUNDS = "GET /charges/{charge_id}/refunds"
NOTICE = "POST /mandates/{mandate_id}/notices"
LIST_NOTICES = "GET /mandates/{mandate_id}/notices"
EVIDENCE = "GET /mandates/{mandate_id}/evidence"
EVIDENCE_PDF = "GET /mandates/{mandate_id}/evidence.pdf"
EVIDENCE_KEYS = "GET /evidence-keys"
WEBHOOK = "POST /webhooks/stripe"

ONLY_CUSTOMERS = {CHECKOUT, RETURN_PAGE, RETURN}
OF_A_DAY = (MANDATES_OF_DAY, CHARGES_OF_DAY)
OF_ONE_CHARGE = {GET_CHARGE, CANCEL, REFUND, LIST_REFUNDS}
OF_CHARGES = {CHARGE, CHECK, LIST_CHARGES, NOTICE, LIST_NOTICES, *OF_ONE_CHARGE}
OF_A_MANDATE = {GET_MANDATE, REVOKE, EVIDENCE, EVIDENCE_PDF, *OF_CHARGES}
A_RETURN = {"return_token": "t" * 43}
A_CHARGE = f"chg_{'a' * 24}_{'b' * 16}"
THE_FIRST_KEY = {"Idempotency-Key": "first"}

MONTHLY_LIMIT = terms(per_period=A_MONTH)
RECURRING = terms(MONTHLY, per_period=A_MONTH)
NOTICED = terms(notice_hours=24)

BOB = customer(STRANGER)
BACK_END = service("mandates:read", "mandates:write", "charges:write", "refunds:write")
LONGEST_RUN_SECONDS = 4 * 3600
EVENT = {"id": "evt_1", "object": "event", "type": "setup_intent.succeeded", "created": 1, "livemode": False}
STRIPE_DOWN = {"effect": "server_error", "status": 503}


def test_whoever_is_made_while_tests_are_collected_outlasts_the_run() -> None:
    assert int(BOB["expires_at"]) - time.time() > LONGEST_RUN_SECONDS


def send(
    world: World,
    operation: str,
    subject: str = "",
    *,
    body: Any = None,
    caller: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Answer:
    """Call an operation, with `subject` for its path parameter and as the caller unless there is another."""
    method, resource = operation.split(" ")
    names = re.findall(r"{(\w+)}", resource)
    if operation in {CHARGE, REFUND}:
        headers = {"Idempotency-Key": "key-1", **(headers or {})}
    if operation in OF_A_DAY:
        query = {"created_on": f"{datetime.now(UTC):%Y-%m-%d}", **(query or {})}
    return world.call(
        functions()[operation],
        resource,
        method=method,
        path=dict.fromkeys(names, subject),
        body=body,
        caller=customer(subject) if caller is None else caller,
        headers={"Accept": "application/pdf"} if headers is None and operation == EVIDENCE_PDF else headers,
        query=query,
    )


type Play = Callable[[World, str], Answer]


@dataclass(frozen=True)
class Case:
    """`play` gets a customer id that no other case has, and returns the answer meant."""

    operation: str
    status: int
    code: str
    play: Callable[[World, str], Answer]


def terms_still_those(world: World, me: str) -> Answer:
    seen = send(world, TERMS, query={"locale": "de-AT"})
    return send(world, TERMS, query={"locale": "de"}, headers={"If-None-Match": seen.headers["ETag"]})


def terms_that_say_all(world: World, me: str) -> Answer:
    limits = replace(world.terms.limits, first_date="2026-11-01", last_date="2027-10-31")
    monthly = Frequency(FrequencyKind.RECURRING, Period.MONTH, 1)
    full = replace(
        world.terms, version="full", frequency=monthly, amount=1299, limits=limits, notice_hours=48
    )
    full = replace(full, time_zone="America/New_York")
    publish_terms(full, Instant(time.time()))
    return send(world, TERMS)


def terms_that_say_least(world: World, me: str) -> Answer:
    text = {name: text for name, text in world.terms.texts["en"].items() if name != "cancellation"}
    once, little = Frequency(FrequencyKind.ONE_TIME), Limits("eur", 1)
    least = replace(world.terms, version="least", frequency=once, limits=little, texts={"en": text})
    publish_terms(least, Instant(time.time()))
    return send(world, TERMS)


@contextmanager
def no_terms(world: World) -> Iterator[None]:
    for row in TermsRow.scan():
        row.delete()
    yield
    publish_terms(world.terms, Instant(time.time()))


def without_terms(play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        with no_terms(world):
            return play(world, me)

    return played


def while_stripe_is_down(play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    """The fault lasts until the case is over."""

    def played(world: World, me: str) -> Answer:
        world.faults(STRIPE_DOWN)
        return play(world, me)

    return played


@contextmanager
def others_win(world: World, writes: str) -> Iterator[None]:
    """Somebody else always writes first."""

    def conflict(*_arguments: Any, **_words: Any) -> None:
        raise Conflict

    with world.monkeypatch.context() as patched:
        patched.setattr(writes, conflict)
        patched.setattr("mandates.store.conflicts.random.uniform", lambda *_: 0.0)
        yield


def while_others_win(writes: str, play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        world.put_customer(me)
        with others_win(world, writes):
            return play(world, me)

    return played


def without_tables(operation: str) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        for name in TABLES:
            boto3.client("dynamodb").delete_table(TableName=name)
        bodies = {CHECKOUT: a_checkout(world), RETURN: A_RETURN}
        subject = A_CHARGE if operation in OF_ONE_CHARGE else me
        caller = BACK_END if operation in OF_A_DAY else None
        return send(world, operation, subject, body=bodies.get(operation, {}), caller=caller)

    return played


MAKES = {CHARGE: "create_charge", REFUND: "create_refund"}


def with_a_bug(operation: str) -> Play:
    """Without its tables a charge or refund is a 503: nobody can say whether there is one."""

    def played(world: World, me: str) -> Answer:
        world.monkeypatch.delattr(world.function(MAKES[operation]), "caller_of")
        return send(world, operation, me)

    return played


def a_checkout(world: World, **changes: Any) -> Json:
    return checkout_body(world.terms, **changes)


def checkout(**changes: Any) -> Callable[[World, str], Answer]:
    """POST /checkout-sessions by a customer that Stripe has."""

    def played(world: World, me: str) -> Answer:
        world.put_customer(me)
        return world.post_checkout(me, **changes)

    return played


def adopt(stripe_customer_id: Callable[[World, str], str]) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        return send(
            world,
            PUT_CUSTOMER,
            me,
            caller=BACK_END,
            body={"stripe_customer_id": stripe_customer_id(world, me)},
        )

    return played


def one_at_stripe(world: World, me: str) -> str:
    return str(world.stripe_client().v1.customers.create({}).id)


def one_of_another(world: World, me: str) -> str:
    return str(world.put_customer(f"{me} before").body["stripe_customer_id"])


def refused_by_stripe(play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    return after_saving(play, effect="rejected")


def unknown_there(play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    """Stripe's customer is one of another account, as far as the key can tell."""
    return after_saving(play, effect="resource_missing")


def after_saving(play: Callable[[World, str], Answer], **fault: str) -> Callable[[World, str], Answer]:
    """The fault lasts from the customer's first visit until the case is over."""

    def played(world: World, me: str) -> Answer:
        world.put_customer(me)
        world.faults(fault)
        return play(world, me)

    return played


def deleted_unheard(play: Callable[[World, str], Answer]) -> Callable[[World, str], Answer]:
    """Stripe's customer is gone, and its webhook has not come yet."""

    def played(world: World, me: str) -> Answer:
        world.stripe.core.delete_customer(world.put_customer(me).body["stripe_customer_id"])
        return play(world, me)

    return played


def begun_too_often(world: World, me: str) -> Answer:
    world.put_customer(me)
    return [world.post_checkout(me, success_url=f"{ORIGIN}/{number}") for number in range(11)][-1]


Happens = Callable[[World, Any], object]
"""What a customer or Stripe does about an open checkout, the body of whose 201 is given."""


def nothing(world: World, opened: Any) -> None:
    pass


def authorized(world: World, opened: Any) -> None:
    world.stripe.core.authorize(opened["checkout_session_id"])


def declined(world: World, opened: Any) -> None:
    world.stripe.core.decline(opened["checkout_session_id"])


def expired(world: World, opened: Any) -> None:
    world.stripe.core.expire(opened["checkout_session_id"])


def mandate_after(happens: Happens) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        opened = world.begun(me)
        happens(world, opened)
        world.run_webhooks()
        listed = send(world, LIST_MANDATES, me)
        assert [one["mandate_id"] for one in listed.body["mandates"]] == [opened["mandate_id"]]
        return send(world, GET_MANDATE, opened["mandate_id"], caller=customer(me))

    return played


def return_page_after(happens: Happens, *, webhooks: bool = False) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        opened = world.begun(me)
        happens(world, opened)
        if webhooks:
            world.run_webhooks()
        return send(world, RETURN_PAGE, opened["checkout_session_id"], caller=customer(me))

    return played


def revoked_after(happens: Happens, body: Any = None) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        opened = world.begun(me)
        happens(world, opened)
        world.run_webhooks()
        return send(world, REVOKE, opened["mandate_id"], caller=customer(me), body=body)

    return played


def return_page_while_others_win(world: World, me: str) -> Answer:
    opened = world.begun(me)
    authorized(world, opened)
    with others_win(world, "mandates.ledger.contributing.commit"):
        return send(world, RETURN_PAGE, opened["checkout_session_id"], caller=customer(me))


def revoked_while_others_win(world: World, me: str) -> Answer:
    opened = world.begun(me)
    with others_win(world, "mandates.ledger.contributing.commit"):
        return send(world, REVOKE, opened["mandate_id"], caller=customer(me))


def revoked_wrongly(**words: Any) -> Callable[[World, str], Answer]:
    """With a mandate there is, since nothing is read of a body before that."""
    return lambda world, me: send(world, REVOKE, world.begun(me)["mandate_id"], caller=customer(me), **words)


def of_a_day(operation: str, **query: str) -> Play:
    """A service lists them, after a customer made two mandates, or two charges."""

    def play(world: World, me: str) -> Answer:
        if operation == MANDATES_OF_DAY:
            world.begun(me)
            world.post_checkout(me, locale="de")
        else:
            mandate_id = active_mandate(terms(), customer_id=me)
            world.charge(mandate_id, "first")
            world.charge(mandate_id, "second")
        return send(world, operation, caller=BACK_END, query=query)

    return play


def a_page_of_several(world: World, me: str) -> Answer:
    world.begun(me)
    world.post_checkout(me, locale="de")
    page = send(world, LIST_MANDATES, me, query={"limit": "1"})
    assert page.body["next_cursor"]
    return page


def a_page_of_a_ledger(world: World, me: str) -> Answer:
    mandate_id = world.begun(me)["mandate_id"]
    page = send(world, GET_MANDATE, mandate_id, caller=customer(me), query={"limit": "1"})
    assert page.body["next_cursor"]
    return page


def gone_at_stripe(world: World, opened: Any) -> None:
    world.stripe.core.authorize(opened["checkout_session_id"])
    mandate = world.get_mandate(opened["mandate_id"], BACK_END).body
    world.stripe.core.delete_customer(mandate["stripe_customer_id"])


def a_mandate(caller: Mapping[str, str], **words: Any) -> Callable[[World, str], Answer]:
    return lambda world, me: send(world, GET_MANDATE, world.begun(me)["mandate_id"], caller=caller, **words)


def evidence(
    operation: str, happens: Happens = nothing, *, caller: Mapping[str, str] = BACK_END, **words: Any
) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        opened = world.begun(me)
        happens(world, opened)
        world.run_webhooks()
        return send(world, operation, opened["mandate_id"], caller=caller, **words)

    return played


def unreadable(world: World, opened: Any) -> None:
    key = {"mandate_id": {"S": opened["mandate_id"]}, "record": {"S": "entry#000001"}}
    boto3.client("dynamodb").update_item(
        TableName="mandates",
        Key=key,
        UpdateExpression="SET facts = :facts",
        ExpressionAttributeValues={":facts": {"S": "{"}},
    )


def evidence_of_what_never_rests(operation: str) -> Callable[[World, str], Answer]:
    """The ledger has grown each time that it was read."""
    lengths = itertools.count(1)

    def grown(mandate_ids: Iterable[str]) -> dict[str, Mandate]:
        heads = read_heads(mandate_ids)
        return {mandate_id: replace(head, entries=next(lengths)) for mandate_id, head in heads.items()}

    def played(world: World, me: str) -> Answer:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mandates.ledger.snapshot.read_heads", grown)
            return evidence(operation)(world, me)

    return played


def without_a_key(world: World, me: str) -> Answer:
    world.environment["EVIDENCE_KEY_IDS"] = "unknown"
    world.functions.clear()
    return send(world, EVIDENCE_KEYS)


def evidence_cases(operation: str) -> list[Case]:
    return [
        Case(operation, 500, "ledger_unreadable", evidence(operation, unreadable)),
        *tokens(operation),
        *paths(operation, "mandates:read"),
        Case(operation, 200, "", evidence(operation)),
        Case(operation, 200, "", evidence(operation, authorized)),
        Case(operation, 200, "", evidence(operation, gone_at_stripe, query={"page": "1"})),
        Case(operation, 400, "invalid_request", evidence(operation, query={"page": "0"})),
        Case(operation, 403, "insufficient_scope", evidence_of_ones_own(operation)),
        Case(operation, 404, "not_found", lambda w, me: send(w, operation, "unknown", caller=BACK_END)),
        Case(operation, 404, "not_found", evidence(operation, query={"page": "2"})),
        Case(operation, 404, "not_found", evidence(operation, caller=BOB)),
        Case(operation, 503, "busy", evidence_of_what_never_rests(operation)),
    ]


def evidence_of_ones_own(operation: str) -> Callable[[World, str], Answer]:
    return lambda world, me: send(world, operation, world.begun(me)["mandate_id"], caller=customer(me))


def charged(
    operation: str = CHARGE, terms: Terms = MONTHLY_LIMIT, **words: Any
) -> Callable[[World, str], Answer]:
    """An operation on a mandate with those terms, which has one charge."""

    def played(world: World, me: str) -> Answer:
        mandate_id = active_mandate(terms, customer_id=me)
        made = world.charge(mandate_id, "first", amount=300, reference="first").body["charge_id"]
        subject = made if operation in OF_ONE_CHARGE else mandate_id
        return send(world, operation, subject, **{"caller": BACK_END, **words})

    return played


def of_its_customer(operation: str) -> Callable[[World, str], Answer]:
    return lambda world, me: charged(operation, caller=customer(me))(world, me)


def in_status(name: str) -> Case:
    """A charge of which the handler is told what leads to that status."""

    def played(world: World, me: str) -> Answer:
        made = world.charge(active_mandate(MONTHLY_LIMIT, customer_id=me)).body["charge_id"]
        for kind, said in STATUSES_OF_CHARGES[name][0]:
            told(charge_of(made), kind, int(time.time()), **said)
        return send(world, GET_CHARGE, made, caller=BACK_END)

    return Case(GET_CHARGE, 200, "", played)


def cancelled(status: str | None = None, *, meanwhile: Callable[[World], object] = lambda _: None) -> Play:
    """A cancellation of a charge in that status of STATUSES_OF_CHARGES, or whose intent is recorded and no
    attempt has begun."""

    def played(world: World, me: str) -> Answer:
        made = world.charge(active_mandate(MONTHLY_LIMIT, customer_id=me)).body["charge_id"]
        intent = (ChargeKind.INTENT_CREATED, {"payment_intent": f"pi_{made[4:28]}"})
        for kind, said in STATUSES_OF_CHARGES[status][0] if status else [intent]:
            told(charge_of(made), kind, int(time.time()), **said)
        meanwhile(world)
        return send(world, CANCEL, made, caller=BACK_END)

    return played


def paid(world: World, me: str) -> str:
    """The id of a charge that took 1299."""
    made: str = world.charge(active_mandate(MONTHLY_LIMIT, customer_id=me)).body["charge_id"]
    told(charge_of(made), ChargeKind.INTENT_CREATED, int(time.time()), payment_intent=f"pi_{made[4:28]}")
    told(charge_of(made), ChargeKind.ATTEMPT_SUCCEEDED, int(time.time()), attempt=1)
    return made


def refunded(operation: str = REFUND, **words: Any) -> Play:
    """An operation on a charge that took 1299, of which 600 are being refunded."""

    def played(world: World, me: str) -> Answer:
        made = paid(world, me)
        assert world.refund(made, "first", amount=600).status == 201
        return send(world, operation, made, **{"caller": BACK_END, **words})

    return played


def refunds_of_its_customer(world: World, me: str) -> Answer:
    return refunded(LIST_REFUNDS, caller=customer(me))(world, me)


def refunded_while_others_win(world: World, me: str) -> Answer:
    made = paid(world, me)
    with others_win(world, "mandates.charges.recording.commit_charge"):
        return world.refund(made)


def cancelled_while_others_win(world: World, me: str) -> Answer:
    made = world.charge(active_mandate(MONTHLY_LIMIT, customer_id=me)).body["charge_id"]
    with others_win(world, "mandates.charges.recording.commit_charge"):
        return send(world, CANCEL, made, caller=BACK_END)


def without_its_terms(operation: str, body: Any = None) -> Callable[[World, str], Answer]:
    def played(world: World, me: str) -> Answer:
        mandate_id = active_mandate(MONTHLY_LIMIT, customer_id=me)
        with no_terms(world):
            return send(world, operation, mandate_id, caller=BACK_END, body=body or charge_body())

    return played


def charged_while_others_win(world: World, me: str) -> Answer:
    mandate_id = active_mandate(MONTHLY_LIMIT, customer_id=me)
    with others_win(world, "mandates.charges.reserving.commit_charge"):
        return world.charge(mandate_id)


def noticed(operation: str, promised: Terms = NOTICED, **words: Any) -> Callable[[World, str], Answer]:
    """An operation on a mandate that has one notice."""

    def played(world: World, me: str) -> Answer:
        mandate_id = active_mandate(promised, customer_id=me)
        first = send(world, NOTICE, mandate_id, caller=BACK_END, body=notice_body())
        assert first.status == 201
        return send(world, operation, mandate_id, **{"caller": BACK_END, **words})

    return played


def noticed_while_others_win(world: World, me: str) -> Answer:
    mandate_id = active_mandate(NOTICED, customer_id=me)
    with others_win(world, "mandates.charges.noticing.commit_notice"):
        return send(world, NOTICE, mandate_id, caller=BACK_END, body=notice_body())


def notices_of_its_customer(world: World, me: str) -> Answer:
    return noticed(LIST_NOTICES, caller=customer(me))(world, me)


def charges_that_are_asked_for(operation: str) -> list[Case]:
    """What making and checking a charge have in common."""
    text = {"Content-Type": "text/plain"}
    return [
        Case(operation, 500, "ledger_unreadable", without_its_terms(operation)),
        *tokens(operation),
        *paths(operation, "charges:write"),
        Case(operation, 400, "invalid_request", charged(operation, body="{")),
        Case(operation, 400, "invalid_request", charged(operation, body=charge_body(amount=0))),
        Case(
            operation,
            400,
            "invalid_request",
            charged(operation, body=charge_body(charge_by="2020-01-01T00:00:00Z")),
        ),
        Case(operation, 403, "insufficient_scope", of_its_customer(operation)),
        Case(operation, 413, "request_too_large", charged(operation, body="x" * 65_537)),
        Case(operation, 415, "unsupported_media_type", charged(operation, body="{}", headers=text)),
    ]


def posted(payload: str, **words: Any) -> Callable[[World, str], Answer]:
    return lambda world, me: world.post_webhook(payload, **words)


def without_a_queue(world: World, me: str) -> Answer:
    world.function("receive_webhook")
    world.sqs.delete_queue(QueueUrl=world.queue_url)
    return world.post_webhook(json.dumps(EVENT))


def tokens(operation: str) -> list[Case]:
    """What a route with a token refuses before it does anything, and when nothing works."""
    expired = customer(expires_at=str(int(time.time()) - 1))
    return [
        Case(operation, 401, "unauthenticated", lambda w, me: send(w, operation, me, body={}, caller={})),
        Case(
            operation, 401, "unauthenticated", lambda w, me: send(w, operation, me, body={}, caller=expired)
        ),
        Case(
            operation,
            500,
            "internal_error",
            with_a_bug(operation) if operation in MAKES else without_tables(operation),
        ),
    ]


def come_back(
    session_id: str, body: Any = None, caller: Mapping[str, str] | None = None
) -> Callable[[World, str], Answer]:
    return lambda w, me: send(w, RETURN, session_id, body=body or A_RETURN, caller=caller or customer(me))


def came_back(world: World, me: str) -> Answer:
    return world.come_back(world.begun(me)["checkout_session_id"], customer(me))


def came_back_while_others_win(world: World, me: str) -> Answer:
    session_id = world.begun(me)["checkout_session_id"]
    with others_win(world, "mandates.ledger.contributing.commit"):
        return world.come_back(session_id, customer(me))


def paths(operation: str, scope: str) -> list[Case]:
    """What a route with a path parameter refuses."""
    others = {**BACK_END, "scopes": " ".join(sorted({"mandates:read", "mandates:write"} - {scope}))}
    return [
        Case(operation, 400, "invalid_request", lambda w, me: send(w, operation, "x" * 256)),
        Case(operation, 400, "invalid_request", lambda w, me: send(w, operation, "%FF")),
        Case(
            operation,
            404,
            "not_found",
            lambda w, me: send(w, operation, me, body={}, caller=BOB),
        ),
        Case(
            operation,
            403,
            "insufficient_scope",
            lambda w, me: send(w, operation, me, body={}, caller=others),
        ),
    ]


def bodies(operation: str) -> list[Case]:
    """What a route with a JSON body refuses."""
    return [
        Case(operation, 400, "invalid_request", lambda w, me: send(w, operation, me, body="{")),
        Case(operation, 400, "invalid_request", lambda w, me: send(w, operation, me, body={"nickname": "x"})),
        Case(operation, 413, "request_too_large", lambda w, me: send(w, operation, me, body="x" * 65_537)),
        Case(
            operation,
            415,
            "unsupported_media_type",
            lambda w, me: send(w, operation, me, body="{}", headers={"Content-Type": "text/plain"}),
        ),
    ]


CASES = [
    Case(TERMS, 200, "", lambda w, me: send(w, TERMS)),
    Case(TERMS, 200, "", lambda w, me: send(w, TERMS, headers={"Origin": "https://elsewhere.example"})),
    Case(TERMS, 200, "", lambda w, me: send(w, TERMS, query={"locale": "<" * 100})),
    Case(TERMS, 304, "", terms_still_those),
    Case(TERMS, 200, "", terms_that_say_all),
    Case(TERMS, 200, "", terms_that_say_least),
    Case(TERMS, 404, "no_terms", without_terms(lambda w, me: send(w, TERMS))),
    Case(TERMS, 500, "internal_error", without_tables(TERMS)),
    *tokens(PUT_CUSTOMER),
    *paths(PUT_CUSTOMER, "mandates:write"),
    *bodies(PUT_CUSTOMER),
    Case(PUT_CUSTOMER, 201, "", lambda w, me: w.put_customer(me, email="a@shop.example", name="A")),
    Case(PUT_CUSTOMER, 200, "", lambda w, me: [w.put_customer(me), w.put_customer(me)][1]),
    Case(PUT_CUSTOMER, 201, "", deleted_unheard(lambda w, me: w.put_customer(me, name="A"))),
    Case(PUT_CUSTOMER, 201, "", adopt(one_at_stripe)),
    Case(
        PUT_CUSTOMER,
        403,
        "insufficient_scope",
        lambda w, me: send(w, PUT_CUSTOMER, me, body={"stripe_customer_id": "cus_example"}),
    ),
    Case(PUT_CUSTOMER, 409, "customer_already_linked", adopt(one_of_another)),
    Case(PUT_CUSTOMER, 422, "stripe_customer_unknown", adopt(lambda w, me: "cus_unknown")),
    Case(PUT_CUSTOMER, 502, "stripe_refused", refused_by_stripe(lambda w, me: w.put_customer(me, name="A"))),
    Case(PUT_CUSTOMER, 502, "unknown_at_stripe", unknown_there(lambda w, me: w.put_customer(me, name="A"))),
    Case(
        PUT_CUSTOMER,
        503,
        "stripe_unavailable",
        while_stripe_is_down(lambda w, me: w.put_customer(me)),
    ),
    Case(
        PUT_CUSTOMER,
        503,
        "busy",
        while_others_win("mandates.setup.customers.resolve_claim", lambda w, me: w.put_customer(f"{me} too")),
    ),
    *tokens(GET_CUSTOMER),
    *paths(GET_CUSTOMER, "mandates:read"),
    Case(GET_CUSTOMER, 404, "not_found", lambda w, me: send(w, GET_CUSTOMER, me)),
    Case(GET_CUSTOMER, 200, "", lambda w, me: [w.put_customer(me), send(w, GET_CUSTOMER, me)][1]),
    Case(
        GET_CUSTOMER,
        200,
        "",
        lambda w, me: [w.put_customer(me), send(w, GET_CUSTOMER, me, caller=service("mandates:read"))][1],
    ),
    *tokens(MANDATES_OF_DAY),
    Case(MANDATES_OF_DAY, 403, "insufficient_scope", lambda w, me: send(w, MANDATES_OF_DAY, me)),
    Case(MANDATES_OF_DAY, 400, "invalid_request", of_a_day(MANDATES_OF_DAY, created_on="27.11.2026")),
    Case(MANDATES_OF_DAY, 200, "", of_a_day(MANDATES_OF_DAY, status="pending")),
    *tokens(LIST_MANDATES),
    *paths(LIST_MANDATES, "mandates:read"),
    Case(LIST_MANDATES, 200, "", lambda w, me: send(w, LIST_MANDATES, me)),
    Case(LIST_MANDATES, 200, "", lambda w, me: [w.begun(me), send(w, LIST_MANDATES, me)][1]),
    Case(LIST_MANDATES, 200, "", a_page_of_several),
    Case(
        LIST_MANDATES, 400, "invalid_request", lambda w, me: send(w, LIST_MANDATES, me, query={"cursor": "x"})
    ),
    *tokens(GET_MANDATE),
    *paths(GET_MANDATE, "mandates:read"),
    Case(GET_MANDATE, 404, "not_found", a_mandate(BOB)),
    Case(GET_MANDATE, 404, "not_found", lambda w, me: send(w, GET_MANDATE, "unknown", caller=BACK_END)),
    Case(GET_MANDATE, 403, "insufficient_scope", a_mandate({**BACK_END, "scopes": "mandates:write"})),
    Case(GET_MANDATE, 200, "", a_mandate({**BACK_END, "scopes": "mandates:read"})),
    Case(GET_MANDATE, 400, "invalid_request", a_mandate(BACK_END, query={"cursor": "x"})),
    Case(GET_MANDATE, 200, "", a_page_of_a_ledger),
    Case(GET_MANDATE, 200, "", mandate_after(authorized)),
    Case(GET_MANDATE, 200, "", mandate_after(declined)),
    Case(GET_MANDATE, 200, "", mandate_after(expired)),
    Case(GET_MANDATE, 200, "", mandate_after(gone_at_stripe)),
    *tokens(CHECKOUT),
    *bodies(CHECKOUT),
    Case(CHECKOUT, 201, "", checkout()),
    Case(CHECKOUT, 201, "", checkout(locale="de")),
    Case(CHECKOUT, 200, "", lambda w, me: [w.begun(me), w.post_checkout(me)][1]),
    Case(CHECKOUT, 403, "insufficient_scope", lambda w, me: w.post_checkout(caller=BACK_END)),
    Case(CHECKOUT, 404, "no_terms", without_terms(checkout())),
    Case(CHECKOUT, 409, "customer_required", lambda w, me: w.post_checkout(me)),
    Case(CHECKOUT, 409, "customer_required", deleted_unheard(World.post_checkout)),
    Case(CHECKOUT, 409, "terms_changed", checkout(terms_digest="0" * 64)),
    Case(CHECKOUT, 409, "terms_changed", checkout(locale="fr")),
    Case(CHECKOUT, 422, "consent_required", checkout(accepted=False)),
    Case(CHECKOUT, 422, "redirect_not_allowed", checkout(success_url="https://elsewhere.example/")),
    Case(CHECKOUT, 422, "redirect_not_allowed", checkout(cancel_url=f"{ORIGIN}/#cart")),
    Case(
        CHECKOUT,
        422,
        "redirect_refused_by_stripe",
        after_saving(World.post_checkout, effect="rejected", param="success_url", code="url_invalid"),
    ),
    Case(CHECKOUT, 502, "stripe_refused", refused_by_stripe(World.post_checkout)),
    Case(CHECKOUT, 502, "unknown_at_stripe", unknown_there(World.post_checkout)),
    Case(
        CHECKOUT,
        503,
        "stripe_unavailable",
        lambda w, me: [w.put_customer(me), while_stripe_is_down(World.post_checkout)(w, me)][1],
    ),
    Case(CHECKOUT, 503, "busy", while_others_win("mandates.setup.checkouts.take_slot", World.post_checkout)),
    Case(CHECKOUT, 429, "too_many_checkouts", begun_too_often),
    *tokens(RETURN_PAGE),
    Case(RETURN_PAGE, 400, "invalid_request", lambda w, me: send(w, RETURN_PAGE, "x" * 256)),
    Case(RETURN_PAGE, 403, "insufficient_scope", lambda w, me: send(w, RETURN_PAGE, "cs_1", caller=BACK_END)),
    Case(RETURN_PAGE, 404, "not_found", lambda w, me: send(w, RETURN_PAGE, "cs_unknown")),
    Case(
        RETURN_PAGE,
        404,
        "not_found",
        lambda w, me: send(w, RETURN_PAGE, w.begun(me)["checkout_session_id"], caller=BOB),
    ),
    Case(RETURN_PAGE, 200, "", return_page_after(nothing)),
    Case(RETURN_PAGE, 200, "", return_page_after(authorized)),
    Case(RETURN_PAGE, 200, "", return_page_after(declined, webhooks=True)),
    Case(RETURN_PAGE, 200, "", return_page_after(lambda w, opened: w.faults(STRIPE_DOWN))),
    Case(RETURN_PAGE, 503, "busy", return_page_while_others_win),
    *tokens(RETURN),
    *bodies(RETURN),
    Case(RETURN, 400, "invalid_request", come_back("cs_1", body={"return_token": "short"})),
    Case(RETURN, 400, "invalid_request", come_back("x" * 256)),
    Case(RETURN, 403, "insufficient_scope", come_back("cs_1", caller=BACK_END)),
    Case(RETURN, 404, "not_found", come_back("cs_unknown")),
    Case(
        RETURN,
        404,
        "not_found",
        lambda w, me: w.come_back(w.begun(me)["checkout_session_id"], customer(STRANGER)),
    ),
    Case(
        RETURN,
        422,
        "wrong_return_token",
        lambda w, me: w.come_back(
            w.begun(me)["checkout_session_id"], customer(me), token=A_RETURN["return_token"]
        ),
    ),
    Case(RETURN, 200, "", came_back),
    Case(RETURN, 503, "busy", came_back_while_others_win),
    *tokens(REVOKE),
    *paths(REVOKE, "mandates:write"),
    Case(REVOKE, 400, "invalid_request", revoked_wrongly(body={"reason": "Because!"})),
    Case(REVOKE, 413, "request_too_large", revoked_wrongly(body="x" * 65_537)),
    Case(REVOKE, 415, "unsupported_media_type", revoked_wrongly(body="{}", headers={"Content-Type": "a/b"})),
    Case(REVOKE, 404, "not_found", lambda w, me: send(w, REVOKE, "unknown", caller=BACK_END)),
    Case(REVOKE, 200, "", revoked_after(nothing)),
    Case(REVOKE, 200, "", revoked_after(authorized, {"reason": "account_closed"})),
    Case(REVOKE, 200, "", revoked_after(expired, {})),
    Case(
        REVOKE,
        200,
        "",
        lambda w, me: send(
            w, REVOKE, w.begun(me)["mandate_id"], caller={**BACK_END, "scopes": "mandates:write"}
        ),
    ),
    Case(REVOKE, 503, "busy", revoked_while_others_win),
    *charges_that_are_asked_for(CHARGE),
    Case(CHARGE, 201, "", lambda w, me: w.charge(active_mandate(MONTHLY_LIMIT, customer_id=me))),
    Case(CHARGE, 200, "", charged(body=charge_body(amount=300, reference="first"), headers=THE_FIRST_KEY)),
    Case(CHARGE, 400, "invalid_request", charged(body=charge_body(), headers={"Idempotency-Key": ""})),
    Case(CHARGE, 409, "charge_not_permitted", charged(body=charge_body(), terms=RECURRING)),
    Case(CHARGE, 409, "charge_not_permitted", charged(body=charge_body(amount=10_001))),
    Case(CHARGE, 409, "charge_not_permitted", charged(body=charge_body(reference="first"))),
    Case(CHARGE, 422, "idempotency_key_reused", charged(body=charge_body(), headers=THE_FIRST_KEY)),
    Case(CHARGE, 503, "busy", charged_while_others_win),
    *charges_that_are_asked_for(CHECK),
    Case(CHECK, 200, "", charged(CHECK, body=charge_body(at=None))),
    Case(CHECK, 200, "", charged(CHECK, RECURRING, body=charge_body(reference="first"))),
    Case(CHECK, 200, "", charged(CHECK, replace(RECURRING, frequency=ONE_TIME), body=charge_body())),
    *tokens(CHARGES_OF_DAY),
    Case(CHARGES_OF_DAY, 403, "insufficient_scope", lambda w, me: send(w, CHARGES_OF_DAY, me)),
    Case(CHARGES_OF_DAY, 400, "invalid_request", of_a_day(CHARGES_OF_DAY, status="active")),
    Case(CHARGES_OF_DAY, 200, "", of_a_day(CHARGES_OF_DAY, limit="1")),
    *tokens(LIST_CHARGES),
    *paths(LIST_CHARGES, "mandates:read"),
    Case(
        LIST_CHARGES,
        200,
        "",
        lambda w, me: send(w, LIST_CHARGES, w.begun(me)["mandate_id"], caller=customer(me)),
    ),
    Case(LIST_CHARGES, 200, "", charged(LIST_CHARGES, query={"limit": "1"})),
    Case(LIST_CHARGES, 200, "", of_its_customer(LIST_CHARGES)),
    Case(LIST_CHARGES, 400, "invalid_request", charged(LIST_CHARGES, query={"cursor": "x"})),
    *tokens(GET_CHARGE),
    *paths(GET_CHARGE, "mandates:read"),
    Case(GET_CHARGE, 404, "not_found", charged(GET_CHARGE, caller=BOB)),
    Case(GET_CHARGE, 200, "", of_its_customer(GET_CHARGE)),
    *map(in_status, STATUSES_OF_CHARGES),
    *tokens(CANCEL),
    *paths(CANCEL, "charges:write"),
    Case(CANCEL, 403, "insufficient_scope", of_its_customer(CANCEL)),
    Case(CANCEL, 200, "", charged(CANCEL)),
    Case(CANCEL, 409, "charge_is_final", cancelled("succeeded")),
    Case(CANCEL, 409, "charge_is_final", cancelled("failed")),
    Case(CANCEL, 502, "unknown_at_stripe", cancelled()),
    Case(CANCEL, 502, "stripe_refused", cancelled(meanwhile=lambda w: w.faults({"effect": "rejected"}))),
    Case(CANCEL, 503, "stripe_unavailable", cancelled(meanwhile=lambda w: w.faults(STRIPE_DOWN))),
    Case(CANCEL, 503, "busy", cancelled_while_others_win),
    *tokens(REFUND),
    *paths(REFUND, "refunds:write"),
    Case(REFUND, 201, "", refunded(body={"amount": 1, "reason": "duplicate"})),
    Case(REFUND, 201, "", refunded(body={})),
    Case(REFUND, 200, "", refunded(body={"amount": 600}, headers=THE_FIRST_KEY)),
    Case(REFUND, 400, "invalid_request", refunded(body="{")),
    Case(REFUND, 400, "invalid_request", refunded(body={"amount": 0})),
    Case(REFUND, 400, "invalid_request", refunded(body={}, headers={"Idempotency-Key": ""})),
    Case(REFUND, 403, "insufficient_scope", lambda w, me: refunded(caller=customer(me), body={})(w, me)),
    Case(REFUND, 409, "refund_not_permitted", charged(REFUND, body={})),
    Case(REFUND, 409, "refund_not_permitted", refunded(body={"amount": 700})),
    Case(REFUND, 413, "request_too_large", refunded(body="x" * 65_537)),
    Case(
        REFUND,
        415,
        "unsupported_media_type",
        refunded(body="{}", headers={"Content-Type": "text/plain"}),
    ),
    Case(REFUND, 422, "idempotency_key_reused", refunded(body={}, headers=THE_FIRST_KEY)),
    Case(REFUND, 503, "busy", refunded_while_others_win),
    *tokens(LIST_REFUNDS),
    *paths(LIST_REFUNDS, "mandates:read"),
    Case(LIST_REFUNDS, 200, "", refunded(LIST_REFUNDS)),
    Case(LIST_REFUNDS, 200, "", refunds_of_its_customer),
    Case(LIST_REFUNDS, 404, "not_found", refunded(LIST_REFUNDS, caller=BOB)),
    Case(NOTICE, 500, "ledger_unreadable", without_its_terms(NOTICE, notice_body())),
    *tokens(NOTICE),
    *paths(NOTICE, "charges:write"),
    Case(NOTICE, 201, "", noticed(NOTICE, body=notice_body(reference="message-8"))),
    Case(NOTICE, 200, "", noticed(NOTICE, body=notice_body())),
    Case(NOTICE, 400, "invalid_request", noticed(NOTICE, body="{")),
    Case(NOTICE, 400, "invalid_request", noticed(NOTICE, body=notice_body(date="9999-12-31"))),
    Case(NOTICE, 403, "insufficient_scope", lambda w, me: noticed(NOTICE, caller=customer(me))(w, me)),
    Case(NOTICE, 409, "notice_refused", noticed(NOTICE, body=notice_body(amount=5_001))),
    Case(NOTICE, 409, "notice_too_late", noticed(NOTICE, body=notice_body(date="2020-01-01"))),
    Case(NOTICE, 413, "request_too_large", noticed(NOTICE, body="x" * 65_537)),
    Case(
        NOTICE,
        415,
        "unsupported_media_type",
        noticed(NOTICE, body="{}", headers={"Content-Type": "text/plain"}),
    ),
    Case(NOTICE, 503, "busy", noticed_while_others_win),
    Case(LIST_NOTICES, 500, "ledger_unreadable", without_its_terms(LIST_NOTICES)),
    *tokens(LIST_NOTICES),
    *paths(LIST_NOTICES, "mandates:read"),
    Case(LIST_NOTICES, 200, "", noticed(LIST_NOTICES, query={"limit": "1"})),
    Case(LIST_NOTICES, 200, "", notices_of_its_customer),
    Case(LIST_NOTICES, 400, "invalid_request", noticed(LIST_NOTICES, query={"cursor": "x"})),
    *evidence_cases(EVIDENCE),
    *evidence_cases(EVIDENCE_PDF),
    Case(EVIDENCE_PDF, 406, "not_acceptable", evidence(EVIDENCE_PDF, headers={"Accept": "*/*"})),
    Case(EVIDENCE_KEYS, 200, "", lambda w, me: send(w, EVIDENCE_KEYS)),
    Case(EVIDENCE_KEYS, 500, "internal_error", without_a_key),
    Case(WEBHOOK, 200, "", posted(json.dumps(EVENT))),
    Case(WEBHOOK, 400, "invalid_signature", posted(json.dumps(EVENT), header="")),
    Case(WEBHOOK, 400, "invalid_event", posted("[]")),
    Case(WEBHOOK, 400, "invalid_request", posted("***", isBase64Encoded=True)),
    Case(WEBHOOK, 413, "request_too_large", posted(json.dumps({**EVENT, "pad": "x" * 1024 * 1024}))),
    Case(WEBHOOK, 500, "not_queued", without_a_queue),
]

NO_HANDLER = "the gateway's own answer; test_the_gateway_answers_as_documented holds the template to it"

NOT_FROM_A_HANDLER: dict[tuple[int, str], str] = {
    (400, "bad_request"): NO_HANDLER,
    (403, "access_denied"): NO_HANDLER,
    (403, "request_blocked"): NO_HANDLER,
    (413, "bad_request"): NO_HANDLER,
    (429, "too_many_requests"): NO_HANDLER,
    (502, "internal_error"): NO_HANDLER + ": a function that crashed or ran out of time",
}

NO_ROUTE_YET: set[str] = set()
"""Codes of errors that only routes still to come can raise."""


@pytest.mark.parametrize("operation", CONTRACT.operations)
def test_the_handlers_answer_as_documented(world: World, broken: list[str], operation: str) -> None:
    cases = [(number, case) for number, case in enumerate(CASES) if case.operation == operation]
    for number, case in sorted(cases, key=lambda one: one[1].status == 500):  # a 500 leaves ruins behind
        answer = case.play(world, f"auth0|{number}")
        world.faults()
        code = answer.body["code"] if answer.status >= 400 else ""
        if (answer.status, code) != (case.status, case.code):
            broken.append(f"case {number} ({case.status} {case.code}): {answer}")
    assert broken == []
    assert cases


def test_every_documented_answer_has_a_case() -> None:
    documented = CONTRACT.answers()
    played = {(case.operation, case.status, case.code) for case in CASES}
    impossible = {answer for answer in documented - played if answer[1:] in NOT_FROM_A_HANDLER}
    # Whatever goes wrong in receive_webhook is a `not_queued`; only the gateway can say this.
    impossible.add((WEBHOOK, 500, "internal_error"))
    assert documented - impossible == played
    assert {answer[1:] for answer in impossible} >= NOT_FROM_A_HANDLER.keys()


def test_every_code_is_documented_with_its_status_and_what_to_do(world: World) -> None:
    codes = CONTRACT.document["components"]["schemas"]["ProblemCode"]
    defaults = CONTRACT.codes_of({"$ref": "#/components/responses/Gateway"})
    assert set(codes["enum"]) == {code for _, _, code in CONTRACT.answers() if code} | set(defaults)
    assert re.findall(r"^\| `(\w+)` \|", codes["description"], re.MULTILINE) == codes["enum"]
    for error, status in STATUSES.items():
        found = {
            answer[1]
            for answer in CONTRACT.answers()
            if answer[2] == error.code and answer[1:] not in NOT_FROM_A_HANDLER
        }
        assert found == (set() if error.code in NO_ROUTE_YET else {status}), error
    assert STATUSES.keys() == {
        error for error in vars(errors).values() if isinstance(error, type) and "code" in vars(error)
    }


def test_the_words_are_those_of_the_code() -> None:
    schemas = CONTRACT.document["components"]["schemas"]
    assert schemas["FactKind"]["enum"] == list(Kind)
    assert schemas["MandateStatus"]["enum"] == list(Status)
    assert schemas["Period"]["enum"] == list(Period)
    assert schemas["ChargeStatus"]["enum"] == list(ChargeStatus)
    assert schemas["ChargeReason"]["enum"] == list(Reason)
    assert schemas["ChargeEndReason"]["enum"] == list(EndReason)
    assert schemas["RefundStatus"]["enum"] == list(RefundStatus)
    assert schemas["RefundReason"]["enum"] == list(RefundReason)
    assert schemas["ChargeFailureClass"]["enum"] == list(ErrorClass)
    for name in ("ChargeStatus", "ChargeReason", "RefundStatus", "RefundReason"):
        rows = re.findall(r"^\| `(\w+)` \|", schemas[name]["description"], re.MULTILINE)
        assert rows == schemas[name]["enum"]
    assert schemas["Limits"]["properties"]["currency"]["enum"] == sorted(CURRENCIES)


# -------------------------------------------------------------------------------------- the gateway


def gateway_answers() -> Iterator[tuple[str, Answer]]:
    """What template.yaml has the gateway answer by itself, with each status that it may have."""
    spread = {"DEFAULT_4XX": (400, 413, 431), "DEFAULT_5XX": (500, 502, 504)}
    for kind, response in template()["Resources"]["Api"]["Properties"]["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        values = {
            name: value if isinstance(value, str) else value["Fn::Sub"] for name, value in headers.items()
        }
        text = response["ResponseTemplates"]["application/json"]
        text = text.replace("$context.requestId", "a-request")
        body = json.loads(text.replace("$context.error.messageString", '"A message"'))
        for status in spread.get(kind) or [int(response["StatusCode"])]:
            yield kind, Answer(status, {name: value.strip("'") for name, value in values.items()}, body)


def test_the_gateway_answers_as_documented() -> None:
    wrong = []
    for kind, answer in gateway_answers():
        for name, operation in CONTRACT.operations.items():
            asks_for_a_token = operation.get("security") != []
            if kind == "MISSING_AUTHENTICATION_TOKEN":  # no such route, so under none of them
                wrong += CONTRACT.against({"$ref": "#/components/schemas/Problem"}, answer.body)
            elif asks_for_a_token or kind not in {"UNAUTHORIZED", "ACCESS_DENIED"}:
                wrong += CONTRACT.against_answer(name, answer, gateway=True)
    assert wrong == []
    assert {
        (answer.status, answer.body["code"]) for _, answer in gateway_answers()
    } >= NOT_FROM_A_HANDLER.keys()


# ------------------------------------------------------------------------------------ what is asked

WITH_BODY = [name for name, operation in CONTRACT.operations.items() if "requestBody" in operation]

VALID: dict[str, Callable[[World], Json]] = {
    PUT_CUSTOMER: lambda world: {"email": "a@shop.example", "name": "A"},
    CHECKOUT: a_checkout,
    RETURN: lambda world: A_RETURN,
    REVOKE: lambda world: {"reason": "account_closed"},
    CHARGE: lambda world: charge_body(),
    CHECK: lambda world: charge_body(),
    REFUND: lambda world: {"amount": 600, "reason": "duplicate"},
    NOTICE: lambda world: notice_body(),
    WEBHOOK: lambda world: EVENT,
}


def subject_of(world: World, operation: str) -> str:
    """What an operation's path names: of the customer who has a mandate and an open session."""
    if operation == REFUND:
        return paid(world, CUSTOMER)
    if operation in OF_CHARGES:
        mandate_id = active_mandate(MONTHLY_LIMIT, customer_id=CUSTOMER)
        return world.charge(mandate_id).body["charge_id"] if operation in OF_ONE_CHARGE else mandate_id
    opened = world.begun()
    if operation in OF_A_MANDATE:
        return str(opened["mandate_id"])
    return str(opened["checkout_session_id"]) if operation in {RETURN_PAGE, RETURN} else CUSTOMER


OF_LENGTH: dict[str, Callable[[int], str]] = {
    "email": lambda length: "a@" + "b" * (length - 2),
    "stripe_customer_id": lambda length: "cus_" + "1" * (length - 4),
    "success_url": lambda length: f"{ORIGIN}/".ljust(length, "a"),
    "cancel_url": lambda length: f"{ORIGIN}/".ljust(length, "a"),
    "locale": lambda length: "en" + "-aa" * ((length - 2) // 3) + "a" * ((length - 2) % 3),
}
"""A text of that length with nothing else wrong, where any text will not do."""


def lengths(schema: Json) -> set[int]:
    """Either side of each limit."""
    limits = [kind for kind in [schema, *schema.get("anyOf", [])] if kind.get("type") == "string"]
    smallest = [kind["minLength"] for kind in limits if "minLength" in kind]
    largest = [kind["maxLength"] for kind in limits if "maxLength" in kind]
    return {length for limit in smallest for length in (limit - 1, limit)} | {
        length for limit in largest for length in (limit, limit + 1)
    }


def possible_bodies(contract: Contract, operation: str, valid: Json) -> Iterator[Any]:
    yield from (valid, [], [valid], "text", None, 7, True, {}, {**valid, "nickname": "A"})
    anything: list[Any] = [None, True, 7, 1.5, "", "é <>", [], ["a"], {}, "x" * 5000]
    for name, property_ in contract.body_schema(operation)["properties"].items():
        yield {field: value for field, value in valid.items() if field != name}
        yield from ({**valid, name: value} for value in anything)
        of_length = OF_LENGTH.get(name, "x".__mul__)
        yield from ({**valid, name: of_length(length)} for length in lengths(contract.resolved(property_)))


def disagreements(world: World, contract: Contract, operation: str) -> list[str]:
    """Bodies that only one of the document and the handler takes."""
    wrong = []
    subject = subject_of(world, operation) if operation in OF_A_MANDATE else CUSTOMER
    world.put_customer()
    for body in possible_bodies(contract, operation, VALID[operation](world)):
        text = json.dumps(body)
        if operation == WEBHOOK:
            answer = world.post_webhook(text)
        else:
            caller = customer() if operation in ONLY_CUSTOMERS else BACK_END
            answer = send(world, operation, subject, body=text, caller=caller)
        taken = answer.status != 400
        if taken is not contract.accepts(operation, body):
            wrong.append(f"{operation} {'takes' if taken else 'refuses'} {text[:200]}")
    return wrong


@pytest.mark.parametrize("operation", WITH_BODY)
def test_the_document_takes_the_bodies_that_the_handler_takes(
    world: World, broken: list[str], operation: str
) -> None:
    assert disagreements(world, CONTRACT, operation) == []
    assert broken == []


@pytest.mark.parametrize("operation", WITH_BODY)
def test_a_field_given_twice_is_refused_on_every_route(
    world: World, broken: list[str], operation: str
) -> None:
    subject = subject_of(world, operation) if operation in OF_A_MANDATE else CUSTOMER
    for name, value in VALID[operation](world).items():
        twice = json.dumps(VALID[operation](world))[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
        if operation == WEBHOOK:
            refused = world.post_webhook(twice)
        else:
            caller = customer() if operation in ONLY_CUSTOMERS else BACK_END
            refused = send(world, operation, subject, body=twice, caller=caller)
        assert (refused.status, f'"{name}" is given twice' in refused.body["detail"]) == (400, True)
    assert broken == []


@pytest.mark.parametrize("operation", [name for name in WITH_BODY if name != WEBHOOK])
def test_the_limits_are_those_of_the_handlers_types(world: World, operation: str) -> None:
    body = msgspec.json.schema(world.function(functions()[operation]).Body)["$defs"]["Body"]
    schema = CONTRACT.body_schema(operation)
    documented = {
        name: {word: value for word, value in property_.items() if word != "description"}
        for name, property_ in schema["properties"].items()
    }
    assert documented == body["properties"]
    assert schema.get("required", []) == body["required"]
    assert schema["additionalProperties"] is body["additionalProperties"] is False


# ------------------------------------------------------------------------------- the document itself


def test_the_document_is_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(CONTRACT.document).iter_errors()) == []


def nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def test_the_examples_are_valid_and_there_is_one_for_every_code() -> None:
    wrong, used = [], set()
    for node in nodes(CONTRACT.document):
        examples = node.get("examples")
        if "schema" in node and isinstance(examples, dict):
            used |= {example["$ref"].rpartition("/")[2] for example in examples.values() if "$ref" in example}
            for example in examples.values():
                wrong += CONTRACT.against(node["schema"], CONTRACT.resolved(example)["value"])
        elif "schema" in node and "example" in node:
            wrong += CONTRACT.against(node["schema"], node["example"])
        elif isinstance(examples, list):
            wrong += [what for example in examples for what in CONTRACT.against(node, example)]
        if PROBLEM in node:
            codes = codes_in(node[PROBLEM]["schema"])
            assert list(node[PROBLEM]["examples"]) == codes
    assert wrong == []
    assert used == CONTRACT.document["components"]["examples"].keys()


def test_no_component_is_left_over() -> None:
    used = {node["$ref"] for node in nodes(CONTRACT.document) if "$ref" in node}
    components = CONTRACT.document["components"]
    assert used == {
        f"#/components/{kind}/{name}"
        for kind, named in components.items()
        if kind != "securitySchemes"
        for name in named
    }


# ------------------------------------------------------------------------- that the guard can fail


def doctored(change: Callable[[Json], object]) -> Contract:
    document = copy.deepcopy(CONTRACT.document)  # aliases stay aliases: one change shows everywhere
    change(document)
    return Contract(document)


def put_customer_in(document: Json) -> Json:
    operation: Json = document["paths"]["/customers/{customer_id}"]["put"]
    return operation


SPOILT_FOR_ANSWERS: list[tuple[Callable[[Json], object], str]] = [
    (lambda d: put_customer_in(d)["responses"].pop("201"), "no such status"),
    (
        lambda d: d["components"]["schemas"]["CustomerSaved"]["properties"].pop("customer_id"),
        "'customer_id' was unexpected",
    ),
    (
        lambda d: d["components"]["schemas"]["CustomerSaved"]["required"].append("name"),
        "'name' is a required property",
    ),
    (lambda d: d["components"]["schemas"]["Id"].update(maxLength=3), "too long"),
    (lambda d: put_customer_in(d)["responses"]["201"]["headers"].pop("Vary"), "Vary is not documented"),
    (lambda d: d["components"]["headers"]["Vary"].update(schema={"const": "*"}), "Vary $: '*' was expected"),
    (
        lambda d: put_customer_in(d)["responses"]["201"]["headers"].update(
            ETag={"$ref": "#/components/headers/ETag"}
        ),
        "ETag is missing",
    ),
    (lambda d: put_customer_in(d)["responses"]["201"].pop("content"), "has a body"),
    (
        lambda d: put_customer_in(d)["responses"]["201"].update(content={"text/plain": {}}),
        "the content type is application/json",
    ),
]


def test_a_document_that_says_something_else_of_an_answer_is_noticed(world: World) -> None:
    created = world.put_customer()
    assert CONTRACT.against_answer(PUT_CUSTOMER, created) == []
    for spoil, complaint in SPOILT_FOR_ANSWERS:
        (found, *_) = doctored(spoil).against_answer(PUT_CUSTOMER, created) or ["nothing"]
        assert complaint in found


def test_an_answer_that_says_something_else_is_noticed(world: World) -> None:
    world.faults(STRIPE_DOWN)
    answer = world.put_customer()
    assert CONTRACT.against_answer(PUT_CUSTOMER, answer) == []
    for changed in (
        replace(answer, status=500),
        replace(answer, body={**answer.body, "code": "teapot"}),
        replace(answer, body={**answer.body, "status": 500}),
        replace(answer, body={**answer.body, "code": "busy"}),  # which says nothing of Stripe
        replace(answer, headers={**answer.headers, "Retry-After": "soon"}),
        replace(answer, headers={**answer.headers, "Access-Control-Allow-Origin": "*"}),
        replace(answer, headers={**answer.headers, "Content-Type": "application/json"}),
    ):
        assert CONTRACT.against_answer(PUT_CUSTOMER, changed) != [], changed
    opened = send(world, TERMS)
    for name in ("digest", "locale", "wording_digest", "limits"):
        assert CONTRACT.against_answer(TERMS, replace(opened, body={**opened.body, name: "?"})) != []


SPOILT_FOR_BODIES: list[tuple[Callable[[Json], object], str]] = [
    (lambda schema: schema["properties"]["name"].update(maxLength=255), "takes"),
    (lambda schema: schema["properties"]["name"].pop("maxLength"), "refuses"),
    (lambda schema: schema["properties"]["name"].pop("minLength"), "refuses"),
    (lambda schema: schema["properties"]["email"].pop("pattern"), "refuses"),
    (lambda schema: schema["properties"]["name"].update(type=["string", "null"]), "refuses"),
    (lambda schema: schema.update(required=["name"]), "takes"),
    (lambda schema: schema.pop("additionalProperties"), "refuses"),
]


def test_a_document_with_other_limits_is_noticed(world: World) -> None:
    for spoil, does in SPOILT_FOR_BODIES:
        contract = doctored(lambda document: None)
        spoil(contract.body_schema(PUT_CUSTOMER))
        found = disagreements(world, contract, PUT_CUSTOMER)
        assert any(what.startswith(f"{PUT_CUSTOMER} {does} ") for what in found), found


def test_a_document_that_is_not_openapi_is_noticed() -> None:
    contract = doctored(lambda d: put_customer_in(d).pop("responses") and d.pop("info"))
    assert list(OpenAPIV31SpecValidator(contract.document).iter_errors()) != []
