"""DynamoDB in memory: the operations, answers and refusals that our store relies on.

tests/simulation/test_dynamodb_like_moto.py holds it against moto. An operation, parameter or expression
that is not simulated is a loud error, never a guess. Items are never changed in place, so an answer and a
stream record may share them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, NotSimulated, comparable, condition, updated
from tests.simulation.limits import fault_of_item, fault_of_key

Json = dict[str, Any]
Key = tuple[str, ...]

CONDITION_FAILED = "The conditional request failed"
MOST_ITEMS = 100
_MEANINGLESS_HERE = frozenset({"ReturnConsumedCapacity", "ClientRequestToken", "ConsistentRead"})
"""Capacity costs nothing here, each call is made once, and every read of a table is consistent."""


def refusal(
    operation: str, code: str, message: str = "", reasons: Iterable[Json] = (), status: int = 400
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "HTTPHeaders": {},
            "RequestId": "",
            "RetryAttempts": 0,
        },
    }
    if given := list(reasons):
        response["CancellationReasons"] = given
    return ClientError(response, operation)


def invalid(fault: str) -> ClientError:
    return refusal("", "ValidationException", f"One or more parameter values are not valid. {fault}")


@dataclass
class Index:
    """Read eventually: a write is in it once it has come through, those of one item in their order.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.Writes
    """

    hash_key: str
    range_key: str
    included: tuple[str, ...] = ()
    items: dict[Key, Item] = field(default_factory=dict)
    coming: list[tuple[float, Key, Item | None]] = field(default_factory=list)

    def hear(self, write: "Write", visible_at: float) -> None:
        if any(item and self.hash_key in item for item in (write.before, write.after)):
            earlier = [at for at, key, _ in self.coming if key == write.key]
            self.coming.append((max([visible_at, *earlier]), write.key, write.after))

    def as_of(self, now: float) -> dict[Key, Item]:
        for _, key, item in (one for one in self.coming if one[0] <= now):
            if item and {self.hash_key, self.range_key} <= item.keys():
                self.items[key] = item
            else:
                self.items.pop(key, None)
        self.coming = [one for one in self.coming if one[0] > now]
        return self.items


@dataclass
class Table:
    """`items` by their key's values. With a `stream`, each write leaves a record there."""

    name: str
    keys: tuple[str, ...]
    indexes: Mapping[str, Index] = field(default_factory=dict)
    streams: bool = False
    items: dict[Key, Item] = field(default_factory=dict)

    @classmethod
    def declared(cls, name: str, properties: Mapping[str, Any]) -> "Table":
        """As template.yaml, or a call of CreateTable, declares it."""
        indexes = {
            index["IndexName"]: Index(
                index["KeySchema"][0]["AttributeName"],
                index["KeySchema"][1]["AttributeName"],
                tuple(index["Projection"].get("NonKeyAttributes", ())),
            )
            for index in properties.get("GlobalSecondaryIndexes", [])
        }
        for index in properties.get("GlobalSecondaryIndexes", []):
            if index["Projection"]["ProjectionType"] not in {"KEYS_ONLY", "INCLUDE"}:
                raise NotSimulated(f"the projection {index['Projection']}")
        keys = tuple(key["AttributeName"] for key in properties["KeySchema"])
        return cls(name, keys, indexes, "StreamSpecification" in properties)

    def key(self, of: Item) -> Key:
        key = tuple(str(of[name]["S"]) for name in self.keys)
        if fault := fault_of_key(key):
            raise invalid(fault)
        return key

    def checked(self, item: Item) -> Item:
        """The item, unless DynamoDB would refuse to store it."""
        index_keys = (name for index in self.indexes.values() for name in (index.hash_key, index.range_key))
        if fault := fault_of_item(item, index_keys):
            raise invalid(fault)
        return item


@dataclass(frozen=True)
class Write:
    """One write that is allowed: what was there, and what is there now (None: nothing)."""

    table: Table
    key: Key
    before: Item | None
    after: Item | None


class Cancelled(Exception):
    """A condition that did not hold, inside a transaction or alone."""


class Tables(dict[str, Table]):
    """By their names. What asks for another is refused."""

    def __missing__(self, name: str) -> Table:
        raise refusal("", "ResourceNotFoundException", "Requested resource not found")


