"""DynamoDB's operations: every call of the store goes through here, on one client for the whole container.

pynamodb describes the items (tables.py), writes their conditions and reads what comes back; botocore makes
the calls. pynamodb's own calls would make a session and a client for each kind of row when it is first
used: some 90 ms of CPU each, and a connection of its own, inside a customer's request (docs/decisions.md).

Reads of tables are strongly consistent. Writes raise Conflict, everything raises StoreError.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import batched, islice
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.indexes import GlobalSecondaryIndex

from mandates.runtime import aws
from mandates.store.conflicts import Conflict
from mandates.store.item_formats import Item

MAX_TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""

MOST_ROUNDS = 10
"""How often DynamoDB may leave some of the keys of a read for the next request."""

_MOST_KEYS_PER_READ = 100  # BatchGetItem's limit, over all tables

type Key = tuple[str, ...]
"""The partition key and, where the table has one, the sort key. All of ours are strings."""

type Values = Mapping[str, Any]
"""By a kind's attributes, its keys included."""

type RawItem = dict[str, Any]
"""As DynamoDB takes and gives it: `{"mandate_id": {"S": "mdt_…"}}`."""


class StoreError(Exception):
    """DynamoDB could not do it, or could not be reached. A later attempt may succeed."""


@functools.cache
def dynamodb_client() -> Any:
    return aws.client("dynamodb", parameter_validation=False)  # pynamodb's types see to that


def open_connection(kind: type[Item]) -> None:
    """Ask for an item that does not exist: the first request then finds the connection open, and all loaded.

    Nobody has asked for anything yet, so nobody is told of a failure: the first request tries again and
    reports it.
    """
    with suppress(StoreError):
        read_row(kind, *("nothing" for _ in _key_names(kind)))


# ------------------------------------------------------------------------------------------ reading


def read_row[Row: Item](kind: type[Row], *key: str) -> Row | None:
    return next(iter(read_rows(kind, [key])), None)


def read_rows[Row: Item](kind: type[Row], keys: Iterable[Key]) -> list[Row]:
    """The items there are of these, in any order."""
    return [cast("Row", row) for row in read_kinds((kind, key) for key in keys)]


def read_kinds(wanted: Iterable[tuple[type[Item], Key]]) -> Iterator[Item]:
    """The items there are of these, in any order; strongly consistent, but of no single moment."""
    return (kind.from_raw_data(item) for kind, item in read_raw(wanted))


def read_raw(wanted: Iterable[tuple[type[Item], Key]]) -> Iterator[tuple[type[Item], RawItem]]:
    """As `read_kinds`, but as DynamoDB gives them: one that can't be read does not hide the others."""
    for some in batched(dict.fromkeys(wanted), _MOST_KEYS_PER_READ, strict=False):
        kinds: dict[tuple[str, Key], type[Item]] = {}
        asked: dict[str, Any] = {}
        for kind, key in some:
            table = kind.Meta.table_name
            kinds[table, key] = kind
            asked.setdefault(table, {"ConsistentRead": True, "Keys": []})["Keys"].append(_raw_key(kind, key))
        key_names = {table: _key_names(kind) for (table, _), kind in kinds.items()}
        for table, item in _all_of(asked):
            key = tuple(item[name]["S"] for name in key_names[table])
            yield kinds[table, key], item


def _all_of(asked: dict[str, Any]) -> Iterator[tuple[str, RawItem]]:
    for _ in range(MOST_ROUNDS):
        answer = _call(dynamodb_client().batch_get_item, RequestItems=asked)
        for table, items in answer["Responses"].items():
            yield from ((table, item) for item in items)
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            return
    raise StoreError("DynamoDB keeps leaving keys unread")


