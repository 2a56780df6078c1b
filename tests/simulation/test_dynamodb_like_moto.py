"""The in-memory DynamoDB answers, refuses and remembers exactly as moto does.

Hypothesis makes sequences of the operations that the store uses, in the words that pynamodb writes them in.
"""

import copy
import os
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.aws_calls import real_call
from tests.component.world import TABLES, template
from tests.simulation.dynamodb import DynamoDB, Table
from tests.simulation.expressions import NotSimulated

Json = dict[str, Any]
Call = tuple[str, Json]

USED = ("mandates", "stripe_subjects", "events", "charges")

ids = st.sampled_from(["a", "b"])
records = st.sampled_from(["customer", "checkout", "head", "entry#000001", "entry#000002"])
words = st.sampled_from(["x", "y"])
numbers = st.sampled_from(["1", "2", "2.0"])
amounts = st.sampled_from(["-7", "0", "5", "12"])
sets = st.sets(st.sampled_from(["m1", "m2", "m3"]), min_size=1).map(sorted)


def table_of(logical_id: str) -> Json:
    properties = template()["Resources"][logical_id]["Properties"]
    wanted = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
    return {key: properties[key] for key in wanted if key in properties}


@st.composite
def keys(draw: st.DrawFn, table: str) -> Json:
    match table:
        case "mandates" | "charges":
            return {"mandate_id": {"S": draw(ids)}, "record": {"S": draw(records)}}
        case "stripe_subjects":
            return {"subject": {"S": draw(ids)}}
    return {"event_id": {"S": draw(ids)}, "record": {"S": draw(records)}}


@st.composite
def items(draw: st.DrawFn, table: str) -> Json:
    more: Json = {}
    if draw(st.booleans()):
        more["customer_id"] = {"S": draw(words)}
        more["created_at"] = {"S": draw(words)}
    if draw(st.booleans()):
        more["entries"] = {"N": draw(numbers)}
    if draw(st.booleans()):
        more["mandates"] = {"SS": draw(sets)}
    if draw(st.booleans()):
        more["withdrawn"] = {"BOOL": True}
    if draw(st.booleans()):
        more["used"] = {"N": draw(amounts)}
    if table == "charges" and draw(st.booleans()):
        more["due_shard"], more["due_at"] = {"S": draw(words)}, {"N": draw(amounts)}
    if table == "charges" and draw(st.booleans()):
        more["register_number"] = {"N": draw(amounts)}
    return draw(keys(table)) | more


@st.composite
def conditions(draw: st.DrawFn, table: str) -> Json:
    """As the store's conditions come out of pynamodb."""
    hash_key = table_of(TABLES[table])["KeySchema"][0]["AttributeName"]
    shape = draw(
        st.sampled_from(
            [
                "none",
                "absent",
                "equal",
                "absent or other",
                "absent or equal",
                "absent or outside",
                "equal and absent",
                "room is left",
                "few",
                "nobody has it",
            ]
        )
    )
    attribute = draw(st.sampled_from(["entries", "customer_id"]))
    value = {"N": draw(numbers)} if attribute == "entries" else {"S": draw(words)}
    given_names, given_values = {"#0": attribute}, {":0": value}
    match shape:
        case "none":
            return {}
        case "absent":
            return {
                "ConditionExpression": "attribute_not_exists (#0)",
                "ExpressionAttributeNames": {"#0": hash_key},
            }
        case "equal":
            text = "#0 = :0"
        case "absent or other":
            text = "(attribute_not_exists (#0) OR #0 <> :0)"
        case "absent or equal":
            text = "(attribute_not_exists (#0) OR #0 = :0)"
        case "absent or outside":
            text = "((attribute_not_exists (#0) OR #0 <= :0) OR #0 > :1)"
            given_values[":1"] = {"N": draw(numbers)} if attribute == "entries" else {"S": draw(words)}
        case "room is left" | "few":
            given_names, given_values = {"#0": "used"}, {":0": {"N": draw(amounts)}}
            text = f"(attribute_not_exists (#0) OR #0 {'<=' if shape == 'room is left' else '<'} :0)"
        case "nobody has it":
            return {
                "ConditionExpression": "attribute_not_exists (#0)",
                "ExpressionAttributeNames": {"#0": "mandates"},
            }
        case _:
            text = "(#0 = :0 AND attribute_not_exists (#1))"
            given_names["#1"] = "withdrawn"
    return {
        "ConditionExpression": text,
        "ExpressionAttributeNames": given_names,
        "ExpressionAttributeValues": given_values,
    }


