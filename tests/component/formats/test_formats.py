"""What earlier releases stored and sent is read, and what this one does has the form it says it has."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from mandates.core.canonical import canonical_json
from mandates.core.charging.charge import room
from mandates.core.charging.messages import ADVANCE, read_due
from mandates.core.charging.outward import ChargeEventType
from mandates.core.evidence_check import page_problems
from mandates.core.faults import faults
from mandates.core.formats import NewerFormat
from mandates.core.ledger import first_broken
from mandates.core.messages import EVENT, UNPUBLISHED, MessageKind
from mandates.core.outward import EventType
from mandates.core.signing_secrets import SigningSecrets, parsed_secrets
from mandates.core.subjects import payment_intent_subject
from mandates.core.work_messages import RELEASE, WORK_KINDS
from mandates.ledger.contributing import statuses
from mandates.ledger.snapshot import read_record
from mandates.store import tables
from mandates.store.audit_items import DifferenceRow, MovementRow, TurnRow
from mandates.store.charge_items import ChargeRow, SwitchRow, UsageRow
from mandates.store.charges import due_charges, open_charges, page_of_charges, read_charge, read_charge_ledger
from mandates.store.charging_switch import ChargingPause, read_pause, turns
from mandates.store.customers import owner_of, read_customer, read_slot
from mandates.store.differences import differences_of
from mandates.store.event_cursors import read_positions
from mandates.store.events import quarantined, seen
from mandates.store.item_formats import Item as Kind
from mandates.store.mandates import mandates_of, read_heads, read_ledger
from mandates.store.movements import movements_of
from mandates.store.published_terms import all_terms, read_terms
from mandates.store.raw_items import read_as_stored
from mandates.store.sessions import mandates_naming, may_ask
from mandates.store.tables import (
    CursorRow,
    CustomerRow,
    EventRow,
    HeadRow,
    IntentRow,
    SessionRow,
    SubjectRow,
    TermsRow,
)
from mandates.store.unreleased import all_unreleased, read_unreleased
from ops.evidence import problems_in
from ops.stack import Stack
from tests.component.conftest import in_memory
from tests.component.formats.journey import write_everything
from tests.component.formats.samples import RELEASES, Written, kind_of
from tests.component.operating import main
from tests.component.test_evidence import kms_signs_digests
from tests.component.test_publish_changes import BUS, VALIDATOR, bus, entry, publish, stream_event, who
from tests.component.test_publish_charges import bus as charge_bus
from tests.component.test_publish_charges import items as charge_items
from tests.component.test_publish_charges import publish as publish_charges
from tests.component.world import CUSTOMER, TABLES, World, customer, metrics, sqs_event, template
from tests.unit.test_charge_outward import VALIDATOR as CHARGE_VALIDATOR

__all__ = ["bus", "charge_bus", "kms_signs_digests"]

KINDS = [kind for kinds in tables.ITEM_KINDS.values() for kind in kinds]
LAST = Written.of(RELEASES[-1])
A_YEAR = 365 * 86_400

ALSO_WRITTEN: Mapping[type[Kind], set[int]] = {TermsRow: {TermsRow.ZONED}}
"""Where some items have another format than the rest of their kind."""


@dataclass(frozen=True)
class Today:
    """What this release writes, and by which of AWS's operations it was asked to."""

    written: Written
    operations: frozenset[tuple[str, str]]


_today: list[Today] = []


@pytest.fixture
def today(world: World, kms_signs_digests: None) -> Today:
    """The journey takes seconds, so there is one for all tests."""
    if not _today:
        written = write_everything(world)
        _today.append(Today(written, frozenset((call.service, call.operation) for call in world.calls)))
    return _today[0]


# ------------------------------------------------------------------------- what this release writes


