"""One journey that has this release store and send everything it can: what samples are made of."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.stripe_simulator.resources.refunds import Refund
from mandates.charges.noticing import NoticeSent, record_notice
from mandates.core.charging.calendar import day_of
from mandates.core.charging.differences import Difference, DifferenceKind
from mandates.core.charging.movements import Movement
from mandates.core.clock import Instant
from mandates.core.retention import EVIDENCE_DAYS
from mandates.core.signing_secrets import SigningSecrets, parsed_secrets
from mandates.core.terms import Frequency, FrequencyKind, Period
from mandates.ledger.contributing import statuses
from mandates.privacy.erasure import erase
from mandates.privacy.holdings import holdings
from mandates.store.charges import due_charges, look_later, page_of_charges
from mandates.store.charging_switch import pause
from mandates.store.customers import creation_failed, read_customer
from mandates.store.differences import keep_difference, resolve
from mandates.store.events import dismiss
from mandates.store.mandates import read_heads
from mandates.store.movements import keep_movements
from mandates.store.published_terms import publish_terms, retire_terms
from mandates.store.unreleased import all_unreleased, dismiss_unreleased
from tests.aws_calls import real_call, replace_calls
from tests.component.advancing import Till
from tests.component.formats.samples import Item, Written
from tests.component.test_publish_changes import BUS, images, publish, refusing, stream_event
from tests.component.test_publish_charges import items as charge_items
from tests.component.test_publish_charges import publish as publish_charges
from tests.component.world import STRANGER, TABLES, World, customer, service

ERASED, UNANSWERED, REFUSED = "auth0|eve", "auth0|una", "auth0|rex"
NOTICED = "auth0|ned"
CHARGED = ("auth0|cay", "auth0|coy", "auth0|cid", "auth0|cym")
ZONE = "America/New_York"
SENDING = {"SendMessage", "SendMessageBatch"}
DAY = 86_400


def write_everything(world: World) -> Written:
    """All that was ever stored or sent on the way, and what is stored in the end."""
    written = Written()
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    offered = world.terms
    with _every_state_kept(world.monkeypatch, written):
        first = _consented_declined_and_set_up(world)
        _withdrawn_and_not_released(world, first)
        second = _withdrawn_by_stripe(world)
        _began_anew(world)
        _not_set_up(world)
        _noticed(world)
        _charged(world)
        _erased(world)
        _events_of_every_outcome(world)
        world.reconcile()
        retire_terms(offered.version, Instant(time.time()))
    for mandate_id in sorted({item["mandate_id"]["S"] for item in _stored("mandates")}):
        world.invoke("publish_changes", stream_event(images(mandate_id)))
        world.invoke("queue_withdrawals", stream_event(images(mandate_id)))
    _charges_told(world)
    refusing(world, *(f"{second[4]}{number}" for number in range(1, 30)), code="MalformedDetail")
    assert publish(world, images(second)) == []
    written.stored = {table: _stored(table) for table in TABLES}
    _take_what_was_sent(world, written)
    written.secret = json.loads(_secret())
    written.pack = _evidence(world, first)
    heads = read_heads(item["mandate_id"]["S"] for item in written.stored["mandates"])
    written.statuses = {one: str(status) for one, status in statuses(list(heads.values())).items()}
    return written


def _consented_declined_and_set_up(world: World, *, told_late: bool = False) -> str:
    """The customer returns from Stripe's page, and so does somebody else. Stripe tells of the failed attempt
    when it is made, or after all else."""
    begun = world.begun()
    session_id = begun["checkout_session_id"]
    world.stripe.core.decline(session_id)
    if not told_late:
        world.run_webhooks()
    world.stripe.core.authorize(session_id)
    world.return_page(session_id)
    world.come_back(session_id)
    world.come_back(session_id, customer(STRANGER))
    world.run_webhooks()
    return str(begun["mandate_id"])


def _withdrawn_and_not_released(world: World, mandate_id: str) -> None:
    """Once listed and still to be done, once dismissed."""
    assert world.revoke(mandate_id, service("mandates:write"), reason="account_closed").status == 200
    another = _consented_declined_and_set_up(world)
    assert world.revoke(another).status == 200
    world.faults({"effect": "resource_missing"})
    for one in (mandate_id, another):
        assert world.release(one) == ["message-0"]
    world.faults()
    dismissed = next(one for one in all_unreleased() if one.mandate_id == another)
    dismiss_unreleased(dismissed, by="an operator", reason="a sample", now=Instant(time.time()))


def _withdrawn_by_stripe(world: World) -> str:
    """The payment method first, then the customer."""
    mandate_id = _consented_declined_and_set_up(world, told_late=True)
    mandate = world.get_mandate(mandate_id).body
    world.stripe.core.revoke_at_amazon(mandate["payment_method_id"])
    world.run_webhooks()
    world.stripe.core.detach(mandate["payment_method_id"])
    world.stripe.core.delete_customer(mandate["stripe_customer_id"])
    world.run_webhooks()
    return mandate_id


def _began_anew(world: World) -> None:
    """A second Stripe customer, an open session, and one that ends."""
    opened = world.begun()
    world.stripe.core.expire(opened["checkout_session_id"])
    world.run_webhooks()
    world.begun()


def _not_set_up(world: World) -> None:
    """A creation that Stripe did not answer, and a session that it refuses."""
    world.put_customer(REFUSED)
    sessions = "/v1/checkout/sessions"
    world.faults({"effect": "rejected", "path": sessions, "param": "success_url", "code": "url_invalid"})
    assert world.post_checkout(REFUSED).status == 422
    world.faults({"effect": "server_error", "status": 500})
    assert world.put_customer(UNANSWERED).status == 503
    world.faults()
    claim = read_customer(UNANSWERED)
    assert claim
    creation_failed(claim, Instant(time.time()).seconds)


def _noticed(world: World) -> None:
    """By terms that promise notice: a charge that its notice covers, and one that is refused."""
    offered = world.terms
    world.terms = replace(offered, version="noticed", notice_hours=1)
    publish_terms(world.terms, Instant(time.time()))
    begun = world.begun(NOTICED)
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    mandate_id, now = begun["mandate_id"], time.time()
    today = day_of(int(now), world.terms.zone)
    sent = NoticeSent(mandate_id, 1_299, None, today, "message-1", actor="the-back-end")
    assert record_notice(sent, lambda: now - 2 * 3_600, os.urandom).created
    _attempted(Till(world, mandate_id, "pm_any"), outcome="succeeded")
    assert world.charge(mandate_id, "another", reference="another").body["reasons"] == ["notice_required"]
    world.terms = offered


def _charged(world: World) -> None:
    """By terms with a zone: a charge that Stripe refuses for good, then one that takes the money; of three
    more mandates one that is tried again, one that is ours to mend, and one that needs its customer, who
    withdraws. The success is refunded, disputed and audited. Then charging is paused."""
    monthly = Frequency(FrequencyKind.RECURRING, Period.MONTH, 1)
    world.terms = replace(world.terms, version="zoned", time_zone=ZONE, frequency=monthly)
    publish_terms(world.terms, Instant(time.time()))
    begun = [world.begun(customer_id) for customer_id in CHARGED]
    for one in begun:
        world.stripe.core.authorize(one["checkout_session_id"])
    world.run_webhooks()
    paid, retried, ours, waiting = (Till(world, one["mandate_id"], "pm_any") for one in begun)
    _attempted(paid, outcome="refused", code="payment_method_currency_mismatch")
    _attempted(paid, outcome="succeeded")
    _refunded_and_disputed(paid)
    _attempted(retried, outcome="declined", decline_code="generic_decline", advice_code="try_again_later")
    _attempted(ours, outcome="refused", code="payment_intent_mandate_invalid")
    _attempted(waiting, outcome="declined", code="payment_method_customer_decline")
    assert world.revoke(waiting.mandate_id, service("mandates:write")).status == 200
    assert world.release(waiting.mandate_id) == []
    world.run_webhooks()
    _queued(world)
    _audited(str(paid.mandate_id))
    pause("an operator", "a sample", Instant(time.time()))


def _refunded_and_disputed(till: Till) -> None:
    """In the Dashboard: one refund succeeds, one fails. One dispute is won, another one is open."""
    (paid, *_), _ = page_of_charges(till.mandate_id, 1, None)
    intent, world = paid.payment_intent_id or "", till.world
    world.stripe.core.refund(intent, 100)
    world.stripe.core.act(intent, Refund(200, then="failed"))
    world.advance_stripe(120)
    won = world.stripe.core.dispute(intent)
    world.run_webhooks()
    world.stripe.core.move_dispute(won, "won")
    world.stripe.core.dispute(intent)
    world.run_webhooks()


def _audited(mandate_id: str) -> None:
    """Its success is booked, converted and paid out. Two differences were found; one was dismissed."""
    (paid, *_), _ = page_of_charges(mandate_id, 1, None)
    now = Instant(time.time())
    amounts = {"amount": 1_199, "fee": 61, "net": 1_138, "currency": "eur", "exchange_rate": "0.9231"}
    times = {"created": now.seconds, "available_on": now.seconds + 2 * DAY}
    booked = Movement(paid.charge_id, "txn_1", "payment", "py_1", **amounts, **times, payout="po_1")  # type: ignore[arg-type]
    keep_movements([booked])
    for kind in (DifferenceKind.AMOUNT, DifferenceKind.REFUNDED):
        keep_difference(found := Difference(paid.charge_id, kind, "a sample", "pi_1"), now)
    assert resolve(found, now, by="an operator")


def _queued(world: World) -> None:
    """Whichever charge is due next is due already."""
    (soonest, *_) = due_charges(int(time.time()) + 2 * DAY, 10)
    look_later(soonest, int(time.time()) - 60)
    assert world.invoke("queue_due_charges", {}) == {"due": 1, "queued": 1}


def _attempted(till: Till, **payment: str) -> None:
    """A charge as far as it goes at once, if Stripe answers like this."""
    till.script(payment)
    charged = till.world.charge(till.mandate_id, f"key-{next(till.keys)}", reference=payment["outcome"])
    assert charged.status == 201, charged
    till.advance(charged.body["charge_id"])


def _charges_told(world: World) -> None:
    """Every entry, and one that can't be read."""
    told = charge_items("entry#")
    for charge_id in sorted({item["charge_id"]["S"] for item in told}):
        assert publish_charges(world, [item for item in told if item["charge_id"]["S"] == charge_id]) == []
    assert publish_charges(world, [{**told[0], "facts": {"S": "unreadable"}}]) == []