UPDATES: dict[str, tuple[Json, Json]] = {
    "SET #10 = :10, #11 = :11": (
        {"#10": "entries", "#11": "customer_id"},
        {":10": {"N": "3"}, ":11": {"S": "z"}},
    ),
    "SET #10 = if_not_exists (#10, :10), #11 = :11": (
        {"#10": "entries", "#11": "customer_id"},
        {":10": {"N": "3"}, ":11": {"S": "z"}},
    ),
    "SET #10 = :10 REMOVE #11": ({"#10": "head_hash", "#11": "withdrawn"}, {":10": {"S": "h"}}),
    "REMOVE #10": ({"#10": "customer_id"}, {}),
    "ADD #10 :10": ({"#10": "mandates"}, {":10": {"SS": ["m2", "m9"]}}),
    "SET #10 = if_not_exists (#10, :10) ADD #11 :11": (
        {"#10": "format", "#11": "used"},
        {":10": {"N": "1"}, ":11": {"N": "5"}},
    ),
    "ADD #10 :10, #11 :11": (
        {"#10": "used", "#11": "mandates"},
        {":10": {"N": "-5"}, ":11": {"SS": ["m1"]}},
    ),
    "SET #10 = if_not_exists (#10, :10) DELETE #11 :11": (
        {"#10": "format", "#11": "mandates"},
        {":10": {"N": "1"}, ":11": {"SS": ["m1", "m2"]}},
    ),
    "SET #10 = :10 REMOVE #11, #12": (
        {"#10": "entries", "#11": "due_at", "#12": "due_shard"},
        {":10": {"N": "4"}},
    ),
}


@st.composite
def changes(draw: st.DrawFn, *, alone: bool = True) -> tuple[str, Json]:
    """Put, Update or Delete with its parameters, as in a transaction; not alone, ConditionCheck too."""
    table = draw(st.sampled_from(USED))
    guard = draw(conditions(table))
    if "ConditionExpression" in guard and not alone and draw(st.booleans()):
        return "ConditionCheck", {"TableName": table, "Key": draw(keys(table)), **guard}
    match draw(st.sampled_from(["Put", "Update", "Update", "Delete"])):
        case "Put":
            return "Put", {"TableName": table, "Item": draw(items(table)), **guard}
        case "Delete":
            return "Delete", {"TableName": table, "Key": draw(keys(table)), **guard}
    text = draw(st.sampled_from(sorted(UPDATES)))
    more_names, more_values = UPDATES[text]
    update = {"TableName": table, "Key": draw(keys(table)), **guard, "UpdateExpression": text}
    update["ExpressionAttributeNames"] = guard.get("ExpressionAttributeNames", {}) | more_names
    if values := guard.get("ExpressionAttributeValues", {}) | more_values:
        update["ExpressionAttributeValues"] = values
    return "Update", update


