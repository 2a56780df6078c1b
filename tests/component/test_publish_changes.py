"""Every ledger entry goes to the bus, at least once, in order; what the bus never takes holds up nothing."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from jsonschema import Draft202012Validator, FormatChecker

from mandates.core.ledger import first_broken
from mandates.core.outward import SOURCE
from mandates.ledger import publishing
from mandates.ledger.mandate_chains import MandateChains
from mandates.ledger.stream import added_entries, entry_in
from mandates.runtime.queues import Queue
from mandates.store.mandates import read_ledger
from tests.component.world import ROOT, World, metrics
from tests.unit.test_outward import SCHEMA

BUS = "bus"
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


@pytest.fixture
def bus(world: World) -> Iterator[World]:
    boto3.client("events").create_event_bus(Name=BUS)
    world.environment["EVENT_BUS_NAME"] = BUS
    yield world
    for detail_type, detail in published(world):
        VALIDATOR.validate({"source": SOURCE, "detail-type": detail_type, "detail": detail})


def images(mandate_id: str) -> list[dict[str, Any]]:
    """All of a mandate's items, as DynamoDB holds and streams them."""
    answer: Any = boto3.client("dynamodb").query(
        TableName="mandates",
        KeyConditionExpression="mandate_id = :id",
        ExpressionAttributeValues={":id": {"S": mandate_id}},
    )
    return list(answer["Items"])


