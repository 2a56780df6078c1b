"""One client of DynamoDB for everything in a container.

pynamodb makes a client for every model and another for transactions, each when it is first used: tens of
milliseconds, and a connection of its own, inside the first requests.
"""

import functools
from contextlib import suppress
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.connection import Connection
from pynamodb.connection.base import BOTOCORE_EXCEPTIONS
from pynamodb.models import Model

from mandates.runtime import aws


@functools.cache
def connection() -> Connection:
    """For what is about no single model: transactions, and reading several tables at once."""
    made = Connection()
    made._client = aws.client("dynamodb", parameter_validation=False)  # pynamodb's types see to that
    look_for_no_arns(made._client)
    return made


def look_for_no_arns(client: Any) -> None:
    """Spare botocore to search all items of a request for a table's ARN, which may name another account's
    endpoint: we call our tables by their names. It takes longer with each item, and finds nothing."""
    for operation in ("BatchGetItem", "TransactWriteItems"):
        client.meta.service_model.operation_model(operation).operation_context_parameters = {}


def share(row: type[Model]) -> None:
    """Have a model use the one client. If that ever lacks credentials, pynamodb makes another by itself."""
    row._get_connection().connection._client = connection().client


def open_connection(row: type[Model]) -> None:
    """Ask for an item that is not there: the first request then finds the connection open, and all loaded.

    Nobody has asked for anything yet, so a failure is nobody's: the first request tries again and tells.
    """
    keys = [name for name, attribute in row.get_attributes().items() if _is_key(attribute)]
    wanted = {"Keys": [{name: {"S": "nothing"} for name in keys}]}
    with suppress(*BOTOCORE_EXCEPTIONS):
        connection().dispatch("BatchGetItem", {"RequestItems": {row.Meta.table_name: wanted}})


def _is_key(attribute: Attribute[Any]) -> bool:
    return attribute.is_hash_key or attribute.is_range_key