def query[Row: Item](
    kind: type[Row],
    which: Condition,
    *,
    index: GlobalSecondaryIndex[Any] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[Row]:
    """The items (up to `limit`) whose keys meet the condition, in the order of their sort keys, read page by
    page.

    An index has only some of the attributes, and may lack what was written in the last moments.
    """
    raw = query_raw(kind, which, index=index, newest_first=newest_first, limit=limit)
    return (kind.from_raw_data(item) for item in raw)


def query_raw(
    kind: type[Item],
    which: Condition,
    *,
    index: GlobalSecondaryIndex[Any] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    at_a_time: int | None = None,
) -> Iterator[RawItem]:
    """As `query`, but as DynamoDB gives them: even what can't be read as an item of that kind.

    `at_a_time`: how many a request reads, if they may be left unread. Otherwise it reads `limit`, or 1 MB.
    """

    def page_after(after: RawItem | None) -> tuple[list[RawItem], RawItem | None]:
        most = at_a_time or limit
        return query_page(kind, which, index=index, newest_first=newest_first, limit=most, after=after)

    def items() -> Iterator[RawItem]:
        page, after = page_after(None)
        yield from page
        while after is not None:
            page, after = page_after(after)
            yield from page

    return islice(items(), limit)


def query_page(
    kind: type[Item],
    which: Condition,
    *,
    index: GlobalSecondaryIndex[Any] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    after: RawItem | None = None,
) -> tuple[list[RawItem], RawItem | None]:
    """One request's items, at most `limit` of them, and the key to go on after (None at the end)."""
    asked: dict[str, Any] = {
        "TableName": kind.Meta.table_name,
        "ScanIndexForward": not newest_first,
        **_expressions(KeyConditionExpression=which),
    }
    asked |= {"IndexName": index.Meta.index_name} if index else {"ConsistentRead": True}
    asked |= {"Limit": limit} if limit else {}
    asked |= {"ExclusiveStartKey": after} if after else {}
    answer = _call(dynamodb_client().query, **asked)
    return answer["Items"], answer.get("LastEvaluatedKey")


# ------------------------------------------------------------------------------------------ writing


def put(kind: type[Item], values: Values, condition: Condition) -> None:
    """Make the item, or replace it."""
    _call(dynamodb_client().put_item, **_put(kind, values, condition))


def update(
    kind: type[Item], key: Key, actions: Sequence[Action], condition: Condition | None = None
) -> RawItem:
    """Change the item, or make it. Returns it as it is afterwards."""
    changed = _update(kind, key, actions, condition)
    answer: dict[str, RawItem] = _call(dynamodb_client().update_item, **changed, ReturnValues="ALL_NEW")
    return answer["Attributes"]


def delete(kind: type[Item], key: Key, condition: Condition | None = None) -> None:
    """Nothing happens if it does not exist."""
    _call(dynamodb_client().delete_item, **_named(kind, key), **_expressions(ConditionExpression=condition))


class Transaction:
    """`writes` are made all or none. An item may be in it once."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []

    def put(self, kind: type[Item], values: Values, condition: Condition | None) -> None:
        self.writes.append({"Put": _put(kind, values, condition)})

    def update(
        self, kind: type[Item], key: Key, actions: Sequence[Action], condition: Condition | None
    ) -> None:
        self.writes.append({"Update": _update(kind, key, actions, condition)})

    def delete(self, kind: type[Item], key: Key, condition: Condition | None = None) -> None:
        """Without a condition, nothing happens to an item that does not exist."""
        deleted = {**_named(kind, key), **_expressions(ConditionExpression=condition)}
        self.writes.append({"Delete": deleted})

    def check(self, kind: type[Item], key: Key, condition: Condition) -> None:
        """Nothing is written unless the condition holds for that item."""
        checked = {**_named(kind, key), **_expressions(ConditionExpression=condition)}
        self.writes.append({"ConditionCheck": checked})


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Made at the end of the block. botocore's own client token makes its retries safe."""
    writing = Transaction()
    yield writing
    _call(dynamodb_client().transact_write_items, TransactItems=writing.writes)


def _call(operation: Callable[..., Any], **parameters: Any) -> Any:
    try:
        return operation(**parameters)
    except ClientError as error:
        if _is_conflict(error):
            raise Conflict from error
        raise StoreError(str(error)) from error
    except BotoCoreError as error:
        raise StoreError(str(error)) from error


def _is_conflict(error: ClientError) -> bool:
    response: Any = error.response
    if response["Error"]["Code"] == "TransactionCanceledException":
        reasons = response.get("CancellationReasons", ())
        return all(reason["Code"] in _CONFLICTS_IN_A_TRANSACTION for reason in reasons)
    return response["Error"]["Code"] in _CONFLICTS


_CONFLICTS = frozenset(
    {"ConditionalCheckFailedException", "TransactionConflictException", "TransactionInProgressException"}
)
_CONFLICTS_IN_A_TRANSACTION = frozenset(
    {
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "None",
    }
)


# ------------------------------------------------------------------------- parameters of operations


def _put(kind: type[Item], values: Values, condition: Condition | None) -> dict[str, Any]:
    item = item_of(kind, values)
    return {"TableName": kind.Meta.table_name, "Item": item, **_expressions(ConditionExpression=condition)}


def item_of(kind: type[Item], values: Values) -> RawItem:
    """What saving a row of these values would write. Making the row and serialising it takes three times as
    long, which is a fiftieth of the work for an event (`make bench`)."""
    attributes = kind.get_attributes()
    if unknown := values.keys() - attributes.keys():
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    item: RawItem = {}
    for name, attribute in attributes.items():
        value = values.get(name, attribute.default_for_new)
        plain = None if value is None else attribute.serialize(value)
        if plain is not None:
            item[attribute.attr_name] = {attribute.attr_type: plain}
        elif not attribute.null:
            raise ValueError(f"{kind.__name__} needs {name}")
    return item


def _update(
    kind: type[Item], key: Key, actions: Sequence[Action], condition: Condition | None
) -> dict[str, Any]:
    return {
        **_named(kind, key),
        **_expressions(ConditionExpression=condition, UpdateExpression=Update(*actions)),
    }


def _named(kind: type[Item], key: Key) -> dict[str, Any]:
    return {"TableName": kind.Meta.table_name, "Key": _raw_key(kind, key)}


def _raw_key(kind: type[Item], key: Key) -> RawItem:
    return {name: {"S": value} for name, value in zip(_key_names(kind), key, strict=True)}


@functools.cache
def _key_names(kind: type[Item]) -> Key:
    keys = [one for one in kind.get_attributes().values() if one.is_hash_key or one.is_range_key]
    return tuple(key.attr_name for key in sorted(keys, key=lambda key: key.is_range_key))


def _expressions(**expressions: Condition | Update | None) -> dict[str, Any]:
    """By the parameter each is for. Those of one operation share their placeholders."""
    names: dict[str, str] = {}
    values: RawItem = {}
    made: dict[str, Any] = {
        parameter: expression.serialize(names, values)
        for parameter, expression in expressions.items()
        if expression is not None
    }
    if names:
        made["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        made["ExpressionAttributeValues"] = values
    return made