def stream_event(items: Sequence[Mapping[str, Any]], name: str = "INSERT") -> dict[str, Any]:
    """The records of a batch, numbered from 101 on."""
    return {
        "Records": [
            {
                "eventName": name,
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {key: item[key] for key in ("mandate_id", "record")},
                    "NewImage": item,
                    "SequenceNumber": str(number),
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, item in enumerate(items, start=101)
        ]
    }


def entry(
    mandate: str, number: int, *, status: str = "pending", kind: str = "setup_failed"
) -> dict[str, Any]:
    """The item of an entry, made up: mandates are named by a letter."""
    fact = {"kind": kind, "at": 1, "source": "evt_1", "ids": {}, "detail": {}}
    return {
        "format": {"N": "1"},
        "mandate_id": {"S": f"mdt_{mandate * 24}"},
        "record": {"S": f"entry#{number:06}"},
        "number": {"N": str(number)},
        "recorded_at": {"S": "2026-11-01T00:00:00.000Z"},
        "source": {"S": "evt_1"},
        "facts": {"S": json.dumps([fact])},
        "status": {"S": status},
        "commitments": {"S": "{}"},
        "previous_hash": {"S": "0" * 64},
        "hash": {"S": "1" * 64},
    }


def publish(world: World, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sequence numbers that the function reports."""
    answer = world.invoke("publish_changes", stream_event(items))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def published(world: World) -> list[tuple[str, dict[str, Any]]]:
    return [
        (event["DetailType"], json.loads(event["Detail"]))
        for call in put_calls(world)
        for event in call["Entries"]
    ]


def put_calls(world: World) -> list[Mapping[str, Any]]:
    return [call.parameters for call in world.calls if call.operation == "PutEvents"]


def who(world: World) -> list[str]:
    """What was published, such as `a1`: mandate a's entry 1."""
    return [f"{detail['mandate_id'][4]}{detail['ledger_number']}" for _, detail in published(world)]


class Refusing:
    """An EventBridge client that does not take some events: by letter and number, such as `a1`.

    Where it has an `error`, it is raised: by every call, or (if some are refused) by calls with one of them.
    """

    def __init__(self, refused: set[str], error: Exception | None, code: str) -> None:
        self.refused = refused
        self.error = error
        self.code = code
        self.took: list[list[str]] = []

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        details = [json.loads(event["Detail"]) for event in Entries]
        named = [f"{one['mandate_id'][4]}{one.get('ledger_number') or one['number']}" for one in details]
        if self.error and (not self.refused or self.refused.intersection(named)):
            raise self.error
        self.took.append([name for name in named if name not in self.refused])
        results = [
            {"ErrorCode": self.code, "ErrorMessage": "no"} if name in self.refused else {"EventId": name}
            for name in named
        ]
        return {"FailedEntryCount": len(self.refused.intersection(named)), "Entries": results}


class Both(Refusing):
    """One of what it does not take is malformed, the others have to wait."""

    def __init__(self, refused: set[str], *, malformed: str) -> None:
        super().__init__(refused, None, "ThrottlingException")
        self._malformed = malformed

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        answer = super().put_events(Entries=Entries)
        for event, result in zip(Entries, answer["Entries"], strict=True):
            detail = json.loads(event["Detail"])
            if (
                f"{detail['mandate_id'][4]}{detail['ledger_number']}" == self._malformed
                and "ErrorCode" in result
            ):
                result["ErrorCode"] = "MalformedDetail"
        return answer


def publish_with(world: World, events: Any, unpublished: Queue | None = None) -> None:
    """Another client for the bus, and perhaps another queue for what is set aside."""
    function = world.function("publish_changes")
    aside = unpublished or Queue(boto3.client("sqs"), function.configured.unpublished_entries_url)
    publisher = publishing.Publisher(MandateChains(), events, function.configured.event_bus_name, aside)
    world.monkeypatch.setattr(function, "publisher", publisher)


def refusing(
    world: World, *refused: str, error: Exception | None = None, code: str = "ThrottlingException"
) -> Refusing:
    client = Refusing(set(refused), error, code)
    publish_with(world, client)
    return client


# ------------------------------------------------------------------------------------ what is published


def test_the_journey_of_a_mandate(bus: World) -> None:
    begun = bus.begun()
    bus.stripe.core.decline(begun["checkout_session_id"])
    bus.stripe.core.authorize(begun["checkout_session_id"])
    bus.run_webhooks()
    mandate = bus.get_mandate(begun["mandate_id"]).body
    bus.stripe.core.detach(mandate["payment_method_id"])
    bus.run_webhooks()

    assert publish(bus, images(begun["mandate_id"])) == []

    told = published(bus)
    ledger = read_ledger(begun["mandate_id"])
    assert [detail["ledger_number"] for _, detail in told] == list(range(1, len(ledger) + 1))
    assert [detail["entry_hash"] for _, detail in told] == [entry.hash for entry in ledger]
    types = [detail_type for detail_type, _ in told]
    assert types[:2] == ["mandate.consented", "mandate.checkout_opened"]
    assert {"mandate.setup_failed", "mandate.activated"} <= set(types)
    assert types[-1] == "mandate.withdrawn"
    activated = next(detail for detail_type, detail in told if detail_type == "mandate.activated")
    assert activated["stripe"]["payment_method"] == [mandate["payment_method_id"]]


def test_the_image_of_an_entry_is_read_as_the_store_reads_it(bus: World) -> None:
    begun = bus.begun()
    bus.stripe.core.authorize(begun["checkout_session_id"])
    bus.run_webhooks()
    found = [entry_in(item) for item in images(begun["mandate_id"]) if "number" in item]
    assert found == read_ledger(begun["mandate_id"])
    assert found[0].text
    assert found[0].commitments


def test_only_added_entries_are_published(bus: World) -> None:
    items = images(bus.begun()["mandate_id"])
    assert {item["record"]["S"].partition("#")[0] for item in items} == {"head", "entry", "personal"}
    assert publish(bus, [item for item in items if "number" not in item]) == []
    assert bus.invoke("publish_changes", stream_event(items, "MODIFY")) == {"batchItemFailures": []}
    assert published(bus) == []


def test_an_event_is_of_the_time_its_entry_was_recorded(bus: World) -> None:
    publish(bus, [entry("a", 1)])
    (call,) = put_calls(bus)
    assert call["Entries"][0]["Time"] == "2026-11-01T00:00:00.000Z"
    assert call["Entries"][0]["EventBusName"] == BUS


# -------------------------------------------------------------------------------------------- order


def test_one_transactions_entries_may_come_in_any_order(bus: World) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    publish(bus, [entry("a", 2), entry("b", 7), entry("a", 1), entry("a", 3), entry("b", 6)])
    assert who(bus) == ["a1", "a2", "a3", "b6", "b7"]


def test_no_call_has_two_entries_of_one_mandate(bus: World) -> None:
    """They would succeed or fail, and travel, each for itself."""
    publish(bus, [entry("a", 1), entry("b", 1), entry("a", 2), entry("c", 1), entry("c", 2)])
    calls = [
        [json.loads(event["Detail"])["mandate_id"] for event in call["Entries"]] for call in put_calls(bus)
    ]
    assert all(len(call) == len(set(call)) for call in calls)
    assert [len(call) for call in calls] == [3, 2]


def test_a_call_takes_ten(bus: World) -> None:
    letters = "abcdefghijklmnopqrstuvw"
    publish(bus, [entry(letter, 1) for letter in letters])
    assert [len(call["Entries"]) for call in put_calls(bus)] == [10, 10, 3]


def test_a_call_is_no_larger_than_eventbridge_takes(bus: World) -> None:
    added = added_entries(stream_event([entry("a", 1)])["Records"])
    one = MandateChains().reader(added)(added[0])
    bus.monkeypatch.setattr(publishing, "MAX_BYTES_PER_CALL", 3 * publishing.size_of(one.as_put))
    publish(bus, [entry(letter, 1) for letter in "abcdefg"])
    assert [len(call["Entries"]) for call in put_calls(bus)] == [3, 3, 1]


# ------------------------------------------------------------------------------------------ failures

THREE_EACH = [entry(letter, number) for number in (1, 2, 3) for letter in "ab"]
"""101: a1, 102: b1, 103: a2, 104: b2, 105: a3, 106: b3."""


@pytest.mark.parametrize(
    ("refused", "taken", "resume_at"),
    [
        ("a1", [["b1"]], "101"),
        ("b1", [["a1"]], "102"),
        ("b2", [["a1", "b1"], ["a2"]], "104"),
        ("a3", [["a1", "b1"], ["a2", "b2"], ["b3"]], "105"),
    ],
)
def test_nothing_goes_out_after_an_event_that_was_refused(
    bus: World, refused: str, taken: list[list[str]], resume_at: str
) -> None:
    client = refusing(bus, refused)
    assert publish(bus, THREE_EACH) == [resume_at]
    assert client.took == taken


@pytest.mark.parametrize("refused", ["".join(one) for one in itertools.product("ab", "123")])
def test_lambda_handing_over_the_rest_publishes_all_in_order(bus: World, refused: str) -> None:
    client = refusing(bus, refused)
    (resume_at,) = publish(bus, THREE_EACH)
    client.refused = set()
    assert publish(bus, THREE_EACH[int(resume_at) - 101 :]) == []
    taken = list(itertools.chain.from_iterable(client.took))
    assert set(taken) == {f"{letter}{number}" for letter in "ab" for number in (1, 2, 3)}
    for letter in "ab":
        firsts = list(dict.fromkeys(name for name in taken if name[0] == letter))
        assert firsts == sorted(firsts)


def test_the_lowest_number_is_reported_also_where_the_stream_had_them_out_of_order(bus: World) -> None:
    client = refusing(bus, "a2")
    assert publish(bus, [entry("a", 2), entry("a", 1), entry("b", 1)]) == ["101"]
    assert client.took == [["a1", "b1"], []]


def test_sequence_numbers_are_compared_as_numbers(bus: World) -> None:
    refusing(bus, "a1", "b1")
    event = stream_event([entry("a", 1), entry("b", 1)])
    for record, number in zip(event["Records"], ("99", "100"), strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    assert bus.invoke("publish_changes", event) == {"batchItemFailures": [{"itemIdentifier": "99"}]}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalException", "Message": "x"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
    ids=["answered", "unanswered"],
)
def test_an_outage_of_the_bus_leaves_all_to_be_handed_over_again(bus: World, error: Exception) -> None:
    refusing(bus, error=error)
    assert publish(bus, THREE_EACH) == ["101"]


# ------------------------------------------------------------------------------------ refused for good


def aside(world: World) -> list[tuple[str, str]]:
    """What is in the queue of unpublished entries: such as `a1`, and the code."""
    told = [json.loads(body) for body in world.waiting(world.unpublished_url)]
    return [(f"{one['mandate_id'][4]}{int(one['record'][-6:])}", one["code"]) for one in told]


def answered(code: str, status: int = 400) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "x"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "PutEvents")


@pytest.mark.parametrize("code", sorted(publishing.ENTRY_REFUSED))
@pytest.mark.parametrize("refused", ["a1", "b2", "a3"])
def test_an_entry_refused_for_good_is_set_aside_and_all_others_go_out(
    bus: World, code: str, refused: str
) -> None:
    client = refusing(bus, refused, code=code)
    assert publish(bus, THREE_EACH) == []
    assert aside(bus) == [(refused, code)]
    taken = list(itertools.chain.from_iterable(client.took))
    assert taken == [name for name in ("a1", "b1", "a2", "b2", "a3", "b3") if name != refused]


@pytest.mark.parametrize("code", sorted(publishing.CALL_REFUSED))
def test_a_call_refused_for_one_of_its_entries_is_made_without_it(bus: World, code: str) -> None:
    """As EventBridge does with an entry that is too large: it does not say which."""
    client = refusing(bus, "b1", error=answered(code))
    assert publish(bus, [entry(letter, 1) for letter in "abc"]) == []
    assert aside(bus) == [("b1", code)]
    assert client.took == [["a1"], ["c1"]]


def test_what_botocore_will_not_send_is_set_aside(bus: World) -> None:
    """It checks parameters before it calls: the real client, and a time that is none."""
    assert publish(bus, [{**entry("a", 1), "recorded_at": {"S": "yesterday"}}, entry("b", 1)]) == []
    assert aside(bus) == [("a1", "ParamValidationError")]
    sent = [event["Time"] for call in put_calls(bus)[1:] for event in call["Entries"]]
    assert sent == ["yesterday", "2026-11-01T00:00:00.000Z"]  # each by itself, after the call of both
    bus.calls.clear()  # no such event is ever published


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "InternalFailure",
        "InternalException",
        "AccessDeniedException",
        "InvalidAccountIdException",
        "NotAuthorizedForSourceException",
        "OfALaterVersion",
    ],
)
def test_what_may_pass_is_never_set_aside(bus: World, code: str) -> None:
    """Neither said of an entry nor of the call. What strikes every entry alike is no entry's fault."""
    refusing(bus, "a1", code=code)
    assert publish(bus, THREE_EACH) == ["101"]
    refusing(bus, error=answered(code))
    assert publish(bus, THREE_EACH) == ["101"]
    refusing(bus, "a1", error=answered(code))
    assert publish(bus, THREE_EACH) == ["101"]
    assert aside(bus) == []


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://events"),
        ConnectTimeoutError(endpoint_url="https://events"),
        EndpointConnectionError(endpoint_url="https://events"),
        answered("ServiceUnavailable", 503),
        answered("500", 500),
        KeyError("Entries"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_time_out_or_an_outage_is_never_set_aside(bus: World, error: Exception) -> None:
    refusing(bus, error=error)
    assert publish(bus, THREE_EACH) == ["101"]
    assert aside(bus) == []


def test_an_outage_while_the_refused_one_is_looked_for_sets_nothing_aside(bus: World) -> None:
    class Busy(Refusing):
        def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
            asked.append(len(Entries))
            self.error = answered("ValidationException" if len(Entries) > 1 else "ThrottlingException")
            return super().put_events(Entries=Entries)

    asked: list[int] = []
    publish_with(bus, Busy(set(), None, ""))
    assert publish(bus, THREE_EACH) == ["101"]
    assert aside(bus) == []
    assert asked == [2, 1]  # each more could take twelve seconds of the function's thirty


@pytest.mark.parametrize("field", ["hash", "facts", "number", "recorded_at"])
def test_an_entry_that_cannot_be_read_is_set_aside_too(bus: World, field: str) -> None:
    unreadable = {**entry("b", 1), field: {"S": "{"}}
    assert publish(bus, [entry("a", 1), {k: v for k, v in unreadable.items() if v != {"S": "{"}}]) == []
    assert aside(bus) == [("b1", publishing.UNREADABLE)]
    assert who(bus) == ["a1"]


def test_what_cannot_be_told_is_set_aside_and_its_content_not_quoted(bus: World) -> None:
    odd = {**entry("a", 1), "facts": {"S": '[{"name": "ann@shop.example"}]'}}
    assert publish(bus, [odd, entry("a", 2)]) == []
    (body,) = bus.waiting(bus.unpublished_url)
    assert "ann" not in body
    assert json.loads(body) == {
        "format": 1,
        "mandate_id": f"mdt_{'a' * 24}",
        "record": "entry#000001",
        "sequence_number": "101",
        "code": publishing.UNREADABLE,
        "message": "KeyError",
    }
    assert who(bus) == ["a2"]


def test_during_an_outage_it_is_not_set_aside_anew_with_each_try(bus: World) -> None:
    """The batch comes again from the first that has to wait; what is refused behind that, too."""

    both = Both({"a1", "b1"}, malformed="b1")
    publish_with(bus, both)
    batch = [entry("a", 1), entry("b", 1), entry("c", 1)]
    for _ in range(3):
        assert publish(bus, batch) == ["101"]
    assert aside(bus) == []
    both.refused = {"b1"}
    assert publish(bus, batch) == []
    assert aside(bus) == [("b1", "MalformedDetail")]


def test_one_refused_before_an_outage_is_set_aside_once_and_does_not_come_again(bus: World) -> None:
    both = Both({"a1", "b1"}, malformed="a1")
    publish_with(bus, both)
    batch = [entry("a", 1), entry("b", 1), entry("c", 1)]
    assert publish(bus, batch) == ["102"]
    assert aside(bus) == [("a1", "MalformedDetail")]


@pytest.mark.parametrize("fails", ["raises", "takes none"])
def test_what_cannot_be_set_aside_is_handed_over_again(bus: World, fails: str) -> None:
    class Full:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            if fails == "raises":
                raise answered("InternalError", 500)
            return {"Failed": [{"Id": "0", "Code": "InternalError"}]}

    client = refusing(bus, "b1", code="MalformedDetail")
    publish_with(bus, client, Queue(Full(), "of no use"))
    assert publish(bus, THREE_EACH) == ["102"]
    assert list(itertools.chain.from_iterable(client.took)) == ["a1", "a2", "b2", "a3", "b3"]


def test_what_was_set_aside_is_logged_and_counted(bus: World) -> None:
    refusing(bus, "a1", code="MalformedDetail")
    found = metrics(lambda: publish(bus, [entry("a", 1), entry("b", 1)]))
    assert found == {"EntriesSetAside": [1.0], "EntriesPublished": [1.0], "SetupAttemptsFailed": [1.0]}


# ------------------------------------------------------------------------------------------- samples


def test_the_samples_are_a_ledger(bus: World) -> None:
    records = [
        record
        for name in ("activated", "withdrawn")
        for record in json.loads((ROOT / "events" / "publish_changes" / f"{name}.json").read_text())[
            "Records"
        ]
    ]
    ledger = [entry_in(record["dynamodb"]["NewImage"]) for record in records]
    assert first_broken(ledger, length=5, head_hash=ledger[-1].hash) is None
    assert publish(bus, [record["dynamodb"]["NewImage"] for record in records]) == []
    assert [detail_type for detail_type, _ in published(bus)] == [
        "mandate.consented",
        "mandate.checkout_opened",
        "mandate.checkout_completed",
        "mandate.activated",
        "mandate.withdrawn",
    ]