def _erased(world: World) -> None:
    begun = world.begun(ERASED)
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    problems = erase(
        holdings(ERASED),
        override=None,
        clock=lambda: time.time() + (EVIDENCE_DAYS + 1) * DAY,
        random_bytes=bytes,
        say=lambda _step: None,
    )
    assert problems == []


def _events_of_every_outcome(world: World) -> None:
    """Beside those that were applied."""
    (told, *_) = [event for event in world.events() if event["type"] == "setup_intent.succeeded"]
    intent = told["data"]["object"]
    ours = intent["metadata"]
    odd = {
        "foreign": {**intent, "metadata": {**ours, "managed_by": "another-stack"}},
        "impossible": {**intent, "metadata": {**ours, "mandate_id": "mdt_unknown"}},
        "dismissed": {**intent, "metadata": {**ours, "mandate_id": "mdt_unknown"}},
    }
    events = [{**told, "id": f"evt_{name}", "data": {"object": one}} for name, one in odd.items()]
    events.append({**told, "id": "evt_live", "livemode": True})
    events.append({**told, "id": "evt_unknown", "type": "invoice.paid"})
    world.deliver(*events)
    assert world.process(world.queued()) == []
    dismiss("evt_dismissed", "a sample", Instant(time.time()))


# ------------------------------------------------------------------------------------ what came of it