@st.composite
def reads(draw: st.DrawFn) -> Call:
    table = draw(st.sampled_from(USED))
    match draw(st.sampled_from(["batch", "get", "ledger", "index", "due", "notices", "register"])):
        case "batch":
            wanted = draw(st.lists(keys(table), min_size=1, max_size=4, unique_by=str))
            return "BatchGetItem", {"RequestItems": {table: {"Keys": wanted, "ConsistentRead": True}}}
        case "get":
            return "GetItem", {"TableName": table, "Key": draw(keys(table)), "ConsistentRead": True}
        case "ledger":
            return "Query", {
                "TableName": "mandates",
                "KeyConditionExpression": "(#0 = :0 AND begins_with (#1, :1))",
                "ExpressionAttributeNames": {"#0": "mandate_id", "#1": "record"},
                "ExpressionAttributeValues": {":0": {"S": draw(ids)}, ":1": {"S": "entry#"}},
                "ConsistentRead": True,
            }
        case "notices":
            return "Query", {
                "TableName": "charges",
                "KeyConditionExpression": "(#0 = :0 AND #1 BETWEEN :1 AND :2)",
                "ExpressionAttributeNames": {"#0": "mandate_id", "#1": "record"},
                "ExpressionAttributeValues": {
                    ":0": {"S": draw(ids)},
                    ":1": {"S": draw(st.sampled_from(["a", "b", "entry#", "head"]))},
                    ":2": {"S": "head~"},
                },
                "ConsistentRead": True,
            }
        case "due":
            return "Query", {
                "TableName": "charges",
                "IndexName": "by_due",
                "KeyConditionExpression": "(#0 = :0 AND #1 <= :1)",
                "ExpressionAttributeNames": {"#0": "due_shard", "#1": "due_at"},
                "ExpressionAttributeValues": {":0": {"S": draw(words)}, ":1": {"N": draw(amounts)}},
                "ScanIndexForward": True,
            }
        case "register":
            return "Query", {
                "TableName": "charges",
                "IndexName": "by_number",
                "KeyConditionExpression": "#0 = :0",
                "ExpressionAttributeNames": {"#0": "mandate_id"},
                "ExpressionAttributeValues": {":0": {"S": draw(ids)}},
                "ScanIndexForward": draw(st.booleans()),
            }
    return "Query", {
        "TableName": "mandates",
        "IndexName": "by_customer",
        "KeyConditionExpression": "#0 = :0",
        "ExpressionAttributeNames": {"#0": "customer_id"},
        "ExpressionAttributeValues": {":0": {"S": draw(words)}},
        "ScanIndexForward": draw(st.booleans()),
    }


@st.composite
def calls(draw: st.DrawFn) -> Call:
    match draw(st.sampled_from(["write", "write", "transaction", "transaction", "read"])):
        case "write":
            kind, parameters = draw(changes())
            if kind == "Update" and draw(st.booleans()):
                parameters["ReturnValues"] = "ALL_NEW"
            return f"{kind}Item", parameters
        case "transaction":
            several = draw(st.lists(changes(alone=False), min_size=1, max_size=4, unique_by=target))
            return "TransactWriteItems", {"TransactItems": [{kind: details} for kind, details in several]}
    return draw(reads())


def target(change: tuple[str, Json]) -> str:
    _, details = change
    key = details.get("Key") or details["Item"]
    return str((details["TableName"], [key[name] for name in sorted(key) if name in KEY_NAMES]))