@pytest.mark.moto
@pytest.mark.timeout(900)  # the journey sends moto thousands of requests
def test_what_is_written_has_the_form_of_the_last_samples(today: Today) -> None:
    """A difference needs a number of its own, unless no earlier release minds it (docs/versions.md)."""
    now, then = today.written.shapes(), LAST.shapes()
    for name in now.keys() | then.keys():
        assert sorted(now.get(name, ())) == sorted(then.get(name, ())), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_item_has_a_sample_with_every_attribute(kind: type[Kind]) -> None:
    found = [item for one, item in LAST.items() if one is kind]
    assert {name for item in found for name in item} == {
        attribute.attr_name for attribute in kind.get_attributes().values()
    }
    written = {kind.format.written, *ALSO_WRITTEN.get(kind, ())}
    assert {item["format"]["N"] for item in found} == {str(number) for number in written}


def test_every_queue_and_every_event_has_a_sample() -> None:
    resources = template()["Resources"].items()
    queues = {name for name, resource in resources if resource["Type"] == "AWS::SQS::Queue"}
    assert LAST.messages.keys() == {name for name in queues if not name.endswith("DeadLetters")}
    assert {message["kind"] for message in LAST.messages["StripeWorkQueue"]} == WORK_KINDS.keys()
    assert LAST.events.keys() == set(EventType) | set(ChargeEventType)


@pytest.mark.moto
@pytest.mark.timeout(900)  # the journey sends moto thousands of requests
def test_nothing_else_is_written_anywhere(today: Today) -> None:
    """Of what AWS has beside: where something new is kept, its form needs a number, too."""
    others = ("Get", "Batch", "Query", "Describe", "List", "Receive", "Scan", "Create")
    assert {(service, name) for service, name in today.operations if not name.startswith(others)} == {
        ("dynamodb", "PutItem"),
        ("dynamodb", "UpdateItem"),
        ("dynamodb", "DeleteItem"),
        ("dynamodb", "TransactWriteItems"),
        ("events", "PutEvents"),
        ("kms", "Sign"),
        ("sqs", "ChangeMessageVisibility"),
        ("sqs", "SendMessage"),
        ("sqs", "SendMessageBatch"),
    }


# ---------------------------------------------------------------- what earlier releases wrote is read


@pytest.fixture(params=RELEASES)
def sample(request: pytest.FixtureRequest, world: World) -> Written:
    """What a release left in the tables, which are this release's now."""
    written = Written.of(request.param)
    dynamodb = boto3.client("dynamodb")
    for table, items in written.stored.items():
        for old in dynamodb.scan(TableName=table)["Items"]:
            delete(table, {name: old[name] for name in _keys(table)})
        for item in items:
            put(table, item)
    return written


def _keys(table: str) -> list[str]:
    schema = template()["Resources"][TABLES[table]]["Properties"]["KeySchema"]
    return [key["AttributeName"] for key in schema]


def put(table: str, item: Mapping[str, Any]) -> None:
    """Without a client where possible: through one, all items of a release take a second, in every test."""
    if in_memory.database:
        in_memory.database.call("PutItem", {"TableName": table, "Item": dict(item)})
    else:
        boto3.client("dynamodb").put_item(TableName=table, Item=dict(item))


def delete(table: str, key: Mapping[str, Any]) -> None:
    if in_memory.database:
        in_memory.database.call("DeleteItem", {"TableName": table, "Key": dict(key)})
    else:
        boto3.client("dynamodb").delete_item(TableName=table, Key=dict(key))