@contextmanager
def _every_state_kept(monkeypatch: pytest.MonkeyPatch, written: Written) -> Iterator[None]:
    """Also of items that are changed or deleted later."""
    call = real_call()

    def kept(self: BaseClient, operation: str, parameters: Any) -> Any:
        answer = call(self, operation, parameters)
        if operation in {"PutItem", "UpdateItem", "TransactWriteItems"}:
            together = parameters.get("TransactItems", [{operation: parameters}])
            for table in {write["TableName"] for one in together for write in one.values()}:
                written.keep(written.earlier[table], _stored(table))
        return answer

    with monkeypatch.context() as watching:
        replace_calls(watching, kept)
        yield


def _stored(table: str) -> list[Item]:
    found = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[table]
    return [item.to_json()["Attributes"] for item in found.all_items()]


def _take_what_was_sent(world: World, written: Written) -> None:
    for call in world.calls:
        if call.operation in SENDING:
            bodies = [entry["MessageBody"] for entry in call.parameters.get("Entries", [call.parameters])]
            queue = written.messages[_name_of(world, call.parameters["QueueUrl"])]
            written.keep(queue, map(json.loads, bodies))
        elif call.operation == "PutEvents":
            for entry in call.parameters["Entries"]:
                detail_type = str(entry["DetailType"])
                event = {**entry, "DetailType": detail_type, "Detail": json.loads(entry["Detail"])}
                written.keep(written.events[detail_type], [event])


def _name_of(world: World, queue_url: str) -> str:
    """By the template's name for it."""
    return {
        world.queue_url: "WebhookQueue",
        world.work_queue_url: "StripeWorkQueue",
        world.unpublished_url: "UnpublishedEntries",
        world.unpublished_charges_url: "UnpublishedCharges",
        world.charge_queue_url: "ChargeQueue",
    }[queue_url]


def _secret() -> str:
    secret = SigningSecrets().with_secret("we_sample", "whsec_placeholder", 1_793_491_200)
    secret = secret.with_secret("we_gone", "whsec_another_placeholder", 1_793_491_200)
    text = secret.removed(["we_gone"], 1_793_577_600).text()
    assert parsed_secrets(text).knows("we_sample")
    return text


def _evidence(world: World, mandate_id: str) -> Mapping[str, Any]:
    answered = world.call(
        "export_evidence",
        "/mandates/{mandate_id}/evidence",
        path={"mandate_id": mandate_id},
        caller=service("mandates:read"),
    )
    assert answered.status == 200, answered
    pack: Mapping[str, Any] = json.loads(json.dumps(answered.body))
    return pack