KEY_NAMES = {"mandate_id", "record", "subject", "event_id"}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        patch.setitem(os.environ, name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        patch.delenv(name, raising=False)
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        for name in USED:
            client.create_table(TableName=name, **table_of(TABLES[name]))
        yield client
    patch.undo()


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(sequence=st.lists(calls(), min_size=8, max_size=25))
def test_any_sequence_of_operations_is_answered_as_by_moto(moto: Any, sequence: list[Call]) -> None:
    for table in dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables.values():
        table.items.clear()  # making tables anew for each example would be a third of the work
    ours = DynamoDB([Table.declared(name, table_of(TABLES[name])) for name in USED])
    for operation, asked in sequence:
        theirs = outcome(lambda o=operation, p=asked: real_call()(moto, o, copy.deepcopy(p)))
        mine = outcome(lambda o=operation, p=asked: ours.call(o, p))
        assert mine == theirs, (operation, asked)
        event(f"{operation}: {mine.get('Error', 'done')}")
    for name in USED:
        stored = {str(item): item for item in map(normalised, moto.scan(TableName=name)["Items"])}
        assert {str(item): item for item in map(normalised, ours.tables[name].items.values())} == stored


def test_every_update_and_condition_of_usage_does_the_same_to_every_item(moto: Any) -> None:
    """A random sequence seldom meets an item at the very limit, or the last member of a set."""
    ours = DynamoDB([Table.declared("charges", table_of(TABLES["charges"]))])
    key = {"mandate_id": {"S": "a"}, "record": {"S": "usage"}}
    items: list[Json | None] = [
        None,
        key,
        *(key | {"used": {"N": amount}} for amount in ("-7", "0", "5", "12")),
        *(key | {"mandates": {"SS": members}} for members in (["m1"], ["m1", "m2"], ["m3"], ["m1", "m3"])),
    ]
    updates: list[Json] = [
        {
            "UpdateExpression": text,
            "ExpressionAttributeNames": names,
            **({"ExpressionAttributeValues": values} if values else {}),
        }
        for text, (names, values) in UPDATES.items()
    ]
    guarded = [
        {
            "UpdateExpression": "ADD #0 :9",
            "ConditionExpression": f"(attribute_not_exists (#0) OR #0 {compared} :0)",
            "ExpressionAttributeNames": {"#0": "used"},
            "ExpressionAttributeValues": {":0": {"N": most}, ":9": {"N": more}},
        }
        for compared in ("<", "<=")
        for most in ("-7", "0", "5", "12")
        for more in ("5", "-5")
    ]
    nobodys = {
        "UpdateExpression": "ADD #0 :9",
        "ConditionExpression": "attribute_not_exists (#0)",
        "ExpressionAttributeNames": {"#0": "mandates"},
        "ExpressionAttributeValues": {":9": {"SS": ["m1"]}},
    }
    for item in items:
        for update in (*updates, *guarded, nobodys):
            first: Call = ("DeleteItem", {"TableName": "charges", "Key": key})
            if item is not None:
                first = ("PutItem", {"TableName": "charges", "Item": item})
            change = {"TableName": "charges", "Key": key, **update}
            calls_: list[Call] = [
                first,
                ("TransactWriteItems", {"TransactItems": [{"Update": change}]}),
                ("GetItem", {"TableName": "charges", "Key": key, "ConsistentRead": True}),
            ]
            for operation, asked in calls_:
                theirs = outcome(lambda o=operation, p=asked: real_call()(moto, o, copy.deepcopy(p)))
                mine = outcome(lambda o=operation, p=asked: ours.call(o, p))
                assert mine == theirs, (item, operation, asked)


STORED = {"mandate_id": {"S": "a"}, "record": {"S": "head"}}
EMPTY = STORED | {"mandate_id": {"S": ""}}
TOO_LONG = STORED | {"mandate_id": {"S": "ä" * 1025}}
TOO_LONG_TO_SORT = STORED | {"record": {"S": "x" * 1025}}
OF_NOBODY = STORED | {"customer_id": {"S": ""}}
TOO_LARGE = STORED | {"x": {"S": "x" * 410_000}}


def put(item: Json, table: str = "mandates") -> Call:
    return "PutItem", {"TableName": table, "Item": item}


def set_x(key: Json, value: str = "x") -> Json:
    return {
        "TableName": "mandates",
        "Key": key,
        "UpdateExpression": "SET #0 = :0",
        "ExpressionAttributeNames": {"#0": "x"},
        "ExpressionAttributeValues": {":0": {"S": value}},
    }


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        *(put(item) for item in (EMPTY, TOO_LONG, TOO_LONG_TO_SORT, OF_NOBODY, TOO_LARGE)),
        put(STORED, "another"),
        ("GetItem", {"TableName": "mandates", "Key": EMPTY}),
        ("GetItem", {"TableName": "another", "Key": STORED}),
        ("UpdateItem", set_x(TOO_LONG)),
        ("UpdateItem", set_x(STORED, "x" * 410_000)),
        *(("TransactWriteItems", {"TransactItems": [{"Update": set_x(key)}]}) for key in (EMPTY, TOO_LONG)),
        ("TransactWriteItems", {"TransactItems": [{"Put": put(OF_NOBODY)[1]}]}),
        (
            "Query",
            {
                "TableName": "mandates",
                "KeyConditionExpression": "#0 = :0",
                "ExpressionAttributeNames": {"#0": "mandate_id"},
                "ExpressionAttributeValues": {":0": {"S": ""}},
            },
        ),
    ],
)
def test_what_moto_refuses_whatever_is_stored_is_refused(moto: Any, operation: str, asked: Json) -> None:
    ours = DynamoDB([Table.declared("mandates", table_of(TABLES["mandates"]))])
    theirs = outcome(lambda: real_call()(moto, operation, copy.deepcopy(asked)))
    assert "Error" in theirs
    assert outcome(lambda: ours.call(operation, asked)) == theirs


