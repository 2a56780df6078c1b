"""One client of DynamoDB for everything in a container.

pynamodb makes a client for every model and another for transactions, each when it is first used: tens of
milliseconds, and a connection of its own, inside the first requests.
"""

import functools

from pynamodb.connection import Connection
from pynamodb.models import Model

from mandates import aws


@functools.cache
def connection() -> Connection:
    """For what is about no single model: transactions, and reading several tables at once."""
    made = Connection()
    made._client = aws.client("dynamodb", parameter_validation=False)  # pynamodb's types see to that
    return made


def share(row: type[Model]) -> None:
    """Have a model use the one client. If that ever lacks credentials, pynamodb makes another by itself."""
    row._get_connection().connection._client = connection().client