def of_kind(written: Written, kind: type[Kind]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """With their tables, of the items in the end."""
    for table, items in written.stored.items():
        yield from ((table, item) for item in items if kind_of(table, item) is kind)


def test_every_mandate_is_what_it_was_and_its_ledger_verifies(sample: Written) -> None:
    heads = read_heads(sample.statuses)
    assert {one: str(status) for one, status in statuses(list(heads.values())).items()} == sample.statuses
    for mandate_id in sample.statuses:
        record = read_record(mandate_id, read_as_stored)
        assert record
        assert faults(record) == []
        assert len(read_ledger(mandate_id)) == heads[mandate_id].entries


def test_every_kind_of_item_is_read(sample: Written) -> None:
    for _, item in of_kind(sample, CustomerRow):
        known = read_customer(item["customer_id"]["S"])
        assert known
        assert known.claim_id == item["claim_id"]["S"]
    slot, theirs = read_slot(CUSTOMER), {mandate.mandate_id for mandate in mandates_of(CUSTOMER)}
    assert slot
    assert {slot.mandate_id, *slot.starts} <= theirs
    for _, item in of_kind(sample, SessionRow):
        session_id = item["subject"]["S"].partition("#")[2]
        assert mandates_naming(session_id) == set(item["mandates"]["SS"])
    for _, item in of_kind(sample, SubjectRow):
        if "customer_id" in item:
            assert owner_of(item["subject"]["S"].partition("#")[2]) == item["customer_id"]["S"]
    for _, item in of_kind(sample, EventRow):
        assert item["outcome"]["S"] in {record.outcome for record in seen(item["event_id"]["S"])}
    assert [record.event_id for record in quarantined()] == ["evt_impossible"]
    (listed,) = all_unreleased()
    assert read_unreleased(listed.mandate_id, [listed.stripe_id])
    for _, item in of_kind(sample, CursorRow):
        name = item["event_id"]["S"].partition("#")[2]
        assert read_positions([name]) == {name: int(item["position"]["N"])}
    published = all_terms()
    assert [one.terms.version for one in published if one.retired_at] == ["2026-11-01"]
    for one in published:
        assert one.terms.digest == one.digest
        assert read_terms(one.terms.version) == one


def test_every_charge_is_what_it_was_and_its_chain_verifies(sample: Written) -> None:
    still_open = set()
    for _, item in of_kind(sample, ChargeRow):
        charge_id = item["record"]["S"].removeprefix(ChargeRow.PREFIX)
        charge, entries = read_charge(charge_id), read_charge_ledger(charge_id)
        assert charge
        assert first_broken(entries, length=charge.entries, head_hash=charge.head_hash) is None
        assert charge.status == entries[-1].status
        assert charge_id in {one.charge_id for one in page_of_charges(charge.mandate_id, 10, None)[0]}
        if charge.due_at is not None:
            still_open.add(charge_id)
            assert open_charges(charge.mandate_id) == [charge_id]
    assert {due.charge_id for due in due_charges(int(time.time()) + A_YEAR, 10)} == still_open
    for _, item in of_kind(sample, IntentRow):
        charge = read_charge(item["charge_id"]["S"])
        assert charge
        assert payment_intent_subject(str(charge.payment_intent_id)) == item["subject"]["S"]
    for _, item in of_kind(sample, SwitchRow):
        assert read_pause() == ChargingPause(*(item[name]["S"] for name in ("by", "why", "at")))
    for _, item in of_kind(sample, TurnRow):
        assert item["at"]["S"] in {turn.at for turn in turns(10)}
    for _, item in of_kind(sample, MovementRow):
        (movement,) = movements_of(item["charge_id"]["S"])
        assert (movement.net, movement.payout) == (int(item["net"]["N"]), item["payout"]["S"])
    for _, item in of_kind(sample, DifferenceRow):
        assert item["kind"]["S"] in {one.difference.kind for one in differences_of(item["charge_id"]["S"])}


def test_what_charges_took_of_the_limits_counts(sample: Written) -> None:
    taken: Counter[tuple[str, str]] = Counter()
    for _, item in of_kind(sample, ChargeRow):
        charge = read_charge(item["record"]["S"].removeprefix(ChargeRow.PREFIX))
        assert charge
        if held := room(charge.facts):
            taken[charge.mandate_id, f"{UsageRow.PERIOD}{held.period}"] += held.amount
    usage = [item for _, item in of_kind(sample, UsageRow) if "used" in item]
    stored = {(item["mandate_id"]["S"], item["record"]["S"]): int(item["used"]["N"]) for item in usage}
    assert Counter(stored) == taken  # one that was freed says 0


def test_items_of_every_earlier_state_are_read(sample: Written) -> None:
    """Each by itself: it is what it would be if it were written today."""
    for kind, item in sample.items():
        row = kind.from_raw_data(json.loads(json.dumps(item)))
        assert sorted(row.serialize()) == sorted(item)


def test_a_mandate_goes_on_from_where_it_was_left(sample: Written, world: World) -> None:
    """What this release adds to it, it adds to the same chain."""
    pending = next(one for one, status in sample.statuses.items() if status == "pending")
    assert world.revoke(pending, customer(CUSTOMER)).body["status"] == "revoked"
    record = read_record(pending, read_as_stored)
    assert record
    assert faults(record) == []


def test_every_queued_event_is_processed(sample: Written, world: World) -> None:
    assert world.process([json.dumps(message) for message in sample.messages["WebhookQueue"]]) == []


def test_every_queued_charge_is_read(sample: Written) -> None:
    for message in sample.messages.get("ChargeQueue", []):
        assert read_due(json.dumps(message))


def test_every_queued_withdrawal_is_carried_out(sample: Written, world: World) -> None:
    bodies = [json.dumps(message) for message in sample.messages["StripeWorkQueue"]]
    assert bodies
    sent = metrics(lambda: world.invoke("release_withdrawals", sqs_event(bodies)))
    assert sent.keys() & {"WithdrawalsReleased", "WithdrawalsNotReleased"}
    assert world.waiting(world.work_dead_letters_url) == []


def test_an_entry_that_was_set_aside_is_found_again(
    sample: Written, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    operated(world, monkeypatch)
    boto3.client("events").create_event_bus(Name=BUS)
    for message in sample.messages["UnpublishedEntries"]:
        world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=json.dumps(message))
    for message in sample.messages.get("UnpublishedCharges", []):
        world.sqs.send_message(QueueUrl=world.unpublished_charges_url, MessageBody=json.dumps(message))
    assert main(["unpublished", "publish"]) == 0
    assert main(["unpublished", "publish", "--charges"]) == 0


def test_every_stored_entry_is_published_in_the_schema(sample: Written, bus: World) -> None:
    for mandate_id in sample.statuses:
        items = [item for item in sample.stored["mandates"] if item["mandate_id"]["S"] == mandate_id]
        entries = [item for item in items if item["record"]["S"].startswith("entry#")]
        assert publish(bus, sorted(entries, key=lambda item: str(item["record"]["S"]))) == []
    assert bus.waiting(bus.unpublished_url) == []


def test_every_stored_entry_of_a_charge_is_published_in_its_schema(
    sample: Written, charge_bus: World
) -> None:
    assert publish_charges(charge_bus, charge_items("entry#")) == []
    assert charge_bus.waiting(charge_bus.unpublished_charges_url) == []


def test_every_sent_event_keeps_to_its_schema(sample: Written) -> None:
    for detail_type, events in sample.events.items():
        for event in events:
            told = {"source": event["Source"], "detail-type": detail_type, "detail": event["Detail"]}
            (VALIDATOR if detail_type in set(EventType) else CHARGE_VALIDATOR).validate(told)


def test_the_pack_verifies(sample: Written) -> None:
    trusted = sample.pack["signature"]["key_fingerprint"]
    assert list(problems_in({"pack.json": canonical_json(sample.pack)}, trusted)) == []


def test_the_secret_is_read(sample: Written) -> None:
    held = parsed_secrets(json.dumps(sample.secret))
    assert held.secrets == tuple(sample.secret["secrets"])
    assert held.knows("we_sample")


# --------------------------------------------- a newer format is refused aloud, and nothing is lost


def newer(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "format": {"N": str(int(item["format"]["N"]) + 1)}}


def operated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {logical_id: name for name, logical_id in TABLES.items()}
    outputs |= {
        "UnpublishedEntriesUrl": world.unpublished_url,
        "UnpublishedChargesUrl": world.unpublished_charges_url,
        "StripeWorkQueueUrl": world.work_queue_url,
        "StripeWorkDeadLettersUrl": world.work_dead_letters_url,
        "OutwardBusName": BUS,
    }
    monkeypatch.setattr(Stack, "outputs", outputs)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("written", ["newer", None, "0", "1.5"])
def test_an_item_without_a_known_number_is_not_read(kind: type[Kind], written: str | None) -> None:
    item = dict(next(item for one, item in LAST.items() if one is kind))
    number = str(kind.format.known + 1) if written == "newer" else written
    item.pop("format")
    altered = item if number is None else {**item, "format": {"N": number}}
    with pytest.raises(NewerFormat if written == "newer" else ValueError, match="format") as refused:
        kind.from_raw_data(altered)
    assert CUSTOMER not in str(refused.value)


OURS: dict[MessageKind, dict[str, str | int]] = {
    EVENT: {"id": "evt_1"},
    UNPUBLISHED: {},
    RELEASE: {"kind": "release", "mandate_id": "mdt_" + "a" * 24},
    ADVANCE: {"charge_id": f"chg_{'a' * 24}_{'b' * 16}", "due_at": 1, "until": 2},
}
"""Each kind of message with the least that makes one ours."""


def test_every_kind_of_message_is_tried() -> None:
    assert OURS.keys() == {EVENT, UNPUBLISHED, ADVANCE, *WORK_KINDS.values()}


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_no_content_stands_for_a_messages_own_format(kind: MessageKind) -> None:
    assert json.loads(kind.text({"format": 9}))["format"] == kind.written


@pytest.mark.parametrize("kind", WORK_KINDS)
def test_no_content_stands_for_the_kind_of_work(kind: str) -> None:
    assert json.loads(WORK_KINDS[kind].text({"kind": "other"}))["kind"] == kind


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_a_message_without_a_known_number_is_not_read(kind: MessageKind) -> None:
    with pytest.raises(NewerFormat):
        kind.read(json.dumps({"format": kind.known + 1}))
    odds: list[Any] = [{}, {"format": 0}, {"format": "1"}, {"format": True}]
    for odd in odds:
        assert kind.read(json.dumps(OURS[kind] | odd)) is None
    for odd in ([], "text", None):
        assert kind.read(json.dumps(odd)) is None
    ours = OURS[kind] | {"format": kind.written}
    assert kind.read(kind.text({**OURS[kind], "a": "b"})) == ours | {"a": "b"}


def test_events_of_a_newer_mandate_wait_in_the_queue_and_hold_up_no_other(world: World) -> None:
    opened = [world.begun(), world.begun("auth0|bob")]
    for one in opened:
        world.stripe.core.authorize(one["checkout_session_id"])
    world.deliver(*world.events("setup_intent.succeeded"))
    head = head_item(opened[0]["mandate_id"])
    put("mandates", newer(head))
    assert world.process(world.queued()) == ["message-0"]
    assert head_item(opened[0]["mandate_id"]) == newer(head)
    status = world.get_mandate(opened[1]["mandate_id"], customer("auth0|bob")).body["status"]
    assert status == "active"


def test_an_event_with_a_newer_record_waits_in_the_queue_and_holds_up_no_other(world: World) -> None:
    told = [{"id": f"evt_{number}", "type": "invoice.paid", "livemode": False} for number in range(3)]
    assert world.process([told[1]]) == []
    (record,) = boto3.client("dynamodb").scan(TableName="events")["Items"]
    put("events", newer(record))
    assert world.process(told) == ["message-1"]
    assert [bool(seen(f"evt_{number}")) for number in (0, 2)] == [True, True]


def head_item(mandate_id: str) -> dict[str, Any]:
    key = {"mandate_id": {"S": mandate_id}, "record": {"S": HeadRow.RECORD}}
    found: Any = boto3.client("dynamodb").get_item(TableName="mandates", Key=key)["Item"]
    return dict(found)


def test_a_caller_is_told_to_come_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    mandate_id = world.begun()["mandate_id"]
    head = head_item(mandate_id)
    put("mandates", newer(head))
    for refused in (world.get_mandate(mandate_id), world.revoke(mandate_id)):
        assert (refused.status, refused.body["code"]) == (500, "internal_error")
    assert head_item(mandate_id) == newer(head)
    assert "has format 2, and this release reads up to 1" in caplog.text


def with_a_newer_fact(item: Mapping[str, Any]) -> dict[str, Any]:
    """A head or a subject with a kind of fact that this release does not know, as the next one stores it."""
    fact = {"kind": "charged", "qualifier": "", "at": 1, "source": "evt_newer", "ids": {}, "detail": {}}
    facts = {**json.loads(item["facts"]["S"]), "charged": fact}
    return {**item, "facts": {"S": canonical_json(facts).decode()}}


def test_a_mandate_with_a_newer_fact_waits_and_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    newer_one, other = world.begun(), world.begun("auth0|bob")
    for one in (newer_one, other):
        world.stripe.core.authorize(one["checkout_session_id"])
    world.deliver(*world.events("setup_intent.succeeded"))
    mandate_id = newer_one["mandate_id"]
    before = head_item(mandate_id)
    put("mandates", with_a_newer_fact(before))

    queued = world.queued()
    assert world.process(queued) == ["message-0"]
    for refused in (world.get_mandate(mandate_id), world.revoke(mandate_id)):
        assert (refused.status, refused.body["code"]) == (500, "internal_error")
    work = world.invoke("release_withdrawals", sqs_event([RELEASE.text({"mandate_id": mandate_id})]))
    assert work["batchItemFailures"] == [{"itemIdentifier": "message-0"}]
    operated(world, monkeypatch)
    assert main(["mandate", "verify", mandate_id]) == 1
    assert head_item(mandate_id) == with_a_newer_fact(before)
    assert "a fact of the kind 'charged'" in caplog.text
    status = world.get_mandate(other["mandate_id"], customer("auth0|bob")).body["status"]
    assert status == "active"

    put("mandates", before)  # as the release that knows the fact reads it
    assert world.process(queued[:1]) == []
    assert world.get_mandate(mandate_id).body["status"] == "active"


def test_what_stands_on_a_subject_with_a_newer_fact_is_not_judged_without_it(world: World) -> None:
    opened = world.begun()
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.deliver(*world.events("setup_intent.succeeded"))
    assert world.process(world.queued()) == []
    items = boto3.client("dynamodb").scan(TableName="stripe_subjects")["Items"]
    (linked,) = (item for item in items if item["subject"]["S"].startswith("payment_method#"))
    put("stripe_subjects", with_a_newer_fact({"facts": {"S": "{}"}, **linked}))
    assert world.get_mandate(opened["mandate_id"]).status == 500


def test_a_newer_event_stays_in_its_queue(world: World, caplog: pytest.LogCaptureFixture) -> None:
    newer_event = json.dumps({"format": 2, "id": "evt_1", "renamed": {}})
    known = {"id": "evt_2", "type": "invoice.paid"}
    assert world.process([newer_event, known]) == ["message-0"]
    assert "a later one" in caplog.text


NEWER_WORK = [
    json.dumps({"format": 2, "mandates": []}),
    json.dumps({"format": 2, "kind": "release", "mandates": []}),
    json.dumps({"format": 1, "kind": "some_new_kind", "mandate_id": "mdt_" + "a" * 24}),
]
"""Work of a later release: in a newer format, or of a kind that this release does not know."""


@pytest.mark.parametrize("body", NEWER_WORK)
def test_newer_work_stays_in_its_queue(body: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    answered = world.invoke("release_withdrawals", sqs_event([body]))
    assert answered["batchItemFailures"] == [{"itemIdentifier": "message-0"}]
    asked = [call for call in world.calls if (call.function, call.service) == ("release_withdrawals", "sqs")]
    assert [call.operation for call in asked] == ["ChangeMessageVisibility"]
    assert world.waiting(world.work_dead_letters_url) == []
    assert "and this release reads up to" in caplog.text


@pytest.mark.parametrize("body", NEWER_WORK)
def test_a_newer_dead_letter_goes_back_to_its_queue(
    body: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    operated(world, monkeypatch)
    world.sqs.send_message(QueueUrl=world.work_dead_letters_url, MessageBody=body)
    assert main(["dlq", "redrive", "--stripe-work"]) == 0
    assert world.waiting(world.work_queue_url) == [body]


def test_a_newer_entry_waits_in_the_stream_and_is_not_overtaken(bus: World) -> None:
    batch = [entry("a", 1), entry("b", 1), newer(entry("a", 2)), entry("a", 3), entry("c", 1)]
    assert publish(bus, batch) == ["101"]
    assert publish(bus, batch[1:]) == ["102"]
    assert who(bus) == ["b1"]
    assert bus.waiting(bus.unpublished_url) == []


def test_a_newer_entrys_withdrawal_is_carried_out_all_the_same(world: World) -> None:
    """The mandate's id and that it is withdrawn say its key and its status, which no format changes."""
    item = newer(entry("a", 1, status="revoked"))
    assert world.invoke("queue_withdrawals", stream_event([item])) == {"batchItemFailures": []}
    assert world.waiting(world.work_queue_url) == [RELEASE.text({"mandate_id": item["mandate_id"]["S"]})]


def test_an_operators_older_release_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operated(world, monkeypatch)
    mandate_id = world.begun()["mandate_id"]
    put("mandates", newer(head_item(mandate_id)))
    assert main(["mandate", "verify", mandate_id]) == 1
    told = capsys.readouterr().err
    assert f"(head) of {mandate_id} has format 2" in told
    assert "Traceback" not in told
    body = json.dumps({"format": 2})
    world.sqs.send_message(QueueUrl=world.unpublished_url, MessageBody=body)
    assert main(["unpublished", "publish"]) == 1
    assert "this release reads up to 1" in capsys.readouterr().err
    assert world.waiting(world.unpublished_url) == [body]


def test_with_a_newer_secret_stripe_is_asked_to_send_again(world: World) -> None:
    held = json.loads(SigningSecrets(("whsec_placeholder",)).text())
    world.secrets.put_secret_value(
        SecretId=world.webhook_secrets_arn, SecretString=json.dumps({**held, "format": 2})
    )
    assert world.post_webhook('{"id": "evt_1", "type": "invoice.paid"}').status == 500
    with pytest.raises(NewerFormat):
        parsed_secrets(json.dumps({**held, "format": 2}))


def test_a_secret_that_somebody_wrote_by_hand_is_of_the_first_format() -> None:
    assert parsed_secrets('{"secrets": ["whsec_placeholder"]}').secrets == ("whsec_placeholder",)


def test_a_newer_entry_in_a_pack_is_not_verified_by_guessing() -> None:
    evidence = json.loads(json.dumps(LAST.pack["evidence"]))
    evidence["ledger"]["entries"][2]["format"] = 2
    assert "entry 3: its format is not 1, the only one this release reads" in page_problems(evidence)


def test_a_newer_pack_is_not_verified_by_guessing() -> None:
    pack = json.loads(json.dumps(LAST.pack))
    pack["evidence"]["format"] = "amazon-pay-mandate-evidence/2"
    trusted = pack["signature"]["key_fingerprint"]
    problems = list(problems_in({"pack.json": canonical_json(pack)}, trusted))
    assert any("format is not amazon-pay-mandate-evidence/1" in problem for problem in problems)


# ---------------------------------------------------------------------- what an update leaves of it


def test_an_update_keeps_the_number_of_an_item_that_is_there(world: World) -> None:
    """A later release may have made it, and this one know how to change it (docs/versions.md)."""
    item = next(item for kind, item in LAST.items() if kind is SessionRow)
    put("stripe_subjects", newer(item))
    assert may_ask(item["subject"]["S"].partition("#")[2], int(time.time()), every=3)
    (left,) = boto3.client("dynamodb").scan(TableName="stripe_subjects")["Items"]
    assert left["format"] == {"N": "2"}
