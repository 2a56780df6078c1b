"""One way to write and to fail: a transaction, and what DynamoDB's refusals mean."""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.exceptions import (
    AttributeNullError,
    DeleteError,
    PutError,
    PynamoDBException,
    TransactWriteError,
    UpdateError,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from mandates.core.errors import Busy
from mandates.runtime.deadline import TimeLeft, time_left
from mandates.store.connecting import connection

MAX_TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""

ATTEMPTS = 20
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""What an attempt leaves of the invocation's time, to say in that it is done, or that it is not."""


class Conflict(Exception):
    """A named condition did not hold, somebody was writing the same item, or DynamoDB asked for patience:
    read again and retry."""


class Transaction(TransactWrite):
    """pynamodb's, and a shorter way for what is written by the dozen: straight from the attributes of a kind
    of row, where pynamodb's own makes the row and looks up its table and keys for each item anew."""

    def put(self, kind: type[Model], values: Mapping[str, Any], condition: Condition | None) -> None:
        """What saving a row of these values does, without making the row."""
        put = {"TableName": kind.Meta.table_name, "Item": item_of(kind, values)}
        self._put_items.append({**put, **_expressions(condition)})

    def change(
        self,
        kind: type[Model],
        key: Mapping[str, Any],
        actions: Sequence[Action],
        condition: Condition | None,
    ) -> None:
        """What updating the row with this key does, without making the row."""
        update = {"TableName": kind.Meta.table_name, "Key": _key_of(kind, key)}
        self._update_items.append({**update, **_expressions(condition, actions)})


def item_of(kind: type[Model], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a row's `serialize(null_check=True)` gives, for rows without maps and lists of attributes."""
    item: dict[str, dict[str, Any]] = {}
    for name, attribute in kind.get_attributes().items():
        value = values.get(name, attribute.default_for_new)
        plain = None if value is None else attribute.serialize(value)
        if plain is not None:
            item[attribute.attr_name] = {attribute.attr_type: plain}
        elif not attribute.null:
            raise AttributeNullError(name)
    return item


def _key_of(kind: type[Model], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        attribute.attr_name: {attribute.attr_type: attribute.serialize(values[name])}
        for name, attribute in kind.get_attributes().items()
        if _is_key(attribute)
    }


def _is_key(attribute: Attribute[Any]) -> bool:
    return attribute.is_hash_key or attribute.is_range_key


def _expressions(condition: Condition | None, actions: Sequence[Action] = ()) -> dict[str, Any]:
    """As DynamoDB takes them; the names and values of both share their placeholders."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    made: dict[str, Any] = {}
    if condition is not None:
        made["ConditionExpression"] = condition.serialize(names, values)
    if actions:
        made["UpdateExpression"] = Update(*actions).serialize(names, values)
    if names:
        made["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        made["ExpressionAttributeValues"] = values
    return made


class WrittenOut(Condition):
    """A condition that is the same for every item, written out once and not for each."""

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.operator, *condition.values)
        self.format_string = condition.format_string
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._text = condition.serialize(self._names, self._values)

    def serialize(
        self, placeholder_names: dict[str, str], expression_attribute_values: dict[str, Any]
    ) -> str:
        if placeholder_names or expression_attribute_values:  # then its own placeholders would be others
            return str(super().serialize(placeholder_names, expression_attribute_values))
        placeholder_names |= self._names
        expression_attribute_values |= self._values
        return self._text


@contextmanager
def transaction() -> Iterator[Transaction]:
    """All or nothing. Raises Conflict; botocore's own client token makes its retries safe."""
    with conflicts_named(), Transaction(connection=connection()) as writing:
        yield writing


@contextmanager
def conflicts_named() -> Iterator[None]:
    try:
        yield
    except TransactWriteError as error:
        if error.cause_response_code == "TransactionCanceledException" and all(
            reason is None or reason.code in _CONFLICT_CODES for reason in error.cancellation_reasons
        ):
            raise Conflict from error
        if error.cause_response_code in {"TransactionInProgressException", "TransactionConflictException"}:
            raise Conflict from error
        raise
    except (PutError, UpdateError, DeleteError) as error:
        if error.cause_response_code in _SINGLE_ITEM_CONFLICTS:
            raise Conflict from error
        raise


_CONFLICT_CODES = frozenset(
    {
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "None",
    }
)
_SINGLE_ITEM_CONFLICTS = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})

StoreError = PynamoDBException
"""Whatever DynamoDB could not do; a later attempt may succeed."""


def until_no_conflict[Result](
    attempt: Callable[[], Result],
    sleep: Callable[[float], None] = time.sleep,
    time_left: TimeLeft = time_left,
) -> Result:
    """Repeat `attempt`, which reads, decides and writes, while it raises Conflict.

    Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), at most
    ATTEMPTS times, and none that the invocation may have no time for: then Busy, and nothing was done.
    """
    for tried in range(ATTEMPTS):
        left_before = time_left()
        try:
            return attempt()
        except Conflict:
            longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**tried)
            pause = random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing
            left = time_left()
            like_the_last = left_before - left if left < math.inf else 0.0
            if tried + 1 == ATTEMPTS or left < pause + like_the_last + ANSWER_SECONDS:
                break
            sleep(pause)
    raise Busy("others kept changing this at the same time; try again")