class DynamoDB:
    """`watch` is told of every write after it was made, those of one transaction together.

    `index_lag` says of each write how many seconds the indexes hear of it later.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        watch: Callable[[list[Write]], None] = lambda _: None,
        clock: Callable[[], float] = lambda: 0.0,
        index_lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.tables = Tables({table.name: table for table in tables})
        self._watch = watch
        self._clock = clock
        self._index_lag = index_lag
        self._operations: dict[str, Callable[[Json], Json]] = {
            "BatchGetItem": self._batch_get_item,
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "DeleteItem": self._delete_item,
            "TransactWriteItems": self._transact_write_items,
            "Query": self._query,
        }

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Json:
        """Raises ClientError as botocore would."""
        found = self._operations.get(operation)
        if found is None:
            raise NotSimulated(f"DynamoDB's {operation}")
        meant = {name: value for name, value in parameters.items() if name not in _MEANINGLESS_HERE}
        return found(meant)

    # ------------------------------------------------------------------------------------- reading

    def _batch_get_item(self, parameters: Json) -> Json:
        (asked,) = parameters.values()
        _known(parameters, {"RequestItems"})
        responses: Json = {}
        for name, wanted in asked.items():
            _known(wanted, {"Keys", "ConsistentRead"})
            table = self.tables[name]
            keys = [table.key(key) for key in wanted["Keys"]]
            if len(keys) > MOST_ITEMS or len(set(keys)) != len(keys):
                raise refusal(
                    "BatchGetItem", "ValidationException", "Provided list of item keys contains duplicates"
                )
            responses[name] = [table.items[key] for key in sorted(keys) if key in table.items]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _get_item(self, parameters: Json) -> Json:
        _known(parameters, {"TableName", "Key"})
        table = self.tables[parameters["TableName"]]
        found = table.items.get(table.key(parameters["Key"]))
        return {} if found is None else {"Item": found}

    def _query(self, parameters: Json) -> Json:
        _known(
            parameters,
            {
                "TableName",
                "IndexName",
                "KeyConditionExpression",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "ScanIndexForward",
                "Limit",
                "ExclusiveStartKey",
            },
        )
        table = self.tables[parameters["TableName"]]
        index = table.indexes[parameters["IndexName"]] if parameters.get("IndexName") else None
        if {"S": ""} in parameters.get("ExpressionAttributeValues", {}).values():
            raise invalid("The AttributeValue for a key attribute cannot contain an empty string value")
        holds = condition(parameters["KeyConditionExpression"])
        names = parameters.get("ExpressionAttributeNames", {})
        values = parameters.get("ExpressionAttributeValues", {})

        def order(item: Item) -> tuple[Any, ...]:
            first = (comparable(item[index.range_key]),) if index else ()
            return (*first, *table.key(item))

        def kept(item: Item) -> Item:
            if index is None:
                return item
            names = (*table.keys, index.hash_key, index.range_key, *index.included)
            return {name: item[name] for name in names if name in item}

        items = table.items if index is None else index.as_of(self._clock())
        found = [item for item in items.values() if holds(item, names, values)]
        forward = parameters.get("ScanIndexForward", True)
        found.sort(key=order, reverse=not forward)
        start = parameters.get("ExclusiveStartKey")
        if start:
            at = order(start)
            found = [item for item in found if (order(item) > at if forward else order(item) < at)]
        limit = parameters.get("Limit")
        page = [kept(item) for item in (found if limit is None else found[:limit])]
        answer: Json = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if limit is not None and len(found) > limit:
            last = page[-1]
            answer["LastEvaluatedKey"] = {
                name: last[name]
                for name in (*table.keys, *((index.hash_key, index.range_key) if index else ()))
            }
        return answer

    # ------------------------------------------------------------------------------------- writing

    def _put_item(self, parameters: Json) -> Json:
        self._alone("PutItem", self._put, parameters)
        return {}

    def _delete_item(self, parameters: Json) -> Json:
        self._alone("DeleteItem", self._delete, parameters)
        return {}

    def _update_item(self, parameters: Json) -> Json:
        returned = parameters.get("ReturnValues", "NONE")
        if returned not in {"NONE", "ALL_NEW"}:
            raise NotSimulated(f"ReturnValues: {returned}")
        rest = {name: value for name, value in parameters.items() if name != "ReturnValues"}
        write = self._alone("UpdateItem", self._update, rest)
        return {"Attributes": write.after} if returned == "ALL_NEW" else {}

    def _alone(self, operation: str, prepare: Callable[[Json], Write], parameters: Json) -> Write:
        try:
            write = prepare(parameters)
        except Cancelled:
            raise refusal(operation, "ConditionalCheckFailedException", CONDITION_FAILED) from None
        self._make([write])
        return write

    def _transact_write_items(self, parameters: Json) -> Json:
        _known(parameters, {"TransactItems"})
        actions = parameters["TransactItems"]
        if len(actions) > MOST_ITEMS:
            raise refusal("TransactWriteItems", "ValidationException", "more than 100 items")
        writes: list[Write] = []
        reasons: list[Json] = []
        for action in actions:
            ((kind, details),) = action.items()
            try:
                if kind == "ConditionCheck":
                    self._condition_check(details)
                else:
                    writes.append(self._prepared(kind, details))
                reasons.append({"Code": "None"})
            except Cancelled:
                reasons.append({"Code": "ConditionalCheckFailed", "Message": CONDITION_FAILED})
        self._refuse_repetition(actions)
        if any(reason["Code"] != "None" for reason in reasons):
            codes = ", ".join(reason["Code"] for reason in reasons)
            message = (
                f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            )
            raise refusal("TransactWriteItems", "TransactionCanceledException", message, reasons)
        self._make(writes)
        return {}

    def _refuse_repetition(self, actions: Iterable[Json]) -> None:
        targets = []
        for action in actions:
            ((_, details),) = action.items()
            table = self.tables[details["TableName"]]
            targets.append((table.name, table.key(details.get("Key") or details["Item"])))
        if len(set(targets)) != len(targets):
            message = "Transaction request cannot include multiple operations on one item"
            raise refusal("TransactWriteItems", "ValidationException", message)

    def _prepared(self, kind: str, details: Json) -> Write:
        prepare = {"Put": self._put, "Update": self._update, "Delete": self._delete}.get(kind)
        if prepare is None:
            raise NotSimulated(f"{kind} in a transaction")
        return prepare(details)

    def _condition_check(self, parameters: Json) -> None:
        """It writes nothing."""
        _known(parameters, {"TableName", "Key", *_CONDITIONAL})
        table = self.tables[parameters["TableName"]]
        self._allowed(table, table.key(parameters["Key"]), parameters)

    def _put(self, parameters: Json) -> Write:
        _known(parameters, {"TableName", "Item", *_CONDITIONAL})
        table = self.tables[parameters["TableName"]]
        key = table.key(parameters["Item"])
        before = self._allowed(table, key, parameters)
        return Write(table, key, before, table.checked(parameters["Item"]))

    def _delete(self, parameters: Json) -> Write:
        _known(parameters, {"TableName", "Key", *_CONDITIONAL})
        table = self.tables[parameters["TableName"]]
        key = table.key(parameters["Key"])
        return Write(table, key, self._allowed(table, key, parameters), None)

    def _update(self, parameters: Json) -> Write:
        _known(parameters, {"TableName", "Key", "UpdateExpression", *_CONDITIONAL})
        table = self.tables[parameters["TableName"]]
        key = table.key(parameters["Key"])
        before = self._allowed(table, key, parameters)
        after = updated(
            before or parameters["Key"],
            parameters["UpdateExpression"],
            parameters.get("ExpressionAttributeNames", {}),
            parameters.get("ExpressionAttributeValues", {}),
        )
        return Write(table, key, before, table.checked(after))

    def _allowed(self, table: Table, key: Key, parameters: Json) -> Item | None:
        """What is there now. Raises Cancelled if the condition does not hold for it."""
        before = table.items.get(key)
        text = parameters.get("ConditionExpression")
        names = parameters.get("ExpressionAttributeNames", {})
        values = parameters.get("ExpressionAttributeValues", {})
        if text and not condition(text)(before or {}, names, values):
            raise Cancelled
        return before

    def _make(self, writes: list[Write]) -> None:
        for write in writes:
            if write.after is None:
                write.table.items.pop(write.key, None)
            else:
                write.table.items[write.key] = write.after
            for index in write.table.indexes.values():
                index.hear(write, self._clock() + self._index_lag())
        self._watch(writes)


_CONDITIONAL = ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")


def _known(parameters: Mapping[str, Any], names: set[str]) -> None:
    if unknown := parameters.keys() - names:
        raise NotSimulated(f"{sorted(unknown)} in {json.dumps(parameters, default=str)[:300]}")