@pytest.mark.parametrize("key", [EMPTY, TOO_LONG, TOO_LONG_TO_SORT])
def test_every_operation_refuses_a_key_that_no_item_can_have(key: Json) -> None:
    """moto lets some of them pass."""
    ours = DynamoDB([Table.declared("mandates", table_of(TABLES["mandates"]))])
    for operation, asked in (
        ("GetItem", {"TableName": "mandates", "Key": key}),
        ("BatchGetItem", {"RequestItems": {"mandates": {"Keys": [key]}}}),
        ("DeleteItem", {"TableName": "mandates", "Key": key}),
        ("UpdateItem", set_x(key)),
        put(key),
    ):
        with pytest.raises(ClientError, match="ValidationException"):
            ours.call(operation, asked)


def outcome(call: Any) -> Json:
    """An answer or a refusal, without what only one of the two has to say (capacity, request ids)."""
    try:
        answer = call()
    except ClientError as error:
        response: Any = error.response
        reasons = [
            {name: reason.get(name) for name in ("Code", "Message") if reason.get(name)}
            for reason in response.get("CancellationReasons", [])
        ]
        return {"Error": response["Error"]["Code"], "Reasons": reasons}
    answer.pop("ResponseMetadata", None)
    said = answer.keys() - {"ConsumedCapacity", "ItemCollectionMetrics"}
    return {key: arranged(key, answer[key]) for key in said}


def arranged(key: str, value: Any) -> Any:
    match key:
        case "Items":
            return [normalised(item) for item in value]
        case "Item" | "Attributes":
            return normalised(value)
        case "Responses":  # BatchGetItem promises no order
            return {table: sorted(map(str, map(normalised, found))) for table, found in value.items()}
    return value


def normalised(item: Mapping[str, Any]) -> Json:
    """Sets have no order, and a number has more than one spelling."""
    return {
        name: {
            kind: sorted(content) if kind == "SS" else str(float(content)) if kind == "N" else content
            for kind, content in item[name].items()
        }
        for name in sorted(item)
    }


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("Scan", {"TableName": "mandates"}),
        ("UpdateItem", {"TableName": "mandates", "Key": {}, "AttributeUpdates": {}}),
        (
            "PutItem",
            {
                "TableName": "mandates",
                "Item": {"mandate_id": {"S": "a"}, "record": {"S": "head"}},
                "ConditionExpression": "size(#0) > :0",
            },
        ),
    ],
)
def test_what_is_not_simulated_is_a_loud_error(operation: str, parameters: Json) -> None:
    database = DynamoDB([Table.declared("mandates", table_of("MandatesTable"))])
    with pytest.raises(NotSimulated):
        database.call(operation, parameters)
