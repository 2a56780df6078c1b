"""What is sent through the functions when they are measured: our sample events, one mandate for each."""

import functools
import json
from typing import Any

from local.settings import ROOT
from mandates.core.changes import Contribution, EventRecord, change, stands_on_after
from mandates.core.changes import Subject as StripeSubject
from mandates.core.clock import Instant
from mandates.core.facts import Fact, Kind, ids
from mandates.core.ledger import keep_beside
from mandates.core.mandate import Mandate
from mandates.core.messages import EVENT
from mandates.core.stripe_events.meaning import AboutMandate
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK, project
from mandates.core.stripe_events.readers import read_event
from mandates.core.terms import Terms
from mandates.store import mandates as store
from mandates.store import tables
from mandates.store.dynamodb import Transaction
from ops.terms import load

Json = dict[str, Any]

WEBHOOK_SECRET = "whsec_placeholder"
OWNER_MARK = "mandates-local"
"""As artefacts.environment has it: with another, nothing would be measured but that it is foreign."""
CREATED_AT = "2026-11-01T12:00:00.000Z"
KINDS = ("setup_intent.succeeded", "checkout.session.completed")
"""What a set-up that goes well brings. The first activates and links (five items), the second is told."""


_DIGITS, _LETTERS = "0123456789abcdef", "abcdefghijklmnop"


def mandate_id(number: int) -> str:
    """Of the form that ours have: another would be left out of the log."""
    return "mdt_" + f"{number:024x}".translate(str.maketrans(_DIGITS, _LETTERS))


@functools.cache
def _samples() -> Json:
    """By type: the sample that is nearest to what Stripe sends."""
    posted = json.loads((ROOT / "events/receive_webhook/setup_intent_succeeded.json").read_text())
    queued = json.loads((ROOT / "events/process_webhook/set_up.json").read_text())
    bodies = [posted["body"], *(record["body"] for record in queued["Records"])]
    by_type: Json = {}
    for body in bodies:
        event = json.loads(body)
        by_type.setdefault(event["type"], event)
    return by_type


def stripe_event(kind: str, number: int) -> Json:
    """An event about the mandate of that number, with ids of its own."""
    event: Json = json.loads(json.dumps(_samples()[kind]))
    event["id"] = f"evt_{kind.rpartition('.')[2]}_{number}"
    subject = event["data"]["object"]
    subject["metadata"] |= {METADATA_MANDATE: mandate_id(number), METADATA_OWNER_MARK: OWNER_MARK}
    subject["customer"] = f"cus_{number}"
    if subject["object"] == "checkout.session":
        subject["id"] = f"cs_test_{number}"
    if "payment_method" in subject:
        subject["payment_method"] = f"pm_{number}"
    return event


_CHARGED = "mdt_q"


def charged_mandate_id(number: int) -> str:
    """The id of a mandate that is active."""
    return _CHARGED + f"{number:023x}".translate(str.maketrans(_DIGITS, _LETTERS))


def charge_request(number: int, key: str) -> Json:
    """A charge of that mandate, under that Idempotency-Key."""
    sample: Json = json.loads((ROOT / "events/create_charge/create.json").read_text())
    body = {**json.loads(sample["body"]), "reference": key}
    path = {"mandate_id": charged_mandate_id(number)}
    headers = {
        "headers": {**sample["headers"], "Idempotency-Key": key},
        "multiValueHeaders": {**sample["multiValueHeaders"], "Idempotency-Key": [key]},
    }
    return {**sample, **headers, "pathParameters": path, "body": json.dumps(body)}


@functools.cache
def terms() -> Terms:
    """Those of the mandates that are charged."""
    return load(ROOT / "terms" / "example.yaml")


def webhook_request(payload: str, signature: str) -> Json:
    sample: Json = json.loads((ROOT / "events/receive_webhook/setup_intent_succeeded.json").read_text())
    return {**sample, "body": payload, "headers": {**sample["headers"], "Stripe-Signature": signature}}


def batch(kind: str, numbers: range) -> Json:
    """What Lambda hands the worker: one queued event for each of these mandates."""
    sample = json.loads((ROOT / "events/process_webhook/set_up.json").read_text())["Records"][0]
    return {
        "Records": [
            {
                **sample,
                "messageId": f"message-{number}",
                "body": EVENT.text(project(stripe_event(kind, number))),
            }
            for number in numbers
        ]
    }


@functools.lru_cache(maxsize=4096)
def mandate(of: str) -> Mandate:
    """A mandate whose customer has accepted the terms and has a session open at Stripe; or, if its id says
    so, has finished it."""
    is_charged = of.startswith(_CHARGED)
    letters = of.removeprefix(_CHARGED if is_charged else "mdt_")
    number = int(letters.translate(str.maketrans(_LETTERS, _DIGITS)), 16)
    created = Mandate(
        mandate_id=of,
        customer_id=f"auth0|{number}",
        stripe_customer_id=f"cus_{number}",
        created_at=CREATED_AT,
        terms_version=terms().version if is_charged else "2026-11-01",
        terms_digest=terms().digest if is_charged else "a" * 64,
        locale="en",
        wording_digest="b" * 64,
    )
    told = [
        Contribution(
            "api:create_checkout_session",
            (created.accepted(1793491200, "api:create_checkout_session"),),
            text="The text of the terms.",
            personal=keep_beside({"source_ip": "203.0.113.7"}, lambda size: b"\0" * size),
        ),
        Contribution(
            "api:session_created",
            (
                Fact(
                    Kind.SESSION_CREATED, 1793491201, "api:session", ids(checkout_session=f"cs_test_{number}")
                ),
            ),
        ),
    ]
    if is_charged:
        named = ids(payment_method=f"pm_{number}")
        told.append(
            Contribution("evt_1", (Fact(Kind.SETUP_SUCCEEDED, 1793491202, "evt_1", named),)),
        )
    subjects = {key: StripeSubject(key) for key in stands_on_after(created, told)}
    return change(created, told, subjects=subjects, recorded_at=CREATED_AT).after


def three_items(number: int) -> list[Json]:
    """What a completed session of that mandate is written as, in one transaction, as DynamoDB takes it."""
    event = project(stripe_event("checkout.session.completed", number))
    reading = read_event(event, owner_mark=OWNER_MARK, livemode=False)
    assert isinstance(reading, AboutMandate)
    head = mandate(reading.mandate_id)
    record = EventRecord(reading.event_id, type=event["type"], created=event["created"])
    told = [Contribution(reading.event_id, (reading.fact,), record)]
    subjects = {key: StripeSubject(key) for key in stands_on_after(head, told)}
    changed = change(head, told, subjects=subjects, recorded_at=CREATED_AT)
    writing = Transaction()
    tables.bind({"mandates": "mandates", "events": "events"})
    store.add_change(writing, changed, Instant(1793491300))
    return writing.writes
